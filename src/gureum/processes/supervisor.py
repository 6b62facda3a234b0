"""`gureum up`: opens the sockets, starts the processes, starts again what dies, stops all in order.

Called by the command line. Promise: a process that dies, however, is back by itself (at once, then with growing pauses);
its sockets stay open meanwhile; SIGTERM ends everything within STOP_S; one folder has one supervisor.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.catalog.identity import OPERATOR
from gureum.errors import Conflict, Unavailable
from gureum.processes.child import Child, fork, may_fork, preload, spawn
from gureum.processes.folder import DataFolder, FolderLock
from gureum.processes.orders import Orders
from gureum.settings import Settings
from gureum.version import __version__

__all__ = ["PROCESSES", "Ready", "Supervisor"]

# Each process and the sockets it serves; started in this order, the writer first and stopped last.
PROCESSES: dict[str, tuple[str, ...]] = {
    "kinesis": ("kinesis", "writer"),
    "sql": ("sql", "postgres"),
    "queries": ("queries",),
    "gateway": ("http",),
    "jobs": (),
    "tracking": ("tracking",),
    "serving": ("serving",),
}

# Started when somebody first connects to its socket, and again asleep when it has ended by itself: most teams use MLflow
# for hours a day, and it takes as much memory as all the others together; many deploy no model.
ON_DEMAND = frozenset({"tracking", "serving"})

# Streams that gureum writes itself.
SYSTEM_STREAMS = ("gureum.access_log", "gureum.alerts")

UNIX_SOCKETS = ("writer", "sql", "queries", "tracking", "serving")

# All must have ended by then; what has not is killed.
STOP_S = 8.0

# Of that, what the writer of the streams may need when all others have ended.
WRITER_STOP_S = 2.0

# A process that does not say that it is ready by then is killed and started again.
READY_S = 60.0

BACKOFF_S_MIN = 0.1
BACKOFF_S_MAX = 5.0

# A process that lived this long died of something new: the pauses begin again.
HEALTHY_S = 4.0

STATUS_EVERY_S = 1.0

BACKLOG = 2048

# What a process writes to stderr is kept for the post-mortem, so much of it.
STDERR_BYTES_MAX = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """The readiness line: where everything is."""

    ready: bool
    pid: int
    url: str
    kinesis: str
    postgres: str
    folder: str
    link: str | None
    version: str
    processes: dict[str, int]


@dataclass(slots=True)
class _Child:
    name: str
    popen: Child | None = None
    state: str = "starting"
    since_ms: int = 0
    started_s: float = 0.0
    restarts: int = 0
    backoff_s: float = BACKOFF_S_MIN
    start_at_s: float = 0.0
    ready_fd: int | None = None
    last_error: str | None = None
    usage: psutil.Process | None = field(default=None, repr=False)


class Supervisor:
    """Runs until a signal. One instance per process: it owns the signal handlers and the working folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = DataFolder(settings.folder)
        self._children = {name: _Child(name) for name in PROCESSES}
        self._sockets: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._started_ms = time.time_ns() // 1_000_000

    def run(self, on_ready: Callable[[Ready], None]) -> int:
        """Start everything, call `on_ready` once, and serve until SIGTERM or SIGINT; returns the exit code."""
        self._folder.prepare()
        lock = FolderLock(self._folder, what="gureum up")
        # Unix socket paths may have 107 bytes only: relative ones always fit.
        os.chdir(self._folder.root)
        try:
            self._open_sockets()
            link = self._prepare_identity()
            with self._signals():
                for child in self._children.values():
                    # One begins to serve while the next one's modules are imported.
                    if may_fork():
                        preload(child.name)
                    self._start_or_sleep(child)
                told = False
                while not self._stopping:
                    self._wait(self._next_s())
                    self._look_after()
                    if not told and all(child.state in {"running", "asleep"} for child in self._children.values()):
                        told = True
                        on_ready(self._ready(link))
                self._stop_all()
        finally:
            for name in UNIX_SOCKETS:
                Path("run", f"{name}.sock").unlink(missing_ok=True)
            self._folder.local.unlink(missing_ok=True)
            self._folder.status.unlink(missing_ok=True)
            lock.release()
        return 0

    # --- before the start --------------------------------------------------------------------------------------------

    def _open_sockets(self) -> None:
        self._sockets["http"] = _listen(self._settings.host, self._settings.port, "port")
        self._sockets["kinesis"] = _listen(self._settings.host, self._settings.kinesis_port, "kinesis_port")
        self._sockets["postgres"] = _listen(self._settings.host, self._settings.postgres_port, "postgres_port")
        for name in UNIX_SOCKETS:
            path = Path("run", f"{name}.sock")
            path.unlink(missing_ok=True)
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            one.bind(str(path))
            path.chmod(0o600)
            one.listen(BACKLOG)
            self._sockets[name] = one

    def _prepare_identity(self) -> str | None:
        """Bring the metadata up to date; write the local token; return the first administrator's link if there is none."""
        platform = Platform(self._settings)
        try:
            identity = platform.identity
            identity.ensure_operator()
            for stream in SYSTEM_STREAMS:
                with contextlib.suppress(Conflict):
                    platform.streams.create(stream, SYSTEM)
            _, token = identity.make_token(OPERATOR, label="local command line", purpose="local", days=None)
            partial = self._folder.local.with_suffix(f".{secrets.token_hex(4)}")
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - the mode must be there from the first moment
                places = {"url": self._url("http"), "kinesis": self._url("kinesis"), "postgres": self._postgres_url()}
                json.dump({**places, "token": token}, file)
            partial.rename(self._folder.local)
            if identity.has_users():
                return None
            return f"{self._public_url()}/link/{identity.make_link(purpose='first_admin', user=None)}"
        finally:
            platform.close()

    # --- one child -----------------------------------------------------------------------------------------------------

    def _start_or_sleep(self, child: _Child) -> None:
        if child.name not in ON_DEMAND:
            self._start(child)
            return
        child.state, child.since_ms = "asleep", time.time_ns() // 1_000_000
        for name in PROCESSES[child.name]:
            self._selector.register(self._sockets[name], selectors.EVENT_READ, child)

    def _wake(self, child: _Child) -> None:
        for name in PROCESSES[child.name]:
            self._selector.unregister(self._sockets[name])
        self._start(child)

    def _start(self, child: _Child) -> None:
        read_fd, write_fd = os.pipe()
        fds = {name: self._sockets[name].fileno() for name in PROCESSES[child.name]}
        errors = self._stderr(child.name)
        orders = Orders(self._settings, fds, write_fd, os.getpid(), self._public_url(), self._url("http"))
        with errors:
            child.popen = (
                fork(child.name, orders, errors=errors) if may_fork() else spawn(child.name, orders, errors=errors)
            )
        os.close(write_fd)
        child.ready_fd = read_fd
        self._selector.register(read_fd, selectors.EVENT_READ, child)
        child.state, child.started_s = "starting", time.monotonic()
        child.since_ms = time.time_ns() // 1_000_000
        child.usage = None
        with contextlib.suppress(psutil.Error):
            child.usage = psutil.Process(child.popen.pid)

    def _stderr(self, name: str) -> Any:
        path = self._folder.logs / f"{name}.stderr"
        if path.exists() and path.stat().st_size > STDERR_BYTES_MAX:
            path.replace(path.with_suffix(".stderr.1"))
        return path.open("ab")

    def _look_after(self) -> None:
        now_s = time.monotonic()
        for child in self._children.values():
            if child.popen is None:
                if child.state == "waiting" and now_s >= child.start_at_s:
                    self._start(child)
                continue
            code = child.popen.poll()
            if code is None:
                if child.state == "starting" and now_s - child.started_s > READY_S:
                    _log.error("%s was not ready after %s s", child.name, READY_S)
                    child.popen.kill()
                elif child.state == "running" and now_s - child.started_s > HEALTHY_S:
                    child.backoff_s = BACKOFF_S_MIN
                continue
            self._forget_ready(child)
            if code == 0 and child.name in ON_DEMAND:
                child.popen = None
                self._start_or_sleep(child)  # it had nothing to do
                continue
            child.last_error = self._why(child.name, code)
            child.popen, child.state = None, "waiting"
            child.since_ms = time.time_ns() // 1_000_000
            child.restarts += 1
            child.start_at_s = now_s + child.backoff_s
            child.backoff_s = min(child.backoff_s * 2, BACKOFF_S_MAX)
            _log.warning(
                "%s ended (%s), starts again in %.1f s", child.name, child.last_error, child.start_at_s - now_s
            )

    def _why(self, name: str, code: int) -> str:
        if code < 0:
            return f"killed by signal {-code}"
        lines = (self._folder.logs / f"{name}.stderr").read_text("utf-8", "replace").strip().splitlines()
        return f"exit code {code}" + (f": {lines[-1][:300]}" if lines else "")

    def _forget_ready(self, child: _Child) -> None:
        if child.ready_fd is not None:
            self._selector.unregister(child.ready_fd)
            os.close(child.ready_fd)
            child.ready_fd = None

    # --- the loop ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        read, write = socket.socketpair()
        for one in (read, write):
            one.setblocking(False)
        self._selector.register(read, selectors.EVENT_READ, None)
        signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)

        def stop(_number: int, _frame: object) -> None:
            self._stopping = True

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # wakes the loop
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            read.close()
            write.close()

    def _next_s(self) -> float:
        waiting = [c.start_at_s - time.monotonic() for c in self._children.values() if c.state == "waiting"]
        return max(0.0, min([STATUS_EVERY_S, *waiting]))

    def _wait(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    key.fileobj.recv(4096)  # type: ignore[union-attr]
                continue
            child: _Child = key.data
            if key.fd != child.ready_fd:
                self._wake(child)
                continue
            if os.read(key.fd, 16) == b"ready":
                child.state, child.last_error = "running", None
                child.since_ms = time.time_ns() // 1_000_000
            self._forget_ready(child)
        self._write_status()

    def _write_status(self) -> None:
        processes = [self._state(child) for child in self._children.values()]
        body = {
            "pid": os.getpid(),
            "version": __version__,
            "started_at_ms": self._started_ms,
            "at_ms": time.time_ns() // 1_000_000,
            "url": self._public_url(),
            "kinesis": self._url("kinesis"),
            "postgres": self._postgres_url(),
            "disk_free_bytes": shutil.disk_usage(self._folder.root).free,
            "processes": [{"name": "supervisor", "pid": os.getpid(), "state": "running", "restarts": 0,
                           "since_ms": self._started_ms, "last_error": None, **_usage(psutil.Process())}, *processes],
        }  # fmt: skip
        partial = self._folder.status.with_suffix(".partial")
        with contextlib.suppress(OSError):  # a full disk must not stop the supervisor
            partial.write_text(json.dumps(body))
            partial.rename(self._folder.status)

    def _state(self, child: _Child) -> dict[str, Any]:
        return {
            "name": child.name,
            "pid": child.popen.pid if child.popen else None,
            "state": child.state,
            "restarts": child.restarts,
            "since_ms": child.since_ms,
            "last_error": child.last_error,
            **_usage(child.usage if child.popen else None),
        }

    def _stop_all(self) -> None:
        """Stop what writes to the streams first, then the writer: a process that must still put records would wait for it.

        The sockets stay open until the end, so nobody is told that the writer has gone.
        """
        deadline_s = time.monotonic() + STOP_S
        writer = self._children["kinesis"]
        others = [self._children[name] for name in reversed(PROCESSES) if name != writer.name]
        _stop(others, deadline_s - WRITER_STOP_S)
        _stop([writer], deadline_s)

    def _url(self, name: str) -> str:
        scheme = "https" if self._settings.tls_certificate else "http"
        host, port = self._sockets[name].getsockname()[:2]
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown, not bound
        return f"{scheme}://{shown}:{port}"

    def _postgres_url(self) -> str:
        """Without a user: whoever connects is asked."""
        secure = "?sslmode=require" if self._settings.tls_certificate else ""
        return (
            self._url("postgres").replace("https://", "postgresql://").replace("http://", "postgresql://")
            + f"/gureum{secure}"
        )

    def _public_url(self) -> str:
        return self._settings.public_url.rstrip("/") or self._url("http")

    def _ready(self, link: str | None) -> Ready:
        return Ready(
            ready=True,
            pid=os.getpid(),
            url=self._public_url(),
            kinesis=self._url("kinesis"),
            postgres=self._postgres_url(),
            folder=str(self._folder.root),
            link=link,
            version=__version__,
            processes={c.name: c.popen.pid for c in self._children.values() if c.popen},
        )


def _stop(children: list[_Child], deadline_s: float) -> None:
    """SIGTERM to all of them; what has not ended by then is killed."""
    running = [child for child in children if child.popen is not None and child.popen.poll() is None]
    for child in running:
        assert child.popen is not None
        child.popen.terminate()
    for child in running:
        assert child.popen is not None
        try:
            child.popen.wait(max(0.05, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.warning("%s did not stop in time and is killed", child.name)
            child.popen.kill()
            child.popen.wait()


def _listen(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, port))
        one.listen(BACKLOG)
    except OSError as error:
        one.close()
        if isinstance(error, PermissionError):
            raise Unavailable(
                f"this user may not listen on port {port}", code="port.denied", hint=f"set {setting} to 1024 or more"
            ) from error
        raise Conflict(
            f"cannot listen on {host}:{port}: {error.strerror}",
            code="port.in_use",
            hint=f"stop what uses it, or choose another with --{setting.replace('_', '-')} (0 takes any free one)",
        ) from error
    return one


def _usage(process: psutil.Process | None) -> dict[str, Any]:
    if process is not None:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            return {"memory_bytes": process.memory_info().rss, "cpu_s": round(times.user + times.system, 2)}
    return {"memory_bytes": None, "cpu_s": None}
