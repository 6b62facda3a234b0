"""What a check says of clean and of drifted windows: whether it alarms, whom it names first, and in which words."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gureum import monitor
from gureum.errors import InvalidInput

from .conftest import machines


def test_a_window_like_the_baseline_does_not_alarm(normal, window):
    report = monitor.check(window, normal)
    assert not report.alarm, str(report)
    assert report.findings == ()
    assert report.violations == ()


def test_few_of_many_clean_windows_alarm(normal):
    alarms = sum(monitor.check(machines(seed, 400), normal).alarm for seed in range(100, 120))
    assert alarms <= 1, "seeds 100 to 119"


def some(frame, share, seed=3):
    return np.random.default_rng(seed).random(len(frame)) < share


DRIFTS = {
    "a shift by a quarter sigma": (lambda f: f.assign(load=f["load"] + 7), "load", "median"),
    "a wider column": (lambda f: f.assign(load=40 + 1.3 * (f["load"] - 40)), "load", "wider"),
    "missing values": (lambda f: f.assign(load=f["load"].mask(some(f, 0.03))), "load", "missing"),
    "a new category": (lambda f: f.assign(kind=f["kind"].mask(some(f, 0.02), "NEW")), "kind", "never seen"),
    "a category that vanished": (lambda f: f.assign(kind=f["kind"].replace("H", "M")), "kind", "'H' vanished"),
    "other shares": (lambda f: f.assign(kind=f["kind"].mask(some(f, 0.15), "M")), "kind", "'M'"),
    "zeros": (lambda f: f.assign(load=f["load"].mask(some(f, 0.2), 0.0)), "load", "value 0"),
    "a stuck sensor": (lambda f: f.assign(air=f["air"].mask(some(f, 0.1), 300.123)), "air", "value 300.123"),
    "a flag": (lambda f: f.assign(active=f["active"] & ~some(f, 0.1)), "active", "value 1"),
    "ids of another form": (lambda f: f.assign(device=f["device"].str.upper()), "device", "capitals"),
    "an empty column": (lambda f: f.assign(errors=np.nan), "errors", "missing"),
    "numbers as text": (lambda f: f.assign(air=f["air"].astype(str)), "air", "Data type"),
    "a column less": (lambda f: f.drop(columns="kind"), "kind", "has not"),
    "a column more": (lambda f: f.assign(extra=1), "extra", "has this column"),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_the_drifted_feature_is_named_first(normal, window, name):
    change, culprit, words = DRIFTS[name]
    report = monitor.check(change(window), normal)
    assert report.alarm
    assert report.culprit == culprit
    assert words in report.findings[0].english
    assert report.findings[0].korean.startswith(culprit)


@pytest.mark.parametrize(
    ("change", "unit"),
    [
        (lambda f: f.assign(air=f["air"] - 273.15), "K -> °C"),
        (lambda f: f.assign(air=f["air"] * 1.8 - 459.67), "K -> °F"),
        (lambda f: f.assign(air=f["air"] * 1000), "×1000"),
        (lambda f: f.assign(air=-f["air"]), "sign flipped"),
        (lambda f: f.assign(air=f["air"].mask(some(f, 0.3), f["air"] - 273.15)), "K -> °C"),
    ],
)
def test_a_change_of_unit_is_guessed(normal, window, change, unit):
    report = monitor.check(change(window), normal)
    assert report.culprit == "air"
    assert f"unit? {unit}" in report.findings[0].english


def test_a_plain_shift_is_not_taken_for_a_change_of_unit(normal, window):
    report = monitor.check(window.assign(air=window["air"] + 6), normal)
    assert report.culprit == "air"
    assert "unit" not in report.findings[0].english


def test_features_that_no_longer_depend_on_each_other_are_named_though_each_is_as_before(normal, window):
    shuffled = np.random.default_rng(4).permutation(window["process"].to_numpy())
    report = monitor.check(window.assign(process=shuffled), normal)
    assert not any(one.drifted for one in report.drift)
    assert report.joint.drifted
    assert set(report.joint.features[:2]) == {"air", "process"}
    assert report.findings[0].kind == "joint"


def test_a_target_that_answers_otherwise_is_concept_drift(normal, window):
    other = 1 / (1 + np.exp((window["load"] - 40) / 10))
    report = monitor.check(window.assign(failed=(some(window, 1.0) & (other > 0.5)).astype(int)), normal)
    assert report.concept.drifted
    assert report.findings[0].kind == "concept"
    accuracy = next(one for one in report.performance if one.name == "accuracy")
    assert accuracy.high < accuracy.baseline
    assert any(one.kind == "performance" for one in report.findings)


def test_a_prediction_that_moved_alone_is_told(normal, window):
    report = monitor.check(window.assign(score=window["score"] * 0.7), normal)
    assert report.prediction.drifted
    assert report.culprit == "score"


def test_without_labels_the_loss_is_estimated(normal, window):
    report = monitor.check(window.drop(columns="failed"), normal)
    assert not report.alarm, str(report)
    (loss,) = report.performance
    assert loss.estimated
    assert loss.value == pytest.approx(loss.baseline, rel=0.1)


def test_many_rows_do_not_make_a_meaningless_shift_an_alarm(normal):
    window = machines(5, 100_000)
    assert not monitor.check(window.assign(air=window["air"] + 0.04 * 2), normal).alarm
    assert monitor.check(window.assign(air=window["air"] + 0.2 * 2), normal).culprit == "air"


def test_order_and_storage_of_columns_do_not_matter(normal, window):
    other = window[window.columns[::-1]].astype(
        {"load": "float32", "errors": "int8", "kind": "category", "active": "int64"}
    )
    assert not monitor.check(other, normal).alarm
    assert not monitor.check(pa.Table.from_pandas(window), normal).alarm
    assert not monitor.check(window.head(200).to_dict("records"), normal).alarm


def test_integers_that_became_floats_for_a_missing_row_are_of_the_same_type(normal, window):
    errors = window["errors"].astype(float)
    errors.iloc[0] = np.nan
    assert not monitor.check(window.assign(errors=errors), normal).alarm


def test_repeated_rows_are_a_notice(normal, window):
    report = monitor.check(pd.concat([window, window]), normal)
    assert not report.alarm
    assert [one.kind for one in report.findings] == ["rows"]


def test_constant_and_empty_columns_and_times_that_go_on_are_no_trouble():
    def rows(seed, start):
        random = np.random.default_rng(seed)
        at = pd.Timestamp(start) + pd.to_timedelta(np.sort(random.integers(0, 86_400, 500)), unit="s")
        return pd.DataFrame(
            {"one": 1, "none": None, "at": at, "x": random.normal(size=500), "id": np.arange(500) + seed * 500}
        )

    normal = monitor.baseline(rows(0, "2026-01-01"), time_column="at")
    assert not monitor.check(rows(1, "2026-01-02"), normal).alarm
    report = monitor.check(rows(2, "2026-01-03").assign(one=2), normal)
    assert report.culprit == "one"


def test_a_series_is_measured_by_its_own_ups_and_downs():
    random = np.random.default_rng(6)
    at = np.arange(14 * 288)
    value = (
        20 + 5 * np.sin(2 * np.pi * at / 288) + np.convolve(random.normal(size=len(at) + 30), np.ones(31) / 5, "valid")
    )
    frame = pd.DataFrame({"temperature": value, "noise": random.normal(size=len(at))})
    normal = monitor.baseline(frame.head(12 * 288))
    assert normal.dependent
    for start in range(12 * 288, 14 * 288, 96):
        assert not monitor.check(frame.iloc[start : start + 96], normal).alarm, f"seed 6, rows from {start}"
    assert monitor.check(frame.tail(96) * 1.8 + 32, normal).culprit == "temperature"


def test_a_sorted_baseline_is_not_taken_for_a_series():
    frame = machines(7, 4000)
    normal = monitor.baseline(frame.sort_values("load"))
    assert monitor.check(machines(8, 5000).assign(load=lambda f: f["load"] + 9), normal).culprit == "load"


def test_the_report_is_plain_json(normal, window):
    report = monitor.check(window.assign(load=np.nan), normal)
    body = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert body["alarm"]
    assert body["culprit"] == "load"
    assert set(body["findings"][0]["text"]) == {"en", "ko"}
    air = next(one for one in body["drift"] if one["feature"] == "air")
    assert sum(air["histogram"]["before"]) == pytest.approx(1)
    assert sum(air["histogram"]["after"]) == pytest.approx(1)


def test_the_heat_map_has_a_row_a_feature_and_a_column_a_window(normal, window):
    reports = [monitor.check(window.assign(load=window["load"] + shift), normal) for shift in (0, 5, 20)]
    heat = monitor.heat_map(reports)
    assert heat["features"][0] == "load"
    assert heat["effects"][0] == sorted(heat["effects"][0])
    assert heat["drifted"][0][-1]


def test_an_empty_window_is_refused(normal, window):
    with pytest.raises(InvalidInput, match="the window has no rows"):
        monitor.check(window.head(0), normal)


def test_what_is_no_table_is_refused(normal):
    with pytest.raises(InvalidInput, match="not a table"):
        monitor.check(3, normal)


def test_the_public_names_stay_what_they_are_once_used(normal, window):
    monitor.check(window.head(100), normal)
    for name in monitor.__all__:
        assert callable(getattr(monitor, name)), f"{name} is a module now: call the file otherwise"
