"""What finding and writing runs costs: our store beside MLflow's own, over the same database in the same run.

    python -m benchmarks.experiments [--quick] [--runs N]

10,000 runs of 10 metrics, 10 parameters and 5 tags in SQLite. Counted is CPU (user and system, all threads) of this process,
the median of several; MLflow's store is the peer, and both give the same runs. The leaderboard is what Studio and the SDK
ask, without MLflow.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import create_engine, insert

from benchmarks._timing import median_s
from gureum.app import Platform
from gureum.settings import Settings
from gureum.tracking.database import FILE_NAME, prepare
from gureum.tracking.rows import LATEST, METRICS, PARAMS, RUNS, TAGS
from gureum.tracking.store import TrackingStore, make_tables

RUNS_FULL = 10_000
RUNS_QUICK = 2_000
EACH = 10
TAGS_EACH = 5
POINTS = 1_000
ROOT = "mlflow-artifacts:/"

# Seconds of CPU for the top 100 by a metric over 10,000 runs.
SEARCH_S_MAX = 0.2


def fill(path: Path, runs: int) -> None:
    """Runs as clients leave them, written at once."""
    chance = random.Random(7)
    engine = create_engine(f"sqlite:///{path}")
    ids = [uuid.UUID(int=chance.getrandbits(128)).hex for _ in range(runs)]
    rows: dict[Any, list[dict[str, Any]]] = {RUNS: [], METRICS: [], LATEST: [], PARAMS: [], TAGS: []}
    for number, run_id in enumerate(ids):
        rows[RUNS].append(
            {"run_uuid": run_id, "name": f"run {number}", "user_id": "anna", "status": "FINISHED", "start_time": number,
             "end_time": number + 5, "lifecycle_stage": "active", "artifact_uri": f"{ROOT}0/{run_id}", "experiment_id": 0}
        )  # fmt: skip
        for key in range(EACH):
            point = {
                "run_uuid": run_id,
                "key": f"metric{key}",
                "value": chance.random(),
                "timestamp": 1,
                "step": 0,
                "is_nan": False,
            }
            rows[METRICS].append(point)
            rows[LATEST].append(point)
            rows[PARAMS].append({"run_uuid": run_id, "key": f"param{key}", "value": str(chance.randrange(20))})
        for key in range(TAGS_EACH):
            rows[TAGS].append({"run_uuid": run_id, "key": f"tag{key}", "value": str(chance.randrange(5))})
    with engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(insert(table), values)
    engine.dispose()


def cpu_s(act: Callable[[], Any], times: int) -> float:
    """The median CPU time of an act, warm."""
    return median_s(act, times, time.process_time)


def top(store: Any) -> list[str]:
    """The top 100 by a metric, as `mlflow.search_runs` asks for them."""
    page = store.search_runs(["0"], "", ViewType.ACTIVE_ONLY, 100, ["metrics.metric3 DESC"])
    return [run.info.run_id for run in page]


def write(store: Any) -> Callable[[], None]:
    run_id = store.create_run("0", "anna", 1, [], "written").info.run_id
    step = 0

    def act() -> None:
        nonlocal step
        points = [Metric(f"m{n % 10}", n / 7, step + n, step + n) for n in range(POINTS)]
        step += POINTS
        store.log_batch(run_id, points, [], [])

    return act


def write_one(store: Any) -> Callable[[], None]:
    run_id = store.create_run("0", "anna", 1, [], "written").info.run_id
    step = 0

    def act() -> None:
        nonlocal step
        step += 1
        store.log_metric(run_id, Metric("loss", 1 / step, step, step))

    return act


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int)
    given = parser.parse_args()
    runs = given.runs or (RUNS_QUICK if given.quick else RUNS_FULL)
    times = 3 if given.quick else 5
    warnings.simplefilter("ignore")  # MLflow's own
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / FILE_NAME
        prepare(f"sqlite:///{path}", make_tables)
        ours = TrackingStore(f"sqlite:///{path}", ROOT)  # makes the default experiment
        fill(path, runs)
        shutil.copy(path, folder / "theirs.db")
        theirs = SqlAlchemyStore(f"sqlite:///{folder / 'theirs.db'}", ROOT)
        assert top(ours) == top(theirs), "both must find the same runs"
        platform = Platform(Settings(folder=folder), environment={})
        board = platform.leaderboard
        measured = {
            "search_ms": (cpu_s(lambda: top(ours), times), cpu_s(lambda: top(theirs), times), 1e3),
            "metric_point_us": (cpu_s(write(ours), times), cpu_s(write(theirs), times), 1e6 / POINTS),
            "log_metric_ms": (cpu_s(write_one(ours), times * 4), cpu_s(write_one(theirs), times * 4), 1e3),
        }
        figures: dict[str, Any] = {"runs": runs}
        for figure, (one, other, unit) in measured.items():
            figures[figure] = round(one * unit, 2)
            figures[f"mlflow_{figure}"] = round(other * unit, 2)
            figures[f"{figure.rpartition('_')[0]}_times"] = round(other / one, 1)
        page = lambda **options: board.page("0", sort="metrics.metric3", **options)  # noqa: E731
        figures["leaderboard_100_ms"] = round(cpu_s(lambda: page(limit=100), times) * 1e3, 1)
        figures["leaderboard_all_ms"] = round(cpu_s(lambda: page(columns=["*"]), times) * 1e3, 1)
        platform.close()
        ours._dispose_engine()
        theirs._dispose_engine()
    goals = {"search_ms": f"<= {SEARCH_S_MAX * 1e3:g} (10,000 runs)"}
    holds = measured["search_ms"][0] <= SEARCH_S_MAX
    print(json.dumps({"name": "experiments", "figures": figures, "goals": goals, "holds": holds}))


if __name__ == "__main__":
    main()
