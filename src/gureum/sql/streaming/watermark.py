"""How far event time has come: one watermark a shard, and the query's, which is the least of them.

Called by `query`. Pure; the time of day comes in as an argument. A shard's watermark is its latest event time minus the
delay that the stream allows. A shard that is read to its end and got nothing for the idle time does not hold the others
back; when every shard is idle the furthest one counts, as in Flink. The query's watermark never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gureum.sql.streaming.window import NO_WATERMARK

__all__ = ["ShardClock", "Watermarks"]

# A shard that is so far ahead of another one that still has records waits for it: else a query that catches up would hold
# the open windows of everything in between.
AHEAD_US_MAX = 300_000_000


@dataclass(slots=True)
class ShardClock:
    """Where one shard is, in its log and in time."""

    position: Any
    watermark_us: int = NO_WATERMARK
    ended: bool = False
    behind: int = 0
    quiet_since_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {"position": self.position, "watermark_us": self.watermark_us, "ended": self.ended}


@dataclass(slots=True)
class Watermarks:
    delay_us: int
    idle_timeout_s: float
    shards: dict[str, ShardClock] = field(default_factory=dict)
    current_us: int = NO_WATERMARK

    def saw(self, shard: str, newest_us: int | None) -> None:
        """Rows of a shard were read, the latest of this event time."""
        if newest_us is not None:
            clock = self.shards[shard]
            clock.watermark_us = max(clock.watermark_us, newest_us - self.delay_us)

    def is_idle(self, shard: str, now_s: float) -> bool:
        clock = self.shards[shard]
        if clock.behind or not self.idle_timeout_s:
            return False
        return now_s - clock.quiet_since_s >= self.idle_timeout_s

    def advance(self, now_s: float) -> int:
        """The query's watermark now."""
        active = [clock for name, clock in self.shards.items() if not clock.ended and not self.is_idle(name, now_s)]
        if active:
            found = min(clock.watermark_us for clock in active)
        else:
            found = max((clock.watermark_us for clock in self.shards.values()), default=NO_WATERMARK)
        self.current_us = max(self.current_us, found)
        return self.current_us

    def may_read(self, shard: str) -> bool:
        """Whether a shard should be read now, or wait for others that are behind in time."""
        clock = self.shards[shard]
        if clock.ended:
            return False
        waiting = [other.watermark_us for other in self.shards.values() if other.behind and not other.ended]
        return not waiting or clock.watermark_us <= min(waiting) + AHEAD_US_MAX
