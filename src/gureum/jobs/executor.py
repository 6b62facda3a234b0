"""Runs the tasks of the queue, each in a process group of its own, as its owner and with no more than its owner may do.

Called by the jobs process. A task's process is told what to do on standard input and tells on standard output, a JSON object
a line: `{"progress": {...}}`, and last `{"result": {...}}` or `{"error": {...}}`. Promise: it dies with its executor; cancelled,
it dies with its last child; of two executors over one queue only one works on a task.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gureum.clock import Clock
from gureum.errors import GureumError, InternalError
from gureum.jobs.tasks import Task, Tasks

__all__ = ["Executor", "Launch"]

# Tasks at work at once on this machine; each may use several cores for itself.
AT_ONCE_MAX = 2

RENEW_EVERY_MS = 1_000

# Between "please stop" and "stop".
STOP_MS = 5_000

# One line of a task; a leaderboard of thousands of candidates is not one.
LINE_BYTES_MAX = 4 << 20
READ_BYTES = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Launch:
    """How a task's process is started: the command, its environment, what it reads, and what to do when it has ended."""

    command: Sequence[str]
    environment: Mapping[str, str]
    orders: Mapping[str, Any]
    log: Path
    ended: Callable[[], None]


@dataclass(slots=True)
class _Running:
    task: Task
    popen: subprocess.Popen[bytes]
    ended: Callable[[], None]
    log: Path
    rest: bytes = b""
    progress: dict[str, Any] = field(default_factory=dict)
    told_progress: bool = True
    outcome: dict[str, Any] | None = None
    renewed_ms: int = 0
    stopping_since_ms: int | None = None
    lost: bool = False


class Executor:
    """One at work per process. `launch` makes a task's process, `told` takes a task that is done."""

    def __init__(self, tasks: Tasks, *, launch: Callable[[Task], Launch], clock: Clock) -> None:
        self._tasks = tasks
        self._launch = launch
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._selector = selectors.DefaultSelector()

    def step(self, wait_s: float) -> None:
        """Take what is due, listen for at most `wait_s`, look after what runs."""
        while len(self._running) < AT_ONCE_MAX and (task := self._tasks.claim()) is not None:
            self._start(task)
        if self._selector.get_map():
            for key, _ in self._selector.select(wait_s):
                self._read(key.data)
        for running in list(self._running.values()):
            self._look_after(running)

    @property
    def is_idle(self) -> bool:
        return not self._running

    def close(self) -> None:
        """Stop what runs; its leases run out and it is begun again by the next executor."""
        for running in self._running.values():
            _kill_group(running.popen, signal.SIGKILL)
            running.popen.wait()
            self._close_pipe(running)
            with contextlib.suppress(GureumError):
                running.ended()
        self._running.clear()
        self._selector.close()

    def _start(self, task: Task) -> None:
        try:
            launch = self._launch(task)
        except GureumError as error:
            self._tasks.finish(task, "failed", error=error.to_json())
            return
        launch.log.parent.mkdir(parents=True, exist_ok=True)
        with launch.log.open("ab") as log:
            popen = subprocess.Popen(
                list(launch.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env=dict(launch.environment), start_new_session=True,
            )  # fmt: skip
        assert popen.stdin is not None
        assert popen.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            popen.stdin.write(json.dumps(launch.orders).encode())
            popen.stdin.close()
        os.set_blocking(popen.stdout.fileno(), False)
        running = _Running(task, popen, launch.ended, launch.log, renewed_ms=self._clock.now_ms())
        self._running[task.id] = running
        self._selector.register(popen.stdout, selectors.EVENT_READ, running)
        _log.info("task %s (%s %s) began, attempt %s", task.id, task.kind, task.name, task.attempt)

    def _read(self, running: _Running) -> None:
        assert running.popen.stdout is not None
        try:
            data = os.read(running.popen.stdout.fileno(), READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._close_pipe(running)
            return
        *lines, running.rest = (running.rest + data).split(b"\n")
        for line in lines:
            self._take(running, line)
        if len(running.rest) > LINE_BYTES_MAX:
            running.outcome = {"error": InternalError("it told more than a line may hold").to_json()}
            _kill_group(running.popen, signal.SIGKILL)

    def _take(self, running: _Running, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return  # something printed to standard output; it is no word to us
        if not isinstance(said, dict):
            return
        if isinstance(said.get("progress"), dict):
            running.progress, running.told_progress = said["progress"], False
        elif "result" in said or "error" in said:
            running.outcome = said

    def _look_after(self, running: _Running) -> None:
        now_ms = self._clock.now_ms()
        if running.popen.poll() is not None:
            self._end(running)
            return
        if running.stopping_since_ms is not None and now_ms - running.stopping_since_ms > STOP_MS:
            _kill_group(running.popen, signal.SIGKILL)
        if now_ms - running.renewed_ms < RENEW_EVERY_MS:
            return
        running.renewed_ms = now_ms
        state = self._tasks.renew(running.task, None if running.told_progress else running.progress)
        running.told_progress = True
        if state == "lost":
            running.lost = True
            _kill_group(running.popen, signal.SIGKILL)
        elif state == "stopping" and running.stopping_since_ms is None:
            running.stopping_since_ms = now_ms
            _kill_group(running.popen, signal.SIGTERM)

    def _end(self, running: _Running) -> None:
        if running.popen.stdout is not None and not running.popen.stdout.closed:
            os.set_blocking(running.popen.stdout.fileno(), True)
            self._selector.unregister(running.popen.stdout)
            for line in (running.rest + running.popen.stdout.read()).split(b"\n"):
                self._take(running, line)
            running.popen.stdout.close()
        _kill_group(running.popen, signal.SIGKILL)  # children that it left behind
        del self._running[running.task.id]
        outcome = running.outcome or {"error": self._why(running)}
        progress = running.progress or None
        if running.stopping_since_ms is not None:
            self._tasks.finish(running.task, "cancelled", result=outcome.get("result"), progress=progress)
        elif "result" in outcome:
            self._tasks.finish(running.task, "done", result=outcome["result"], progress=progress)
        else:
            self._tasks.finish(running.task, "failed", error=outcome["error"], progress=progress)
        running.ended()

    def _why(self, running: _Running) -> dict[str, Any]:
        code = running.popen.returncode
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        with contextlib.suppress(OSError):
            last = running.log.read_text("utf-8", "replace").strip().splitlines()[-1:]
            ended += f": {last[0][:300]}" if last else ""
        return InternalError(f"its process {ended}", code="task.died", hint="its log says more").to_json()

    def _close_pipe(self, running: _Running) -> None:
        if running.popen.stdout is not None and not running.popen.stdout.closed:
            self._selector.unregister(running.popen.stdout)
            running.popen.stdout.close()


def _kill_group(popen: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(popen.pid, number)
