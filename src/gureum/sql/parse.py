"""What a statement asks for: one small value per kind of statement that gureum runs, or a refusal by name.

Called by `sql.py`. Pure.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import TokenType

from gureum.sql.script import Statement

__all__ = [
    "Command",
    "CreateTable",
    "Describe",
    "DropTable",
    "Insert",
    "NewColumn",
    "Select",
    "ShowTables",
    "parse_statement",
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
class CreateTable:
    tree: exp.Expr
    table: str
    columns: tuple[NewColumn, ...]
    partition_by: tuple[str, ...]
    comment: str | None
    if_not_exists: bool
    body_start: int | None


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


Command = Select | Insert | CreateTable | DropTable | Describe | ShowTables

_RUNS = "gureum runs SELECT, INSERT INTO, CREATE TABLE, DROP TABLE, DESCRIBE [HISTORY] and SHOW TABLES here"


def parse_statement(statement: Statement) -> Command:
    """The command of a statement. Raises InvalidInput that points at line and column."""
    try:
        tree = sqlglot.parse_one(statement.text, dialect="duckdb")
    except ParseError as error:
        raise _syntax_error(statement, error) from error
    except SqlglotError as error:
        raise statement.fail(f"this SQL cannot be read: {error}", at=statement.start, code="sql.syntax") from error
    _shift(tree, statement.start)
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
    raise statement.fail(f"{word} is not run here", at=statement.start, code="sql.unsupported", hint=_RUNS)


def _insert(statement: Statement, tree: exp.Insert) -> Insert:
    if tree.args.get("overwrite"):
        raise statement.fail("INSERT OVERWRITE is not run yet", at=statement.start, code="sql.unsupported", hint=_RUNS)
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
    return Insert(tree, _name(target), columns, by_name, rest[0].start)


def _create(statement: Statement, tree: exp.Create) -> CreateTable:
    kind = str(tree.args.get("kind") or "").upper()
    if kind != "TABLE":
        raise statement.fail(f"CREATE {kind} is not run here", at=statement.start, code="sql.unsupported", hint=_RUNS)
    if tree.args.get("replace"):
        raise statement.fail(
            "CREATE OR REPLACE is not run yet", at=statement.start, code="sql.unsupported", hint="DROP TABLE first"
        )
    target = tree.this
    columns: tuple[NewColumn, ...] = ()
    if isinstance(target, exp.Schema):
        columns = tuple(_column(statement, item) for item in target.expressions)
        target = target.this
    partition_by: tuple[str, ...] = ()
    comment = None
    properties = tree.args.get("properties")
    for item in properties.expressions if properties else []:
        if isinstance(item, exp.PartitionedByProperty):
            partition_by = tuple(column.name for column in item.this.expressions)
        elif isinstance(item, exp.SchemaCommentProperty):
            comment = item.this.name
        elif isinstance(item, exp.FileFormatProperty) and item.name.lower() == "delta":
            continue
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
    return CreateTable(tree, _name(target), columns, partition_by, comment, bool(tree.args.get("exists")), body_start)


def _body_index(statement: Statement) -> int:
    """The token after the first AS that is in no parentheses."""
    depth = 0
    for index, token in enumerate(statement.tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if token.token_type is TokenType.ALIAS and depth == 0:
            return index + 1
    raise statement.fail("there is no AS", at=statement.start, code="sql.syntax")


def _column(statement: Statement, item: exp.Expr) -> NewColumn:
    if not isinstance(item, exp.ColumnDef) or item.args.get("kind") is None:
        raise statement.fail(
            f"{item.sql(dialect='duckdb')!r} is not a column", at=statement.start, code="sql.unsupported",
            hint="name TYPE [NOT NULL] [COMMENT '...']",
        )  # fmt: skip
    nullable, comment = True, None
    for constraint in item.args.get("constraints") or []:
        rule = constraint.kind
        if isinstance(rule, exp.NotNullColumnConstraint):
            nullable = bool(rule.args.get("allow_null"))
        elif isinstance(rule, exp.CommentColumnConstraint):
            comment = rule.this.name
        else:
            raise statement.fail(
                f"{constraint.sql(dialect='duckdb')} on column {item.name!r} is not kept", at=item.this.meta.get("start", statement.start),
                code="sql.unsupported", hint="columns may be NOT NULL and have a COMMENT",
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


def _shift(tree: exp.Expr, offset: int) -> None:
    """Positions from the statement's own beginning to the script's."""
    if not offset:
        return
    for node in tree.walk():
        for key in ("start", "end"):
            if key in node.meta:
                node.meta[key] += offset


def _syntax_error(statement: Statement, error: ParseError) -> Exception:
    found = error.errors[0] if error.errors else {}
    highlight = str(found.get("highlight") or "")
    # sqlglot counts lines and columns within the text it was given, its column at the end of the token.
    lines = statement.text.split("\n")
    line = int(found.get("line") or 1)
    column = max(0, int(found.get("col") or 1) - max(1, len(highlight)))
    at = statement.start + sum(len(text) + 1 for text in lines[: line - 1]) + column
    description = str(found.get("description") or error).strip().rstrip(".")
    message = f"syntax error near {highlight!r}: {description}" if highlight else f"syntax error: {description}"
    return statement.fail(message, at=at, code="sql.syntax")
