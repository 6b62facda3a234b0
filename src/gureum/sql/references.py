"""Which tables a statement reads and which functions it calls: what must be authorised before anything runs.

Called by `sql.py`. Pure. Promise: every table position is either a name that the catalog will resolve, a CTE of the
statement itself, or one of a few table functions; nothing that could reach the host's files passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.tokenizer_core import Token, TokenType

from gureum.errors import GureumError
from gureum.sql.script import Statement

__all__ = ["TableReference", "check_functions", "qualified_columns", "table_references"]

# Table functions that only make rows out of their arguments.
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree", "repeat_row", "repeat"})

# Scalar functions that tell about the host or the engine rather than about rows.
HIDDEN_FUNCTIONS = frozenset(
    {"current_setting", "getvariable", "getenv", "query", "query_table", "which_secret", "nextval", "currval",
     "json_execute_serialized_sql", "write_log", "set_config", "current_database", "current_schemas"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableReference:
    """A table that a statement names: where, under which alias, and which version of it."""

    name: str
    start: int
    end: int
    alias: str | None
    needs_alias: bool
    version: int | None
    timestamp: str | None
    changes: tuple[int | str, int | str | None] | None = None  # of table_changes(): from, to; numbers or times


def table_references(statement: Statement, tree: exp.Expr) -> list[TableReference]:
    """The tables to resolve, in the order of the text. Raises InvalidInput for a table function that is not allowed."""
    local = _local_tables(tree)
    found = []
    for table in tree.find_all(exp.Table):
        if id(table) in local:
            continue
        if isinstance(table.this, exp.Anonymous) and table.this.name.lower() == "table_changes":
            found.append(_changes(statement, table))
            continue
        if isinstance(table.this, exp.Func):
            _check_table_function(statement, table)
            continue
        if not isinstance(table.this, exp.Identifier):
            continue
        found.append(_reference(statement, table))
    return sorted(found, key=lambda reference: reference.start)


def qualified_columns(tree: exp.Expr) -> list[tuple[int, int]]:
    """Spans of `schema.` before `table.column`: once the table has an alias, the schema must go."""
    spans = []
    for column in tree.find_all(exp.Column):
        schema, table = column.args.get("db"), column.args.get("table")
        if isinstance(schema, exp.Identifier) and isinstance(table, exp.Identifier):
            start, end = schema.meta.get("start"), table.meta.get("start")
            if start is not None and end is not None:
                spans.append((start, end))
    return spans


def check_functions(statement: Statement, refused: Iterable[str]) -> None:
    """Refuse calls by name, on the tokens themselves, so that no way of parsing can hide one."""
    names = frozenset(refused) | HIDDEN_FUNCTIONS
    for token, following in zip(statement.tokens, statement.tokens[1:], strict=False):
        if (
            following.token_type is TokenType.L_PAREN
            and token.text.lower() in names
            and token.token_type is not TokenType.STRING
        ):
            raise _no_function(statement, token)


def _local_tables(tree: exp.Expr) -> set[int]:
    """Table nodes that name a CTE of the statement, by scope: the same name elsewhere is the catalog's."""
    local: set[int] = set()
    for query in [tree, *tree.find_all(exp.Query)] if not isinstance(tree, exp.Query) else [tree]:
        if not isinstance(query, exp.Query):
            continue
        try:
            scopes = traverse_scope(query)
        except Exception:  # noqa: S112 - an exotic tree has no scopes: then every name goes to the catalog
            continue
        for scope in scopes:
            for table in scope.tables:
                if not table.db and isinstance(scope.cte_sources.get(table.name), Scope):
                    local.add(id(table))
    return local


def _reference(statement: Statement, table: exp.Table) -> TableReference:
    parts = [part for part in table.parts if isinstance(part, exp.Identifier)]
    start, end = parts[0].meta.get("start"), parts[-1].meta.get("end")
    if start is None or end is None:
        raise statement.fail("gureum cannot tell which table is meant", at=statement.start, code="sql.unsupported")
    if len(parts) > 2:
        raise statement.fail(
            f"{'.'.join(part.name for part in parts)!r} has too many parts", at=start, code="sql.table",
            hint="a table is named schema.table",
        )  # fmt: skip
    version, timestamp, after = _time_travel(statement, end)
    return TableReference(
        name=".".join(part.name for part in parts),
        start=start,
        end=after,
        alias=table.alias or None,
        needs_alias=_needs_alias(table),
        version=version,
        timestamp=timestamp,
    )


def _needs_alias(table: exp.Table) -> bool:
    return not table.alias and isinstance(table.parent, exp.From | exp.Join | exp.Subquery | exp.Paren)


def _changes(statement: Statement, table: exp.Table) -> TableReference:
    """table_changes('name', from [, to])."""
    call = table.this
    start = call.meta.get("start", table.meta.get("start"))
    tokens = [token for token in statement.tokens if start is not None and token.start >= start]
    end = next((token.end for token in tokens if token.token_type is TokenType.R_PAREN), None)
    given = [one for one in call.expressions if isinstance(one, exp.Literal)]
    name = given[0] if given else None
    values = [one.name if one.is_string else int(one.name) if one.name.isdigit() else None for one in given[1:]]
    if (
        start is None
        or end is None
        or len(given) != len(call.expressions)
        or not (name is not None and name.is_string and 1 <= len(values) <= 2)
        or None in values
    ):
        raise statement.fail(
            "table_changes() takes a table's name and one or two versions or times", at=start or statement.start,
            code="sql.table", hint="table_changes('sales.stock', 3, 7), or from a time: '2026-01-31 12:00:00'",
        )  # fmt: skip
    first, last = (*values, None)[:2]
    assert first is not None
    return TableReference(
        name=name.name, start=start, end=end + 1, alias=table.alias or None, needs_alias=_needs_alias(table),
        version=None, timestamp=None, changes=(first, last),
    )  # fmt: skip


def _time_travel(statement: Statement, end: int) -> tuple[int | None, str | None, int]:
    """What follows a table's name: [FOR] VERSION|TIMESTAMP AS OF x, or AT (VERSION => x); and where it ends."""
    tokens = [token for token in statement.tokens if token.start > end][:6]
    words = [token.text.upper() for token in tokens]
    if words[:1] == ["FOR"]:
        tokens, words = tokens[1:], words[1:]
    if len(words) >= 4 and words[0] in {"VERSION", "TIMESTAMP"} and words[1:3] == ["AS", "OF"]:
        return *_travel_value(statement, words[0], tokens[3]), tokens[3].end + 1
    if (
        len(words) >= 6
        and words[0] == "AT"
        and words[1] == "("
        and words[2] in {"VERSION", "TIMESTAMP"}
        and words[3] == "=>"
    ):
        return *_travel_value(statement, words[2], tokens[4]), tokens[5].end + 1
    return None, None, end + 1


def _travel_value(statement: Statement, word: str, token: Token) -> tuple[int | None, str | None]:
    if word == "VERSION" and token.token_type is TokenType.NUMBER and token.text.isdigit():
        return int(token.text), None
    if word == "TIMESTAMP" and token.token_type is TokenType.STRING:
        return None, token.text
    raise statement.fail(
        f"{word} AS OF {token.text} is not a {'version' if word == 'VERSION' else 'time'}", at=token.start, code="sql.time_travel",
        hint="VERSION AS OF 3, or TIMESTAMP AS OF '2026-01-31 12:00:00'",
    )  # fmt: skip


def _check_table_function(statement: Statement, table: exp.Table) -> None:
    node = table.this
    start = node.meta.get("start", table.meta.get("start"))
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    # sqlglot calls range() by another name: the token tells what the user wrote.
    written = next((token.text for token in statement.tokens if token.start == start), name)
    if written.lower() not in TABLE_FUNCTIONS and name.lower() not in TABLE_FUNCTIONS:
        raise statement.fail(
            f"table function {written}() is not available", at=start or statement.start, code="sql.function",
            hint="SQL here reads the catalog's tables only, never files or the network",
        )  # fmt: skip


def _no_function(statement: Statement, token: Token) -> GureumError:
    return statement.fail(
        f"function {token.text}() is not available", at=token.start, code="sql.function",
        hint="SQL here reads the catalog's tables only, never files, settings or the network",
    )  # fmt: skip
