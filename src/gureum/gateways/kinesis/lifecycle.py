"""CreateStream and DeleteStream.

Called through `operations`. Both are done when they answer: a stream is ACTIVE at once, and a deleted one is gone.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gureum.errors import Conflict, LimitExceeded
from gureum.gateways.kinesis.call import ACCOUNT, Call
from gureum.gateways.kinesis.errors import KinesisError

__all__ = ["create_stream", "delete_stream"]


async def create_stream(call: Call) -> None:
    call.check()
    body = call.body
    mode = (body.get("StreamModeDetails") or {}).get("StreamMode", "PROVISIONED")
    shards = body.get("ShardCount")
    if mode == "PROVISIONED" and shards is None:
        raise KinesisError("ValidationException", "ShardCount is required for a stream of mode PROVISIONED.")
    if mode == "ON_DEMAND" and shards is not None:
        raise KinesisError("ValidationException", "ShardCount cannot be set for a stream of mode ON_DEMAND.")
    if body.get("RecordDistributionStrategy") == "AUTO":
        raise KinesisError(
            "InvalidArgumentException", "RecordDistributionStrategy AUTO is not supported; use partition keys."
        )
    tags = body.get("Tags") or {}
    try:
        call.door.streams.create(
            body["StreamName"],
            call.actor,
            shards=shards,
            mode=mode,
            record_bytes_max=(body.get("MaxRecordSizeInKiB") or 1024) << 10,
            tags=tags,
        )
    except Conflict:
        raise KinesisError(
            "ResourceInUseException", f"Stream {body['StreamName']} under account {ACCOUNT} already exists."
        ) from None
    except LimitExceeded as error:
        raise KinesisError("LimitExceededException", str(error)) from None


async def delete_stream(call: Call) -> dict[str, Any] | None:
    call.check()
    stream = call.stream()
    call.door.streams.delete(stream.name, call.actor)
    call.door.readers.drop(stream.id)
    await asyncio.to_thread(call.door.writer.drop, stream.id)
    return None
