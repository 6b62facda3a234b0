"""Runtimes: which locked environments there are, which are installed, and installing one as a task."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fastapi import Request

from gureum.errors import Conflict
from gureum.gateways.http.access import ADMIN, SIGNED_IN, CurrentActor, Routes
from gureum.gateways.http.task_models import RuntimeState, TaskState
from gureum.gateways.http.tasks import task_of, tasks_of
from gureum.jobs.tasks import ENDED, PAGE_MAX
from gureum.runtimes.install import look
from gureum.runtimes.runtime import RUNTIMES, runtime

__all__ = ["routes"]

routes = Routes("runtimes")


@routes.add("GET", "/runtimes", allow=SIGNED_IN)
def list_runtimes(request: Request) -> list[RuntimeState]:
    """All runtimes, and what the data folder has of each."""
    named = Counter(task.spec.get("runtime") for task in tasks_of(request).list(limit=PAGE_MAX))
    return [_state(name, request, named[name]) for name in RUNTIMES]


@routes.add("POST", "/runtimes/{runtime}/install", allow=ADMIN)
def install_runtime(runtime: str, actor: CurrentActor, request: Request) -> TaskState:
    """Install a runtime, or find it installed: minutes and gigabytes, as a task."""
    state = _state(runtime, request, 0)
    if state.installing:
        raise Conflict(
            f"runtime {runtime!r} is being installed",
            code="runtime.installing",
            hint=f"watch or cancel task {state.installing}",
        )
    return task_of(tasks_of(request).submit("runtime", runtime, actor, {}))


def _state(name: str, request: Request, tasks: int) -> RuntimeState:
    known = runtime(name)
    found = look(Path(request.app.state.root), known)
    newest = tasks_of(request).list(kind="runtime", name=name, limit=1)
    return RuntimeState(
        name=name, about=known.about, python=known.python, packages=len(known.packages), lock=known.hash,
        state=found.state, bytes=found.bytes, needed_bytes=known.disk_bytes,
        installing=newest[0].id if newest and newest[0].state not in ENDED else None, tasks=tasks,
    )  # fmt: skip
