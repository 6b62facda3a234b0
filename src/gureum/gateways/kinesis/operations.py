"""The table of what the door does: one row for each operation of the wire.

Read by `app` to dispatch, and by the tests that walk every operation as every role.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gureum.gateways.kinesis.call import Call
from gureum.gateways.kinesis.describe import describe_stream, describe_stream_summary
from gureum.gateways.kinesis.get_records import get_records
from gureum.gateways.kinesis.lifecycle import create_stream, delete_stream
from gureum.gateways.kinesis.lists import list_shards, list_streams
from gureum.gateways.kinesis.put_records import put_record, put_records
from gureum.gateways.kinesis.shard_iterator import get_shard_iterator
from gureum.types import Permission, Role

__all__ = ["OPERATIONS", "Operation"]

# An answer as members, as bytes in the call's codec, or none.
Handler = Callable[[Call], Awaitable[dict[str, Any] | bytes | None]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What carries it out, and what the actor needs: a permission on the stream that it names, or a role where it names
    none (then the catalog shows and allows what the actor may see and make).
    """

    handler: Handler
    needs: Permission | Role


OPERATIONS: dict[str, Operation] = {
    "CreateStream": Operation(create_stream, Role.EDITOR),
    "DeleteStream": Operation(delete_stream, Permission.MANAGE),
    "DescribeStream": Operation(describe_stream, Permission.READ),
    "DescribeStreamSummary": Operation(describe_stream_summary, Permission.READ),
    "GetRecords": Operation(get_records, Permission.READ),
    "GetShardIterator": Operation(get_shard_iterator, Permission.READ),
    "ListShards": Operation(list_shards, Permission.READ),
    "ListStreams": Operation(list_streams, Role.VIEWER),
    "PutRecord": Operation(put_record, Permission.WRITE),
    "PutRecords": Operation(put_records, Permission.WRITE),
}
