"""A real `gureum up` in a folder, for tests: all its processes, their ports, and kill -9 of any of them.

    with start_platform(folder) as platform:
        platform.client.stream("clicks").create().put({"n": 1})
        platform.kill("kinesis")

Promise: leaving the block, however, leaves no process behind.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

import httpx
import psutil

import gureum
from gureum.client.client import Client

__all__ = ["PlatformFailed", "RunningPlatform", "clean_environment", "start_platform", "wait_until"]

# Five interpreters load their libraries on two busy cores.
READY_S_MAX = 90.0

# MLflow makes its tables, then loads 250 MB.
MLFLOW_S_MAX = 300.0

# The supervisor promises ten seconds; what is not gone a little later is killed, and `stop` says so.
STOP_S_MAX = 15.0

KILL_S_MAX = 30.0
LOOK_EVERY_S = 0.02

_T = TypeVar("_T")


class PlatformFailed(Exception):
    """`gureum up` ended, or did not say in time that it is ready; the text holds what it said instead."""

    def __init__(self, message: str, *, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class RunningPlatform:
    """A running server. A context manager: it is stopped at the end of the block."""

    def __init__(
        self, folder: Path, process: subprocess.Popen[bytes], ready: Mapping[str, Any], stderr: IO[bytes]
    ) -> None:
        self.folder = folder
        self._stderr = stderr
        self.process = process
        self.url: str = ready["url"]
        self.kinesis: str = ready["kinesis"]
        self.postgres: str = ready["postgres"]
        self.link: str | None = ready["link"]
        self._seen = {psutil.Process(pid) for pid in ready["processes"].values()}

    @property
    def pid(self) -> int:
        """The supervisor's."""
        return self.process.pid

    @functools.cached_property
    def client(self) -> Client:
        """The operator's."""
        return gureum.connect(folder=self.folder)

    def user(self, name: str, *, role: str = "editor") -> Client:
        """The client of a user with a token of its own; the user is made when it is not there."""
        return gureum.connect(self.url, token=self.token(name, role=role))

    def token(self, name: str, *, role: str = "editor") -> str:
        """A new token of a user, who is made when it is not there."""
        if name not in {user["name"] for user in self.client.request("GET", "/users")}:
            self.client.request("POST", "/users", body={"name": name, "role": role})
        link = self.client.request("POST", f"/users/{name}/link")
        with httpx.Client(base_url=self.url, headers={"X-Gureum": "1"}) as browser:
            browser.post("/api/session/link", json={"code": link.rpartition("/")[2]}).raise_for_status()
            made = browser.post("/api/tokens", json={"label": "test"}).raise_for_status()
        token: str = made.json()["token"]
        return token

    def mlflow_version(self) -> str:
        """What MLflow says of itself; the first that asks waits until its process has started."""
        local = json.loads((self.folder / "run" / "local.json").read_text())
        headers = {"Authorization": f"Bearer {local['token']}"}
        return httpx.get(f"{self.url}/mlflow/version", headers=headers, timeout=MLFLOW_S_MAX).raise_for_status().text

    def status(self) -> dict[str, Any]:
        """What the supervisor last wrote of its processes."""
        body: dict[str, Any] = json.loads((self.folder / "run" / "status.json").read_text())
        return body

    def pid_of(self, name: str) -> int | None:
        """The pid of one process while it runs, 'supervisor' included; None while it is being started again."""
        for process in self.status()["processes"]:
            if process["name"] == name and process["state"] == "running" and psutil.pid_exists(process["pid"]):
                return int(process["pid"])
        return None

    def wake(self, name: str) -> int:
        """Connect to a process that sleeps until somebody does; returns its pid when it runs."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(self.folder / "run" / f"{name}.sock"))
            return wait_until(lambda: self.pid_of(name), what=f"{name} to wake", timeout_s=MLFLOW_S_MAX)

    def kill(self, name: str) -> int:
        """kill -9 of one process, once it runs; returns the pid that it had."""
        pid = wait_until(lambda: self.pid_of(name), what=f"{name} to run", timeout_s=KILL_S_MAX)
        killed = psutil.Process(pid)
        self._remember()
        killed.kill()
        if name == "supervisor":
            self.process.wait()
        return pid

    def wait_for_restart(self, name: str, killed_pid: int, *, timeout_s: float = KILL_S_MAX) -> int:
        """Wait until a process runs under another pid, which is returned."""

        def new_pid() -> int | None:
            pid = self.pid_of(name)
            return pid if pid != killed_pid else None

        return wait_until(new_pid, what=f"{name} to be started again", timeout_s=timeout_s)

    def processes(self) -> list[psutil.Process]:
        """All processes of this platform that have been seen and still live."""
        self._remember()
        return [process for process in self._seen if _lives(process)]

    def stop(self) -> int:
        """SIGTERM, as `gureum down` does; returns the exit code. What does not end is killed."""
        if "client" in self.__dict__:
            self.client.close()
        self._remember()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            for process in self.processes():
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(self._seen, timeout=STOP_S_MAX)
            self._stderr.close()

    def _remember(self) -> None:
        with contextlib.suppress(psutil.Error):
            self._seen.update(psutil.Process(self.pid).children(recursive=True))

    def __enter__(self) -> RunningPlatform:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


def start_platform(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> RunningPlatform:
    """Start `gureum up` on a folder with free ports and wait until it is ready. Raises PlatformFailed.

    Further arguments go to `gureum up`; `environment` is added to this process's, whose own GUREUM_* are left out.
    """
    # A file, not a pipe: a supervisor that warns a lot must not wait for a reader.
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
    process = subprocess.Popen(
        [sys.executable, "-m", "gureum", "up", "--folder", str(folder), "--port", "0", "--kinesis-port", "0", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=clean_environment(environment),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        poll = select.poll()  # select() itself cannot watch descriptors above 1023
        poll.register(process.stdout, select.POLLIN)
        line = process.stdout.readline() if poll.poll(READY_S_MAX * 1000) else b""
        if line:
            return RunningPlatform(folder.resolve(), process, json.loads(line), stderr)
    except BaseException:
        _end(process)
        stderr.close()
        raise
    finally:
        process.stdout.close()
    code = _end(process)
    stderr.seek(0)
    said = stderr.read().decode(errors="replace").strip()
    stderr.close()
    raise PlatformFailed(said or f"not ready after {READY_S_MAX:g} s", code=code)


def clean_environment(added: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of its own user, and with this Python's import path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GUREUM_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **(added or {})}


def wait_until(condition: Callable[[], _T | None], *, what: str, timeout_s: float) -> _T:
    """The first value of `condition` that is true. Raises TimeoutError that says what was waited for.

    A condition that raises OSError or ValueError (a file that is being replaced) is simply not true yet.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(OSError, ValueError):
            value = condition()
            if value:
                return value
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(LOOK_EVERY_S)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _end(process: subprocess.Popen[bytes]) -> int:
    """End a supervisor that was not ready, with the children that it may have."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
        if process.poll() is None:
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S_MAX)
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
    if process.poll() is None:
        process.kill()
    return process.wait()
