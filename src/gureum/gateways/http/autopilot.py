"""Autopilot and tuning on the server: a fit or a search of a table as a task, which records its runs and hands over files."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from gureum.catalog.catalog import Catalog
from gureum.errors import InvalidInput
from gureum.gateways.http.access import EDITOR, CurrentActor, Routes
from gureum.gateways.http.task_models import NewFit, NewTuning, TaskState
from gureum.gateways.http.tasks import task_of, tasks_of
from gureum.jobs.source import is_select
from gureum.names import Kind, check_name
from gureum.runtimes.runtime import runtime
from gureum.tables.names import full_name
from gureum.types import Actor, Permission

__all__ = ["routes"]

routes = Routes("autopilot")

# These say where a fit leaves things, which on the server is not its owner's to say.
OPTIONS_OF_THE_SERVER = frozenset({"folder", "experiment", "on_event"})


@routes.add("POST", "/autopilot", allow=EDITOR)
def start_fit(body: NewFit, actor: CurrentActor, request: Request) -> TaskState:
    """Find the best model for a column of a table; watch the task's progress for the leaderboard."""
    check_name(Kind.MODEL, body.name)
    _check_source(body.table, actor, request)
    _check_runtime(body.runtime)
    refused = sorted(OPTIONS_OF_THE_SERVER & body.options.keys())
    if refused:
        raise InvalidInput(f"the option {refused[0]!r} is not for a fit on the server", code="autopilot.option")
    spec: dict[str, Any] = body.model_dump(exclude={"name"})
    return task_of(tasks_of(request).submit("autopilot", body.name, actor, spec))


@routes.add("POST", "/tuning", allow=EDITOR)
def start_tuning(body: NewTuning, actor: CurrentActor, request: Request) -> TaskState:
    """Search over model families and their parameters for the best on a table; each trial is a run."""
    check_name(Kind.EXPERIMENT, body.name)
    _check_source(body.table, actor, request)
    _check_runtime(body.runtime)
    return task_of(tasks_of(request).submit("tuning", body.name, actor, body.model_dump(exclude={"name"})))


def _check_source(source: str, actor: Actor, request: Request) -> None:
    """A table that is not there is told at once; what a SELECT reads is checked when the task runs it."""
    if not is_select(source):
        catalog: Catalog = request.app.state.catalog
        catalog.resolve(full_name(source.strip()), actor, Permission.READ, kind=Kind.TABLE)


def _check_runtime(name: str | None) -> None:
    """One that does not exist is told at once; whether it is installed counts when the task starts."""
    if name is not None:
        runtime(name)
