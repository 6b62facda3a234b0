"""The worker processes of one tuning, seen from their parent: started, given trials, listened to, killed.

Called by `loop`. Promise: none outlives `stop`, nor (see `worker`) the parent; what a worker's process group started goes with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

from gureum.errors import InvalidInput
from gureum.tuning.objective import pickle_objective

__all__ = ["Crew", "Worker"]

# A worker that died is not always seen as the end of its channel: its own children may hold that open.
LOOK_EVERY_S = 0.5
STARTS_FAILED_MAX = 3

_START = "from gureum.tuning.worker import main; main()"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Worker:
    """One process. `busy` while it runs a trial, `ready` once it has loaded the objective."""

    def __init__(self, setup: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._channel, far = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(far.fileno()), str(os.getpid())],
            env=environment, stdin=subprocess.DEVNULL, pass_fds=(far.fileno(),), start_new_session=True,
        )  # fmt: skip
        far.close()
        self._channel.send_bytes(json.dumps(setup).encode())
        self.name = f"{platform.node()}:{self._process.pid}"
        self.ready = False
        self.busy = False

    @property
    def channel(self) -> Connection:
        return self._channel

    def give(self, number: int, params: Mapping[str, Any]) -> None:
        """Let it run a trial."""
        import cloudpickle  # here, since a choice's value may be of a class that only the notebook knows

        self.busy = True
        with contextlib.suppress(OSError):  # it just died: `receive` will say so
            self._channel.send_bytes(cloudpickle.dumps((number, dict(params))))

    def answer(self, *, prune: bool) -> None:
        """Let it go on after a step, or not."""
        with contextlib.suppress(OSError):
            self._channel.send_bytes(json.dumps({"prune": prune}).encode())

    def receive(self) -> dict[str, Any] | None:
        """Its next message if there is one. `{"kind": "died"}` when it is gone and has nothing more to say."""
        gone = self._process.poll() is not None  # looked at first: what it said before its end is still read
        try:
            if self._channel.poll():
                message: dict[str, Any] = json.loads(self._channel.recv_bytes())
                return message
        except (EOFError, OSError):
            gone = True
        return {"kind": "died", "reason": self._last_words()} if gone else None

    def stop(self) -> None:
        """Kill it and what its trial started, now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.close()

    def _last_words(self) -> str:
        code = self._process.wait()
        if code >= 0:
            return f"the worker process exited with code {code}"
        name = signal.Signals(-code).name
        return f"the worker process died of {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


class Crew:
    """Up to `size` workers for one objective."""

    def __init__(
        self,
        objective: Callable[..., Any],
        size: int,
        environment: Mapping[str, str],
        *,
        with_trial: bool,
        pruning: bool,
        metric: str | None,
    ) -> None:
        self._size = size
        self._folder = tempfile.TemporaryDirectory(prefix="gureum-tuning-")
        path = Path(self._folder.name) / "objective.pickle"  # once on disk, however many workers: it may hold the data
        try:
            path.write_bytes(pickle_objective(objective))
        except BaseException:
            self._folder.cleanup()
            raise
        self._setup: dict[str, Any] = {
            "objective": str(path),
            "with_trial": with_trial,
            "pruning": pruning,
            "metric": metric,
        }
        self._setup["argv"] = sys.argv  # an objective may look at what its script was called with
        self._environment = _environment(environment, size)
        self._failed_starts = 0
        self.workers: list[Worker] = []

    def fill(self, trials_max: int | None) -> None:
        """Start workers until the crew is complete, or has one for each trial."""
        while len(self.workers) < min(self._size, trials_max or self._size):
            self.workers.append(Worker(self._setup, self._environment))

    def listen(self, timeout_s: float, *others: int) -> list[tuple[Worker, dict[str, Any]]]:
        """What workers say within `timeout_s`, at once when there is something; `others` are file descriptors that wake it.

        Raises InvalidInput when workers cannot load the objective.
        """
        wait([*(worker.channel for worker in self.workers), *others], timeout=max(0.0, min(timeout_s, LOOK_EVERY_S)))
        said = []
        for worker in list(self.workers):
            message = worker.receive()
            if message is None:
                continue
            if message["kind"] == "ready":
                worker.ready = True
                self._failed_starts = 0
            elif message["kind"] == "cannot_start":
                raise InvalidInput(
                    f"a worker process cannot load the objective: {message['reason']}",
                    code="tuning.objective_pickle",
                    hint="modules that it needs must be importable from a new Python; see `traceback` in the details",
                    traceback=message["traceback"],
                )
            elif message["kind"] == "died":
                self._bury(worker, message["reason"])
            said.append((worker, message))
        return said

    def stop(self) -> None:
        """Kill all workers."""
        for worker in self.workers:
            worker.stop()
        self.workers.clear()
        self._folder.cleanup()

    def _bury(self, worker: Worker, reason: str) -> None:
        self.workers.remove(worker)
        worker.stop()
        if worker.ready:
            return
        self._failed_starts += 1
        if self._failed_starts >= STARTS_FAILED_MAX:
            raise InvalidInput(
                f"{STARTS_FAILED_MAX} worker processes died while they loaded the objective: {reason}",
                code="tuning.objective_pickle",
                hint="does importing its modules crash a new Python?",
            )
        time.sleep(0.05 * self._failed_starts)


def _environment(ours: Mapping[str, str], workers: int) -> dict[str, str]:
    """Our own, with what we can import importable, and the processors shared out, unless the user has said otherwise."""
    environment = dict(ours)
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry or ".").resolve()) for entry in sys.path)
    threads = max(
        1, len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)) // workers
    )
    if workers > 1:
        for name in _THREADS:
            environment.setdefault(name, str(threads))
    return environment
