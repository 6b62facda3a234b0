"""Where a standing query's rows go: a Delta table, or a stream. Each takes an epoch's rows exactly once.

Called by `query`. Two steps: `stage` makes the rows safe without anybody seeing them, then the checkpoint is written, then
`commit` shows them, and may be repeated after a crash: a table remembers the epoch as its `txn`, a stream as the producer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import orjson
import pyarrow as pa

from gureum.errors import Conflict, InvalidInput, NotFound
from gureum.names import did_you_mean, table_name
from gureum.sql.types import sql_type
from gureum.tables.table import StagedFile, Table
from gureum.tables.tables import Tables
from gureum.types import Actor, Permission

__all__ = [
    "CatalogTables",
    "FolderTables",
    "Sink",
    "Staged",
    "StreamSink",
    "StreamWriter",
    "TableAccess",
    "TableSink",
    "check_table",
    "ready_table",
]

# Bytes of one put of a stream sink: below what the log lets wait for a shard.
PUT_BYTES_MAX = 4 << 20

# Puts of one epoch at most; an epoch's number leaves room for so many, so that each put has its own.
PUTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Staged:
    """An epoch's rows for one sink, as a checkpoint keeps them until they are committed."""

    rows: int
    values: dict[str, Any] = field(default_factory=dict)
    table: pa.Table | None = None


class Sink(Protocol):
    def stage(self, rows: pa.Table) -> Staged:
        """Make the rows durable, invisible; raises InvalidInput if they do not fit, Unavailable."""

    def commit(self, staged: Staged, epoch: int) -> None:
        """Show the staged rows once, however often this is called for the epoch."""


class TableAccess(Protocol):
    """Tables by their catalog names, as the query's owner may use them."""

    def open(self, name: str) -> Table | None:
        """The table at its newest version, ready to be written; None if there is none."""

    def create(self, name: str, schema: pa.Schema, *, comment: str) -> Table:
        """Make the table, or open it if somebody else just did."""


class StreamWriter(Protocol):
    def put(self, stream: str, keys: Sequence[bytes], data: Sequence[bytes], *, producer: tuple[str, int]) -> None:
        """Put records durably, once for each number of the producer; raises Unavailable, NotFound."""


class CatalogTables:
    """The catalog's tables with an actor's permissions."""

    def __init__(self, tables: Tables, actor: Actor) -> None:
        self._tables = tables
        self._actor = actor

    def open(self, name: str) -> Table | None:
        try:
            thing = self._tables.resolve(name, self._actor, Permission.WRITE)
        except NotFound:
            return None
        # A name whose files are gone raises: never an empty table in its place.
        return self._tables.handle(thing)

    def create(self, name: str, schema: pa.Schema, *, comment: str) -> Table:
        try:
            return self._tables.create(name, self._actor, schema, comment=comment)
        except Conflict:
            return self._tables.open(name, self._actor, Permission.WRITE)


class FolderTables:
    """Tables below a folder, without a catalog: `alerts.hot` is the folder alerts/hot. For libraries and tests."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, Table] = {}

    def open(self, name: str) -> Table | None:
        if name in self._open:
            self._open[name].refresh()
            return self._open[name]
        path = self._path(name)
        if not (path / "_delta_log").is_dir():
            return None
        self._open[name] = Table.open(str(path))
        return self._open[name]

    def create(self, name: str, schema: pa.Schema, *, comment: str) -> Table:
        try:
            self._open[name] = Table.create(str(self._path(name)), schema, comment=comment)
        except Conflict:
            self._open[name] = Table.open(str(self._path(name)))
        return self._open[name]

    def _path(self, name: str) -> Path:
        schema, table = table_name(name)
        return self._root / schema / table


class TableSink:
    """Appends to one Delta table, which is made with the first rows if it is not there."""

    def __init__(self, name: str, schema: pa.Schema, access: TableAccess, *, app_id: str, comment: str) -> None:
        self._name = name
        self._schema = schema
        self._access = access
        self._app_id = app_id
        self._comment = comment

    def stage(self, rows: pa.Table) -> Staged:
        files = ready_table(self._name, self._schema, self._access, comment=self._comment).stage(rows)
        return Staged(rows.num_rows, {"files": [file.to_json() for file in files]})

    def commit(self, staged: Staged, epoch: int) -> None:
        table = self._access.open(self._name)
        if table is None:
            raise NotFound(
                f"table {self._name!r} is gone, with rows that were staged for it",
                code="query.sink_gone",
                hint="reset the query to compute them again",
            )
        files = [StagedFile.from_json(file) for file in staged.values["files"]]
        table.commit(files, txn=(self._app_id, epoch), operation="STREAMING UPDATE")


def ready_table(name: str, schema: pa.Schema, access: TableAccess, *, comment: str) -> Table:
    """The table, made now if it is not there."""
    return access.open(name) or access.create(name, schema, comment=comment)


def check_table(name: str, schema: pa.Schema, access: TableAccess) -> None:
    """Whether a table that exists takes rows of this schema; InvalidInput names the column that does not fit."""
    table = access.open(name)
    if table is None:
        return
    have = table.schema
    for item in schema:
        if item.name not in have.names:
            raise InvalidInput(
                f"table {name!r} has no column {item.name!r}",
                code="query.sink_schema",
                hint=did_you_mean(item.name, have.names) or f"columns: {', '.join(have.names)}",
            )
        given, wanted = sql_type(item.type), sql_type(have.field(item.name).type)
        if given != wanted and not _widens(item.type, have.field(item.name).type):
            raise InvalidInput(
                f"column {item.name!r} of table {name!r} is {wanted}, the query gives {given}",
                code="query.sink_schema",
                hint=f"CAST({item.name} AS {wanted})",
            )


def _widens(given: pa.DataType, wanted: pa.DataType) -> bool:
    kind = pa.types
    if kind.is_integer(given) and kind.is_integer(wanted):
        return bool(given.bit_width <= wanted.bit_width)
    if kind.is_integer(given) or kind.is_floating(given):
        return bool(kind.is_float64(wanted))
    return bool(kind.is_decimal(given) and kind.is_decimal(wanted)) or bool(
        kind.is_nested(given) and kind.is_nested(wanted)
    )


class StreamSink:
    """Puts each row as a JSON record. The checkpoint keeps the records until the stream has them."""

    def __init__(self, stream: str, writer: StreamWriter, *, app_id: str, partition_key: str | None) -> None:
        self._stream = stream
        self._writer = writer
        self._app_id = app_id
        self._partition_key = partition_key

    def stage(self, rows: pa.Table) -> Staged:
        data = [_record(row) for row in rows.to_pylist()]
        if self._partition_key is None:
            # Spread evenly, and the same again after a crash.
            keys = [f"{self._app_id}-{index}".encode()[-256:] for index in range(len(data))]
        else:
            column = rows.column(self._partition_key).to_pylist()
            keys = [(str(value) if value is not None else "null")[:256].encode() or b"null" for value in column]
        table = pa.table({"key": pa.array(keys, pa.binary()), "data": pa.array(data, pa.binary())})
        return Staged(rows.num_rows, {}, table)

    def commit(self, staged: Staged, epoch: int) -> None:
        assert staged.table is not None
        keys, data = staged.table.column("key").to_pylist(), staged.table.column("data").to_pylist()
        start = 0
        for part in range(PUTS_MAX):
            end, size = start, 0
            while end < len(data) and (end == start or size + len(data[end]) <= PUT_BYTES_MAX) and end - start < 10_000:
                size += len(data[end])
                end += 1
            if start == end:
                return
            producer = (self._app_id, epoch * PUTS_MAX + part)
            self._writer.put(self._stream, keys[start:end], data[start:end], producer=producer)
            start = end
        raise InvalidInput(f"an epoch's rows for stream {self._stream!r} are too many", code="query.sink_size")


def _record(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row, default=_json_value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)


def _json_value(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)
