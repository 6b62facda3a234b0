"""The REST door as an application: all routes, errors, limits, the access log.

Made by the gateway process and by `gureum.open`, which pass in everything that it needs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from gureum.catalog.catalog import SYSTEM, Catalog
from gureum.catalog.identity import Identity
from gureum.clock import Clock
from gureum.errors import GureumError
from gureum.gateways.http import (
    admin,
    autopilot,
    dashboards,
    endpoints,
    experiments,
    invocations,
    mlflow,
    monitors,
    queries,
    registry,
    runtimes,
    session,
    sql,
    status,
    streams,
    tasks,
)
from gureum.gateways.http.access_log import AccessLog, AccessLogMiddleware
from gureum.gateways.http.backend import Backend
from gureum.gateways.http.errors import install_errors
from gureum.gateways.http.invocations import InvocationDoor
from gureum.gateways.http.rates import StreamRates
from gureum.gateways.http.versions import TableVersions
from gureum.gateways.kinesis.sigv4 import SignatureCheck
from gureum.jobs.tasks import Tasks
from gureum.monitor.monitors import Monitors
from gureum.names import Kind
from gureum.serving.connections import Connections
from gureum.serving.endpoints import Endpoints
from gureum.serving.registry import Registry
from gureum.store.database import Database
from gureum.streams.readers import Readers
from gureum.streams.streams import Streams
from gureum.streams.writer import Writer
from gureum.tracking.artifacts import Artifacts
from gureum.tracking.leaderboard import Leaderboard
from gureum.tracking.models import Models
from gureum.version import __version__

__all__ = ["BODY_BYTES_MAX", "HttpDoor", "make_http_app"]

# 500 records of base64 up to the put's own limit, and the JSON around them.
BODY_BYTES_MAX = 16 << 20

# The serving process sleeps while nothing is deployed: asked anything it starts.
WAKE_TIMEOUT_S = 10.0

NOUNS = (
    status, session, streams, sql, queries, dashboards, experiments, registry, mlflow, endpoints, invocations, monitors,
    autopilot, tasks, runtimes, admin,
)  # fmt: skip


@dataclass(frozen=True)
class HttpDoor:
    """What the door needs."""

    root: Path
    clock: Clock
    database: Database
    catalog: Catalog
    identity: Identity
    streams: Streams
    readers: Readers
    writer: Writer
    sql: Backend
    queries: Backend
    tracking: Backend
    tasks: Tasks
    monitors: Monitors
    leaderboard: Leaderboard
    models: Models
    artifacts: Artifacts
    serving: Backend
    registry: Registry
    status_file: Path
    public_url: str


def make_http_app(door: HttpDoor) -> FastAPI:
    """The application. `app.state.stopping` is to be set when the server stops: live connections then end."""
    log = AccessLog(clock=door.clock)

    async def wake_serving() -> None:
        with contextlib.suppress(GureumError):  # it restarts
            await door.serving.json("GET", "/workers", SYSTEM, timeout_s=WAKE_TIMEOUT_S)

    connections = Connections(door.root / "run", clock=door.clock, wake=wake_serving)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.stopping = asyncio.Event()
        tasks = [
            asyncio.create_task(app.state.rates.run()),
            asyncio.create_task(log.run(door.streams, door.writer)),
        ]
        if door.catalog.list(SYSTEM, kind=Kind.ENDPOINT, limit=1):
            tasks.append(asyncio.create_task(wake_serving()))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connections.close()
        for backend in (door.sql, door.queries, door.tracking, door.serving):
            await backend.close()

    app = FastAPI(
        title="gureum",
        version=__version__,
        description="Streams, tables, standing queries and dashboards.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        max_body_size=BODY_BYTES_MAX,
    )
    for name in ("root", "clock", "database", "catalog", "identity", "streams", "readers", "writer", "sql", "queries",
                 "tracking", "serving", "tasks", "monitors", "leaderboard", "models", "artifacts", "status_file", "public_url"):  # fmt: skip
        setattr(app.state, name, getattr(door, name))
    app.state.rates = StreamRates(door.streams, door.readers, clock=door.clock)
    app.state.versions = TableVersions(door.catalog, door.root / "tables")
    app.state.endpoints = Endpoints(
        catalog=door.catalog, identity=door.identity, streams=door.streams, readers=door.readers, writer=door.writer,
        registry=door.registry, connections=connections, serving=door.serving, queries=door.queries, clock=door.clock,
    )  # fmt: skip
    for noun in NOUNS:
        app.include_router(noun.routes.router)
    signatures = SignatureCheck(door.identity.find_key, clock=door.clock, service="sagemaker")
    app.add_middleware(InvocationDoor, signatures=signatures)
    install_errors(app)
    app.add_middleware(AccessLogMiddleware, log=log)
    return app
