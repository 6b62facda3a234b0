"""PostgreSQL's messages as bytes (its manual, chapter "Message Formats"): what the session reads and writes.

Called by `session.py` and `start.py`. Pure but for the reading itself. Promise: a message that is too long or cut short ends the
connection, never the process.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from gureum.errors import InvalidInput, LimitExceeded

__all__ = ["Fields", "error_fields", "message", "read_message", "text"]

# A statement and its parameters; whoever brings more rows writes them by another door.
MESSAGE_BYTES_MAX = 64 << 20

_LENGTH = struct.Struct("!i")


class ProtocolError(InvalidInput):
    default_code = "postgres.protocol"


def read_message(stream: BinaryIO) -> tuple[bytes, Fields] | None:
    """The next message's type and body; None when the client has gone."""
    head = stream.read(5)
    if len(head) < 5:
        return None
    size = _LENGTH.unpack_from(head, 1)[0] - 4
    if size < 0:
        raise ProtocolError(f"a message has {size} bytes")
    if size > MESSAGE_BYTES_MAX:
        raise LimitExceeded(
            f"a message has {size} bytes, at most {MESSAGE_BYTES_MAX} are taken", code="postgres.message"
        )
    body = stream.read(size)
    return (head[:1], Fields(body)) if len(body) == size else None


def message(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + _LENGTH.pack(len(body) + 4) + body


def text(value: str) -> bytes:
    """A string as the protocol has it: UTF-8 that ends with a zero, hence without one inside."""
    return value.replace("\0", "").encode("utf-8", "replace") + b"\0"


class Fields:
    """Reads a message's body from front to back. Raises ProtocolError where it is too short."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def int16(self) -> int:
        return int.from_bytes(self.take(2), "big", signed=True)

    def count(self) -> int:
        """How many follow: 0 to 65535."""
        return int.from_bytes(self.take(2), "big")

    def int32(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def uint32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._body):
            raise ProtocolError("a message ends too early")
        piece, self._at = self._body[self._at : end], end
        return piece

    def string(self) -> str:
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise ProtocolError("a text in a message has no end")
        piece, self._at = self._body[self._at : end], end + 1
        try:
            return piece.decode()
        except UnicodeDecodeError:
            raise ProtocolError(
                "a text is not UTF-8", code="postgres.encoding", hint="set client_encoding to UTF8"
            ) from None

    def value(self) -> bytes | None:
        """A length and so many bytes; a length of -1 is NULL."""
        size = self.int32()
        return None if size == -1 else self.take(size)

    def rest(self) -> bytes:
        return self.take(len(self._body) - self._at)

    @property
    def is_empty(self) -> bool:
        return self._at >= len(self._body)


def error_fields(
    severity: str, state: str, words: str, *, hint: str | None = None, position: int | None = None
) -> bytes:
    """The body of an ErrorResponse or a NoticeResponse. `position` counts the statement's characters from 1."""
    found = [("S", severity), ("V", severity), ("C", state), ("M", words or "unknown error")]
    if hint:
        found.append(("H", hint))
    if position is not None:
        found.append(("P", str(position)))
    return b"".join(name.encode() + text(value) for name, value in found) + b"\0"
