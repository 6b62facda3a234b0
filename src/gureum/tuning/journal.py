"""The file in which a study is kept: Optuna's journal, one JSON line for each thing that happened, in one order for all.

Called by `study`, through Optuna's JournalStorage. The lines are Optuna's own: its JournalFileBackend reads the same file.
What is ours is what a crash does to it:

- The lock is the kernel's: a killed process leaves none behind (Optuna's symlink holds the others up for 30 s).
- A line that a kill or a power cut left unfinished is cut off by the next writer; it was never acknowledged.
- Lines that belong together are written in one go, and synced once, when they must last.

Promise: all processes see the same lines in the same order, so of two that tell one trial the first one counts.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from gureum.errors import CorruptData

__all__ = ["Journal"]

READ_BYTES = 1 << 20


class Journal(BaseJournalBackend):
    """One study's journal, opened; used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        # A file of its own: the journal may be copied or read by Optuna's tools, which lock in their own way.
        self._lock = os.open(path.with_name(path.name + ".flock"), os.O_RDWR | os.O_CREAT, 0o644)
        self._locked = 0
        self._batch: list[dict[str, Any]] | None = None
        self._rewind()

    def close(self) -> None:
        os.close(self._file)
        os.close(self._lock)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else writes meanwhile: for looking and then writing. Keep it to a few milliseconds."""
        if not self._locked:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._locked += 1
        try:
            yield
        finally:
            self._locked -= 1
            if not self._locked:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    @contextmanager
    def batch(self, *, durable: bool = False) -> Iterator[None]:
        """Write what is appended meanwhile in one go at the end; nothing if it ends with an error.

        With `durable` it is on the disk on return. Until the end nobody sees the lines, not even this process.
        """
        assert self._batch is None, "batches do not nest"
        self._batch = []
        try:
            yield
            lines = self._batch
        finally:
            self._batch = None
        if lines:
            self._write(lines, durable=durable)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        if self._batch is not None:
            self._batch += logs
        else:
            self._write(logs, durable=False)

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Whole lines from this number on. Raises CorruptData, which names the line, on one that is no JSON."""
        if log_number_from < self._first:
            self._rewind()
        while self._waiting and self._first < log_number_from:
            self._waiting.popleft()
            self._first += 1
        self._read_on()
        while self._waiting and self._first < log_number_from:
            self._waiting.popleft()
            self._first += 1
        # The reader may stop in the middle, at a line that it rejects, and come back for the rest.
        return tuple(self._waiting)

    def _rewind(self) -> None:
        self._waiting: deque[dict[str, Any]] = deque()
        self._first = 0  # the number of the first line that waits
        self._offset = 0  # where the next unread line begins
        self._line = 0  # its number

    def _read_on(self) -> None:
        while chunk := os.pread(self._file, READ_BYTES, self._offset):
            end = chunk.rfind(b"\n") + 1
            if not end and len(chunk) == READ_BYTES:
                chunk = os.pread(self._file, os.fstat(self._file).st_size - self._offset, self._offset)
                end = chunk.rfind(b"\n") + 1
            if not end:
                return  # a line that is being written, or that a kill cut off
            for line in chunk[:end].splitlines():
                try:
                    self._waiting.append(json.loads(line))
                except ValueError:
                    raise CorruptData(
                        f"line {self._line + 1} of {self._path} is damaged",
                        code="tuning.journal",
                        hint="restore the file from a backup; or cut it before that line to keep what came earlier",
                    ) from None
                self._line += 1
            self._offset += end

    def _write(self, logs: list[dict[str, Any]], *, durable: bool) -> None:
        data = b"".join(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs)
        with self.exclusive():
            self._cut_torn_line()
            written = os.write(self._file, data)
            while written < len(data):  # a signal or a full disk; the latter raises at the next try
                written += os.write(self._file, data[written:])
            if durable:
                os.fsync(self._file)

    def _cut_torn_line(self) -> None:
        size = os.fstat(self._file).st_size
        if size == 0 or os.pread(self._file, 1, size - 1) == b"\n":
            return
        keep = size
        while keep > 0:
            begin = max(0, keep - READ_BYTES)
            found = os.pread(self._file, keep - begin, begin).rfind(b"\n")
            if found >= 0:
                os.ftruncate(self._file, begin + found + 1)
                return
            keep = begin
        os.ftruncate(self._file, 0)
