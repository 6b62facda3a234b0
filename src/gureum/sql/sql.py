"""SQL over tables: parse, authorise, run on DuckDB, write by the tables layer. The one SQL of every door.

Called by the doors and the SDK's library mode. Promise: a statement reads only what its actor may read, at versions fixed
when it starts; it ends within its time; errors point at line and column of the text that was typed.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import pyarrow as pa

from gureum.errors import (
    Conflict,
    GureumError,
    InternalError,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Unavailable,
)
from gureum.names import did_you_mean
from gureum.sql import parse
from gureum.sql.engine import Engine, EngineError, EnginePool
from gureum.sql.references import check_functions, qualified_columns, table_references
from gureum.sql.script import Splice, Statement, offset_in_script, split_script
from gureum.sql.types import duckdb_type, sql_type
from gureum.tables.names import full_name
from gureum.tables.table import StagedFile
from gureum.tables.tables import Tables
from gureum.types import Actor, Column, Permission

__all__ = ["Completion", "Result", "Sql"]

# Rows staged at once by INSERT ... SELECT: bounds the memory of a large copy.
STAGE_ROWS = 1_000_000

INTERRUPT_EVERY_S = 0.05

# Names offered by completion; a larger catalog is searched, not listed.
COMPLETION_TABLES_MAX = 2_000

KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "JOIN", "LEFT JOIN", "ON", "USING", "AS", "WITH",
    "UNION ALL", "CASE", "WHEN", "THEN", "ELSE", "END", "AND", "OR", "NOT", "NULL", "IS", "IN", "BETWEEN", "LIKE", "DISTINCT",
    "OVER", "PARTITION BY", "QUALIFY", "CAST", "INTERVAL", "VERSION AS OF", "TIMESTAMP AS OF", "INSERT INTO", "VALUES",
    "CREATE TABLE", "PARTITIONED BY", "DROP TABLE", "DESCRIBE", "DESCRIBE HISTORY", "SHOW TABLES", "DESC", "ASC",
)  # fmt: skip

_T = TypeVar("_T")

Sink = Callable[[pa.Schema, Iterable[pa.RecordBatch]], None]


@dataclass(slots=True)
class Result:
    """What a statement gave. `rows` holds at most the rows asked for; `truncated` says that there were more."""

    id: str
    statement: str
    rows: pa.Table
    truncated: bool = False
    affected_rows: int | None = None
    tables: list[str] = field(default_factory=list)
    elapsed_ms: float = 0.0

    @property
    def columns(self) -> list[Column]:
        return [Column(f.name, sql_type(f.type), f.nullable) for f in self.rows.schema]


@dataclass(frozen=True, slots=True)
class Completion:
    tables: list[tuple[str, list[Column]]]
    functions: list[str]
    keywords: list[str]


@dataclass(slots=True)
class _Running:
    """A statement in progress, as cancel sees it."""

    user: str
    engine: Engine | None = None
    stop: str | None = None  # why it must end: cancelled, timeout


class Sql:
    """Runs SQL for actors. Share one per process; safe between threads."""

    def __init__(self, tables: Tables, pool: EnginePool, *, timeout_s: float) -> None:
        self._tables = tables
        self._pool = pool
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._functions: list[str] = []
        self._refused: frozenset[str] | None = None

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
        running = _Running(actor.user)
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
                work = _Work(
                    self, statement, actor, running, parameters, rows_max if last else 0, sink if last else None
                )
                result = work.run(statement_id)
        finally:
            timer.cancel()
            with self._lock:
                self._running.pop(statement_id, None)
        result.elapsed_ms = (time.monotonic() - started_s) * 1000
        return result

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
        for entry in self._tables.list_things(actor)[:COMPLETION_TABLES_MAX]:
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


class _Work:
    """One statement on its way through: authorise, rewrite names, run, write."""

    def __init__(
        self,
        sql: Sql,
        statement: Statement,
        actor: Actor,
        running: _Running,
        parameters: Sequence[Any] | None,
        rows_max: int | None,
        sink: Sink | None,
    ) -> None:
        self._sql = sql
        self._tables = sql._tables
        self._statement = statement
        self._actor = actor
        self._running = running
        self._parameters = parameters
        self._rows_max = rows_max
        self._sink = sink
        self._hidden: dict[str, str] = {}  # attached name -> the name that the user knows
        self._columns: list[str] = []
        self.read: list[str] = []

    def run(self, statement_id: str) -> Result:
        command = parse.parse_statement(self._statement)
        kind, affected, rows, truncated = self._dispatch(command)
        return Result(statement_id, kind, rows, truncated, affected, sorted(set(self.read)))

    def _dispatch(self, command: parse.Command) -> tuple[str, int | None, pa.Table, bool]:
        match command:
            case parse.Select():
                rows, truncated = self._select(command)
                return "SELECT", None, rows, truncated
            case parse.Insert():
                return "INSERT", self._insert(command), pa.table({}), False
            case parse.CreateTable():
                return "CREATE TABLE", self._create(command), pa.table({}), False
            case parse.DropTable():
                self._drop(command)
                return "DROP TABLE", None, pa.table({}), False
            case parse.Describe(what="history"):
                return "DESCRIBE HISTORY", None, self._history(command.table), False
            case parse.Describe():
                return "DESCRIBE", None, self._describe(command.table), False
            case parse.ShowTables():
                names = [thing.name for thing in self._tables.list_things(self._actor)]
                schemas, shorts = zip(*(name.split(".", 1) for name in names), strict=True) if names else ((), ())
                return (
                    "SHOW TABLES",
                    None,
                    pa.table({"schema": pa.array(schemas, pa.string()), "table": pa.array(shorts, pa.string())}),
                    False,
                )

    # --- reading -----------------------------------------------------------------------------------------------------

    def _select(self, command: parse.Select) -> tuple[pa.Table, bool]:
        def read(engine: Engine) -> tuple[pa.Table, bool]:
            text, back = self._rewritten(engine, command.tree)
            with self._errors(back):
                reader = engine.query(text, self._parameters)
                if self._sink is not None:
                    self._sink(reader.schema, engine.batches(reader))
                    return pa.table({}), False
                if self._rows_max is None:
                    return engine.read_all(reader), False
                batches, count = [], 0
                for batch in engine.batches(reader):
                    batches.append(batch)
                    count += batch.num_rows
                    if count > self._rows_max:
                        break
                rows = pa.Table.from_batches(batches, reader.schema)
                return rows.slice(0, self._rows_max), count > self._rows_max

        return self._on_engine(read)

    def _rewritten(self, engine: Engine, tree: Any, *, start: int | None = None) -> tuple[str, list[tuple[int, int]]]:
        """The statement with each table's name replaced by the attached, pinned table."""
        statement = self._statement
        check_functions(statement, self._sql._learn_functions() if self._sql._refused is None else self._sql._refused)
        splices = [Splice(start, end, "") for start, end in qualified_columns(tree)]
        engine.trim()
        for reference in table_references(statement, tree):
            if start is not None and reference.start < start:
                continue
            attached = self._attach(engine, reference.name, reference.version, reference.timestamp, at=reference.start)
            alias = f' AS "{reference.name.rpartition(".")[2]}"' if reference.needs_alias else ""
            splices.append(Splice(reference.start, reference.end, attached + alias))
        return statement.spliced(splices, start=start)

    def _attach(self, engine: Engine, name: str, version: int | None, timestamp: str | None, *, at: int) -> str:
        try:
            thing = self._tables.resolve(name, self._actor)
            table = self._tables.handle(thing)
            if timestamp is not None:
                version = table.version_at(_time_ms(timestamp))
            elif version is not None and version > table.version:
                raise NotFound(f"{name} has no version {version}, the newest is {table.version}", code="table.version")
        except GureumError as error:
            raise self._placed(error, at) from error
        self.read.append(thing.name)
        self._columns.extend(table.schema.names)
        try:
            attached = engine.attach(
                thing.id, self._tables.location(thing), table.version if version is None else version
            )
        except EngineError as error:
            raise Unavailable(f"table {name!r} cannot be read: {error.message}", code="table.unreadable") from error
        self._hidden[attached] = name
        return attached

    def _describe(self, name: str) -> pa.Table:
        schema = self._tables.open(name, self._actor).schema
        self.read.append(full_name(name))
        return pa.table(
            {
                "column_name": schema.names,
                "column_type": [sql_type(f.type) for f in schema],
                "null": ["YES" if f.nullable else "NO" for f in schema],
                "comment": pa.array(
                    [(f.metadata or {}).get(b"comment", b"").decode() or None for f in schema], pa.string()
                ),
            }
        )

    def _history(self, name: str) -> pa.Table:
        versions = self._tables.open(name, self._actor).history()
        self.read.append(full_name(name))
        return pa.table(
            {
                "version": pa.array([v.version for v in versions], pa.int64()),
                "timestamp": pa.array([v.at_ms * 1000 for v in versions], pa.timestamp("us", "UTC")),
                "operation": pa.array([v.operation for v in versions], pa.string()),
                "user": pa.array([v.user for v in versions], pa.string()),
                "parameters": pa.array([_json(v.parameters) for v in versions], pa.string()),
                "metrics": pa.array([_json(v.metrics) for v in versions], pa.string()),
            }
        )

    # --- writing -----------------------------------------------------------------------------------------------------

    def _insert(self, command: parse.Insert) -> int:
        table = self._tables.open(command.table, self._actor, Permission.WRITE)
        schema = table.schema
        names = list(command.columns) if command.columns is not None else schema.names
        by_lower = {field.name.lower(): field for field in schema}
        for name in names:
            if name.lower() not in by_lower:
                raise self._statement.fail(
                    f"table {command.table!r} has no column {name!r}", at=self._statement.start, code="table.column",
                    hint=did_you_mean(name, schema.names),
                )  # fmt: skip

        def copy(engine: Engine) -> int:
            body, back = self._rewritten(engine, command.tree.expression, start=command.body_start)
            if command.by_name:
                prefix, suffix = "SELECT * FROM (", ")"
            else:
                # The database casts as SQL does ('2026-01-31' is a date); Arrow alone would refuse.
                casts = ", ".join(
                    f'CAST(b."{_ident(n)}" AS {_cast_type(by_lower[n.lower()].type)}) AS "{_ident(n)}"' for n in names
                )
                prefix = f"SELECT {casts} FROM ("
                suffix = f") AS b({', '.join(chr(34) + _ident(n) + chr(34) for n in names)})"
            with self._errors([(new + len("SELECT * FROM ("), old) for new, old in back]):
                given = len(engine.query(f"SELECT * FROM ({body}) LIMIT 0", self._parameters).schema)
            if given != len(names) and not command.by_name:
                raise self._statement.fail(
                    f"{given} columns are given for {len(names)}", at=command.body_start, code="sql.columns",
                    hint=f"the columns are {', '.join(names)}",
                )  # fmt: skip
            with self._errors([(new + len(prefix), old) for new, old in back]):
                reader = engine.query(prefix + body + suffix, self._parameters)
                staged = self._stage(engine, reader, table.stage)
            if staged:
                table.commit(staged, operation="INSERT", user=self._actor.user)
            return sum(file.rows for file in staged)

        return self._on_engine(copy)

    def _create(self, command: parse.CreateTable) -> int | None:
        if command.if_not_exists and self._exists(command.table):
            return None

        def create(engine: Engine) -> int | None:
            if command.body_start is None:
                self._tables.create(
                    command.table, self._actor, self._new_schema(engine, command),
                    partition_by=command.partition_by, comment=command.comment,
                )  # fmt: skip
                return None
            body, back = self._rewritten(engine, command.tree.expression, start=command.body_start)
            with self._errors(back):
                reader = engine.query(body, self._parameters)
                table = self._tables.create(
                    command.table,
                    self._actor,
                    reader.schema,
                    partition_by=command.partition_by,
                    comment=command.comment,
                )
                try:
                    staged = self._stage(engine, reader, table.stage)
                    table.commit(staged, operation="CREATE TABLE AS SELECT", user=self._actor.user)
                except BaseException:
                    self._tables.drop(command.table, self._actor)
                    raise
            return sum(file.rows for file in staged)

        return self._on_engine(create)

    def _new_schema(self, engine: Engine, command: parse.CreateTable) -> pa.Schema:
        fields = []
        for column in command.columns:
            try:
                kind = engine.query(f"SELECT CAST(NULL AS {column.type}) LIMIT 0").schema.field(0).type
            except EngineError as error:
                raise self._statement.fail(
                    f"column {column.name!r}: {error.message}", at=column.start, code="sql.type"
                ) from error
            metadata = {"comment": column.comment} if column.comment else None
            fields.append(pa.field(column.name, kind, column.nullable, metadata))
        return pa.schema(fields)

    def _stage(
        self, engine: Engine, reader: pa.RecordBatchReader, stage: Callable[[pa.Table], list[StagedFile]]
    ) -> list[StagedFile]:
        staged: list[StagedFile] = []
        batches: list[pa.RecordBatch] = []
        count = 0
        for batch in engine.batches(reader):
            batches.append(batch)
            count += batch.num_rows
            if count >= STAGE_ROWS:
                staged += stage(pa.Table.from_batches(batches))
                batches, count = [], 0
        if count:
            staged += stage(pa.Table.from_batches(batches))
        return staged

    def _drop(self, command: parse.DropTable) -> None:
        if command.if_exists and not self._exists(command.table):
            return
        self._tables.drop(command.table, self._actor)

    def _exists(self, name: str) -> bool:
        try:
            self._tables.resolve(name, self._actor)
        except NotFound:
            return False
        return True

    # --- engines and errors --------------------------------------------------------------------------------------------

    def _on_engine(self, act: Callable[[Engine], _T]) -> _T:
        with self._sql._pool.engine() as engine:
            with self._sql._lock:
                self._check_stop()
                self._running.engine = engine
            try:
                return act(engine)
            finally:
                with self._sql._lock:
                    self._running.engine = None

    def _check_stop(self) -> None:
        if self._running.stop == "timeout":
            raise LimitExceeded(
                "the statement took too long", code="sql.timeout", hint="narrow it, or allow it more time"
            )
        if self._running.stop:
            raise Conflict("the statement was cancelled", code="sql.cancelled")

    def _errors(self, back: list[tuple[int, int]]) -> _Errors:
        return _Errors(self, back)

    def explain_engine_error(self, error: EngineError, back: list[tuple[int, int]]) -> GureumError:
        if error.kind in {"Interrupt", "INTERRUPT"} or "INTERRUPT" in error.message.upper():
            self._check_stop()
        message = error.message.split("\n")[0]
        for hidden, known in self._hidden.items():
            message = message.replace(hidden, known)
        if error.kind in {"Out Of Memory", "Out of Memory", "OutOfMemory"}:
            return LimitExceeded(
                "the statement needs more memory than it may have",
                code="sql.memory",
                hint="read fewer columns or rows, or raise sql_memory_mb",
            )
        if error.kind in {"Internal", "Fatal", "Fatal "}:
            return InternalError(f"the SQL engine failed: {message}", code="sql.engine")
        if error.kind in {"Io", "IO", "Http", "HTTP"}:
            return Unavailable(f"a table's file could not be read: {message}", code="sql.read")
        hint = None
        if "not found in FROM clause" in message or "does not have a column named" in message:
            wrong = message.split('"')[1 if "not found" in message else 3]
            hint = did_you_mean(wrong, self._columns) or (
                f"the columns are {', '.join(self._columns[:20])}" if self._columns else None
            )
        elif error.candidates and error.kind == "Catalog":
            hint = f"did you mean {error.candidates.split(',')[0].strip()!r}?"
        if error.position is None:
            return InvalidInput(message, code="sql.invalid", hint=hint)
        return self._statement.fail(message, at=offset_in_script(back, error.position), hint=hint)

    def _placed(self, error: GureumError, at: int) -> GureumError:
        """The same error with the place in the text."""
        where = self._statement.fail("", at=at).details
        error.details = {**error.details, **where}
        if f"(line {where['line']}" not in error.message:
            error.message += f" (line {where['line']}, column {where['column']})"
        return error


class _Errors:
    """`with work._errors(back):` turns the engine's errors into ours, at the right place."""

    def __init__(self, work: _Work, back: list[tuple[int, int]]) -> None:
        self._work = work
        self._back = back

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, EngineError):
            if error.kind == "Fatal":
                return
            raise self._work.explain_engine_error(error, self._back) from error


def _time_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is not a time", code="sql.time_travel", hint="write it as '2026-01-31 12:00:00'"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _ident(name: str) -> str:
    return name.replace('"', '""')


def _cast_type(kind: pa.DataType) -> str:
    return duckdb_type(kind)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
