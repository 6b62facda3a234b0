"""Sequence numbers look like Kinesis' and lead back to their record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gureum.errors import InvalidInput
from gureum.streams.sequence import format_sequences, offset_of, sequence_number, shard_id, shard_number

created = st.integers(0, 1 << 43)
shards = st.integers(0, 9_999)
offsets = st.integers(0, 1 << 60)


@given(created, shards, offsets, st.integers(1, 40))
def test_a_run_of_sequence_numbers_is_56_digits_rises_and_leads_back(c: int, s: int, first: int, count: int) -> None:
    found = format_sequences(first, count, created_ms=c, shard=s)
    assert found == [sequence_number(first + index, created_ms=c, shard=s) for index in range(count)]
    assert all(len(one) == 56 for one in found)
    assert sorted(found) == found
    assert [offset_of(one, created_ms=c, shard=s) for one in found] == list(range(first, first + count))


def test_a_run_may_cross_the_digits_that_are_shared() -> None:
    for first in range(15_258_789_062_400, 15_258_789_062_600, 7):
        run = format_sequences(first, 20, created_ms=1_767_225_600_000, shard=3)
        assert run == [sequence_number(first + i, created_ms=1_767_225_600_000, shard=3) for i in range(20)]


@pytest.mark.parametrize("text", ["", "0", "-1", "abc", "9" * 56, "9" * 500, sequence_number(5, created_ms=7, shard=1)])
def test_a_foreign_sequence_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        offset_of(text, created_ms=7, shard=0)


def test_shard_ids() -> None:
    assert shard_id(7) == "shardId-000000000007"
    assert shard_number("shardId-000000000007") == 7
    assert shard_number("shardId-7") is None
    assert shard_number("x") is None
