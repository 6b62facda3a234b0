"""The time, as an argument: whoever needs it takes a Clock, so that a test can hold it still.

`app.py` passes SystemClock; tests pass `gureum.testing.ManualClock`.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC; may step backwards when the host's clock is set."""

    def monotonic_s(self) -> float:
        """Seconds that only rise, for intervals."""


class SystemClock:
    """The host's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()
