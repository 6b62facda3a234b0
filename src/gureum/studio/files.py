"""Studio's files: the built web application, with deep links that survive a reload.

Mounted by the gateway process beside the REST door. Knows no data: the application asks the door for that.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import anyio
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

__all__ = ["STATIC", "StudioFiles"]

STATIC = Path(__file__).parent / "static"

# The page runs only its own scripts, talks only to its own server and is framed by nobody.
# Styles are set by the component library at run time, hence 'unsafe-inline' for them and for nothing else.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}

NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>gureum</title>
<body style="font: 16px system-ui; margin: 4rem auto; max-width: 40rem">
<h1>Studio is not built</h1><p>This is a source checkout without the web application. Type <code>make setup</code>
in it, then reload this page. The REST door at <code>/api</code> works all the same.</p>"""

# Files whose name holds a hash of their content never change.
FOR_EVER = "public, max-age=31536000, immutable"

Scope = MutableMapping[str, Any]


class StudioFiles:
    """An ASGI application over the folder of built files. Compressed copies (.gz) are used where they lie beside."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder.resolve()

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        response = await self._response(scope)
        response.headers.update(SECURITY_HEADERS)
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405)  # the door's own words for both
        if scope["path"].startswith("/api/"):
            raise HTTPException(404)
        path = (self._folder / scope["path"].lstrip("/")).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            if scope["path"].startswith("/assets/"):
                return Response("no such file", 404)
            # Every other address is a page of the application, which reads it itself.
            path = self._folder / "index.html"
            if not path.is_file():
                return HTMLResponse(NOT_BUILT, 503)
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {
            "Cache-Control": FOR_EVER if "/assets/" in path.as_posix() else "no-cache",
            "Vary": "Accept-Encoding",
        }
        packed = path.with_name(path.name + ".gz")
        if b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b"") and packed.is_file():
            headers["Content-Encoding"] = "gzip"
            path = packed
        return Response(await anyio.Path(path).read_bytes(), media_type=media_type, headers=headers)
