"""Autopilot and tuning on the server, as the SDK sees them: start one on a table, follow it, take what it hands over.

`gureum.autopilot.fit` and `gureum.tune` do the same in one's own process.
"""

from __future__ import annotations

from typing import Any

from gureum.client.task import Task
from gureum.client.transport import Transport

__all__ = ["Fit", "start_fit", "start_tuning"]


class Fit(Task):
    """A fit or a search that runs on the server."""

    def leaderboard(self) -> list[dict[str, Any]]:
        """The candidates so far, best first."""
        board: list[dict[str, Any]] = self.describe()["progress"].get("leaderboard", [])
        return board


def start_fit(
    transport: Transport,
    name: str,
    *,
    table: str,
    target: str,
    task: str,
    metric: str,
    budget_s: float,
    runtime: str | None,
    options: Any,
) -> Fit:
    body = {
        "name": name, "table": table, "target": target, "task": task, "metric": metric, "budget_s": budget_s,
        "runtime": runtime, "options": options,
    }  # fmt: skip
    return Fit(transport, transport.json("POST", "/autopilot", body=body)["id"])


def start_tuning(transport: Transport, name: str, body: dict[str, Any]) -> Fit:
    return Fit(transport, transport.json("POST", "/tuning", body={"name": name, **body})["id"])
