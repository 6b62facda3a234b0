"""gureum.tune as a user calls it: real worker processes, a real study in a folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gureum.errors import Conflict, InvalidInput, NotFound
from gureum.tuning import Budget, choice, float_range, int_range, load, tune

X = {"x": float_range(-2.0, 2.0)}


def _square():
    def square(params):
        return params["x"] ** 2

    return square


square = _square()  # not importable, so workers need not import this file (and pytest)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "studies"


def test_it_finds_the_minimum(folder: Path):
    result = tune(lambda params: (params["x"] - 1) ** 2, X, budget=40, seed=1, folder=folder)
    assert result.ended == "trials"
    assert abs(result.best_params["x"] - 1) < 0.3
    assert result.best_value == pytest.approx((result.best_params["x"] - 1) ** 2)
    trials = result.trials
    assert list(trials["number"]) == list(range(40))
    assert set(trials["state"]) == {"complete"}
    assert (trials["duration"] > 0).all()
    assert trials["params"][3]["x"] == result.study.trials[3].params["x"]
    assert len(set(trials["worker"])) == 1
    curve = result.curve
    assert list(curve["best"]) == list(curve["value"].cummin())
    assert curve["best"].iloc[-1] == result.best_value


def test_the_same_seed_gives_the_same_trials(folder: Path):
    values = [list(tune(square, X, budget=12, seed=7, folder=folder).trials["value"]) for _ in range(2)]
    assert values[0] == values[1]


def test_maximize_and_a_named_metric(folder: Path):
    result = tune(
        lambda params: {"auc": params["x"], "loss": -params["x"], "note": "x"}, X,
        budget=8, metric="auc", direction="maximize", seed=2, folder=folder,
    )  # fmt: skip
    assert result.best_value == result.trials["value"].max() == result.best_params["x"]
    best = result.study.trials[int(result.trials["value"].idxmax())]
    assert best.user_attrs["gureum.metrics"] == {"auc": result.best_value, "loss": -result.best_value}


def test_a_dict_without_a_metric_is_an_error_at_once(folder: Path):
    with pytest.raises(InvalidInput, match="metric='name' says which") as refused:
        tune(lambda params: {"auc": 1.0}, X, budget=50, folder=folder, name="s")
    assert refused.value.code == "tuning.metric"
    assert list(load("s", folder=folder).trials["state"]) == ["stopped"]


def test_conditional_parameters_and_their_importance(folder: Path):
    space = {"kind": choice({"flat": {}, "steep": {"slope": float_range(1, 9)}}), "noise": int_range(0, 3)}
    result = tune(lambda p: 5.0 if p["kind"] == "flat" else 10 - p["slope"], space, budget=40, seed=3, folder=folder)
    assert result.best_params["kind"] == "steep"
    assert result.best_params["slope"] > 6
    assert sum(result.importance().values()) == pytest.approx(1)
    assert set(result.importance()) == {"kind", "kind.steep.slope", "noise"}
    assert list(result.importance().values()) == sorted(result.importance().values(), reverse=True)
    with pytest.raises(InvalidInput, match="one of ped_anova, fanova"):
        result.importance("shap")


def test_asha_ends_trials_that_do_not_promise_much(folder: Path):
    def objective(params, trial):
        for step in range(1, 10):
            trial.report(step, params["x"] ** 2)
        return params["x"] ** 2

    result = tune(objective, X, budget=20, early_stopping="asha", sampler="random", seed=4, folder=folder)
    states = result.trials["state"].value_counts()
    assert states["pruned"] > 5
    assert states["complete"] >= 1
    best_pruned = result.trials[result.trials["state"] == "pruned"]["value"].min()
    assert result.best_value <= best_pruned


def test_an_objective_that_catches_everything_is_pruned_all_the_same(folder: Path):
    def objective(params, trial):
        for step in range(1, 5):
            with contextlib.suppress(Exception):
                trial.report(step, params["x"] ** 2)
        return params["x"] ** 2

    result = tune(objective, X, budget=12, early_stopping="asha", seed=4, folder=folder)
    assert "pruned" in set(result.trials["state"])


def test_reports_are_kept_without_early_stopping_too(folder: Path):
    def objective(params, trial):
        for step in range(3):
            trial.report(step, step + 0.5)
        return 1.0

    result = tune(objective, X, budget=1, folder=folder)
    assert result.study.trials[0].intermediate_values == {0: 0.5, 1: 1.5, 2: 2.5}


def test_what_an_objective_prints_is_shown_and_disturbs_nothing(folder: Path, capfd):
    def objective(params):
        print("a line of the objective")
        os.write(1, b"raw bytes\n")
        return 1.0

    assert tune(objective, X, budget=2, folder=folder).trials["state"].eq("complete").all()
    assert capfd.readouterr().out.count("a line of the objective") == 2


def test_failures_are_kept_with_their_traceback_and_do_not_end_it(folder: Path):
    def objective(params):
        if params["x"] < 0:
            raise ValueError("x is negative")
        return float("nan") if params["x"] < 0.5 else params["x"]

    result = tune(
        objective, X, budget=Budget(trials=30, failures_in_a_row_max=30), seed=5, sampler="random", folder=folder
    )
    failed = result.trials[result.trials["state"] == "failed"]
    assert set(failed["reason"]) == {"ValueError: x is negative", "the objective returned NaN"}
    told = failed[failed["reason"].str.startswith("Value")]["traceback"].iloc[0]
    assert 'raise ValueError("x is negative")' in told
    assert "worker.py" not in told
    assert result.best_value >= 0.5


def test_too_many_failures_in_a_row_end_it_with_the_last_reason(folder: Path):
    def objective(params):
        raise KeyError("lr")

    with pytest.raises(InvalidInput, match="failed 10 times with no success between: KeyError: 'lr'") as refused:
        tune(objective, X, budget=100, n_jobs=2, folder=folder, name="s")
    assert refused.value.code == "tuning.objective_failed"
    assert "raise KeyError" in refused.value.details["traceback"]
    assert (load("s", folder=folder).trials["state"] == "failed").sum() == 10


def test_an_objective_that_only_ever_fails_is_an_error_in_a_small_budget_too(folder: Path):
    with pytest.raises(InvalidInput, match="failed 3 times"):
        tune(lambda params: None, X, budget=3, folder=folder)


def test_a_worker_that_dies_is_replaced_and_its_trial_tried_again(folder: Path, tmp_path: Path):
    mark = tmp_path / "died"

    def objective(params):
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return params["x"]

    trials = tune(objective, X, budget=4, seed=6, folder=folder).trials
    assert list(trials["state"]) == ["lost", "complete", "complete", "complete", "complete"]
    assert trials["params"][0] == trials["params"][1]
    assert "SIGKILL" in trials["reason"][0]
    assert trials["worker"][0] != trials["worker"][1]


def test_sys_exit_in_an_objective_is_a_failed_trial(folder: Path):
    def objective(params):
        if params["x"] < 0:
            sys.exit(3)
        return 1.0

    result = tune(objective, X, budget=Budget(trials=12, failures_in_a_row_max=12), seed=1, folder=folder)
    assert set(result.trials["reason"].dropna()) == {"SystemExit: 3"}
    assert len(set(result.trials["worker"])) == 1


def test_a_time_budget_stops_running_trials(folder: Path):
    def objective(params):
        threading.Event().wait(60)
        return 1.0

    started = time.monotonic()
    result = tune(objective, X, budget="1.5s", n_jobs=2, folder=folder)
    assert time.monotonic() - started < 30, "not the sixty seconds that a trial takes"
    assert result.ended == "time"
    assert set(result.trials["state"]) == {"stopped"}
    with pytest.raises(NotFound, match="no trial of study"):
        _ = result.best_params


def test_a_resumed_study_does_what_was_left(folder: Path):
    first = tune(square, X, budget=5, name="s", seed=1, folder=folder)
    again = tune(square, X, budget=8, resume="s", seed=1, folder=folder)
    assert list(again.trials["value"][:5]) == list(first.trials["value"])
    assert len(again.trials) == 8
    assert len({params["x"] for params in again.trials["params"]}) == 8, "no random number comes twice"
    assert tune(square, X, budget=8, resume="s", folder=folder).best_value == again.best_value
    looked = load("s", folder=folder)
    assert (looked.ended, looked.best_value) == ("open", again.best_value)


def test_resume_true_begins_or_goes_on(folder: Path):
    for trials in (2, 4):
        result = tune(square, X, budget=trials, name="s", resume=True, folder=folder)
        assert len(result.trials) == trials


def test_what_a_resumed_study_may_not_change(folder: Path):
    tune(square, X, budget=1, name="s", folder=folder)
    with pytest.raises(Conflict, match="parameter 'x'"):
        tune(square, {"x": float_range(0, 1)}, budget=2, resume="s", folder=folder)
    with pytest.raises(Conflict, match="its code has changed"):
        tune(lambda params: params["x"], X, budget=2, resume="s", folder=folder)
    with pytest.raises(Conflict, match="'s' is there already"):
        tune(square, X, budget=2, name="s", folder=folder)
    with pytest.raises(NotFound, match="no study 't' in"):
        tune(square, X, budget=2, resume="t", folder=folder)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"n_jobs": 0}, "tuning.n_jobs"),
        ({"n_jobs": 1.5}, "tuning.n_jobs"),
        ({"direction": "up"}, "tuning.direction"),
        ({"sampler": "tep"}, "tuning.sampler"),
        ({"early_stopping": "asha"}, "tuning.early_stopping"),
        ({"seed": -1}, "tuning.seed"),
        ({"seed": "a"}, "tuning.seed"),
        ({"resume": True}, "tuning.resume"),
        ({"resume": "a", "name": "b"}, "tuning.resume"),
        ({"name": "a b"}, "tuning.name"),
        ({"budget": 0}, "tuning.budget"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_made(arguments, code, folder: Path):
    with pytest.raises(InvalidInput) as refused:
        tune(**{"objective": square, "space": X, "budget": 1, "folder": folder, **arguments})
    assert refused.value.code == code
    assert not folder.exists()


def test_a_module_that_workers_cannot_load_is_told_by_name(folder: Path, tmp_path: Path, monkeypatch):
    (tmp_path / "lost_module.py").write_text("def objective(params):\n    return 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import lost_module  # type: ignore[import-not-found]

    (tmp_path / "lost_module.py").write_text("raise RuntimeError('broken since')\n")
    with pytest.raises(InvalidInput, match="cannot load the objective: RuntimeError: broken since"):
        tune(lost_module.objective, X, budget=1, folder=folder)


def test_no_mlflow_is_loaded_without_need():
    code = (
        "import sys, gureum, gureum.tuning\nassert 'optuna' not in sys.modules\n"
        "from gureum.tuning import tune\nassert 'mlflow' not in sys.modules\nassert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
