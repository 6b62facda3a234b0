"""The workers of deployed models for the gateway: what the serving process serves on its unix socket.

The gateway asks it to load a model and how the workers are; requests for predictions go to the workers themselves. Ends by
itself when nothing was deployed or asked for long.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from gureum.catalog.catalog import SYSTEM, Catalog
from gureum.clock import Clock
from gureum.gateways.internal.server import Call, endpoint, make_internal_app
from gureum.names import Kind
from gureum.serving.spec import EndpointSpec
from gureum.serving.workers import Workers

__all__ = ["make_serving_app"]

IDLE_S_MAX = 900.0
LOOK_EVERY_S = 15.0


def make_serving_app(
    *, catalog: Catalog, folder: Path, run_folder: Path, clock: Clock, on_idle: Callable[[], None] | None
) -> Starlette:
    """`on_idle` is called once when no model was deployed or loaded for IDLE_S_MAX (None: never)."""

    def specs() -> list[EndpointSpec]:
        return [EndpointSpec.from_json(thing.spec) for thing in catalog.list(SYSTEM, kind=Kind.ENDPOINT)]

    workers = Workers(
        folder=folder, run_folder=run_folder, clock=clock,
        wanted=lambda: {route.key for spec in specs() for route in spec.routes},
        kept=lambda: {key for spec in specs() for key in spec.models()},
    )  # fmt: skip

    def load(call: Call) -> dict[str, Any]:
        source = call.body["folder"]
        return workers.load(call.body["key"], Path(source) if source is not None else None)

    async def watch() -> None:
        last_s = clock.monotonic_s()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not workers.is_idle:
                last_s = clock.monotonic_s()
            elif clock.monotonic_s() - last_s > IDLE_S_MAX:
                assert on_idle is not None
                on_idle()
                return

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        workers.start()
        watching = asyncio.create_task(watch()) if on_idle else None
        yield
        if watching is not None:
            watching.cancel()
        await asyncio.to_thread(workers.close)

    return make_internal_app(
        [endpoint("POST", "/load", load), endpoint("GET", "/workers", lambda _call: workers.states())],
        lifespan=lifespan,
    )
