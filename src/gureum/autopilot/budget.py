"""How much of the budget is left, and work that must not outlast it.

Called by fit and the search. Promise: `within` returns when the work is done or when its time is over, whichever comes first;
work that cannot be interrupted goes on alone in its thread, is told to stop, and its result is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from gureum.clock import Clock

__all__ = ["Budget", "Overtime"]

T = TypeVar("T")

# The clock is an argument, so it is asked, not slept on.
LOOK_S = 0.02


class Overtime(Exception):
    """The work did not end in its time."""


class _Outcome(Generic[T]):
    value: T
    error: BaseException | None = None


class Budget:
    """Seconds since `fit` was called, against what was granted."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self.seconds = seconds
        self.clock = clock
        self._start = clock.monotonic_s()

    def spent_s(self) -> float:
        return self.clock.monotonic_s() - self._start

    def left_s(self) -> float:
        return self.seconds - self.spent_s()

    def over_at(self, spent_s: float) -> Callable[[], bool]:
        """A question for training loops: are so many seconds over?"""
        return lambda: self.spent_s() >= spent_s

    def within(self, limit_s: float, work: Callable[[Callable[[], bool]], T]) -> T:
        """Do `work(abandoned)`; raise Overtime when it takes longer than `limit_s`. Errors of the work come out here.

        The thread is a daemon: a C++ call that cannot be interrupted must not keep the caller, nor the process, waiting.
        """
        given_up = threading.Event()
        outcome: _Outcome[T] = _Outcome()
        done = threading.Event()

        def run() -> None:
            try:
                outcome.value = work(given_up.is_set)
            except BaseException as error:
                outcome.error = error
            finally:
                done.set()

        thread = threading.Thread(target=run, name="autopilot", daemon=True)
        thread.start()
        try:
            end_s = self.spent_s() + limit_s
            while not (finished := done.wait(LOOK_S)) and self.spent_s() < end_s:
                pass
        except BaseException:
            given_up.set()  # Ctrl-C
            raise
        if not finished:
            given_up.set()
            raise Overtime
        if outcome.error is not None:
            raise outcome.error
        return outcome.value
