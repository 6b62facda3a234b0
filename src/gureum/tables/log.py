"""The log of a Delta table as files: put one commit, read one, durably and never over another's.

Called by `table.py` for commits that delta-rs cannot make: rows replaced, a schema or a rule changed, files of the change
feed. Promise: a commit is in place whole or not at all, by one link (local) or one conditional put (S3); on a local disk it
is synced before it has its name, so no power cut tears it.
Source: the Delta transaction protocol, "Delta Log Entries" and "Actions".
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from gureum.errors import CorruptData, InvalidInput, NotFound, Unavailable
from gureum.store.objects import S3Objects, open_objects
from gureum.version import __version__

__all__ = ["LINES", "LOCKING", "add_action", "cdc_action", "commit_info", "put_commit", "read_commit", "remove_action"]

# In a commit's commitInfo: how many lines it has, so that one that was cut between two lines is known (`repair.py`).
LINES = "gureumLines"

# Engines that must agree by a lock outside of the log; a conditional put of ours would not see it.
LOCKING = "AWS_S3_LOCKING_PROVIDER"


def put_commit(
    location: str,
    storage: Mapping[str, str],
    version: int,
    actions: Sequence[Mapping[str, Any]],
    info: Mapping[str, Any],
) -> bool:
    """Make `actions` the commit of `version`; False when somebody else has that version already.

    Raises Unavailable when it cannot be written, InvalidInput where commits need a lock that we do not take.
    """
    name = f"_delta_log/{version:020}.json"
    lines = [{"commitInfo": {**info, LINES: str(len(actions) + 1)}}, *actions]
    data = b"\n".join(orjson.dumps(line) for line in lines) + b"\n"
    if "://" in location:
        if storage.get(LOCKING):
            raise InvalidInput(
                f"this statement does not commit under {LOCKING}", code="table.locking",
                hint="keep the tables in a store with conditional puts",
            )  # fmt: skip
        objects = open_objects(location, options=storage)
        assert isinstance(objects, S3Objects)
        return objects.put_new(name, data)
    return _link_new(Path(location, name), data)


def read_commit(location: str, storage: Mapping[str, str], version: int) -> list[dict[str, Any]]:
    """The actions of one commit. Raises NotFound when it was cleaned up, CorruptData when it cannot be read."""
    name = f"_delta_log/{version:020}.json"
    try:
        data = (
            Path(location, name).read_bytes()
            if "://" not in location
            else open_objects(location, options=storage).get(name)
        )
    except FileNotFoundError:
        raise NotFound(f"commit {version} of the table is no longer there", code="table.version") from None
    try:
        return [orjson.loads(line) for line in data.splitlines() if line.strip()]
    except orjson.JSONDecodeError as error:
        raise CorruptData(
            f"commit {version} cannot be read",
            code="table.corrupt",
            hint=f"restore {name} from a backup",
            version=version,
        ) from error


def commit_info(
    operation: str,
    *,
    at_ms: int,
    read_version: int,
    parameters: Mapping[str, str],
    metrics: Mapping[str, int],
    blind: bool,
    user: str | None,
) -> dict[str, Any]:
    """What happened, in Spark's words, so that its DESCRIBE HISTORY shows it too."""
    info: dict[str, Any] = {
        "timestamp": at_ms,
        "operation": operation,
        "operationParameters": dict(parameters),
        "operationMetrics": {key: str(value) for key, value in metrics.items()},
        "isolationLevel": "WriteSerializable",
        "isBlindAppend": blind,
        "engineInfo": f"gureum/{__version__}",
    }
    if read_version >= 0:
        info["readVersion"] = read_version
    if user:
        info["user"] = user
    return info


def add_action(
    path: str, *, size: int, partition: Mapping[str, str | None], at_ms: int, statistics: str, data_change: bool
) -> dict[str, Any]:
    return {
        "add": {
            "path": path_in_log(path), "partitionValues": dict(partition), "size": size, "modificationTime": at_ms,
            "dataChange": data_change, "stats": statistics,
        }
    }  # fmt: skip


def remove_action(
    path: str, *, size: int, partition: Mapping[str, str | None] | None, at_ms: int, data_change: bool
) -> dict[str, Any]:
    """`path` is spelled as the log's own add spells it: readers compare the two as texts."""
    remove: dict[str, Any] = {"path": path, "deletionTimestamp": at_ms, "dataChange": data_change}
    if partition is not None:
        remove.update(extendedFileMetadata=True, partitionValues=dict(partition), size=size)
    return {"remove": remove}


def cdc_action(path: str, *, size: int, partition: Mapping[str, str | None]) -> dict[str, Any]:
    return {"cdc": {"path": path_in_log(path), "partitionValues": dict(partition), "size": size, "dataChange": False}}


def path_in_log(path: str) -> str:
    """A file's path as a URI, which the log holds."""
    return quote(path, safe="/=-_.~")


def _link_new(path: Path, data: bytes) -> bool:
    partial = path.with_name(f".commit-{uuid.uuid4().hex}")
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, path)  # never over another's commit, unlike a rename
        except FileExistsError:
            return False
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise Unavailable(
            f"cannot commit {path.name}: {error.strerror}", code="table.write", hint="free some space, then try again"
        ) from error
    return True
