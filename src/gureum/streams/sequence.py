"""Sequence numbers and shard ids, as Kinesis clients see them.

Called by the gateways. Pure. A sequence number is a decimal string of 56 digits:

    2 << 184 | the shard's creation in ms << 128 | offset << 16 | the shard's number

so it rises within a shard, names its record for ever, and no two shards share one. Clients compare them as numbers, some as
strings: all have the same length, so both agree.
"""

from __future__ import annotations

from gureum.errors import InvalidInput

__all__ = ["format_sequences", "offset_of", "sequence_number", "shard_id", "shard_number"]

_VERSION = 2 << 184
_CREATED_SHIFT = 128
_OFFSET_SHIFT = 16
_OFFSET_BITS = _CREATED_SHIFT - _OFFSET_SHIFT
_STEP = 1 << _OFFSET_SHIFT
SEQUENCE_DIGITS = 56

# The low decimal digits that are formatted for each record; the high ones are formatted once for a run of records.
_LOW_DIGITS = 18
_LOW = 10**_LOW_DIGITS

_SHARD_PREFIX = "shardId-"


def shard_id(number: int) -> str:
    """`shardId-000000000000` for shard 0."""
    return f"{_SHARD_PREFIX}{number:012d}"


def shard_number(name: str) -> int | None:
    """The number in a shard id, or None if it is not one."""
    digits = name.removeprefix(_SHARD_PREFIX)
    return int(digits) if name.startswith(_SHARD_PREFIX) and digits.isdecimal() and len(digits) == 12 else None


def sequence_number(offset: int, *, created_ms: int, shard: int) -> str:
    """The sequence number of the record at `offset` of a shard."""
    return str(_base(created_ms, shard) + (offset << _OFFSET_SHIFT))


def format_sequences(first_offset: int, count: int, *, created_ms: int, shard: int) -> list[str]:
    """The sequence numbers of `count` records in a row.

    Turning a 186-bit number into decimal digits costs more than all else that is done for a record, so the digits that
    consecutive records share are formatted once.
    """
    first = _base(created_ms, shard) + (first_offset << _OFFSET_SHIFT)
    high, low = divmod(first, _LOW)
    if low + count * _STEP < _LOW:
        prefix = str(high)
        return [f"{prefix}{number:018d}" for number in range(low, low + count * _STEP, _STEP)]
    return [str(first + index * _STEP) for index in range(count)]


def offset_of(sequence: str, *, created_ms: int, shard: int) -> int:
    """The offset that a sequence number of this shard names; InvalidInput if it is another shard's or nobody's."""
    # Longer digits would be costly to parse, and none of ours are.
    offset = (
        int(sequence) - _base(created_ms, shard) if sequence.isdecimal() and len(sequence) <= SEQUENCE_DIGITS else -1
    )
    if offset < 0 or offset % _STEP or offset >> _OFFSET_SHIFT >= 1 << _OFFSET_BITS:
        raise InvalidInput(f"{sequence} is not a sequence number of {shard_id(shard)}", code="stream.sequence")
    return offset >> _OFFSET_SHIFT


def _base(created_ms: int, shard: int) -> int:
    return _VERSION + (created_ms << _CREATED_SHIFT) + shard
