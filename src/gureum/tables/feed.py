"""What changed in a table between two versions: which files of the log hold the rows, and what each row's change was.

Called by `sql/work.py` for table_changes(). Promise: each version of the range tells all of its changes, or the whole is refused:
where the change feed was off, and by name for features with which a file's rows are not what was changed.
Source: the Delta transaction protocol, "Add CDC File" and "Change Data Files".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from gureum.errors import InvalidInput, LimitExceeded, NotFound
from gureum.tables.log import read_commit

__all__ = ["ChangedFile", "Feed", "read_feed"]

VERSIONS_MAX = 10_000
FILES_MAX = 20_000

_ENABLED = "delta.enableChangeDataFeed"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """`change` is that of all its rows; None where each row says its own in `_change_type`."""

    path: str
    version: int
    at_ms: int
    change: str | None
    partition: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Feed:
    schema: pa.Schema
    partition_by: tuple[str, ...]
    files: tuple[ChangedFile, ...]


def read_feed(
    location: str, storage: Mapping[str, str], first: int, last: int, *, before: Mapping[str, str], schema: pa.Schema,
    partition_by: tuple[str, ...],
) -> Feed:  # fmt: skip
    """The changes of versions `first` to `last`, both included.

    `before` are the table's properties at `first`, `schema` and `partition_by` are those of `last`. Raises InvalidInput where
    a version has recorded no changes, NotFound for a commit that was cleaned up, LimitExceeded.
    """
    if last - first >= VERSIONS_MAX:
        raise LimitExceeded(f"table_changes() reads at most {VERSIONS_MAX} versions at once", code="table.changes")
    enabled = _is_on(before)
    files: list[ChangedFile] = []
    for version in range(first, last + 1):
        actions = read_commit(location, storage, version)
        for action in actions:
            if "metaData" in action:
                enabled = _is_on(action["metaData"].get("configuration") or {})
        if not enabled:
            raise InvalidInput(
                f"version {version} did not record its changes: the change feed was off", code="table.changes",
                hint=f"SET TBLPROPERTIES ('{_ENABLED}' = 'true') records them from then on; begin at a later version",
            )  # fmt: skip
        files += _changed(location, actions, version)
        if len(files) > FILES_MAX:
            raise LimitExceeded(
                f"table_changes() reads at most {FILES_MAX} files at once",
                code="table.changes",
                hint="name fewer versions",
            )
    return Feed(schema, partition_by, tuple(files))


def _is_on(properties: Mapping[str, str]) -> bool:
    if properties.get("delta.columnMapping.mode", "none") != "none":
        raise InvalidInput(
            "table_changes() does not read tables with columnMapping",
            code="table.feature",
            hint="read it with Apache Spark",
        )
    return properties.get(_ENABLED, "").lower() == "true"


def _changed(location: str, actions: list[dict[str, Any]], version: int) -> list[ChangedFile]:
    """A commit's files of the feed; where it has none, its rows came and went with whole files."""
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    at_ms = int(info.get("inCommitTimestamp") or info.get("timestamp") or 0)
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
