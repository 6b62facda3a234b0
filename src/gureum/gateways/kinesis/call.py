"""One authenticated call of one operation, and the door that it came through.

Made by `app`, handed to each operation. Holds what all operations do with a call: find the stream that it names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from gureum.clock import Clock
from gureum.errors import NotFound, PermissionDenied
from gureum.gateways.kinesis.codec import Codec
from gureum.gateways.kinesis.constraints import Constraints
from gureum.gateways.kinesis.errors import KinesisError
from gureum.gateways.kinesis.tokens import Tokens
from gureum.streams.readers import Readers
from gureum.streams.spec import ShardSpec, StreamSpec
from gureum.streams.streams import Streams
from gureum.streams.writer import PutResult, Records
from gureum.types import Actor, Permission

__all__ = ["ACCOUNT", "Call", "Door", "StreamWriter"]

# AWS clients want an account in ARNs; there is one here.
ACCOUNT = "000000000000"

_ARN = re.compile(r"arn:aws[^:]*:kinesis:[^:]*:\d{12}:stream/(\S+)", re.ASCII)


class StreamWriter(Protocol):
    """What the door needs of the writer: records in, and a deleted stream forgotten."""

    async def put_records(
        self, stream: StreamSpec, records: Records, *, producer: tuple[str, int] | None = None
    ) -> PutResult: ...

    def drop(self, stream_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Door:
    """What the operations work with."""

    streams: Streams
    writer: StreamWriter
    readers: Readers
    tokens: Tokens
    clock: Clock


@dataclass(frozen=True, slots=True)
class Call:
    operation: str
    permission: Permission | None
    constraints: Constraints
    body: dict[str, Any]
    actor: Actor
    region: str
    codec: Codec
    door: Door
    producer: tuple[str, int] | None = None

    def check(self, *, skip: str | None = None) -> None:
        """Raise what the model says is wrong with the body."""
        self.constraints.check(self.body, self.codec, skip=skip)

    def stream(self) -> StreamSpec:
        """The stream that StreamName or StreamARN names, if the actor may do this operation on it."""
        return self.stream_named(self.stream_name())

    def stream_name(self) -> str:
        body = self.body
        name = body.get("StreamName")
        arn = body.get("StreamARN")
        if body.get("StreamId") is not None:
            # The model says of StreamId: "Not Implemented. Reserved for future use."
            raise KinesisError("InvalidArgumentException", "StreamId is reserved for future use.")
        if arn is not None:
            match = _ARN.fullmatch(arn)
            in_arn = match.group(1) if match else ""
            if name is not None and name != in_arn:
                raise KinesisError(
                    "InvalidArgumentException", f"StreamARN {arn} and StreamName {name} name different streams."
                )
            name = in_arn
        if name is None:
            raise KinesisError("InvalidArgumentException", "Either StreamName or StreamARN must be specified.")
        return str(name)

    def stream_named(self, name: str) -> StreamSpec:
        assert self.permission is not None, f"{self.operation} works on no stream"
        try:
            return self.door.streams.get(name, self.actor, self.permission)
        except NotFound as error:
            raise stream_not_found(name, error.hint) from None
        except PermissionDenied as error:
            raise KinesisError(
                "AccessDeniedException",
                f"User: arn:aws:iam::{ACCOUNT}:user/{self.actor.user} is not authorized to perform: "
                f"kinesis:{self.operation} on resource: {self.arn(name)}: {error}",
            ) from None

    def shard(self, stream: StreamSpec, shard_id: str) -> ShardSpec:
        shard = stream.shard(shard_id)
        if shard is None:
            raise KinesisError(
                "ResourceNotFoundException",
                f"Shard {shard_id} in stream {stream.name} under account {ACCOUNT} does not exist",
            )
        return shard

    def arn(self, name: str) -> str:
        return f"arn:aws:kinesis:{self.region}:{ACCOUNT}:stream/{name}"

    def refuse_dry_run(self) -> None:
        """All was well, and the caller asked not to do it."""
        if self.body.get("DryRun"):
            raise KinesisError(
                "DryRunOperationException", "Request would have succeeded, but the DryRun parameter was specified."
            )


def stream_not_found(name: str, hint: str | None = None) -> KinesisError:
    said = f" ({hint})" if hint else ""
    return KinesisError("ResourceNotFoundException", f"Stream {name} under account {ACCOUNT} not found.{said}")
