"""Records go to the shard whose hash range holds the MD5 of their key."""

from __future__ import annotations

import hashlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gureum.streams.partition import HASH_KEYS, hash_key, route
from gureum.streams.spec import ShardSpec, StreamSpec, new_shards


@given(st.integers(1, 500))
def test_ranges_are_even_and_cover_every_hash_key_once(count: int) -> None:
    shards = new_shards(count, 0)
    assert shards[0].hash_start == 0
    assert shards[-1].hash_end == HASH_KEYS - 1
    assert all(one.hash_end + 1 == following.hash_start for one, following in pairwise(shards))
    sizes = [shard.hash_end - shard.hash_start for shard in shards]
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.binary(min_size=1), min_size=1), st.integers(1, 64))
def test_a_key_goes_where_its_md5_says(keys: list[bytes], count: int) -> None:
    spec = StreamSpec("s", "s", "me", 1, 0, new_shards(count, 0))
    for key, index in zip(keys, route(keys, None, spec.open_starts), strict=True):
        hashed = int(hashlib.md5(key).hexdigest(), 16)
        assert spec.open_shards[index].hash_start <= hashed <= spec.open_shards[index].hash_end
        assert hash_key(key) == hashed


def test_an_explicit_hash_key_wins_over_the_partition_key() -> None:
    starts = StreamSpec("s", "s", "me", 1, 0, new_shards(2, 0)).open_starts
    half = HASH_KEYS // 2
    assert route([b"a"] * 4, [0, half - 1, half, HASH_KEYS - 1], starts) == [0, 0, 1, 1]
    assert route([b"a"], [None], starts) == route([b"a"], None, starts)


def test_closed_shards_take_no_records_but_stay_listed() -> None:
    half = HASH_KEYS // 2
    shards = (
        ShardSpec(0, 0, HASH_KEYS - 1, 1, end_offset=10),
        ShardSpec(1, 0, half - 1, 2, parents=(0,)),
        ShardSpec(2, half, HASH_KEYS - 1, 2, parents=(0,)),
    )
    spec = StreamSpec("s", "s", "me", 1, 0, shards)
    assert [shard.number for shard in spec.open_shards] == [1, 2]
    assert spec.shards[0].ending_sequence is not None
    assert [ShardSpec.from_json(shard.to_json()) for shard in shards] == list(shards)
