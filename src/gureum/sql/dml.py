"""UPDATE and DELETE: DuckDB says which rows change into what, the files that hold them are written anew.

Called by `sql.py`; `merge.py` shares `Target` and `rewrite`. Each expression is computed once, in the engine that runs
SELECT, so that it means the same; rows are known by file and place in the file, so that equal rows are kept apart. Promise:
the count is of the rows that changed; all of it is one version or nothing; others' commits in between make it compute again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from gureum.catalog.catalog import Thing
from gureum.errors import Conflict, InternalError, InvalidInput
from gureum.names import did_you_mean
from gureum.sql.changes import Assignment, Delete, Update
from gureum.sql.engine import Engine
from gureum.sql.pieces import Generated, Name
from gureum.sql.quoting import literal, quoted
from gureum.sql.types import duckdb_type
from gureum.sql.work import PARAMETER, Work
from gureum.tables.change import Change
from gureum.tables.snapshot import DataFile, Layout, Snapshot
from gureum.tables.staging import FEED_COLUMN, StagedFile
from gureum.tables.table import Stale, Table
from gureum.types import Permission

__all__ = ["Target", "change_table", "delete", "refuse_doubles", "update"]

# Others' commits that a statement is computed anew for; between processes only, for statements of one take turns.
TRIES_MAX = 20

# How often a statement that waits for its turn looks whether it was cancelled.
TURN_LOOK_S = 0.1

# Columns of a row that an error shows.
SHOWN_COLUMNS = 5

Compute = Callable[["Target"], tuple[Change, int]]


class Target:
    """The table that a statement changes, at the version that it is computed for, on one engine."""

    def __init__(
        self,
        work: Work,
        engine: Engine,
        thing: Thing,
        table: Table,
        snapshot: Snapshot,
        alias: str,
        new: Callable[[], str],
    ) -> None:
        self.work = work
        self.engine = engine
        self.table = table
        self.snapshot = snapshot
        self.alias = quoted(alias)
        self.new = new
        self.file, self.row = new(), new()  # columns with names that nobody can guess
        self.staged: list[StagedFile] = []
        self._location = work.tables.location(thing)
        self._name = thing.name

    @property
    def columns(self) -> list[str]:
        return list(self.snapshot.layout.schema.names)

    def scan(self, *, files: Sequence[str] | None = None) -> str:
        """The table's rows with their file and their place in it, under the statement's alias."""
        columns = ", ".join(quoted(name) for name in self.columns)
        only = ""
        if files is not None:
            only = f" WHERE {self.file} IN ({', '.join(literal(file) for file in files)})" if files else " WHERE false"
        return (
            f"(SELECT {columns}, {self.file}, file_row_number AS {self.row} FROM delta_scan({literal(self._location)}, "
            f"version = {self.snapshot.version}, filename = '{self.file}'){only}) AS {self.alias}"
        )

    def column(self, name: Name) -> pa.Field:
        """The column that is assigned. Raises InvalidInput with near names."""
        parts = name.parts
        tables = {self.alias.strip('"').lower(), self._name.rpartition(".")[2].lower()}
        if len(parts) > 1 and parts[0].lower() in tables:
            parts = parts[1:]
        if len(parts) > 1:
            raise self.work.statement.fail(
                f"a field of column {parts[0]!r} cannot be set by itself", at=name.start, code="sql.unsupported",
                hint=f"SET {parts[0]} = struct_update({parts[0]}, {parts[1]} := ...)",
            )  # fmt: skip
        for field in self.snapshot.layout.schema:
            if field.name.lower() == parts[0].lower():
                return field
        raise self.work.statement.fail(
            f"table {self._name!r} has no column {parts[0]!r}", at=name.start, code="table.column",
            hint=did_you_mean(parts[0], self.columns) or f"the columns are {', '.join(self.columns[:20])}",
        )  # fmt: skip

    def run(self, generated: Generated) -> list[tuple[Any, ...]]:
        """Run generated SQL with the statement's parameters; errors point at the pieces that it was made of."""
        with self.work.errors(generated.way_back()):
            return self.engine.run(generated.text, self._parameters(generated.text))

    def make(self, generated: Generated, columns: Sequence[str]) -> str:
        """A temporary table of a generated SELECT, which must have just these columns."""
        name = self.new()
        made = Generated(generated.anchor)
        made.add(f"CREATE TEMP TABLE {name} AS ", (generated.text, generated.way_back()))
        self.run(made)
        found = [row[0] for row in self.engine.run(f"SELECT column_name FROM (DESCRIBE {name})")]
        if found != list(columns):
            # Such as COLUMNS(*), which is several values.
            raise self.work.statement.fail("an expression here is not one value", at=generated.anchor)
        return name

    def stage(self, sql: str, layout: Layout) -> list[StagedFile]:
        """The rows of a query of ours as data files."""
        return self._stage(sql, lambda rows: self.table.stage(rows, layout=layout))

    def stage_feed(self, selects: Sequence[str], layout: Layout) -> list[StagedFile]:
        if not selects or not layout.has_change_feed:
            return []
        columns = ", ".join(quoted(name) for name in [*layout.schema.names, FEED_COLUMN])
        sql = f"FROM ({' UNION ALL '.join(selects)}) AS feed({columns})"
        return self._stage(sql, lambda rows: self.table.stage_feed(rows, layout=layout))

    def names(self, ids: str) -> list[str]:
        """The data files that row ids are about, as the engine names them. `ids` stands after FROM."""
        return [name for (name,) in self.engine.run(f"SELECT DISTINCT {self.file} FROM {ids} ORDER BY 1")]

    def engine_names(self, files: Sequence[DataFile]) -> list[str]:
        """Data files as the engine names them."""
        return [f"{self._location.rstrip('/')}/{file.name}" for file in files]

    def shown(self, file: str, row: int) -> str:
        """A row as an error shows it."""
        columns = ", ".join(quoted(name) for name in self.columns[:SHOWN_COLUMNS])
        (values,) = self.engine.run(f"SELECT {columns} FROM {self.scan(files=[file])} WHERE {self.row} = {row}")
        return ", ".join(f"{name} = {value}" for name, value in zip(self.columns, values, strict=False))

    def rewrite(self, change: Change, ids: str, added: Sequence[str], layout: Layout) -> None:
        """Into `change`: the files with rows in `ids` are taken away, what they keep and the `added` rows written.

        `ids` is a table of files and rows; `added` are SELECTs of all columns of `layout`, in order.
        """
        names = self.names(ids)
        known = dict(zip(self.engine_names(self.snapshot.files), self.snapshot.files, strict=True))
        if not known.keys() >= set(names):
            raise InternalError(f"a file of table {self._name!r} is not in its version", code="sql.file")
        change.removed = [known[name] for name in names]
        had = {name.lower() for name in self.columns}
        columns = ", ".join(
            f'{self.alias}.{quoted(field.name)}' if field.name.lower() in had
            else f'CAST(NULL AS {duckdb_type(field.type)}) AS {quoted(field.name)}'
            for field in layout.schema
        )  # fmt: skip
        kept = (
            f"SELECT {columns} FROM {self.scan(files=names)} ANTI JOIN {ids} AS gone "
            f"ON gone.{self.file} = {self.alias}.{self.file} AND gone.{self.row} = {self.alias}.{self.row}"
        )
        # New rows first: an error that tells of a row by its number then counts those of the statement.
        selects = [*added, kept] if names else list(added)
        if selects:
            change.added = self.stage(" UNION ALL ".join(selects), layout)
        change.metrics["numRemovedFiles"] = len(change.removed)
        change.metrics["numAddedFiles"] = len(change.added)

    def before(self, ids: str, kind: str, missing: str = "") -> str:
        """A SELECT of rows as they were, for the change feed; `missing` stands for columns that are new."""
        columns = ", ".join(f"{self.alias}.{quoted(name)}" for name in self.columns)
        return (
            f"SELECT {columns}{missing}, '{kind}' AS {FEED_COLUMN} FROM {self.scan(files=self.names(ids))} SEMI JOIN {ids} AS gone "
            f"ON gone.{self.file} = {self.alias}.{self.file} AND gone.{self.row} = {self.alias}.{self.row}"
        )

    def _stage(self, sql: str, write: Callable[[pa.Table], list[StagedFile]]) -> list[StagedFile]:
        def stage(rows: pa.Table) -> list[StagedFile]:
            staged = write(rows)
            self.staged += staged
            return staged

        with self.work.errors([(0, self.work.statement.start)]):
            return self.work.stage(self.engine, self.engine.query(sql), stage)

    def _parameters(self, text: str) -> dict[str, Any]:
        given = {f"{PARAMETER}{n}": value for n, value in enumerate(self.work.parameters or (), 1)}
        return {name: value for name, value in given.items() if f"${name}" in text}


def change_table(
    work: Work,
    name: str,
    alias: str | None,
    compute: Compute,
    *,
    permission: Permission = Permission.WRITE,
    takes_rows: bool = True,
) -> int:
    """Compute a change and commit it, again and again until nobody came in between. Returns the rows that it affected.

    `takes_rows`: it may take rows or files away, which some tables' features forbid.
    """
    thing, table = work.resolve(name, permission)
    while not table.turn.acquire(timeout=TURN_LOOK_S):
        work.check_stop()
    try:
        return work.on_engine(lambda engine: _change(work, engine, thing, table, alias, compute, takes_rows))
    finally:
        table.turn.release()


def _change(
    work: Work, engine: Engine, thing: Thing, table: Table, alias: str | None, compute: Compute, takes_rows: bool
) -> int:
    work.check_functions()
    for _ in range(TRIES_MAX):
        with work.at_name(thing.name):
            snapshot = table.snapshot(to_change=takes_rows)
        _check_names(snapshot)
        work.pin(thing, table, snapshot.version)
        engine.trim()
        with engine.scratch() as new:
            target = Target(
                work, engine, thing, table, snapshot, alias or thing.name.rpartition(".")[2], new
            )  # fmt: skip
            try:
                change, affected = compute(target)
            except BaseException:
                table.discard(target.staged)
                raise
        try:
            if not change.is_empty:
                table.publish(change, user=work.actor.user)
            return affected
        except Stale:  # nothing was committed; after any other error it may have been, and then needs its files
            table.discard(target.staged)
            work.unread()
    raise Conflict(
        f"others changed table {thing.name!r} {TRIES_MAX} times in a row", code="table.contention",
        hint="try again, or change fewer rows at once",
    )  # fmt: skip


def update(work: Work, command: Update) -> int:
    """UPDATE t SET ... [FROM ...] [WHERE ...]."""

    def compute(target: Target) -> tuple[Change, int]:
        assigned = _assigned(target, command.assignments)
        generated = Generated(command.table.start).add(
            f"SELECT {target.alias}.{target.file}, {target.alias}.{target.row}"
        )
        names = [target.file, target.row]
        for field in target.snapshot.layout.schema:
            names.append(field.name)
            found = assigned.get(field.name)
            if found is None:
                generated.add(f", {target.alias}.{quoted(field.name)}")
            else:
                kind, name = duckdb_type(field.type), quoted(field.name)
                generated.add(", CAST((", work.piece(target.engine, found.value), f") AS {kind}) AS {name}")
        generated.add(f" FROM {target.scan()}")
        _source_and_where(target, generated, command)
        rows = target.make(generated, names)
        refuse_doubles(target, rows, "the rows of FROM")
        ((count,),) = target.engine.run(f"SELECT count(*) FROM {rows}")
        change = Change(target.snapshot, "UPDATE", parameters=_predicate(work, command))
        if count:
            layout = target.snapshot.layout
            columns = ", ".join(quoted(name) for name in target.columns)
            after = f"SELECT {columns} FROM {rows}"
            target.rewrite(change, rows, [after], layout)
            if layout.has_change_feed:
                feed = [target.before(rows, "update_preimage"), f"SELECT {columns}, 'update_postimage' FROM {rows}"]
                change.feed = target.stage_feed(feed, layout)
            change.metrics["numUpdatedRows"] = count
        return change, count

    return change_table(work, command.table.text, command.alias, compute)


def delete(work: Work, command: Delete) -> int:
    """DELETE FROM t [USING ...] [WHERE ...], and TRUNCATE."""

    def compute(target: Target) -> tuple[Change, int]:
        snapshot = target.snapshot
        change = Change(snapshot, "DELETE", parameters=_predicate(work, command))
        everything = command.where is None and command.source is None and not snapshot.layout.has_change_feed
        if everything and snapshot.rows is not None:
            change.removed = list(snapshot.files)
            change.metrics = {"numDeletedRows": snapshot.rows, "numRemovedFiles": len(snapshot.files)}
            return change, snapshot.rows
        generated = Generated(command.table.start).add(
            f"SELECT DISTINCT {target.alias}.{target.file}, {target.alias}.{target.row} FROM {target.scan()}"
        )
        _source_and_where(target, generated, command)
        ids = target.make(generated, [target.file, target.row])
        ((count,),) = target.engine.run(f"SELECT count(*) FROM {ids}")
        if count:
            target.rewrite(change, ids, [], snapshot.layout)
            change.feed = target.stage_feed(
                [target.before(ids, "delete")] if snapshot.layout.has_change_feed else [], snapshot.layout
            )
            change.metrics["numDeletedRows"] = count
        return change, count

    return change_table(work, command.table.text, command.alias, compute)


def _assigned(target: Target, assignments: Sequence[Assignment]) -> dict[str, Assignment]:
    found: dict[str, Assignment] = {}
    for assignment in assignments:
        field = target.column(assignment.column)
        if field.name in found:
            raise target.work.statement.fail(
                f"column {field.name!r} is set twice", at=assignment.column.start, code="sql.columns"
            )
        found[field.name] = assignment
    return found


def _source_and_where(target: Target, generated: Generated, command: Update | Delete) -> None:
    work = target.work
    if command.source is not None:
        generated.add(", ", work.piece(target.engine, command.source, relation=True))
    if command.where is not None:
        generated.add(" WHERE (", work.piece(target.engine, command.where), ")")


def refuse_doubles(target: Target, rows: str, what: str) -> None:
    """Raises InvalidInput that shows a row of the table which comes twice."""
    doubles = target.engine.run(
        f"SELECT {target.file}, {target.row}, count(*) FROM {rows} GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
    )
    for file, row, count in doubles:
        raise InvalidInput(
            f"{count} of {what} match one row of the table, and which should win is not said: {target.shown(file, row)}",
            code="sql.ambiguous", hint="let at most one match, such as by GROUP BY or QUALIFY row_number() OVER (...) = 1",
        )  # fmt: skip


def _predicate(work: Work, command: Update | Delete) -> dict[str, str]:
    """The condition as the history shows it."""
    if command.where is None:
        return {}
    return {"predicate": work.statement.script[command.where.start : command.where.end]}


def _check_names(snapshot: Snapshot) -> None:
    if any(name.lower() == "file_row_number" for name in snapshot.layout.schema.names):
        raise InvalidInput(
            "a table with a column named 'file_row_number' cannot be changed row by row", code="table.column",
            hint="make a table without it by CREATE TABLE ... AS SELECT",
        )  # fmt: skip
