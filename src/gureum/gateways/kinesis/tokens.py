"""Stateless tokens that a client carries and cannot change: shard iterators and next tokens.

Called by the operations that hand them out and take them back. A token is its fields and the time, with an HMAC over them and
over what it is for, so a next token is never taken for an iterator.
"""

from __future__ import annotations

import hmac
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from gureum.clock import Clock

__all__ = ["TOKEN_S", "TokenExpired", "TokenInvalid", "Tokens"]

# Kinesis' own: iterators and next tokens live five minutes.
TOKEN_S = 300

_MAC_BYTES = 16
_SEPARATOR = "\x1f"


class TokenInvalid(Exception):
    """Not one of ours, or changed."""


class TokenExpired(Exception):
    """Ours, but too old; `age_ms` says how much."""

    def __init__(self, age_ms: int) -> None:
        super().__init__(age_ms)
        self.age_ms = age_ms


class Tokens:
    def __init__(self, key: bytes, *, clock: Clock) -> None:
        """`key` is the same in each process and after each restart, so that tokens outlive both."""
        self._key = key
        self._clock = clock

    def seal(self, purpose: str, *fields: str) -> str:
        payload = _SEPARATOR.join((str(self._clock.now_ms()), *fields)).encode()
        return b2a_base64(self._mac(purpose, payload) + payload, newline=False).decode()

    def open(self, purpose: str, token: str, *, fields: int) -> list[str]:
        """The fields; raises TokenInvalid or TokenExpired."""
        try:
            raw = a2b_base64(token, strict_mode=True)  # lenient decoding ignores what is behind the padding
        except (Base64Error, ValueError):
            raise TokenInvalid from None
        if b2a_base64(raw, newline=False).decode() != token:
            raise TokenInvalid  # the last letter has bits that decoding drops
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, payload)):
            raise TokenInvalid
        issued_ms, *found = payload.decode().split(_SEPARATOR)
        if len(found) != fields:
            raise TokenInvalid
        age_ms = self._clock.now_ms() - int(issued_ms)
        if age_ms > TOKEN_S * 1000:
            raise TokenExpired(age_ms)
        return found

    def _mac(self, purpose: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + payload, "sha256")[:_MAC_BYTES]
