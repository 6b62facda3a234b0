"""Keeps what an endpoint was asked and answered: each row as a record of the endpoint's stream, once.

Called by the gateway, before an answer is sent. Promise: on return the request's records are durable, and they are in the
stream once, whatever is killed in between and however often a client repeats a request under its id (within the last
IDS_KEPT records). By what: one put is on its way at a time, under the endpoint's one producer, with rising epochs. A gateway
that starts first puts a record that fences off what an earlier one may still have on its way, then reads which ids the
stream's end holds.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from gureum.clock import Clock
from gureum.errors import Conflict, GureumError, InternalError, NotFound, Unavailable
from gureum.streams.readers import Readers
from gureum.streams.spec import StreamSpec
from gureum.streams.writer import Records, Writer

__all__ = ["IDS_KEPT", "Capture"]

# A request that is repeated under its id within so many records is not kept twice.
IDS_KEPT = 10_000

# One put; the rest waits for the next.
BATCH_RECORDS_MAX = 5_000
BATCH_BYTES_MAX = 8 << 20
WAITING_RECORDS_MAX = 50_000

# The writer restarts in a second or two; who waited longer is told to try again.
WRITER_S_MAX = 30.0
PAUSE_S = 0.1

# Puts under one fence; then another one.
PUTS_MAX = 1 << 20

# A clock that was set back makes a fence's number too low: tried with ever more added.
FENCES_MAX = 24
FENCE_STEP_MS = 3_600_000

_KEY = b"endpoint"


@dataclass(slots=True)
class _Waiting:
    id: str
    records: list[bytes]
    done: asyncio.Future[None]


class Capture:
    """Of one endpoint. `stream` gives the stream as it is now."""

    def __init__(self, stream: Callable[[], StreamSpec], *, writer: Writer, readers: Readers, clock: Clock) -> None:
        self._stream = stream
        self._writer = writer
        self._readers = readers
        self._clock = clock
        self._kept: OrderedDict[str, None] = OrderedDict()
        self._coming: dict[str, asyncio.Future[None]] = {}
        self._waiting: list[_Waiting] = []
        self._waiting_records = 0
        self._task: asyncio.Task[None] | None = None
        self._epoch: int | None = None
        self._puts = 0

    async def keep(self, request_id: str, records: list[bytes]) -> None:
        """Return when the records of this request are durable. Raises Unavailable when the writer is away for long."""
        if request_id in self._kept:
            return
        done = self._coming.get(request_id)
        if done is None:
            if self._waiting and self._waiting_records + len(records) > WAITING_RECORDS_MAX:
                raise Unavailable(
                    f"{WAITING_RECORDS_MAX} captured rows wait for the disk",
                    code="endpoint.busy",
                    hint="send again later",
                )
            done = self._coming[request_id] = asyncio.get_running_loop().create_future()
            self._waiting.append(_Waiting(request_id, records, done))
            self._waiting_records += len(records)
            if self._task is None:
                self._task = asyncio.create_task(self._drain())
        # Shielded: a client that goes away takes nothing from another that repeats its request.
        await asyncio.shield(done)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._put_some()
        finally:
            self._task = None

    async def _put_some(self) -> None:
        batch: list[_Waiting] = []
        try:
            if self._epoch is None or self._puts >= PUTS_MAX:
                await self._fence()
            self._answer_the_kept()
            batch = self._take()
            records = [record for one in batch for record in one.records]
            if records:
                self._puts += 1
                assert self._epoch is not None
                await self._put(records, self._epoch + self._puts)
        except Exception as error:
            # Whether the writer has it is not known: the next fence finds out.
            self._epoch = None
            told = error if isinstance(error, GureumError) else InternalError(f"the capture failed: {error!r}")
            for one in batch or self._take():
                self._coming.pop(one.id, None)
                if not one.done.done():
                    one.done.set_exception(told)
                    one.done.exception()  # retrieved: its client may have gone
            if not isinstance(error, GureumError):
                raise
        else:
            for one in batch:
                self._remember(one.id)
                self._coming.pop(one.id, None)
                if not one.done.done():
                    one.done.set_result(None)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        count = size = 0
        for one in self._waiting:
            count += len(one.records)
            size += sum(map(len, one.records))
            if batch and (count > BATCH_RECORDS_MAX or size > BATCH_BYTES_MAX):
                break
            batch.append(one)
        del self._waiting[: len(batch)]
        self._waiting_records -= sum(len(one.records) for one in batch)
        return batch

    def _answer_the_kept(self) -> None:
        """After a fence: those that an earlier gateway kept already."""
        for one in [one for one in self._waiting if one.id in self._kept]:
            self._waiting.remove(one)
            self._waiting_records -= len(one.records)
            self._coming.pop(one.id, None)
            one.done.set_result(None)

    def _remember(self, request_id: str) -> None:
        self._kept[request_id] = None
        if len(self._kept) > IDS_KEPT:
            self._kept.popitem(last=False)

    async def _put(self, records: list[bytes], epoch: int) -> None:
        """Repeated under the same number until the writer has it: it stores a number once."""
        deadline_s = self._clock.monotonic_s() + WRITER_S_MAX
        while True:
            try:
                stream = self._stream()
                put = Records([_KEY] * len(records), records)
                result = await self._writer.put_records(stream, put, producer=(f"endpoint:{stream.id}", epoch))
                for outcome in result.placed.values():
                    if isinstance(outcome, GureumError):
                        raise outcome
                return
            except Unavailable:
                if self._clock.monotonic_s() > deadline_s:
                    raise
                await asyncio.sleep(PAUSE_S)

    async def _fence(self) -> None:
        for attempt in range(FENCES_MAX):
            at_ms = self._clock.now_ms() + (FENCE_STEP_MS << attempt if attempt else 0)
            mark = secrets.token_hex(8)
            epoch = at_ms << 20
            await self._put([orjson.dumps({"fence": mark})], epoch)
            ids, is_there = await asyncio.to_thread(self._read_end, mark)
            if is_there:
                for one in ids:
                    self._remember(one)
                self._epoch, self._puts = epoch, 0
                return
        raise Conflict("the stream of this endpoint takes no fence", code="endpoint.fence")

    def _read_end(self, mark: str) -> tuple[list[str], bool]:
        """The ids of the newest records, and whether the fence is among them."""
        stream = self._stream()
        ids: dict[str, None] = {}
        found = False
        for shard in stream.open_shards:
            reader = self._readers.get(stream.id, shard.id)
            end = reader.end()
            at = max(reader.first(), end - IDS_KEPT)
            while at < end:
                try:
                    batch = reader.read(at)
                except NotFound:  # retention was quicker
                    at = reader.first()
                    continue
                if batch.next_offset <= at:
                    break
                at = batch.next_offset
                for record in batch.records():
                    body = orjson.loads(record.data) if record.data.startswith(b"{") else {}
                    if "fence" in body:
                        found = found or body["fence"] == mark
                    elif isinstance(body.get("id"), str):
                        ids[body["id"]] = None
        return list(ids), found
