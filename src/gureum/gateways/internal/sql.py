"""SQL and tables for our other processes: what the sql process serves on its unix socket.

Bodies are those of `gateways/http/models.py`: the gateway passes them on as they are.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gureum.catalog.catalog import Catalog
from gureum.errors import Conflict
from gureum.gateways.internal.server import Call, endpoint, make_internal_app, problem, run
from gureum.names import Kind
from gureum.sql.sql import Result, Sql, with_versions
from gureum.sql.types import columns_of
from gureum.sql.values import json_rows
from gureum.tables.names import full_name
from gureum.tables.tables import TableEntry, Tables
from gureum.types import Column, Permission

__all__ = ["ARROW", "make_sql_app"]

ARROW = "application/vnd.apache.arrow.stream"

# Arrow batches between the engine and a slow client: bounds the memory of a large result.
BATCHES_WAITING_MAX = 8

# A client that takes nothing for so long loses its result, so that it does not keep an engine.
CLIENT_WAIT_S = 60.0

SAMPLE_ROWS_MAX = 1_000
HISTORY_MAX = 1_000


def make_sql_app(*, sql: Sql, tables: Tables, catalog: Catalog, run_folder: Path) -> Starlette:
    desk = _Desk(sql, tables, catalog, run_folder)
    return make_internal_app(
        [
            endpoint("POST", "/sql", desk.execute),
            Route("/sql/arrow", desk.execute_arrow, methods=["POST"]),
            endpoint("DELETE", "/sql/{id}", desk.cancel),
            endpoint("GET", "/sql/completion", desk.completion),
            endpoint("POST", "/score", desk.score),
            endpoint("GET", "/tables", desk.list_tables),
            endpoint("GET", "/tables/{name}", desk.show),
            endpoint("DELETE", "/tables/{name}", desk.drop),
            endpoint("GET", "/tables/{name}/sample", desk.sample),
            endpoint("GET", "/tables/{name}/history", desk.history),
        ]
    )


class _Desk:
    def __init__(self, sql: Sql, tables: Tables, catalog: Catalog, run_folder: Path) -> None:
        self._run_folder = run_folder
        self._sql = sql
        self._tables = tables
        self._catalog = catalog

    # --- statements ------------------------------------------------------------------------------------------------

    def execute(self, call: Call) -> dict[str, Any]:
        body = call.body
        result = self._sql.execute(
            body["sql"], call.actor, parameters=body.get("parameters"), statement_id=body.get("id"),
            timeout_s=body.get("timeout_s"), rows_max=body.get("rows_max", 10_000),
        )  # fmt: skip
        return _result(result)

    async def execute_arrow(self, request: Request) -> Response:
        """The rows as an Arrow IPC stream, as they are made."""
        call = Call(request, orjson.loads(await request.body()))
        stream = _ArrowStream()
        thread = threading.Thread(target=self._fill, args=(call, stream), daemon=True, name="sql-arrow")
        thread.start()
        try:
            first = await run(stream.next)
        except Exception as error:
            return problem(error)
        return StreamingResponse(stream.chunks(first), media_type=ARROW)

    def _fill(self, call: Call, stream: _ArrowStream) -> None:
        body = call.body
        try:
            result = self._sql.execute(
                body["sql"], call.actor, parameters=body.get("parameters"), statement_id=body.get("id"),
                timeout_s=body.get("timeout_s"), sink=stream.write,
            )  # fmt: skip
            if not stream.started:  # a statement without rows of its own, or one that made them already
                rows = result.rows
                if result.affected_rows is not None:
                    rows = pa.table({"affected_rows": [result.affected_rows]})
                stream.write(with_versions(rows.schema, result.versions), rows.to_batches())
            stream.end(None)
        except Exception as error:
            stream.end(error)

    def cancel(self, call: Call) -> None:
        self._sql.cancel(call.path["id"], call.actor)

    def completion(self, call: Call) -> dict[str, Any]:
        found = self._sql.completion(call.actor)
        return {
            "tables": [{"name": name, "kind": "table", "columns": _columns(columns)} for name, columns in found.tables],
            "functions": found.functions,
            "keywords": found.keywords,
        }

    def score(self, call: Call) -> dict[str, Any]:
        from gureum.serving.score import score  # for the few who score tables

        rows = score(self._sql, self._tables, call.actor, run_folder=self._run_folder, **call.body)
        return {"table": full_name(call.body["into"]), "rows": rows}

    # --- tables ----------------------------------------------------------------------------------------------------

    def list_tables(self, call: Call) -> list[dict[str, Any]]:
        return [self._entry(entry, call) for entry in self._tables.list(call.actor)]

    def show(self, call: Call) -> dict[str, Any]:
        name = call.path["name"]
        entry = self._tables.entry(name, call.actor)
        body = self._entry(entry, call)
        body |= {
            "columns": [], "partition_columns": [], "properties": {}, "location": self._tables.location(entry.thing),
            "written_by": self._writers(entry.thing.name, call),
        }  # fmt: skip
        if entry.problem is None:
            table = self._tables.handle(entry.thing)
            body |= {
                "columns": _columns(columns_of(table.schema)),
                "partition_columns": table.partition_columns,
                "properties": table.properties,
            }
        return body

    def sample(self, call: Call) -> dict[str, Any]:
        name = full_name(call.path["name"])
        limit = min(int(call.query.get("limit", 100)), SAMPLE_ROWS_MAX)
        version = call.query.get("version")
        travel = f" VERSION AS OF {int(version)}" if version is not None else ""
        schema, table = name.split(".")
        return _result(self._sql.execute(f'SELECT * FROM "{schema}"."{table}"{travel} LIMIT {limit}', call.actor))

    def history(self, call: Call) -> list[dict[str, Any]]:
        return [
            {
                "version": entry.version, "at_ms": entry.at_ms, "operation": entry.operation, "user": entry.user,
                "parameters": entry.parameters, "metrics": entry.metrics,
            }
            for entry in self._tables.open(call.path["name"], call.actor).history(HISTORY_MAX)
        ]  # fmt: skip

    def drop(self, call: Call) -> None:
        name = call.path["name"]
        writers = self._writers(full_name(name), call, running=True)
        if writers:
            raise Conflict(
                f"table {name!r} is written by the standing query {writers[0]!r}",
                code="table.in_use",
                hint="stop or delete the query first",
            )
        self._tables.drop(name, call.actor)

    def _entry(self, entry: TableEntry, call: Call) -> dict[str, Any]:
        return {
            "name": entry.thing.name,
            "owner": entry.thing.owner,
            "version": entry.version,
            "rows": entry.rows,
            "bytes": entry.bytes,
            "files": entry.files,
            "updated_at_ms": entry.updated_at_ms,
            "comment": entry.comment,
            "permission": (self._catalog.permission(entry.thing, call.actor) or Permission.READ).value,
            "problem": entry.problem,
        }

    def _writers(self, name: str, call: Call, *, running: bool = False) -> list[str]:
        found = []
        for query in self._catalog.list(call.actor, kind=Kind.QUERY):
            writes = query.spec.get("writes", [])
            if name in writes and (not running or query.spec.get("desired") == "running"):
                found.append(query.name)
        return found


class _ArrowStream:
    """A bounded pipe of IPC bytes from the thread that runs the statement to the response."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes | Exception | None] = queue.Queue(BATCHES_WAITING_MAX)
        self._closed = threading.Event()
        self.started = False

    def write(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """The statement's side: called once, with batches as they come."""
        self.started = True
        file = _QueueFile(self)
        with pa.ipc.new_stream(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        file.flush()

    def put(self, chunk: bytes) -> None:
        if self._closed.is_set():
            raise Conflict("the client has gone", code="sql.client_gone")
        try:
            self._chunks.put(chunk, timeout=CLIENT_WAIT_S)
        except queue.Full:
            raise Conflict("the client took nothing for a minute", code="sql.client_slow") from None

    def end(self, error: Exception | None) -> None:
        if not self._closed.is_set():
            try:
                self._chunks.put(error, timeout=CLIENT_WAIT_S)
            except queue.Full:
                self._closed.set()

    def next(self) -> bytes | None:
        """The response's side: the next bytes, None at the end; raises what the statement raised."""
        item = self._chunks.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def chunks(self, first: bytes | None) -> AsyncIterator[bytes]:
        try:
            chunk = first
            while chunk is not None:
                yield chunk
                chunk = await run(self.next)
        finally:
            self._closed.set()
            # Make room, so that a writer which is waiting sees that nobody reads any more.
            while not self._chunks.empty():
                self._chunks.get_nowait()


class _QueueFile:
    """What pyarrow writes to: gathers small pieces, so that a batch is one chunk."""

    closed = False

    def __init__(self, stream: _ArrowStream) -> None:
        self._stream = stream
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._parts.append(piece)
        self._size += len(piece)
        if self._size >= 1 << 18:
            self.flush()
        return len(piece)

    def flush(self) -> None:
        if self._parts:
            self._stream.put(b"".join(self._parts))
            self._parts, self._size = [], 0

    def close(self) -> None:
        self.flush()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _columns(columns: Iterable[Column]) -> list[dict[str, Any]]:
    return [{"name": c.name, "type": c.type, "nullable": c.nullable} for c in columns]


def _result(result: Result) -> dict[str, Any]:
    return {
        "id": result.id,
        "statement": result.statement,
        "columns": _columns(result.columns),
        "rows": json_rows(result.rows),
        "row_count": result.rows.num_rows,
        "truncated": result.truncated,
        "affected_rows": result.affected_rows,
        "tables": result.tables,
        "read": [{"name": name, "version": version} for name, version in result.versions],
        "elapsed_ms": result.elapsed_ms,
    }
