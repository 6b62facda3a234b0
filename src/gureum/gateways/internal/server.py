"""The frame of an application that one of our processes serves to the others: actor in, JSON out, errors as themselves.

Called by the applications beside it. Blocking work runs in a bounded set of threads.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import anyio
import orjson
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gureum.errors import GureumError, InternalError
from gureum.gateways.internal.identity import ACTOR_HEADER, actor_from_header
from gureum.types import Actor

__all__ = ["Call", "endpoint", "make_internal_app", "problem", "run"]

# Calls at work in one process; more wait. SQL has its own, smaller limit inside.
THREADS_MAX = 64

_log = logging.getLogger(__name__)


class Call:
    """One request of another process: who asks, the path's parameters, the query's, the body."""

    def __init__(self, request: Request, body: Any) -> None:
        self.request = request
        self.actor: Actor = actor_from_header(request.headers[ACTOR_HEADER])
        self.path: dict[str, str] = request.path_params
        self.query = request.query_params
        self.body = body


@functools.cache
def _limiter() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(THREADS_MAX)


async def run(function: Callable[..., Any], *arguments: Any) -> Any:
    """A blocking call in a thread."""
    return await to_thread.run_sync(function, *arguments, limiter=_limiter())


def endpoint(method: str, path: str, handler: Callable[[Call], Any]) -> Route:
    """A route whose handler blocks, in a thread, and returns plain JSON values (or None)."""

    async def handle(request: Request) -> Response:
        try:
            raw = await request.body()
            result = await run(handler, Call(request, orjson.loads(raw) if raw else None))
        except Exception as error:
            return problem(error)
        return Response(orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS), media_type="application/json")

    return Route(path, handle, methods=[method])


def problem(error: Exception) -> Response:
    """An error as our processes pass it on: the gateway raises it again on its side."""
    if not isinstance(error, GureumError):
        _log.exception("a call failed", exc_info=error)
        error = InternalError(f"{type(error).__name__} in a process of gureum", hint="its log has the details")
    return Response(orjson.dumps(error.to_json(), default=str), status_code=400, media_type="application/json")


def make_internal_app(routes: list[Route], **options: Any) -> Starlette:
    return Starlette(routes=routes, **options)
