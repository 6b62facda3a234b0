"""One version of a Delta table, held still: its columns and rules, its protocol and its data files.

Called by `table.py`; `sql` computes changes against it. Pure values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable, Schema

from gureum.errors import InvalidInput
from gureum.tables.constraints import PREFIX, Check, checks_of
from gureum.tables.partitions import spell_partition_value

__all__ = ["CHANGE_FEED", "DataFile", "Layout", "Protocol", "Snapshot", "layout_of", "records_changes", "snapshot_of"]

CHANGE_FEED = "delta.enableChangeDataFeed"


@dataclass(frozen=True)
class Layout:
    """What rows must look like to be written: columns, partition columns, and properties with the CHECK constraints."""

    schema: pa.Schema
    partition_by: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def checks(self) -> list[Check]:
        return checks_of(self.properties)

    @cached_property
    def schema_json(self) -> str:
        """The columns as the log has them."""
        return str(Schema.from_arrow(self.schema).to_json())

    @cached_property
    def fingerprint(self) -> str:
        """Equal for layouts to which the same rows fit in the same files."""
        rules = {key: value for key, value in self.properties.items() if key.startswith(PREFIX)}
        said = json.dumps([json.loads(self.schema_json), list(self.partition_by), rules], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def has_change_feed(self) -> bool:
        return records_changes(self.properties)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a version. `path` is spelled as in the log; `name` is its path below the table on disk."""

    path: str
    bytes: int
    rows: int | None
    partition: dict[str, str | None] | None  # None: of a type that gureum does not spell
    has_deletion_vector: bool

    @property
    def name(self) -> str:
        return unquote(self.path)


@dataclass(frozen=True, slots=True)
class Protocol:
    min_reader: int
    min_writer: int
    reader_features: tuple[str, ...] = ()
    writer_features: tuple[str, ...] = ()

    def to_action(self) -> dict[str, Any]:
        action: dict[str, Any] = {"minReaderVersion": self.min_reader, "minWriterVersion": self.min_writer}
        if self.min_reader >= 3:
            action["readerFeatures"] = sorted(self.reader_features)
        if self.min_writer >= 7:
            action["writerFeatures"] = sorted(self.writer_features)
        return {"protocol": action}


@dataclass(frozen=True)
class Snapshot:
    version: int
    layout: Layout
    protocol: Protocol
    id: str
    name: str | None
    comment: str | None
    created_at_ms: int | None
    files: tuple[DataFile, ...]

    @property
    def rows(self) -> int | None:
        """Rows of all files; None when a file does not say, or has deleted ones."""
        if any(file.rows is None or file.has_deletion_vector for file in self.files):
            return None
        return sum(file.rows or 0 for file in self.files)

    def metadata_action(self, layout: Layout | None = None, *, comment: str | None = None) -> dict[str, Any]:
        """The table's metaData, with another layout or comment where given."""
        layout = layout or self.layout
        return {
            "metaData": {
                "id": self.id, "name": self.name, "description": self.comment if comment is None else comment or None,
                "format": {"provider": "parquet", "options": {}}, "schemaString": layout.schema_json,
                "partitionColumns": list(layout.partition_by), "createdTime": self.created_at_ms,
                "configuration": dict(layout.properties),
            }
        }  # fmt: skip


def records_changes(properties: Mapping[str, str]) -> bool:
    return properties.get(CHANGE_FEED, "").lower() == "true"


def layout_of(delta: DeltaTable) -> Layout:
    metadata = delta.metadata()
    return Layout(pa.schema(delta.schema().to_arrow()), tuple(metadata.partition_columns), dict(metadata.configuration))


def snapshot_of(delta: DeltaTable) -> Snapshot:
    """All that a change needs to know about the version that `delta` is at."""
    metadata, protocol = delta.metadata(), delta.protocol()
    return Snapshot(
        int(delta.version()), layout_of(delta),
        Protocol(
            protocol.min_reader_version, protocol.min_writer_version,
            tuple(protocol.reader_features or ()), tuple(protocol.writer_features or ()),
        ),
        str(metadata.id), metadata.name, metadata.description, metadata.created_time, _files(delta),
    )  # fmt: skip


def _files(delta: DeltaTable) -> tuple[DataFile, ...]:
    actions = pa.table(delta.get_add_actions(flatten=False))
    if not actions.num_rows:
        return ()
    partitions = actions["partition"].to_pylist() if "partition" in actions.column_names else None
    rows = actions["num_records"].to_pylist() if "num_records" in actions.column_names else None
    vectors = _deletion_vectors(delta)
    return tuple(
        DataFile(
            path,
            size,
            rows[index] if rows else None,
            _spelled(partitions[index]) if partitions else {},
            path in vectors,
        )
        for index, (path, size) in enumerate(
            zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True)
        )
    )


def _deletion_vectors(delta: DeltaTable) -> frozenset[str]:
    """Paths of the files with rows that were deleted in place."""
    if "deletionVectors" not in (delta.protocol().reader_features or []):
        return frozenset()
    found = pa.table(pa.RecordBatchReader.from_stream(delta.deletion_vectors()).read_all())
    return frozenset(str(path) for path in found.column(0).to_pylist())


def _spelled(values: Mapping[str, Any]) -> dict[str, str | None] | None:
    try:
        return {column: spell_partition_value(value, column) for column, value in values.items()}
    except InvalidInput:
        return None
