"""One statement on its way: its tables resolved for its actor and pinned, its engine, its errors at their place.

Called by the acts (`reading.py`, `writing.py`, `dml.py`, ...), which `sql.py` calls. Promise: a table's name goes through the
catalog with the permission that the act needs; a table is read at one version, however often the statement names it.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import TokenType

from gureum.catalog.catalog import Thing
from gureum.errors import Conflict, GureumError, InternalError, InvalidInput, LimitExceeded, NotFound, Unavailable
from gureum.names import did_you_mean
from gureum.sql.engine import Engine, EngineError, EnginePool
from gureum.sql.feed import FEED_COLUMNS, feed_text
from gureum.sql.parse import parse_statement, shift, syntax_error
from gureum.sql.pieces import Piece
from gureum.sql.quoting import quoted
from gureum.sql.references import TableReference, check_functions, qualified_columns, table_references
from gureum.sql.script import Splice, Statement, offset_in_script, split_script
from gureum.sql.words import Words
from gureum.tables.table import StagedFile, Table
from gureum.tables.tables import Tables, is_view
from gureum.types import Actor, Permission

__all__ = ["PARAMETER", "Outcome", "Running", "Shared", "Sink", "Work", "time_ms"]

# Rows staged at once: bounds the memory of a large copy.
STAGE_ROWS = 1_000_000

# Views that read views: deeper ones are a mistake, and slow to plan.
VIEWS_DEEP_MAX = 16

# What a statement's n-th parameter is called where its text is taken apart.
PARAMETER = "gureum_p"

_T = TypeVar("_T")

Sink = Callable[[pa.Schema, Iterable[pa.RecordBatch]], None]


@dataclass(slots=True)
class Outcome:
    """What an act gave: the statement's kind, and rows or how many it affected."""

    kind: str
    rows: pa.Table = field(default_factory=lambda: pa.table({}))
    affected: int | None = None
    truncated: bool = False


@dataclass(slots=True)
class Running:
    """A statement in progress, as cancel sees it."""

    user: str
    engine: Engine | None = None
    stop: str | None = None  # why it must end: cancelled, timeout


@dataclass(slots=True)
class Shared:
    """What all statements of a service share."""

    tables: Tables
    pool: EnginePool
    lock: threading.Lock
    refused_functions: Callable[[], frozenset[str]]


class Work:
    """One statement's tables, engine and errors."""

    def __init__(
        self,
        shared: Shared,
        statement: Statement,
        actor: Actor,
        running: Running,
        parameters: Sequence[Any] | None,
        rows_max: int | None,
        sink: Sink | None,
    ) -> None:
        self.shared = shared
        self.tables = shared.tables
        self.statement = statement
        self.actor = actor
        self.parameters = parameters
        self.rows_max = rows_max
        self.sink = sink
        self.columns: list[str] = []  # of the tables that are read, for hints
        self.read: list[str] = []
        self.versions: dict[tuple[str, int], None] = {}
        self._running = running
        self._hidden: dict[str, str] = {}  # attached name -> the name that the user knows
        self._inside: tuple[str, ...] = ()  # the views that are being read
        self._pins: dict[str, int] = {}  # thing's id -> the version that this statement reads

    # --- names -------------------------------------------------------------------------------------------------------

    def rewritten(self, engine: Engine, tree: Any, *, start: int | None = None) -> tuple[str, list[tuple[int, int]]]:
        """The statement with each table's name replaced by the attached, pinned table."""
        self.check_functions()
        engine.trim()
        splices = self._splices(engine, tree, start)
        return self.statement.spliced(splices, start=start)

    def piece(self, engine: Engine, piece: Piece, *, relation: bool = False) -> tuple[str, list[tuple[int, int]]]:
        """A piece of the statement with tables' names replaced and parameters named, and its way back."""
        splices = [
            *self._splices(engine, self.parsed(piece, relation=relation), piece.start), *self._parameter_splices(piece)
        ]  # fmt: skip
        return self.statement.spliced(splices, start=piece.start, end=piece.end)

    def parsed(self, piece: Piece, *, relation: bool = False) -> Any:
        """A piece as a SELECT with the script's positions. Raises InvalidInput when it is not just one expression or relation."""
        prefix, suffix = ("SELECT * FROM ", "") if relation else ("SELECT (", ")")
        text = prefix + self.statement.script[piece.start : piece.end] + suffix
        try:
            tree = sqlglot.parse_one(text, dialect=Words)
        except ParseError as error:
            raise syntax_error(self.statement, error, text, piece.start - len(prefix)) from error
        except SqlglotError as error:
            raise self.statement.fail("this cannot be read", at=piece.start, code="sql.syntax") from error
        shift(tree, piece.start - len(prefix))
        given = {key for key, value in tree.args.items() if value} - {"kind"}
        wanted = {"expressions", "from_", "joins", "laterals"} if relation else {"expressions"}
        stars = list(tree.find_all(exp.Star)) if not relation else []
        lonely = [
            star for star in stars if not isinstance(star.parent, exp.Count) and star.find_ancestor(exp.Query) is tree
        ]
        if not isinstance(tree, exp.Select) or given - wanted or len(tree.expressions) != 1 or lonely:
            raise self.statement.fail(
                f"this is not {'a table' if relation else 'one value'}", at=piece.start, code="sql.syntax"
            )
        return tree

    def check_functions(self) -> None:
        check_functions(self.statement, self.shared.refused_functions())

    def _splices(self, engine: Engine, tree: Any, start: int | None) -> list[Splice]:
        splices = [Splice(start, end, "") for start, end in qualified_columns(tree)]
        for reference in table_references(self.statement, tree):
            if start is not None and reference.start < start:
                continue
            if reference.changes is not None:
                attached = self._changes(reference)
            else:
                attached = self._attach(
                    engine, reference.name, reference.version, reference.timestamp, at=reference.start
                )
            alias = f" AS {quoted(reference.name.rpartition('.')[2])}" if reference.needs_alias else ""
            splices.append(Splice(reference.start, reference.end, attached + alias))
        return splices

    def view_text(self, engine: Engine, thing: Thing) -> str:
        """A view's query in parentheses, its names checked and replaced for who reads it now."""
        if len(self._inside) >= VIEWS_DEEP_MAX or thing.id in self._inside:
            raise InvalidInput(
                f"view {thing.name!r} reads itself, or {VIEWS_DEEP_MAX} views deep", code="sql.too_deep",
                hint="make a table of one of them",
            )  # fmt: skip
        self.read.append(thing.name)
        inner = copy.copy(self)  # what it reads and pins is the same statement's
        (inner.statement,) = split_script(str(thing.spec["view"]))
        inner._inside = (*self._inside, thing.id)
        try:
            inner.check_functions()
            splices = inner._splices(engine, parse_statement(inner.statement).tree, None)  # type: ignore[union-attr]
        except GureumError as error:
            error.message = f"view {thing.name!r}: {error.message}"
            raise
        return f"({inner.statement.spliced(splices)[0]}\n)"

    def _parameter_splices(self, piece: Piece) -> list[Splice]:
        """`?` and `$1` by names, for their order is lost where pieces go their own ways."""
        found, seen = [], 0
        tokens = self.statement.tokens
        for index, token in enumerate(tokens):
            name = end = None
            if token.token_type is TokenType.PLACEHOLDER and token.text == "?":
                seen += 1
                name, end = seen, token.end
            elif (
                token.token_type is TokenType.PARAMETER and index + 1 < len(tokens) and tokens[index + 1].text.isdigit()
            ):
                name, end = int(tokens[index + 1].text), tokens[index + 1].end
            if name is not None and end is not None and piece.start <= token.start < piece.end:
                found.append(Splice(token.start, end + 1, f"${PARAMETER}{name}"))
        return found

    def resolve(self, name: str, permission: Permission = Permission.READ) -> tuple[Thing, Table]:
        """A table that the statement is about. Its errors point at its name."""
        with self.at_name(name):
            thing = self.tables.resolve(name, self.actor, permission)
            return thing, self.tables.handle(thing)

    def pin(self, thing: Thing, table: Table, version: int) -> None:
        """Read a table at this version wherever the statement names it without one."""
        self._pins[thing.id] = version
        self.columns.extend(table.schema.names)

    def _attach(self, engine: Engine, name: str, version: int | None, timestamp: str | None, *, at: int) -> str:
        try:
            thing = self.tables.resolve(name, self.actor)
            if is_view(thing):
                if version is not None or timestamp is not None:
                    raise InvalidInput(
                        f"view {name!r} has no versions",
                        code="sql.time_travel",
                        hint="name a version of a table inside it",
                    )
                return self.view_text(engine, thing)
            table = self.tables.handle(thing)
            if timestamp is not None:
                version = table.version_at(time_ms(timestamp))
            elif version is not None:
                _check_version(name, table, version)
        except GureumError as error:
            raise self.placed(error, at) from error
        self.read.append(thing.name)
        self.columns.extend(table.schema.names)
        if version is None:
            version = self._pins.setdefault(thing.id, table.version)
        self.versions[thing.name, version] = None
        try:
            attached = engine.attach(thing.id, self.tables.location(thing), version)
        except EngineError as error:
            raise Unavailable(f"table {name!r} cannot be read: {error.message}", code="table.unreadable") from error
        self._hidden[attached] = name
        return attached

    def _changes(self, reference: TableReference) -> str:
        """What stands for table_changes(): a query over the files that hold the changes."""
        assert reference.changes is not None
        first, last = reference.changes
        try:
            thing = self.tables.resolve(reference.name, self.actor)
            table = self.tables.handle(thing)
            first = first if isinstance(first, int) else table.version_from(time_ms(first))
            last = table.version if last is None else last if isinstance(last, int) else table.version_at(time_ms(last))
            for version in (first, last):
                _check_version(reference.name, table, version)
            if first > last:
                raise InvalidInput(f"version {first} is newer than version {last}", code="table.version")
            feed = table.changes(first, last)
        except GureumError as error:
            raise self.placed(error, reference.start) from error
        self.read.append(thing.name)
        self.columns.extend((*feed.schema.names, *FEED_COLUMNS))
        self.versions[thing.name, last] = None
        return feed_text(feed)

    def target(self, name: str, permission: Permission = Permission.READ) -> Table:
        with self.at_name(name):
            return self.tables.open(name, self.actor, permission)

    @contextlib.contextmanager
    def at_name(self, name: str) -> Iterator[None]:
        """Errors about a table point at its name in the statement."""
        try:
            yield
        except GureumError as error:
            short = name.rpartition(".")[2]
            at = next((token.start for token in self.statement.tokens if token.text == short), self.statement.start)
            raise self.placed(error, at) from error

    def exists(self, name: str) -> bool:
        try:
            self.tables.resolve(name, self.actor)
        except NotFound:
            return False
        return True

    def pinned(self, thing: Thing) -> int | None:
        """The version of a table that the statement has read, if it has."""
        return self._pins.get(thing.id)

    def unread(self) -> None:
        """What was read is read again: the statement starts over."""
        self.read.clear()
        self.versions.clear()
        self._pins.clear()

    # --- writing -----------------------------------------------------------------------------------------------------

    def stage(
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

    # --- engines and errors --------------------------------------------------------------------------------------------

    def on_engine(self, act: Callable[[Engine], _T]) -> _T:
        self.shared.refused_functions()  # before this one: the first statement learns them from an engine of its own
        with self.shared.pool.engine() as engine:
            with self.shared.lock:
                self.check_stop()
                self._running.engine = engine
            try:
                return act(engine)
            finally:
                with self.shared.lock:
                    self._running.engine = None

    def check_stop(self) -> None:
        if self._running.stop == "timeout":
            raise LimitExceeded(
                "the statement took too long", code="sql.timeout", hint="narrow it, or allow it more time"
            )
        if self._running.stop:
            raise Conflict("the statement was cancelled", code="sql.cancelled")

    def errors(self, back: list[tuple[int, int]]) -> _Errors:
        return _Errors(self, back)

    def explain_engine_error(self, error: EngineError, back: list[tuple[int, int]]) -> GureumError:
        if error.kind in {"Interrupt", "INTERRUPT"} or "INTERRUPT" in error.message.upper():
            self.check_stop()
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
        if message.startswith("Max expression depth"):
            # Its own cure is a setting, which statements may not change.
            return self.too_deep()
        hint = None
        if "not found in FROM clause" in message or "does not have a column named" in message:
            wrong = message.split('"')[1 if "not found" in message else 3]
            hint = did_you_mean(wrong, self.columns) or (
                f"the columns are {', '.join(self.columns[:20])}" if self.columns else None
            )
        elif error.candidates and error.kind == "Catalog":
            hint = f"did you mean {error.candidates.split(',')[0].strip()!r}?"
        if error.position is None:
            return InvalidInput(message, code="sql.invalid", hint=hint)
        return self.statement.fail(message, at=offset_in_script(back, error.position), hint=hint)

    def too_deep(self) -> InvalidInput:
        return self.statement.fail(
            "the statement is nested too deeply",
            at=self.statement.start,
            code="sql.too_deep",
            hint="name its inner parts with WITH, or make tables of them",
        )

    def placed(self, error: GureumError, at: int) -> GureumError:
        """The same error with the place in the text."""
        where = self.statement.fail("", at=at).details
        error.details = {**error.details, **where}
        if f"(line {where['line']}" not in error.message:
            error.message += f" (line {where['line']}, column {where['column']})"
        return error


class _Errors:
    """`with work.errors(back):` turns the engine's errors into ours, at the right place."""

    def __init__(self, work: Work, back: list[tuple[int, int]]) -> None:
        self._work = work
        self._back = back

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, EngineError):
            if error.kind == "Fatal":
                return
            raise self._work.explain_engine_error(error, self._back) from error


def time_ms(text: str) -> int:
    """A time as typed, in ms since 1970; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is not a time", code="sql.time_travel", hint="write it as '2026-01-31 12:00:00'"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _check_version(name: str, table: Table, version: int) -> None:
    if version > table.version:
        raise NotFound(f"{name} has no version {version}, the newest is {table.version}", code="table.version")
