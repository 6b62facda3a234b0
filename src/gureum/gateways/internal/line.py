"""POST to a process of ours on its unix socket, at a tenth of a general HTTP client's cost.

Called by `RemoteWriter`, for the puts that a request waits for. Knows just so much of HTTP: a path, a body, an answer with its
length; connections are kept and each has one request at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools

__all__ = ["Line"]


class Line:
    """To one socket, of one event loop. As many connections as requests at a time."""

    def __init__(self, socket_path: str, *, timeout_s: float) -> None:
        self._socket_path = socket_path
        self._timeout_s = timeout_s
        self._free: list[_Connection] = []

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError (ConnectionError, TimeoutError) when there is no answer."""
        async with asyncio.timeout(self._timeout_s):
            connection = self._free.pop() if self._free else await self._connect()
            try:
                answer = await connection.ask(
                    b"POST %b HTTP/1.1\r\nhost: writer\r\ncontent-length: %d\r\n\r\n" % (path.encode(), len(body)), body
                )
            except BaseException:
                connection.close()
                raise
        if connection.is_open:
            self._free.append(connection)
        return answer

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(lambda: _Connection(self._forget), self._socket_path)
        return connection

    def _forget(self, connection: _Connection) -> None:
        if connection in self._free:
            self._free.remove(connection)


class _Connection(asyncio.Protocol):
    def __init__(self, on_lost: Callable[[_Connection], None]) -> None:
        self._on_lost = on_lost
        self._transport: Any = None
        self._parser: Any = None
        self._body: list[bytes] = []
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.is_open = True

    async def ask(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        if not self.is_open:
            raise ConnectionResetError
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body = []
        self._transport.write(head + body)
        return await self._answer

    def close(self) -> None:
        self._transport.close()

    # --- called by the event loop and the parser ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionResetError(str(error)))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self.is_open = self.is_open and bool(self._parser.should_keep_alive())
            self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_open = False
        self._on_lost(self)
        self._fail(ConnectionResetError("the connection was closed"))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
