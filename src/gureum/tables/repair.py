"""After a power cut: sets aside the newest commit of a local table when it never reached the disk whole.

Called by `table.py` before it opens a table on a local disk. delta-rs does not sync what it commits; `Table.commit` does
so before it acknowledges. A cut in between may leave a commit file that is empty, cut short or full of zeros. Such a file
makes the table unreadable or, cut between two lines, shows half a commit.

Why it is safe to take such a commit away:
- It was never acknowledged: `Table.commit` returns only when its commit is synced.
- Nothing acknowledged is on top of it: `Table.commit` first syncs all commits that are there, then makes the next. So a
  torn commit with a whole one after it was damaged in another way; that is reported and never set aside.
- No live commit looks torn: writers put a whole file in place by one rename or link. Two that repair at once take turns,
  and no writer can use a number while its torn file is there, so what was looked at is what is set aside.
- Files are renamed, not removed, and the process's log names them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from enum import Enum
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from gureum.errors import CorruptData
from gureum.tables.log import LINES

__all__ = ["ACTIONS", "HINT", "checkpoint_version", "repair_log"]

# In a commit's commitInfo: how many files and transactions it adds.
ACTIONS = "gureumActions"

HINT = "_last_checkpoint"
ASIDE = ".torn-"

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\..+")
_NUMBERED = re.compile(r"(\d{20})\.(json|crc|checkpoint\..+)")
_PARQUET = b"PAR1"

_log = logging.getLogger(__name__)


class _Commit(Enum):
    """What is in a commit's file."""

    WHOLE = "whole"
    TORN = "torn"  # as a power cut leaves it
    DAMAGED = "damaged"  # as nothing of ours leaves it


def repair_log(log: Path, *, thoroughly: bool = False) -> list[str]:
    """Set aside what a power cut left torn, and return the names of those files; nearly always none.

    `thoroughly` also reads the newest checkpoint: for a table that did not open. Raises CorruptData that names the commit
    when one is damaged that others stand on.
    """
    if not _torn_files(log, thoroughly):
        return []
    descriptor = os.open(log, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        names = _torn_files(log, thoroughly)  # another process may have set them aside meanwhile
        for name in names:
            (log / name).rename(log / f"{ASIDE}{name}")
            _log.warning("%s was never acknowledged and is torn: it is now %s%s", log / name, ASIDE, name)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return names


def checkpoint_version(log: Path) -> int:
    """The version of the newest checkpoint, -1 without one: from there on a reader needs the commits."""
    return max((int(found[1]) for _, found in _matches(_names(log), _CHECKPOINT)), default=-1)


def _torn_files(log: Path, thoroughly: bool) -> list[str]:
    """The files to set aside, the newest first: if that is cut off in turn, what is left still ends in what is torn."""
    names = _names(log)
    commits = {int(found[1]): name for name, found in _matches(names, _COMMIT)}
    checkpoints = dict(sorted((int(found[1]), name) for name, found in _matches(names, _CHECKPOINT)))
    torn = []
    while checkpoints:
        version, name = checkpoints.popitem()
        # A checkpoint of a commit that is torn or lost itself was not acknowledged either; of old ones the commit may have
        # been cleaned up.
        if version in commits:
            stands = _read_commit(log / commits[version]) is _Commit.WHOLE
        else:
            stands = version < max(commits, default=version + 1)
        if stands and _is_whole_checkpoint(log / name, thoroughly):
            checkpoints[version] = name
            break
        torn.append(name)
    first = _first_torn(log, commits, max(checkpoints, default=-1))
    if first is not None:
        torn += [name for name, found in _matches(names, _NUMBERED) if int(found[1]) >= first and name not in torn]
    if HINT in names and not _points_to(log / HINT, checkpoints):
        torn.append(HINT)
    return sorted(torn, reverse=True)


def _first_torn(log: Path, commits: dict[int, str], checkpoint: int) -> int | None:
    """The oldest of the commits at the end that a power cut left torn; None when the newest is whole."""
    needed = range(checkpoint + 1, max(commits, default=-1) + 1)
    first = None
    standing = False  # whether a whole commit comes after the one that is looked at
    for version in reversed(needed):
        found = _read_commit(log / commits[version]) if version in commits else _Commit.TORN
        if found is _Commit.WHOLE:
            standing = True
        elif standing or found is _Commit.DAMAGED or version == 0:
            what = "is damaged" if version in commits else "is missing"
            raise CorruptData(
                f"commit {version} of the table at {log.parent} {what}", code="table.corrupt", version=version,
                hint="restore its file in _delta_log from a backup; nothing was skipped",
            )  # fmt: skip
        else:
            first = version
    return first


def _read_commit(path: Path) -> _Commit:
    data = path.read_bytes()
    if not data.strip() or b"\0" in data:
        return _Commit.TORN
    lines = data.splitlines()
    actions: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            actions.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            return _Commit.TORN if number == len(lines) else _Commit.DAMAGED
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    if int(path.stem) == 0 and not {"protocol", "metaData"} <= {kind for action in actions for kind in action}:
        return _Commit.TORN
    # Our own commits say how many actions they have: that tells of a cut between two lines.
    counted = sum("add" in action or "txn" in action for action in actions)
    whole = int(info.get(ACTIONS, counted)) == counted and int(info.get(LINES, len(lines))) == len(lines)
    return _Commit.WHOLE if whole else _Commit.TORN


def _is_whole_checkpoint(path: Path, thoroughly: bool) -> bool:
    if path.suffix != ".parquet":
        return True
    with path.open("rb") as file:
        first = file.read(4)
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4))
        if not first == file.read(4) == _PARQUET:
            return False
    if thoroughly:
        try:
            pq.read_table(path)
        except (pa.ArrowException, OSError):
            return False
    return True


def _points_to(hint: Path, checkpoints: dict[int, str]) -> bool:
    try:
        return int(orjson.loads(hint.read_bytes())["version"]) in checkpoints
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return False


def _names(log: Path) -> list[str]:
    try:
        return [path.name for path in log.iterdir()]
    except OSError:
        return []  # opening the table says what is wrong


def _matches(names: list[str], pattern: re.Pattern[str]) -> list[tuple[str, re.Match[str]]]:
    return [(name, found) for name in names if (found := pattern.fullmatch(name))]
