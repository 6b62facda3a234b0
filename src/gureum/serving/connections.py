"""The way from the gateway to a worker: a few lasting connections, and patience while the worker is started again.

Called by the gateway for each request. Promise: a request waits for a worker that restarts instead of failing, at most
WAIT_S and in a bounded queue; predicting changes nothing, so what broke midway is sent again, SENT_MAX times at most (it may
be the request itself that ends the worker).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gureum.clock import Clock
from gureum.errors import InternalError, Unavailable
from gureum.serving.frames import Frame, FrameReader, packed
from gureum.serving.workers import socket_address

__all__ = ["Connections"]

WAIT_S = 30.0
ANSWER_S = 75.0
SENT_MAX = 3
PAUSE_S = 0.05

# A worker predicts one request at a time; a few more connections keep it from waiting for us.
CONNECTIONS_MAX = 16
WAITING_MAX = 512

# The serving process sleeps until it is asked, and starts what the endpoints want.
WAKE_EVERY_S = 1.0


class Connections:
    """To all workers, by key."""

    def __init__(self, run_folder: Path, *, clock: Clock, wake: Callable[[], Awaitable[object]]) -> None:
        self._run_folder = run_folder
        self._clock = clock
        self._wake = wake
        self._woken_s = float("-inf")
        self._workers: dict[str, _Worker] = {}

    async def ask(self, key: str, header: dict[str, Any], body: bytes) -> Frame:
        """The worker's answer. Raises Unavailable when there is none in time, or too many wait."""
        worker = self._workers.get(key)
        if worker is None:
            worker = self._workers[key] = _Worker(socket_address(self._run_folder, key))
        if worker.asking >= CONNECTIONS_MAX + WAITING_MAX:
            raise Unavailable(
                f"{WAITING_MAX} requests wait for this model", code="endpoint.busy", hint="send again later, or less"
            )
        worker.asking += 1
        try:
            async with worker.places:
                return await self._sent(worker, packed(header, body))
        finally:
            worker.asking -= 1

    def close(self) -> None:
        for worker in self._workers.values():
            for connection in worker.free:
                connection.transport.close()

    async def _sent(self, worker: _Worker, frame: bytes) -> Frame:
        deadline_s = self._clock.monotonic_s() + WAIT_S
        sent = 0
        while True:
            try:
                connection = worker.free.pop() if worker.free else await worker.connect()
            except OSError:
                await self._pause(deadline_s)
                continue
            answer = connection.ask(frame)
            try:
                async with asyncio.timeout(ANSWER_S):
                    found = await answer
            except ConnectionError:
                sent += 1
                if sent >= SENT_MAX:
                    raise Unavailable(
                        "the model's process ended while it predicted, several times",
                        code="endpoint.worker_ended",
                        hint="this request may be what ends it",
                    ) from None
                await self._pause(deadline_s)
                continue
            except TimeoutError:
                connection.transport.close()
                raise Unavailable(f"no prediction in {ANSWER_S:g} s", code="endpoint.slow") from None
            except BaseException:  # the client went: what comes now on this connection is nobody's answer
                connection.transport.close()
                raise
            worker.free.append(connection)
            return found

    async def _pause(self, deadline_s: float) -> None:
        now_s = self._clock.monotonic_s()
        if now_s > deadline_s:
            raise Unavailable(
                f"the model's process was not there for {WAIT_S:g} s", code="endpoint.away", hint="send again later"
            )
        if now_s - self._woken_s > WAKE_EVERY_S:
            self._woken_s = now_s
            await self._wake()
        await asyncio.sleep(PAUSE_S)


class _Worker:
    def __init__(self, address: str) -> None:
        self._address = address
        self.free: deque[_Connection] = deque()
        self.places = asyncio.Semaphore(CONNECTIONS_MAX)
        self.asking = 0

    async def connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        connection = _Connection(self.free)
        await loop.create_unix_connection(lambda: connection, self._address)
        return connection


class _Connection(FrameReader):
    """One request at a time."""

    def __init__(self, free: deque[_Connection]) -> None:
        self._answer: asyncio.Future[Frame] | None = None
        self._free = free
        self._is_lost = False
        super().__init__(_Connection._take, self._lost)

    def ask(self, frame: bytes) -> asyncio.Future[Frame]:
        self._answer = asyncio.get_running_loop().create_future()
        if self._is_lost:
            self._answer.set_exception(ConnectionResetError())
        else:
            self.transport.write(frame)
        return self._answer

    @staticmethod
    def _take(reader: FrameReader, frame: Frame) -> None:
        assert isinstance(reader, _Connection)
        if reader._answer is None or reader._answer.done():
            raise InternalError("a worker spoke unasked", code="endpoint.frame")
        reader._answer.set_result(frame)

    def _lost(self) -> None:
        self._is_lost = True
        if self in self._free:
            self._free.remove(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())
