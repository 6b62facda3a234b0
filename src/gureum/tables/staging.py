"""Rows to data files that no version names yet: checked, split by partition, written and synced.

Called by `table.py`. Promise: what is staged fits the table (types, NOT NULL, CHECK) and is safe on disk, and is invisible
until a commit names it.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gureum.errors import Unavailable
from gureum.tables.constraints import enforce
from gureum.tables.partitions import split_by_partition
from gureum.tables.rows import fit_to_schema
from gureum.tables.snapshot import Layout
from gureum.tables.statistics import columns_with_bounds, file_statistics

__all__ = ["FEED_COLUMN", "FEED_FOLDER", "StagedFile", "stage_feed", "stage_rows", "sync_file"]

# Rows in one parquet file: keeps a reader's memory and a failed upload small.
FILE_ROWS_MAX = 4_000_000

# Readers skip a group by its least and greatest value and share groups between threads: smaller ones than Arrow's million make
# a question about one row three times as fast. The dictionary shrinks with them, or columns of distinct values would keep one.
GROUP_ROWS_MAX = 262_144
DICTIONARY_BYTES_MAX = 1 << 18

# Of the change data feed, as the Delta protocol has them.
FEED_FOLDER = "_change_data/"
FEED_COLUMN = "_change_type"


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A data file that is written and synced, but that no version names yet: invisible until `commit`."""

    path: str
    bytes: int
    rows: int
    partition: dict[str, str | None]
    written_at_ms: int
    statistics: str
    layout: str = ""  # fingerprint of the layout that its rows fit to; empty for one staged before there were any

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StagedFile:
        return cls(**value)


def stage_rows(location: str, storage: Mapping[str, str], layout: Layout, rows: pa.Table) -> list[StagedFile]:
    """Write rows to files. Raises InvalidInput that names column, constraint and row for what does not fit."""
    fitted = fit_to_schema(rows, layout.schema)
    enforce(fitted, layout.checks)
    return _write(location, storage, layout, fitted, "")


def stage_feed(location: str, storage: Mapping[str, str], layout: Layout, rows: pa.Table) -> list[StagedFile]:
    """Write rows of the change data feed: the table's columns and `_change_type`."""
    fitted = fit_to_schema(rows, layout.schema.append(pa.field(FEED_COLUMN, pa.string())))
    return _write(location, storage, layout, fitted, FEED_FOLDER)


def _write(location: str, storage: Mapping[str, str], layout: Layout, rows: pa.Table, below: str) -> list[StagedFile]:
    staged: list[StagedFile] = []
    for partition, folder, part in split_by_partition(rows, list(layout.partition_by)):
        staged.extend(
            _write_file(location, storage, part.slice(start, FILE_ROWS_MAX), partition, below + folder, layout)
            for start in range(0, part.num_rows, FILE_ROWS_MAX)
        )
    if "://" not in location and staged:
        # A new partition's folder is an entry of the one above it, up to the table's own.
        folders = {folder for file in staged for folder in Path(file.path).parents}
        for folder_path in sorted(folders, reverse=True):
            sync_file(Path(location, folder_path))
    return staged


def _write_file(
    location: str,
    storage: Mapping[str, str],
    rows: pa.Table,
    partition: dict[str, str | None],
    folder: str,
    layout: Layout,
) -> StagedFile:
    path = f"{folder}part-{uuid.uuid4().hex}.zstd.parquet"
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows, sink, row_group_size=GROUP_ROWS_MAX, dictionary_pagesize_limit=DICTIONARY_BYTES_MAX, compression="zstd",
        compression_level=1, write_statistics=columns_with_bounds(rows),
    )  # fmt: skip
    buffer = sink.getvalue()
    if "://" not in location:
        _write_synced(Path(location, path), buffer)
    else:
        from gureum.store.objects import open_objects  # only tables in object storage need the client

        open_objects(location, options=storage).put(path, bytes(buffer))
    return StagedFile(
        path, buffer.size, rows.num_rows, partition, time.time_ns() // 1_000_000, file_statistics(rows), layout.fingerprint
    )  # fmt: skip


def _write_synced(path: Path, buffer: pa.Buffer) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(memoryview(buffer))
            file.flush()
            os.fdatasync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unavailable(
            f"cannot write {path.name}: {error.strerror}", code="table.write", hint="free some space, then try again"
        ) from error


def sync_file(path: Path) -> None:
    """Also for folders: their entries are their data, and a new name may otherwise be lost (ext4)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
