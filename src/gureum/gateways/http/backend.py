"""The other processes as the gateway sees them: ask as an actor, get their JSON or their error.

Called by the routes. In a server the transport is a unix socket; in library mode (`gureum.open`) it is the application
itself, in this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import orjson
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gureum.errors import GureumError, Unavailable, from_json
from gureum.gateways.internal.identity import ACTOR_HEADER, actor_header
from gureum.types import Actor

__all__ = ["Backend"]

# SQL has its own limit inside; this one is for a process that hangs.
ANSWER_TIMEOUT_S = 600.0
CONNECT_TIMEOUT_S = 10.0

GET_PAUSES_S = (0.1, 0.5, 1.5)

# Of this connection, not of the message; and what proves who asks, which is ours to say.
_NOT_PASSED_ON = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te", b"trailer", b"cookie", b"authorization",
     ACTOR_HEADER.encode()}
)  # fmt: skip


class Backend:
    """One of our processes, by name for its errors."""

    def __init__(self, name: str, transport: httpx.AsyncBaseTransport) -> None:
        self._name = name
        self._client = httpx.AsyncClient(
            transport=transport,
            base_url=f"http://{name}",
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=256, max_keepalive_connections=32),
        )

    async def json(
        self,
        method: str,
        path: str,
        actor: Actor,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> Any:
        """The answer as Python values. Raises the error that the process raised, or Unavailable."""
        return orjson.loads(await self._ask(method, path, actor, body, params, timeout_s))

    async def passed_on(
        self, method: str, path: str, actor: Actor, *, body: Any = None, params: Mapping[str, Any] | None = None
    ) -> Response:
        """The answer's bytes as they are: the process speaks the door's own models."""
        return Response(
            await self._ask(method, path, actor, body, params, ANSWER_TIMEOUT_S), media_type="application/json"
        )

    async def streamed(self, path: str, actor: Actor, *, body: Any) -> Response:
        """A long answer, passed on chunk by chunk."""
        request = self._client.build_request(
            "POST", path, content=orjson.dumps(body), headers={ACTOR_HEADER: actor_header(actor)}
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._away(error) from error
        if response.status_code != 200:
            raise from_json(orjson.loads(await response.aread()))

        async def chunks() -> AsyncIterator[bytes]:
            try:
                async for chunk in response.aiter_raw():
                    yield chunk
            finally:
                await response.aclose()

        return StreamingResponse(chunks(), media_type=response.headers["content-type"])

    async def proxied(self, request: Request, path: str, actor: Actor) -> Response:
        """A whole request and its answer, both streamed: what is behind speaks a protocol of its own."""
        headers = [(k, v) for k, v in request.headers.raw if k.lower() not in _NOT_PASSED_ON]
        sent = self._client.build_request(
            request.method, httpx.URL(path=path, query=request.url.query.encode()),
            headers=[*headers, (ACTOR_HEADER.encode(), actor_header(actor).encode())],
            content=request.stream() if request.method not in {"GET", "HEAD"} else None,
        )  # fmt: skip
        try:
            response = await self._client.send(sent, stream=True)
        except httpx.HTTPError as error:
            raise self._away(error) from error
        kept = {k: v for k, v in response.headers.items() if k.lower().encode() not in _NOT_PASSED_ON}
        return StreamingResponse(
            response.aiter_raw(), response.status_code, kept, background=BackgroundTask(response.aclose)
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(
        self, method: str, path: str, actor: Actor, body: Any, params: Mapping[str, Any] | None, timeout_s: float
    ) -> bytes:
        given = {key: value for key, value in (params or {}).items() if value is not None}
        # A look may be repeated when the process died under it; a change must not.
        for pause_s in (*GET_PAUSES_S, None) if method == "GET" else (None,):
            try:
                response = await self._client.request(
                    method, path, params=given, headers={ACTOR_HEADER: actor_header(actor)},
                    content=orjson.dumps(body) if body is not None else None, timeout=timeout_s,
                )  # fmt: skip
                break
            except httpx.TimeoutException as error:
                raise self._away(error) from error
            except httpx.HTTPError as error:
                if pause_s is None:
                    raise self._away(error) from error
                await asyncio.sleep(pause_s)
        if response.status_code == 200:
            return response.content
        try:
            raise from_json(orjson.loads(response.content))
        except orjson.JSONDecodeError:
            raise self._away(None) from None

    def _away(self, error: Exception | None) -> GureumError:
        reason = f" ({type(error).__name__})" if error else ""
        return Unavailable(
            f"the {self._name} process did not answer{reason}",
            code=f"{self._name}.away",
            hint="it is restarting; try again in a moment",
        )
