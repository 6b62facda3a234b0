"""What changed in a table between two versions: which files of the log hold the rows, and what each row's change was.

Called by `sql/work.py` for table_changes(). Promise: each version of the range tells all of its changes, or the whole is refused:
where the change feed was off, and by name for features with which a file's rows are not what was changed.
Source: the Delta transaction protocol, "Add CDC File" and "Change Data Files".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from gureum.errors import InvalidInput, LimitExceeded, NotFound
from gureum.tables.log import read_commit
from gureum.tables.snapshot import CHANGE_FEED, Layout, records_changes

__all__ = ["ChangedFile", "Feed", "read_feed"]

VERSIONS_MAX = 10_000
FILES_MAX = 20_000

_NARROWER = "ask for the versions before it and after it, each by itself"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """`change` is that of all its rows; None where each row says its own in `_change_type`."""

    path: str
    version: int
    at_ms: int | None  # a commit need not say
    change: str | None
    partition: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Feed:
    schema: pa.Schema
    partition_by: tuple[str, ...]
    files: tuple[ChangedFile, ...]


def read_feed(
    location: str, storage: Mapping[str, str], first: int, last: int, *, layout_at: Callable[[int], Layout]
) -> Feed:
    """The changes of versions `first` to `last`, both included, with the columns of `last`.

    Raises InvalidInput where a version has recorded no changes, or where columns or partitions became others on the way, NotFound
    for a commit that was cleaned up, LimitExceeded.
    """
    if last - first >= VERSIONS_MAX:
        raise LimitExceeded(f"table_changes() reads at most {VERSIONS_MAX} versions at once", code="table.changes")
    newest, begin = layout_at(last), layout_at(first)
    enabled = _is_on(begin.properties)
    files: list[ChangedFile] = []
    for version in range(first, last + 1):
        actions = read_commit(location, storage, version)
        for metadata in (action["metaData"] for action in actions if "metaData" in action):
            enabled = _is_on(metadata.get("configuration") or {})
            _check_fits(metadata["schemaString"], metadata.get("partitionColumns") or (), newest, version)
            if version == first > 0:  # what this commit took away was of the version before
                older = layout_at(first - 1)
                _check_fits(older.schema_json, older.partition_by, newest, version)
        if version == first:
            _check_fits(begin.schema_json, begin.partition_by, newest, version)
        if not enabled:
            raise InvalidInput(
                f"version {version} did not record its changes: the change feed was off", code="table.changes",
                hint=f"SET TBLPROPERTIES ('{CHANGE_FEED}' = 'true') records them from then on; begin at a later version",
            )  # fmt: skip
        files += _changed(location, actions, version)
        if len(files) > FILES_MAX:
            raise LimitExceeded(
                f"table_changes() reads at most {FILES_MAX} files at once",
                code="table.changes",
                hint="name fewer versions",
            )
    return Feed(newest.schema, newest.partition_by, tuple(files))


def _is_on(properties: Mapping[str, str]) -> bool:
    if properties.get("delta.columnMapping.mode", "none") != "none":
        raise InvalidInput(
            "table_changes() does not read tables with columnMapping",
            code="table.feature",
            hint="read it with Apache Spark",
        )
    return records_changes(properties)


def _check_fits(schema_json: str, partition_by: Sequence[str], newest: Layout, version: int) -> None:
    """Rows of this layout are rows of the newest: the same partitions, and each column still there with its type."""
    if tuple(partition_by) != newest.partition_by:
        raise InvalidInput(
            f"version {version} changed what the table is partitioned by", code="table.changes", hint=_NARROWER
        )
    types = _types(newest.schema_json)
    for name, kind in _types(schema_json).items():
        if types.get(name) != kind:
            what = "has another type" if name in types else "is not there"
            raise InvalidInput(
                f"column {name!r} of version {version} {what} in the newest one asked for", code="table.changes",
                hint=_NARROWER,
            )  # fmt: skip


def _types(schema_json: str) -> dict[str, str]:
    return {field["name"]: json.dumps(field["type"], sort_keys=True) for field in json.loads(schema_json)["fields"]}


def _changed(location: str, actions: list[dict[str, Any]], version: int) -> list[ChangedFile]:
    """A commit's files of the feed; where it has none, its rows came and went with whole files."""
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    said = info.get("inCommitTimestamp") or info.get("timestamp")
    at_ms = int(said) if said else None
    found: list[tuple[dict[str, Any], str | None]] = [(action["cdc"], None) for action in actions if action.get("cdc")]
    if not found:
        found = [
            (action[kind], change)
            for action in actions
            for kind, change in (("remove", "delete"), ("add", "insert"))
            if action.get(kind) and action[kind].get("dataChange", True)
        ]
    files = []
    for file, change in found:
        if file.get("deletionVector"):
            raise InvalidInput(
                f"version {version} changed rows by deletionVectors, which table_changes() does not read",
                code="table.feature", hint="read it with Apache Spark",
            )  # fmt: skip
        if "://" in file["path"] or file["path"].startswith("/"):
            raise InvalidInput(
                f"version {version} names files outside of its folder: a shallow clone", code="table.feature",
                hint="read it with Apache Spark",
            )  # fmt: skip
        partition = file.get("partitionValues")
        if partition is None:
            raise InvalidInput(
                f"version {version} does not say which partition its removed files were of", code="table.feature",
                hint="read it with Apache Spark",
            )  # fmt: skip
        path = f"{location}/{unquote(file['path'])}"
        if "://" not in location and not Path(path).exists():
            raise NotFound(
                f"the rows of version {version} are gone: VACUUM removed them", code="table.version",
                hint="begin at a later version",
            )  # fmt: skip
        files.append(ChangedFile(path, version, at_ms, change, partition))
    return files
