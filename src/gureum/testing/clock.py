"""A clock that moves only when a test says so."""

from __future__ import annotations

__all__ = ["ManualClock"]


class ManualClock:
    """Starts at 2026-01-01 00:00 UTC unless told otherwise."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 0.0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)
        self._monotonic_s += seconds
