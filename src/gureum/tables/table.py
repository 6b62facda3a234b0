"""One Delta table: a list of versions. Stage rows, commit them, read a snapshot, look at the history.

Called by `sql` (statements and standing queries) and by `tables.py`. Promise: a commit is all or nothing; on a local disk
the data files are synced before the commit exists and the commit is synced before it is acknowledged; a commit with a
`txn` happens once, however often it is tried; a table that needs a feature we cannot honour is refused by its name.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaProtocolError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from gureum.errors import Conflict, CorruptData, InvalidInput, NotFound, Unavailable
from gureum.tables.change import Change, Stale
from gureum.tables.feed import Feed, read_feed
from gureum.tables.log import LOCKING, commit_info, put_commit, read_commit
from gureum.tables.mark import LogMark
from gureum.tables.properties import PLAIN, protocol_for
from gureum.tables.protocol import append_blockers, change_blockers
from gureum.tables.repair import ACTIONS, HINT, checkpoint_version, repair_log
from gureum.tables.rows import table_schema
from gureum.tables.snapshot import Layout, Snapshot, layout_of, snapshot_of
from gureum.tables.staging import StagedFile, stage_feed, stage_rows, sync_file

__all__ = ["StagedFile", "Stale", "Table", "Version"]

# Two appends never truly conflict: trying again only re-reads the log. Sixteen writers need far fewer tries than this.
COMMIT_TRIES_MAX = 50

# How often delta-rs makes a checkpoint where the table does not say.
CHECKPOINT_EVERY = 100

_SYNCED_KINDS = ("json", "checkpoint.parquet")

_log = logging.getLogger(__name__)


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
        # Statements of this process that replace rows take turns: computing at once, only one of them could commit.
        self.turn = threading.Lock()
        # The newest version that this handle has seen safe on disk with all before it; None before its first commit.
        self._synced: int | None = None
        self._mark: LogMark | None = None
        self._size: tuple[int, tuple[int, int, int | None]] | None = None  # of a version
        self._newest: Version | None = None

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
            Path(location, "_delta_log").mkdir(parents=True, exist_ok=True)
        layout, at_ms = Layout(schema, tuple(partition_by), dict(properties or {})), time.time_ns() // 1_000_000
        empty = Snapshot(-1, layout, protocol_for(layout) or PLAIN, str(uuid.uuid4()), None, comment, at_ms, ())
        info = commit_info(
            "CREATE TABLE", at_ms=at_ms, read_version=-1, parameters={}, metrics={}, blind=True, user=user
        )
        # A lock would be about who is first, and a new table's location is nobody else's.
        options = {key: value for key, value in (storage or {}).items() if key != LOCKING}
        made = put_commit(location, options, 0, [empty.protocol.to_action(), empty.metadata_action()], info)
        if not made:
            raise Conflict(f"there is a Delta table at {location}", code="table.exists")
        try:
            delta = DeltaTable(location, storage_options=dict(storage or {}) or None)
        except Exception as error:
            raise _translate(error, location) from error
        table = cls(delta, location, storage)
        table._sync_commits()
        if _is_local(location):
            for folder in (Path(location), *list(Path(location).parents)[:2]):
                sync_file(folder)
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

    @property
    def layout(self) -> Layout:
        """What rows must look like to be written now."""
        return layout_of(self._delta)

    def snapshot(self, *, to_change: bool = True, version: int | None = None) -> Snapshot:
        """A version, held still; the newest where none is given.

        Raises InvalidInput that names a feature which `to_change` cannot honour: always `False` for a look, and for a
        change that only adds.
        """
        newest = self.refresh()
        with self._lock:
            delta = self._delta
            if version is not None and version != newest:
                delta = DeltaTable(self.location, version=version, storage_options=self._storage or None)
            snapshot = snapshot_of(delta)
            blockers = change_blockers(delta, snapshot) if to_change else append_blockers(delta)
        self._refuse(blockers)
        return snapshot

    def look(self) -> Snapshot:
        """The newest version, held still, to look at and not to change: whatever its features."""
        self.refresh()
        with self._lock:
            return snapshot_of(self._delta)

    def restore(self, version: int, *, user: str | None = None) -> int:
        """Make a new version with the files, columns and rules of an old one, and return it.

        Raises NotFound when there is no such version any more, CorruptData when files of it are gone.
        """
        for _ in range(COMMIT_TRIES_MAX):
            newest = self.snapshot().version
            if version > newest:
                raise NotFound(f"there is no version {version}, the newest is {newest}", code="table.version")
            if self._synced != newest:
                self._sync_commits()  # as in `commit`
            properties = CommitProperties(custom_metadata={"user": user} if user else None, max_commit_retries=0)
            with self._lock:
                try:
                    self._delta.restore(version, commit_properties=properties)
                except CommitFailedError:
                    continue
                except Exception as error:
                    raise _restore_error(error, version) from error
            made = self.refresh()
            self._sync_commits()
            return made
        raise self._contended()

    def vacuum(self, retain_h: int, *, dry_run: bool, user: str | None = None) -> list[str]:
        """Remove files that no version of the last `retain_h` hours needs and that are that old, and return their names."""
        self.snapshot()  # refuses what has files that are not in its log's data files: deletion vectors
        if "deletionVectors" in (self._delta.protocol().reader_features or []):
            self._refuse(["deletionVectors"])
        with self._lock:
            try:
                return self._delta.vacuum(
                    retain_h, dry_run=dry_run, enforce_retention_duration=False, full=True,
                    commit_properties=CommitProperties(custom_metadata={"user": user}) if user else None,
                )  # fmt: skip
            except Exception as error:
                raise _translate(error, self.location) from error

    def refresh(self) -> int:
        """Read newer commits, and return the newest version."""
        with self._lock:
            if self._mark is not None and self._mark.holds(self.location):
                return self.version
            changed_ns = LogMark.changed(self.location)
            # To the library, a log that is gone is one without news.
            if changed_ns is None and _is_local(self.location):
                raise NotFound(f"there is no Delta table at {self.location}", code="table.not_found")
            try:
                self._delta.update_incremental()
            except Exception as error:
                raise _translate(error, self.location) from error
            self._mark = LogMark(changed_ns, self.version) if changed_ns is not None else None
            return self.version

    def transaction_version(self, app_id: str) -> int | None:
        """The highest `txn` version that `app_id` committed; None when it never did."""
        found = self._delta.transaction_version(app_id)
        return None if found is None else int(found)

    def size(self) -> tuple[int, int, int | None]:
        """Files, bytes and rows of this version; rows are None when a file does not say how many it has."""
        with self._lock:
            kept, version = self._size, self.version
            if kept is None or kept[0] != version:
                kept = self._size = version, self._measured()
        return kept[1]

    def newest(self) -> Version | None:
        """The commit that made this version; None when the log has been cut below it."""
        with self._lock:
            if self._newest is None or self._newest.version != self.version:
                self._newest = next(iter(self.history(1)), None)
            return self._newest

    def _measured(self) -> tuple[int, int, int | None]:
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

    def version_from(self, at_ms: int) -> int:
        """The oldest version made at a time or later. Raises NotFound when there is none."""
        newer = [entry.version for entry in self.history() if entry.at_ms >= at_ms]
        if not newer:
            raise NotFound("the table has no version that new", code="table.version")
        return min(newer)

    def changes(self, first: int, last: int) -> Feed:
        """What changed from version `first` to `last`. Raises what `feed.read_feed` does."""

        def layout_at(version: int) -> Layout:
            try:
                return layout_of(DeltaTable(self.location, version=version, storage_options=self._storage or None))
            except Exception as error:
                raise _translate(error, f"version {version}") from error

        return read_feed(self.location, self._storage, first, last, layout_at=layout_at)

    # --- changing ----------------------------------------------------------------------------------------------------

    def stage(self, rows: pa.Table, *, layout: Layout | None = None) -> list[StagedFile]:
        """Write rows to data files that are safe on disk but belong to no version yet.

        Columns are matched by name and cast to the table's types without loss; one that is missing is null. Raises
        InvalidInput that names the column or the constraint which does not fit. `layout` is what the table will be by
        the same commit; none is what it is.
        """
        return self._stage(stage_rows, rows, layout)

    def stage_feed(self, rows: pa.Table, *, layout: Layout | None = None) -> list[StagedFile]:
        """Write rows of the change data feed, which have `_change_type` besides the table's columns."""
        return self._stage(stage_feed, rows, layout)

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
            "isBlindAppend": True,  # others that change rows need not look at these (`change.py`)
        }
        if user:
            metadata["user"] = user
        layouts = {file.layout for file in staged if file.layout} or {self.layout.fingerprint}
        for _ in range(COMMIT_TRIES_MAX):
            self.refresh()
            if txn is not None and self._was_applied(txn):
                self._sync_commits()  # whoever committed it may have died before its sync
                return None
            if layouts != {self.layout.fingerprint}:
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
        raise self._contended()

    def publish(self, change: Change, *, user: str | None = None) -> int:
        """Make a change the next version, durably, and return it.

        Raises Stale when others committed what it was not computed for; Conflict when others keep winning.
        """
        seen, at_ms = change.snapshot.version, time.time_ns() // 1_000_000
        for _ in range(COMMIT_TRIES_MAX):
            newest = self.refresh()
            for version in range(seen + 1, newest + 1):
                change.check_against(read_commit(self.location, self._storage, version))
            seen = newest
            if self._synced != newest:
                self._sync_commits()  # as in `commit`
            info = commit_info(
                change.operation, at_ms=at_ms, read_version=change.snapshot.version, parameters=change.parameters,
                metrics=change.metrics, blind=False, user=user,
            )  # fmt: skip
            if put_commit(self.location, self._storage, newest + 1, change.actions(at_ms), info):
                self.refresh()
                self._checkpoint(newest + 1)
                self._sync_commits()
                return newest + 1
        raise self._contended()

    def discard(self, staged: Sequence[StagedFile]) -> None:
        """Remove staged files that nobody will commit. What cannot be removed now is left to VACUUM."""
        for file in staged:
            if _is_local(self.location):
                Path(self.location, file.path).unlink(missing_ok=True)
            else:
                from gureum.store.objects import open_objects  # only tables in object storage need the client

                open_objects(self.location, options=self._storage).delete(file.path)

    def append(self, rows: pa.Table, *, operation: str = "INSERT", user: str | None = None) -> int | None:
        """Stage and commit in one go."""
        return self.commit(self.stage(rows), operation=operation, user=user)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _stage(self, write: Any, rows: pa.Table, layout: Layout | None) -> list[StagedFile]:
        self._refuse(append_blockers(self._delta))
        staged: list[StagedFile] = write(self.location, self._storage, layout or self.layout, rows)
        return staged

    def _refuse(self, blockers: Sequence[str]) -> None:
        if blockers:
            raise InvalidInput(
                f"the table uses {', '.join(blockers)}, which gureum does not write",
                code="table.feature",
                hint="write it with Apache Spark",
            )

    def _contended(self) -> Conflict:
        return Conflict(
            f"others committed to {self.location} {COMMIT_TRIES_MAX} times in a row",
            code="table.contention",
            hint="try again, or write larger batches",
        )

    def _checkpoint(self, version: int) -> None:
        """As delta-rs does after its own commits, so that a reader need not read them all."""
        if version % int(self.properties.get("delta.checkpointInterval", CHECKPOINT_EVERY)):
            return
        with self._lock:
            try:
                self._delta.create_checkpoint()
            except Exception as error:
                # The commit stands without it, and saying that it failed would be wrong; the next one is tried in turn.
                _log.warning("%s has no checkpoint at version %d: %s", self.location, version, error)

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
                sync_file(log / name)
            sync_file(log)
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


def _restore_error(error: Exception, version: int) -> Exception:
    text = str(error)
    if "missing" in text.lower() or "not found" in text.lower() or "NotFound" in text:
        return CorruptData(
            f"version {version} cannot be restored: files of it are gone", code="table.version",
            hint="VACUUM removed them; DESCRIBE HISTORY lists newer versions",
        )  # fmt: skip
    return _translate(error, f"version {version}")


def _metrics(entry: Mapping[str, Any]) -> dict[str, Any]:
    metrics = entry.get("operationMetrics") or {}
    return dict(json.loads(metrics)) if isinstance(metrics, str) else dict(metrics)


def _is_local(location: str) -> bool:
    return "://" not in location


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
