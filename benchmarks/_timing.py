"""How long an act takes, warm: the median of several."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

__all__ = ["median_s"]


def median_s(act: Callable[[], Any], times: int, clock: Callable[[], float]) -> float:
    """`clock` tells seconds of CPU (`time.process_time`) or of the wall (`time.perf_counter`)."""
    act()
    taken = []
    for _ in range(times):
        started = clock()
        act()
        taken.append(clock() - started)
    return median(taken)
