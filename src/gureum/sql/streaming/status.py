"""What a standing query says of itself. Made by `query` after each step; read from any thread. Plain values."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["QueryState", "QueryStatus", "Rates"]

# Rates are over the last so many seconds: short enough to show a change, long enough to be steady.
RATE_S = 10.0


class QueryState(StrEnum):
    WAITING = "waiting"  # made, not running yet, or trying again
    RUNNING = "running"
    DRAINING = "draining"  # firing its open windows, then stopped
    STOPPED = "stopped"
    FAILED = "failed"  # needs a person; `error` and `hint` say what for


@dataclass(frozen=True, slots=True)
class QueryStatus:
    state: QueryState = QueryState.WAITING
    watermark_ms: int | None = None
    lag_ms: int | None = None  # how long the oldest unread record has waited; 0 when all is read
    behind: Mapping[str, int] = field(default_factory=dict)  # records to read, by shard
    rows_in: int = 0
    rows_out: int = 0
    rows_in_per_s: float = 0.0
    rows_out_per_s: float = 0.0
    late: int = 0
    dead_letters: int = 0
    alerts_firing: int = 0
    alerts_sent: int = 0
    open_windows: int = 0
    state_bytes: int = 0
    epoch: int = 0
    checkpoint_at_ms: int | None = None
    checkpoint_took_ms: float | None = None
    error: str | None = None
    error_code: str | None = None
    hint: str | None = None
    restarts: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"state": str(self.state), "behind": dict(self.behind)}


class Rates:
    """Rows a second over the last RATE_S seconds, from totals."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def add(self, now_s: float, rows_in: int, rows_out: int) -> tuple[float, float]:
        samples = self._samples
        if not samples or now_s - samples[-1][0] >= RATE_S / 20:
            samples.append((now_s, rows_in, rows_out))
        while len(samples) > 2 and now_s - samples[0][0] > RATE_S:
            samples.popleft()
        then_s, then_in, then_out = samples[0]
        passed = now_s - then_s
        if passed <= 0:
            return 0.0, 0.0
        return (rows_in - then_in) / passed, (rows_out - then_out) / passed
