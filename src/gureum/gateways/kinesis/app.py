"""The Kinesis door as an ASGI application: reads a request, checks who signed it, and hands it to its operation.

Made by `app.py` of gureum (and by the benchmarks) with everything it needs; hosted by uvicorn. A bare ASGI callable: a
framework's routing and middleware cost more per call than the whole of what is done here.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gureum.clock import Clock
from gureum.errors import GureumError
from gureum.gateways.kinesis.call import Call, Door
from gureum.gateways.kinesis.codec import JSON
from gureum.gateways.kinesis.constraints import load_constraints
from gureum.gateways.kinesis.errors import KinesisError, translate
from gureum.gateways.kinesis.operations import OPERATIONS
from gureum.gateways.kinesis.sigv4 import FindKey, Request, SignatureCheck
from gureum.gateways.kinesis.tokens import Tokens
from gureum.streams.readers import Readers
from gureum.streams.streams import Streams, keep_house
from gureum.streams.writer import LogWriter
from gureum.types import Permission

__all__ = ["BODY_BYTES_MAX", "HEALTH_PATH", "make_app"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# The largest legal request is 10 MiB of data as base64, 500 partition keys and the JSON around them.
BODY_BYTES_MAX = 15 << 20

HEALTH_PATH = "/health"
TARGET_PREFIX = "Kinesis_20131202."

# Deleted streams and expired segments are looked for this often.
HOUSE_EVERY_S = 10.0

# An exactly-once put of one of our own processes: "<producer id>;<epoch>".
PRODUCER_HEADER = "x-gureum-producer"
_EPOCH_MAX = 1 << 63

_log = logging.getLogger(__name__)


def make_app(
    *,
    streams: Streams,
    writer: LogWriter,
    readers: Readers,
    find_key: FindKey,
    clock: Clock,
    iterator_key: bytes,
) -> KinesisApp:
    """The application. On start-up (ASGI lifespan) it recovers the logs; while it runs it keeps house.

    `iterator_key` must be the same after a restart, or consumers lose their iterators. The caller closes the writer.
    """
    door = Door(streams, writer, readers, Tokens(iterator_key, clock=clock), clock)
    return KinesisApp(door, writer, SignatureCheck(find_key, clock=clock))


class KinesisApp:
    def __init__(self, door: Door, writer: LogWriter, signatures: SignatureCheck) -> None:
        self._door = door
        self._writer = writer
        self._signatures = signatures
        self._constraints = load_constraints()
        self._shards_damaged = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    # Requests -------------------------------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == HEALTH_PATH and scope["method"] in {"GET", "HEAD"}:
            # No names: whoever asks has not said who it is. The log of this process has them.
            health = {"status": "degraded" if self._shards_damaged else "ok", "shards_damaged": self._shards_damaged}
            await _answer(send, 200, JSON.encode(health), b"application/json")
            return
        try:
            body = await _read_body(receive)
            if body is None:
                return  # the client went away
            status, answer = 200, await self._operate(scope, body)
        except KinesisError as error:
            status, answer = error.status, _error_body(error)
        except GureumError as error:
            translated = translate(error)
            status, answer = translated.status, _error_body(translated)
        except Exception:
            # Nobody above us knows the protocol: the client must get an answer that it retries, and we the trace.
            _log.exception("the request failed")
            status, answer = (
                500,
                _error_body(KinesisError("InternalFailure", "The request failed; see the server's log.")),
            )
        await _answer(send, status, answer, JSON.content_type.encode())

    async def _operate(self, scope: Scope, body: bytes) -> bytes:
        headers = _headers(scope)
        if scope["path"] != "/" or scope["method"] != "POST":
            raise KinesisError("UnknownOperationException", "Kinesis takes POST requests to /.", status=404)
        actor, region = self._signatures.actor(Request("POST", scope["query_string"].decode("latin-1"), headers, body))
        target = headers.get("x-amz-target", "")
        name = target.removeprefix(TARGET_PREFIX)
        operation = OPERATIONS.get(name) if target.startswith(TARGET_PREFIX) else None
        if operation is None:
            said = f"{target!r} is not an operation of this server." if target else "There is no X-Amz-Target header."
            raise KinesisError("UnknownOperationException", said)
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in {JSON.content_type, "application/json"}:
            raise KinesisError("SerializationException", f"The content type must be {JSON.content_type}.", status=415)
        call = Call(
            name,
            operation.needs if isinstance(operation.needs, Permission) else None,
            self._constraints[name],
            JSON.decode(body),
            actor,
            region,
            JSON,
            self._door,
            _producer(headers.get(PRODUCER_HEADER)),
        )
        answer = await operation.handler(call)
        if isinstance(answer, bytes):
            return answer
        return JSON.encode(answer) if answer is not None else b""

    # Life -----------------------------------------------------------------------------------------------------------

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        house: asyncio.Task[None] | None = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                problems = await asyncio.to_thread(self._writer.recover)
                self._shards_damaged = len(problems)
                for error in problems:
                    _log.error("%s", error)  # the other shards work; each put or read of this one says so again
                house = asyncio.create_task(self._keep_house())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if house is not None:
                    house.cancel()
                    await asyncio.gather(house, return_exceptions=True)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSE_EVERY_S)
            try:
                await asyncio.to_thread(keep_house, self._door.streams, self._writer, self._door.readers)
            except (GureumError, OSError):
                # A full disk or a busy database: the next round tries again, and says so again.
                _log.exception("keeping house failed")


async def _read_body(receive: Receive) -> bytes | None:
    message = await receive()
    if message["type"] != "http.request":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    length = len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > BODY_BYTES_MAX:
            raise KinesisError(
                "RequestEntityTooLargeException", f"A request has at most {BODY_BYTES_MAX >> 20} MiB.", status=413
            )
    return b"".join(parts)


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _producer(header: str | None) -> tuple[str, int] | None:
    if header is None:
        return None
    producer, _, epoch = header.rpartition(";")
    if not producer or not epoch.isdecimal() or len(epoch) > 19 or int(epoch) >= _EPOCH_MAX:
        raise KinesisError("InvalidArgumentException", f"{PRODUCER_HEADER} is '<producer id>;<epoch>'.")
    return producer, int(epoch)


def _error_body(error: KinesisError) -> bytes:
    return JSON.encode({"__type": error.type, "message": error.message})


async def _answer(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
                (b"content-type", content_type),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
