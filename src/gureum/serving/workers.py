"""The worker processes: one for each deployed model version, started, watched and started again.

Called by the serving process (`gateways/internal/serving.py`), which is the only one that starts them. Loads no model and
no MLflow. Promise: a worker that dies is back by itself; its socket stays open meanwhile, so that who connects waits; a
model's files are copied before they are used, so that a deployed version never changes.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from gureum.clock import Clock
from gureum.errors import GureumError, InvalidInput, LimitExceeded, NotFound, Unavailable

__all__ = ["Workers", "socket_address", "socket_path"]

# A model that takes longer to load is given up.
LOAD_S_MAX = 300.0

MODEL_BYTES_MAX = 8 << 30
MEMORY_BYTES_MAX = 4 << 30
SAID_BYTES_MAX = 1 << 20

BACKOFF_S_MIN = 0.1
BACKOFF_S_MAX = 10.0
HEALTHY_S = 10.0

# A model that was loaded for a deploy or a scoring and is on no endpoint (yet).
KEEP_LOADED_S = 300.0

LOOK_EVERY_S = 0.2
BACKLOG = 256
STDERR_BYTES_MAX = 1 << 20

# One thread a worker: a row takes less than the waking of a second. glibc's arenas: as the supervisor's.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1",
               "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "JOBLIB_MULTIPROCESSING": "0"}  # fmt: skip

_log = logging.getLogger(__name__)


def socket_path(run_folder: Path, key: str) -> Path:
    return run_folder / f"model-{key}.sock"


# Bytes of a unix socket's address.
ADDRESS_BYTES_MAX = 107


def socket_address(run_folder: Path, key: str) -> str:
    """Where to connect to: short enough, whatever the folder's name is."""
    path = str(socket_path(run_folder, key))
    return path if len(path.encode()) < ADDRESS_BYTES_MAX else f"/proc/self/fd/{_opened(run_folder)}/model-{key}.sock"


@functools.cache
def _opened(folder: Path) -> int:
    """A descriptor of the folder, open as long as this process."""
    return os.open(folder, os.O_PATH | os.O_DIRECTORY)


@dataclass(slots=True)
class _Worker:
    key: str
    plan: dict[str, Any]
    listening: socket.socket
    state: str = "loading"
    why: str | None = None
    popen: subprocess.Popen[bytes] | None = None
    said: int | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    backoff_s: float = BACKOFF_S_MIN
    restarts: int = -1
    confined: list[str] = field(default_factory=list)


class Workers:
    """All workers of one platform."""

    def __init__(
        self,
        *,
        folder: Path,
        run_folder: Path,
        wanted: Callable[[], set[str]],
        kept: Callable[[], set[str]],
        clock: Clock,
    ) -> None:
        """`run_folder` is relative to the working folder (a socket's address has 107 bytes only). `wanted`: the keys that
        the endpoints route to; `kept`: those whose files must stay, for a rollback.
        """
        self._folder = folder
        self._run_folder = run_folder
        self._wanted = wanted
        self._kept = kept
        self._clock = clock
        self._lock = threading.Condition()
        self._workers: dict[str, _Worker] = {}
        self._until_s: dict[str, float] = {}
        self._preparing: dict[str, threading.Lock] = {}
        self._stop = threading.Event()
        # One thread starts all of them: the kernel ends a child with the thread that started it.
        self._thread = threading.Thread(target=self._run, name="workers", daemon=True)

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._run_folder.glob("model-*.sock"):
            path.unlink(missing_ok=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for worker in self._workers.values():
            self._end(worker)

    @property
    def is_idle(self) -> bool:
        with self._lock:
            return not self._workers and not any(lock.locked() for lock in self._preparing.values())

    def states(self) -> dict[str, dict[str, Any]]:
        """Each worker by its key: loading, serving or failed, and why."""
        with self._lock:
            return {key: self._state(worker) for key, worker in self._workers.items()}

    def load(self, key: str, source: Path | None) -> dict[str, Any]:
        """Have a worker serve the model in `source` (None: whose files are here already), and return its plan when it has answered its input example.

        Raises InvalidInput when the model does not load, saying why; Unavailable when it takes longer than LOAD_S_MAX.
        """
        with self._lock:
            # From here on, or what was just prepared would be swept away before its worker is there.
            self._until_s[key] = self._clock.monotonic_s() + LOAD_S_MAX + KEEP_LOADED_S
            preparing = self._preparing.setdefault(key, threading.Lock())
        try:
            with preparing:
                self._prepare(key, source)
        except GureumError:
            with self._lock:
                self._until_s.pop(key, None)
            raise
        deadline_s = self._clock.monotonic_s() + LOAD_S_MAX
        with self._lock:
            if (worker := self._workers.get(key)) is not None and worker.state == "failed":
                worker.start_at_s = 0.0
                worker.state = "loading"
            while True:
                worker = self._workers.get(key)
                if worker is not None and worker.state == "serving":
                    self._until_s[key] = self._clock.monotonic_s() + KEEP_LOADED_S
                    return {**worker.plan, "confined": worker.confined}
                if worker is not None and worker.state == "failed":
                    self._until_s.pop(key, None)
                    raise InvalidInput(f"the model does not load: {worker.why}", code="model.load")
                if self._clock.monotonic_s() > deadline_s or self._stop.is_set():
                    raise Unavailable(f"the model was not loaded after {LOAD_S_MAX:g} s", code="model.load_slow")
                self._lock.wait(1.0)

    # --- a new model ---------------------------------------------------------------------------------------------------

    def _prepare(self, key: str, source: Path | None) -> None:
        """Copy the files and find out how the model is best run; done once for a model version."""
        home = self._folder / key
        if (home / "plan.json").exists():
            return
        if source is None:
            raise NotFound("the files of this model are gone", code="model.files_not_found", hint="deploy it again")
        shutil.rmtree(home, ignore_errors=True)
        total = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
        if total > MODEL_BYTES_MAX:
            raise LimitExceeded(f"the model has {total >> 20} MB, at most {MODEL_BYTES_MAX >> 20}", code="model.size")
        # Links are copied as links: confined, a worker cannot follow one out of its folder.
        shutil.copytree(source, home / "files", symlinks=True)
        (home / "scratch").mkdir()
        read_fd, write_fd = os.pipe()
        try:
            popen = self._spawn(key, write_fd, {"examine": True}, ())
        finally:
            os.close(write_fd)
        try:
            said = self._hear(popen, read_fd)
        finally:
            os.close(read_fd)
            popen.kill()
            popen.wait()
        if "plan" not in said:
            shutil.rmtree(home, ignore_errors=True)
            raise InvalidInput(f"the model does not load: {said['failed']}", code="model.load")
        partial = home / "plan.partial"
        partial.write_text(json.dumps(said["plan"]))
        partial.rename(home / "plan.json")

    def _hear(self, popen: subprocess.Popen[bytes], read_fd: int) -> dict[str, Any]:
        deadline_s = self._clock.monotonic_s() + LOAD_S_MAX
        heard = bytearray()
        while len(heard) < SAID_BYTES_MAX:
            ready, _, _ = select.select([read_fd], [], [], max(0.0, deadline_s - self._clock.monotonic_s()))
            if not ready:
                return {"failed": f"it took longer than {LOAD_S_MAX:g} s"}
            chunk = os.read(read_fd, 1 << 16)
            if not chunk:
                break
            heard += chunk
        return self._parsed(heard, popen)

    def _parsed(self, heard: bytes | bytearray, popen: subprocess.Popen[bytes]) -> dict[str, Any]:
        try:
            said = json.loads(heard)
        except ValueError:
            code = popen.wait(10)
            why = f"its process was killed by signal {-code}" if code < 0 else f"its process ended ({code})"
            return {"failed": why, "ended": True}
        return said if isinstance(said, dict) else {"failed": "it said something strange"}

    def _spawn(self, key: str, ready_fd: int, more: dict[str, Any], fds: Iterable[int]) -> subprocess.Popen[bytes]:
        home = (self._folder / key).resolve()
        orders = {
            "files": str(home / "files"), "scratch": str(home / "scratch"), "memory_bytes": MEMORY_BYTES_MAX,
            "parent_pid": os.getpid(), "ready_fd": ready_fd, "examine": False, **more,
        }  # fmt: skip
        log = home / "stderr"
        if log.exists() and log.stat().st_size > STDERR_BYTES_MAX:
            log.replace(log.with_suffix(".1"))
        # Nothing of our environment: it may hold secrets.
        environment = {
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(home / "scratch"), "TMPDIR": str(home / "scratch"),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **ENVIRONMENT,
        }  # fmt: skip
        with log.open("ab") as errors:
            popen = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-m", "gureum.serving.worker"],
                stdin=subprocess.PIPE, stdout=errors, stderr=errors, pass_fds=[ready_fd, *fds],
                cwd=home / "scratch", env=environment, start_new_session=True,
            )  # fmt: skip
        assert popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            popen.stdin.write(json.dumps(orders).encode())
            popen.stdin.close()
        return popen

    # --- the loop --------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except Exception:
                _log.exception("a look after the workers failed")
            pipes = [worker.said for worker in self._workers.values() if worker.said is not None]
            if pipes:
                select.select(pipes, [], [], LOOK_EVERY_S)
            else:
                self._stop.wait(LOOK_EVERY_S)

    def _look(self) -> None:
        now_s = self._clock.monotonic_s()
        wanted = self._wanted()
        with self._lock:
            self._until_s = {key: until_s for key, until_s in self._until_s.items() if until_s > now_s}
            wanted |= self._until_s.keys()
            for key in wanted - self._workers.keys():
                self._open(key)
            for key in self._workers.keys() - wanted:
                self._end(self._workers.pop(key))
            for worker in self._workers.values():
                self._look_after(worker, now_s)
            self._lock.notify_all()
        self._sweep()

    def _open(self, key: str) -> None:
        try:
            plan = json.loads((self._folder / key / "plan.json").read_text())
        except (OSError, ValueError):
            return  # being prepared; or its files are lost, which the endpoint's state says
        path = socket_path(self._run_folder, key)
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(BACKLOG)
        self._workers[key] = _Worker(key, plan, listening)

    def _look_after(self, worker: _Worker, now_s: float) -> None:
        if worker.popen is None:
            if now_s >= worker.start_at_s:
                self._begin(worker, now_s)
            return
        if worker.said is not None:
            self._listen(worker, now_s)
        code = worker.popen.poll()
        if code is None:
            if worker.state == "serving" and now_s - worker.started_s > HEALTHY_S:
                worker.backoff_s = BACKOFF_S_MIN
            return
        if worker.state != "failed":
            worker.state, worker.why = "loading", f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            _log.warning("the worker of model %s ended (%s), starts again", worker.key, worker.why)
        self._close_pipe(worker)
        worker.popen = None
        worker.start_at_s = now_s + worker.backoff_s
        worker.backoff_s = min(worker.backoff_s * 2, BACKOFF_S_MAX)

    def _begin(self, worker: _Worker, now_s: float) -> None:
        read_fd, write_fd = os.pipe()
        listening = worker.listening.fileno()
        more = {"way": worker.plan["way"], "socket_fd": listening}
        try:
            worker.popen = self._spawn(worker.key, write_fd, more, [listening])
        finally:
            os.close(write_fd)
        worker.said, worker.started_s = read_fd, now_s
        worker.restarts += 1

    def _listen(self, worker: _Worker, now_s: float) -> None:
        assert worker.said is not None
        assert worker.popen is not None
        ready, _, _ = select.select([worker.said], [], [], 0)
        if not ready:
            if now_s - worker.started_s > LOAD_S_MAX:
                worker.popen.kill()
            return
        said = self._parsed(os.read(worker.said, SAID_BYTES_MAX), worker.popen)
        self._close_pipe(worker)
        if said.get("ready"):
            worker.state, worker.why, worker.confined = "serving", None, said["confined"]
        elif not said.get("ended"):
            worker.state, worker.why = "failed", str(said.get("failed"))

    def _close_pipe(self, worker: _Worker) -> None:
        if worker.said is not None:
            os.close(worker.said)
            worker.said = None

    def _end(self, worker: _Worker) -> None:
        if worker.popen is not None:
            worker.popen.kill()
            worker.popen.wait()
        self._close_pipe(worker)
        worker.listening.close()
        socket_path(self._run_folder, worker.key).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove the files of models that no endpoint can go back to."""
        with self._lock:
            busy = self._workers.keys() | self._until_s.keys()
            busy |= {key for key, lock in self._preparing.items() if lock.locked()}
            unused = [path for path in self._folder.iterdir() if path.name not in busy]
            kept = self._kept() if unused else set()
            for path in unused:
                if path.name not in kept:
                    shutil.rmtree(path, ignore_errors=True)

    def _state(self, worker: _Worker) -> dict[str, Any]:
        memory = None
        if worker.popen is not None:
            with contextlib.suppress(psutil.Error):
                memory = psutil.Process(worker.popen.pid).memory_info().rss
        return {
            "state": worker.state, "why": worker.why, "restarts": max(0, worker.restarts), "memory_bytes": memory,
            "pid": worker.popen.pid if worker.popen else None, "way": worker.plan["way"], "confined": worker.confined,
        }  # fmt: skip
