"""The platform's own access log, as a stream: one record for each request that ended.

Wrapped around the application by `app.py`. Promise: a request never waits for its log record; when the writer is away for
long, the oldest waiting records are dropped and the next one says how many.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson

from gureum.catalog.catalog import SYSTEM
from gureum.clock import Clock
from gureum.errors import GureumError
from gureum.streams.streams import Streams
from gureum.streams.writer import Records, Writer

__all__ = ["ACCESS_LOG", "AccessLog", "AccessLogMiddleware"]

ACCESS_LOG = "gureum.access_log"

FLUSH_EVERY_S = 0.5
FLUSH_RECORDS_MAX = 500
LAST_FLUSH_S = 1.0
WAITING_MAX = 20_000

# Pages poll this; a health check is not a use of the platform.
_QUIET = frozenset({"/api/health"})

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AccessLogMiddleware:
    """Around the application: tells the log of each request when it has ended."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, log: AccessLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _QUIET or not scope["path"].startswith("/api"):
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        seen = {"status": 500, "bytes": 0, "latency_us": 0}

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                # Until the answer begins: a live connection would otherwise count as hours.
                seen["latency_us"] = round((time.perf_counter() - started_s) * 1e6)
            elif message["type"] == "http.response.body":
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._log.remember(scope, seen, duration_ms=(time.perf_counter() - started_s) * 1000)


class AccessLog:
    """Records that wait, and the task that puts them into the stream."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._dropped = 0

    def remember(self, scope: Scope, seen: dict[str, int], *, duration_ms: float) -> None:
        """Called when a request has ended, however it ended."""
        route = scope.get("route")
        actor = scope.get("state", {}).get("actor")
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self._dropped += 1
        record = {
            "ts": datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).isoformat(timespec="milliseconds"),
            "method": scope["method"],
            # The route, not the address: names of things would make every path its own group.
            "path": getattr(route, "path", None) or "unknown",
            "status": seen["status"],
            "latency_ms": seen["latency_us"] / 1000,
            "duration_ms": round(duration_ms, 3),
            "bytes": seen["bytes"],
            "user": actor.user if actor is not None else None,
            "request_id": scope.get("gureum.request_id"),
        }
        if self._dropped:
            record["dropped_before"], self._dropped = self._dropped, 0
        self._waiting.append(orjson.dumps(record))

    async def run(self, streams: Streams, writer: Writer) -> None:
        """Put waiting records until cancelled, then what is left."""
        try:
            while True:
                await asyncio.sleep(FLUSH_EVERY_S)
                await self._flush(streams, writer)
        except asyncio.CancelledError:
            # The writer may be on its way out too: the stop does not wait for these last records.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_FLUSH_S):
                    await self._flush(streams, writer)
            raise

    async def _flush(self, streams: Streams, writer: Writer) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(FLUSH_RECORDS_MAX, len(self._waiting)))]
            try:
                spec = streams.get(ACCESS_LOG, SYSTEM)
                result = await writer.put_records(spec, Records([b"gateway"] * len(batch), batch))
                failed = any(isinstance(outcome, GureumError) for outcome in result.placed.values())
            except GureumError:
                failed = True
            if failed:
                room = max(0, WAITING_MAX - len(self._waiting))
                self._dropped += max(0, len(batch) - room)
                self._waiting.extendleft(reversed(batch[-room:] if room else []))
                return
