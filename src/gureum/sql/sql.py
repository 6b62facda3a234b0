"""SQL over tables: parse, authorise, run on DuckDB, write by the tables layer. The one SQL of every door.

Called by the doors and the SDK's library mode. Promise: a statement reads only what its actor may read, at versions fixed
when it starts; it ends within its time; errors point at line and column of the text that was typed.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from gureum.errors import Conflict, GureumError, InvalidInput, NotFound
from gureum.sql import alter, changes, commands, dml, merge, parse, reading, upkeep, views, writing
from gureum.sql.engine import EnginePool
from gureum.sql.reading import VERSIONS_METADATA, with_versions
from gureum.sql.script import split_script
from gureum.sql.types import columns_of, sql_type
from gureum.sql.words import Words
from gureum.sql.work import Outcome, Running, Shared, Sink, Work
from gureum.tables.tables import Tables, is_view
from gureum.types import Actor, Column

__all__ = ["VERSIONS_METADATA", "Completion", "Result", "Sql", "with_versions"]

INTERRUPT_EVERY_S = 0.05

# Names offered by completion; a larger catalog is searched, not listed.
COMPLETION_TABLES_MAX = 2_000

KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "JOIN", "LEFT JOIN", "ON", "USING", "AS", "WITH",
    "UNION ALL", "CASE", "WHEN", "THEN", "ELSE", "END", "AND", "OR", "NOT", "NULL", "IS", "IN", "BETWEEN", "LIKE", "DISTINCT",
    "OVER", "PARTITION BY", "QUALIFY", "CAST", "INTERVAL", "VERSION AS OF", "TIMESTAMP AS OF", "INSERT INTO", "VALUES",
    "INSERT OVERWRITE", "UPDATE", "SET", "DELETE FROM", "MERGE INTO", "WHEN MATCHED THEN", "WHEN NOT MATCHED THEN",
    "CREATE TABLE", "CREATE OR REPLACE TABLE", "PARTITIONED BY", "CHECK", "COMMENT", "DROP TABLE", "DESCRIBE", "DESCRIBE HISTORY",
    "SHOW TABLES", "DESC", "ASC",
)  # fmt: skip


@dataclass(slots=True)
class Result:
    """What a statement gave. `rows` holds at most the rows asked for; `truncated` says that there were more."""

    id: str
    statement: str
    rows: pa.Table
    truncated: bool = False
    affected_rows: int | None = None
    tables: list[str] = field(default_factory=list)
    versions: list[tuple[str, int]] = field(default_factory=list)  # what was read: table and version
    elapsed_ms: float = 0.0

    @property
    def columns(self) -> list[Column]:
        return [Column(f.name, sql_type(f.type), f.nullable) for f in self.rows.schema]


@dataclass(frozen=True, slots=True)
class Completion:
    tables: list[tuple[str, list[Column]]]
    functions: list[str]
    keywords: list[str]


class Sql:
    """Runs SQL for actors. Share one per process; safe between threads."""

    def __init__(self, tables: Tables, pool: EnginePool, *, timeout_s: float) -> None:
        self._tables = tables
        self._pool = pool
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        self._functions: list[str] = []
        self._refused: frozenset[str] | None = None
        self._shared = Shared(tables, pool, self._lock, self._learn_functions)

    def execute(
        self,
        sql: str,
        actor: Actor,
        *,
        parameters: Sequence[Any] | None = None,
        statement_id: str | None = None,
        timeout_s: float | None = None,
        rows_max: int | None = None,
        sink: Sink | None = None,
    ) -> Result:
        """Run a script's statements in order and return the last one's result.

        With `sink`, the rows of a SELECT go there batch by batch as they are made, and the result holds none.

        Raises InvalidInput with `line` and `column` details, NotFound with near names, PermissionDenied, LimitExceeded
        for time, memory and queue, Conflict when it was cancelled.
        """
        statements = split_script(sql)
        if parameters and len(statements) > 1:
            raise InvalidInput("parameters need a single statement", code="sql.parameters")
        started_s = time.monotonic()
        statement_id = statement_id or uuid.uuid4().hex
        running = Running(actor.user)
        with self._lock:
            if statement_id in self._running:
                raise Conflict(f"statement {statement_id!r} is running", code="sql.id", hint="choose another id")
            self._running[statement_id] = running
        limit_s = min(timeout_s or self._timeout_s, self._timeout_s)
        timer = threading.Timer(limit_s, self._stop, (statement_id, "timeout"))
        timer.daemon = True
        timer.start()
        result = Result(statement_id, "", pa.table({}))
        try:
            for statement in statements:
                last = statement is statements[-1]
                work = Work(
                    self._shared, statement, actor, running, parameters, rows_max if last else 0, sink if last else None
                )
                result = _run(work, statement_id)
        finally:
            timer.cancel()
            with self._lock:
                self._running.pop(statement_id, None)
        result.elapsed_ms = (time.monotonic() - started_s) * 1000
        return result

    def describe(self, sql: str, actor: Actor, *, parameters: Sequence[Any] | None = None) -> pa.Schema | None:
        """The columns of what one statement will give, without running a query; None when it gives no rows.

        `parameters` tell the types of the statement's own. Raises what `execute` raises.
        """
        (statement,) = split_script(sql)
        work = Work(self._shared, statement, actor, Running(actor.user), parameters, 0, None)
        command = parse.parse_statement(statement)
        if isinstance(command, parse.Select):
            return reading.columns(work, command)
        if isinstance(command, parse.Describe | parse.ShowTables | commands.Detail):
            return _dispatch(work, command).rows.schema
        return None

    def look(self, sql: str, actor: Actor) -> tuple[Any, dict[str, str]]:
        """One statement's tree, and the SQL types of its tables' columns; of those that the actor may read."""
        (statement,) = split_script(sql)
        try:
            tree = sqlglot.parse_one(statement.script[statement.start : statement.end], dialect=Words)
        except SqlglotError:
            return exp.Select(), {}
        found: dict[str, str] = {}
        for table in tree.find_all(exp.Table):
            name = ".".join(part for part in (table.db, table.name) if part)
            with contextlib.suppress(GureumError):
                thing = self._tables.resolve(name, actor)
                if is_view(thing):
                    columns = [Column(c["name"], c["type"], True) for c in thing.spec["columns"]]
                else:
                    columns = list(columns_of(self._tables.handle(thing).schema))
                found |= {column.name: column.type for column in columns}
        return tree, found

    def cancel(self, statement_id: str, actor: Actor) -> None:
        """Stop a running statement of one's own (administrators: of anyone). Raises NotFound when it does not run."""
        with self._lock:
            running = self._running.get(statement_id)
        if running is None or (running.user != actor.user and not actor.is_admin):
            raise NotFound(f"statement {statement_id!r} is not running", code="sql.not_running")
        self._stop(statement_id, "cancelled")

    def completion(self, actor: Actor) -> Completion:
        """The names that may follow at the cursor: tables with their columns, functions, keywords."""
        found = []
        for entry in self._tables.list_things(actor, views=True)[:COMPLETION_TABLES_MAX]:
            if is_view(entry):
                found.append((entry.name, [Column(c["name"], c["type"], True) for c in entry.spec["columns"]]))
                continue
            try:
                schema = self._tables.handle(entry).schema
            except GureumError:
                continue  # a damaged table is reported on its own page; completion goes without it
            found.append((entry.name, [Column(f.name, sql_type(f.type), f.nullable) for f in schema]))
        self._learn_functions()
        return Completion(found, self._functions, list(KEYWORDS))

    def _learn_functions(self) -> frozenset[str]:
        if self._refused is None:
            with self._pool.engine() as engine:
                self._functions = engine.function_names()
                self._refused = engine.refused_functions()
        return self._refused

    def _stop(self, statement_id: str, why: str) -> None:
        # Under the lock, so that a statement which has just ended cannot pass the interrupt on to its successor.
        with self._lock:
            running = self._running.get(statement_id)
            if running is None:
                return
            running.stop = running.stop or why
            if running.engine is not None:
                running.engine.interrupt()
        # DuckDB forgets an interrupt that comes just before a query begins: repeat it until the statement has ended.
        again = threading.Timer(INTERRUPT_EVERY_S, self._stop, (statement_id, why))
        again.daemon = True
        again.start()


def _run(work: Work, statement_id: str) -> Result:
    try:
        done = _dispatch(work, parse.parse_statement(work.statement))
    except RecursionError:  # in the parser, or in a walk over its tree
        raise work.too_deep() from None
    return Result(
        statement_id, done.kind, done.rows, done.truncated, done.affected, sorted(set(work.read)),
        versions=sorted(work.versions),
    )  # fmt: skip


def _dispatch(work: Work, command: parse.Command) -> Outcome:
    match command:
        case parse.Select():
            return reading.select(work, command)
        case parse.Insert():
            return Outcome("INSERT", affected=writing.insert(work, command))
        case changes.Update():
            return Outcome("UPDATE", affected=dml.update(work, command))
        case changes.Delete():
            return Outcome("DELETE", affected=dml.delete(work, command))
        case changes.Merge():
            return Outcome("MERGE", affected=merge.merge(work, command))
        case parse.CreateTable():
            return Outcome("CREATE TABLE", affected=writing.create(work, command))
        case parse.Comment():
            writing.comment(work, command)
            return Outcome("COMMENT")
        case commands.Detail():
            return Outcome("DESCRIBE DETAIL", upkeep.detail(work, command.table))
        case commands.Restore():
            return Outcome("RESTORE", upkeep.restore(work, command))
        case commands.Optimize():
            return Outcome("OPTIMIZE", upkeep.optimize(work, command))
        case commands.Vacuum():
            return Outcome("VACUUM", upkeep.vacuum(work, command))
        case (
            commands.AddColumns()
            | commands.SetProperties()
            | commands.UnsetProperties()
            | commands.AddCheck()
            | commands.DropCheck()
        ):
            alter.alter(work, command)
            return Outcome("ALTER TABLE")
        case commands.CreateView():
            views.create(work, command)
            return Outcome("CREATE VIEW")
        case commands.DropView():
            views.drop(work, command)
            return Outcome("DROP VIEW")
        case parse.DropTable():
            writing.drop(work, command)
            return Outcome("DROP TABLE")
        case parse.Describe(what="history"):
            return Outcome("DESCRIBE HISTORY", reading.history(work, command.table))
        case parse.Describe():
            return Outcome("DESCRIBE", reading.describe(work, command.table))
        case parse.ShowTables():
            return Outcome("SHOW TABLES", reading.show_tables(work))
