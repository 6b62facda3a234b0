"""The durable end of a shard, shared with every process by a small memory-mapped file.

Written by `log`, the one writer, after each sync and before it acknowledges; read by `reader` in any process, to know how
far the segment files may be read, and by recovery, as a proof that everything before it was synced.

Promise: it never runs ahead of the disk. After a crash of the machine it may be older than the truth, torn, or missing:
recovery then finds the end in the segments themselves.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from gureum.store.files import Cell, Files

__all__ = ["DURABLE_NAME", "DurableCell", "DurableEnd"]

DURABLE_NAME = "durable"

_FIELDS = struct.Struct("<4sIQQQQQQQ")
_CRC = struct.Struct("<I")
_CELL_BYTES = _FIELDS.size + _CRC.size
_MAGIC = b"gRd\x01"
_DELETED = 1

# Another process may read while the writer writes; a torn read is over in nanoseconds, so a few tries are plenty.
TORN_READ_TRIES = 50


class DurableEnd(NamedTuple):
    """How far a shard is durable. `segment` is the first offset (and name) of the segment being written to."""

    segment: int
    segment_bytes: int
    next_offset: int
    first_offset: int
    arrival_ms: int
    data_bytes_total: int
    deleted: bool = False


class DurableCell:
    """The file, mapped."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._raw = b""
        self._end: DurableEnd | None = None
        self._writes = 0

    @classmethod
    def open(cls, files: Files, folder: Path, *, writable: bool) -> DurableCell:
        """Map the shard's cell; FileNotFoundError if it is missing, ValueError if it is too short, and not writable."""
        return cls(files.open_cell(folder / DURABLE_NAME, _CELL_BYTES, writable=writable))

    def load(self) -> DurableEnd | None:
        """The end as of now, or None if the file holds none (new, or torn by a crash of the machine)."""
        for _ in range(TORN_READ_TRIES):
            raw = self._cell.read()
            if raw == self._raw:
                return self._end  # nothing new: the cheap way, taken by every poll
            fields = raw[: _FIELDS.size]
            if zlib.crc32(fields) == _CRC.unpack_from(raw, _FIELDS.size)[0] and raw[:4] == _MAGIC:
                magic_flags_and_numbers = _FIELDS.unpack(fields)
                _, flags, _, segment, segment_bytes, next_offset, first_offset, arrival_ms, total = (
                    magic_flags_and_numbers
                )
                self._end = DurableEnd(
                    segment, segment_bytes, next_offset, first_offset, arrival_ms, total, bool(flags & _DELETED)
                )
                self._raw = raw
                return self._end
        return None

    def store(self, end: DurableEnd) -> None:
        """Publish an end whose bytes are synced already."""
        self._writes += 1
        fields = _FIELDS.pack(
            _MAGIC,
            _DELETED if end.deleted else 0,
            self._writes,
            end.segment,
            end.segment_bytes,
            end.next_offset,
            end.first_offset,
            end.arrival_ms,
            end.data_bytes_total,
        )
        self._cell.write(fields + _CRC.pack(zlib.crc32(fields)))

    def flush(self) -> None:
        """Bring it to the disk: not needed for truth, but the fresher it is, the more corruption it can prove."""
        self._cell.flush()

    def close(self) -> None:
        self._cell.close()
