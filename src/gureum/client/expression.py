"""Ibis expressions as SQL: over tables for `g.sql`, over streams as a standing query's script.

Called by the nouns beside it. Loads Ibis, which is heavy, so they import this only when they meet an expression.
Ibis' own compilers print both dialects; this adds the declaration of each stream that an expression reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops

from gureum.errors import InvalidInput

__all__ = ["ibis_type", "is_expression", "standing_sql", "table_sql"]

# How long a standing query waits for rows that come late, unless told otherwise.
WATERMARK_DELAY = "5 SECOND"


def is_expression(value: object) -> bool:
    return isinstance(value, ibis.Expr)


def table_sql(expression: Any) -> str:
    """An expression over tables as the SQL of `g.sql`."""
    return str(ibis.to_sql(expression, dialect="duckdb"))


def standing_sql(expression: Any, *, watermarks: Mapping[str, str] | None = None) -> str:
    """An expression over streams as a script: a CREATE TABLE for each stream it reads, then the SELECT.

    `watermarks` gives the delay for a time column, such as {"ts": "10 SECOND"}; by default the first timestamp column of
    each stream has one of 5 seconds. Raises InvalidInput when the expression reads no stream or uses a type that a stream
    cannot have.
    """
    delays = dict(watermarks or {})
    sources = {op.name: op.schema for op in expression.op().find((ops.UnboundTable, ops.DatabaseTable))}
    if not sources:
        raise InvalidInput(
            "the expression reads no stream", code="query.expression", hint='begin with g.stream("name").expr'
        )
    declarations = [_declaration(name, schema, delays) for name, schema in sources.items()]
    return "\n".join([*declarations, str(ibis.to_sql(expression, dialect="flink")) + ";"])


def _declaration(name: str, schema: Any, delays: Mapping[str, str]) -> str:
    columns = [f"  {_quoted(column)} {_sql_type(kind)}" for column, kind in schema.items()]
    times = [column for column, kind in schema.items() if isinstance(kind, dt.Timestamp)]
    time_column = next((column for column in times if column in delays), times[0] if times else None)
    if time_column is not None:
        amount, _, unit = delays.get(time_column, WATERMARK_DELAY).partition(" ")
        unit = re.sub(r"S$", "", unit.upper())
        column = _quoted(time_column)
        columns.append(f"  WATERMARK FOR {column} AS {column} - INTERVAL '{amount}' {unit}")
    text = name.replace("'", "''")
    return (
        f"CREATE TABLE {_quoted(name)} (\n"
        + ",\n".join(columns)
        + f"\n) WITH ('stream' = '{text}', 'format' = 'json');"
    )


def _sql_type(kind: Any) -> str:
    for ibis_kind, name in _NAMES:
        if isinstance(kind, ibis_kind):
            return name
    if isinstance(kind, dt.Timestamp):
        return "TIMESTAMP_LTZ(3)" if kind.timezone else "TIMESTAMP(3)"
    if isinstance(kind, dt.Decimal):
        return f"DECIMAL({kind.precision or 38}, {kind.scale or 0})"
    if isinstance(kind, dt.Array):
        return f"ARRAY<{_sql_type(kind.value_type)}>"
    if isinstance(kind, dt.Map):
        return f"MAP<{_sql_type(kind.key_type)}, {_sql_type(kind.value_type)}>"
    if isinstance(kind, dt.Struct):
        return "ROW<" + ", ".join(f"{_quoted(name)} {_sql_type(field)}" for name, field in kind.items()) + ">"
    raise InvalidInput(f"a stream has no columns of type {kind}", code="query.type")


_NAMES: tuple[tuple[Any, str], ...] = (
    (dt.Boolean, "BOOLEAN"), (dt.Int8, "TINYINT"), (dt.Int16, "SMALLINT"), (dt.Int32, "INT"), (dt.Int64, "BIGINT"),
    (dt.Float32, "FLOAT"), (dt.Float64, "DOUBLE"), (dt.String, "STRING"), (dt.Binary, "BYTES"), (dt.Date, "DATE"),
)  # fmt: skip

_IBIS = {
    "BOOLEAN": "boolean", "TINYINT": "int8", "SMALLINT": "int16", "INT": "int32", "BIGINT": "int64", "FLOAT": "float32",
    "DOUBLE": "float64", "STRING": "string", "BINARY": "binary", "DATE": "date", "TIMESTAMP": "timestamp(6)",
    "TIMESTAMP_LTZ": "timestamp('UTC', 6)",
}  # fmt: skip


def ibis_type(sql_type: str) -> Any:
    """The Ibis type of one of our SQL type names."""
    text = sql_type.strip()
    if text in _IBIS:
        return dt.dtype(_IBIS[text])
    head, _, inner = text.partition("<")
    if head == "ARRAY":
        return dt.Array(ibis_type(inner[:-1]))
    if head == "MAP":
        key, value = _split(inner[:-1])
        return dt.Map(ibis_type(key), ibis_type(value))
    if head == "ROW":
        fields = [re.fullmatch(r"(`[^`]+`|\S+)\s+(.+)", part.strip()) for part in _split(inner[:-1])]
        return dt.Struct({m.group(1).strip("`"): ibis_type(m.group(2)) for m in fields if m})
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", text):
        return dt.Decimal(int(match.group(1)), int(match.group(2)))
    raise InvalidInput(f"Ibis has no type for {sql_type}", code="query.type")


def _split(text: str) -> list[str]:
    """Split at the commas that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
