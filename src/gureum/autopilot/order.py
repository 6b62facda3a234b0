"""A fit that somebody ordered from the server: the task `autopilot`, in a process of its own, as its owner.

Called by the task's process (`processes/task.py`) with the owner's client. The candidates are runs of the experiment that the
order names, its model is registered under the same name, and the files go to the task, where Studio and the SDK find them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gureum.autopilot.fit import fit
from gureum.autopilot.result import FILES, AutopilotResult
from gureum.jobs.source import from_clause

__all__ = ["run"]

Tell = Callable[[Mapping[str, Any]], None]

# The leaderboard as it grows; a page of it is what anybody looks at.
SHOWN_MAX = 200

# Candidates that could not be judged, with their reasons: the first ones say what is wrong.
FAILURES_SHOWN_MAX = 30

# A fit learns from this many rows at most; it samples by itself what its budget cannot read.
ROWS_MAX = 5_000_000

# The data is the table's, not the hand-over's.
HANDED_OVER = tuple(name for name in FILES if name != "data.parquet")


def run(client: Any, spec: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Fit, register, hand over. The result names the run, the model's version and what was found in the table."""
    board = _Board(tell)
    board.event({"event": "read"})
    rows = client.sql(f"SELECT * FROM {from_clause(spec['table'])} LIMIT {ROWS_MAX}").to_arrow()
    result = fit(
        rows, spec["target"], spec["task"], spec["metric"], spec["budget_s"],
        experiment=spec["name"], on_event=board.event, **spec["options"],
    )  # fmt: skip
    board.ended(result)
    logged = result.log_model(registered_model_name=spec["name"])
    for name in HANDED_OVER:
        client.upload(f"/tasks/{spec['task_id']}/files/{name}", (Path(result.folder) / name).read_bytes())
    return {
        "run_id": result.run_id, "model": spec["name"], "version": str(logged.registered_model_version or ""),
        "model_uri": logged.model_uri, "metric": result.metric, "score": float(result.score), "task": result.task,
        "candidates": len(result.leaderboard), "spent_s": round(result.spent_s, 1), "rows": rows.num_rows,
        "findings": [asdict(one) for one in result.findings],
        "card": result.card,
    }  # fmt: skip


class _Board:
    """What has happened so far, told anew after each event."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._state: dict[str, Any] = {
            "phase": "waiting", "leaderboard": [], "failed": 0, "failures": [], "judged": 0, "best": None, "findings": [],
        }  # fmt: skip

    def event(self, event: dict[str, Any]) -> None:
        what = event["event"]
        if what == "candidate":
            self._candidate(event)
        else:
            self._state["phase"] = what
            self._state |= {key: value for key, value in event.items() if key not in {"event", "spent_s"}}
        self._state["spent_s"] = event.get("spent_s", self._state.get("spent_s", 0.0))
        self._tell(self._state)

    def ended(self, result: AutopilotResult) -> None:
        """What the ensemble is made of in the end, and what was found up to it; the model is being registered."""
        weights = dict(zip(result.leaderboard["candidate"], result.leaderboard["weight"], strict=True))
        self._weigh(weights)
        findings = [asdict(finding) for finding in result.findings]
        self.event({"event": "register", "findings": findings, "best": float(result.score), "spent_s": result.spent_s})

    def _candidate(self, event: dict[str, Any]) -> None:
        self._state["judged"] += 1
        if event["error"]:
            self._state["failed"] += 1
            if len(self._state["failures"]) < FAILURES_SHOWN_MAX:
                self._state["failures"].append({key: event[key] for key in ("name", "family", "error")})
            return
        board: list[dict[str, Any]] = self._state["leaderboard"]
        board.append({key: event[key] for key in ("name", "family", "params", "seconds", "score")})
        # `best` is the best so far, so it tells which way is better.
        rising = event["best"] >= max(one["score"] for one in board)
        board.sort(key=lambda one: one["score"], reverse=rising)
        del board[SHOWN_MAX:]
        self._state["best"] = event["best"]
        self._weigh(event["weights"])

    def _weigh(self, weights: Mapping[str, float]) -> None:
        for one in self._state["leaderboard"]:
            one["weight"] = round(float(weights.get(one["name"], 0.0)), 4)
