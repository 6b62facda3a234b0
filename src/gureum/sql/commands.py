"""Statements about a table rather than its rows, as values: DESCRIBE DETAIL, RESTORE, OPTIMIZE, VACUUM, ALTER TABLE, views.

Called by `parse.py`. Pure. Grammar: Databricks'.
"""

from __future__ import annotations

from dataclasses import dataclass

from gureum.sql.pieces import Cursor, Piece
from gureum.sql.script import Statement

__all__ = [
    "AddCheck", "AddColumns", "CreateView", "Detail", "DropCheck", "DropView", "Optimize", "Restore", "SetProperties",
    "UnsetProperties", "Vacuum", "parse_alter", "parse_optimize", "parse_restore", "parse_vacuum", "parse_view",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Detail:
    table: str


@dataclass(frozen=True, slots=True)
class Restore:
    table: str
    version: int | None
    timestamp: str | None


@dataclass(frozen=True, slots=True)
class Optimize:
    table: str
    order: tuple[str, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Vacuum:
    table: str
    retain_h: int | None
    dry_run: bool
    start: int


@dataclass(frozen=True, slots=True)
class AddColumns:
    """Each piece is a column's definition as in CREATE TABLE."""

    table: str
    columns: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class SetProperties:
    table: str
    properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class UnsetProperties:
    table: str
    keys: tuple[str, ...]
    if_exists: bool


@dataclass(frozen=True, slots=True)
class AddCheck:
    table: str
    name: str
    expression: Piece


@dataclass(frozen=True, slots=True)
class DropCheck:
    table: str
    name: str
    if_exists: bool
    start: int


@dataclass(frozen=True, slots=True)
class CreateView:
    view: str
    body: Piece
    replace: bool
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class DropView:
    view: str
    if_exists: bool


Altered = AddColumns | SetProperties | UnsetProperties | AddCheck | DropCheck


def parse_restore(statement: Statement) -> Restore:
    cursor = Cursor(statement)
    cursor.expect("RESTORE")
    cursor.accept("TABLE")
    table = cursor.name("a table").text
    cursor.expect("TO")
    if cursor.accept("VERSION", "AS", "OF"):
        restore = Restore(table, cursor.number(), None)
    elif cursor.accept("TIMESTAMP", "AS", "OF"):
        restore = Restore(table, None, cursor.text())
    else:
        raise cursor.fail("VERSION AS OF or TIMESTAMP AS OF is expected here")
    cursor.end()
    return restore


def parse_optimize(statement: Statement) -> Optimize:
    cursor = Cursor(statement)
    cursor.expect("OPTIMIZE")
    table = cursor.name("a table").text
    if cursor.peek() == "WHERE":
        raise statement.fail(
            "OPTIMIZE ... WHERE is not run here", at=cursor.start, code="sql.unsupported",
            hint="without WHERE it only touches partitions that have small files",
        )  # fmt: skip
    order: list[str] = []
    start = cursor.start
    if cursor.accept("ZORDER", "BY"):
        start = cursor.start
        in_parentheses = cursor.accept("(")
        order.append(cursor.name("a column").text)
        while cursor.accept(","):
            order.append(cursor.name("a column").text)
        if in_parentheses:
            cursor.expect(")")
    cursor.end()
    return Optimize(table, tuple(order), start)


def parse_vacuum(statement: Statement) -> Vacuum:
    cursor = Cursor(statement)
    cursor.expect("VACUUM")
    table = cursor.name("a table").text
    retain_h, start = None, cursor.start
    if cursor.accept("RETAIN"):
        start, retain_h = cursor.start, cursor.number()
        if not cursor.accept("HOURS"):
            cursor.expect("HOUR")
    dry_run = cursor.accept("DRY", "RUN")
    cursor.end()
    return Vacuum(table, retain_h, dry_run, start)


def parse_alter(statement: Statement) -> Altered:
    cursor = Cursor(statement)
    cursor.expect("ALTER")
    cursor.expect("TABLE")
    table = cursor.name("a table").text
    altered = _altered(cursor, table)
    cursor.end()
    return altered


def _altered(cursor: Cursor, table: str) -> Altered:
    start = cursor.start
    if cursor.accept("ADD", "CONSTRAINT"):
        name = cursor.name("a constraint").text
        cursor.expect("CHECK")
        cursor.expect("(")
        expression = cursor.piece()
        cursor.expect(")")
        return AddCheck(table, name, expression)
    if cursor.accept("ADD", "COLUMN") or cursor.accept("ADD", "COLUMNS"):
        in_parentheses = cursor.accept("(")
        columns = [cursor.piece({","}, what="a column")]
        while cursor.accept(","):
            columns.append(cursor.piece({","}, what="a column"))
        if in_parentheses:
            cursor.expect(")")
        return AddColumns(table, tuple(columns))
    if cursor.accept("DROP", "CONSTRAINT"):
        if_exists = cursor.accept("IF", "EXISTS")
        start = cursor.start
        return DropCheck(table, cursor.name("a constraint").text, if_exists, start)
    if cursor.accept("SET", "TBLPROPERTIES"):
        cursor.expect("(")
        pairs = [_pair(cursor)]
        while cursor.accept(","):
            pairs.append(_pair(cursor))
        cursor.expect(")")
        return SetProperties(table, tuple(pairs))
    if cursor.accept("UNSET", "TBLPROPERTIES"):
        if_exists = cursor.accept("IF", "EXISTS")
        cursor.expect("(")
        keys = [cursor.text()]
        while cursor.accept(","):
            keys.append(cursor.text())
        cursor.expect(")")
        return UnsetProperties(table, tuple(keys), if_exists)
    what = f"{cursor.peek()} {cursor.peek(1)}".strip()
    hint = (
        "ADD COLUMN, ADD CONSTRAINT ... CHECK, DROP CONSTRAINT, SET TBLPROPERTIES and UNSET TBLPROPERTIES are run here"
    )
    if what in {"RENAME COLUMN", "DROP COLUMN"}:
        hint = "without Delta's column mapping, which gureum does not write, the files would have to change: " + (
            "CREATE OR REPLACE TABLE t AS SELECT ... FROM t keeps the name and the grants"
        )
    raise cursor.statement.fail(f"ALTER TABLE ... {what} is not run here", at=start, code="sql.unsupported", hint=hint)


def parse_view(statement: Statement) -> CreateView | DropView | None:
    """CREATE VIEW or DROP VIEW; None when the statement is neither."""
    cursor = Cursor(statement)
    if cursor.accept("DROP", "VIEW"):
        if_exists = cursor.accept("IF", "EXISTS")
        name = cursor.name("a view").text
        cursor.end()
        return DropView(name, if_exists)
    if not cursor.accept("CREATE"):
        return None
    replace = cursor.accept("OR", "REPLACE")
    if not cursor.accept("VIEW"):
        return None
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.name("a view").text
    if cursor.peek() == "(":
        raise cursor.fail("AS is expected here", hint="name the columns in the query: SELECT a AS x, ...")
    cursor.expect("AS")
    return CreateView(name, Piece(cursor.start, statement.end), replace, if_not_exists)


def _pair(cursor: Cursor) -> tuple[str, str]:
    key = cursor.text()
    cursor.expect("=")
    return key, cursor.text()
