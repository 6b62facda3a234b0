"""A request's JSON body, read strictly: what is not JSON by RFC 8259 is refused with its place, never guessed at.

Called by `access.Routes`, whose routes all read their body this way. Python's own reader takes NaN and half surrogate pairs,
which nothing behind it can store; whole numbers of any size keep all their digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from gureum.errors import InvalidInput

__all__ = ["JsonRoute", "read_json"]

BOM = b"\xef\xbb\xbf"

# Shorter ones fit in 64 bits for certain; orjson would make longer ones floating point.
_LONG_NUMBER = re.compile(rb"\d{19}")


def read_json(body: bytes) -> Any:
    """The value of a body. Raises InvalidInput that says at which byte it is not JSON."""
    text = body.removeprefix(BOM)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        at = len(error.doc[: error.pos].encode()) if isinstance(error.doc, str) else error.pos
        raise InvalidInput(
            f"the body is not JSON: {error.msg.split(': line')[0]} at byte {at + len(body) - len(text)}",
            code="request.json",
            hint="send a JSON value in UTF-8; NaN and Infinity are not JSON",
        ) from None
    if _LONG_NUMBER.search(text):
        try:
            return json.loads(text)
        except (RecursionError, ValueError):  # deep nesting, or thousands of digits
            raise InvalidInput(
                "the body is nested too deeply, or a number in it is too long", code="request.json"
            ) from None
    return value


class _JsonRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            try:
                self._json = read_json(await self.body())
            except InvalidInput as error:
                # What else is raised while the framework reads a body it replaces by words of its own.
                raise HTTPException(400, error) from error
        return self._json


class JsonRoute(APIRoute):
    """A route whose body is read by `read_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return handle_strictly
