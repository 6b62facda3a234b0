"""Tuning beside other people's libraries: MLflow, LightGBM, scikit-learn, and the terminal's Ctrl-C."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gureum.errors import Conflict, InvalidInput
from gureum.tuning import choice, float_range, int_range, tune

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(240)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "studies"


def test_ctrl_c_ends_it_and_returns_what_is_there(folder: Path, tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, sys, threading
        from gureum.tuning import float_range, tune
        parent = os.getpid()
        def objective(params):
            if params["x"] > 0:
                os.kill(parent, signal.SIGINT)
                threading.Event().wait(60)
            return params["x"]
        result = tune(objective, {{"x": float_range(-1, 1)}}, budget=1000, seed=9, sampler="random", folder={str(folder)!r})
        print([result.ended, list(result.trials["state"]), result.best_value])
        print([signal.getsignal(signal.SIGINT) is signal.default_int_handler])
    """)
    )
    # No guard around it: workers are not started by running the script again.
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    ended, states, best = ast.literal_eval(first)
    assert ended == "interrupted"
    assert states[-1] == "stopped"
    assert set(states[:-1]) <= {"complete"}
    assert best < 0
    assert second == "[True]"


def test_lightgbm_works_in_workers_after_the_parent_used_it(folder: Path):
    """A forked worker would hang in OpenMP."""
    lightgbm = pytest.importorskip("lightgbm")
    import numpy as np

    x = np.random.default_rng(0).normal(size=(200, 3))
    y = x[:, 0] + 0.1 * x[:, 1]

    def objective(params):
        model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, **params).fit(x, y)
        return float(((model.predict(x) - y) ** 2).mean())

    objective({"num_leaves": 3})
    result = tune(objective, {"num_leaves": int_range(2, 8)}, budget=4, n_jobs=2, folder=folder)
    assert (result.trials["state"] == "complete").sum() == 4


FANOVA = """
import sys
from gureum.tuning import float_range, int_range, tune

result = tune(
    lambda params: params["x"] ** 2, {"x": float_range(-2, 2), "noise": int_range(0, 3)},
    budget=30, seed=3, sampler="random", folder=sys.argv[1],
)
print(result.importance("fanova")["x"], "torch" in sys.modules)
"""


def test_fanova_needs_no_torch_and_sees_what_matters(folder: Path):
    # In a process of its own: another test of this one may have imported torch.
    done = subprocess.run([sys.executable, "-c", FANOVA, str(folder)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    importance, torch = done.stdout.split()[-2:]
    assert (float(importance) > 0.8, torch) == (True, "False")


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch):
    """A real MLflow on SQLite, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    import mlflow

    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    yield mlflow
    mlflow.set_tracking_uri(before)


def runs_of(mlflow, experiment: str) -> tuple[list, dict[int, object]]:
    """Parent runs, and trials' runs by number; asserts that no trial has two."""
    runs = mlflow.search_runs(experiment_names=[experiment], output_format="list")
    parents = [run for run in runs if "gureum.study" in run.data.tags]
    trials = [run for run in runs if "gureum.trial" in run.data.tags]
    by_number = {int(run.data.tags["gureum.trial"].split(":")[1]): run for run in trials}
    assert len(by_number) == len(trials)
    assert len(parents) + len(trials) == len(runs)
    return parents, by_number


@pytest.mark.filterwarnings("default")
def test_each_trial_is_one_nested_run_also_when_resumed(folder: Path, mlflow):
    def objective(params, trial):
        trial.report(1, 0.5)
        if params["x"] > 1.5:
            raise ValueError("too far")
        return {"auc": params["x"] ** 2, "loss": 2.0}

    space = {"x": float_range(-2, 2), "layers": choice({"small": (8,), "large": (8, 8)})}
    options = {"experiment": "e", "metric": "auc", "name": "s", "resume": True, "seed": 1, "folder": folder}
    tune(objective, space, budget=11, n_jobs=2, **options)
    parents, runs = runs_of(mlflow, "e")
    assert set(runs) == set(range(11))
    result = tune(objective, space, budget=14, **options)
    parents, runs = runs_of(mlflow, "e")
    assert set(runs) == set(range(14))
    assert result.unrecorded == 0
    [parent] = parents
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best.auc"] == result.best_value
    assert parent.data.metrics["importance.x"] > 0
    for row in result.trials.itertuples():
        run = runs[row.number]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["gureum.state"] == row.state
        assert run.data.params == {name: str(value) for name, value in row.params.items()}
        assert run.data.metrics["auc.by_step"] == 0.5
        if row.state == "complete":
            assert run.info.status == "FINISHED"
            assert (run.data.metrics["auc"], run.data.metrics["loss"]) == (row.value, 2.0)
        else:
            assert run.info.status == "FAILED"
            assert run.data.tags["gureum.reason"] == "ValueError: too far"


@pytest.mark.filterwarnings("default")
def test_what_mlflow_did_not_take_is_sent_when_the_study_is_resumed(folder: Path, mlflow, monkeypatch):
    from mlflow import MlflowClient

    def objective(params):
        return params["x"]

    options = {"experiment": "e", "name": "s", "resume": True, "folder": folder}
    with monkeypatch.context() as broken:
        broken.setattr("gureum.tuning.runs.FIRST_WAIT_S", 0.001)
        full = MlflowClient.log_batch

        def refuse(self, run_id, metrics=(), params=(), tags=()):
            if any(metric.key == "objective" and metric.value > 0 for metric in metrics):
                raise OSError("no space left")
            return full(self, run_id, metrics, params, tags)

        broken.setattr(MlflowClient, "log_batch", refuse)
        with pytest.warns(RuntimeWarning, match="resume='s' sends them again"):
            result = tune(objective, {"x": float_range(-1, 1)}, budget=8, seed=1, sampler="random", **options)
    positive = int((result.trials["value"] > 0).sum())
    assert result.unrecorded == positive > 0
    result = tune(objective, {"x": float_range(-1, 1)}, budget=9, **options)
    _, runs = runs_of(mlflow, "e")
    assert {number: run.data.metrics["objective"] for number, run in runs.items()} == dict(
        zip(result.trials["number"], result.trials["value"], strict=True)
    )
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


@pytest.mark.timeout(300)
def test_model_auto_searches_over_families(folder: Path):
    import numpy as np
    import pandas as pd

    chance = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": chance.normal(size=300), "b": chance.choice(["x", "y"], 300), "noise": chance.normal(size=300)}
    )
    table["answer"] = np.where(table["a"] + (table["b"] == "x") > 0.5, "yes", "no")
    options = {
        "model": "auto",
        "data": table,
        "target": "answer",
        "metric": "roc_auc",
        "seed": 1,
        "folder": folder,
        "name": "s",
    }
    result = tune(budget=6, sampler="random", **options)
    assert result.direction == "maximize"
    assert result.best_value > 0.9
    families = {params["family"] for params in result.trials["params"]}
    assert len(families) >= 3
    complete = result.study.best_trial
    assert set(complete.user_attrs["gureum.metrics"]) == {"log_loss", "accuracy", "roc_auc"}
    assert set(complete.intermediate_values) == {1, 2, 3}
    assert not set(result.trials["state"]) - {"complete"}, list(result.trials["traceback"].dropna())
    changed = table.assign(a=table["a"] + 1)
    with pytest.raises(Conflict, match="another objective"):
        tune(budget=7, **{**options, "data": changed, "name": None, "resume": "s"})


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"model": "all"}, "tuning.model"),
        ({"objective": len}, "tuning.model"),
        ({"data": 3}, "tuning.data"),
        ({"target": "answr"}, "tuning.data"),
        ({"task": "ranking"}, "tuning.task"),
        ({"task": "binary"}, "tuning.task"),
        ({"metric": "roc_auc"}, "tuning.metric"),
        ({"data": ([[1], [2]], [1])}, "tuning.data"),
        ({"data": ([[1], [2]], [1, 2])}, "tuning.data"),
    ],
)
def test_what_model_auto_refuses(arguments, code, folder: Path):
    import pandas as pd

    table = pd.DataFrame({"a": range(60), "answer": [0.5, 1.5, 2.5] * 20})
    with pytest.raises(InvalidInput) as refused:
        tune(**{"budget": 1, "model": "auto", "data": table, "target": "answer", "folder": folder, **arguments})
    assert refused.value.code == code
