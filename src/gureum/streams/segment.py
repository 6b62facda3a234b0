"""One segment file: its name, its own header, and how frames are found in it.

Called by `log` (create, recover), `index` (rebuild) and `reader` (read). Knows files and frames, not shards.

A segment is `<first offset, 20 digits>.seg`: a header of 32 bytes (magic, first offset, salt, checksum), synced before the
first frame, then frames back to back, each at a multiple of 8.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from gureum.store.files import Files, ReadableFile
from gureum.streams.frame import FRAME_ALIGN, HEADER_BYTES, MAGIC, FrameHeader, decode_body, decode_header

__all__ = [
    "SEGMENT_HEADER_BYTES",
    "encode_segment_header",
    "find_frame_after",
    "list_segments",
    "read_salt",
    "scan_frames",
    "segment_name",
]

_MAGIC = b"gureumS1"
_HEADER = struct.Struct("<8sQQI")
_CRC = struct.Struct("<I")
SEGMENT_HEADER_BYTES = 32
assert _HEADER.size + _CRC.size == SEGMENT_HEADER_BYTES

SEGMENT_SUFFIX = ".seg"
_NAME_DIGITS = 20

# How much of a segment is read at once while walking it: large enough that few calls are made, small enough for any memory.
SCAN_BYTES = 1 << 20


def segment_name(first_offset: int) -> str:
    return f"{first_offset:0{_NAME_DIGITS}d}{SEGMENT_SUFFIX}"


def list_segments(files: Files, folder: Path) -> list[int]:
    """The first offsets of the segments in a shard's folder, rising; FileNotFoundError if there is no folder."""
    suffix = len(SEGMENT_SUFFIX)
    return [int(name[:-suffix]) for name in files.list(folder) if name.endswith(SEGMENT_SUFFIX)]


def encode_segment_header(first_offset: int, salt: int) -> bytes:
    fields = _HEADER.pack(_MAGIC, first_offset, salt, 0)
    return fields + _CRC.pack(zlib.crc32(fields))


def read_salt(file: ReadableFile, first_offset: int) -> int | None:
    """The segment's salt (32 bits), or None if the header is short, damaged or of another segment."""
    header = file.read(0, SEGMENT_HEADER_BYTES)
    if len(header) < SEGMENT_HEADER_BYTES:
        return None
    magic, offset, salt, _ = _HEADER.unpack_from(header)
    (crc,) = _CRC.unpack_from(header, _HEADER.size)
    if magic != _MAGIC or offset != first_offset or crc != zlib.crc32(header[: _HEADER.size]):
        return None
    return int(salt)


def scan_frames(
    file: ReadableFile, *, salt: int, position: int, offset: int, end: int, verify: bool
) -> Iterator[FrameHeader]:
    """The frames from `position` (whose first record must be `offset`) to `end`, stopping at the first that is not true.

    A frame is true when its header's checksum holds, its records follow on those before, and it ends within `end`; with
    `verify`, when its body's checksum holds too. The caller sees from the last frame's `end` where the scan stopped.
    """
    chunk = memoryview(b"")
    chunk_at = position
    while position + HEADER_BYTES <= end:
        at = position - chunk_at
        if at + HEADER_BYTES > len(chunk):
            chunk = memoryview(file.read(position, min(SCAN_BYTES, end - position)))
            chunk_at, at = position, 0
        header = decode_header(chunk, at, position=position, salt=salt)
        if header is None or header.first_offset != offset or header.end > end:
            return
        if verify:
            if at + HEADER_BYTES + header.body_bytes > len(chunk):
                chunk = memoryview(
                    file.read(position, max(HEADER_BYTES + header.body_bytes, min(SCAN_BYTES, end - position)))
                )
                chunk_at, at = position, 0
            body = chunk[at + HEADER_BYTES : at + HEADER_BYTES + header.body_bytes]
            if decode_body(header, body) is None:
                return
        yield header
        position = header.end
        offset = header.next_offset


def find_frame_after(file: ReadableFile, *, salt: int, position: int, offset: int, end: int) -> FrameHeader | None:
    """The first true frame header at or after `position`, of records from `offset` on: how a scan finds its feet again
    behind damage. The salted checksum makes it as good as impossible that a record's own bytes are taken for one.
    """
    position += -position % FRAME_ALIGN
    while position + HEADER_BYTES <= end:
        # Overlap by a header, so that one that straddles two chunks is found.
        chunk = file.read(position, min(SCAN_BYTES + HEADER_BYTES, end - position))
        at = chunk.find(MAGIC)
        while at >= 0:
            if at % FRAME_ALIGN == 0:
                header = decode_header(chunk, at, position=position + at, salt=salt)
                if header is not None and header.first_offset >= offset:
                    return header
            at = chunk.find(MAGIC, at + 1)
        position += SCAN_BYTES
    return None
