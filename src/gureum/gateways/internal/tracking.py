"""MLflow for the gateway: what the tracking process serves on its unix socket.

The paths are MLflow's own, below /mlflow at the gateway. The process is started when somebody first asks and ends by itself
when nobody has asked for long: MLflow takes 250 MB that a team which only streams should not pay.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

from gureum.clock import Clock
from gureum.gateways.internal.identity import ACTOR_HEADER, actor_from_header
from gureum.tracking.hosted import MlflowApp

__all__ = ["make_tracking_app"]

IDLE_S_MAX = 900.0
LOOK_EVERY_S = 15.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def make_tracking_app(
    mlflow: MlflowApp, *, clock: Clock, on_idle: Callable[[], None] | None
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """A bare ASGI application. `on_idle` is called once when nothing was asked for IDLE_S_MAX (None: never)."""
    at_work = 0
    last_s = clock.monotonic_s()

    async def watch() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not at_work and clock.monotonic_s() - last_s > IDLE_S_MAX:
                assert on_idle is not None
                on_idle()
                return

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal at_work, last_s
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, watch if on_idle else None)
            return
        headers = dict(scope["headers"])
        if ACTOR_HEADER.encode() not in headers:
            await JSONResponse({"message": "no actor"}, 401)(scope, receive, send)
            return
        actor = actor_from_header(headers[ACTOR_HEADER.encode()].decode())
        at_work += 1
        try:
            await mlflow(scope, receive, send, actor=actor)
        finally:
            at_work -= 1
            last_s = clock.monotonic_s()

    return app


async def _lifespan(receive: Receive, send: Send, watch: Callable[[], Awaitable[None]] | None) -> None:
    task: asyncio.Future[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            if watch is not None:
                task = asyncio.ensure_future(watch())
            await send({"type": "lifespan.startup.complete"})
        else:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await send({"type": "lifespan.shutdown.complete"})
            return
