"""Predictions for a whole table: its rows by Arrow through a worker into a new table, in one commit.

Called by the sql process, which has the engine and the tables; the model is in its worker, as for an endpoint. Promise: the
new table has all rows with their predictions, or it does not exist.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gureum.errors import InvalidInput, Unavailable, from_json
from gureum.serving.bodies import ARROW, ROWS_MAX
from gureum.serving.frames import packed, take
from gureum.serving.workers import socket_address
from gureum.sql.sql import Sql
from gureum.tables.names import full_name
from gureum.tables.table import StagedFile, Table
from gureum.tables.tables import Tables
from gureum.types import Actor

__all__ = ["score"]

PREDICTION = "prediction"

# A worker ends a prediction after a minute.
ANSWER_S = 75.0

# Rows of one data file.
FILE_ROWS = 200_000


def score(
    sql: Sql, tables: Tables, actor: Actor, *, table: str, into: str, key: str, columns: Sequence[str], run_folder: Path
) -> int:
    """Returns how many rows the new table has. `columns` are those that the model takes; none means all."""
    writing = _Writing(tables, actor, into)
    worker = _Worker(run_folder, key)

    def take_rows(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        wanted = list(columns) or schema.names
        for name in wanted:
            if name not in schema.names:
                raise InvalidInput(
                    f"table {table!r} has no column {name!r}, which the model takes",
                    code="endpoint.column_missing",
                    hint=f"it has {', '.join(schema.names)}",
                    column=name,
                )
        if PREDICTION in schema.names:
            raise InvalidInput(f"table {table!r} has a column {PREDICTION!r} already", code="score.column")
        for batch in batches:
            for at in range(0, batch.num_rows, ROWS_MAX):
                rows = pa.Table.from_batches([batch.slice(at, ROWS_MAX)])
                writing.add(rows, worker.predict(rows.select(wanted)))

    try:
        schema, name = full_name(table).split(".")
        sql.execute(f'SELECT * FROM "{schema}"."{name}"', actor, sink=take_rows)
        return writing.commit()
    except BaseException:
        writing.undo()
        raise
    finally:
        worker.close()


class _Writing:
    """The new table, made when the first rows are known."""

    def __init__(self, tables: Tables, actor: Actor, name: str) -> None:
        self._tables = tables
        self._actor = actor
        self._name = name
        self._table: Table | None = None
        self._waiting: list[pa.Table] = []
        self._staged: list[StagedFile] = []
        self._rows = 0

    def add(self, rows: pa.Table, predictions: pa.Table) -> None:
        for name in predictions.column_names:
            called = name if name == PREDICTION else f"{PREDICTION}_{name}"
            rows = rows.append_column(called, predictions[name])
        if self._table is None:
            self._table = self._tables.create(self._name, self._actor, rows.schema)
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if sum(one.num_rows for one in self._waiting) >= FILE_ROWS:
            self._stage()

    def commit(self) -> int:
        if self._table is None:
            raise InvalidInput("the table has no rows to score", code="score.empty")
        self._stage()
        self._table.commit(self._staged, operation="SCORE", user=self._actor.user)
        return self._rows

    def undo(self) -> None:
        if self._table is not None:
            self._tables.drop(self._name, self._actor)

    def _stage(self) -> None:
        if self._waiting:
            assert self._table is not None
            self._staged += self._table.stage(pa.concat_tables(self._waiting, promote_options="default"))
            self._waiting = []


class _Worker:
    """A blocking connection to the model's worker."""

    def __init__(self, run_folder: Path, key: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_S)
        try:
            self._socket.connect(socket_address(run_folder, key))
        except OSError as error:
            self._socket.close()
            raise Unavailable("the model's process is not there", code="endpoint.away", hint="try again") from error
        self._buffer = bytearray()

    def predict(self, rows: pa.Table) -> pa.Table:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        try:
            said, body = self._ask({"content_type": ARROW, "accept": ARROW}, sink.getvalue().to_pybytes())
        except OSError as error:
            raise Unavailable("the model's process ended while it predicted", code="endpoint.worker_ended") from error
        if "error" in said:
            raise from_json(said["error"])
        return pa.ipc.open_stream(body).read_all()

    def _ask(self, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        self._socket.sendall(packed(header, body))
        while (frame := take(self._buffer)) is None:
            chunk = self._socket.recv(1 << 20)
            if not chunk:
                raise ConnectionResetError
            self._buffer += chunk
        return frame[0], frame[1]

    def close(self) -> None:
        self._socket.close()
