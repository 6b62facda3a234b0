"""What the gateway and a worker say to each other on a unix socket: a header, a body and captured records, each by its length.

Called by `worker.py` at one end and `connections.py` and `score.py` at the other. One answer follows one request, in order.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import orjson

from gureum.errors import InternalError

__all__ = ["FRAME_BYTES_MAX", "Frame", "FrameReader", "packed"]

# The door takes 16 MiB; an answer and its captured rows may be larger than what was asked.
FRAME_BYTES_MAX = 128 << 20

_LENGTHS = struct.Struct("<III")

Frame = tuple[dict[str, Any], bytes, bytes]


def packed(header: dict[str, Any], body: bytes = b"", captured: bytes = b"") -> bytes:
    head = orjson.dumps(header)
    return b"".join((_LENGTHS.pack(len(head), len(body), len(captured)), head, body, captured))


class FrameReader(asyncio.Protocol):
    """Calls `on_frame` for each whole frame that came, `on_lost` once at the end."""

    def __init__(self, on_frame: Callable[[FrameReader, Frame], None], on_lost: Callable[[], None]) -> None:
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._buffer = bytearray()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (frame := take(self._buffer)) is not None:
            self._on_frame(self, frame)

    def connection_lost(self, _error: Exception | None) -> None:
        self._on_lost()


def take(buffer: bytearray) -> Frame | None:
    """The first whole frame, taken out of the buffer; None while it is not all there."""
    if len(buffer) < _LENGTHS.size:
        return None
    head, body, captured = _LENGTHS.unpack_from(buffer)
    end = _LENGTHS.size + head + body + captured
    if end > FRAME_BYTES_MAX:
        raise InternalError(f"a frame of {end} bytes", code="endpoint.frame")
    if len(buffer) < end:
        return None
    with memoryview(buffer) as view:
        at = _LENGTHS.size
        header = orjson.loads(view[at : at + head])
        parts = bytes(view[at + head : at + head + body]), bytes(view[at + head + body : end])
    del buffer[:end]
    return header, *parts
