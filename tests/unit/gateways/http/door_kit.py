"""The REST door in this process, over the real catalog, log, SQL service and standing queries; only sockets are missing."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.errors import Conflict
from gureum.gateways.http.app import HttpDoor, make_http_app
from gureum.gateways.http.backend import Backend
from gureum.gateways.internal.queries import make_queries_app
from gureum.gateways.internal.sql import make_sql_app
from gureum.gateways.internal.writer import StreamPuts
from gureum.settings import Settings
from gureum.testing.clock import ManualClock
from gureum.types import Role

SCRIPT = """
CREATE TABLE readings (device STRING, temp DOUBLE) WITH ('stream' = '{stream}', 'format' = 'json');
INSERT INTO {table} SELECT device, temp FROM readings WHERE temp > 90;
"""


class Door:
    """The application, one client for it, and tokens for whoever is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.platform = platform = Platform(Settings(folder=folder), clock=self.clock)
        platform.identity.ensure_operator()
        for name in ("streams", "tables", "queries", "run"):
            (folder / name).mkdir(exist_ok=True)
        platform.streams.create("gureum.access_log", SYSTEM)
        self.writer = platform.open_writer()
        self.writer.recover()
        self.queries, self.outbox = platform.open_queries(StreamPuts(platform.streams, self.writer))
        sql_app = make_sql_app(
            sql=platform.sql, tables=platform.tables, catalog=platform.catalog, run_folder=platform.root / "run"
        )
        queries_app = make_queries_app(
            queries=self.queries, outbox=self.outbox, catalog=platform.catalog, seal=platform.seal, clock=self.clock
        )
        self.app = make_http_app(
            HttpDoor(
                root=folder,
                clock=self.clock,
                database=platform.database,
                catalog=platform.catalog,
                identity=platform.identity,
                streams=platform.streams,
                readers=platform.readers,
                writer=self.writer,
                sql=Backend("sql", httpx.ASGITransport(sql_app)),
                queries=Backend("queries", httpx.ASGITransport(queries_app)),
                # Processes of their own, which are not here: what passes the guard is answered with 503.
                tracking=Backend("tracking", httpx.AsyncHTTPTransport(uds=str(folder / "run" / "tracking.sock"))),
                tasks=platform.tasks,
                monitors=platform.monitors,
                leaderboard=platform.leaderboard,
                models=platform.models,
                artifacts=platform.artifacts,
                serving=Backend("serving", httpx.AsyncHTTPTransport(uds=str(folder / "run" / "serving.sock"))),
                registry=platform.registry,
                status_file=folder / "run" / "status.json",
                public_url="http://gureum",
            )
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        # An exception in the application becomes its answer, as in the server.
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://gureum/api"
        )
        self._life = self.app.router.lifespan_context(self.app)
        self._wait(self._life.__aenter__())
        self._tokens: dict[str, str] = {}

    def token(self, name: str, role: Role = Role.EDITOR) -> str:
        """A personal token of a user, who is made when it is new."""
        if name not in self._tokens:
            with contextlib.suppress(Conflict):
                self.platform.identity.create_user(name, role=role, password=None, by=SYSTEM)
            _, self._tokens[name] = self.platform.identity.make_token(name, label="test")
        return self._tokens[name]

    def call(self, method: str, path: str, user: str | None = None, **options: Any) -> httpx.Response:
        """One request of a user by token; nothing of an earlier sign-in goes with it."""
        headers = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        headers |= options.pop("headers", {})
        self._http.cookies.clear()
        return self._wait(self._http.request(method, path, headers=headers, **options))

    def close(self) -> None:
        self._wait(self._http.aclose())
        self._wait(self._life.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.queries.close()
        self.writer.close()
        self.platform.sql._pool.close()
        self.platform.close()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
