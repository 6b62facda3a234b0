"""A frame: some records that were written together, as bytes that Arrow can read in place.

Called by `log` (encode), `scan` and `reader` (decode). Pure: bytes in, bytes or views out.

    header, 80 bytes, little endian                      body, each part padded to 8 bytes
    magic version flags | body length | record count     int32 key offsets   [count + 1]
    first offset | arrival ms | synced length            key bytes
    producer (16 bytes) | producer epoch                 int32 data offsets  [count + 1]
    key bytes | data bytes | body crc | header crc       data bytes

Two int32 offset arrays and two byte runs are exactly the buffers of two Arrow `binary` arrays, so a reader makes columns
without touching a single record. All records of a frame arrived in the same millisecond (the frame is stamped when it is
written), hence one arrival time for all and no column for it.

The header's checksum is salted with a secret of the segment and with the frame's position: a record whose data looks like a
frame, or a block that the file system recycled from another segment, can never pass for a frame of this one.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

__all__ = ["FRAME_ALIGN", "HEADER_BYTES", "NO_PRODUCER", "FrameHeader", "decode_body", "decode_header", "encode_frame"]

assert sys.byteorder == "little", "frames are written in the machine's order, which Arrow requires to be little endian"

MAGIC = b"gRm\x01"
VERSION = 1
FRAME_ALIGN = 8
NO_PRODUCER = bytes(16)

_HEADER = struct.Struct("<4sHHIIQQQ16sQIIII")
HEADER_BYTES = _HEADER.size
_CRC_AT = HEADER_BYTES - 4
_CRC = struct.Struct("<I")
_POSITION = struct.Struct("<Q")
_PADDING = (b"", b"\0" * 7, b"\0" * 6, b"\0" * 5, b"\0" * 4, b"\0" * 3, b"\0" * 2, b"\0")


class FrameHeader(NamedTuple):
    """What a frame says about itself, checked. `position` is where it stands in its segment."""

    position: int
    body_bytes: int
    records: int
    first_offset: int
    arrival_ms: int
    synced_bytes: int
    producer: bytes
    epoch: int
    keys_bytes: int
    data_bytes: int
    body_crc: int

    @property
    def end(self) -> int:
        """The position behind the frame, where the next one starts."""
        return self.position + HEADER_BYTES + self.body_bytes

    @property
    def next_offset(self) -> int:
        return self.first_offset + self.records


def encode_frame(
    keys: Sequence[bytes],
    data: Sequence[bytes],
    *,
    position: int,
    salt: int,
    first_offset: int,
    arrival_ms: int,
    synced_bytes: int,
    producer: bytes = NO_PRODUCER,
    epoch: int = 0,
) -> bytes:
    """The bytes of one frame that will stand at `position` of its segment, a multiple of 8 long."""
    count = len(keys)
    assert count == len(data)
    assert count > 0
    key_offsets = array("i", accumulate(map(len, keys), initial=0))
    data_offsets = array("i", accumulate(map(len, data), initial=0))
    keys_bytes = key_offsets[-1]
    data_bytes = data_offsets[-1]
    offsets_padding = _PADDING[(count + 1) * 4 & 7]
    body = b"".join(
        (
            key_offsets,
            offsets_padding,
            *keys,
            _PADDING[keys_bytes & 7],
            data_offsets,
            offsets_padding,
            *data,
            _PADDING[data_bytes & 7],
        )
    )
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        0,
        len(body),
        count,
        first_offset,
        arrival_ms,
        synced_bytes,
        producer,
        epoch,
        keys_bytes,
        data_bytes,
        zlib.crc32(body),
        0,
    )[:_CRC_AT]
    return b"".join((header, _CRC.pack(_header_crc(header, position, salt)), body))


def decode_header(buffer: bytes | memoryview, at: int, *, position: int, salt: int) -> FrameHeader | None:
    """The header at `buffer[at:]`, which stands at `position` of its segment; None if no whole, true header is there."""
    if buffer[at : at + 4] != MAGIC or len(buffer) - at < HEADER_BYTES:
        return None
    fields = _HEADER.unpack_from(buffer, at)
    if fields[13] != _header_crc(buffer[at : at + _CRC_AT], position, salt) or fields[1] != VERSION:
        return None
    return FrameHeader(position, *fields[3:13])


def decode_body(
    header: FrameHeader, body: memoryview, *, verify: bool = True
) -> tuple[memoryview, memoryview, memoryview, memoryview] | None:
    """Key offsets, keys, data offsets and data as views of `body`; None if the body is short or its checksum wrong.

    The offset views have format `i` (int32) and count + 1 items.
    """
    if len(body) != header.body_bytes or (verify and zlib.crc32(body) != header.body_crc):
        return None
    offsets_bytes = (header.records + 1) * 4
    keys_at = _aligned(offsets_bytes)
    data_offsets_at = keys_at + _aligned(header.keys_bytes)
    data_at = data_offsets_at + keys_at
    return (
        body[:offsets_bytes].cast("i"),
        body[keys_at : keys_at + header.keys_bytes],
        body[data_offsets_at : data_offsets_at + offsets_bytes].cast("i"),
        body[data_at : data_at + header.data_bytes],
    )


def _aligned(length: int) -> int:
    return (length + FRAME_ALIGN - 1) & ~(FRAME_ALIGN - 1)


def _header_crc(header: bytes | memoryview, position: int, salt: int) -> int:
    return zlib.crc32(header, zlib.crc32(_POSITION.pack(position), salt))
