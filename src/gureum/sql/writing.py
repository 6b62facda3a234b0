"""Statements that make tables and add or replace all rows: CREATE [OR REPLACE] TABLE, INSERT, COMMENT ON, DROP TABLE.

Called by `sql.py`. Promise: a statement that fails leaves no version and no table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from gureum.catalog.catalog import Thing
from gureum.errors import Conflict, GureumError
from gureum.names import did_you_mean
from gureum.sql import parse
from gureum.sql.engine import Engine, EngineError
from gureum.sql.quoting import quoted
from gureum.sql.types import duckdb_type
from gureum.sql.work import Work
from gureum.tables.change import Change, Reads
from gureum.tables.constraints import PREFIX, bind, checks_of, spark_expression
from gureum.tables.properties import check_properties, protocol_for
from gureum.tables.rows import table_schema
from gureum.tables.snapshot import Layout, Snapshot
from gureum.tables.staging import StagedFile
from gureum.tables.table import Stale, Table
from gureum.types import Permission

__all__ = ["comment", "create", "drop", "insert", "new_check", "new_fields"]

# How often a statement is computed again when others come in between.
TRIES_MAX = 20


# --- INSERT ----------------------------------------------------------------------------------------------------------


def insert(work: Work, command: parse.Insert) -> int:
    """INSERT INTO, INSERT OVERWRITE. Returns how many rows were added."""
    thing, table = work.resolve(command.table, Permission.WRITE)
    for _ in range(TRIES_MAX):
        try:
            return work.on_engine(lambda engine: _insert(work, engine, thing, table, command))
        except Stale:
            work.unread()
    raise _contended(thing)


def _insert(work: Work, engine: Engine, thing: Thing, table: Table, command: parse.Insert) -> int:
    schema = table.schema
    names = list(command.columns) if command.columns is not None else schema.names
    by_lower = {field.name.lower(): field for field in schema}
    for name in names:
        if name.lower() not in by_lower:
            raise work.statement.fail(
                f"table {command.table!r} has no column {name!r}", at=work.statement.start, code="table.column",
                hint=did_you_mean(name, schema.names),
            )  # fmt: skip
    body, back = work.rewritten(engine, command.tree.expression, start=command.body_start)
    if command.by_name:
        prefix, suffix = "SELECT * FROM (", ")"
    else:
        # The database casts as SQL does ('2026-01-31' is a date); Arrow alone would refuse.
        casts = ", ".join(
            f"CAST(b.{quoted(n)} AS {duckdb_type(by_lower[n.lower()].type)}) AS {quoted(n)}" for n in names
        )
        prefix = f"SELECT {casts} FROM ("
        suffix = f") AS b({', '.join(map(quoted, names))})"
    with work.errors([(new + len("SELECT * FROM ("), old) for new, old in back]):
        given = len(engine.query(f"SELECT * FROM ({body}) LIMIT 0", work.parameters).schema)
    if given != len(names) and not command.by_name:
        raise work.statement.fail(
            f"{given} columns are given for {len(names)}", at=command.body_start, code="sql.columns",
            hint=f"the columns are {', '.join(names)}",
        )  # fmt: skip
    with work.errors([(new + len(prefix), old) for new, old in back]):
        staged = work.stage(engine, engine.query(prefix + body + suffix, work.parameters), table.stage)
    read_itself = thing.name in work.read
    if command.overwrite:
        _overwrite(work, thing, table, staged, read_itself=read_itself)
    elif read_itself and staged:
        # Rows that came from the table itself: what others changed since must not be missed.
        snapshot = table.snapshot(to_change=False, version=work.pinned(thing))
        try:
            _publish(work, table, Change(snapshot, "INSERT", Reads.ROWS, added=list(staged)), staged)
        except Stale:
            table.discard(staged)
            raise
    elif staged:
        table.commit(staged, operation="INSERT", user=work.actor.user)
    return sum(file.rows for file in staged)


def _overwrite(work: Work, thing: Thing, table: Table, staged: list[StagedFile], *, read_itself: bool) -> None:
    """All rows of the table by the staged ones."""
    for _ in range(TRIES_MAX):
        with work.at_name(thing.name):
            snapshot = table.snapshot(version=work.pinned(thing) if read_itself else None)
        reads = Reads.ROWS if read_itself else Reads.ALL
        change = Change(snapshot, "INSERT OVERWRITE", reads, removed=list(snapshot.files), added=list(staged))
        try:
            if not change.is_empty:
                _publish(work, table, change, staged)
            return
        except Stale:
            if read_itself:
                table.discard(staged)
                raise
    raise _contended(thing)


def _publish(work: Work, table: Table, change: Change, staged: Sequence[StagedFile]) -> None:
    change.metrics |= {"numOutputRows": sum(file.rows for file in staged), "numAddedFiles": len(staged)}
    table.publish(change, user=work.actor.user)


def _contended(thing: Thing) -> Conflict:
    return Conflict(
        f"others changed table {thing.name!r} {TRIES_MAX} times in a row", code="table.contention", hint="try again"
    )


# --- CREATE, COMMENT, DROP --------------------------------------------------------------------------------------------


def create(work: Work, command: parse.CreateTable) -> int | None:
    """CREATE [OR REPLACE] TABLE [AS SELECT]. Returns the rows of the SELECT, None without one."""
    exists = work.exists(command.table)
    if command.if_not_exists and exists:
        return None
    if command.replace and exists:
        return work.on_engine(lambda engine: _replace(work, engine, command))
    return work.on_engine(lambda engine: _create(work, engine, command))


def _create(work: Work, engine: Engine, command: parse.CreateTable) -> int | None:
    def make(schema: pa.Schema) -> Table:
        layout = checked_layout(work, schema, command)
        return work.tables.create(
            command.table, work.actor, layout.schema, partition_by=command.partition_by, comment=command.comment,
            properties=layout.properties,
        )  # fmt: skip

    if command.body_start is None:
        make(_new_schema(work, engine, command))
        return None
    body, back = work.rewritten(engine, command.tree.expression, start=command.body_start)
    with work.errors(back):
        reader = engine.query(body, work.parameters)
        table = make(reader.schema)
        try:
            staged = work.stage(engine, reader, table.stage)
            table.commit(staged, operation="CREATE TABLE AS SELECT", user=work.actor.user)
        except BaseException:
            work.tables.drop(command.table, work.actor)
            raise
    return sum(file.rows for file in staged)


def _replace(work: Work, engine: Engine, command: parse.CreateTable) -> int | None:
    """Another table under the same name: its grants stay, and its versions, so that RESTORE brings the old one back."""
    thing, table = work.resolve(command.table, Permission.MANAGE)
    staged: list[StagedFile] = []
    if command.body_start is None:
        layout = checked_layout(work, _new_schema(work, engine, command), command)
    else:
        body, back = work.rewritten(engine, command.tree.expression, start=command.body_start)
        with work.errors(back):
            reader = engine.query(body, work.parameters)
            layout = checked_layout(work, reader.schema, command)
            staged = work.stage(engine, reader, lambda rows: table.stage(rows, layout=layout))
    for _ in range(TRIES_MAX):
        with work.at_name(thing.name):
            snapshot = table.snapshot()
        protocol = protocol_for(layout, snapshot.protocol)
        change = Change(
            snapshot, "CREATE OR REPLACE TABLE" + (" AS SELECT" if command.body_start is not None else ""), Reads.ALL,
            removed=list(snapshot.files), added=list(staged), protocol=protocol.to_action() if protocol else None,
            metadata=snapshot.metadata_action(layout, comment=command.comment or ""),
        )  # fmt: skip
        try:
            _publish(work, table, change, staged)
        except Stale:
            continue
        return None if command.body_start is None else sum(file.rows for file in staged)
    raise _contended(thing)


def checked_layout(work: Work, schema: pa.Schema, command: parse.CreateTable) -> Layout:
    """The layout that a CREATE TABLE asks for. Raises InvalidInput for what cannot be kept."""
    schema = table_schema(schema)
    properties = check_properties(command.properties)
    for check in command.checks:
        name = check.name or "check"
        number = 2
        while f"{PREFIX}{name.lower()}" in properties:
            if check.name:
                raise work.statement.fail(f"constraint {name!r} comes twice", at=check.start, code="table.check")
            name, number = f"check_{number}", number + 1
        properties |= new_check(work, schema, name, check)
    return Layout(schema, command.partition_by, properties)


def new_check(work: Work, schema: pa.Schema, name: str, check: parse.NewCheck) -> Mapping[str, str]:
    """A constraint as a table's properties hold it."""
    try:
        found = {f"{PREFIX}{name.lower()}": spark_expression(check.expression)}
        for made in checks_of(found):
            bind(made, schema)
    except GureumError as error:
        raise work.placed(error, check.start) from error
    return found


def _new_schema(work: Work, engine: Engine, command: parse.CreateTable) -> pa.Schema:
    return pa.schema(new_fields(work, engine, command.columns))


def new_fields(work: Work, engine: Engine, columns: Sequence[parse.NewColumn]) -> list[pa.Field]:
    """Columns as Arrow fields, by what DuckDB makes of their types."""
    fields = []
    for column in columns:
        try:
            kind = engine.query(f"SELECT CAST(NULL AS {column.type}) LIMIT 0").schema.field(0).type
        except EngineError as error:
            raise work.statement.fail(
                f"column {column.name!r}: {error.message}", at=column.start, code="sql.type"
            ) from error
        metadata = {"comment": column.comment} if column.comment else None
        fields.append(pa.field(column.name, kind, column.nullable, metadata))
    return fields


def comment(work: Work, command: parse.Comment) -> None:
    """COMMENT ON TABLE, COMMENT ON COLUMN."""
    thing, table = work.resolve(command.table, Permission.MANAGE)
    for _ in range(TRIES_MAX):
        with work.at_name(thing.name):
            snapshot = table.snapshot(to_change=False)
        if command.column is None:
            metadata = snapshot.metadata_action(comment=command.text)
        else:
            metadata = snapshot.metadata_action(_commented(work, snapshot, command.column, command.text))
        try:
            table.publish(Change(snapshot, "COMMENT", Reads.RULES, metadata=metadata), user=work.actor.user)
            return
        except Stale:
            continue
    raise _contended(thing)


def _commented(work: Work, snapshot: Snapshot, column: str, text: str) -> Layout:
    layout = snapshot.layout
    index = next((i for i, name in enumerate(layout.schema.names) if name.lower() == column.lower()), None)
    if index is None:
        raise work.statement.fail(
            f"there is no column {column!r}", at=work.statement.start, code="table.column",
            hint=did_you_mean(column, layout.schema.names),
        )  # fmt: skip
    field = layout.schema.field(index)
    metadata = {key: value for key, value in (field.metadata or {}).items() if key != b"comment"}
    if text:
        metadata[b"comment"] = text.encode()
    return Layout(
        layout.schema.set(index, field.with_metadata(metadata or None)), layout.partition_by, layout.properties
    )


def drop(work: Work, command: parse.DropTable) -> None:
    """DROP TABLE [IF EXISTS]."""
    if command.if_exists and not work.exists(command.table):
        return
    with work.at_name(command.table):
        work.tables.drop(command.table, work.actor)
