"""Secrets at rest: one key file per data folder; seals what must be read back, hashes what need not be.

Called by `identity.py` and by whoever signs something stateless (shard iterators). Promise: the key never leaves the
process, and a purpose's derived key says nothing of another's.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gureum.errors import CorruptData, Unavailable

__all__ = ["Seal", "check_password", "hash_password", "hash_secret"]

KEY_BYTES = 32
NONCE_BYTES = 12

# scrypt at 16 MiB: some 40 ms a sign-in, which a person does not notice and a guesser does.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1


class Seal:
    """Seals and opens short secrets with the data folder's key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise CorruptData(
                f"the secret key has {len(key)} bytes, not {KEY_BYTES}",
                code="folder.key",
                hint="restore secret.key from your backup of the data folder",
            )
        self._key = key
        self._cipher = AESGCM(self.derive("seal"))

    @classmethod
    def open(cls, path: Path) -> Seal:
        """Read the key file, or make it: created once, readable by its owner only, on disk before it is used."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls(path.read_bytes())
        except OSError as error:
            raise Unavailable(f"cannot write {path}: {error.strerror}", code="folder.unwritable") from error
        with os.fdopen(descriptor, "wb") as file:
            key = secrets.token_bytes(KEY_BYTES)
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return cls(key)

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose."""
        return hmac.digest(self._key, purpose.encode(), "sha256")

    def seal(self, secret: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), None)

    def unseal(self, sealed: bytes) -> str:
        """Raises CorruptData when the key file is not the one that sealed it."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None).decode()
        except InvalidTag:
            raise CorruptData(
                "a sealed secret does not open with this folder's key",
                code="folder.key",
                hint="restore secret.key from the backup that belongs to this metadata",
            ) from None


def hash_secret(secret: str) -> bytes:
    """For tokens and codes, which are long and random: a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode()).digest()


def hash_password(password: str) -> str:
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)
    return f"scrypt${SCRYPT_N}${SCRYPT_R}${SCRYPT_P}${salt.hex()}${digest.hex()}"


def check_password(password: str, hashed: str | None) -> bool:
    """True if it is the password. Costs the same when the user does not exist, so that names cannot be probed."""
    n, r, p, salt, digest = (SCRYPT_N, SCRYPT_R, SCRYPT_P, b"\0" * 16, b"")
    if hashed:
        _, n_text, r_text, p_text, salt_hex, digest_hex = hashed.split("$")
        n, r, p, salt, digest = (
            int(n_text),
            int(r_text),
            int(p_text),
            bytes.fromhex(salt_hex),
            bytes.fromhex(digest_hex),
        )
    found = hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p)
    return hmac.compare_digest(found, digest)
