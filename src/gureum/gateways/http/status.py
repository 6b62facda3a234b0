"""What runs and what is wrong, once or as it changes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import StreamingResponse

from gureum.catalog.catalog import Catalog
from gureum.errors import GureumError
from gureum.gateways.http.access import PUBLIC, SIGNED_IN, CurrentActor, Routes
from gureum.gateways.http.backend import Backend
from gureum.gateways.http.models import PlatformStatus, Problem, ProcessState
from gureum.gateways.http.sse import sse_response
from gureum.gateways.http.streams import stream_models
from gureum.gateways.http.versions import TableVersions
from gureum.names import Kind
from gureum.types import Actor
from gureum.version import __version__

__all__ = ["routes"]

routes = Routes("status")

# Below this, writes will soon be refused.
DISK_FREE_BYTES_LOW = 2 << 30

# A live figure that takes longer is worth less than the rest of the page.
LIVE_TIMEOUT_S = 2.0

EVENTS_EVERY_S = 0.5
STATUS_EVERY_TICKS = 4
PING_EVERY_TICKS = 20


@routes.add("GET", "/health", allow=PUBLIC)
def health() -> dict[str, str]:
    """Whether this process answers."""
    return {"status": "ok"}


@routes.add("GET", "/status", allow=SIGNED_IN)
async def platform_status(actor: CurrentActor, request: Request) -> PlatformStatus:
    """Processes, problems and counts, as far as one may see them."""
    return await _status(request.app.state, actor)


@routes.add("GET", "/events", allow=SIGNED_IN)
async def follow_everything(actor: CurrentActor, request: Request) -> StreamingResponse:
    """Server-sent events for an open page: `status`, `streams`, `queries`, `alerts` when they change, `table` at each new version."""
    return sse_response(request, _events(request.app.state, actor))


async def _events(state: Any, actor: Actor) -> AsyncIterator[tuple[str, Any]]:
    sent: dict[str, bytes] = {}
    versions: TableVersions = state.versions
    known = versions.of(actor)
    tick = 0

    def changed(name: str, data: Any) -> bool:
        body = orjson.dumps(data)
        if sent.get(name) == body:
            return False
        sent[name] = body
        return True

    while True:
        if tick % STATUS_EVERY_TICKS == 0:
            yield "status", (await _status(state, actor)).model_dump()
        if tick % 2 == 0:
            streams = [stream.model_dump() for stream in stream_models(state, actor)]
            if changed("streams", streams):
                yield "streams", streams
            queries: Backend = state.queries
            try:
                status = await queries.json("GET", "/status", actor, timeout_s=LIVE_TIMEOUT_S)
            except GureumError:
                status = None  # the process restarts; its absence is in `status`
            if status is not None:
                for name in ("queries", "alerts"):
                    if changed(name, status[name]):
                        yield name, status[name]
        now = versions.of(actor)
        for name, version in now.items():
            if known.get(name) != version:
                yield "table", {"name": name, "version": version}
        for name in known.keys() - now.keys():
            yield "table", {"name": name, "version": None}
        known = now
        if tick % PING_EVERY_TICKS == PING_EVERY_TICKS - 1:
            yield "ping", {}
        tick += 1
        await asyncio.sleep(EVENTS_EVERY_S)


async def _status(state: Any, actor: Actor) -> PlatformStatus:
    catalog: Catalog = state.catalog
    body = _supervisor(state.status_file)
    problems = _process_problems(body)
    free = shutil.disk_usage(state.root).free
    if free < DISK_FREE_BYTES_LOW:
        problems.append(
            Problem(
                severity="error" if free < DISK_FREE_BYTES_LOW // 10 else "warning", about="disk:data",
                message=f"only {free >> 20} MB are free on the disk of the data folder",
                hint="free some space, or shorten the retention of large streams", since_ms=None,
            )
        )  # fmt: skip
    queries: Backend = state.queries
    try:
        problems += [
            Problem(**problem) for problem in (await queries.json("GET", "/problems", actor, timeout_s=LIVE_TIMEOUT_S))
        ]
    except GureumError as error:
        problems.append(
            Problem(severity="warning", about="process:queries", message=error.message, hint=error.hint, since_ms=None)
        )
    counts = {
        kind.value: sum(1 for thing in catalog.list(actor, kind=kind) if catalog.permission(thing, actor) is not None)
        for kind in (Kind.STREAM, Kind.TABLE, Kind.QUERY, Kind.DASHBOARD)
    }
    return PlatformStatus(
        version=__version__,
        started_at_ms=body.get("started_at_ms", 0),
        now_ms=state.clock.now_ms(),
        data_folder=str(state.root) if actor.is_admin else None,
        kinesis_endpoint=body.get("kinesis"),
        disk_free_bytes=free,
        processes=[ProcessState(**process) for process in body.get("processes", [])],
        problems=problems,
        counts=counts,
    )


def _supervisor(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}  # library mode has no supervisor
    return found


def _process_problems(body: dict[str, Any]) -> list[Problem]:
    return [
        Problem(
            severity="error",
            about=f"process:{process['name']}",
            message=f"the {process['name']} process is {process['state']}"
            + (f": {process['last_error']}" if process["last_error"] else ""),
            hint="it is started again by itself; its log is in the data folder under logs",
            since_ms=process["since_ms"],
        )
        for process in body.get("processes", [])
        if process["state"] not in {"running", "starting", "asleep"}
    ]
