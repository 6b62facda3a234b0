"""Server-sent events: named events with JSON data, until the client goes or the server stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import StreamingResponse

from gureum.errors import GureumError, LimitExceeded

__all__ = ["sse_response"]

# Each open page holds one or two of these; beyond it something reconnects in a loop.
CONNECTIONS_MAX = 500

_open = 0


def sse_response(request: Request, events: AsyncIterator[tuple[str, Any]]) -> StreamingResponse:
    """A response of `event: name` / `data: json` blocks. Raises LimitExceeded when too many are open."""
    if _open >= CONNECTIONS_MAX:
        raise LimitExceeded(
            f"{CONNECTIONS_MAX} live connections are open", code="events.limit", hint="close some pages"
        )
    return StreamingResponse(
        _write(request, events),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _write(request: Request, events: AsyncIterator[tuple[str, Any]]) -> AsyncIterator[bytes]:
    global _open
    _open += 1
    stopping: asyncio.Event = request.app.state.stopping
    try:
        yield b"retry: 1000\n\n"
        while not stopping.is_set():
            # Without this race an idle connection would hold the server's stop until its next event.
            upcoming = asyncio.ensure_future(anext(events))
            stopped = asyncio.ensure_future(stopping.wait())
            done, _ = await asyncio.wait({upcoming, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if upcoming not in done:
                upcoming.cancel()
                with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                    await upcoming
                return
            try:
                name, data = upcoming.result()
            except StopAsyncIteration:
                return
            except GureumError as error:
                yield b"event: error\ndata: " + orjson.dumps(error.to_json()) + b"\n\n"
                return
            yield b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
    finally:
        _open -= 1
