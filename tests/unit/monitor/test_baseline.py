"""What a baseline remembers: files in SageMaker's schema, constraints to edit, and what it refuses."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gureum import monitor
from gureum.errors import CorruptData, InvalidInput, NotFound
from gureum.monitor.constraints import checked
from gureum.monitor.kll import sketch

from .conftest import machines


def test_the_files_are_in_sagemakers_schema(normal, tmp_path):
    normal.save(tmp_path / "m")
    statistics = json.loads((tmp_path / "m" / "statistics.json").read_text())
    assert statistics["version"] == 0
    assert statistics["dataset"] == {"item_count": 6000}
    features = {one["name"]: one for one in statistics["features"]}
    air = features["air"]
    assert air["inferred_type"] == "Fractional"
    numbers = air["numerical_statistics"]
    assert numbers["common"] == {"num_present": 6000, "num_missing": 0}
    assert set(numbers) == {"common", "mean", "sum", "std_dev", "min", "max", "distribution"}
    kll = numbers["distribution"]["kll"]
    assert sum(bucket["count"] for bucket in kll["buckets"]) == 6000
    assert len(kll["buckets"]) == 10
    assert set(kll["sketch"]["parameters"]) == {"c", "k"}
    assert sum(2**height * len(level) for height, level in enumerate(kll["sketch"]["data"])) == 6000
    kind = features["kind"]["string_statistics"]
    assert kind["distinct_count"] == 3
    assert sum(bucket["count"] for bucket in kind["distribution"]["categorical"]["buckets"]) == 6000

    constraints = json.loads((tmp_path / "m" / "constraints.json").read_text())
    wanted = {one["name"]: one for one in constraints["features"]}
    assert wanted["load"] == {
        "name": "load", "inferred_type": "Fractional", "completeness": 1.0, "num_constraints": {"is_non_negative": True},
    }  # fmt: skip
    assert wanted["kind"]["string_constraints"] == {"domains": ["H", "L", "M"]}
    assert constraints["monitoring_config"]["distribution_constraints"] == {
        "perform_comparison": "Enabled", "comparison_threshold": 0.1, "comparison_method": "Robust",
    }  # fmt: skip


def test_violations_are_saved_in_sagemakers_schema(normal, window, tmp_path):
    report = monitor.check(window.drop(columns="kind").assign(load=window["load"] * 2), normal)
    report.save_violations(tmp_path / "constraint_violations.json")
    found = json.loads((tmp_path / "constraint_violations.json").read_text())["violations"]
    assert {(one["feature_name"], one["constraint_check_type"]) for one in found} >= {
        ("kind", "missing_column_check"), ("load", "baseline_drift_check"),
    }  # fmt: skip
    assert all(set(one) == {"feature_name", "constraint_check_type", "description"} for one in found)


def test_all_six_checks_have_their_violation(normal, window):
    broken = window.drop(columns="process").assign(
        extra=1, air=window["air"].astype(str), load=window["load"] + 20,
        errors=window["errors"].where(np.arange(5000) % 10 > 0),
        kind=window["kind"].where(np.arange(5000) % 20 > 0, "NEW"),
    )  # fmt: skip
    found = {(one.feature_name, one.constraint_check_type) for one in monitor.check(broken, normal).violations}
    assert found >= {
        ("process", "missing_column_check"), ("extra", "extra_column_check"), ("air", "data_type_check"),
        ("load", "baseline_drift_check"), ("errors", "completeness_check"), ("kind", "categorical_values_check"),
    }  # fmt: skip


def test_a_loaded_baseline_says_the_same(normal, window, tmp_path):
    normal.save(tmp_path / "m")
    loaded = monitor.Baseline.load(tmp_path / "m")
    drifted = window.assign(load=window["load"] + 5)
    assert monitor.check(drifted, loaded).to_json() == monitor.check(drifted, normal).to_json()
    normal.save(tmp_path / "m")  # over the old one
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def test_an_edited_constraint_is_a_contract(normal, window, tmp_path):
    normal.save(tmp_path / "m")
    path = tmp_path / "m" / "constraints.json"
    monitor.Constraints.load(path).with_feature("kind", string_constraints={"domains": ["L", "M"]}).save(path)
    report = monitor.check(window, monitor.Baseline.load(tmp_path / "m"))
    assert [(one.feature_name, one.constraint_check_type) for one in report.violations] == [
        ("kind", "categorical_values_check")
    ]
    assert report.alarm


def test_a_check_can_be_disabled_for_one_feature_and_the_floor_raised(normal, window):
    drifted = window.assign(load=window["load"] + 7)
    quiet = normal.constraints.with_check_disabled("load", "baseline_drift_check")
    assert not any(
        one.feature == "load"
        for one in monitor.check(drifted.drop(columns="failed"), replace(normal, constraints=quiet)).findings
    )
    high = normal.with_constraints(normal.constraints.with_floor(0.9))
    assert not monitor.check(drifted.drop(columns="failed"), high).alarm
    with pytest.raises(InvalidInput, match="drift_chek"):
        normal.constraints.with_check_disabled("load", "drift_chek")
    with pytest.raises(NotFound, match="did you mean 'load'"):
        normal.constraints.with_check_disabled("loda", "baseline_drift_check")


def test_an_unknown_target_is_named_with_near_names():
    with pytest.raises(NotFound, match=r"no column 'fialed'.*did you mean 'failed'"):
        monitor.baseline(machines(1, 100), target="fialed")


@pytest.mark.parametrize(
    ("frame", "arguments", "words"),
    [
        (machines(1, 3), {}, "a baseline of 3 rows"),
        (machines(1, 0), {}, "the baseline has no rows"),
        (pd.DataFrame(index=range(30)), {}, "no columns"),
        (machines(1, 100).assign(failed=None), {"target": "failed"}, "target 'failed' has no values"),
        (machines(1, 100), {"target": "kind", "task": "regression"}, "cannot be regressed on"),
        (machines(1, 100), {"target": "failed", "task": "clasification"}, "clasification"),
        (machines(1, 100), {"target": "failed", "prediction": "failed"}, "both target and prediction"),
        (machines(1, 100).set_axis([*"abcdefgh", "a"], axis=1), {}, "column 'a' twice"),
    ],
)
def test_bad_input_is_refused_by_name(frame, arguments, words):
    with pytest.raises(InvalidInput, match=words):
        monitor.baseline(frame, **arguments)


def test_damaged_folders_are_told(normal, tmp_path):
    with pytest.raises(NotFound, match="holds no baseline"):
        monitor.Baseline.load(tmp_path / "nothing")
    normal.save(tmp_path / "m")
    for name, content, words in (
        ("gureum.json", '{"version": 99}', "version 99"),
        ("gureum.json", "{", "not JSON"),
        ("constraints.json", "[", "not JSON"),
        ("statistics.json", "", "not JSON"),
        ("reference.parquet", "no", "damaged"),
        ("curves.npz", "no", "damaged"),
    ):
        folder = shutil.copytree(tmp_path / "m", tmp_path / "damaged", dirs_exist_ok=True)
        (folder / name).write_text(content)
        with pytest.raises(CorruptData, match=words):
            monitor.Baseline.load(folder)


def test_wrong_constraints_are_told_by_feature(normal, tmp_path):
    path = tmp_path / "constraints.json"
    body = json.loads(json.dumps(normal.constraints.body))
    body["features"][0]["completeness"] = 7
    path.write_text(json.dumps(body))
    with pytest.raises(InvalidInput, match="completeness of 'air' is 7"):
        monitor.Constraints.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": {}}, "'features' must be a list"),
        ({"features": [{"name": 7}]}, "needs a 'name'"),
        ({"features": [{"name": "a"}, {"name": "a"}]}, "'a' is there twice"),
        ({"features": [{"name": "a", "completeness": True}]}, "completeness of 'a' is True"),
        ({"features": [{"name": "a", "string_constraints": []}]}, "string_constraints of 'a' must be an object"),
        ({"features": [{"name": "a", "string_constraints": {"domains": "x"}}]}, "must be a list of texts"),
        (
            {"features": [{"name": "a", "monitoringConfigOverrides": 3}]},
            "monitoringConfigOverrides of 'a' must be an object",
        ),
        ({"features": [{"name": "a", "monitoringConfigOverrides": {"disabled_checks": "all"}}]}, "must be a list"),
        ({"monitoring_config": []}, "monitoring_config of the constraints must be an object"),
        ({"monitoring_config": {"distribution_constraints": 1}}, "distribution_constraints of monitoring_config"),
        ({"monitoring_config": {"datatype_check_threshold": "high"}}, "datatype_check_threshold is 'high'"),
    ],
)
def test_constraints_of_a_wrong_form_are_refused_with_the_place(change, words):
    with pytest.raises(InvalidInput, match=re.escape(words)):
        checked({"features": [], **change}, "the constraints")


def test_a_sketch_of_many_rows_is_small_and_ranks_are_near():
    values = np.random.default_rng(9).lognormal(size=100_000)
    small = sketch(values)
    assert sum(map(len, small.levels)) < 7000
    for quantile in (0.01, 0.25, 0.5, 0.9, 0.99):
        assert small.rank(float(np.quantile(values, quantile))) / 100_000 == pytest.approx(quantile, abs=0.01), "seed 9"


def test_a_regression_has_its_metrics_and_its_concept():
    def rows(seed, slope):
        random = np.random.default_rng(seed)
        x = random.normal(size=(3000, 3))
        y = slope * x[:, 0] + x[:, 1] + random.normal(size=3000)
        return pd.DataFrame(x, columns=list("abc")).assign(y=y, said=2 * x[:, 0] + x[:, 1])

    normal = monitor.baseline(rows(1, 2.0), target="y", prediction="said")
    assert normal.roles.task == "regression"
    clean = monitor.check(rows(2, 2.0), normal)
    assert not clean.alarm, str(clean)
    rmse = next(one for one in clean.performance if one.name == "rmse")
    assert rmse.low < 1.0 < rmse.high
    changed = monitor.check(rows(3, 1.0), normal)
    assert changed.concept.drifted
    assert changed.concept.about == "a"
