"""GetShardIterator, and the iterator itself: a sealed place in a shard, good for five minutes.

Called through `operations`; `get_records` opens what this seals. Every iterator is an offset: LATEST, TRIM_HORIZON and
AT_TIMESTAMP are looked up when it is made.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from gureum.errors import InvalidInput
from gureum.gateways.kinesis.call import ACCOUNT, Call
from gureum.gateways.kinesis.errors import KinesisError
from gureum.gateways.kinesis.tokens import TOKEN_S, TokenExpired, TokenInvalid, Tokens
from gureum.streams.reader import ShardReader
from gureum.streams.sequence import offset_of
from gureum.streams.spec import ShardSpec, StreamSpec

__all__ = ["Iterator", "get_shard_iterator", "open_iterator", "seal_iterator"]

_PURPOSE = "shard iterator"


@dataclass(frozen=True, slots=True)
class Iterator:
    """A place in a shard. The stream's id is in it too: a stream that was made anew under the name is another one."""

    stream_name: str
    stream_id: str
    shard_id: str
    offset: int


def seal_iterator(tokens: Tokens, iterator: Iterator) -> str:
    return tokens.seal(_PURPOSE, iterator.stream_name, iterator.stream_id, iterator.shard_id, str(iterator.offset))


def open_iterator(tokens: Tokens, token: str) -> Iterator:
    """Raises InvalidArgumentException for one that is not ours, ExpiredIteratorException for an old one."""
    try:
        name, stream_id, shard_id, offset = tokens.open(_PURPOSE, token, fields=4)
    except TokenInvalid:
        raise KinesisError("InvalidArgumentException", "Invalid ShardIterator.") from None
    except TokenExpired as expired:
        raise KinesisError(
            "ExpiredIteratorException",
            f"Iterator expired. The iterator was created {expired.age_ms} milliseconds ago, while the maximum age is "
            f"{TOKEN_S * 1000} milliseconds.",
        ) from None
    return Iterator(name, stream_id, shard_id, int(offset))


async def get_shard_iterator(call: Call) -> dict[str, Any]:
    call.check()
    stream = call.stream()
    shard = call.shard(stream, call.body["ShardId"])
    reader = call.door.readers.get(stream.id, shard.id)
    # Looking a time up reads index files.
    offset = await asyncio.to_thread(_FIND[call.body["ShardIteratorType"]], call, stream, shard, reader)
    call.refuse_dry_run()
    iterator = Iterator(stream.name, stream.id, shard.id, offset)
    return {"ShardIterator": seal_iterator(call.door.tokens, iterator)}


def _latest(_call: Call, _stream: StreamSpec, _shard: ShardSpec, reader: ShardReader) -> int:
    return reader.end()


def _trim_horizon(_call: Call, _stream: StreamSpec, _shard: ShardSpec, reader: ShardReader) -> int:
    return reader.first()


def _at_timestamp(call: Call, _stream: StreamSpec, _shard: ShardSpec, reader: ShardReader) -> int:
    timestamp = call.body.get("Timestamp")
    if timestamp is None:
        raise KinesisError(
            "InvalidArgumentException", "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP."
        )
    timestamp_ms = int(timestamp * 1000)
    now_ms = call.door.clock.now_ms()
    if timestamp_ms > now_ms:
        raise KinesisError(
            "InvalidArgumentException",
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {timestamp_ms}, currentTimestampInMillis: {now_ms}",
        )
    return reader.offset_at(timestamp_ms)


def _at_sequence(call: Call, stream: StreamSpec, shard: ShardSpec, reader: ShardReader) -> int:
    sequence = call.body.get("StartingSequenceNumber")
    if sequence is None:
        raise KinesisError(
            "InvalidArgumentException",
            f"Must specify startingSequenceNumber parameter for iterator of type {call.body['ShardIteratorType']}.",
        )
    try:
        offset = offset_of(sequence, created_ms=shard.created_ms, shard=shard.number)
    except InvalidInput:
        offset = -1
    # The end itself may be asked for: it is the shard's own StartingSequenceNumber while it is empty.
    if not 0 <= offset <= reader.end():
        raise KinesisError(
            "InvalidArgumentException",
            f"StartingSequenceNumber {sequence} used in GetShardIterator on shard {shard.id} in stream {stream.name} "
            f"under account {ACCOUNT} is invalid because it did not come from this stream.",
        )
    return offset


def _after_sequence(call: Call, stream: StreamSpec, shard: ShardSpec, reader: ShardReader) -> int:
    return min(_at_sequence(call, stream, shard, reader) + 1, reader.end())


_FIND = {
    "LATEST": _latest,
    "TRIM_HORIZON": _trim_horizon,
    "AT_TIMESTAMP": _at_timestamp,
    "AT_SEQUENCE_NUMBER": _at_sequence,
    "AFTER_SEQUENCE_NUMBER": _after_sequence,
}
