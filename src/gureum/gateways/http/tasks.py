"""Tasks: what runs for long in a process of its own, how far it is, how it ended. One sees one's own; administrators all."""

from __future__ import annotations

import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import Query as QueryParameter
from fastapi import Request, Response

from gureum.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from gureum.gateways.http.access import SIGNED_IN, CurrentActor, Routes
from gureum.gateways.http.task_models import TaskFile, TaskState
from gureum.jobs.tasks import Task, Tasks
from gureum.types import Actor

__all__ = ["routes", "task_of", "tasks_of"]

routes = Routes("tasks")

# The end of a log is what one looks for; all of it is in the data folder.
LOG_BYTES_MAX = 1 << 20

# What a task hands over: a program, notebooks, a card; the model itself goes to the registry.
FILES_MAX = 50

# Of a text in a brief list: names and numbers, no documents.
BRIEF_CHARS_MAX = 200

FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
AS_FILE = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}


def tasks_of(request: Request) -> Tasks:
    tasks = request.app.state.tasks
    assert isinstance(tasks, Tasks)
    return tasks


def task_of(task: Task) -> TaskState:
    body: dict[str, Any] = asdict(task)
    for inner in ("once", "lease_until_ms", "told", "due_at_ms"):
        del body[inner]
    return TaskState(**body)


@routes.add("GET", "/tasks", allow=SIGNED_IN)
def list_tasks(
    actor: CurrentActor,
    request: Request,
    kind: str | None = None,
    name: str | None = None,
    state: str | None = None,
    limit: int = QueryParameter(default=100, ge=1, le=1000),
    brief: bool = False,
) -> list[TaskState]:
    """One's own tasks, newest first; `brief` leaves out what is long: leaderboards, trials, cards."""
    owner = None if actor.is_admin else actor.user
    found = tasks_of(request).list(kind=kind, name=name, state=state, owner=owner, limit=limit)
    return [_brief(task_of(task)) if brief else task_of(task) for task in found]


@routes.add("GET", "/tasks/{task_id}", allow=SIGNED_IN)
def show_task(task_id: str, actor: CurrentActor, request: Request) -> TaskState:
    """One task: its state, its progress as its kind tells it, its result or its error."""
    return task_of(_mine(task_id, actor, request))


@routes.add("POST", "/tasks/{task_id}/cancel", allow=SIGNED_IN)
def cancel_task(task_id: str, actor: CurrentActor, request: Request) -> TaskState:
    """Stop a task down to its last child process; one that has ended stays as it is."""
    _mine(task_id, actor, request)
    return task_of(tasks_of(request).cancel(task_id))


@routes.add("GET", "/tasks/{task_id}/log", allow=SIGNED_IN)
def task_log(task_id: str, actor: CurrentActor, request: Request) -> str:
    """What the task's process has printed, at most its last megabyte."""
    task = _mine(task_id, actor, request)
    path = Path(request.app.state.root) / "logs" / "tasks" / f"{task.id}.log"
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES_MAX))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


@routes.add("GET", "/tasks/{task_id}/files", allow=SIGNED_IN)
def list_task_files(task_id: str, actor: CurrentActor, request: Request) -> list[TaskFile]:
    """What the task has handed over."""
    folder = _files(_mine(task_id, actor, request), request)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [TaskFile(name=path.name, bytes=path.stat().st_size) for path in found if path.suffix != ".partial"]


@routes.add("GET", "/tasks/{task_id}/files/{file}", allow=SIGNED_IN)
def get_task_file(task_id: str, file: str, actor: CurrentActor, request: Request) -> Response:
    """One handed-over file."""
    path = _files(_mine(task_id, actor, request), request) / _checked(file)
    if not path.is_file():
        raise NotFound(f"task {task_id!r} has handed over no {file!r}", code="task.no_file")
    # Never as a page of ours: a notebook or a card may hold anybody's script.
    return Response(path.read_bytes(), media_type="application/octet-stream", headers=AS_FILE)


@routes.add("PUT", "/tasks/{task_id}/files/{file}", allow=SIGNED_IN, status_code=204)
async def put_task_file(task_id: str, file: str, actor: CurrentActor, request: Request) -> None:
    """Hand a file over, as the task itself does while it runs."""
    task = _mine(task_id, actor, request)
    if task.state not in {"running", "stopping"}:
        raise Conflict(f"task {task_id!r} is {task.state}: it hands nothing over", code="task.not_running")
    folder = _files(task, request)
    path = folder / _checked(file)
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists() and len(list(folder.iterdir())) >= FILES_MAX:
        raise LimitExceeded(f"a task hands over at most {FILES_MAX} files", code="task.files")
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(await request.body())
    partial.rename(path)


def _brief(task: TaskState) -> TaskState:
    task.progress = _scalars(task.progress)
    task.result = None if task.result is None else _scalars(task.result)
    return task


def _scalars(values: dict[str, Any]) -> dict[str, Any]:
    def short(value: Any) -> bool:
        return len(value) <= BRIEF_CHARS_MAX if isinstance(value, str) else not isinstance(value, (dict, list))

    return {name: value for name, value in values.items() if short(value)}


def _files(task: Task, request: Request) -> Path:
    return Path(request.app.state.root) / "tasks" / task.id


def _checked(file: str) -> str:
    if not FILE_NAME.fullmatch(file):
        raise InvalidInput(
            f"{file!r} is no file's name", code="task.file_name", hint="letters, digits, '_', '.' and '-'"
        )
    return file


def _mine(task_id: str, actor: Actor, request: Request) -> Task:
    task = tasks_of(request).get(task_id)
    if not _may_see(task, actor):
        raise NotFound(f"task {task_id!r} does not exist", code="task.not_found")
    return task


def _may_see(task: Task, actor: Actor) -> bool:
    return actor.is_admin or task.owner == actor.user
