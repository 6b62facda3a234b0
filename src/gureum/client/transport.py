"""Requests to a gureum server, with its errors raised as ours.

Called by the nouns beside it. In library mode the HTTP transport underneath is the application itself, in this process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from gureum.client.reads import note
from gureum.errors import GureumError, InternalError, Unavailable, from_json

__all__ = ["Transport"]

CONNECT_TIMEOUT_S = 10.0

# SQL may take its time; the server has the limit.
ANSWER_TIMEOUT_S = 600.0

# While a server restarts its processes, a look is repeated for so long.
RETRY_PAUSES_S = (0.2, 0.5, 1.0, 2.0)


class Transport:
    """One server, as one user."""

    def __init__(
        self, url: str, token: str | None, *, transport: httpx.BaseTransport | None = None, verify: bool | str = True
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token  # what other clients of the same server prove themselves with
        self.verify = verify
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=self.url + "/api",
            headers=headers,
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            verify=verify,
        )

    def json(self, method: str, path: str, *, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON value, None when it has none. Raises the server's error, or Unavailable."""
        given = {key: value for key, value in (params or {}).items() if value is not None}
        response = self._send(method, path, params=given, json=body)
        return response.json() if response.content else None

    def arrow(self, path: str, *, body: Any) -> bytes:
        """The answer's Arrow IPC stream."""
        accept = {"Accept": "application/vnd.apache.arrow.stream"}
        stream = self._send("POST", path, json=body, headers=accept).content
        note(stream)
        return stream

    def put_bytes(self, path: str, content: bytes) -> Any:
        """Send bytes; the answer's JSON value, None when it has none."""
        response = self._send("PUT", path, content=content)
        return response.json() if response.content else None

    def get_bytes(self, path: str) -> bytes:
        return self._send("GET", path).content

    def raw(
        self, method: str, path: str, *, content: bytes, headers: Mapping[str, str], repeat: bool = False
    ) -> httpx.Response:
        """An answer as it is, from a path beside /api. With `repeat` the request changes nothing when it is sent twice."""
        return self._send(method, self.url + path, content=content, headers=dict(headers), repeat=repeat)

    def close(self) -> None:
        self._http.close()

    def _send(self, method: str, path: str, *, repeat: bool = False, **options: Any) -> httpx.Response:
        pauses = RETRY_PAUSES_S if repeat or method == "GET" else ()
        for pause_s in (*pauses, None):
            try:
                response = self._http.request(method, path, **options)
            except httpx.HTTPError as error:
                if pause_s is None:
                    raise Unavailable(
                        f"no answer from gureum at {self.url}: {error or type(error).__name__}",
                        code="server.away",
                        hint="is it running? `gureum up` starts it, `gureum status` shows it",
                    ) from error
            else:
                if response.status_code < 400:
                    return response
                problem = _problem(response)
                if not isinstance(problem, Unavailable) or pause_s is None:
                    raise problem
            time.sleep(pause_s)
        raise AssertionError


def _problem(response: httpx.Response) -> GureumError:
    try:
        return from_json(response.json())
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
        return InternalError(f"the server answered {response.status_code}: {response.text[:200]}", code="server.answer")
