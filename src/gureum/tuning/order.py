"""A search that somebody ordered from the server: the task `tuning`, in a process of its own, as its owner.

Called by the task's process (`processes/task.py`). The study is kept in the owner's workplace under the order's name, so an
order whose process died, or a later one of the same name, goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gureum.errors import InvalidInput, NotFound
from gureum.jobs.source import from_clause
from gureum.tuning.auto import family_space
from gureum.tuning.budget import Budget
from gureum.tuning.result import TuningResult
from gureum.tuning.search import load, tune
from gureum.tuning.space import Space

__all__ = ["run"]

Tell = Callable[[Mapping[str, Any]], None]

ROWS_MAX = 1_000_000
TRIALS_SHOWN_MAX = 1_000
TELL_EVERY_S = 2.0
TRIALS_DEFAULT = 50

# What one trial may say: its traceback is in the log and in its run.
REASON_CHARS_MAX = 500

# What mattered is reckoned again when this many more trials are complete: it reads all of them.
IMPORTANCE_STEP_SHARE = 0.1


def run(client: Any, spec: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Search, telling the trials as they end. The result has the best parameters and what mattered."""
    board = _Board(tell)
    tell({"phase": "read", "trials": []})
    rows = client.sql(f"SELECT * FROM {from_clause(spec['table'])} LIMIT {ROWS_MAX}").to_pandas()
    folder, name = Path(spec["workplace"]) / "tuning", str(spec["name"])
    trials = spec["trials"] or (None if spec["budget_s"] else TRIALS_DEFAULT)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(name, folder, board, ended), daemon=True)
    watcher.start()
    try:
        result = tune(
            model="auto", data=rows, target=spec["target"], task=spec["task"], metric=spec["metric"],
            budget=Budget(trials=trials, seconds=spec["budget_s"]), n_jobs=spec["n_jobs"], name=name, resume=True, folder=folder,
            experiment=name, seed=0,
        )  # fmt: skip
    finally:
        ended.set()
        watcher.join()
    board.show(result, "done")
    return {
        "best_params": result.best_params, "best_value": result.best_value, "direction": result.direction,
        "metric": result.metric, "run_id": result.run_id, "ended": result.ended, "trials": len(result.trials),
        "importance": board.importance, "experiment": name,
    }  # fmt: skip


def _watch(name: str, folder: Path, board: _Board, ended: threading.Event) -> None:
    space = Space(family_space())
    while not ended.wait(TELL_EVERY_S):
        with contextlib.suppress(NotFound):  # it has not begun
            study = load(name, folder=folder).study
            params = {one.number: space.from_suggested(one.params) for one in study.get_trials(deepcopy=False)}
            board.show(TuningResult(study, params, ended="open"), "search")


class _Board:
    """The trials so far and what mattered, told anew each time."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._reckoned = 0  # complete trials that `importance` is of
        self.importance: dict[str, float] = {}

    def show(self, result: TuningResult, phase: str) -> None:
        trials = result.trials
        complete = int((trials["state"] == "complete").sum())
        if phase == "done" or complete > self._reckoned * (1 + IMPORTANCE_STEP_SHARE):
            self._reckon(result, complete)
        curve = result.curve
        self._tell({
            "phase": phase,
            "direction": result.direction,
            "metric": result.metric,
            "run_id": result.run_id,
            "best_value": None if curve.empty else float(curve["best"].iloc[-1]),
            "ended": int((trials["state"] != "running").sum()),
            # Of a study of thousands, the last ones are shown; their runs are all in the experiment.
            "earlier": max(0, len(trials) - TRIALS_SHOWN_MAX),
            "importance": self.importance,
            "trials": [_trial(row) for row in trials.tail(TRIALS_SHOWN_MAX).itertuples()],
        })  # fmt: skip

    def _reckon(self, result: TuningResult, complete: int) -> None:
        self._reckoned = complete
        with contextlib.suppress(InvalidInput):  # too few trials say nothing of importance
            self.importance = {name: round(share, 4) for name, share in result.importance().items()}


def _trial(row: Any) -> dict[str, Any]:
    return {
        "number": int(row.number), "state": row.state, "value": None if row.value != row.value else row.value,
        "params": row.params, "duration": None if row.duration != row.duration else round(row.duration, 3),
        "reason": row.reason and str(row.reason)[:REASON_CHARS_MAX],
    }  # fmt: skip
