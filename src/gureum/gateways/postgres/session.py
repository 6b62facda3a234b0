"""One client's session: PostgreSQL's simple and extended protocol over the SQL service.

Called by `door.py`, a thread for each. Promise: an error in a statement is told with its SQLSTATE and the session goes on; each
statement that writes commits by itself, and a client that rolls back is told so; what a client may keep here (statements,
portals, rows waiting) has a limit.
"""

from __future__ import annotations

import contextlib
import logging
import struct
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
from sqlglot import exp

from gureum.errors import GureumError, InternalError
from gureum.gateways.postgres import statements
from gureum.gateways.postgres.dialect import for_engine
from gureum.gateways.postgres.errors import SqlState, sqlstate
from gureum.gateways.postgres.messages import Fields, ProtocolError, error_fields, message, read_message, text
from gureum.gateways.postgres.parameters import PARAMETERS_MAX, decode, infer, sample
from gureum.gateways.postgres.portals import Portal, Prepared, Rows, spooled, system_columns
from gureum.gateways.postgres.relations import Facts
from gureum.gateways.postgres.rows import Column, columns_of, copy_rows, data_rows, description
from gureum.gateways.postgres.settings import Settings
from gureum.gateways.postgres.start import Start
from gureum.gateways.postgres.system import SystemCatalog, with_values
from gureum.gateways.postgres.types import BY_OID, PgType
from gureum.sql.script import Statement, split_script
from gureum.sql.sql import Result, Sql
from gureum.types import Actor

__all__ = ["Session"]

STATEMENTS_MAX = 1_000
PORTALS_MAX = 200

_log = logging.getLogger(__name__)


class Session:
    """Serves one connection until it ends."""

    def __init__(
        self, start: Start, actor: Actor, facts: Facts, *, sql: Sql, system: SystemCatalog, key: int, version: str,
        timeout_s: float,
    ) -> None:  # fmt: skip
        self._socket = start.socket
        self._stream = start.stream
        self._actor = actor
        self._sql = sql
        self._system = system
        self._key = key
        self._out = bytearray()
        self._settings = Settings(
            start.options, version=version, user=actor.user, admin=actor.is_admin, timeout_s=timeout_s
        )
        self._facts = facts
        self._block = b"I"  # I: no transaction, T: in one, E: in one that failed
        self._wrote_in_block = False
        self._prepared: dict[str, Prepared] = {}
        self._portals: dict[str, Portal] = {}
        self._cursors: dict[str, tuple[Rows, bool]] = {}
        self._statement_id: str | None = None
        self._cancelled = False

    # --- the loop ------------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        self._send(message(b"R", struct.pack("!i", 0)))
        for name, value in self._settings.reported():
            self._send(message(b"S", text(name), text(value)))
        self._send(message(b"K", struct.pack("!iI", self._facts.pid, self._key)))
        self._ready()
        skipping = False
        while True:
            found = read_message(self._stream)
            if found is None or found[0] == b"X":
                return
            kind, fields = found
            if kind == b"S":
                skipping = False
                self._end_implicit()
                self._ready()
            elif skipping and kind != b"H":
                continue
            elif kind == b"H":
                self._flush()
            elif kind == b"Q":
                self._simple(fields.string())
                self._ready()
            elif kind in _EXTENDED:
                skipping = not self._guarded(lambda: _EXTENDED[kind](self, fields))  # noqa: B023 - called at once
            elif kind not in (b"d", b"c", b"f"):  # of a COPY that was refused
                raise ProtocolError(f"there is no message {kind!r}")

    def cancel(self) -> None:
        """From another thread: stop the statement that runs, if one does."""
        self._cancelled = True
        statement_id = self._statement_id
        if statement_id is not None:
            with contextlib.suppress(GureumError):
                self._sql.cancel(statement_id, self._actor)

    def tell(self, error: GureumError, *, fatal: bool = False, position: int | None = None) -> None:
        """An ErrorResponse."""
        body = error_fields(
            "FATAL" if fatal else "ERROR", sqlstate(error), error.message, hint=error.hint, position=position
        )
        self._send(message(b"E", body))
        if fatal:
            self._flush()

    def _guarded(self, act: Callable[[], None], script: str = "") -> bool:
        """Run, and tell an error; whether there was none."""
        try:
            act()
        except GureumError as error:
            self._failed(error, script)
        except OSError:
            raise
        except Exception as error:
            _log.exception("a statement failed by our fault")
            self._failed(
                InternalError(f"{type(error).__name__} in the PostgreSQL door", code="postgres.internal"), script
            )
        else:
            return True
        finally:
            self._statement_id = None
        return False

    def _failed(self, error: GureumError, script: str) -> None:
        if self._block == b"T":
            self._block = b"E"
        position = None
        if script and "line" in error.details and "column" in error.details:
            before = script.split("\n")[: int(error.details["line"]) - 1]
            position = sum(len(one) + 1 for one in before) + int(error.details["column"])
        self.tell(error, position=position)
        self._flush()  # a client may wait for just this, without a Sync

    def _ready(self) -> None:
        self._send(message(b"Z", self._block))
        self._flush()

    def _send(self, data: bytes) -> None:
        self._out += data
        if len(self._out) > 1 << 18:
            self._flush()

    def _flush(self) -> None:
        if self._out:
            out, self._out = self._out, bytearray()
            self._socket.sendall(out)

    def _notice(self, state: str, words: str) -> None:
        self._send(message(b"N", error_fields("WARNING", state, words)))

    # --- the simple protocol -----------------------------------------------------------------------------------------------

    def _simple(self, script: str) -> None:
        self._guarded(lambda: self._script(script), script)
        self._portals.pop("", None)

    def _script(self, script: str) -> None:
        if not script.strip(" \t\r\n;"):
            self._send(message(b"I"))
            return
        for statement in split_script(script):
            prepared = self._parse(statement, [])
            if prepared.types:
                raise SqlState(
                    "42P02", "there is no parameter $1", hint="values for parameters go by the extended protocol"
                )
            self._execute(Portal(prepared, [], []), None, describe=True)

    # --- the extended protocol ---------------------------------------------------------------------------------------------

    def _on_parse(self, fields: Fields) -> None:
        name, script = fields.string(), fields.string()
        oids = [fields.uint32() for _ in range(fields.count())]
        if name and name in self._prepared:
            raise SqlState("42P05", f'prepared statement "{name}" already exists')
        if len(self._prepared) >= STATEMENTS_MAX:
            raise SqlState(
                "53400", f"a session keeps at most {STATEMENTS_MAX} prepared statements", hint="deallocate some"
            )
        found = split_script(script) if script.strip(" \t\r\n;") else []
        if len(found) > 1:
            raise SqlState("42601", "cannot insert multiple commands into a prepared statement")
        self._prepared[name] = self._parse(found[0], oids) if found else Prepared(None, None)
        self._send(message(b"1"))

    def _on_bind(self, fields: Fields) -> None:
        portal, name = fields.string(), fields.string()
        prepared = self._statement(name)
        formats = [fields.int16() for _ in range(fields.count())]
        count = fields.count()
        if count != len(prepared.types):
            raise SqlState("08P01", f"{count} parameters were given, the statement has {len(prepared.types)}")
        binary = formats * count if len(formats) == 1 else formats or [0] * count
        parameters = [
            decode(fields.value(), kind, binary=bool(one), number=number)
            for number, (kind, one) in enumerate(zip(prepared.types, binary, strict=True), start=1)
        ]
        results = [fields.int16() for _ in range(fields.count())]
        if portal and portal in self._portals:
            raise SqlState("42P03", f'cursor "{portal}" already exists')
        if len(self._portals) >= PORTALS_MAX:
            raise SqlState("53400", f"a session keeps at most {PORTALS_MAX} portals", hint="close some")
        self._portals[portal] = Portal(prepared, parameters, results)
        self._send(message(b"2"))

    def _on_describe(self, fields: Fields) -> None:
        kind, name = fields.take(1), fields.string()
        if kind == b"S":
            prepared, formats = self._statement(name), []
            oids = [one.oid for one in prepared.types]
            self._send(message(b"t", struct.pack(f"!H{len(oids)}I", len(oids), *oids)))
        else:
            if name in self._cursors and name not in self._portals:
                self._send(description(self._cursor(name).columns, []))
                return
            portal = self._portal(name)
            prepared, formats = portal.prepared, portal.formats
        columns = self._columns(prepared)
        self._send(message(b"n") if columns is None else description(columns, formats))

    def _on_execute(self, fields: Fields) -> None:
        portal = self._portal(fields.string())
        self._execute(portal, fields.int32() or None, describe=False)

    def _on_close(self, fields: Fields) -> None:
        kind, name = fields.take(1), fields.string()
        if kind == b"S":
            self._prepared.pop(name, None)
        else:
            self._portals.pop(name, None)
        self._send(message(b"3"))

    def _statement(self, name: str) -> Prepared:
        found = self._prepared.get(name)
        if found is None:
            raise SqlState("26000", f'prepared statement "{name}" does not exist')
        return found

    def _portal(self, name: str) -> Portal:
        found = self._portals.get(name)
        if found is None:
            raise SqlState("34000", f'portal "{name}" does not exist')
        return found

    # --- statements ----------------------------------------------------------------------------------------------------------

    def _parse(self, statement: Statement, oids: Sequence[int]) -> Prepared:
        request = statements.read_request(statement)
        prepared = Prepared(request, statement)
        query = statements.query_of(request)
        if query is None:
            return prepared
        count = max([len(oids), *statements.parameter_numbers(statement)])
        if count > PARAMETERS_MAX:
            raise SqlState("54000", f"a statement has at most {PARAMETERS_MAX} parameters")
        facts = self._facts_now()
        prepared.tree = self._system.parsed(query.text)
        if prepared.tree is None:
            prepared.splices = for_engine(statement, facts)
        if count:
            prepared.types = [BY_OID.get(oid) or BY_OID[25] if oid not in (0, 705) else BY_OID[25] for oid in oids]
            prepared.types += [BY_OID[25]] * (count - len(prepared.types))
            if any(at >= len(oids) or oids[at] in (0, 705) for at in range(count)):
                for at, kind in enumerate(self._inferred(prepared, query, count)):
                    if at >= len(oids) or oids[at] in (0, 705):
                        prepared.types[at] = kind
        return prepared

    def _inferred(self, prepared: Prepared, query: statements.Query, count: int) -> list[PgType]:
        if prepared.tree is not None:
            return infer(prepared.tree, count, self._system.text_columns(prepared.tree))
        tree, columns = self._sql.look(query.text, self._actor)
        return infer(tree, count, columns)

    def _columns(self, prepared: Prepared) -> list[Column] | None:
        """What the rows will have, without running more of the statement than that takes; None when it gives none."""
        if prepared.described:
            return prepared.columns
        request = prepared.request
        match request:
            case statements.Show(name):
                prepared.columns = [Column(name, BY_OID[25])]
            case statements.Fetch(cursor) if not request.move:
                prepared.columns = self._cursor(cursor).columns
            case statements.Query():
                samples = [sample(one) for one in prepared.types]
                if prepared.tree is not None:
                    tree = self._configured(prepared.tree, samples, act=False)
                    rows = self._system.run(tree, samples, actor=self._actor, facts=self._facts_now())
                    prepared.columns = system_columns(rows.schema)
                else:
                    words = self._engine_text(prepared, request)
                    schema = self._sql.describe(words, self._actor, parameters=samples or None)
                    prepared.columns = None if schema is None else columns_of(schema)
        prepared.described = True
        return prepared.columns

    def _execute(self, portal: Portal, count: int | None, *, describe: bool) -> None:
        prepared = portal.prepared
        request = prepared.request
        if request is None:
            self._send(message(b"I"))
            return
        if self._block == b"E" and not isinstance(request, statements.Rollback | statements.Commit):
            raise SqlState("25P02", "current transaction is aborted, commands ignored until end of transaction block")
        if portal.rows is not None:
            self._portion(portal, count)
            return
        match request:
            case statements.Query():
                self._query(portal, request, count, describe=describe)
            case statements.Declare():
                self._declare(portal, request)
            case statements.Fetch():
                self._fetch(request, portal.formats, describe=describe)
            case statements.CopyOut():
                self._copy(portal, request)
            case _:
                self._act(request, portal.formats, describe=describe)

    def _query(self, portal: Portal, request: statements.Query, count: int | None, *, describe: bool) -> None:
        if count is not None:
            self._spool(portal, request)
            if portal.rows is not None:
                self._portion(portal, count)
            return
        told = 0

        def sink(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
            nonlocal told
            # As they were described: the encoders cast what the parameters made of another width.
            columns = portal.prepared.columns or columns_of(schema)
            if describe:
                self._send(description(columns, portal.formats))
            for batch in batches:
                self._check_cancelled()
                for piece in data_rows(batch, columns, portal.formats, zone=self._settings.zone):
                    self._send(piece)
                told += batch.num_rows

        tag = self._run(portal, request, sink, describe=describe)
        self._complete(tag or f"SELECT {told}")

    def _run(
        self, portal: Portal, request: statements.Query, sink: Callable[[pa.Schema, Iterable[pa.RecordBatch]], None],
        *, describe: bool,
    ) -> str | None:  # fmt: skip
        """Run a query; its rows go to `sink`. The tag of a statement that gives none; None when rows were given."""
        prepared = portal.prepared
        self._cancelled = False
        if prepared.tree is not None:
            tree = self._configured(prepared.tree, portal.parameters)
            rows = self._system.run(tree, portal.parameters, actor=self._actor, facts=self._facts_now())
            columns = prepared.columns or system_columns(rows.schema)
            if describe:
                self._send(description(columns, portal.formats))
            told = 0
            for batch in rows.to_batches(max_chunksize=65_536):
                for piece in data_rows(batch, columns, portal.formats, zone=self._settings.zone):
                    self._send(piece)
                told += batch.num_rows
            return f"SELECT {told}"
        self._statement_id = uuid.uuid4().hex
        given = False

        def once(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
            nonlocal given
            given = True
            sink(schema, batches)

        result = self._sql.execute(
            self._engine_text(prepared, request), self._actor, parameters=portal.parameters or None,
            statement_id=self._statement_id, timeout_s=self._settings.timeout_s, sink=once,
        )  # fmt: skip
        if given:
            return None
        if result.rows.num_columns:
            sink(result.rows.schema, result.rows.to_batches())
            return None
        self._wrote_in_block = self._wrote_in_block or self._block == b"T"
        return _tag(result)

    def _engine_text(self, prepared: Prepared, request: statements.Query) -> str:
        """The statement in the SQL service's words, padded so that a place in it is a place in what the client sent."""
        statement = prepared.statement
        assert statement is not None
        words, back = statement.spliced(prepared.splices, start=request.start, end=request.start + len(request.text))
        del back
        before = statement.script[: request.start]
        return "".join(one if one in "\r\n\t" else " " for one in before) + words

    def _configured(self, tree: exp.Expr, parameters: Sequence[Any], *, act: bool = True) -> exp.Expr:
        """`SELECT set_config(name, value, local)` sets, and gives the value."""
        calls = [one for one in tree.find_all(exp.Anonymous) if one.name.lower() == "set_config"]
        if not calls:
            return tree
        tree = with_values(tree.copy(), parameters)
        for call in list(tree.find_all(exp.Anonymous)):
            if call.name.lower() == "set_config" and len(call.expressions) >= 2:
                name, value = (one.name for one in call.expressions[:2])
                if act:
                    self._set(name, value)
                inner = exp.Literal.string(value)
                whole = call.parent if isinstance(call.parent, exp.Dot) else call
                whole.replace(exp.alias_(inner, "set_config") if isinstance(whole.parent, exp.Select) else inner)
        return tree

    # --- portals and cursors ---------------------------------------------------------------------------------------------------

    def _spool(self, portal: Portal, request: statements.Query) -> None:
        """Run it to the end; the rows wait for the client and no engine waits with them."""
        if portal.prepared.tree is not None:
            rows = self._system.run(portal.prepared.tree, portal.parameters, actor=self._actor, facts=self._facts_now())
            portal.rows = Rows(rows.schema, iter(rows.to_batches()), system_columns(rows.schema))
            return
        waiting: list[Rows] = []

        def sink(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
            waiting.append(spooled(schema, batches, self._check_cancelled))

        tag = self._run(portal, request, sink, describe=False)
        if tag is not None:
            self._complete(tag)
            return
        (portal.rows,) = waiting

    def _portion(self, portal: Portal, count: int | None) -> None:
        rows = portal.rows
        assert rows is not None
        told = self._give(rows, count, portal.formats)
        if count is not None and told == count and not rows.is_over:
            self._send(message(b"s"))
            return
        self._complete(f"SELECT {told}")

    def _give(self, rows: Rows, count: int | None, formats: Sequence[int]) -> int:
        told = 0
        for batch in rows.take(count):
            for piece in data_rows(batch, rows.columns, formats, zone=self._settings.zone):
                self._send(piece)
            told += batch.num_rows
        return told

    def _declare(self, portal: Portal, request: statements.Declare) -> None:
        if request.cursor in self._cursors:
            raise SqlState("42P03", f'cursor "{request.cursor}" already exists')
        if self._block == b"I" and not request.hold:
            raise SqlState(
                "25P01", "DECLARE CURSOR can only be used in transaction blocks", hint="or declare it WITH HOLD"
            )
        if len(self._cursors) >= PORTALS_MAX:
            raise SqlState("53400", f"a session keeps at most {PORTALS_MAX} cursors", hint="close some")
        whole = Portal(portal.prepared, portal.parameters, [])
        self._spool(whole, request.query)
        if whole.rows is None:
            raise SqlState("42601", "a cursor is over a query")
        self._cursors[request.cursor] = (whole.rows, request.hold)
        self._complete("DECLARE CURSOR")

    def _cursor(self, name: str) -> Rows:
        if name not in self._cursors:
            raise SqlState("34000", f'cursor "{name}" does not exist')
        return self._cursors[name][0]

    def _fetch(self, request: statements.Fetch, formats: Sequence[int], *, describe: bool) -> None:
        rows = self._cursor(request.cursor)
        if request.move:
            self._complete(f"MOVE {sum(batch.num_rows for batch in rows.take(request.count))}")
            return
        if describe:
            self._send(description(rows.columns, formats))
        self._complete(f"FETCH {self._give(rows, request.count, formats)}")

    def _copy(self, portal: Portal, request: statements.CopyOut) -> None:
        told = 0
        begun = False

        def sink(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
            nonlocal told, begun
            columns = columns_of(schema)
            self._send(message(b"H", struct.pack(f"!bh{len(columns)}h", 0, len(columns), *[0] * len(columns))))
            begun = True
            if request.header:
                line = request.delimiter.join(one.name for one in columns) + "\n"
                self._send(message(b"d", line.encode()))
            for batch in batches:
                self._check_cancelled()
                for piece in copy_rows(
                    batch,
                    columns,
                    csv=request.csv,
                    null=request.null,
                    delimiter=request.delimiter,
                    zone=self._settings.zone,
                ):
                    self._send(piece)
                told += batch.num_rows

        if portal.prepared.tree is not None:
            rows = self._system.run(portal.prepared.tree, portal.parameters, actor=self._actor, facts=self._facts_now())
            sink(rows.schema, rows.to_batches())
        else:
            self._run(portal, request.query, sink, describe=False)
        if not begun:
            raise SqlState("42601", "COPY TO is over a query")
        self._send(message(b"c"))
        self._complete(f"COPY {told}")

    # --- what a session has --------------------------------------------------------------------------------------------------

    def _act(self, request: statements.Request, formats: Sequence[int], *, describe: bool) -> None:
        match request:
            case statements.Begin():
                if self._block == b"T":
                    self._notice("25001", "there is already a transaction in progress")
                self._block, self._wrote_in_block = b"T", False
                self._complete("BEGIN")
            case statements.Commit():
                failed = self._block == b"E"
                if self._block == b"I":
                    self._notice("25P01", "there is no transaction in progress")
                self._end_block()
                self._complete("ROLLBACK" if failed else "COMMIT")
            case statements.Rollback(to_savepoint):
                if self._block == b"I" and not to_savepoint:
                    self._notice("25P01", "there is no transaction in progress")
                if self._wrote_in_block:
                    self._notice("0A000", "what was written stays: here each statement commits by itself")
                if to_savepoint:
                    self._block = b"T"
                else:
                    self._end_block()
                self._complete("ROLLBACK")
            case statements.Set(name, value):
                self._set(name, value)
                self._complete("SET")
            case statements.Show(name):
                self._show(name, formats, describe=describe)
            case statements.Reset(name):
                for one in list(self._settings.all()) if name == "all" else [name]:
                    self._set(one, None)
                self._complete("RESET")
            case statements.Discard(what):
                if what == "ALL":
                    self._prepared.clear()
                    self._cursors.clear()
                    self._portals = {name: portal for name, portal in self._portals.items() if not name}
                    self._settings.reset()
                self._complete(f"DISCARD {what}")
            case statements.Deallocate(name):
                if name is None:
                    self._prepared.clear()
                elif self._prepared.pop(name, None) is None:
                    raise SqlState("26000", f'prepared statement "{name}" does not exist')
                self._complete("DEALLOCATE" if name is not None else "DEALLOCATE ALL")
            case statements.CloseCursor(name):
                if name is None:
                    self._cursors.clear()
                else:
                    self._cursor(name)
                    del self._cursors[name]
                self._complete("CLOSE CURSOR" if name is not None else "CLOSE CURSOR ALL")
            case statements.Ignored(tag):
                self._complete(tag)

    def _set(self, name: str, value: str | None) -> None:
        changed = self._settings.set(name, value)
        if changed is not None:
            self._send(message(b"S", text(changed[0]), text(changed[1])))

    def _show(self, name: str, formats: Sequence[int], *, describe: bool) -> None:
        if name == "all":
            rows = pa.table({"name": list(self._settings.all()), "setting": list(self._settings.all().values())})
        else:
            rows = pa.table({self._settings.spelled(name): [self._settings.get(name)]})
        columns = columns_of(rows.schema)
        if describe:
            self._send(description(columns, formats))
        for batch in rows.to_batches():
            for piece in data_rows(batch, columns, formats, zone="UTC"):
                self._send(piece)
        self._complete("SHOW")

    def _end_block(self) -> None:
        self._block, self._wrote_in_block = b"I", False
        self._cursors = {name: kept for name, kept in self._cursors.items() if kept[1]}
        self._portals.clear()

    def _end_implicit(self) -> None:
        """Sync ends what is not in a block of its own."""
        if self._block == b"I":
            self._portals.clear()

    def _complete(self, tag: str) -> None:
        self._send(message(b"C", text(tag)))

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise SqlState("57014", "canceling statement due to user request")

    def _facts_now(self) -> Facts:
        facts = self._facts
        return Facts(facts.user, facts.database, facts.pid, facts.started_us, self._settings.all(), facts.version)


def _tag(result: Result) -> str:
    count = result.affected_rows or 0
    match result.statement:
        case "INSERT":
            return f"INSERT 0 {count}"
        case "UPDATE" | "DELETE" | "MERGE":
            return f"{result.statement} {count}"
        case "CREATE TABLE" if result.affected_rows:
            return f"SELECT {count}"
        case kind:
            return kind or "SELECT 0"


_EXTENDED: dict[bytes, Callable[[Session, Fields], None]] = {
    b"P": Session._on_parse,
    b"B": Session._on_bind,
    b"D": Session._on_describe,
    b"E": Session._on_execute,
    b"C": Session._on_close,
}
