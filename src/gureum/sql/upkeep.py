"""A table's upkeep: DESCRIBE DETAIL, RESTORE, OPTIMIZE [ZORDER BY], VACUUM.

Called by `sql.py`. Promise: OPTIMIZE changes no row; VACUUM takes no file away that a version within the retention time
needs, nor one that somebody may be about to commit.
"""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa

from gureum.errors import InternalError, LimitExceeded
from gureum.names import did_you_mean
from gureum.sql.commands import Optimize, Restore, Vacuum
from gureum.sql.dml import Target, change_table
from gureum.sql.quoting import quoted
from gureum.sql.work import Work, time_ms
from gureum.tables.change import Change, Reads
from gureum.tables.properties import interval_h
from gureum.tables.snapshot import DataFile
from gureum.types import Permission

__all__ = ["detail", "optimize", "restore", "vacuum"]

# A file below either is small: reading many such costs more than their rows.
SMALL_BYTES = 64 * 1024 * 1024
SMALL_ROWS = 500_000

# Spark's default, and no less: a statement that runs, a standing query and a copy of the log may need older files.
RETENTION_H = 168

ORDER_COLUMNS_MAX = 4
ORDER_BITS = 10  # 1024 slices of each column

DRY_RUN_FILES_MAX = 1_000


def detail(work: Work, name: str) -> pa.Table:
    """One row that tells of the table, with the columns that Spark's DESCRIBE DETAIL has; not where its files are."""
    thing, table = work.resolve(name)
    work.read.append(thing.name)
    snapshot = table.look()
    protocol = snapshot.protocol
    features = sorted({*protocol.reader_features, *protocol.writer_features})
    changed = table.history(1)
    return pa.table(
        {
            "format": ["delta"],
            "id": [snapshot.id],
            "name": [thing.name],
            "description": pa.array([snapshot.comment], pa.string()),
            "owner": [thing.owner],
            "createdAt": pa.array([(snapshot.created_at_ms or 0) * 1000], pa.timestamp("us", "UTC")),
            "lastModified": pa.array([changed[0].at_ms * 1000 if changed else None], pa.timestamp("us", "UTC")),
            "version": pa.array([snapshot.version], pa.int64()),
            "partitionColumns": pa.array([list(snapshot.layout.partition_by)], pa.list_(pa.string())),
            "numFiles": pa.array([len(snapshot.files)], pa.int64()),
            "sizeInBytes": pa.array([sum(file.bytes for file in snapshot.files)], pa.int64()),
            "numRows": pa.array([snapshot.rows], pa.int64()),
            "properties": [json.dumps(dict(snapshot.layout.properties), ensure_ascii=False, sort_keys=True)],
            "minReaderVersion": pa.array([protocol.min_reader], pa.int32()),
            "minWriterVersion": pa.array([protocol.min_writer], pa.int32()),
            "tableFeatures": pa.array([features], pa.list_(pa.string())),
        }
    )


def restore(work: Work, command: Restore) -> pa.Table:
    """RESTORE TABLE t TO VERSION|TIMESTAMP AS OF: a new version with the rows, columns and rules of an old one."""
    thing, table = work.resolve(command.table, Permission.WRITE)
    while not table.turn.acquire(timeout=0.1):
        work.check_stop()
    try:
        with work.at_name(thing.name):
            version = command.version
            if command.timestamp is not None:
                version = table.version_at(time_ms(command.timestamp))
            assert version is not None
            made = table.restore(version, user=work.actor.user)
    finally:
        table.turn.release()
    return pa.table({"restored_version": pa.array([version], pa.int64()), "version": pa.array([made], pa.int64())})


def optimize(work: Work, command: Optimize) -> pa.Table:
    """Small files into large ones; with ZORDER BY all files anew, near values together. Says what it did."""
    done = {"files_removed": 0, "files_added": 0, "bytes_removed": 0, "bytes_added": 0}

    def compute(target: Target) -> tuple[Change, int]:
        order = [_order_column(work, target, name, command) for name in command.order]
        files = list(target.snapshot.files) if order else _small(target.snapshot.files)
        change = Change(target.snapshot, "OPTIMIZE", Reads.FILES, data_change=False)
        if order:
            change.parameters["zOrderBy"] = json.dumps(order)
        if files:
            change.removed = files
            change.added = target.stage(_arranged(target, files, order), target.snapshot.layout)
            _check_rows(files, sum(file.rows for file in change.added))
        done.update(
            files_removed=len(change.removed), files_added=len(change.added),
            bytes_removed=sum(file.bytes for file in change.removed), bytes_added=sum(file.bytes for file in change.added),
        )  # fmt: skip
        change.metrics = {
            "numRemovedFiles": done["files_removed"], "numAddedFiles": done["files_added"],
            "numRemovedBytes": done["bytes_removed"], "numAddedBytes": done["bytes_added"],
        }  # fmt: skip
        return change, 0

    change_table(work, command.table, None, compute)
    return pa.table({key: pa.array([value], pa.int64()) for key, value in done.items()})


def vacuum(work: Work, command: Vacuum) -> pa.Table:
    """Remove files that no version within the retention time needs; DRY RUN only names them."""
    thing, table = work.resolve(command.table, Permission.MANAGE)
    kept = table.properties.get("delta.deletedFileRetentionDuration")
    retain_h = command.retain_h if command.retain_h is not None else max(RETENTION_H, interval_h(kept or "") or 0)
    if retain_h < RETENTION_H:
        raise work.statement.fail(
            f"files are kept for at least {RETENTION_H} hours: who reads the table now, or was about to write to it, needs them",
            at=command.start, code="table.retention", hint=f"VACUUM {command.table} RETAIN {RETENTION_H} HOURS",
        )  # fmt: skip
    with work.at_name(thing.name):
        files = table.vacuum(int(retain_h), dry_run=command.dry_run, user=work.actor.user)
    if not command.dry_run:
        return pa.table({"files_removed": pa.array([len(files)], pa.int64())})
    if len(files) > DRY_RUN_FILES_MAX:
        files = files[:DRY_RUN_FILES_MAX]
    return pa.table({"file": pa.array(files, pa.string())})


def _small(files: tuple[DataFile, ...]) -> list[DataFile]:
    """The small files of the partitions that have several."""
    small = [file for file in files if file.bytes < SMALL_BYTES and (file.rows is None or file.rows < SMALL_ROWS)]
    counts = Counter(_partition(file) for file in small)
    return [file for file in small if counts[_partition(file)] > 1]


def _partition(file: DataFile) -> str:
    return json.dumps(file.partition, sort_keys=True)


def _arranged(target: Target, files: list[DataFile], order: list[str]) -> str:
    """A query of the files' rows, partition by partition, in the order in which they are to be written."""
    columns = ", ".join(quoted(name) for name in target.columns)
    partitions = [quoted(name) for name in target.snapshot.layout.partition_by]
    scan = target.scan(files=target.engine_names(files))
    if not order:
        return f"SELECT {columns} FROM {scan} ORDER BY {', '.join([*partitions, target.file, target.row])}"
    slices = [target.new() for _ in order]
    # Each column's rank in 2 ** ORDER_BITS slices; their bits in turns are the place on the Z curve.
    ranks = ", ".join(
        f"ntile({2**ORDER_BITS}) OVER (ORDER BY {quoted(name)} NULLS FIRST) - 1 AS {slice_}"
        for name, slice_ in zip(order, slices, strict=True)
    )
    bits = " + ".join(
        f"((({slice_} >> {bit}) & 1) << {bit * len(order) + place})"
        for bit in range(ORDER_BITS)
        for place, slice_ in enumerate(slices)
    )
    return f"SELECT {columns} FROM (SELECT *, {ranks} FROM {scan}) ORDER BY {', '.join([*partitions, bits])}"


def _order_column(work: Work, target: Target, name: str, command: Optimize) -> str:
    schema, by = target.snapshot.layout.schema, target.snapshot.layout.partition_by
    found = next((field for field in schema if field.name.lower() == name.lower()), None)
    if found is None:
        raise work.statement.fail(
            f"there is no column {name!r}", at=command.start, code="table.column", hint=did_you_mean(name, schema.names)
        )
    if found.name in by:
        raise work.statement.fail(
            f"{name!r} is a partition column: its values lie apart already", at=command.start, code="table.column"
        )
    if pa.types.is_nested(found.type):
        raise work.statement.fail(f"{name!r} is {found.type}: it has no order", at=command.start, code="table.column")
    if len(command.order) > ORDER_COLUMNS_MAX:
        raise LimitExceeded(
            f"ZORDER BY takes at most {ORDER_COLUMNS_MAX} columns", code="sql.columns",
            hint="each further one makes the others lie farther apart",
        )  # fmt: skip
    return str(found.name)


def _check_rows(files: list[DataFile], written: int) -> None:
    counts = [file.rows for file in files]
    if all(count is not None for count in counts) and sum(count or 0 for count in counts) != written:
        raise InternalError(f"OPTIMIZE read {written} rows where the log says otherwise", code="sql.rows")
