"""SCRAM-SHA-256 (RFC 5802, RFC 7677): what is kept of a secret, and how a client's proof of it is checked.

Called by `identity.py`, which seals the verifiers at rest. Pure. Promise: a verifier does not tell the secret, and neither does
an exchange that somebody listens to.
"""

from __future__ import annotations

import hashlib
import hmac
import stringprep
import unicodedata
from dataclasses import dataclass

__all__ = ["ITERATIONS", "Verifier", "make_verifier"]

# PostgreSQL's own number: each client that connects counts so far. Verifiers are sealed besides.
ITERATIONS = 4096


@dataclass(frozen=True, slots=True)
class Verifier:
    """32 bytes each: one checks a client's proof, the other proves to the client that we know it."""

    stored_key: bytes
    server_key: bytes

    def to_text(self) -> str:
        return f"{self.stored_key.hex()}:{self.server_key.hex()}"

    @classmethod
    def from_text(cls, text: str) -> Verifier:
        stored, _, server = text.partition(":")
        return cls(bytes.fromhex(stored), bytes.fromhex(server))

    def is_proved(self, proof: bytes, exchange: bytes) -> bool:
        """Whether `proof` was made by somebody who knows the secret, for just this exchange (RFC 5802's AuthMessage)."""
        signature = hmac.digest(self.stored_key, exchange, "sha256")
        if len(proof) != len(signature):
            return False
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        return hmac.compare_digest(hashlib.sha256(client_key).digest(), self.stored_key)

    def signature(self, exchange: bytes) -> bytes:
        return hmac.digest(self.server_key, exchange, "sha256")


def make_verifier(secret: str, salt: bytes) -> Verifier:
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(secret).encode(), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return Verifier(hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256"))


def _prepared(secret: str) -> str:
    """SASLprep (RFC 4013), which clients apply too; a secret that it forbids is taken as it is, as PostgreSQL does."""
    mapped = "".join(" " if stringprep.in_table_c12(one) else one for one in secret if not stringprep.in_table_b1(one))
    normal = unicodedata.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
        stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
        stringprep.in_table_c8, stringprep.in_table_c9,
    )  # fmt: skip
    if not normal or any(test(one) for one in normal for test in forbidden):
        return secret
    both_ways = any(map(stringprep.in_table_d1, normal))
    if both_ways and (
        any(map(stringprep.in_table_d2, normal))
        or not (stringprep.in_table_d1(normal[0]) and stringprep.in_table_d1(normal[-1]))
    ):
        return secret
    return normal
