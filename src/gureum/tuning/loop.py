"""The loop of one tuning: keep the workers busy, hear how trials go, until a limit is met.

Called by `search`. One thread does all of it. Promise: the time budget holds within a worker's kill; Ctrl-C ends it cleanly; it
ends with no worker alive and none of its trials left running.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any, Protocol

from optuna.trial import FrozenTrial

from gureum.clock import Clock
from gureum.errors import InvalidInput
from gureum.tuning.budget import Budget
from gureum.tuning.crew import Crew, Worker
from gureum.tuning.lease import BEAT_S
from gureum.tuning.space import Space
from gureum.tuning.study import Claim, Study, outcome_of

__all__ = ["Loop", "Recorder"]


class Recorder(Protocol):
    """Who wants to know of each ended trial (see `runs`)."""

    def poll(self) -> None:
        """Called often; returns at once, mostly."""

    def ended(self, trial: FrozenTrial) -> None:
        """A trial ended by this process; returns at once."""


class Loop:
    """One call's work on a study."""

    def __init__(
        self, study: Study, space: Space, crew: Crew, budget: Budget, clock: Clock, recorder: Recorder | None = None
    ) -> None:
        self._study = study
        self._space = space
        self._crew = crew
        self._budget = budget
        self._clock = clock
        self._recorder = recorder
        self._running: dict[Worker, Claim] = {}
        self._failures_in_a_row = 0
        self._exhausted = False

    def run(self, started_s: float) -> str:
        """Work until a limit is met, and say which: `trials`, `time` or `interrupted`.

        Raises InvalidInput when the objective keeps failing, or cannot work at all.
        """
        deadline_s = None if self._budget.seconds is None else started_s + self._budget.seconds
        reaped_s = -BEAT_S
        try:
            with _interrupts() as (interrupted, wake):
                while True:
                    now_s = self._clock.monotonic_s()
                    if interrupted.is_set():
                        return "interrupted"
                    if deadline_s is not None and now_s >= deadline_s:
                        return "time"
                    if now_s - reaped_s >= BEAT_S:
                        self._reap()
                        reaped_s = now_s
                    if self._recorder is not None:
                        self._recorder.poll()
                    self._give_work()
                    if self._exhausted and not self._running and not self._reap():
                        return "trials"
                    left_s = BEAT_S if deadline_s is None else deadline_s - self._clock.monotonic_s()
                    for worker, message in self._crew.listen(left_s, wake):
                        self._hear(worker, message)
        finally:
            self._crew.stop()
            for trial in self._study.stop_own("the tuning ended first"):
                self._note(trial)

    def _give_work(self) -> None:
        if not self._exhausted:
            self._crew.fill(self._budget.trials)
        for worker in self._crew.workers:
            if worker.ready and not worker.busy and not self._exhausted:
                claim = self._study.claim(self._space, worker.name, self._budget.trials)
                if claim is None:
                    self._exhausted = True
                    return
                self._running[worker] = claim
                worker.give(claim.number, claim.params)

    def _reap(self) -> bool:
        """End what dead processes left; True when there was something, so that there may be work again."""
        reaped = self._study.reap()
        for trial in reaped:
            self._note(trial)
        if reaped:
            self._exhausted = False
        return bool(reaped)

    def _hear(self, worker: Worker, message: dict[str, Any]) -> None:
        if message["kind"] == "step":
            worker.answer(prune=self._study.step(self._running[worker], message["step"], message["value"]))
            return
        claim = self._running.pop(worker, None)
        worker.busy = False
        if claim is None:
            return  # it was not running a trial: ready, or dead before its first
        if message["kind"] == "unusable":
            self._study.tell(claim, {**message, "kind": "stopped"})
            raise InvalidInput(
                message["reason"], code="tuning.metric", hint="metric='name' says which of them to make best"
            )
        told = self._study.tell(claim, message)
        if told is not None:
            self._note(told)
            self._count(told)

    def _note(self, trial: FrozenTrial) -> None:
        if self._recorder is not None:
            self._recorder.ended(trial)

    def _count(self, trial: FrozenTrial) -> None:
        """Raises InvalidInput at the last of too many failures in a row."""
        kind = outcome_of(trial)
        if kind == "lost":
            self._exhausted = False  # its parameters want another try
        if kind in {"complete", "pruned"}:
            self._failures_in_a_row = 0
        if kind == "failed":
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= self._budget.failures_in_a_row_max:
                raise objective_failed(self._study.name, self._failures_in_a_row, trial)


def objective_failed(study: str, count: int, trial: FrozenTrial) -> InvalidInput:
    """The error that says that the objective is broken, with the last failure's own words and traceback."""
    reason = trial.user_attrs.get("gureum.reason", "it failed")
    return InvalidInput(
        f"the objective failed {count} times with no success between: {reason}",
        code="tuning.objective_failed",
        hint=f"`traceback` in the details shows where; gureum.tuning.load({study!r}).trials has all of them",
        traceback=trial.user_attrs.get("gureum.traceback"),
        params={name: repr(value) for name, value in trial.params.items()},
    )


@contextlib.contextmanager
def _interrupts() -> Iterator[tuple[threading.Event, int]]:
    """Turn the first Ctrl-C into an event that wakes the loop, so that it is never torn out of the middle of a write.

    The second one is a KeyboardInterrupt again. Elsewhere than in the main thread there is no Ctrl-C to see.
    """
    interrupted = threading.Event()
    read, write = os.pipe()
    before: Any = None

    def note(*_: object) -> None:
        interrupted.set()
        os.write(write, b"!")
        signal.signal(signal.SIGINT, before)

    main = threading.current_thread() is threading.main_thread()
    if main:
        before = signal.getsignal(signal.SIGINT)
        # Whoever ignores Ctrl-C, or has a handler of his own (an asyncio loop), keeps that.
        main = before is signal.default_int_handler
    if main:
        signal.signal(signal.SIGINT, note)
    try:
        yield interrupted, read
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
        os.close(read)
        os.close(write)
