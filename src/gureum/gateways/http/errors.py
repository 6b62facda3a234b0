"""Our errors as HTTP: the one table from the error tree to status codes, and the problem+json body (RFC 9457).

Called by `app.py` of this door.
"""

from __future__ import annotations

import logging
import uuid

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gureum.errors import (
    Conflict,
    CorruptData,
    GureumError,
    InternalError,
    InvalidInput,
    LimitExceeded,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    Unavailable,
)

__all__ = ["STATUS", "install_errors", "problem_response"]

STATUS: dict[type[GureumError], int] = {
    InvalidInput: 400,
    NotAuthenticated: 401,
    PermissionDenied: 403,
    NotFound: 404,
    Conflict: 409,
    LimitExceeded: 429,
    InternalError: 500,
    CorruptData: 500,
    Unavailable: 503,
}

_log = logging.getLogger(__name__)


def problem_response(error: GureumError, request_id: str | None = None, *, status: int | None = None) -> JSONResponse:
    status = status or next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
    body = {
        "type": f"urn:gureum:{error.code}",
        "title": type(error).__name__,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
        "details": error.details,
        "error": type(error).__name__,
        "message": error.message,
        "request_id": request_id or uuid.uuid4().hex[:12],
    }
    return JSONResponse(body, status, media_type="application/problem+json")


def install_errors(app: FastAPI) -> None:
    """Every error that leaves the door is a problem body with a request id that the log has too."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, GureumError)
        request_id = _request_id(request)
        if isinstance(error, InternalError | CorruptData):
            _log.error("request %s failed: %s", request_id, error)
        return problem_response(error, request_id)

    async def validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
        return problem_response(
            InvalidInput(f"{where}: {first['msg']}", code="request.invalid", field=where), _request_id(request)
        )

    async def plain(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        made: GureumError
        detail: object = error.detail
        if isinstance(detail, GureumError):
            made = detail
        elif error.status_code == 404:
            made = NotFound(f"there is nothing at {request.url.path}", code="route.not_found")
        elif error.status_code == 405:
            made = InvalidInput(f"{request.method} is not possible at {request.url.path}", code="route.method")
        else:
            made = InvalidInput(str(error.detail), code="request.invalid")
        return problem_response(made, _request_id(request), status=error.status_code)

    app.add_exception_handler(GureumError, ours)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, plain)
    app.add_middleware(UnknownErrors)


class UnknownErrors:
    """A bug of ours is told by a number that the log has too.

    In place of the framework's handler for `Exception`, which raises again after its answer: the server would then close
    the connection under a client that has the answer and sends its next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise  # half an answer can only be cut
            request_id = _request_id(Request(scope))
            _log.exception("request %s failed", request_id, exc_info=error)
            hint = f"its log has the details under {request_id}"
            response = problem_response(InternalError("something went wrong inside gureum", hint=hint), request_id)
            await response(scope, receive, send)


def _request_id(request: Request) -> str:
    return str(request.scope.setdefault("gureum.request_id", uuid.uuid4().hex[:12]))
