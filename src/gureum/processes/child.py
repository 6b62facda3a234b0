"""One process below another: forked from its parent where that is safe, else a new interpreter.

Called by `supervisor.py` (forks) and `on_demand.py`. A forked process has what `preload` imported, so that it serves in a tenth
of the time and shares that memory; it starts with the sockets and the settings of its orders and nothing else of its
parent's. Promise: only a parent of one thread forks, hence no lock can be held by a thread that the child does not have.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import logging
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import IO, NoReturn, Protocol

from gureum.processes.orders import Orders
from gureum.processes.run import run_process

__all__ = ["Child", "fork", "may_fork", "preload", "spawn"]

# glibc gives each thread an arena of its own and keeps what it frees: with engines' threads that is hundreds of megabytes.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
_MALLOC_OPTIONS = ((-8, 2), (-1, 131_072))  # the same for a C library that has begun already

# What a process imports, as far as it starts no threads: NumPy, Arrow, DuckDB and MLflow do.
PRELOADED = {
    "kinesis": ("gureum.gateways.kinesis.app", "gureum.gateways.internal.writer"),
    "gateway": ("gureum.gateways.http.app", "gureum.studio.files"),
    "jobs": ("gureum.jobs.executor",),
    "sql": ("sqlglot.dialects.duckdb", "fastapi"),
    "queries": ("sqlglot.dialects.duckdb", "fastapi"),
}

_PR_SET_NAME = 15
_WAIT_STEP_S = 0.01


class Child(Protocol):
    """What `subprocess.Popen` has of these."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def may_fork() -> bool:
    """Whether this system's libraries bear a fork: those of macOS do not."""
    return sys.platform == "linux"


def preload(name: str) -> None:
    """Import here what the process `name` is going to import."""
    for module in PRELOADED.get(name, ()):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # the collector would write on pages that are shared


def fork(name: str, orders: Orders, *, errors: IO[bytes]) -> Child:
    """Start the process `name` as a copy of this one; `errors` takes what it writes. Its working folder is this one's."""
    assert len(list(Path("/proc/self/task").iterdir())) == 1, (
        "a lock of another thread would stay locked in the child for ever"
    )
    sys.stdout.flush()
    sys.stderr.flush()
    everything = signal.valid_signals()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    try:
        pid = os.fork()
        if pid == 0:
            _begin(name, orders, errors)
        return _Forked(pid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def spawn(name: str, orders: Orders, *, errors: IO[bytes]) -> Child:
    """Start the process `name` in a new interpreter, in the data folder."""
    popen = subprocess.Popen(
        [sys.executable, "-m", "gureum", "process", name],
        stdin=subprocess.PIPE,
        stdout=errors,
        stderr=errors,
        pass_fds=[*orders.sockets.values(), orders.ready_fd],
        cwd=orders.settings.folder,
        env={**os.environ, **ENVIRONMENT},
        # A Ctrl-C in the terminal is the parent's to pass on, in order.
        start_new_session=True,
    )
    assert popen.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        popen.stdin.write(orders.to_json().encode())
        popen.stdin.close()
    return popen


class _Forked:
    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline_s is not None and timeout is not None and time.monotonic() > deadline_s:
                raise subprocess.TimeoutExpired(f"gureum process {self.pid}", timeout)
            time.sleep(_WAIT_STEP_S)
        return code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:  # not reaped, so the number is still its own
            os.kill(self.pid, number)


def _begin(name: str, orders: Orders, errors: IO[bytes]) -> NoReturn:
    """In the child. Never returns: its parent's frames, with all their `finally`, are below it."""
    code = 1
    try:
        os.setsid()
        _forget_parent([*orders.sockets.values(), orders.ready_fd], errors)
        _name_process(f"gureum-{name}")
        os.environ.update(ENVIRONMENT)
        run_process(name, orders)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _forget_parent(kept: list[int], errors: IO[bytes]) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    logging.getLogger().handlers.clear()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(errors.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    # The objects around them stay referenced by the parent's frames: none of them closes a number that is used again.
    open_fds = [int(fd.name) for fd in Path("/proc/self/fd").iterdir()]
    for fd in open_fds:
        if fd > 2 and fd not in kept:
            with contextlib.suppress(OSError):
                os.close(fd)
    for fd in kept:
        os.set_inheritable(fd, False)
    random.seed()  # else all draw the same pauses


def _name_process(name: str) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
    with contextlib.suppress(AttributeError):  # a C library other than glibc
        for option, value in _MALLOC_OPTIONS:
            libc.mallopt(option, value)
