"""How fast streams fill: totals sampled each second from the logs themselves, kept for ten minutes.

Run by the gateway; read by the streams' routes. Needs no word from the writer, so it goes on while the writer restarts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from gureum.catalog.catalog import SYSTEM
from gureum.clock import Clock
from gureum.errors import GureumError
from gureum.streams.readers import Readers
from gureum.streams.spec import StreamSpec
from gureum.streams.streams import Streams

__all__ = ["StreamRates", "StreamTotals"]

SAMPLE_EVERY_S = 1.0
KEPT_S = 600
POINT_S = 5

# A rate over a few seconds is what people take for "now".
RATE_S = 5


@dataclass(frozen=True, slots=True)
class StreamTotals:
    records: int
    bytes: int
    last_arrival_ms: int | None


class StreamRates:
    """Samples of all streams. One per gateway."""

    def __init__(self, streams: Streams, readers: Readers, *, clock: Clock) -> None:
        self._streams = streams
        self._readers = readers
        self._clock = clock
        self._samples: dict[str, deque[tuple[int, int, int]]] = {}

    async def run(self) -> None:
        """Sample for ever; cancelled when the gateway stops."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_EVERY_S)

    def sample(self) -> None:
        now_ms = self._clock.now_ms()
        seen = set()
        after = ""
        while page := self._streams.list(SYSTEM, after=after):
            for spec in page:
                seen.add(spec.id)
                totals = self.totals(spec)
                ring = self._samples.setdefault(spec.id, deque(maxlen=KEPT_S + 1))
                ring.append((now_ms, totals.records, totals.bytes))
            after = page[-1].name
        for stream_id in self._samples.keys() - seen:
            del self._samples[stream_id]

    def totals(self, spec: StreamSpec) -> StreamTotals:
        """What a stream holds and has held, from its logs."""
        records = size = arrival = 0
        for shard in spec.shards:
            try:
                reader = self._readers.get(spec.id, shard.id)
                records += reader.end()
                size += reader.data_bytes_total()
                arrival = max(arrival, reader.last_arrival_ms())
            except GureumError:
                continue  # the shard's own row tells what is wrong with it
        return StreamTotals(records, size, arrival or None)

    def rate(self, stream_id: str) -> tuple[float, float]:
        """Records and bytes per second, over the last few seconds."""
        ring = self._samples.get(stream_id)
        if not ring or len(ring) < 2:
            return 0.0, 0.0
        new, old = ring[-1], ring[max(-len(ring), -1 - RATE_S)]
        seconds = max(0.001, (new[0] - old[0]) / 1000)
        return max(0.0, (new[1] - old[1]) / seconds), max(0.0, (new[2] - old[2]) / seconds)

    def throughput(self, stream_id: str) -> list[tuple[int, int, int]]:
        """Points of POINT_S seconds over the last ten minutes, oldest first: time, records and bytes in that while."""
        ring = list(self._samples.get(stream_id, ()))
        points = []
        for start in range(0, len(ring) - POINT_S, POINT_S):
            old, new = ring[start], ring[start + POINT_S]
            points.append((new[0], max(0, new[1] - old[1]), max(0, new[2] - old[2])))
        return points
