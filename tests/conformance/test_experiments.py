"""Runs that capture by themselves, and what the SDK and the command line find of them, against a running server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import gureum
from gureum.client.experiment import is_maximized
from gureum.errors import InvalidInput, NotFound
from gureum.testing.platform import RunningPlatform

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.xdist_group("platform"),
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
]

NAME = "/Users/expanna/churn"


def test_a_run_captures_what_one_needs_to_do_it_again(platform: RunningPlatform):
    g = platform.user("expanna")
    g.sql("CREATE TABLE exp_readings AS SELECT range AS x, range % 2 AS y FROM range(20)")
    g.sql("INSERT INTO exp_readings SELECT 99, 1")
    experiment = g.experiment(NAME)
    before = {key: os.environ.get(key) for key in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN")}
    with pytest.raises(NotFound):
        experiment.describe()
    with experiment.run(name="first", tags={"stage": "dev"}, autolog={"log_models": False}) as run:
        rows = g.sql("SELECT * FROM exp_readings").to_pandas()
        g.table("exp_readings").read(version=0)
        LogisticRegression(C=0.5).fit(rows[["x"]], rows["y"])
        mlflow.log_metrics({"auc": 0.8, "val_loss": 0.5}, step=1)
        assert run.info.run_id in {found.id for found in experiment.runs(filter="attributes.status = 'RUNNING'")}
    assert {key: os.environ.get(key) for key in before} == before, "outside of the block all is as it was"
    assert not mlflow.is_tracking_uri_set()

    kept = g.run(run.info.run_id)
    assert (kept.status, kept.name, kept.describe()["user"]) == ("finished", "first", "expanna")
    assert kept.params["C"] == "0.5", "autolog was on"
    assert kept.metrics["auc"] == 0.8
    assert kept.describe()["tables"] == [
        {"name": "main.exp_readings", "version": 2}, {"name": "main.exp_readings", "version": 0},
    ]  # fmt: skip
    assert kept.tables == {"main.exp_readings": 2}
    assert {d["digest"] for d in kept.describe()["datasets"] if d["source_type"] == "gureum"} == {"v0", "v2"}
    assert kept.tags["stage"] == "dev"
    assert len(kept.tags["mlflow.source.git.commit"]) == 40
    assert kept.tags["gureum.git.dirty"] in {"true", "false"}
    assert {file["path"] for file in kept.artifacts("environment")} == {"environment/requirements.txt"}
    lock = next((platform.folder / "artifacts").glob(f"*/{kept.id}/artifacts/environment/requirements.txt")).read_text()
    assert f"mlflow=={mlflow.__version__}\n" in lock
    token = g._transport.token
    everything = json.dumps(kept.describe()) + lock
    assert token not in everything


def test_a_run_whose_program_fails_has_failed(platform: RunningPlatform):
    g = platform.user("expanna")
    with pytest.raises(ZeroDivisionError), g.experiment(NAME).run(name="broken", autolog=False):
        raise ZeroDivisionError
    assert g.experiment(NAME).runs(filter="attributes.status = 'FAILED'")[0].name == "broken"
    assert mlflow.active_run() is None


def test_runs_are_found_compared_and_the_best_is_chosen(platform: RunningPlatform):
    g = platform.user("expbob")
    experiment = g.experiment("expbob tuning")
    for depth in (3, 5, 10):
        with experiment.run(name=f"depth {depth}", autolog=False):
            mlflow.log_params({"depth": depth, "seed": 1})
            for step in range(5):
                mlflow.log_metrics({"auc": depth / 10, "val_loss": 1 / depth / (step + 1)}, step=step)
    frame = experiment.to_pandas()
    assert list(frame["params.depth"]) == ["10", "5", "3"]
    assert frame["metrics.auc"].dtype == np.float64
    assert list(frame["status"]) == ["finished"] * 3
    assert frame["ended_at"].notna().all()
    assert [run.name for run in experiment.runs(sort="params.depth")] == ["depth 10", "depth 5", "depth 3"]
    assert experiment.best("auc").name == "depth 10"
    assert experiment.best("val_loss").name == "depth 10"
    assert experiment.best("val_loss", maximize=True).name == "depth 3"
    assert experiment.best("auc", filter="params.depth < 6").name == "depth 5"
    with pytest.raises(NotFound) as wrong:
        experiment.best("acc")
    assert wrong.value.hint == "its metrics are auc, val_loss"
    with pytest.raises(InvalidInput, match="the filter is wrong"):
        experiment.to_pandas(filter="metrics.auc >")
    ids = list(frame["run_id"])
    compared = experiment.compare(ids)
    assert list(compared.columns) == ["differs", *ids]
    assert compared.loc["params.depth"].tolist() == [True, "10", "5", "3"]
    assert not compared.loc["params.seed", "differs"]
    curve = experiment.best("auc").curve("val_loss")
    assert list(curve["step"]) == [0, 1, 2, 3, 4]
    assert curve["value"].iloc[-1] == pytest.approx(0.02)

    others = platform.user("expeve")
    assert "expbob tuning" not in [found["name"] for found in others.experiments()]
    with pytest.raises(NotFound):
        others.run(ids[0]).describe()
    with pytest.raises(NotFound):
        others.experiment("expbob tuning").to_pandas()


def test_the_command_line_tells_the_same(platform: RunningPlatform):
    def gureum_(*arguments: str) -> str:
        command = [sys.executable, "-m", "gureum", *arguments, "--folder", str(platform.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "expbob tuning" in gureum_("experiment", "list")
    shown = gureum_("experiment", "show", "expbob tuning", "--sort", "metrics.auc", "--filter", "params.depth > 4")
    assert "depth 10" in shown.splitlines()[1]
    assert "depth 3" not in shown
    best = json.loads(gureum_("experiment", "best", "expbob tuning", "val_loss", "--maximize", "--json"))
    assert best["name"] == "depth 3"
    run = gureum_("run", "show", best["id"])
    assert "finished" in run
    assert "val_loss" in run


def test_without_a_server_mlflow_finds_the_platform_too(tmp_path: Path):
    with gureum.open(tmp_path / "data") as g:
        g.sql("CREATE TABLE t AS SELECT 1 AS a")
        with g.experiment("alone").run(autolog=False):
            g.sql("SELECT * FROM t")
            mlflow.log_metric("acc", 0.5)
        best = g.experiment("alone").best("acc")
        assert best.tables == {"main.t": 1}
        assert best.describe()["user"] == "operator"


def test_whether_more_is_better_is_in_a_metrics_name():
    assert all(map(is_maximized, ["auc", "val/accuracy", "r2", "glossary"]))
    assert not any(map(is_maximized, ["loss", "val_loss", "eval/RMSE", "log loss", "test-error"]))
