"""What a stream took lately: totals and a bounded history by the second, for Studio.

Fed by `writer` once for each group (not for each record); read by whoever shows it. Memory only: a restart begins anew.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

__all__ = ["HISTORY_S", "Counters", "Rates"]

# Five minutes: what a live chart shows. Two numbers a second make 4.8 kB a shard.
HISTORY_S = 300


@dataclass(frozen=True, slots=True)
class Rates:
    """A snapshot. The lists have one item for each second, oldest first, the running second left out."""

    records_total: int
    bytes_total: int
    last_arrival_ms: int
    records_per_s: list[int]
    bytes_per_s: list[int]


class Counters:
    """Counts one shard (or, added up, one stream)."""

    def __init__(self) -> None:
        self.records_total = 0
        self.bytes_total = 0
        self.last_arrival_ms = 0
        self._second = 0
        self._records = array("Q", bytes(8 * (HISTORY_S + 1)))
        self._bytes = array("Q", bytes(8 * (HISTORY_S + 1)))

    def note(self, arrival_ms: int, records: int, size_bytes: int) -> None:
        self._advance(arrival_ms // 1000)
        slot = self._second % (HISTORY_S + 1)
        self._records[slot] += records
        self._bytes[slot] += size_bytes
        self.records_total += records
        self.bytes_total += size_bytes
        self.last_arrival_ms = max(self.last_arrival_ms, arrival_ms)

    def rates(self, now_ms: int, *, seconds: int = HISTORY_S) -> Rates:
        """The history up to the last whole second."""
        self._advance(now_ms // 1000)
        seconds = min(seconds, HISTORY_S)
        slots = [(self._second - back) % (HISTORY_S + 1) for back in range(seconds, 0, -1)]
        return Rates(
            self.records_total,
            self.bytes_total,
            self.last_arrival_ms,
            [self._records[slot] for slot in slots],
            [self._bytes[slot] for slot in slots],
        )

    def _advance(self, second: int) -> None:
        # Seconds that nothing happened in are set to 0 when time goes over them; a clock set back counts into the newest.
        for passed in range(max(self._second + 1, second - HISTORY_S), second + 1):
            slot = passed % (HISTORY_S + 1)
            self._records[slot] = 0
            self._bytes[slot] = 0
        self._second = max(self._second, second)
