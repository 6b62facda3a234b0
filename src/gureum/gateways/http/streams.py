"""Streams: create, look, put, read, follow."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any, Literal

import orjson
from fastapi import Query, Request
from starlette.responses import StreamingResponse

from gureum.catalog.catalog import SYSTEM, Catalog
from gureum.errors import GureumError, InvalidInput, LimitExceeded, NotFound
from gureum.gateways.http.access import EDITOR, SIGNED_IN, CurrentActor, Routes, on
from gureum.gateways.http.models import (
    ColumnModel,
    NewStream,
    PutPosition,
    PutRecords,
    PutResult,
    RecordPage,
    Shard,
    Stream,
    StreamDetail,
    StreamRecord,
    ThroughputPoint,
)
from gureum.gateways.http.rates import StreamRates
from gureum.gateways.http.sse import sse_response
from gureum.names import Kind
from gureum.streams.batch import Record
from gureum.streams.readers import Readers
from gureum.streams.sequence import sequence_number
from gureum.streams.shape import infer_columns
from gureum.streams.spec import ShardSpec, StreamSpec
from gureum.streams.streams import Streams
from gureum.streams.writer import Records
from gureum.types import Actor, Permission

__all__ = ["routes", "stream_models"]

routes = Routes("streams")

# One put through this door, decoded; AWS clients use the Kinesis door.
PUT_BYTES_MAX = 10 << 20

# Records shown on one page, and how much of one record's data a page carries.
PAGE_MAX = 1_000
TAIL_RECORDS_MAX = 200
TAIL_EVERY_S = 0.2
PING_EVERY_S = 10.0

# Newest records looked at to guess the columns.
SAMPLE_RECORDS = 100

# JSON nested deeper is shown as text: what writes the pages takes 254 levels, and a browser's tree is of no use far before.
NESTED_SHOWN_MAX = 100


@routes.add("GET", "/streams", allow=SIGNED_IN)
def list_streams(actor: CurrentActor, request: Request) -> list[Stream]:
    """The streams that one may read, by name."""
    return stream_models(request.app.state, actor)


@routes.add("POST", "/streams", allow=EDITOR)
def create_stream(body: NewStream, actor: CurrentActor, request: Request) -> Stream:
    """Make a stream; it takes records at once."""
    state = request.app.state
    return _model(
        state, _streams(request).create(body.name, actor, shards=body.shards, retention_h=body.retention_h), actor
    )


@routes.add("GET", "/streams/{name}", allow=on(Kind.STREAM, Permission.READ))
def show_stream(name: str, actor: CurrentActor, request: Request) -> StreamDetail:
    """One stream: shards, throughput, columns, readers."""
    state = request.app.state
    spec = _streams(request).get(name, actor)
    readers: Readers = state.readers
    catalog: Catalog = state.catalog
    newest = _newest(readers, spec, SAMPLE_RECORDS)
    reading = [query.name for query in catalog.list(actor, kind=Kind.QUERY) if name in query.spec.get("reads", [])]
    rates: StreamRates = state.rates
    return StreamDetail(
        **_model(state, spec, actor).model_dump(),
        stream_shards=[_shard(readers, spec, shard) for shard in spec.shards],
        throughput=[ThroughputPoint(at_ms=at, records=n, bytes=size) for at, n, size in rates.throughput(spec.id)],
        columns=[
            ColumnModel(name=c.name, type=c.type, nullable=c.nullable)
            for c in infer_columns(record.data for _, record in newest)
        ],
        readers=reading,
    )


@routes.add("DELETE", "/streams/{name}", allow=on(Kind.STREAM, Permission.MANAGE), status_code=204)
def delete_stream(name: str, actor: CurrentActor, request: Request) -> None:
    """Delete a stream and its records, for good."""
    _streams(request).delete(name, actor)


@routes.add("POST", "/streams/{name}/records", allow=on(Kind.STREAM, Permission.WRITE))
async def put_records(name: str, body: PutRecords, actor: CurrentActor, request: Request) -> PutResult:
    """Put up to 500 records; on return all are on disk."""
    spec = _streams(request).get(name, actor, Permission.WRITE)
    keys, data = [], []
    for index, record in enumerate(body.records):
        payload = _payload(record.data, record.encoding, index)
        if len(payload) > spec.record_bytes_max:
            raise LimitExceeded(
                f"record {index} has {len(payload)} bytes, a record of this stream at most {spec.record_bytes_max}",
                code="record.too_large",
                hint="send it in parts, or put it elsewhere and send its address",
            )
        key = record.key if record.key is not None else secrets.token_hex(8)
        if not 1 <= len(key) <= 256:
            raise InvalidInput(f"the key of record {index} has {len(key)} characters, not 1 to 256", code="record.key")
        keys.append(key.encode())
        data.append(payload)
    if sum(map(len, data)) > PUT_BYTES_MAX:
        raise LimitExceeded(
            f"one put takes at most {PUT_BYTES_MAX} bytes", code="put.too_large", hint="put fewer at once"
        )
    result = await request.app.state.writer.put_records(spec, Records(keys, data))
    shards = result.shards or [0] * len(keys)
    following = dict(result.placed)
    positions = []
    for index in shards:
        offset = following[index]
        if isinstance(offset, GureumError):
            raise offset
        shard = spec.open_shards[index]
        positions.append(PutPosition(shard=shard.id, sequence=_sequence(shard, offset)))
        following[index] = offset + 1
    return PutResult(positions=positions)


@routes.add("GET", "/streams/{name}/records", allow=on(Kind.STREAM, Permission.READ))
def read_records(
    name: str,
    actor: CurrentActor,
    request: Request,
    after: str | None = None,
    limit: int = Query(default=100, ge=1, le=PAGE_MAX),
    newest: bool = False,
) -> RecordPage:
    """A page of records, oldest first; `newest` gives the last ones, `after` goes on from another page's `next`."""
    spec = _streams(request).get(name, actor)
    readers: Readers = request.app.state.readers
    if newest and after is None:
        found = _newest(readers, spec, limit)
        ends = {shard.id: readers.get(spec.id, shard.id).end() for shard in spec.shards}
        return RecordPage(records=[_record(shard, record) for shard, record in found], next=_cursor(ends))
    positions = _positions(after, spec, readers)
    records, more = _read(readers, spec, positions, limit)
    return RecordPage(records=records, next=_cursor(positions) if records or more else None)


@routes.add("GET", "/streams/{name}/tail", allow=on(Kind.STREAM, Permission.READ))
async def follow_stream(name: str, actor: CurrentActor, request: Request) -> StreamingResponse:
    """Server-sent events: `records` with a page of what arrived since, until the client goes."""
    spec = _streams(request).get(name, actor)
    readers: Readers = request.app.state.readers
    positions = {shard.id: readers.get(spec.id, shard.id).end() for shard in spec.shards}

    async def events() -> AsyncIterator[tuple[str, Any]]:
        quiet_s = 0.0
        while True:
            for shard, position in positions.items():
                # A tail shows what is new; a client that cannot keep up misses the middle, never the end.
                positions[shard] = max(position, readers.get(spec.id, shard).end() - TAIL_RECORDS_MAX)
            records, _ = _read(readers, spec, positions, TAIL_RECORDS_MAX)
            if records:
                quiet_s = 0.0
                yield "records", RecordPage(records=records, next=_cursor(positions)).model_dump()
            elif quiet_s >= PING_EVERY_S:
                quiet_s = 0.0
                yield "ping", {}
            await asyncio.sleep(TAIL_EVERY_S)
            quiet_s += TAIL_EVERY_S

    return sse_response(request, events())


def stream_models(state: Any, actor: Actor) -> list[Stream]:
    """All streams of an actor as the API shows them."""
    streams: Streams = state.streams
    found: list[Stream] = []
    after = ""
    while page := streams.list(actor, after=after):
        found.extend(_model(state, spec, actor) for spec in page)
        after = page[-1].name
    return found


def _streams(request: Request) -> Streams:
    streams = request.app.state.streams
    assert isinstance(streams, Streams)
    return streams


def _model(state: Any, spec: StreamSpec, actor: Actor) -> Stream:
    rates: StreamRates = state.rates
    totals = rates.totals(spec)
    records_per_s, bytes_per_s = rates.rate(spec.id)
    permission = Permission.MANAGE
    if not actor.is_admin and spec.owner != actor.user:
        catalog: Catalog = state.catalog
        thing = catalog.resolve(spec.name, actor, Permission.READ, kind=Kind.STREAM)
        permission = catalog.permission(thing, actor) or Permission.READ
    return Stream(
        name=spec.name,
        owner=spec.owner,
        shards=len(spec.open_shards),
        retention_h=spec.retention_h,
        created_at_ms=spec.created_ms,
        records=totals.records,
        bytes=totals.bytes,
        records_per_s=records_per_s,
        bytes_per_s=bytes_per_s,
        last_arrival_ms=totals.last_arrival_ms,
        permission=permission,
        system=spec.owner == SYSTEM.user,
    )


def _shard(readers: Readers, spec: StreamSpec, shard: ShardSpec) -> Shard:
    reader = readers.get(spec.id, shard.id)
    problem = None
    first = end = size = arrival = 0
    try:
        first, end, size, arrival = reader.first(), reader.end(), reader.data_bytes_total(), reader.last_arrival_ms()
    except GureumError as error:
        problem = str(error)
    return Shard(
        id=shard.id,
        open=shard.is_open,
        hash_start=str(shard.hash_start),
        hash_end=str(shard.hash_end),
        records=end,
        bytes=size,
        records_per_s=0.0,
        first_sequence=_sequence(shard, first) if end > first else None,
        last_sequence=_sequence(shard, end - 1) if end > first else None,
        last_arrival_ms=arrival or None,
        problem=problem,
    )


def _sequence(shard: ShardSpec, offset: int) -> str:
    return sequence_number(offset, created_ms=shard.created_ms, shard=shard.number)


def _payload(data: Any, encoding: str, index: int) -> bytes:
    if encoding == "json":
        try:
            return orjson.dumps(data)
        except (
            TypeError
        ):  # whole numbers beyond 64 bits and deep nesting: JSON all the same, and kept to the last digit
            try:
                return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
            except RecursionError:
                raise InvalidInput(f"record {index} is nested too deeply", code="record.nesting") from None
    if not isinstance(data, str):
        raise InvalidInput(f"record {index} is not base64 text", code="record.encoding")
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error as error:
        raise InvalidInput(f"record {index} is not base64: {error}", code="record.encoding") from error


def _newest(readers: Readers, spec: StreamSpec, limit: int) -> list[tuple[ShardSpec, Record]]:
    """The last records over all shards, by arrival."""
    found: list[tuple[ShardSpec, Record]] = []
    for shard in spec.shards:
        with contextlib.suppress(GureumError):  # a damaged shard is told of in its row
            reader = readers.get(spec.id, shard.id)
            end = reader.end()
            start = max(reader.first(), end - limit)
            if end > start:
                found += [(shard, record) for record in reader.read(start, records_max=limit).records()]
    return sorted(found, key=lambda item: (item[1].arrival_ms, item[0].number, item[1].offset))[-limit:]


def _read(readers: Readers, spec: StreamSpec, positions: dict[str, int], limit: int) -> tuple[list[StreamRecord], bool]:
    """Up to `limit` records from the positions, which move on; and whether there may be more."""
    records: list[StreamRecord] = []
    more = False
    share = max(1, limit // max(1, len(positions)))
    for shard in spec.shards:
        reader = readers.get(spec.id, shard.id)
        start = max(positions.get(shard.id, 0), reader.first())
        batch = reader.read(start, records_max=share)
        records += [_record(shard, record) for record in batch.records()]
        positions[shard.id] = batch.next_offset
        more = more or batch.next_offset < batch.end_offset
    return sorted(records, key=lambda record: record.arrived_at_ms), more


def _record(shard: ShardSpec, record: Record) -> StreamRecord:
    data, encoding = _shown(record.data)
    return StreamRecord(
        shard=shard.id,
        sequence=_sequence(shard, record.offset),
        key=record.key.decode("utf-8", "replace"),
        arrived_at_ms=record.arrival_ms,
        bytes=len(record.data),
        data=data,
        encoding=encoding,
    )


def _shown(data: bytes) -> tuple[Any, Literal["json", "text", "base64"]]:
    try:
        value = orjson.loads(data)
        if data.count(b"[") + data.count(b"{") <= NESTED_SHOWN_MAX or not _nests_deeply(value):
            return value, "json"
    except orjson.JSONDecodeError:
        pass
    try:
        return data.decode(), "text"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode(), "base64"


def _nests_deeply(value: Any) -> bool:
    layer = [value]
    for _ in range(NESTED_SHOWN_MAX):
        inner = [part.values() if isinstance(part, dict) else part for part in layer if isinstance(part, dict | list)]
        layer = [item for items in inner for item in items]
    return bool(layer)


def _cursor(positions: dict[str, int]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(positions)).decode()


def _positions(after: str | None, spec: StreamSpec, readers: Readers) -> dict[str, int]:
    if after is None:
        return {shard.id: readers.get(spec.id, shard.id).first() for shard in spec.shards}
    try:
        positions = orjson.loads(base64.urlsafe_b64decode(after))
        found = {str(shard): int(offset) for shard, offset in positions.items()}
    except (ValueError, AttributeError, TypeError):
        raise InvalidInput("`after` is not the `next` of another page", code="page.cursor") from None
    if any(spec.shard(shard) is None or offset < 0 for shard, offset in found.items()):
        raise NotFound("`after` is of another stream", code="page.cursor")
    return found
