"""Where the frames of one segment are: a sparse table of positions, first offsets and arrival times.

Kept in memory by `log` and `reader`; written beside a sealed segment as `<first offset>.idx` by `log`. It also carries the
last epoch of each internal producer, so that exactly-once appends survive the deletion of old segments.

Promise: an index is a shortcut, never the truth: it is checksummed, rebuilt from the segment when missing or damaged, and
whoever follows it checks the frame that it finds.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from pathlib import Path

from gureum.store.files import Files, ReadableFile
from gureum.streams.frame import NO_PRODUCER, FrameHeader
from gureum.streams.segment import SEGMENT_HEADER_BYTES, find_frame_after, read_salt, scan_frames

__all__ = ["PRODUCERS_MAX", "Producers", "SegmentIndex", "index_name", "list_indexes", "load_index", "rebuild_index"]

INDEX_SUFFIX = ".idx"
_MAGIC = b"gRi\x01"
_HEADER = struct.Struct("<4sIQQQQQIII")
_PRODUCER = struct.Struct("<16sQQ")

# One entry for at least so many bytes of segment: a 64 MiB segment has at most 4,096 entries, 96 KiB, however small its
# frames are, and a seek reads 16 KiB more than it needs.
ENTRY_EVERY_BYTES = 16 << 10

# Standing queries are the producers, tens of them. The least recently seen is forgotten beyond this, so that a client that
# invents producers cannot grow the index without end.
PRODUCERS_MAX = 10_000


class Producers:
    """The last epoch of each internal producer in one shard, and the offset that it was written at."""

    def __init__(self, last: dict[bytes, tuple[int, int]] | None = None) -> None:
        self._last = dict(last or {})

    def get(self, producer: bytes) -> tuple[int, int] | None:
        """(epoch, first offset) of the producer's newest frame."""
        return self._last.get(producer)

    def note(self, header: FrameHeader) -> None:
        if header.producer != NO_PRODUCER:
            self.put(header.producer, header.epoch, header.first_offset)

    def put(self, producer: bytes, epoch: int, first_offset: int) -> None:
        self._last.pop(producer, None)
        self._last[producer] = (epoch, first_offset)
        if len(self._last) > PRODUCERS_MAX:
            del self._last[next(iter(self._last))]

    def items(self) -> list[tuple[bytes, tuple[int, int]]]:
        return list(self._last.items())

    def copy(self) -> Producers:
        return Producers(self._last)


class SegmentIndex:
    """The table of one segment, grown frame by frame."""

    def __init__(self, first_offset: int) -> None:
        self.first_offset = first_offset
        self.next_offset = first_offset
        self.end_bytes = SEGMENT_HEADER_BYTES
        self.first_arrival_ms = 0
        self.last_arrival_ms = 0
        self._positions = array("Q")
        self._offsets = array("Q")
        self._arrivals = array("Q")

    def add(self, header: FrameHeader) -> None:
        """Note the next frame. Frames come in order; behind damage they may leave a gap."""
        if not self._positions or header.position - self._positions[-1] >= ENTRY_EVERY_BYTES:
            self._positions.append(header.position)
            self._offsets.append(header.first_offset)
            self._arrivals.append(header.arrival_ms)
        if not self.first_arrival_ms:
            self.first_arrival_ms = header.arrival_ms
        self.last_arrival_ms = header.arrival_ms
        self.next_offset = header.next_offset
        self.end_bytes = header.end

    def find_offset(self, offset: int) -> tuple[int, int]:
        """(position, first offset) of a frame at or before the one that holds `offset`."""
        entry = bisect_right(self._offsets, offset) - 1
        if entry < 0:
            return SEGMENT_HEADER_BYTES, self.first_offset
        return self._positions[entry], self._offsets[entry]

    def find_arrival(self, arrival_ms: int) -> tuple[int, int]:
        """(position, first offset) of a frame at or before the first that arrived at `arrival_ms` or later."""
        # The frames between two entries have arrival times between theirs, so start at the entry before.
        entry = max(bisect_left(self._arrivals, arrival_ms) - 1, 0)
        if not self._positions:
            return SEGMENT_HEADER_BYTES, self.first_offset
        return self._positions[entry], self._offsets[entry]

    def encode(self, producers: Producers) -> bytes:
        entries = len(self._positions)
        known = producers.items()
        header = _HEADER.pack(
            _MAGIC,
            0,
            self.first_offset,
            self.next_offset,
            self.end_bytes,
            self.first_arrival_ms,
            self.last_arrival_ms,
            entries,
            len(known),
            0,
        )
        packed = b"".join(_PRODUCER.pack(producer, *last) for producer, last in known)
        body = b"".join((header, self._positions, self._offsets, self._arrivals, packed))
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def decode(cls, raw: bytes) -> tuple[SegmentIndex, Producers] | None:
        """The index and its producers, or None if the bytes are damaged."""
        if len(raw) < _HEADER.size + 4 or raw[:4] != _MAGIC or zlib.crc32(raw[:-4]) != struct.unpack("<I", raw[-4:])[0]:
            return None
        _, _, first, next_offset, end_bytes, first_arrival, last_arrival, entries, known, _ = _HEADER.unpack_from(raw)
        index = cls(first)
        index.next_offset = next_offset
        index.end_bytes = end_bytes
        index.first_arrival_ms = first_arrival
        index.last_arrival_ms = last_arrival
        at = _HEADER.size
        for column in (index._positions, index._offsets, index._arrivals):
            column.frombytes(raw[at : at + entries * 8])
            at += entries * 8
        last = {}
        for number in range(known):
            producer, epoch, first_offset = _PRODUCER.unpack_from(raw, at + number * _PRODUCER.size)
            last[producer] = (epoch, first_offset)
        return index, Producers(last)


def index_name(first_offset: int) -> str:
    return f"{first_offset:020d}{INDEX_SUFFIX}"


def list_indexes(files: Files, folder: Path) -> list[int]:
    """The first offsets of the index files in a shard's folder, rising."""
    return [int(name[: -len(INDEX_SUFFIX)]) for name in files.list(folder) if name.endswith(INDEX_SUFFIX)]


def load_index(files: Files, folder: Path, first_offset: int) -> tuple[SegmentIndex, Producers] | None:
    """The index file of a sealed segment, or None if it is missing or damaged."""
    try:
        decoded = SegmentIndex.decode(files.read(folder / index_name(first_offset)))
    except FileNotFoundError:
        return None
    return decoded if decoded is not None and decoded[0].first_offset == first_offset else None


def rebuild_index(file: ReadableFile, first_offset: int, producers: Producers) -> SegmentIndex:
    """Walk a sealed segment and note its frames in a new index, and their producers in `producers`.

    Damaged places are stepped over here, and only here: the index then leads past them to what is still readable, and a
    read of what they held raises CorruptData.
    """
    index = SegmentIndex(first_offset)
    salt = read_salt(file, first_offset)
    if salt is None:
        return index
    end = file.size()
    position, offset = SEGMENT_HEADER_BYTES, first_offset
    while True:
        for header in scan_frames(file, salt=salt, position=position, offset=offset, end=end, verify=False):
            index.add(header)
            producers.note(header)
            position, offset = header.end, header.next_offset
        found = find_frame_after(file, salt=salt, position=position + 1, offset=offset, end=end)
        if found is None:
            return index
        position, offset = found.position, found.first_offset
