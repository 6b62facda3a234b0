"""The data folder: its layout, its format number, and the lock that keeps a second server out.

Called by the supervisor, the processes and `gureum.open`. Promise: a folder is held by one server at a time; a folder of a
newer gureum is refused; what cannot be written is said before anything starts.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gureum.errors import Conflict, CorruptData, Unavailable

__all__ = ["FORMAT", "DataFolder", "FolderLock", "Holder", "holder"]

# Raise it when an older gureum could damage what a newer one wrote.
FORMAT = 1

FORMAT_FILE = "gureum.json"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything is. Paths are absolute."""

    root: Path

    @property
    def streams(self) -> Path:
        return self.root / "streams"

    @property
    def tables(self) -> Path:
        return self.root / "tables"

    @property
    def queries(self) -> Path:
        return self.root / "queries"

    @property
    def spill(self) -> Path:
        return self.root / "spill"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Sockets, the lock, what the server tells local clients: gone with the server, safe to delete when it is down."""
        return self.root / "run"

    @property
    def key(self) -> Path:
        return self.root / "secret.key"

    @property
    def local(self) -> Path:
        """Where the server is and a token for whoever may read this folder."""
        return self.run / "local.json"

    @property
    def status(self) -> Path:
        return self.run / "status.json"

    def prepare(self) -> None:
        """Make the folders, check that they can be written and that the format is ours."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            format_path = self.root / FORMAT_FILE
            if not format_path.exists() and any(self.root.iterdir()) and not (self.root / "run").exists():
                raise Conflict(
                    f"{self.root} is not empty and not a data folder of gureum",
                    code="folder.foreign",
                    hint="choose an empty or a new folder with --folder",
                )
            for path in (self.run, self.streams, self.tables, self.queries, self.spill, self.logs):
                path.mkdir(exist_ok=True)
            self.run.chmod(0o700)  # the sockets in it trust whoever can reach them
            self._check_format(format_path)
        except OSError as error:
            raise Unavailable(
                f"cannot use the data folder {self.root}: {error.strerror}",
                code="folder.unwritable",
                hint="give this user write permission, or choose another folder with --folder",
            ) from error

    def _check_format(self, path: Path) -> None:
        if not path.exists():
            partial = path.with_suffix(".partial")
            with partial.open("w") as file:
                json.dump({"format": FORMAT}, file)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
            return
        try:
            found = int(json.loads(path.read_text())["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptData(
                f"{path} cannot be read", code="folder.format", hint="restore it from a backup"
            ) from error
        if found > FORMAT:
            raise Conflict(
                f"the data folder {self.root} has format {found}, this gureum knows up to {FORMAT}",
                code="folder.newer",
                hint="a newer gureum made it: install that version, or use another folder",
            )


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a folder."""

    pid: int
    what: str


class FolderLock:
    """The one right to run on a folder; the operating system takes it back when the process dies, however it dies."""

    def __init__(self, folder: DataFolder, *, what: str) -> None:
        self._path = folder.run / "lock"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            other = _read_holder(self._path)
            raise Conflict(
                f"the data folder {folder.root} is held by {other.what} with pid {other.pid}" if other
                else f"the data folder {folder.root} is held by another process",
                code="folder.held",
                hint="`gureum status` shows it, `gureum down` stops it",
                pid=other.pid if other else None,
            ) from None  # fmt: skip
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps({"pid": os.getpid(), "what": what}).encode(), 0)

    def release(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def holder(folder: DataFolder) -> Holder | None:
    """Who holds the folder now, or None."""
    path = folder.run / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(path) or Holder(0, "another process")
    finally:
        os.close(descriptor)
    return None


def _read_holder(path: Path) -> Holder | None:
    try:
        body: dict[str, Any] = json.loads(path.read_text())
        return Holder(int(body["pid"]), str(body["what"]))
    except (OSError, ValueError, KeyError):
        return None
