"""The durable file acts that a log needs, behind one small Protocol, and the local disk that carries them out.

Called by `streams`. Tests pass `gureum.testing.files.DroppingFiles`, which forgets whatever was not synced: so the log may
use no act that is not here. Knows paths and bytes, not records.

Promise: what `WritableFile.sync` returned from is on the disk; a name that was created or removed is so for
good only after `sync_folder` of the folder that holds it. A WritableFile whose `sync` raised is dead: the kernel may have
marked the lost pages clean, so a second sync would succeed and prove nothing. Close it and recover.
"""

from __future__ import annotations

import mmap
import os
import resource
from pathlib import Path
from typing import Protocol

__all__ = ["Cell", "Files", "LocalFiles", "ReadableFile", "WritableFile", "allow_open_files"]


class WritableFile(Protocol):
    """One file, open for one writer."""

    def write(self, position: int, data: bytes) -> None:
        """Write all of `data` at `position` or raise OSError; a part of it may then be there."""

    def sync(self) -> None:
        """fdatasync: on return every byte written is on the disk. After an error the file is dead."""

    def truncate(self, length: int) -> None: ...

    def size(self) -> int: ...

    def close(self) -> None: ...


class ReadableFile(Protocol):
    """One file, open for reading; stays readable after the name was removed."""

    def read(self, position: int, length: int) -> bytes:
        """The bytes at `position`; fewer than `length` only at the end of the file."""

    def size(self) -> int: ...

    def close(self) -> None: ...


class Cell(Protocol):
    """A few bytes shared between processes by memory mapping; each write is seen at once, and may be seen torn."""

    def read(self) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Files(Protocol):
    """Every act on the disk that may be lost in a crash. Errors are OSError, as the system gives them."""

    def create(self, path: Path) -> WritableFile:
        """A new empty file; FileExistsError if there is one."""

    def open_write(self, path: Path) -> WritableFile: ...

    def open_read(self, path: Path) -> ReadableFile: ...

    def open_cell(self, path: Path, length: int, *, writable: bool) -> Cell:
        """Map a cell. A writable one is made, full of zeros, if it is missing."""

    def read(self, path: Path) -> bytes: ...

    def remove(self, path: Path) -> None: ...

    def make_folder(self, path: Path) -> None:
        """Make one folder; nothing happens if it is there."""

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""

    def sync_folder(self, path: Path) -> None:
        """On return the names in the folder are on the disk."""

    def list(self, folder: Path) -> list[str]:
        """The names in a folder, sorted."""


class _LocalWritable:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, position: int, data: bytes) -> None:
        written = os.pwrite(self._descriptor, data, position)
        if written == len(data):
            return
        # A disk that fills up writes a part and only the next call says ENOSPC.
        rest = memoryview(data)[written:]
        position += written
        while rest:
            written = os.pwrite(self._descriptor, rest, position)
            rest = rest[written:]
            position += written

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def truncate(self, length: int) -> None:
        os.ftruncate(self._descriptor, length)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()  # the descriptor must not outlive the object


class _LocalReadable:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, position: int, length: int) -> bytes:
        data = os.pread(self._descriptor, length, position)
        if len(data) == length or not data:
            return data
        # pread may give less than asked for (a signal, 2 GiB at once); only an empty answer is the end of the file.
        parts = [data]
        done = len(data)
        while done < length and (data := os.pread(self._descriptor, length - done, position + done)):
            parts.append(data)
            done += len(data)
        return b"".join(parts)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        # Readers are cached and dropped by the hundred; the descriptor must not outlive the object.
        self.close()


class _LocalCell:
    def __init__(self, path: Path, length: int, *, writable: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o640)
        try:
            if writable and os.fstat(descriptor).st_size < length:
                os.ftruncate(descriptor, length)
            access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
            self._map = mmap.mmap(descriptor, length, access=access)
        finally:
            os.close(descriptor)
        self._length = length

    def read(self) -> bytes:
        return self._map[: self._length]

    def write(self, data: bytes) -> None:
        self._map[: len(data)] = data

    def flush(self) -> None:
        self._map.flush()

    def close(self) -> None:
        self._map.close()


class LocalFiles:
    """The disk of this machine."""

    def create(self, path: Path) -> WritableFile:
        return _LocalWritable(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))

    def open_write(self, path: Path) -> WritableFile:
        return _LocalWritable(os.open(path, os.O_RDWR | os.O_CLOEXEC))

    def open_read(self, path: Path) -> ReadableFile:
        return _LocalReadable(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def open_cell(self, path: Path, length: int, *, writable: bool) -> Cell:
        return _LocalCell(path, length, writable=writable)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def remove(self, path: Path) -> None:
        path.unlink()

    def make_folder(self, path: Path) -> None:
        path.mkdir(exist_ok=True, mode=0o750)

    def remove_folder(self, path: Path) -> None:
        path.rmdir()

    def sync_folder(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def list(self, folder: Path) -> list[str]:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names alone; Path.iterdir makes an object for each


def allow_open_files() -> int:
    """Let this process open as many files as the system lets it, and return how many.

    For a process that holds many shards: each takes two descriptors, and the usual limit of 1,024 is only a default for
    programs that use select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
