"""Who works on a study: one lease for each process, held while it lives, so that others know which running trials are dead.

Called by `study`. A lease is a file that its holder locks and touches. It has ended when its lock is free (seen at once, but
only by processes under the same kernel), or when it was not touched for LEASE_S by the watcher's own clock: hosts' clocks need
not agree, and a paused holder loses it too. Promise: an ended lease never comes back, since a new process takes a new one.
What a holder does after it lost its lease is refused by the journal's order, not here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import secrets
import threading
from pathlib import Path

from gureum.clock import Clock

__all__ = ["BEAT_S", "LEASE_S", "Lease", "Watch"]

LEASE_S = 30.0  # longer than a busy disk or a stopped container takes; a kill on the same machine is seen at once
BEAT_S = LEASE_S / 10

_SUFFIX = ".lease"


def _kernel() -> str:
    """What two processes have in common if a file lock of one is seen by the other."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return platform.node()


class Lease:
    """This process' lease on a study. A thread touches it, so that a long-running sampler does not lose it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.id = secrets.token_hex(6)
        self._path = folder / (self.id + _SUFFIX)
        self._beat = 0
        draft = folder / (self.id + ".new")
        self._file = os.open(draft, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._touch()
        draft.rename(self._path)  # it appears locked and filled: there is no moment in which it looks ended
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="gureum-tuning-lease", daemon=True)
        self._thread.start()

    @property
    def held(self) -> bool:
        """Whether it is still there: a watcher takes it away when this process was paused for too long."""
        return self._path.exists()

    def end(self) -> None:
        """Give it up: whatever this process left running is dead from now on."""
        self._ended.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    def _keep(self) -> None:
        while not self._ended.wait(BEAT_S):
            with contextlib.suppress(OSError):  # a full disk: others will think us dead, the journal keeps it right
                self._touch()

    def _touch(self) -> None:
        self._beat += 1
        os.pwrite(self._file, f"{_kernel()} {os.getpid()} {self._beat}\n".encode(), 0)


class Watch:
    """Which leases of a study are alive, as this process sees it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._seen: dict[str, tuple[bytes, float]] = {}

    def alive(self) -> set[str]:
        """The ids of leases that have not ended; what has ended is taken away."""
        now_s = self._clock.monotonic_s()
        alive = set()
        for path in self._folder.glob("*" + _SUFFIX):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            last, since_s = self._seen.get(path.stem, (b"", now_s))
            if content != last:
                since_s = now_s
            self._seen[path.stem] = (content, since_s)
            if now_s - since_s > LEASE_S or (content.split()[:1] == [_kernel().encode()] and _is_free(path)):
                path.unlink(missing_ok=True)
            else:
                alive.add(path.stem)
        return alive


def _is_free(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        # Shared, so that two watchers at the same moment do not take each other for the holder.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(file)
