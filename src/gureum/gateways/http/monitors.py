"""Monitors: what each watches, its baseline and constraints, and what its windows found."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from fastapi import Query as QueryParameter
from fastapi import Request, Response

from gureum.catalog.catalog import Catalog, Thing
from gureum.errors import Conflict, InvalidInput
from gureum.gateways.http.access import EDITOR, SIGNED_IN, CurrentActor, Routes, on
from gureum.gateways.http.backend import Backend
from gureum.gateways.http.monitor_models import LearnBaseline, Monitor, MonitorChange, MonitorWindow, NewMonitor
from gureum.gateways.http.task_models import TaskState
from gureum.gateways.http.tasks import task_of, tasks_of
from gureum.jobs.tasks import Task
from gureum.monitor.monitors import KIND_BASELINE, Monitors, MonitorSpec, stream_name, table_name
from gureum.names import Kind
from gureum.streams.streams import Streams
from gureum.types import Actor, Permission

__all__ = ["BASELINE_BYTES_MAX", "routes"]

# A page of a list shows so much of each.
WINDOWS_IN_LIST = 30

# A baseline is at most 20,000 rows and a few curves.
BASELINE_BYTES_MAX = 256 << 20

routes = Routes("monitors", max_body_size=BASELINE_BYTES_MAX)

READ, WRITE, MANAGE = (
    on(Kind.MONITOR, permission) for permission in (Permission.READ, Permission.WRITE, Permission.MANAGE)
)

# Each window becomes a row, and the monitor's alert: told once when windows begin to alarm, and once when it is over.
STANDING = """CREATE TABLE windows (
  ts TIMESTAMP(3), monitor STRING, `window` BIGINT, since STRING, `until` STRING, `rows` BIGINT,
  alarm BOOLEAN, culprit STRING, `text` STRING, text_ko STRING, findings BIGINT
) WITH ('stream' = '{stream}', 'format' = 'json');
INSERT INTO {table}
SELECT ts, monitor, `window`, since, `until`, `rows`, alarm, culprit, `text`, text_ko, findings FROM windows"""


def _monitors(request: Request) -> Monitors:
    monitors = request.app.state.monitors
    assert isinstance(monitors, Monitors)
    return monitors


@routes.add("GET", "/monitors", allow=SIGNED_IN)
def list_monitors(actor: CurrentActor, request: Request) -> list[Monitor]:
    """The monitors that one may read, each with its newest windows."""
    return [_shown(thing, actor, request) for thing in _monitors(request).list(actor)]


@routes.add("POST", "/monitors", allow=EDITOR)
async def create_monitor(body: NewMonitor, actor: CurrentActor, request: Request) -> Monitor:
    """Make a monitor with its stream of findings and the standing query that keeps them in a table and raises the alert."""
    values = body.model_dump(exclude={"name"})
    spec = MonitorSpec.from_json({**values, "due_from_ms": 0})
    thing = _monitors(request).create(body.name, actor, spec)
    streams: Streams = request.app.state.streams
    queries: Backend = request.app.state.queries
    try:
        with contextlib.suppress(Conflict):
            streams.create(stream_name(body.name), actor)
        with contextlib.suppress(Conflict):
            await queries.json("POST", "/queries", actor, body=_standing(body.name, body.notify))
    except BaseException:
        _monitors(request).delete(body.name, actor)
        raise
    return _shown(thing, actor, request)


@routes.add("GET", "/monitors/{name}", allow=READ)
def show_monitor(name: str, actor: CurrentActor, request: Request) -> Monitor:
    """One monitor with its newest windows."""
    return _shown(_monitors(request).get(name, actor), actor, request)


@routes.add("PATCH", "/monitors/{name}", allow=WRITE)
def change_monitor(name: str, body: MonitorChange, actor: CurrentActor, request: Request) -> Monitor:
    """Change what is given; `running` false stops it, true goes on after the last window."""
    given = body.model_dump(exclude_unset=True)
    if not given:
        raise InvalidInput("nothing to change was given", code="monitor.nothing")
    return _shown(_monitors(request).change(name, actor, **given), actor, request)


@routes.add("DELETE", "/monitors/{name}", allow=MANAGE, status_code=204)
async def delete_monitor(name: str, actor: CurrentActor, request: Request) -> None:
    """Forget a monitor and its baselines; the stream and the table of its findings stay."""
    _monitors(request).delete(name, actor)


@routes.add("POST", "/monitors/{name}/learn", allow=WRITE)
def learn_baseline(name: str, body: LearnBaseline, actor: CurrentActor, request: Request) -> TaskState:
    """Learn the baseline from a table or a SELECT (without one: from the monitor's own source), as a task."""
    return task_of(tasks_of(request).submit(KIND_BASELINE, name, actor, body.model_dump()))


@routes.add("GET", "/monitors/{name}/baseline", allow=READ)
def get_baseline(name: str, actor: CurrentActor, request: Request) -> Response:
    """The baseline in use as a zip: statistics.json and constraints.json in SageMaker's schema, and gureum's own files."""
    return Response(_monitors(request).baseline(name, actor), media_type="application/zip")


@routes.add("PUT", "/monitors/{name}/baseline", allow=WRITE)
async def put_baseline(name: str, actor: CurrentActor, request: Request) -> Monitor:
    """Use the baseline of a zip, as `gureum.monitor.Baseline.save` writes its files, from the next window on."""
    thing = _monitors(request).set_baseline(name, actor, await request.body())
    return _shown(thing, actor, request)


@routes.add("GET", "/monitors/{name}/statistics", allow=READ)
def get_statistics(name: str, actor: CurrentActor, request: Request) -> dict[str, Any]:
    """The baseline's statistics.json, in SageMaker's schema."""
    return _monitors(request).statistics(name, actor)


@routes.add("GET", "/monitors/{name}/constraints", allow=READ)
def get_constraints(name: str, actor: CurrentActor, request: Request) -> dict[str, Any]:
    """The baseline's constraints.json, in SageMaker's schema."""
    return _monitors(request).constraints(name, actor)


@routes.add("PUT", "/monitors/{name}/constraints", allow=WRITE)
def put_constraints(name: str, body: dict[str, Any], actor: CurrentActor, request: Request) -> Monitor:
    """Use other constraints from the next window on."""
    return _shown(_monitors(request).set_constraints(name, actor, body), actor, request)


@routes.add("GET", "/monitors/{name}/windows", allow=READ)
def list_windows(
    name: str, actor: CurrentActor, request: Request, limit: int = QueryParameter(default=100, ge=1, le=500)
) -> list[MonitorWindow]:
    """What the newest windows found, newest first, without pictures."""
    monitors = _monitors(request)
    return [_window(task, whole=False) for task in monitors.windows(monitors.get(name, actor), limit=limit)]


@routes.add("GET", "/monitors/{name}/windows/{number}", allow=READ)
def show_window(name: str, number: int, actor: CurrentActor, request: Request) -> MonitorWindow:
    """One window's whole report: findings, violations, and each feature before and after."""
    monitors = _monitors(request)
    return _window(monitors.window(monitors.get(name, actor), number), whole=True)


def _standing(name: str, notify: list[str]) -> dict[str, Any]:
    sql = STANDING.format(stream=stream_name(name), table=table_name(name))
    alert = {"when": "alarm", "key": ["monitor"], "notify": notify or ["log"]}
    return {"name": f"monitor.{name}", "sql": sql, "into": None, "alert": alert, "checkpoint_s": 1.0, "start": True}


def _shown(thing: Thing, actor: Actor, request: Request) -> Monitor:
    catalog: Catalog = request.app.state.catalog
    windows = [_window(task, whole=False) for task in _monitors(request).windows(thing, limit=WINDOWS_IN_LIST)]
    body = {name: thing.spec[name] for name in thing.spec if name in Monitor.model_fields}
    return Monitor(
        **body, name=thing.name, owner=thing.owner, state=_state(thing.spec, windows), stream=stream_name(thing.name),
        table=table_name(thing.name), has_baseline=thing.spec["baseline"] is not None, windows=windows,
        created_at_ms=thing.created_at_ms, permission=catalog.permission(thing, actor) or Permission.READ,
    )  # fmt: skip


def _state(
    spec: Mapping[str, Any], windows: Sequence[MonitorWindow]
) -> Literal["no baseline", "waiting", "healthy", "drifting", "failed", "stopped"]:
    """How a monitor does, by its newest windows, newest first."""
    if spec["baseline"] is None:
        return "no baseline"
    if not spec["running"]:
        return "stopped"
    # What failed is tried again at once: while that waits or runs, the last try that ended says how it is.
    ended = next((window.state for window in windows if window.state in {"done", "failed"}), None)
    if ended == "failed":
        return "failed"
    checked = next((window for window in windows if window.checked), None)
    if checked is None:
        return "waiting"
    return "drifting" if checked.alarm else "healthy"


def _window(task: Task, *, whole: bool) -> MonitorWindow:
    result = task.result or {}
    report = result.get("report") or {}
    return MonitorWindow(
        window=task.spec["window"], state=cast("Any", task.state), checked=bool(result.get("checked")),
        since=result.get("since") or task.spec["since"] or None, until=result.get("until"),
        rows=result.get("rows"), alarm=report.get("alarm"), culprit=report.get("culprit"),
        findings=report.get("findings", []), error=task.error, at_ms=task.ended_at_ms or task.created_at_ms, task=task.id,
        effects={one["feature"]: one["effect"] for one in _features(report)},
        drifted=[one["feature"] for one in _features(report) if one["drifted"]],
        report=report if whole else None,
    )  # fmt: skip


def _features(report: dict[str, Any]) -> list[dict[str, Any]]:
    extra = [report[name] for name in ("prediction", "target") if report.get(name)]
    return [*report.get("drift", []), *extra]
