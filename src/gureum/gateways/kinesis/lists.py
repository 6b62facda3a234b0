"""ListStreams and ListShards: pages with next tokens.

Called through `operations`.
"""

from __future__ import annotations

from typing import Any

from gureum.gateways.kinesis.call import Call, stream_not_found
from gureum.gateways.kinesis.describe import page_of_shards, show_shard, show_summary
from gureum.gateways.kinesis.errors import KinesisError
from gureum.gateways.kinesis.tokens import TokenExpired, TokenInvalid
from gureum.streams.spec import ShardSpec, StreamSpec

__all__ = ["list_shards", "list_streams"]

# What Kinesis gives when no limit is asked for.
STREAMS_DEFAULT = 100
SHARDS_DEFAULT = 1_000

_STREAMS = "list streams"
_SHARDS = "list shards"


async def list_streams(call: Call) -> dict[str, Any]:
    call.check()
    body = call.body
    limit = body.get("Limit") or STREAMS_DEFAULT
    after = body.get("ExclusiveStartStreamName") or ""
    if body.get("NextToken") is not None:
        (after,) = _open(call, _STREAMS, body["NextToken"], fields=1)
    found = call.door.streams.list(call.actor, after=after, limit=limit + 1)
    page = found[:limit]
    answer: dict[str, Any] = {
        "StreamNames": [stream.name for stream in page],
        "HasMoreStreams": len(found) > limit,
        "StreamSummaries": [show_summary(call, stream) for stream in page],
    }
    if len(found) > limit:
        answer["NextToken"] = call.door.tokens.seal(_STREAMS, page[-1].name)
    return answer


async def list_shards(call: Call) -> dict[str, Any]:
    call.check()
    body = call.body
    token = body.get("NextToken")
    after: str | None
    if token is not None:
        name, stream_id, after, filter_type = _open(call, _SHARDS, token, fields=4)
        # Kinesis refuses a name beside a token; boto3's own paginator sends both. Only a different stream is refused here.
        if (body.get("StreamName") or body.get("StreamARN")) is not None and call.stream_name() != name:
            raise KinesisError("InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
        stream = call.stream_named(name)
        if stream.id != stream_id:
            raise stream_not_found(name)
    else:
        stream = call.stream()
        after = body.get("ExclusiveStartShardId")
        wanted = body.get("ShardFilter") or {}
        filter_type = wanted.get("Type", "FROM_TRIM_HORIZON")
        if filter_type == "AFTER_SHARD_ID":
            after = wanted.get("ShardId")
            if after is None:
                raise KinesisError("InvalidArgumentException", "ShardId must be specified for AFTER_SHARD_ID.")
        elif filter_type.endswith("_TIMESTAMP") and wanted.get("Timestamp") is None:
            raise KinesisError("InvalidArgumentException", f"Timestamp must be specified for {filter_type}.")
    shards = _filtered(stream, filter_type)
    limit = body.get("MaxResults") or SHARDS_DEFAULT
    page, has_more = page_of_shards(shards, after=after, limit=limit)
    answer: dict[str, Any] = {"Shards": [show_shard(stream, shard) for shard in page]}
    if has_more:
        answer["NextToken"] = call.door.tokens.seal(_SHARDS, stream.name, stream.id, page[-1].id, filter_type)
    return answer


def _filtered(stream: StreamSpec, filter_type: str) -> tuple[ShardSpec, ...]:
    # Closed shards come with split and merge; until then the other filters all mean every shard.
    return stream.open_shards if filter_type == "AT_LATEST" else stream.shards


def _open(call: Call, purpose: str, token: str, *, fields: int) -> list[str]:
    try:
        return call.door.tokens.open(purpose, token, fields=fields)
    except TokenInvalid:
        raise KinesisError("InvalidArgumentException", "Invalid NextToken.") from None
    except TokenExpired:
        raise KinesisError("ExpiredNextTokenException", "The NextToken has expired; list from the start.") from None
