"""POST /endpoints/<name>/invocations: the bodies of MLflow's scoring server and of SageMaker's runtime, and Arrow.

Wrapped around the REST application by `app.py`, in front of its routing: a prediction of one row takes less than that. Who
may ask is declared by the route below, as everywhere, and enforced by the same `Allow`; besides tokens, requests signed with
an access key for the service `sagemaker` pass, so that boto3's client works with `endpoint_url`.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import Response

from gureum.errors import GureumError, LimitExceeded, NotAuthenticated, Unavailable
from gureum.gateways.http.access import Routes, on
from gureum.gateways.http.errors import problem_response
from gureum.gateways.kinesis import sigv4
from gureum.gateways.kinesis.errors import KinesisError
from gureum.names import Kind
from gureum.serving.endpoints import Endpoints
from gureum.types import Actor, Permission

__all__ = ["InvocationDoor", "routes"]

# As SageMaker's own limit is 6 MB and the REST door's 16: what is larger is a table, to be scored.
BODY_BYTES_MAX = 16 << 20

RETRY_AFTER_S = 2

_BEFORE, _AFTER = "/endpoints/", "/invocations"
_IDS = ("x-request-id", "x-amzn-sagemaker-inference-id")
_ALLOW = on(Kind.ENDPOINT, Permission.READ)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

routes = Routes("invocations", prefix="")


@routes.add("POST", "/endpoints/{name}/invocations", allow=_ALLOW)
async def invoke(name: str, request: Request) -> Response:
    """Predict. The body is JSON as MLflow or SageMaker has it, CSV, JSON lines, a numpy file or an Arrow stream."""
    return await _answered(name, request, await request.body(), request.state.actor)


class InvocationDoor:
    """The short way to the same answer."""

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, signatures: sigv4.SignatureCheck
    ) -> None:
        self._app = app
        self._signatures = signatures
        # The framework's own limit answers in plain text; in here ours holds, in `_body`.
        self._door = RequestBodyLimitMiddleware(self._serve, max_body_size=sys.maxsize)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if not (path.startswith(_BEFORE) and path.endswith(_AFTER) and scope["method"] == "POST"):
            await self._app(scope, receive, send)
            return
        await self._door(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"][len(_BEFORE) : -len(_AFTER)]
        scope["path_params"] = {"name": name}
        request = Request(scope, receive)
        response: Response
        try:
            if request.headers.get("authorization", "").startswith(sigv4.ALGORITHM):
                body = await _body(receive)
                actor = self._signed_by(name, request, body)
                _ALLOW.admit(actor, request)
            else:
                checked = _ALLOW.check(request)
                assert checked is not None
                actor, body = checked, await _body(receive)
            response = await _answered(name, request, body, actor)
        except LimitExceeded as error:
            response = problem_response(error, status=413 if error.code == "endpoint.body_size" else None)
        except GureumError as error:
            response = problem_response(error)
            if isinstance(error, Unavailable):
                response.headers["retry-after"] = str(RETRY_AFTER_S)
        await response(scope, receive, send)

    def _signed_by(self, name: str, request: Request, body: bytes) -> Actor:
        headers: dict[str, str] = {}
        for key, value in request.headers.items():
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        path = f"{_BEFORE}{quote(quote(name, safe='-_.~'), safe='-_.~')}{_AFTER}"
        signed = sigv4.Request("POST", request.url.query, headers, body, path)
        try:
            return self._signatures.actor(signed)[0]
        except KinesisError as error:
            raise NotAuthenticated(error.message, code="auth.signature") from None


async def _answered(name: str, request: Request, body: bytes, actor: Actor) -> Response:
    state = request.app.state
    endpoints: Endpoints = state.endpoints
    headers = request.headers
    request_id = next((headers[one] for one in _IDS if one in headers), "") or secrets.token_hex(16)
    answer = await endpoints.invoke(
        state.catalog.resolve(name, actor, Permission.READ, kind=Kind.ENDPOINT),
        request_id,
        body,
        content_type=headers.get("content-type", ""),
        accept=headers.get("accept", ""),
        deployment=headers.get("x-amzn-sagemaker-target-variant"),
    )
    told = {
        "x-request-id": request_id,
        "x-amzn-invoked-production-variant": quote(answer.deployment),
        "content-type": answer.content_type,
    }
    return Response(answer.body, headers=told)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("the client has gone", code="endpoint.client_gone")
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise LimitExceeded(
                f"a request has at most {BODY_BYTES_MAX >> 20} MiB",
                code="endpoint.body_size",
                hint="send several, or score a whole table",
            )
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
