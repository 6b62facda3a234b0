"""CHECK constraints of a Delta table: kept in Spark's SQL, as the protocol wants them, and enforced on rows before they are
written.

Called by `table.py` (enforce), `protocol.py` (which are understood) and `sql` (make one). Promise: an expression is kept
and enforced only when it is made of parts that mean the same in DuckDB's and in Spark's SQL; a table with another
one is refused by the constraint's name. A row passes only when the expression is true: unlike elsewhere in SQL, null fails,
as Delta's protocol says ("must return true").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from gureum.errors import InvalidInput
from gureum.names import did_you_mean

__all__ = ["PREFIX", "Check", "bind", "checks_of", "enforce", "spark_expression", "unknown_checks"]

# Where a table's properties hold them.
PREFIX = "delta.constraints."

# Values of a row shown in an error, and their length: enough to find it by.
SHOWN_COLUMNS = 6
SHOWN_CHARS = 60

# What means the same to DuckDB and to Spark. Division and modulo do not (by zero), nor do regular expressions, case
# (other rules for letters outside of ASCII), casts of texts, or anything that depends on the session.
_SAME = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ,
    exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.In, exp.Between, exp.Like, exp.Add,
    exp.Sub, exp.Mul, exp.Neg, exp.Length, exp.Abs, exp.Coalesce, exp.Case, exp.If,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One constraint: `spark` as the table keeps it, `duckdb` as it is shown and run here."""

    name: str
    spark: str
    duckdb: str
    columns: tuple[str, ...]


def spark_expression(text: str) -> str:
    """A DuckDB expression in Spark's SQL. Raises InvalidInput that names the part which would mean another thing there."""
    tree = _parsed(text, "duckdb")
    _check_parts(tree, text)
    return tree.sql(dialect="spark")


def checks_of(properties: Mapping[str, str]) -> list[Check]:
    """The constraints in a table's properties, by name. Raises InvalidInput for one that is not understood."""
    return [check for _, check in _each(properties) if isinstance(check, Check)]


def unknown_checks(properties: Mapping[str, str]) -> list[str]:
    """Names of the constraints that gureum cannot be sure to read as Spark does."""
    return [name for name, check in _each(properties) if check is None]


def enforce(rows: pa.Table, checks: Sequence[Check]) -> None:
    """Raises InvalidInput that names the constraint, its columns and the first row which is not true to it."""
    if not checks or not rows.num_rows:
        return
    flags = ", ".join(f"coalesce(({check.duckdb}), false)" for check in checks)
    connection = duckdb.connect(config={"threads": 1})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_external_access = false")
        connection.register("checked_rows", rows)
        found = connection.execute(f"SELECT {flags} FROM checked_rows").to_arrow_table()
    except duckdb.Error as error:
        # Such as a sum that is out of range: what cannot be computed is not true.
        named = ", ".join(repr(check.name) for check in checks)
        raise InvalidInput(
            f"CHECK constraint {named} cannot be computed for these rows: {str(error).splitlines()[0]}",
            code="table.check",
        ) from error
    finally:
        connection.close()
    for check, column in zip(checks, found.columns, strict=True):
        row = pc.index(column, pa.scalar(False)).as_py()
        if row >= 0:
            raise InvalidInput(
                f"row {row + 1} breaks CHECK constraint {check.name!r}, {check.duckdb}: {_values(rows, row, check)}",
                code="table.check", constraint=check.name, column_names=list(check.columns), row=row + 1,
                hint="it must be true for every row; null is not true",
            )  # fmt: skip


def bind(check: Check, schema: pa.Schema) -> None:
    """Raises InvalidInput when a constraint is not true or false of rows with these columns."""
    lower = {name.lower() for name in schema.names}
    for column in check.columns:
        if column.lower() not in lower:
            raise InvalidInput(
                f"CHECK constraint {check.name!r}: there is no column {column!r}", code="table.column",
                hint=did_you_mean(column, schema.names),
            )  # fmt: skip
    connection = duckdb.connect(config={"threads": 1})
    try:
        connection.register("checked_rows", schema.empty_table())
        kind = connection.execute(f"SELECT ({check.duckdb}) FROM checked_rows").description[0][1]
    except duckdb.Error as error:
        raise InvalidInput(
            f"CHECK constraint {check.name!r}: {str(error).splitlines()[0]}", code="table.check"
        ) from error
    finally:
        connection.close()
    if str(kind).upper() not in {"BOOLEAN", "BOOL"}:
        raise InvalidInput(f"CHECK constraint {check.name!r} is not true or false but {kind}", code="table.check")


def _each(properties: Mapping[str, str]) -> Iterator[tuple[str, Check | None]]:
    for key in sorted(properties):
        if not key.startswith(PREFIX):
            continue
        name, text = key.removeprefix(PREFIX), properties[key]
        try:
            tree = _parsed(text, "spark")
            _check_parts(tree, text)
        except InvalidInput:
            yield name, None
            continue
        columns = tuple(dict.fromkeys(column.name for column in tree.find_all(exp.Column)))
        yield name, Check(name, text, tree.sql(dialect="duckdb"), columns)


def _parsed(text: str, dialect: str) -> exp.Expr:
    try:
        return sqlglot.parse_one(text, dialect=dialect)
    except SqlglotError as error:
        raise InvalidInput(f"{text!r} is not an expression", code="table.check") from error


def _check_parts(tree: exp.Expr, text: str) -> None:
    for node in tree.walk():
        if isinstance(node, exp.Literal) and "\\" not in node.name:
            continue
        if _is_date(node) or (isinstance(node, exp.DType | exp.DataType) and _is_date(node.parent)):
            continue
        allowed = isinstance(node, _SAME) and not isinstance(node, exp.Literal)
        if isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest")):
            allowed = False
        if isinstance(node, exp.Column) and node.args.get("table"):
            allowed = False
        if not allowed:
            raise InvalidInput(
                f"a CHECK constraint cannot have {node.sql(dialect='duckdb')!r}: other engines that write the table may read it otherwise",
                code="table.check", expression=text,
                hint="use columns by their names, constants, comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, CASE, + - *, length, abs, coalesce",
            )  # fmt: skip


def _is_date(node: exp.Expr | None) -> bool:
    """DATE '2026-01-31'."""
    return (
        isinstance(node, exp.Cast)
        and isinstance(node.this, exp.Literal)
        and node.this.is_string
        and node.to.is_type("date")
    )


def _values(rows: pa.Table, row: int, check: Check) -> str:
    lower = {name.lower() for name in check.columns}
    names = [name for name in rows.column_names if name.lower() in lower]
    names += [name for name in rows.column_names if name not in names]
    return ", ".join(f"{name} is {_shown(rows[name][row].as_py())}" for name in names[:SHOWN_COLUMNS])


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "..."
