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

from gureum.catalog.catalog import Catalog
from gureum.catalog.identity import Identity
from gureum.clock import Clock
from gureum.gateways.http import admin, dashboards, queries, session, sql, status, streams
from gureum.gateways.http.access_log import AccessLog, AccessLogMiddleware
from gureum.gateways.http.backend import Backend
from gureum.gateways.http.errors import install_errors
from gureum.gateways.http.rates import StreamRates
from gureum.gateways.http.versions import TableVersions
from gureum.store.database import Database
from gureum.streams.readers import Readers
from gureum.streams.streams import Streams
from gureum.streams.writer import Writer
from gureum.version import __version__

__all__ = ["BODY_BYTES_MAX", "HttpDoor", "make_http_app"]

# 500 records of base64 up to the put's own limit, and the JSON around them.
BODY_BYTES_MAX = 16 << 20

NOUNS = (status, session, streams, sql, queries, dashboards, admin)


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
    status_file: Path
    public_url: str


def make_http_app(door: HttpDoor) -> FastAPI:
    """The application. `app.state.stopping` is to be set when the server stops: live connections then end."""
    log = AccessLog(clock=door.clock)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.stopping = asyncio.Event()
        tasks = [
            asyncio.create_task(app.state.rates.run()),
            asyncio.create_task(log.run(door.streams, door.writer)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await door.sql.close()
        await door.queries.close()

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
                 "status_file", "public_url"):  # fmt: skip
        setattr(app.state, name, getattr(door, name))
    app.state.rates = StreamRates(door.streams, door.readers, clock=door.clock)
    app.state.versions = TableVersions(door.catalog, door.root / "tables")
    for noun in NOUNS:
        app.include_router(noun.routes.router)
    install_errors(app)
    app.add_middleware(AccessLogMiddleware, log=log)
    return app
