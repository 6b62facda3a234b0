"""One Delta table: a list of versions. Stage rows, commit them, read a snapshot, look at the history.

Called by `sql` (statements and standing queries) and by `tables.py`. Promise: a commit is all or nothing; on a local disk
the data files are synced before the commit exists and the commit is synced before it is acknowledged; a commit with a
`txn` happens once, however often it is tried; a table that needs a feature we cannot honour is refused by its name.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from gureum.errors import Conflict, CorruptData, InvalidInput, NotFound, Unavailable
from gureum.tables.partitions import split_by_partition
from gureum.tables.protocol import append_blockers
from gureum.tables.repair import ACTIONS, HINT, checkpoint_version, repair_log
from gureum.tables.rows import fit_to_schema, table_schema
from gureum.tables.statistics import columns_with_bounds, file_statistics

__all__ = ["StagedFile", "Table", "Version"]

# Two appends never truly conflict: trying again only re-reads the log. Sixteen writers need far fewer tries than this.
COMMIT_TRIES_MAX = 50

# Rows in one parquet file: keeps a reader's memory and a failed upload small.
FILE_ROWS_MAX = 4_000_000

_SYNCED_KINDS = ("json", "checkpoint.parquet")


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A data file that is written and synced, but that no version names yet: invisible until `commit`."""

    path: str
    bytes: int
    rows: int
    partition: dict[str, str | None]
    written_at_ms: int
    statistics: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StagedFile:
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Version:
    version: int
    at_ms: int
    operation: str
    user: str | None
    parameters: dict[str, Any]
    metrics: dict[str, Any]


class Table:
    """A handle on one Delta table; cheap to keep, safe between threads."""

    def __init__(self, delta: DeltaTable, location: str, storage: Mapping[str, str] | None) -> None:
        self.location = location
        self._delta = delta
        self._storage = dict(storage or {})
        self._lock = threading.Lock()
        # The newest version that this handle has seen safe on disk with all before it; None before its first commit.
        self._synced: int | None = None

    @classmethod
    def create(
        cls,
        location: str,
        schema: pa.Schema,
        *,
        partition_by: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
        comment: str | None = None,
        storage: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> Table:
        """Make an empty table at `location` (a local path or s3://...). Raises Conflict when there is one."""
        schema = table_schema(schema)
        for column in partition_by:
            if column not in schema.names:
                raise InvalidInput(f"partition column {column!r} is not a column", code="table.column")
        if len(partition_by) == len(schema):
            raise InvalidInput("a table needs a column that is not a partition column", code="table.partition")
        if _is_local(location):
            Path(location).mkdir(parents=True, exist_ok=True)
        try:
            delta = DeltaTable.create(
                location,
                Schema.from_arrow(schema),
                mode="error",
                partition_by=list(partition_by) or None,
                description=comment,
                configuration=dict(properties or {}),
                storage_options=dict(storage or {}) or None,
                commit_properties=CommitProperties(custom_metadata={"user": user}) if user else None,
            )
        except DeltaError as error:
            if "already exists" in str(error):
                raise Conflict(f"there is a Delta table at {location}", code="table.exists") from error
            raise _translate(error, location) from error
        table = cls(delta, location, storage)
        table._sync_commits()
        if _is_local(location):
            for folder in (Path(location), *list(Path(location).parents)[:2]):
                _sync_folder(folder)
        return table

    @classmethod
    def open(cls, location: str, *, version: int | None = None, storage: Mapping[str, str] | None = None) -> Table:
        """The table at `location`, at its newest or a given version. Raises NotFound, CorruptData, Unavailable.

        What a power cut left of commits that were never acknowledged is set aside first (`repair.py`).
        """
        options = dict(storage or {}) or None
        log = Path(location, "_delta_log")
        try:
            if _is_local(location):
                repair_log(log)
            delta = DeltaTable(location, version=version, storage_options=options)
        except CorruptData:
            raise
        except Exception as error:
            if not _is_local(location) or not repair_log(log, thoroughly=True):
                raise _translate(error, location) from error
            delta = DeltaTable(location, version=version, storage_options=options)
        return cls(delta, location, storage)

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The newest version known here; `refresh` looks for newer ones."""
        return int(self._delta.version())

    @property
    def schema(self) -> pa.Schema:
        """The columns, as Arrow."""
        return pa.schema(self._delta.schema().to_arrow())

    @property
    def partition_columns(self) -> list[str]:
        return list(self._delta.metadata().partition_columns)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self._delta.metadata().configuration)

    @property
    def comment(self) -> str | None:
        return self._delta.metadata().description

    def refresh(self) -> int:
        """Read newer commits, and return the newest version."""
        with self._lock:
            try:
                self._delta.update_incremental()
            except Exception as error:
                raise _translate(error, self.location) from error
            return self.version

    def transaction_version(self, app_id: str) -> int | None:
        """The highest `txn` version that `app_id` committed; None when it never did."""
        found = self._delta.transaction_version(app_id)
        return None if found is None else int(found)

    def size(self) -> tuple[int, int, int | None]:
        """Files, bytes and rows of this version; rows are None when a file does not say how many it has."""
        actions = pa.table(self._delta.get_add_actions(flatten=True))
        files = actions.num_rows
        if not files:
            return 0, 0, 0
        size_bytes = sum(actions["size_bytes"].to_pylist())
        counts = actions["num_records"].to_pylist() if "num_records" in actions.column_names else [None]
        removed = self._deleted_rows(actions)
        rows = None if any(count is None for count in counts) or removed is None else sum(counts) - removed
        return files, size_bytes, rows

    def missing_files(self) -> list[str]:
        """Data files that this version names and that are not on the local disk; a look at names only, not at bytes."""
        if not _is_local(self.location):
            return []
        return [Path(uri).name for uri in self._delta.file_uris() if not Path(uri).exists()]

    def history(self, limit: int | None = None) -> list[Version]:
        """The versions, newest first."""
        entries = self._delta.history(limit)
        return [
            Version(
                version=entry["version"],
                at_ms=int(entry.get("timestamp") or 0),
                operation=str(entry.get("gureumOperation") or entry.get("operation") or "UNKNOWN"),
                user=entry.get("user") or entry.get("userName"),
                parameters=dict(entry.get("operationParameters") or {}),
                metrics=_metrics(entry),
            )
            for entry in entries
        ]

    def version_at(self, at_ms: int) -> int:
        """The newest version that existed at a time. Raises NotFound when the table is younger, or the log is cut."""
        older = [entry.version for entry in self.history() if entry.at_ms <= at_ms]
        if not older:
            raise NotFound(
                "the table has no version that old", code="table.version", hint="DESCRIBE HISTORY lists what there is"
            )
        return max(older)

    # --- changing ----------------------------------------------------------------------------------------------------

    def stage(self, rows: pa.Table) -> list[StagedFile]:
        """Write rows to data files that are safe on disk but belong to no version yet.

        Columns are matched by name and cast to the table's types without loss; one that is missing is null. Raises
        InvalidInput that names the column which does not fit.
        """
        blockers = append_blockers(self._delta)
        if blockers:
            raise InvalidInput(
                f"the table uses {', '.join(blockers)}, which gureum does not write",
                code="table.feature",
                hint="write it with Apache Spark",
            )
        fitted = fit_to_schema(rows, self.schema)
        staged: list[StagedFile] = []
        for partition, folder, part in split_by_partition(fitted, self.partition_columns):
            staged.extend(
                self._write_file(part.slice(start, FILE_ROWS_MAX), partition, folder)
                for start in range(0, part.num_rows, FILE_ROWS_MAX)
            )
        if _is_local(self.location) and staged:
            # A new partition's folder is an entry of the one above it, up to the table's own.
            folders = {folder for file in staged for folder in Path(file.path).parents}
            for folder_path in sorted(folders, reverse=True):
                _sync_folder(Path(self.location, folder_path))
        return staged

    def commit(
        self,
        staged: Sequence[StagedFile],
        *,
        txn: tuple[str, int] | None = None,
        operation: str = "INSERT",
        user: str | None = None,
    ) -> int | None:
        """Make staged files a new version, durably, and return it; None when `txn` was committed before.

        Raises Conflict when the table's schema changed since the files were staged or others keep winning.
        """
        actions: list[AddAction | RemoveAction] = [
            AddAction(file.path, file.bytes, file.partition, file.written_at_ms, True, file.statistics)
            for file in staged
        ]
        metadata = {
            "gureumOperation": operation,
            ACTIONS: str(len(staged) + (txn is not None)),
            "operationMetrics": {
                "numFiles": str(len(staged)),
                "numOutputRows": str(sum(file.rows for file in staged)),
                "numOutputBytes": str(sum(file.bytes for file in staged)),
            },
        }
        if user:
            metadata["user"] = user
        schema_before = self._delta.schema()
        for _ in range(COMMIT_TRIES_MAX):
            self.refresh()
            if txn is not None and self._was_applied(txn):
                self._sync_commits()  # whoever committed it may have died before its sync
                return None
            if self._delta.schema() != schema_before:
                raise Conflict(
                    f"the columns of {self.location} changed meanwhile", code="table.schema_changed", hint="try again"
                )
            if self._synced != self.version:
                self._sync_commits()  # a commit stands on those before it: they must be on disk first (`repair.py`)
            properties = CommitProperties(
                custom_metadata=metadata,
                max_commit_retries=0,
                app_transactions=[Transaction(*txn)] if txn is not None else None,
            )
            made = self.version + 1  # without retries of delta-rs' own it is this version or none
            with self._lock:
                try:
                    self._delta.create_write_transaction(
                        actions,
                        mode="append",
                        schema=self._delta.schema(),
                        partition_by=self.partition_columns or None,
                        commit_properties=properties,
                        post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
                    )
                except CommitFailedError:
                    continue
                except Exception as error:
                    raise _translate(error, self.location) from error
            self.refresh()
            self._sync_commits()
            return made
        raise Conflict(
            f"others committed to {self.location} {COMMIT_TRIES_MAX} times in a row",
            code="table.contention",
            hint="try again, or write larger batches",
        )

    def append(self, rows: pa.Table, *, operation: str = "INSERT", user: str | None = None) -> int | None:
        """Stage and commit in one go."""
        return self.commit(self.stage(rows), operation=operation, user=user)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _write_file(self, rows: pa.Table, partition: dict[str, str | None], folder: str) -> StagedFile:
        path = f"{folder}part-{uuid.uuid4().hex}.zstd.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd", compression_level=1, write_statistics=columns_with_bounds(rows))
        buffer = sink.getvalue()
        if _is_local(self.location):
            _write_synced(Path(self.location, path), buffer)
        else:
            from gureum.store.objects import open_objects  # only tables in object storage need the client

            open_objects(self.location, options=self._storage).put(path, bytes(buffer))
        return StagedFile(
            path, buffer.size, rows.num_rows, partition, time.time_ns() // 1_000_000, file_statistics(rows)
        )

    def _was_applied(self, txn: tuple[str, int]) -> bool:
        newest = self.transaction_version(txn[0])
        return newest is not None and newest >= txn[1]

    def _sync_commits(self) -> None:
        """delta-rs does not sync what it writes; an acknowledged commit must survive a power cut, and all before it.

        Those of other writers too: one may have died between its commit and its sync.
        """
        if not _is_local(self.location):
            return
        log, newest = Path(self.location, "_delta_log"), self.version
        first = checkpoint_version(log) if self._synced is None else self._synced + 1
        names = [f"{version:020}.{kind}" for version in range(max(0, first), newest + 1) for kind in _SYNCED_KINDS]
        try:
            there = [name for name in names if (log / name).exists()]
            if any("checkpoint" in name for name in there) and (log / HINT).exists():
                there.append(HINT)
            for name in there:
                _sync_file(log / name)
            _sync_folder(log)
        except OSError as error:
            raise Unavailable(
                f"the commit to {self.location} may not survive a power cut: {error.strerror}", code="table.sync",
                hint="look at the table before you write the same rows again",
            ) from error  # fmt: skip
        self._synced = max(newest, self._synced or 0)

    def _deleted_rows(self, actions: pa.Table) -> int | None:
        names = [name for name in actions.column_names if name.startswith(("deletionVector", "deletion_vector"))]
        cardinality = [name for name in names if name.endswith("cardinality")]
        if cardinality:
            return sum(value or 0 for value in actions[cardinality[0]].to_pylist())
        features = set(self._delta.protocol().reader_features or [])
        return None if "deletionVectors" in features else 0


def _metrics(entry: Mapping[str, Any]) -> dict[str, Any]:
    metrics = entry.get("operationMetrics") or {}
    return dict(json.loads(metrics)) if isinstance(metrics, str) else dict(metrics)


def _is_local(location: str) -> bool:
    return "://" not in location


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


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# A folder is synced like a file: its entries are its data, and a new name may otherwise be lost (ext4).
_sync_folder = _sync_file


def _translate(error: Exception, location: str) -> Exception:
    text = str(error)
    if isinstance(error, TableNotFoundError) or "Not a Delta table" in text or "No table metadata" in text:
        return NotFound(f"there is no Delta table at {location}", code="table.not_found")
    if isinstance(error, DeltaProtocolError):
        return InvalidInput(f"{location}: {text}", code="table.feature", hint="read or write it with Apache Spark")
    if "No space left" in text or "os error 28" in text:
        return Unavailable(f"cannot write {location}: the disk is full", code="table.write", hint="free some space")
    if "JSON" in text or "parquet" in text.lower() or "Invalid" in text:
        return CorruptData(f"{location} cannot be read: {text}", code="table.corrupt", hint="restore it from a backup")
    return Unavailable(f"{location}: {text}", code="table.unavailable")
