"""What a statement asks for: one small value per kind of statement that gureum runs, or a refusal by name.

Called by `sql.py`. Pure.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import TokenType

from gureum.names import did_you_mean
from gureum.sql.changes import Delete, Merge, Update, parse_delete, parse_merge, parse_update
from gureum.sql.commands import (
    Altered,
    CreateView,
    Detail,
    DropView,
    Optimize,
    Restore,
    Vacuum,
    parse_alter,
    parse_optimize,
    parse_restore,
    parse_vacuum,
    parse_view,
)  # fmt: skip
from gureum.sql.pieces import Cursor
from gureum.sql.script import Statement
from gureum.sql.words import Words

__all__ = [
    "Command",
    "Comment",
    "CreateTable",
    "Describe",
    "DropTable",
    "Insert",
    "NewCheck",
    "NewColumn",
    "Select",
    "ShowTables",
    "column_of",
    "parse_statement",
    "shift",
    "syntax_error",
]

# sqlglot warns on its own logger when it gives up on a statement; we refuse such statements by name ourselves.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Select:
    tree: exp.Expr


@dataclass(frozen=True, slots=True)
class Insert:
    tree: exp.Expr
    table: str
    overwrite: bool
    columns: tuple[str, ...] | None
    by_name: bool
    body_start: int


@dataclass(frozen=True, slots=True)
class NewColumn:
    name: str
    type: str
    nullable: bool
    comment: str | None
    start: int


@dataclass(frozen=True, slots=True)
class NewCheck:
    """A CHECK constraint: its name if it was given one, and its expression in DuckDB's SQL."""

    name: str | None
    expression: str
    start: int


@dataclass(frozen=True, slots=True)
class CreateTable:
    tree: exp.Expr
    table: str
    columns: tuple[NewColumn, ...]
    checks: tuple[NewCheck, ...]
    partition_by: tuple[str, ...]
    comment: str | None
    properties: dict[str, str]
    if_not_exists: bool
    replace: bool
    body_start: int | None


@dataclass(frozen=True, slots=True)
class Comment:
    """COMMENT ON TABLE t or COLUMN t.c; an empty or null text takes it away."""

    table: str
    column: str | None
    text: str


@dataclass(frozen=True, slots=True)
class DropTable:
    table: str
    if_exists: bool


@dataclass(frozen=True, slots=True)
class Describe:
    table: str
    what: str  # columns, history


@dataclass(frozen=True, slots=True)
class ShowTables:
    pass


Cut = Update | Delete | Merge | Comment | Detail | Restore | Optimize | Vacuum | Altered | CreateView | DropView
Command = Select | Insert | CreateTable | DropTable | Describe | ShowTables | Cut

_FIRST_WORDS = (
    "SELECT",
    "WITH",
    "FROM",
    "VALUES",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "MERGE",
    "CREATE",
    "ALTER",
    "OPTIMIZE",
    "RESTORE",
    "VACUUM",
    "COMMENT",
    "DROP",
    "DESCRIBE",
    "SHOW",
    "SUMMARIZE",
    "PIVOT",
)

_RUNS = (
    "gureum runs SELECT, INSERT, UPDATE, DELETE, MERGE, CREATE and ALTER TABLE, DROP TABLE, COMMENT ON, RESTORE, OPTIMIZE, "
    "VACUUM, DESCRIBE [HISTORY | DETAIL] and SHOW TABLES here"
)

# Statements that are cut into pieces by their keywords: their expressions run as they were typed.
_CUT: dict[str, Callable[[Statement], Cut]] = {
    "ALTER": parse_alter,
    "OPTIMIZE": parse_optimize,
    "RESTORE": parse_restore,
    "VACUUM": parse_vacuum,
    "COMMENT": lambda statement: _comment(statement),
    "UPDATE": parse_update,
    "DELETE": parse_delete,
    "TRUNCATE": parse_delete,
    "MERGE": parse_merge,
}


def parse_statement(statement: Statement) -> Command:
    """The command of a statement. Raises InvalidInput that points at line and column."""
    cut = _CUT.get(statement.tokens[0].text.upper())
    if cut is not None and statement.tokens[0].token_type is not TokenType.IDENTIFIER:
        return cut(statement)
    view = parse_view(statement)
    if view is not None:
        return view
    if [token.text.upper() for token in statement.tokens[:2]] == ["DESCRIBE", "DETAIL"] and len(statement.tokens) > 2:
        cursor = Cursor(statement)
        cursor.expect("DESCRIBE", "DETAIL")
        detail = Detail(cursor.name("a table").text)
        cursor.end()
        return detail
    try:
        tree = sqlglot.parse_one(statement.text, dialect=Words)
    except ParseError as error:
        raise syntax_error(statement, error, statement.text, statement.start) from error
    except SqlglotError as error:
        raise statement.fail(f"this SQL cannot be read: {error}", at=statement.start, code="sql.syntax") from error
    shift(tree, statement.start)
    if isinstance(tree, exp.Query | exp.Pivot | exp.Summarize):
        return Select(tree)
    if isinstance(tree, exp.Insert):
        return _insert(statement, tree)
    if isinstance(tree, exp.Create):
        return _create(statement, tree)
    if isinstance(tree, exp.Drop) and tree.args.get("kind") == "TABLE":
        names = tree.args.get("tables") or [tree.this]
        if len(names) > 1:
            raise statement.fail("DROP TABLE takes one table", at=statement.start, code="sql.unsupported")
        return DropTable(_name(names[0]), bool(tree.args.get("exists")))
    if isinstance(tree, exp.Describe) and isinstance(tree.this, exp.Table):
        style = str(tree.args.get("style") or "").upper()
        if style in {"", "HISTORY"}:
            return Describe(_name(tree.this), "history" if style else "columns")
    if isinstance(tree, exp.Show) and tree.name.upper() == "TABLES":
        return ShowTables()
    word = statement.tokens[0].text.upper()
    hint = did_you_mean(word, _FIRST_WORDS) or _RUNS
    raise statement.fail(f"{word} is not run here", at=statement.start, code="sql.unsupported", hint=hint)


def _insert(statement: Statement, tree: exp.Insert) -> Insert:
    if tree.args.get("partition"):
        raise statement.fail(
            "INSERT ... PARTITION is not run here", at=statement.start, code="sql.unsupported",
            hint="INSERT OVERWRITE replaces all rows; DELETE those of the partition, then INSERT",
        )  # fmt: skip
    if tree.args.get("with_") or statement.tokens[0].token_type is TokenType.WITH:
        raise statement.fail(
            "WITH stands before INSERT",
            at=statement.start,
            code="sql.unsupported",
            hint="write INSERT INTO t WITH ... SELECT ...",
        )
    for unsupported in ("conflict", "returning"):
        if tree.args.get(unsupported):
            raise statement.fail(
                f"INSERT ... {unsupported.upper()} is not run here", at=statement.start, code="sql.unsupported"
            )
    target = tree.this
    columns = None
    if isinstance(target, exp.Schema):
        columns = tuple(column.name for column in target.expressions)
        target = target.this
    table_end = target.parts[-1].meta["end"]
    rest = [token for token in statement.tokens if token.start > table_end]
    if columns is not None:
        rest = rest[next(i for i, token in enumerate(rest) if token.token_type is TokenType.R_PAREN) + 1 :]
    by_name = [token.text.upper() for token in rest[:2]] == ["BY", "NAME"]
    if by_name:
        rest = rest[2:]
    if not rest:
        raise statement.fail(
            "INSERT has no rows", at=statement.end - 1, code="sql.syntax", hint="add VALUES (...) or SELECT ..."
        )
    return Insert(tree, _name(target), bool(tree.args.get("overwrite")), columns, by_name, rest[0].start)


def _create(statement: Statement, tree: exp.Create) -> CreateTable:
    kind = str(tree.args.get("kind") or "").upper()
    if kind != "TABLE":
        raise statement.fail(f"CREATE {kind} is not run here", at=statement.start, code="sql.unsupported", hint=_RUNS)
    target = tree.this
    columns: tuple[NewColumn, ...] = ()
    checks: list[NewCheck] = []
    if isinstance(target, exp.Schema):
        rules = [item for item in target.expressions if isinstance(item, exp.Constraint | exp.CheckColumnConstraint)]
        checks = [check for rule in rules for check in _checks(statement, rule)]
        columns = tuple(
            column_of(statement, item, checks) for item in target.expressions if not any(item is rule for rule in rules)
        )
        target = target.this
    partition_by: tuple[str, ...] = ()
    comment = None
    options: dict[str, str] = {}
    words = {token.text.upper() for token in statement.tokens}
    properties = tree.args.get("properties")
    for item in properties.expressions if properties else []:
        if isinstance(item, exp.PartitionedByProperty):
            partition_by = tuple(column.name for column in item.this.expressions)
        elif isinstance(item, exp.SchemaCommentProperty):
            comment = item.this.name
        elif isinstance(item, exp.FileFormatProperty) and item.name.lower() == "delta":
            continue
        elif "TBLPROPERTIES" in words and isinstance(item, exp.Property) and type(item) is exp.Property:
            options[item.name] = str(item.args["value"].name)
        else:
            hint = None
            if isinstance(item, exp.Property) and item.name.lower() in {"stream", "format", "connector"}:
                hint = "a table over a stream belongs in a standing query: leave this statement standing"
            raise statement.fail(
                f"table option {item.name or item.sql()!r} is not known",
                at=statement.start,
                code="sql.unsupported",
                hint=hint,
            )
    body_start = None
    if tree.expression is not None:
        index = _body_index(statement)
        body_start = statement.tokens[index].start
        if columns:
            raise statement.fail(
                "CREATE TABLE has both columns and AS",
                at=statement.start,
                code="sql.unsupported",
                hint="leave out the columns",
            )
    elif not columns:
        raise statement.fail(
            "the table has no columns", at=statement.start, code="sql.syntax", hint="CREATE TABLE t (a BIGINT, ...)"
        )
    if tree.args.get("exists") and tree.args.get("replace"):
        raise statement.fail("it is either OR REPLACE or IF NOT EXISTS", at=statement.start, code="sql.syntax")
    return CreateTable(
        tree, _name(target), columns, tuple(checks), partition_by, comment, options, bool(tree.args.get("exists")),
        bool(tree.args.get("replace")), body_start,
    )  # fmt: skip


def _checks(statement: Statement, rule: exp.Expr) -> list[NewCheck]:
    """CONSTRAINT name CHECK (...), or CHECK (...) alone."""
    name = rule.name if isinstance(rule, exp.Constraint) else None
    found = []
    for item in rule.expressions if isinstance(rule, exp.Constraint) else [rule]:
        inner = item.kind if isinstance(item, exp.ColumnConstraint) else item
        if not isinstance(inner, exp.CheckColumnConstraint):
            raise statement.fail(
                f"{item.sql(dialect='duckdb')} is not kept", at=_first(rule, statement.start), code="sql.unsupported",
                hint="a Delta table keeps NOT NULL and CHECK (...)",
            )  # fmt: skip
        found.append(NewCheck(name, inner.this.sql(dialect="duckdb"), _first(inner, statement.start)))
    return found


def _first(tree: exp.Expr, otherwise: int) -> int:
    """Where a part of a statement begins, as near as the parser knows."""
    return min((node.meta["start"] for node in tree.walk() if "start" in node.meta), default=otherwise)


def _comment(statement: Statement) -> Comment:
    cursor = Cursor(statement)
    cursor.expect("COMMENT", "ON")
    column = cursor.accept("COLUMN")
    if not column and not cursor.accept("TABLE"):
        raise cursor.fail("TABLE or COLUMN is expected here")
    name = cursor.name()
    if column and len(name.parts) < 2:
        raise cursor.fail("a column of a table is expected here", hint="COMMENT ON COLUMN t.c IS '...'")
    cursor.expect("IS")
    text = "" if cursor.accept("NULL") else cursor.text()
    cursor.end()
    return Comment(".".join(name.parts[:-1]), name.parts[-1], text) if column else Comment(name.text, None, text)


def _body_index(statement: Statement) -> int:
    """The token after the first AS that is in no parentheses."""
    depth = 0
    for index, token in enumerate(statement.tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if token.token_type is TokenType.ALIAS and depth == 0:
            return index + 1
    raise statement.fail("there is no AS", at=statement.start, code="sql.syntax")


def column_of(statement: Statement, item: exp.Expr, checks: list[NewCheck]) -> NewColumn:
    """A column's definition; its CHECK goes to `checks`."""
    if not isinstance(item, exp.ColumnDef) or item.args.get("kind") is None:
        raise statement.fail(
            f"{item.sql(dialect='duckdb')!r} is not a column", at=statement.start, code="sql.unsupported",
            hint="name TYPE [NOT NULL] [CHECK (...)] [COMMENT '...']",
        )  # fmt: skip
    nullable, comment = True, None
    for constraint in item.args.get("constraints") or []:
        rule = constraint.kind
        if isinstance(rule, exp.NotNullColumnConstraint):
            nullable = bool(rule.args.get("allow_null"))
        elif isinstance(rule, exp.CommentColumnConstraint):
            comment = rule.this.name
        elif isinstance(rule, exp.CheckColumnConstraint):
            checks.append(
                NewCheck(
                    constraint.name or f"{item.name}_check",
                    rule.this.sql(dialect="duckdb"),
                    _first(rule, statement.start),
                )
            )
        else:
            raise statement.fail(
                f"{constraint.sql(dialect='duckdb')} on column {item.name!r} is not kept", at=item.this.meta.get("start", statement.start),
                code="sql.unsupported", hint="columns may be NOT NULL, have a CHECK (...) and a COMMENT",
            )  # fmt: skip
    return NewColumn(
        item.name,
        item.args["kind"].sql(dialect="duckdb"),
        nullable,
        comment,
        item.this.meta.get("start", statement.start),
    )


def _name(table: exp.Expr) -> str:
    return ".".join(part.name for part in table.parts) if isinstance(table, exp.Table) else table.name


def shift(tree: exp.Expr, offset: int) -> None:
    """Positions from the statement's own beginning to the script's."""
    if not offset:
        return
    for node in tree.walk():
        for key in ("start", "end"):
            if key in node.meta:
                node.meta[key] += offset


def syntax_error(statement: Statement, error: ParseError, text: str, start: int) -> Exception:
    """The error of a `text` that stands at `start` of the script (a few words of ours may stand before it)."""
    found = error.errors[0] if error.errors else {}
    highlight = str(found.get("highlight") or "")
    # sqlglot counts lines and columns within the text it was given, its column at the end of the token.
    lines = text.split("\n")
    line = int(found.get("line") or 1)
    column = max(0, int(found.get("col") or 1) - max(1, len(highlight)))
    at = start + sum(len(before) + 1 for before in lines[: line - 1]) + column
    description = _plain(str(found.get("description") or error).strip().rstrip("."))
    message = f"syntax error near {highlight!r}: {description}" if highlight else f"syntax error: {description}"
    first = statement.tokens[0].text.upper()
    hint = did_you_mean(first, _FIRST_WORDS) if first not in _FIRST_WORDS else None
    return statement.fail(message, at=at, code="sql.syntax", hint=hint)


def _plain(description: str) -> str:
    """The parser's words without its insides."""
    missing = re.fullmatch(r"Required keyword: '\w+' missing for <class '[\w.]*\.(\w+)'>", description)
    if missing:
        return f"{missing.group(1).upper()} is not complete"
    return description.replace("Invalid expression / Unexpected token", "this is not expected here")
