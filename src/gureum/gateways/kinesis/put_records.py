"""PutRecord and PutRecords: the hot path of the door.

Called through `operations`. For each record it does only what must be done for each record, in loops that run in C where
there is one; the model's full check runs only when a quick look finds something odd.
"""

from __future__ import annotations

from typing import Any

from gureum.errors import GureumError
from gureum.gateways.kinesis.call import Call, stream_not_found
from gureum.gateways.kinesis.errors import KinesisError, kinesis_type, translate
from gureum.streams.partition import HASH_KEYS
from gureum.streams.sequence import format_sequences
from gureum.streams.spec import StreamSpec
from gureum.streams.writer import Records

__all__ = ["PUT_BYTES_MAX", "put_record", "put_records"]

# Kinesis' limits on one call; a record's own limit is its stream's (1 MiB unless it was made with more).
PUT_RECORDS_MAX = 500
PUT_BYTES_MAX = 10 << 20
_KEY_CHARS_MAX = 256


async def put_record(call: Call) -> dict[str, Any]:
    call.check()
    stream = call.stream()
    body = call.body
    data = call.codec.blobs([body["Data"]])
    keys = [_partition_key(body)]
    hash_keys = _hash_keys([body])
    _check_sizes(stream, keys, data)
    call.refuse_dry_run()
    result = await call.door.writer.put_records(stream, Records(keys, data, hash_keys), producer=call.producer)
    index, placed = next(iter(result.placed.items()))
    if isinstance(placed, GureumError):
        if placed.code == "stream.throughput":
            raise _rate_exceeded(stream, index)
        raise stream_not_found(stream.name) if placed.code == "stream.deleted" else translate(placed)
    shard = stream.open_shards[index]
    (sequence,) = format_sequences(placed, 1, created_ms=shard.created_ms, shard=shard.number)
    return {"ShardId": shard.id, "SequenceNumber": sequence}


async def put_records(call: Call) -> bytes | dict[str, Any]:
    call.check(skip="Records")
    entries = call.body["Records"]
    keys, data, hash_keys = _read_entries(call, entries)
    stream = call.stream()
    _check_sizes(stream, keys, data)
    call.refuse_dry_run()
    result = await call.door.writer.put_records(stream, Records(keys, data, hash_keys), producer=call.producer)
    # The answer of each record, by shard, in the order of the shard's records; then woven into the order of the request.
    shards = result.shards
    answers: dict[int, list[str]] = {}
    failed = 0
    for index, placed in result.placed.items():
        count = len(keys) if shards is None else shards.count(index)
        shard = stream.open_shards[index]
        if isinstance(placed, int):
            end = f'","ShardId":"{shard.id}"}}'
            answers[index] = [
                f'{{"SequenceNumber":"{sequence}{end}'
                for sequence in format_sequences(placed, count, created_ms=shard.created_ms, shard=shard.number)
            ]
        else:
            failed += count
            error = _record_error(stream, index, placed)
            answers[index] = [call.codec.encode(error).decode()] * count
    if shards is None:
        woven = ",".join(answers[0])
    else:
        nexts = {index: iter(texts).__next__ for index, texts in answers.items()}
        woven = ",".join([nexts[index]() for index in shards])
    return f'{{"FailedRecordCount":{failed},"Records":[{woven}]}}'.encode()


def _read_entries(call: Call, entries: Any) -> tuple[list[bytes], list[bytes], list[int | None] | None]:
    try:
        keys = [entry["PartitionKey"].encode() for entry in entries]
        data = call.codec.blobs([entry["Data"] for entry in entries])
        odd = not 1 <= len(keys) <= PUT_RECORDS_MAX or not all(keys) or max(map(len, keys)) > _KEY_CHARS_MAX
    except (KeyError, TypeError, AttributeError):
        odd = True
    if odd or max(map(len, data)) > PUT_BYTES_MAX or type(entries) is not list:
        # In the model's words. It may also find that all is well: a key of 256 letters has more bytes.
        call.check()
        keys = [_partition_key(entry) for entry in entries]
        data = call.codec.blobs([entry["Data"] for entry in entries])
    return keys, data, _explicit(call, entries)


def _explicit(call: Call, entries: list[dict[str, Any]]) -> list[int | None] | None:
    if not any("ExplicitHashKey" in entry for entry in entries):
        return None
    call.check()
    return _hash_keys(entries)


def _partition_key(entry: dict[str, Any]) -> bytes:
    key = entry.get("PartitionKey")
    if key is None:
        # Optional in the model since streams may distribute records by themselves; ours go by key.
        raise KinesisError("InvalidArgumentException", "PartitionKey must be specified.")
    return str(key).encode()


def _hash_keys(entries: list[dict[str, Any]]) -> list[int | None] | None:
    texts = [entry.get("ExplicitHashKey") for entry in entries]
    for text in texts:
        if text is not None and int(text) >= HASH_KEYS:
            raise KinesisError(
                "InvalidArgumentException",
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
                f"Specified value was {text}",
            )
    return [None if text is None else int(text) for text in texts]


def _check_sizes(stream: StreamSpec, keys: list[bytes], data: list[bytes]) -> None:
    if sum(map(len, keys)) + sum(map(len, data)) > PUT_BYTES_MAX:
        raise KinesisError(
            "InvalidArgumentException", f"Records size exceeds {PUT_BYTES_MAX >> 20} MB limit, partition keys included."
        )
    # Only if the longest of each could together be too much is every record looked at.
    limit = stream.record_bytes_max
    if max(map(len, keys)) + max(map(len, data)) > limit:
        for number, (key, one) in enumerate(zip(keys, data, strict=True), start=1):
            if len(key) + len(one) > limit:
                raise KinesisError(
                    "InvalidArgumentException",
                    f"Record {number} has {len(key) + len(one)} bytes, its partition key included; "
                    f"stream {stream.name} takes at most {limit}.",
                )


def _rate_exceeded(stream: StreamSpec, index: int) -> KinesisError:
    return KinesisError(
        "ProvisionedThroughputExceededException",
        f"Rate exceeded for shard {stream.open_shards[index].id} in stream {stream.name} under account 000000000000.",
    )


def _record_error(stream: StreamSpec, index: int, error: GureumError) -> dict[str, Any]:
    if error.code == "stream.throughput":
        exceeded = _rate_exceeded(stream, index)
        return {"ErrorCode": exceeded.type, "ErrorMessage": exceeded.message}
    type_, status = kinesis_type(error)
    # A client repeats the records of these two codes and drops those of any other.
    return {"ErrorCode": "InternalFailure" if status >= 500 else type_, "ErrorMessage": str(error)}
