"""Library mode: the whole platform in this process, on a folder that no server holds.

Called by `gureum.open`. The same applications as the server's, called in memory instead of over sockets, so that a program
finds the same behaviour and the same errors with and without a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx

import gureum
from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.catalog.identity import OPERATOR
from gureum.client.client import Client
from gureum.client.transport import Transport
from gureum.errors import Conflict
from gureum.gateways.http.app import HttpDoor, make_http_app
from gureum.gateways.http.backend import Backend
from gureum.gateways.internal.queries import make_queries_app
from gureum.gateways.internal.sql import make_sql_app
from gureum.gateways.internal.writer import StreamPuts
from gureum.processes.folder import DataFolder, FolderLock, holder
from gureum.processes.on_demand import OnDemand
from gureum.processes.serving import Loopback
from gureum.settings import Settings
from gureum.streams.streams import keep_house

__all__ = ["open_folder"]

HOUSE_EVERY_S = 10.0

_T = TypeVar("_T")


def open_folder(root: Path) -> Client:
    """A client of the platform on `root`: of the server that holds it, or of one in this process.

    Raises Conflict when another process works on the folder without being a server.
    """
    folder = DataFolder(root)
    if holder(folder) is not None and folder.local.exists():
        return gureum.connect(folder=root)
    folder.prepare()
    lock = FolderLock(folder, what="gureum.open")
    try:
        return _Embedded(folder, lock).client
    except BaseException:
        lock.release()
        raise


class _Embedded:
    """The running parts; closing the client ends them."""

    def __init__(self, folder: DataFolder, lock: FolderLock) -> None:
        self._lock = lock
        self._stop = threading.Event()
        self._reaching = threading.Lock()
        settings = Settings(folder=folder.root)
        platform = Platform(settings)
        self._platform = platform
        platform.identity.ensure_operator()
        for stream in ("gureum.access_log", "gureum.alerts"):
            with contextlib.suppress(Conflict):
                platform.streams.create(stream, SYSTEM)
        self._writer = platform.open_writer()
        self._writer.recover()
        self._queries, outbox = platform.open_queries(StreamPuts(platform.streams, self._writer))
        sql_app = make_sql_app(
            sql=platform.sql, tables=platform.tables, catalog=platform.catalog, run_folder=platform.root / "run"
        )
        queries_app = make_queries_app(
            queries=self._queries, outbox=outbox, catalog=platform.catalog, seal=platform.seal, clock=platform.clock
        )
        self._tracking = OnDemand("tracking", settings)
        self._serving = OnDemand("serving", settings)
        self._app = make_http_app(
            HttpDoor(
                root=folder.root,
                clock=platform.clock,
                database=platform.database,
                catalog=platform.catalog,
                identity=platform.identity,
                streams=platform.streams,
                readers=platform.readers,
                writer=self._writer,
                sql=Backend("sql", httpx.ASGITransport(sql_app)),
                queries=Backend("queries", httpx.ASGITransport(queries_app)),
                tracking=Backend("tracking", self._tracking),
                tasks=platform.tasks,
                monitors=platform.monitors,
                leaderboard=platform.leaderboard,
                models=platform.models,
                artifacts=platform.artifacts,
                serving=Backend("serving", self._serving),
                registry=platform.registry,
                status_file=folder.status,
                public_url="http://gureum",
            )
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gureum", daemon=True)
        self._thread.start()
        self._lifespan = self._app.router.lifespan_context(self._app)
        self._await(self._lifespan.__aenter__())
        self._house = threading.Thread(target=self._keep_house, name="gureum-house", daemon=True)
        self._house.start()
        self._queries.start_host()
        _, token = platform.identity.make_token(OPERATOR, label="gureum.open", purpose="local", days=None)
        transport = Transport("http://gureum", token, transport=_InMemory(self._app, self._loop))
        self._loopback: Loopback | None = None
        self.client = Client(transport, close=self._close, reachable=self._reachable)

    def _reachable(self) -> str:
        """An address for clients that are not ours, such as MLflow's; served from when it is first asked for."""
        with self._reaching:
            if self._loopback is None:
                self._loopback = Loopback(self._app, self._loop)
            return self._loopback.url

    def _await(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _keep_house(self) -> None:
        while not self._stop.wait(HOUSE_EVERY_S):
            keep_house(self._platform.streams, self._writer, self._platform.readers)

    def _close(self) -> None:
        self._stop.set()
        if self._loopback is not None:
            self._loopback.stop()
        self._queries.close()
        self._await(self._lifespan.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._house.join()
        self._writer.close()
        self._platform.close()
        self._tracking.stop()
        self._serving.stop()
        self._lock.release()


class _InMemory(httpx.BaseTransport):
    """Requests of a blocking client to an application that runs in another thread's event loop."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = httpx.ASGITransport(app)
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop).result()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        inner = httpx.Request(request.method, request.url, headers=request.headers, content=content)
        response = await self._transport.handle_async_request(inner)
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        return httpx.Response(response.status_code, headers=response.headers, content=body)
