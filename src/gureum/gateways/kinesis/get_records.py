"""GetRecords: read on from an iterator.

Called through `operations`.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

from gureum.errors import NotFound
from gureum.gateways.kinesis.call import Call, stream_not_found
from gureum.gateways.kinesis.errors import KinesisError
from gureum.gateways.kinesis.shard_iterator import Iterator, open_iterator, seal_iterator
from gureum.streams.batch import Batch
from gureum.streams.reader import ShardReader
from gureum.streams.sequence import format_sequences
from gureum.streams.spec import ShardSpec, StreamSpec

__all__ = ["get_records"]

# Kinesis' limits on one answer.
GET_RECORDS_MAX = 10_000
GET_BYTES_MAX = 10 << 20


async def get_records(call: Call) -> dict[str, Any]:
    call.check()
    iterator = open_iterator(call.door.tokens, call.body["ShardIterator"])
    # By name and through the catalog each time: a grant that was taken away ends the reading.
    stream = call.stream_named(iterator.stream_name)
    if stream.id != iterator.stream_id:
        raise stream_not_found(iterator.stream_name)
    if call.body.get("StreamARN") is not None and call.stream_name() != stream.name:
        raise KinesisError("InvalidArgumentException", "The iterator is of another stream than StreamARN.")
    call.refuse_dry_run()
    shard = call.shard(stream, iterator.shard_id)
    reader = call.door.readers.get(stream.id, shard.id)
    limit = call.body.get("Limit") or GET_RECORDS_MAX
    if reader.has_more(iterator.offset):
        # Off the event loop: the file may not be in memory, and 10 MB take a while to write down.
        batch, records = await asyncio.to_thread(_read, reader, shard, iterator.offset, limit)
    else:
        batch, records = Batch(iterator.offset, iterator.offset, iterator.offset), []
    answer: dict[str, Any] = {"Records": records, "MillisBehindLatest": _behind_ms(call, batch)}
    if shard.end_offset is not None and batch.next_offset >= shard.end_offset:
        # The end of a closed shard: no next iterator, and where to go on.
        answer["ChildShards"] = _children(stream, shard)
    else:
        following = Iterator(stream.name, stream.id, shard.id, batch.next_offset)
        answer["NextShardIterator"] = seal_iterator(call.door.tokens, following)
    return answer


def _read(reader: ShardReader, shard: ShardSpec, offset: int, limit: int) -> tuple[Batch, list[dict[str, Any]]]:
    try:
        batch = reader.read(offset, records_max=limit, bytes_max=GET_BYTES_MAX)
    except NotFound as error:
        if error.code != "stream.trimmed":
            raise
        # As Kinesis: an iterator whose place has expired goes on at the oldest record.
        batch = reader.read(error.details["first_offset"], records_max=limit, bytes_max=GET_BYTES_MAX)
    records: list[dict[str, Any]] = []
    for run in batch.runs:
        arrived_s = run.arrival_ms / 1000
        sequences = format_sequences(run.first_offset, run.count, created_ms=shard.created_ms, shard=shard.number)
        keys, data = bytes(run.keys), run.data
        key_ends, data_ends = run.key_offsets.tolist(), run.data_offsets.tolist()
        records.extend(
            {
                "SequenceNumber": sequence,
                "ApproximateArrivalTimestamp": arrived_s,
                "Data": b64encode(data[data_ends[index] : data_ends[index + 1]]).decode("ascii"),
                "PartitionKey": keys[key_ends[index] : key_ends[index + 1]].decode(errors="replace"),
            }
            for index, sequence in enumerate(sequences)
        )
    return batch, records


def _behind_ms(call: Call, batch: Batch) -> int:
    """How far the last record given is from now, in time; 0 when there is nothing after it."""
    if batch.next_offset >= batch.end_offset or not batch.runs:
        return 0
    return max(call.door.clock.now_ms() - batch.runs[-1].arrival_ms, 0)


def _children(stream: StreamSpec, shard: ShardSpec) -> list[dict[str, Any]]:
    numbers = {one.number: one for one in stream.shards}
    return [
        {
            "ShardId": child.id,
            "ParentShards": [numbers[parent].id for parent in child.parents],
            "HashKeyRange": {"StartingHashKey": str(child.hash_start), "EndingHashKey": str(child.hash_end)},
        }
        for child in stream.shards
        if shard.number in child.parents
    ]
