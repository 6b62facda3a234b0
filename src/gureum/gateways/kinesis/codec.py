"""How requests and answers are written: JSON 1.1 now. CBOR 1.1 will be a second codec beside it.

Called by `app`, which chooses by content type, and by the operations that carry records.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from gureum.gateways.kinesis.errors import KinesisError

__all__ = ["JSON", "Codec", "JsonCodec"]


class Codec(Protocol):
    content_type: str

    def decode(self, body: bytes) -> dict[str, Any]:
        """The members of a request; SerializationException if it cannot be read."""

    def encode(self, answer: dict[str, Any]) -> bytes: ...

    def blobs(self, values: Sequence[Any]) -> list[bytes]:
        """The bytes of blob members; SerializationException if one is not a blob."""


class JsonCodec:
    content_type = "application/x-amz-json-1.1"

    def decode(self, body: bytes) -> dict[str, Any]:
        try:
            members = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError as error:
            raise KinesisError("SerializationException", f"the body is not JSON: {error}") from None
        if not isinstance(members, dict):
            raise KinesisError("SerializationException", "the body is not a JSON object")
        return members

    def encode(self, answer: dict[str, Any]) -> bytes:
        return orjson.dumps(answer)

    def blobs(self, values: Sequence[Any]) -> list[bytes]:
        try:
            return [a2b_base64(value, strict_mode=True) for value in values]
        except (Base64Error, ValueError, TypeError) as error:
            raise KinesisError("SerializationException", f"a blob is not base64: {error}") from None


JSON = JsonCodec()
