"""How streams and shards are shown: DescribeStream, DescribeStreamSummary, and the shapes that lists share.

Called through `operations`, and by `lists`.
"""

from __future__ import annotations

from typing import Any

from gureum.gateways.kinesis.call import Call
from gureum.streams.spec import ShardSpec, StreamSpec

__all__ = ["describe_stream", "describe_stream_summary", "page_of_shards", "show_shard", "show_summary"]

# What Kinesis gives when no Limit is asked for.
SHARDS_DEFAULT = 100


async def describe_stream(call: Call) -> dict[str, Any]:
    call.check()
    stream = call.stream()
    page, has_more = page_of_shards(
        stream.shards, after=call.body.get("ExclusiveStartShardId"), limit=call.body.get("Limit") or SHARDS_DEFAULT
    )
    return {
        "StreamDescription": {
            **_common(call, stream),
            "Shards": [show_shard(stream, shard) for shard in page],
            "HasMoreShards": has_more,
        }
    }


async def describe_stream_summary(call: Call) -> dict[str, Any]:
    call.check()
    stream = call.stream()
    return {
        "StreamDescriptionSummary": {
            **_common(call, stream),
            "OpenShardCount": len(stream.open_shards),
            "ConsumerCount": 0,
            "MaxRecordSizeInKiB": stream.record_bytes_max >> 10,
        }
    }


def show_summary(call: Call, stream: StreamSpec) -> dict[str, Any]:
    return {
        "StreamName": stream.name,
        "StreamARN": call.arn(stream.name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": stream.mode},
        "StreamCreationTimestamp": stream.created_ms / 1000,
    }


def show_shard(stream: StreamSpec, shard: ShardSpec) -> dict[str, Any]:
    sequences = {"StartingSequenceNumber": shard.starting_sequence}
    if shard.ending_sequence is not None:
        sequences["EndingSequenceNumber"] = shard.ending_sequence
    shown: dict[str, Any] = {
        "ShardId": shard.id,
        "HashKeyRange": {"StartingHashKey": str(shard.hash_start), "EndingHashKey": str(shard.hash_end)},
        "SequenceNumberRange": sequences,
    }
    ids = {one.number: one.id for one in stream.shards}
    for member, parent in zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False):
        shown[member] = ids[parent]
    return shown


def page_of_shards(
    shards: tuple[ShardSpec, ...], *, after: str | None, limit: int
) -> tuple[tuple[ShardSpec, ...], bool]:
    """The shards after a shard id, at most so many, and whether more follow. Shard ids sort as their numbers do."""
    following = tuple(shard for shard in shards if after is None or shard.id > after)
    return following[:limit], len(following) > limit


def _common(call: Call, stream: StreamSpec) -> dict[str, Any]:
    return {
        **show_summary(call, stream),
        "RetentionPeriodHours": stream.retention_h,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    }
