"""A worker process: takes one trial after the other from its parent, runs the objective, says how it went.

Started by `crew` in a fresh Python, never forked: a fork after LightGBM or OpenMP ran would hang.
It talks JSON over a socket of its own, so that the objective may print what it likes. Loads neither Optuna nor anything of a
server. Promise: it dies with its parent, and never tells the study anything itself.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

__all__ = ["REPORTS_MAX", "Pruned", "Trial"]

REPORTS_MAX = 10_000  # steps a trial; each is a line in the journal and a point in the run
REASON_CHARS_MAX = 500
TRACEBACK_CHARS_MAX = 10_000

_PR_SET_PDEATHSIG = 1


class Pruned(BaseException):
    """Ends a trial that is not promising. No Exception, so that an objective's `except Exception` does not swallow it."""


class Trial:
    """The trial that an objective may take beside its parameters."""

    def __init__(self, number: int, params: dict[str, Any], channel: Connection, *, pruning: bool) -> None:
        self.number = number
        self.params = params
        self._channel = channel
        self._pruning = pruning
        self.steps: dict[int, float] = {}

    def report(self, step: int, value: float) -> None:
        """Say how good it is after `step` (an epoch, a round, a fold). With early stopping, the trial may end here."""
        step, value = int(step), float(value)
        if step < 0:
            raise ValueError(f"a step is a number from 0, not {step}")
        if step not in self.steps and len(self.steps) >= REPORTS_MAX:
            raise ValueError(f"a trial reports at most {REPORTS_MAX} steps: report each tenth")
        self.steps[step] = value
        if self._pruning:
            _send(self._channel, {"kind": "step", "step": step, "value": value})
            if json.loads(self._channel.recv_bytes())["prune"]:
                raise Pruned


def run_trial(objective: Callable[..., Any], trial: Trial, *, with_trial: bool, metric: str | None) -> dict[str, Any]:
    """Run the objective once and say how it went, as the JSON that the parent gets. Raises nothing of the objective's."""
    try:
        params = dict(trial.params)
        value = objective(params, trial) if with_trial else objective(params)
    except Pruned:
        return {"kind": "pruned"}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: an objective that calls sys.exit has failed, not its worker
        reason = f"{type(error).__name__}: {error}"[:REASON_CHARS_MAX]
        # Without our own frame, which says nothing about the objective.
        lines = traceback.format_exception(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
        return {"kind": "failed", "reason": reason, "traceback": "".join(lines)[-TRACEBACK_CHARS_MAX:]}
    return judge(value, metric)


def judge(value: Any, metric: str | None) -> dict[str, Any]:
    """What an objective's result means: complete with a value, failed with a reason, or unusable whatever the parameters."""
    metrics: dict[str, float] = {}
    if isinstance(value, Mapping):
        if metric is None:
            named = ", ".join(repr(str(key)) for key in list(value)[:5])
            return {"kind": "unusable", "reason": f"the objective returns a dict of metrics ({named})"}
        if metric not in value:
            return {"kind": "failed", "reason": f"the objective returned no metric {metric!r}"}
        for name, number in value.items():
            if (as_float := _number(number)) is not None:
                metrics[str(name)] = as_float
        value = value[metric]
    number = _number(value)
    if number is None:
        return {"kind": "failed", "reason": f"the objective returned {type(value).__name__}, not a number"}
    if math.isnan(number):
        return {"kind": "failed", "reason": "the objective returned NaN"}
    return {"kind": "complete", "value": number, "metrics": metrics}


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, (str, bytes)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _send(channel: Connection, message: Mapping[str, Any]) -> None:
    channel.send_bytes(json.dumps(message).encode())


def _die_with_parent(parent_pid: int) -> None:
    """SIGKILL from the kernel where there is one: it reaches an objective that sits in C code. Elsewhere, a look each second."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent_pid:
            threading.Event().wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="gureum-parent-watch", daemon=True).start()


def main() -> None:
    """The worker's life: load the objective, then one trial after the other until the parent hangs up."""
    channel, parent_pid = Connection(int(sys.argv[1])), int(sys.argv[2])
    _die_with_parent(parent_pid)
    os.set_inheritable(channel.fileno(), False)  # the objective's own children must not hold it open
    try:
        setup = json.loads(channel.recv_bytes())
        sys.argv = setup["argv"]
        objective = pickle.loads(Path(setup["objective"]).read_bytes())  # noqa: S301 - written by our parent
    except EOFError:
        return
    except BaseException as error:
        lines = traceback.format_exception(error)
        reason = f"{type(error).__name__}: {error}"[:REASON_CHARS_MAX]
        _send(channel, {"kind": "cannot_start", "reason": reason, "traceback": "".join(lines)[-TRACEBACK_CHARS_MAX:]})
        return
    _send(channel, {"kind": "ready"})
    while True:
        try:
            order = channel.recv_bytes()
        except EOFError:
            return
        number, params = pickle.loads(order)  # noqa: S301 - from our parent; a choice may hold any value
        trial = Trial(number, params, channel, pruning=setup["pruning"])
        outcome = run_trial(objective, trial, with_trial=setup["with_trial"], metric=setup["metric"])
        sys.stdout.flush()
        steps = [] if setup["pruning"] else list(trial.steps.items())
        _send(channel, {**outcome, "steps": steps})
