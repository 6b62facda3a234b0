"""How an endpoint does: requests, errors and latency of the last minutes, by deployment.

Kept by the gateway in memory, one histogram a minute: an observation is a list's increment. Promise: quantiles are within
the width of a step (7 %) of the true ones; what is older than MINUTES is gone.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

__all__ = ["MINUTES", "Latency"]

MINUTES = 15

# From 0.1 ms in steps of 7 %: the last begins beyond the longest wait.
_FIRST_MS = 0.1
_STEP = math.log(1.07)
_STEPS = 210


class Latency:
    """One deployment's."""

    def __init__(self) -> None:
        self._minutes: deque[_Minute] = deque(maxlen=MINUTES)

    def note(self, now_ms: int, latency_ms: float, *, failed: bool) -> None:
        minute = now_ms // 60_000
        if not self._minutes or self._minutes[-1].minute != minute:
            self._minutes.append(_Minute(minute))
        last = self._minutes[-1]
        last.requests += 1
        last.errors += failed
        step = int(math.log(latency_ms / _FIRST_MS) / _STEP) + 1 if latency_ms > _FIRST_MS else 0
        last.counts[min(step, _STEPS - 1)] += 1

    def summary(self, now_ms: int) -> dict[str, Any]:
        """Totals of the last MINUTES, and the same minute by minute, oldest first, for a chart."""
        first = now_ms // 60_000 - MINUTES + 1
        minutes = [minute for minute in self._minutes if minute.minute >= first]
        whole = _Minute(0)
        for minute in minutes:
            whole.requests += minute.requests
            whole.errors += minute.errors
            whole.counts = [a + b for a, b in zip(whole.counts, minute.counts, strict=True)]
        return {
            **whole.figures(),
            "minutes": [{"at_ms": minute.minute * 60_000, **minute.figures()} for minute in minutes],
        }


class _Minute:
    __slots__ = ("counts", "errors", "minute", "requests")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.requests = 0
        self.errors = 0
        self.counts = [0] * _STEPS

    def figures(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "errors": self.errors,
            **{f"p{round(q * 100)}_ms": self._quantile(q) for q in (0.5, 0.95, 0.99)},
        }

    def _quantile(self, q: float) -> float | None:
        wanted = math.ceil(q * self.requests)
        seen = 0
        for step, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return round(_FIRST_MS * math.exp(_STEP * step), 3)
        return None
