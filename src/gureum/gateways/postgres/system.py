"""Statements about the catalog and the session: PostgreSQL's relations and functions on a DuckDB of their own, which holds
nothing but them.

Called by `session.py`. Promise: no table of ours is in reach here, nor a file; what a client may learn is what `relations.py`
gives its user. DuckDB runs the statement after sqlglot has put it into its dialect.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from gureum.gateways.postgres.errors import SqlState
from gureum.gateways.postgres.functions import MACROS, NEEDS, session_functions
from gureum.gateways.postgres.relations import (
    FORMATS,
    Facts,
    Relations,
    arrow_schema,
    column_types,
    namespace_oid,
    oid_of,
    relation_names,
)
from gureum.gateways.postgres.types import BY_OID, BY_WORD
from gureum.sql.words import PostgresWords
from gureum.types import Actor

__all__ = ["SystemCatalog", "mentions_system", "with_values"]

# A cheap look, before anything is parsed: most statements are about tables and have none of these words.
_HINTS = re.compile(
    r"pg_|information_schema|current_|session_user|version\s*\(|set_config|has_\w+_privilege|obj_description|col_description"
    r"|::\s*reg|txid_|inet_|format_type|to_reg",
    re.IGNORECASE,
)

_OPERATOR = re.compile(r"OPERATOR\s*\(\s*pg_catalog\s*\.\s*([^)\s]+)\s*\)", re.IGNORECASE)
_COLLATE = re.compile(r"\bCOLLATE\s+(?:pg_catalog\s*\.\s*)?(?:\"[^\"]+\"|default\b|C\b)", re.IGNORECASE)
_REG_CAST = re.compile(r"::\s*reg\w+", re.IGNORECASE)
_ARRAYS = re.compile(r"::\s*(?:pg_catalog\s*\.\s*)?(?:oid|name|regtype|\"char\")\s*\[\s*\]", re.IGNORECASE)
_REG = {"REGCLASS", "REGTYPE", "REGPROC", "REGPROCEDURE", "REGNAMESPACE", "REGROLE"}
_TEXTS = {"NAME", "CHAR", "BPCHAR", "CHARACTER", "PG_NODE_TREE", "ACLITEM", "INET", "XID", "CSTRING", "REGOPER"}
_OTHER_NAMES = {
    "json_build_object": "json_object", "jsonb_build_object": "json_object", "json_build_array": "json_array",
    "json_agg": "json_group_array", "jsonb_agg": "json_group_array", "jsonb_object_agg": "json_group_object",
    "json_object_agg": "json_group_object",
}  # fmt: skip
_SYSTEM_COLUMNS = {"xmin", "xmax", "cmin", "cmax", "ctid", "tableoid"}


def mentions_system(text: str) -> bool:
    return _HINTS.search(text) is not None


class SystemCatalog:
    """Share one per process; safe between threads."""

    def __init__(self, relations: Relations) -> None:
        self._relations = relations
        self._names = frozenset(relation_names())
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._empty: set[str] = set()

    def parsed(self, text: str) -> exp.Expr | None:
        """The statement, if it is about the catalog or the session and not about tables of ours; else None."""
        if not mentions_system(text):
            return None
        plain = _COLLATE.sub("", _OPERATOR.sub(r" \1 ", text))
        plain = _ARRAYS.sub(lambda found: "::bigint[]" if "oid" in found[0].lower() else "::text[]", plain)
        try:
            tree = sqlglot.parse_one(plain, dialect=PostgresWords)
        except SqlglotError as error:
            if "pg_catalog" in text or "information_schema" in text:
                raise SqlState(
                    "42601", f"this statement about the catalog cannot be read: {str(error).splitlines()[0]}"
                ) from None
            return None
        if not isinstance(tree, exp.Query):
            return None
        local = {cte.alias for cte in tree.find_all(exp.CTE)}
        tables = [
            one for one in tree.find_all(exp.Table) if isinstance(one.this, exp.Identifier) and one.name not in local
        ]
        known = [self._full_name(one) for one in tables]
        if not tables:
            return tree if "pg_catalog" in plain or _REG_CAST.search(plain) or _has_session_function(tree) else None
        if any(known) and not all(known):
            other = next(one for one, full in zip(tables, known, strict=True) if full is None)
            if one_of_postgres(other):
                raise SqlState("42P01", f'relation "{other.sql()}" does not exist')
            raise SqlState("0A000", "a statement reads either the catalog or tables, not both", hint="make it two")
        return tree if any(known) else None

    def run(self, tree: exp.Expr, parameters: Sequence[Any], *, actor: Actor, facts: Facts) -> pa.Table:
        """The statement's rows. Raises SqlState."""
        with self._lock:
            connection = self._connection or self._open()
            prepared, used, numbers = self._prepared(with_values(tree.copy(), parameters), actor, facts)
            given = {str(number): parameters[number - 1] for number in numbers}
            views = []
            try:
                for name in used:
                    table = self._relations.table(name, actor, facts)
                    views.append(_hidden(name))
                    connection.register(views[-1], table)
                found = connection.execute(prepared, given or None).to_arrow_table()
            except duckdb.Error as error:
                raise SqlState(_state(error), str(error).split("\n")[0]) from error
            finally:
                for view in views:
                    connection.unregister(view)
        return found

    def text_columns(self, tree: exp.Expr) -> dict[str, str]:
        """The SQL type of each column of the relations that the statement reads, to tell its parameters' types."""
        found: dict[str, str] = {}
        for one in tree.find_all(exp.Table):
            full = self._full_name(one)
            if full is not None:
                found |= column_types(full)
        return found

    def _open(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": 1, "memory_limit": "256MB", "enable_external_access": False})
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET TimeZone = 'UTC'")
        formats = {one.oid: FORMATS.get(one.name, one.name) for one in BY_OID.values() if not one.element}
        formats |= {
            one.oid: f"{formats[one.element]}[]" for one in BY_OID.values() if one.element and one.element in formats
        }
        connection.execute("CREATE TABLE sys_formats (oid UINTEGER, name VARCHAR)")
        connection.executemany("INSERT INTO sys_formats VALUES (?, ?)", list(formats.items()))
        letters = ", ".join("'" + chr(one).replace("'", "''") + "'" for one in range(32, 127))
        connection.execute(f"CREATE TYPE sys_letter AS ENUM ('', {letters})")
        # Macros bind their relations when they are made and again when they are called: empty ones stand in.
        for name in sorted({needed for names in NEEDS.values() for needed in names}):
            self._make_empty(connection, name)
        for macro in MACROS:
            connection.execute(f"CREATE MACRO {macro}")
        for name in sorted(self._empty):
            connection.execute(f"DROP TABLE {_hidden(name)}")
        self._empty.clear()
        connection.execute("SET lock_configuration = true")
        self._connection = connection
        return connection

    def _make_empty(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        connection.register("sys_shape", arrow_schema(name).empty_table())
        connection.execute(f"CREATE TABLE {_hidden(name)} AS SELECT * FROM sys_shape")
        connection.unregister("sys_shape")
        self._empty.add(name)

    # --- into DuckDB's words ------------------------------------------------------------------------------------------------

    def _full_name(self, table: exp.Table) -> str | None:
        schema, name = table.db.lower(), table.name.lower()
        if schema:
            return f"{schema}.{name}" if f"{schema}.{name}" in self._names else None
        return f"pg_catalog.{name}" if f"pg_catalog.{name}" in self._names else None

    def _prepared(self, tree: exp.Expr, actor: Actor, facts: Facts) -> tuple[str, list[str], set[int]]:
        used: dict[str, None] = {}
        functions = session_functions(facts)
        for dot in list(tree.find_all(exp.Dot)):
            if isinstance(dot.expression, exp.Func):
                dot.replace(dot.expression)  # pg_catalog.f(x)
        for select in list(tree.find_all(exp.Select)):
            _name_columns(select, functions)
        for table in list(tree.find_all(exp.Table)):
            full = self._full_name(table) if isinstance(table.this, exp.Identifier) else None
            if full is None:
                table.set("db", None)  # of a function: pg_catalog.unnest(x)
                alias = table.args.get("alias")
                if isinstance(table.this, exp.Func) and alias is not None and not alias.columns:
                    # PostgreSQL's alias of a function's rows is also the name of their only column.
                    alias.set("columns", [exp.to_identifier(alias.name)])
                continue
            used[full] = None
            alias = table.alias or table.name
            given = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(alias))
            letters = [name for name, kind in column_types(full).items() if kind == '"char"']
            table.set("this", exp.to_identifier(_hidden(full)))
            for part in ("db", "catalog", "alias"):
                table.set(part, None)
            if not letters:
                table.set("alias", given)
                continue
            # An enumeration's values keep their type through the statement, so that clients see the "char" that they expect.
            replaced = ", ".join(f"CAST({name} AS sys_letter) AS {name}" for name in letters)
            inner = sqlglot.parse_one(f"SELECT * REPLACE ({replaced}) FROM {_hidden(full)}", dialect="duckdb")
            table.replace(
                exp.Subquery(
                    this=inner, alias=given, joins=table.args.get("joins"), laterals=table.args.get("laterals")
                )
            )
        # From the leaves up: what replaces a node may hold its children, which are done by then.
        for node in reversed(list(tree.walk())):
            new = self._replaced(node, functions, actor, used)
            if new is not node:
                node.replace(new)
        numbers = {int(one.name) for one in tree.find_all(exp.Placeholder, exp.Parameter) if one.name.isdigit()}
        return tree.sql(dialect="duckdb"), list(used), numbers

    def _replaced(
        self, node: exp.Expr, functions: dict[str, Callable[[list[exp.Expr]], exp.Expr]], actor: Actor,
        used: dict[str, None],
    ) -> exp.Expr:  # fmt: skip
        if isinstance(node, exp.Column):
            if node.args.get("db") is not None:
                node.set("db", None)
                node.set("catalog", None)
            if node.name.lower() in _SYSTEM_COLUMNS:
                return exp.Literal.number(0)
        if isinstance(node, exp.Cast):
            return self._cast(node, actor, used)
        name = _function_name(node)
        if name in functions:
            return functions[name](_arguments(node))
        for needed in NEEDS.get(name, ()):
            used.setdefault(needed)
        if name in _OTHER_NAMES and isinstance(node, exp.Anonymous):
            return exp.Anonymous(this=_OTHER_NAMES[name], expressions=node.expressions)
        return node

    def _cast(self, node: exp.Cast, actor: Actor, used: dict[str, None]) -> exp.Expr:
        inner: exp.Expr = node.this
        kind = node.to.sql("postgres").upper().replace("PG_CATALOG.", "").strip('"').split("(")[0]
        if kind.startswith("INFORMATION_SCHEMA.") or kind in _TEXTS:
            return exp.cast(inner, "VARCHAR")
        if kind in {"OID", "XID8"}:
            return _as_oid(inner)
        if kind in {"INT2VECTOR", "OIDVECTOR"}:
            return inner
        if kind not in _REG:
            if isinstance(node.to.this, str) or "." in node.to.sql("postgres"):
                node.set("to", exp.DataType.build(kind, dialect="postgres", udt=True))
            return node
        if isinstance(inner, exp.Literal) and inner.is_string:
            return _as_oid(exp.Literal.number(self._number(kind, inner.name, actor)))
        if isinstance(inner, exp.Literal):
            return _as_oid(inner)
        if isinstance(node.parent, exp.Cast) and node.parent.to.sql().upper() in {"OID", "BIGINT", "INT"}:
            return inner
        macro = f"{kind.lower()}_number" if isinstance(inner, exp.Parameter) else f"{kind.lower()}_text"
        if isinstance(node.parent, exp.Predicate | exp.In) and not isinstance(inner, exp.Parameter):
            return inner
        for needed in NEEDS.get(macro, ()):
            used.setdefault(needed)
        return exp.Anonymous(this=macro, expressions=[inner])

    def _number(self, kind: str, word: str, actor: Actor) -> int:
        """The OID that a name stands for. Raises SqlState as PostgreSQL does."""
        if word.isdigit():
            return int(word)
        parts = [one.strip('"') for one in re.findall(r'"[^"]+"|[^.]+', word)]
        schema, name = (parts[-2] if len(parts) > 1 else None), parts[-1]
        if kind == "REGTYPE":
            if name.upper() in BY_WORD:
                return BY_WORD[name.upper()].oid
            raise SqlState("42704", f'type "{word}" does not exist')
        if kind == "REGNAMESPACE":
            return namespace_oid(name)
        if kind == "REGCLASS":
            full = f"{schema or 'pg_catalog'}.{name}"
            if full in self._names:
                return 1_000 + list(relation_names()).index(full)
            for thing in self._relations.things(actor):
                if thing.name == f"{schema or 'main'}.{name}":
                    return oid_of(thing.id)
            raise SqlState("42P01", f'relation "{word}" does not exist')
        return 0


def with_values(tree: exp.Expr, parameters: Sequence[Any]) -> exp.Expr:
    """Parameters of functions about the session by their values, which are looked up before DuckDB sees the statement."""
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name.lower() in {"current_setting", "set_config"}:
            for place in [
                one for argument in call.expressions for one in argument.find_all(exp.Placeholder, exp.Parameter)
            ]:
                if place.name.isdigit() and int(place.name) <= len(parameters):
                    whole = place.parent if isinstance(place.parent, exp.Cast) else place
                    value = parameters[int(place.name) - 1]
                    whole.replace(exp.null() if value is None else exp.Literal.string(str(value)))
    return tree


def _as_oid(node: exp.Expr) -> exp.Expr:
    return exp.Cast(this=node, to=exp.DataType(this=exp.DataType.Type.UINT))


def one_of_postgres(table: exp.Table) -> bool:
    return table.db.lower() in {"pg_catalog", "information_schema"} or (
        not table.db and table.name.lower().startswith("pg_")
    )


def _hidden(relation: str) -> str:
    return "sys_" + relation.replace(".", "_")


def _function_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    if isinstance(node, exp.CurrentVersion):
        return "version"
    if isinstance(node, exp.Func):
        return node.sql_name().lower()
    if isinstance(node, exp.Column) and not node.table:
        word = node.this
        return node.name.lower() if not word.quoted and node.name.lower() in _BARE else ""
    return ""


# Functions that are written without parentheses.
_BARE = frozenset({"current_user", "session_user", "user", "current_catalog", "current_schema", "current_role"})


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    return (
        [one for one in node.iter_expressions() if isinstance(one, exp.Expr)]
        if not isinstance(node, exp.Column)
        else []
    )


def _has_session_function(tree: exp.Expr) -> bool:
    names = session_functions(Facts("", "", 0, 0)).keys() | NEEDS.keys()
    return any(_function_name(node) in names for node in tree.walk())


def _name_columns(select: exp.Select, functions: dict[str, Any]) -> None:
    """A column of a function bears its name, as PostgreSQL has it; a cast that of what it casts."""
    named: list[exp.Expr] = []
    for item in select.expressions:
        named.append(item)
        inner = item
        while isinstance(inner, exp.Cast | exp.Paren):
            inner = inner.this
        if isinstance(inner, exp.Dot):
            inner = inner.expression
        name = _function_name(inner)
        if isinstance(item, exp.Alias | exp.Star) or (isinstance(item, exp.Column) and name not in functions):
            continue
        if isinstance(inner, exp.Column) and name not in functions:
            name = inner.name
        if isinstance(inner, exp.Case):
            name = "case"
        if isinstance(inner, exp.Exists):
            name = "exists"
        named[-1] = exp.Alias(this=item, alias=exp.to_identifier(name or "?column?", quoted=True))
    select.set("expressions", named)


def _state(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.BinderException):
        return "42703" if "not found in FROM" in str(error) else "42883"
    if isinstance(error, duckdb.CatalogException):
        return "42883" if "Function" in str(error) else "42P01"
    if isinstance(error, duckdb.ParserException):
        return "42601"
    return "42000"
