"""What a read gives: runs of records as views of the bytes on disk, ready to be Arrow columns.

Made by `reader`; consumed by the SQL engine (columns) and by the gateways (records one by one). Knows no files.

    for run in batch.runs:
        column = pa.Array.from_buffers(pa.binary(), run.count, [None, pa.py_buffer(run.data_offsets), pa.py_buffer(run.data)])
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Batch", "Record", "Run"]


class Record(NamedTuple):
    """One record, copied out of its batch."""

    offset: int
    arrival_ms: int
    key: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive records that arrived together: one frame, or a part of one.

    `key_offsets` and `data_offsets` are int32 views with count + 1 items that point into `keys` and `data`; in a part of a
    frame the first item is not 0 (Arrow allows that). All views keep the bytes behind them alive and are 8-byte aligned where
    the run begins with its frame, 4-byte aligned elsewhere.
    """

    first_offset: int
    count: int
    arrival_ms: int
    key_offsets: memoryview
    keys: memoryview
    data_offsets: memoryview
    data: memoryview

    @property
    def data_bytes(self) -> int:
        """The bytes of the records' data, without keys."""
        return int(self.data_offsets[self.count]) - int(self.data_offsets[0])

    @property
    def keys_bytes(self) -> int:
        return int(self.key_offsets[self.count]) - int(self.key_offsets[0])

    def records(self) -> Iterator[Record]:
        keys, data = self.keys, self.data
        key_ends = self.key_offsets.tolist()
        data_ends = self.data_offsets.tolist()
        for index in range(self.count):
            yield Record(
                self.first_offset + index,
                self.arrival_ms,
                bytes(keys[key_ends[index] : key_ends[index + 1]]),
                bytes(data[data_ends[index] : data_ends[index + 1]]),
            )

    def part(self, start: int, count: int) -> Run:
        """The run without its first `start` records, and at most `count` of the rest."""
        count = min(count, self.count - start)
        return Run(
            self.first_offset + start,
            count,
            self.arrival_ms,
            self.key_offsets[start : start + count + 1],
            self.keys,
            self.data_offsets[start : start + count + 1],
            self.data,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """The records from `first_offset` up to, not with, `next_offset`, in order and without gaps; read on at `next_offset`.

    `end_offset` is where the shard's durable records ended when this was read, so `end_offset - next_offset` is the lag in
    records.
    """

    first_offset: int
    next_offset: int
    end_offset: int
    runs: list[Run] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.next_offset - self.first_offset

    @property
    def data_bytes(self) -> int:
        return sum(run.data_bytes for run in self.runs)

    def records(self) -> Iterator[Record]:
        for run in self.runs:
            yield from run.records()
