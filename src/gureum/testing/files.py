"""A disk that forgets what was not synced, and fails on demand.

For crash tests: kill -9 keeps the kernel's page cache, so it proves no sync. DroppingFiles works on a real folder through
LocalFiles, remembers what a crash of the machine could lose, and `crash(seed)` loses it:

- bytes written since the file's last sync: all of them, all but a prefix of the writes, or page by page, each kept, left as
  before, or turned to noise (a length may have grown without its bytes: then they are zeros);
- names created or removed since the last sync of their folder: all but a prefix of them, in order, as a journal
  would;
- what a failed sync covered, even if a later sync succeeds, unless it was written again (as Linux does it);
- what was written to a mapped cell since it was flushed: any state since then.

`full_after` and `fail_syncs` make the disk full or broken for a while; `stop_after` stops the machine in the middle of
whatever it is doing.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gureum.store.files import Cell, LocalFiles, ReadableFile, WritableFile

__all__ = ["DroppingFiles", "MachineStopped"]

PAGE_BYTES = 512  # what a disk writes whole; smaller than a page of memory, so harsher

# States of a mapped cell that are remembered since its last flush.
CELL_STATES_MAX = 64


class MachineStopped(BaseException):
    """The machine stopped here; no `except Exception` may go on. Now call `crash`."""


@dataclass
class _File:
    """One file as the disk knows it, beside what the page cache (the real file) shows."""

    synced: bytes = b""
    # Ranges that a failed sync lost: they look written, and no later sync brings them to the disk.
    lost: list[tuple[int, int]] = field(default_factory=list)
    # Unsynced writes (position, data) and truncations (length, None), oldest first.
    acts: list[tuple[int, bytes | None]] = field(default_factory=list)


class DroppingFiles(LocalFiles):
    """LocalFiles that can crash. Only for files that were made through it, below one folder."""

    def __init__(self) -> None:
        self._files: dict[Path, _File] = {}
        self._cells: dict[Path, list[bytes]] = {}
        # For each folder the unsynced changes of names, as acts that undo them, oldest first.
        self._undo: dict[Path, list[Callable[[], None]]] = {}
        self._generation = 0
        self._free_bytes: int | None = None
        self._failing_syncs = 0
        self._acts_left: int | None = None
        self.syncs = 0

    # Faults ---------------------------------------------------------------------------------------------------------

    def full_after(self, free_bytes: int | None) -> None:
        """ENOSPC once so many more bytes were written; None: there is space again."""
        self._free_bytes = free_bytes

    def fail_syncs(self, count: int) -> None:
        """EIO at the next `count` syncs."""
        self._failing_syncs = count

    def stop_after(self, acts: int | None) -> None:
        """Raise MachineStopped at the act on the disk after so many more."""
        self._acts_left = acts

    def crash(self, seed: int) -> None:
        """Leave the folder as a crash of the machine at this moment could. Handles that are open are dead from here on."""
        chance = random.Random(seed)  # noqa: S311 - it must repeat, not be secret
        self._generation += 1
        for path, cell in self._cells.items():
            if path.exists():
                path.write_bytes(chance.choice(cell))
        for path, file in self._files.items():
            if path.exists():
                path.write_bytes(_after_crash(file, path.read_bytes(), chance))
        for undo in self._undo.values():
            kept = chance.randint(0, len(undo)) if chance.random() < 0.5 else 0
            for act in reversed(undo[kept:]):
                act()
        # The disk is now what it is; everything on it is there for good.
        self._undo.clear()
        self._free_bytes = None
        self._failing_syncs = 0
        self._acts_left = None
        for path in list(self._files):
            if path.exists():
                self._files[path] = _File(path.read_bytes())
            else:
                del self._files[path]
        for path in list(self._cells):
            if path.exists():
                self._cells[path] = [path.read_bytes()]
            else:
                del self._cells[path]

    # Files' acts ----------------------------------------------------------------------------------------------------

    def create(self, path: Path) -> WritableFile:
        self.act()
        self._take(0)
        file = super().create(path)
        self._files[path] = _File()
        self._name_changed(path, lambda: self._vanish(path))
        return _DroppingFile(self, path, file)

    def open_write(self, path: Path) -> WritableFile:
        self._known(path)
        return _DroppingFile(self, path, super().open_write(path))

    def open_read(self, path: Path) -> ReadableFile:
        return super().open_read(path)

    def open_cell(self, path: Path, length: int, *, writable: bool) -> Cell:
        if writable and not path.exists():
            self._name_changed(path, lambda: self._vanish(path))
        cell = super().open_cell(path, length, writable=writable)
        if not writable:
            return cell
        self._cells.setdefault(path, [path.read_bytes()])
        return _DroppingCell(self, path, cell)

    def remove(self, path: Path) -> None:
        self.act()
        on_disk = self._cells[path][0] if path in self._cells else self._known(path).synced

        def undo() -> None:
            path.write_bytes(on_disk)
            self._files[path] = _File(on_disk)

        super().remove(path)
        self._files.pop(path, None)
        self._cells.pop(path, None)
        self._name_changed(path, undo)

    def make_folder(self, path: Path) -> None:
        if path.exists():
            return
        self.act()
        self._take(0)
        super().make_folder(path)
        self._name_changed(path, lambda: self._vanish(path))

    def sync_folder(self, path: Path) -> None:
        self.act()
        super().sync_folder(path)
        self._undo.pop(path, None)

    # What the handles tell ------------------------------------------------------------------------------------------

    def take_space(self, wanted: int) -> int:
        """How many of so many bytes still fit."""
        if self._free_bytes is None:
            return wanted
        fitting = min(wanted, self._free_bytes)
        self._free_bytes -= fitting
        return fitting

    def wrote(self, path: Path, position: int, data: bytes) -> None:
        file = self._known(path)
        file.acts.append((position, data))
        end = position + len(data)
        file.lost = [piece for start, stop in file.lost for piece in _without(start, stop, position, end)]

    def truncated(self, path: Path, length: int) -> None:
        file = self._known(path)
        file.acts.append((length, None))
        file.lost = [(start, min(stop, length)) for start, stop in file.lost if start < length]

    def synced(self, path: Path) -> None:
        """The file's sync: succeed, or fail and lose what it covered."""
        self.syncs += 1
        file = self._known(path)
        if self._failing_syncs:
            self._failing_syncs -= 1
            file.lost.extend((start, start + len(data)) for start, data in file.acts if data is not None)
            file.acts.clear()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        now = path.read_bytes()
        after = bytearray(now)
        for start, stop in file.lost:
            stop = min(stop, len(after))
            old = file.synced[start:stop]
            after[start:stop] = old + bytes(stop - start - len(old))
        file.synced = bytes(after)
        file.acts.clear()

    def cell_written(self, path: Path, state: bytes) -> None:
        states = self._cells[path]
        states.append(state)
        if len(states) > CELL_STATES_MAX:
            del states[1]

    def cell_flushed(self, path: Path, state: bytes) -> None:
        self._cells[path] = [state]

    def alive(self, generation: int) -> bool:
        return generation == self._generation

    @property
    def generation(self) -> int:
        return self._generation

    def act(self) -> None:
        """Every act on the disk comes through here first."""
        if self._acts_left is not None:
            self._acts_left -= 1
            if self._acts_left < 0:
                raise MachineStopped

    def _take(self, wanted: int) -> None:
        # A full disk makes no new names either.
        if self._free_bytes is not None and self._free_bytes <= wanted:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _known(self, path: Path) -> _File:
        if path not in self._files:
            self._files[path] = _File(path.read_bytes())
        return self._files[path]

    def _name_changed(self, path: Path, undo: Callable[[], None]) -> None:
        self._undo.setdefault(path.parent, []).append(undo)

    def _vanish(self, path: Path) -> None:
        if path.is_dir():
            for child in path.iterdir():
                self._vanish(child)
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


class _DroppingFile:
    def __init__(self, files: DroppingFiles, path: Path, file: WritableFile) -> None:
        self._files = files
        self._path = path
        self._file = file
        self._generation = files.generation

    def write(self, position: int, data: bytes) -> None:
        self._check()
        fitting = self._files.take_space(len(data))
        if fitting:
            self._file.write(position, data[:fitting])
            self._files.wrote(self._path, position, data[:fitting])
        if fitting < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> None:
        self._check()
        self._files.synced(self._path)

    def truncate(self, length: int) -> None:
        self._check()
        self._file.truncate(length)
        self._files.truncated(self._path, length)

    def size(self) -> int:
        return self._file.size()

    def close(self) -> None:
        self._file.close()

    def _check(self) -> None:
        assert self._files.alive(self._generation), f"{self._path} was used after the crash"
        self._files.act()


class _DroppingCell:
    def __init__(self, files: DroppingFiles, path: Path, cell: Cell) -> None:
        self._files = files
        self._path = path
        self._cell = cell
        self._generation = files.generation

    def read(self) -> bytes:
        return self._cell.read()

    def write(self, data: bytes) -> None:
        assert self._files.alive(self._generation), f"{self._path} was used after the crash"
        self._files.act()
        self._cell.write(data)
        self._files.cell_written(self._path, self._cell.read())

    def flush(self) -> None:
        self._cell.flush()
        self._files.cell_flushed(self._path, self._cell.read())

    def close(self) -> None:
        self._cell.close()


def _after_crash(file: _File, shown: bytes, chance: random.Random) -> bytes:
    """What is in a file after a crash: its synced bytes, and of the rest what chance leaves."""
    if not file.acts and not file.lost:
        return file.synced
    kind = chance.choice(("drop", "prefix", "pages"))
    if kind == "drop":
        return file.synced
    content = bytearray(file.synced)
    if kind == "prefix":
        acts = file.acts[: chance.randint(0, len(file.acts))]
        for number, (position, data) in enumerate(acts):
            if data is None:
                del content[position:]
            else:
                last = number == len(acts) - 1
                _place(content, position, data[: chance.randint(0, len(data))] if last else data)
        return bytes(content)
    dirty = [(position, position + len(data)) for position, data in file.acts if data is not None]
    for start, stop in dirty:
        for page in range(start - start % PAGE_BYTES, stop, PAGE_BYTES):
            low, high = max(page, start), min(page + PAGE_BYTES, stop, len(shown))
            fate = chance.random()
            if low < high and fate < 0.5:
                _place(content, low, shown[low:high])
            elif low < high and fate < 0.6 and low >= len(file.synced):
                # Noise only where nothing was before: a disk replaces a page by the old or the new one.
                _place(content, low, chance.randbytes(high - low))
    return bytes(content)


def _place(content: bytearray, position: int, data: bytes) -> None:
    if len(content) < position:
        content.extend(bytes(position - len(content)))
    content[position : position + len(data)] = data


def _without(start: int, stop: int, hole_start: int, hole_stop: int) -> list[tuple[int, int]]:
    """A range without the part of it that lies in a hole."""
    pieces = [(start, min(stop, hole_start)), (max(start, hole_stop), stop)]
    return [(low, high) for low, high in pieces if low < high]
