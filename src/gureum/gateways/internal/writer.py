"""The log's writer for our other processes: an ASGI application at the writer's end, `RemoteWriter` at the other.

Served by the kinesis process on its unix socket; called by the gateway (REST puts, the access log) and by standing queries
that append to a stream. Decides nothing: the stream was resolved for its actor before.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import httpx
import orjson

from gureum.catalog.catalog import SYSTEM
from gureum.errors import GureumError, InternalError, NotFound, Unavailable, from_json
from gureum.gateways.internal.line import Line
from gureum.streams.spec import StreamSpec
from gureum.streams.streams import Streams
from gureum.streams.writer import LogWriter, PutResult, Records

__all__ = ["RemoteWriter", "StreamPuts", "make_writer_app"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# A full REST put (500 records of 1 MiB as base64) does not exist: the REST door takes at most 10 MiB.
BODY_BYTES_MAX = 64 << 20

# A group commit takes milliseconds; a writer that restarts takes a second or two.
ANSWER_TIMEOUT_S = 30.0


def make_writer_app(*, streams: Streams, writer: LogWriter) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The application; a bare ASGI callable, as the Kinesis door beside it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                raise InternalError("a process of ours sent too much at once")
            if not message.get("more_body"):
                break
        try:
            status, answer = 200, await _put(streams, writer, orjson.loads(body))
        except GureumError as error:
            status, answer = 400, error.to_json()
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": orjson.dumps(answer)})

    return app


async def _put(streams: Streams, writer: LogWriter, body: dict[str, Any]) -> dict[str, Any]:
    stream = streams.get(body["stream"], SYSTEM)
    if stream.id != body["stream_id"]:
        raise NotFound(f"stream {stream.name!r} was deleted and made again", code="stream.not_found")
    producer = body.get("producer")
    records = Records([key.encode() for key in body["keys"]], [base64.b64decode(data) for data in body["data"]])
    result = await writer.put_records(stream, records, producer=(producer[0], producer[1]) if producer else None)
    return {
        "shards": result.shards,
        "placed": {
            str(index): outcome.to_json() if isinstance(outcome, GureumError) else outcome
            for index, outcome in result.placed.items()
        },
    }


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


class RemoteWriter:
    """A Writer in another process. Thread-safe; usable with and without an event loop."""

    def __init__(self, socket_path: str) -> None:
        self._line = Line(socket_path, timeout_s=ANSWER_TIMEOUT_S)
        self._sync = httpx.Client(
            transport=httpx.HTTPTransport(uds=socket_path), base_url="http://writer", timeout=ANSWER_TIMEOUT_S
        )

    async def put_records(
        self, stream: StreamSpec, records: Records, *, producer: tuple[str, int] | None = None
    ) -> PutResult:
        try:
            status, body = await self._line.post("/put", _request(stream, records, producer))
        except OSError as error:
            raise _away(error) from error
        return _result(status, body)

    def put_records_now(
        self, stream: StreamSpec, records: Records, *, producer: tuple[str, int] | None = None
    ) -> PutResult:
        """As `put_records`, for a caller without an event loop; waits."""
        try:
            response = self._sync.post("/put", content=_request(stream, records, producer))
        except httpx.HTTPError as error:
            raise _away(error) from error
        return _result(response.status_code, response.content)


class StreamPuts:
    """Puts by a stream's name, as standing queries and alerts make them. Raises what the put met."""

    def __init__(self, streams: Streams, writer: RemoteWriter | LogWriter) -> None:
        self._streams = streams
        self._writer = writer

    def put(self, stream: str, keys: Sequence[bytes], data: Sequence[bytes], *, producer: tuple[str, int]) -> None:
        spec = self._streams.get(stream, SYSTEM)
        result = self._writer.put_records_now(spec, Records(list(keys), list(data)), producer=producer)
        for outcome in result.placed.values():
            if isinstance(outcome, GureumError):
                raise outcome


def _request(stream: StreamSpec, records: Records, producer: tuple[str, int] | None) -> bytes:
    return orjson.dumps(
        {
            "stream": stream.name,
            "stream_id": stream.id,
            "keys": [key.decode() for key in records.keys],
            "data": [base64.b64encode(data).decode() for data in records.data],
            "producer": producer,
        }
    )


def _result(status: int, content: bytes) -> PutResult:
    body = orjson.loads(content)
    if status != 200:
        raise from_json(body)
    placed = {int(k): from_json(v) if isinstance(v, dict) else int(v) for k, v in body["placed"].items()}
    return PutResult(body["shards"], placed)


def _away(error: Exception) -> Unavailable:
    return Unavailable(
        f"the writer of the streams did not answer: {type(error).__name__}",
        code="stream.writer_away",
        hint="it is restarting; try again in a moment",
    )
