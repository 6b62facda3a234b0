"""The word for how a monitor does, from its newest windows."""

from __future__ import annotations

from typing import Any

import pytest

from gureum.gateways.http.monitor_models import MonitorWindow
from gureum.gateways.http.monitors import _state


def window(state: str, *, checked: bool = False, alarm: bool | None = None) -> MonitorWindow:
    body: dict[str, Any] = {
        "window": 1, "state": state, "checked": checked, "since": None, "until": None, "rows": None, "alarm": alarm,
        "culprit": None, "findings": [], "error": None, "at_ms": 0, "task": "t", "effects": {}, "drifted": [], "report": None,
    }  # fmt: skip
    return MonitorWindow(**body)


CALM, ALARM = window("done", checked=True, alarm=False), window("done", checked=True, alarm=True)
FEW, FAILED, RUNNING, WAITING = window("done"), window("failed"), window("running"), window("waiting")


@pytest.mark.parametrize(
    ("windows", "word"),
    [
        ([], "waiting"),
        ([FEW], "waiting"),
        ([WAITING, CALM], "healthy"),
        ([FEW, ALARM, CALM], "drifting"),
        ([RUNNING, FAILED, CALM], "failed"),
        ([WAITING, FAILED], "failed"),
        ([CALM, FAILED], "healthy"),
    ],
)
def test_the_last_try_that_ended_says_how_a_monitor_does(windows: list[MonitorWindow], word: str):
    assert _state({"baseline": "b", "running": True}, windows) == word


def test_a_monitor_without_a_baseline_and_a_stopped_one_say_so_whatever_was():
    assert _state({"baseline": None, "running": True}, [ALARM]) == "no baseline"
    assert _state({"baseline": "b", "running": False}, [FAILED]) == "stopped"
