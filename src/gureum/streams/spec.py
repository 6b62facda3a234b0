"""What a stream is, as the catalog stores it: its shards and its settings.

Made by `streams` from the catalog's rows; read by `writer`, the gateways and the SQL engine. Pure.

A shard's number, hash range and parents never change; `end_offset` is set when a split or merge closes it, so that readers
know where it ends and then go on with its children.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gureum.streams.partition import split_evenly
from gureum.streams.sequence import sequence_number, shard_id

__all__ = ["RECORD_BYTES_MAX", "RETENTION_H", "ShardSpec", "StreamSpec"]

# Kinesis' own defaults.
RETENTION_H = 24
RECORD_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class ShardSpec:
    number: int
    hash_start: int
    hash_end: int
    created_ms: int
    parents: tuple[int, ...] = ()
    end_offset: int | None = None

    @cached_property
    def id(self) -> str:
        return shard_id(self.number)

    @property
    def is_open(self) -> bool:
        return self.end_offset is None

    @property
    def starting_sequence(self) -> str:
        return sequence_number(0, created_ms=self.created_ms, shard=self.number)

    @property
    def ending_sequence(self) -> str | None:
        if self.end_offset is None:
            return None
        return sequence_number(max(self.end_offset - 1, 0), created_ms=self.created_ms, shard=self.number)

    def to_json(self) -> dict[str, Any]:
        # JSON numbers end at 2**53 for many readers, so hash keys are strings.
        return {
            "number": self.number,
            "hash_start": str(self.hash_start),
            "hash_end": str(self.hash_end),
            "created_ms": self.created_ms,
            "parents": list(self.parents),
            "end_offset": self.end_offset,
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> ShardSpec:
        return cls(
            number=body["number"],
            hash_start=int(body["hash_start"]),
            hash_end=int(body["hash_end"]),
            created_ms=body["created_ms"],
            parents=tuple(body["parents"]),
            end_offset=body["end_offset"],
        )


@dataclass(frozen=True)
class StreamSpec:
    """One stream. `id` names its folder and is never used again; `version` rises with each change."""

    id: str
    name: str
    owner: str
    version: int
    created_ms: int
    shards: tuple[ShardSpec, ...]
    mode: str = "PROVISIONED"
    retention_h: int = RETENTION_H
    record_bytes_max: int = RECORD_BYTES_MAX
    tags: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def open_shards(self) -> tuple[ShardSpec, ...]:
        """The shards that take records, by hash range."""
        return tuple(sorted((shard for shard in self.shards if shard.is_open), key=lambda shard: shard.hash_start))

    @cached_property
    def open_starts(self) -> tuple[bytes, ...]:
        """The first hash key of each open shard, as `partition.route` wants them."""
        return tuple(shard.hash_start.to_bytes(16, "big") for shard in self.open_shards)

    def shard(self, id_: str) -> ShardSpec | None:
        return self._by_id.get(id_)

    @cached_property
    def _by_id(self) -> dict[str, ShardSpec]:
        return {shard.id: shard for shard in self.shards}

    def to_json(self) -> dict[str, Any]:
        """What the catalog keeps as the thing's spec; the rest is in its columns."""
        return {
            "mode": self.mode,
            "retention_h": self.retention_h,
            "record_bytes_max": self.record_bytes_max,
            "tags": dict(self.tags),
            "shards": [shard.to_json() for shard in self.shards],
        }


def new_shards(count: int, created_ms: int) -> tuple[ShardSpec, ...]:
    """The shards of a new stream, with even hash ranges."""
    return tuple(ShardSpec(number, start, end, created_ms) for number, (start, end) in enumerate(split_evenly(count)))
