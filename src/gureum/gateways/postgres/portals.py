"""Statements that a session has prepared, and the rows that wait between a client's fetches.

Called by `session.py`. Rows are read once, from front to back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlglot import exp

from gureum.gateways.postgres import statements
from gureum.gateways.postgres.errors import SqlState
from gureum.gateways.postgres.rows import Column, columns_of
from gureum.gateways.postgres.types import BY_OID, PgType
from gureum.sql.script import Splice, Statement

__all__ = ["Portal", "Prepared", "Rows", "spooled", "system_columns"]

# Rows of a portal that a client fetches bit by bit wait in memory up to here, then in a file; an engine is not kept for them.
WAITING_MEMORY_BYTES = 32 << 20
WAITING_BYTES_MAX = 8 << 30


@dataclass(slots=True)
class Prepared:
    """A statement that was parsed: what it asks for, the types of its parameters, its columns once they are known."""

    request: statements.Request | None  # None: an empty statement
    statement: Statement | None
    types: list[PgType] = field(default_factory=list)
    tree: exp.Expr | None = None  # of a statement about the catalog
    splices: list[Splice] = field(default_factory=list)
    columns: list[Column] | None = None
    described: bool = False


@dataclass(slots=True)
class Portal:
    """A statement with its parameters, and the rows that wait after a part was fetched."""

    prepared: Prepared
    parameters: list[Any]
    formats: list[int]
    rows: Rows | None = None


class Rows:
    """A result's rows, read once from front to back."""

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch], columns: list[Column]) -> None:
        self.schema = schema
        self.columns = columns
        self._batches = batches
        self._rest: pa.RecordBatch | None = None

    def take(self, count: int | None) -> Iterator[pa.RecordBatch]:
        """The next rows, at most `count`."""
        left = count
        while left is None or left > 0:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            self._rest = None
            if batch is None:
                return
            if left is not None and batch.num_rows > left:
                self._rest, batch = batch.slice(left), batch.slice(0, left)
            if left is not None:
                left -= batch.num_rows
            if batch.num_rows:
                yield batch

    @property
    def is_over(self) -> bool:
        while self._rest is None or not self._rest.num_rows:
            self._rest = next(self._batches, None)
            if self._rest is None:
                return True
        return False


def system_columns(schema: pa.Schema) -> list[Column]:
    """In the catalog, numbers without a sign are OIDs, and an enumeration is a "char"."""
    return [
        Column(column.name, BY_OID[26 if pa.types.is_uint32(one.type) else 18])
        if pa.types.is_uint32(one.type) or pa.types.is_dictionary(one.type)
        else column
        for column, one in zip(columns_of(schema), schema, strict=True)
    ]


def spooled(schema: pa.Schema, batches: Iterable[pa.RecordBatch], check: Callable[[], None]) -> Rows:
    """All rows, laid aside for a client that fetches them bit by bit. `check` is called between batches. Raises SqlState."""
    file = tempfile.SpooledTemporaryFile(max_size=WAITING_MEMORY_BYTES)  # noqa: SIM115 - it lives as long as the rows
    with pa.ipc.new_stream(file, schema) as writer:
        for batch in batches:
            check()
            writer.write_batch(batch)
            if file.tell() > WAITING_BYTES_MAX:
                raise SqlState(
                    "53200",
                    f"a cursor's rows take more than {WAITING_BYTES_MAX >> 30} GiB",
                    hint="read fewer, or no cursor",
                )
    file.seek(0)
    return Rows(schema, iter(pa.ipc.open_stream(file)), columns_of(schema))
