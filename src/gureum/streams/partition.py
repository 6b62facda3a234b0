"""Which shard a record goes to: by the MD5 of its partition key, as Kinesis has it, or by an explicit hash key.

Called by `writer` (route) and `streams` (split). Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import md5 as _portable_md5
from itertools import pairwise

try:
    # The same MD5 without OpenSSL's set-up for each call: 0.17 instead of 0.46 µs a key, and this is done for every record.
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:  # a Python built without it

    def md5(data: bytes) -> object:  # pragma: no cover
        return _portable_md5(data, usedforsecurity=False)


__all__ = ["HASH_KEYS", "hash_key", "route", "split_evenly"]

# Hash keys run from 0 to 2**128 - 1.
HASH_KEYS = 1 << 128
_HASH_BYTES = 16


def split_evenly(shards: int) -> list[tuple[int, int]]:
    """The first and the last hash key of each of so many shards."""
    bounds = [HASH_KEYS * number // shards for number in range(shards + 1)]
    return [(start, end - 1) for start, end in pairwise(bounds)]


def hash_key(partition_key: bytes) -> int:
    """The hash key of a partition key (its UTF-8 bytes)."""
    return int.from_bytes(_portable_md5(partition_key, usedforsecurity=False).digest(), "big")


def route(keys: Sequence[bytes], hash_keys: Sequence[int | None] | None, starts: Sequence[bytes]) -> list[int]:
    """For each record the index in `starts` of its shard.

    `starts` are the first hash keys of the open shards as 16 big-endian bytes, rising from 0: bytes compare as the numbers
    do, so no number is made for a key.
    """
    if hash_keys is None:
        return [bisect_right(starts, md5(key).digest()) - 1 for key in keys]
    return [
        bisect_right(starts, md5(key).digest() if explicit is None else explicit.to_bytes(_HASH_BYTES, "big")) - 1
        for key, explicit in zip(keys, hash_keys, strict=True)
    ]
