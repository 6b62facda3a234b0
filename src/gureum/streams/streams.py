"""Streams by name: create, describe, list, delete.

Called by the gateways, the SDK's library mode and the demo. A stream is a row of the catalog; its records are folders that
the one writer process keeps. So any process may create or delete a stream, and the writer finds out by `keep_house`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gureum.catalog.catalog import SYSTEM, Catalog, Thing
from gureum.clock import Clock
from gureum.errors import InvalidInput, LimitExceeded
from gureum.names import Kind, check_name
from gureum.streams.readers import Readers
from gureum.streams.spec import RECORD_BYTES_MAX, RETENTION_H, ShardSpec, StreamSpec, new_shards
from gureum.streams.writer import LogWriter
from gureum.types import Actor, Permission

__all__ = ["RETENTION_H_MAX", "RETENTION_H_MIN", "SHARDS_MAX", "Streams", "keep_house"]

# Each shard is a folder, an open file and a mapped page; AWS' own default quota is of this size.
SHARDS_MAX = 500

RETENTION_H_MIN = 24
RETENTION_H_MAX = 8760  # a year, as in Kinesis
RECORD_BYTES_LIMIT = 10 << 20

MODES = ("PROVISIONED", "ON_DEMAND")

# Kinesis starts an on-demand stream with four shards.
ON_DEMAND_SHARDS = 4

# Parsed specs kept; one costs as many bytes as it has shards times a few hundred.
SPECS_MAX = 4_096


class Streams:
    """The streams that the catalog names."""

    def __init__(self, catalog: Catalog, *, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._specs: dict[str, StreamSpec] = {}

    def create(
        self,
        name: str,
        actor: Actor,
        *,
        shards: int | None = None,
        mode: str = "PROVISIONED",
        retention_h: int = RETENTION_H,
        record_bytes_max: int = RECORD_BYTES_MAX,
        tags: Mapping[str, str] | None = None,
    ) -> StreamSpec:
        """Make a stream; it takes records at once. Raises Conflict when the name is taken."""
        check_name(Kind.STREAM, name)
        if mode not in MODES:
            raise InvalidInput(f"{mode!r} is no stream mode", code="stream.mode", hint=f"use {' or '.join(MODES)}")
        count = shards if shards is not None else (ON_DEMAND_SHARDS if mode == "ON_DEMAND" else 1)
        if count < 1:
            raise InvalidInput("a stream has at least one shard", code="stream.shards")
        if count > SHARDS_MAX:
            raise LimitExceeded(
                f"a stream has at most {SHARDS_MAX} shards, {count} were asked for", code="stream.shards_max"
            )
        if not RETENTION_H_MIN <= retention_h <= RETENTION_H_MAX:
            raise InvalidInput(
                f"a stream keeps its records {RETENTION_H_MIN} to {RETENTION_H_MAX} hours", code="stream.retention"
            )
        if not RECORD_BYTES_MAX <= record_bytes_max <= RECORD_BYTES_LIMIT:
            raise InvalidInput("the largest record may be set from 1 to 10 MiB", code="stream.record_bytes")
        now_ms = self._clock.now_ms()
        spec = StreamSpec(
            "", name, actor.user, 0, now_ms, new_shards(count, now_ms), mode, retention_h, record_bytes_max, tags or {}
        )
        return self._spec(self._catalog.create(name, actor, kind=Kind.STREAM, spec=spec.to_json()))

    def get(self, name: str, actor: Actor, permission: Permission = Permission.READ) -> StreamSpec:
        """The stream of this name, if `actor` may; raises NotFound with near names, or PermissionDenied."""
        return self._spec(self._catalog.resolve(name, actor, permission, kind=Kind.STREAM))

    def list(self, actor: Actor, *, after: str = "", limit: int = 1000) -> Sequence[StreamSpec]:
        """The streams that `actor` may read, by name, from just after the name `after`."""
        return [self._spec(thing) for thing in self._catalog.list(actor, kind=Kind.STREAM, after=after, limit=limit)]

    def delete(self, name: str, actor: Actor) -> StreamSpec:
        """Take the stream out of the catalog; the writer removes its records when it keeps house."""
        spec = self._spec(self._catalog.resolve(name, actor, Permission.MANAGE, kind=Kind.STREAM))
        self._catalog.delete(name, actor, kind=Kind.STREAM)
        self._specs.pop(spec.id, None)
        return spec

    def _spec(self, thing: Thing) -> StreamSpec:
        spec = self._specs.get(thing.id)
        if spec is None or spec.version != thing.version:
            body = thing.spec
            spec = StreamSpec(
                id=thing.id,
                name=thing.name,
                owner=thing.owner,
                version=thing.version,
                created_ms=thing.created_at_ms,
                shards=tuple(ShardSpec.from_json(shard) for shard in body["shards"]),
                mode=body["mode"],
                retention_h=body["retention_h"],
                record_bytes_max=body["record_bytes_max"],
                tags=body["tags"],
            )
            if len(self._specs) >= SPECS_MAX:
                self._specs.clear()
            self._specs[thing.id] = spec
        return spec


def keep_house(streams: Streams, writer: LogWriter, readers: Readers) -> int:
    """Remove the records of deleted streams and those older than the retention; return how many segments expired.

    The writer process calls this every few seconds.
    """
    # Folders first, names second: a stream's row is there before its folder is, so a folder without a row was deleted.
    stored = writer.stored_streams()
    named: dict[str, StreamSpec] = {}
    after = ""
    while page := streams.list(SYSTEM, after=after):
        named.update((spec.id, spec) for spec in page)
        after = page[-1].name
    for stream_id in stored:
        if stream_id not in named:
            writer.drop(stream_id)
            readers.drop(stream_id)
    return sum(writer.expire(spec) for spec in named.values())
