"""The SQL names of types and the Arrow types they stand for, in both directions.

Called by the streaming parser, the SQL service and the catalog. `gureum.types.Column.type` holds the one spelling that
`sql_type` gives; `arrow_type` also takes the spellings people bring along (VARCHAR(20), INTEGER, TIMESTAMP(3) ...).
Promise: `sql_type(arrow_type(name))` is the canonical name, and every timestamp is in microseconds, instants in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pyarrow as pa

from gureum.errors import InvalidInput
from gureum.names import did_you_mean
from gureum.sql.quoting import quoted
from gureum.types import Column

__all__ = [
    "SIMPLE",
    "SYNONYMS",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "arrow_schema",
    "arrow_type",
    "columns_of",
    "duckdb_type",
    "sql_type",
]

TIMESTAMP = pa.timestamp("us")
TIMESTAMP_LTZ = pa.timestamp("us", tz="UTC")

SIMPLE: dict[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "STRING": pa.string(),
    "BINARY": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMP_LTZ": TIMESTAMP_LTZ,
}
SYNONYMS: dict[str, str] = {
    "BOOL": "BOOLEAN",
    "INTEGER": "INT",
    "LONG": "BIGINT",
    "INT8": "TINYINT",
    "INT16": "SMALLINT",
    "INT32": "INT",
    "INT64": "BIGINT",
    "REAL": "FLOAT",
    "DOUBLE PRECISION": "DOUBLE",
    "FLOAT64": "DOUBLE",
    "VARCHAR": "STRING",
    "CHAR": "STRING",
    "TEXT": "STRING",
    "BYTES": "BINARY",
    "VARBINARY": "BINARY",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP",
    "TIMESTAMP WITH LOCAL TIME ZONE": "TIMESTAMP_LTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ",
    "TIMESTAMPTZ": "TIMESTAMP_LTZ",
    "NUMERIC": "DECIMAL",
    "DEC": "DECIMAL",
    "STRUCT": "ROW",
    "LIST": "ARRAY",
}
_TOKEN = re.compile(r"\s*(?:(`[^`]+`|\"[^\"]+\")|([A-Za-z_가-힣][\w가-힣]*)|(\d+)|([<>(),:]))")
_ZONE_WORDS = {"WITH", "WITHOUT", "LOCAL", "TIME", "ZONE"}

# Flink's and Delta's largest decimal; DuckDB's and Arrow's decimal128 too.
DECIMAL_DIGITS_MAX = 38


class _Reader:
    """A cursor over the tokens of one type's text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise InvalidInput(f"{text!r} is not a type", code="sql.type")
            self.tokens.append(match.group(0).strip())
            position = match.end()
        self.index = 0

    def peek(self) -> str:
        return self.tokens[self.index] if self.index < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.index += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise InvalidInput(f"{self.text!r} is not a type: expected {token!r}", code="sql.type")

    def accept(self, token: str) -> bool:
        if self.peek().upper() == token:
            self.index += 1
            return True
        return False

    def numbers(self) -> list[int]:
        """`(10, 2)` if it comes next; else nothing."""
        found: list[int] = []
        if self.accept("("):
            while True:
                number = self.take()
                if not number.isdigit():
                    raise InvalidInput(f"{self.text!r} is not a type: expected a number", code="sql.type")
                found.append(int(number))
                if self.accept(")"):
                    break
                self.expect(",")
        return found


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a SQL type's name; InvalidInput with near names if there is none."""
    reader = _Reader(name)
    found = _read_type(reader)
    if reader.peek():
        raise InvalidInput(f"{name!r} is not a type: unexpected {reader.peek()!r}", code="sql.type")
    return found


def _read_type(reader: _Reader) -> pa.DataType:
    name = reader.take().upper()
    if name == "DOUBLE" and reader.accept("PRECISION"):
        name = "DOUBLE PRECISION"
    numbers = reader.numbers()
    words = [name]
    while name == "TIMESTAMP" and reader.peek().upper() in _ZONE_WORDS:
        words.append(reader.take().upper())
    name = " ".join(words)
    name = SYNONYMS.get(name, name)
    if name in SIMPLE:
        return SIMPLE[name]
    if name == "DECIMAL":
        precision, scale = (*numbers, 0)[:2] if numbers else (10, 0)
        if not 1 <= precision <= DECIMAL_DIGITS_MAX or scale > precision:
            raise InvalidInput(
                f"DECIMAL({precision}, {scale}) does not exist",
                code="sql.type",
                hint=f"1 to {DECIMAL_DIGITS_MAX} digits, of which no more than all are after the point",
            )
        return pa.decimal128(precision, scale)
    if name in _NESTED:
        reader.expect("<")
        found = _NESTED[name](reader)
        reader.expect(">")
        return found
    raise InvalidInput(
        f"there is no type {name!r}", code="sql.type", hint=did_you_mean(name, [*SIMPLE, "DECIMAL", *_NESTED])
    )


def _read_array(reader: _Reader) -> pa.DataType:
    return pa.list_(_read_nullable(reader))


def _read_map(reader: _Reader) -> pa.DataType:
    key = _read_nullable(reader)
    reader.expect(",")
    return pa.map_(key, _read_nullable(reader))


def _read_row(reader: _Reader) -> pa.DataType:
    fields: list[tuple[str, pa.DataType]] = []
    while True:
        name = reader.take().strip('`"')
        reader.accept(":")
        fields.append((name, _read_nullable(reader)))
        if not reader.accept(","):
            return pa.struct(fields)


def _read_nullable(reader: _Reader) -> pa.DataType:
    found = _read_type(reader)
    if reader.accept("NOT"):
        reader.expect("NULL")
    else:
        reader.accept("NULL")
    return found


_NESTED: dict[str, Callable[[_Reader], pa.DataType]] = {"ARRAY": _read_array, "MAP": _read_map, "ROW": _read_row}


def sql_type(arrow: pa.DataType) -> str:
    """The one SQL spelling of an Arrow type. Widths that SQL lacks go to the next wider one (uint32 is BIGINT)."""
    kind = pa.types
    for name, simple in SIMPLE.items():
        if arrow.equals(simple):
            return name
    if kind.is_dictionary(arrow):
        return sql_type(arrow.value_type)
    if kind.is_timestamp(arrow):
        return "TIMESTAMP_LTZ" if arrow.tz else "TIMESTAMP"
    if kind.is_decimal(arrow):
        return f"DECIMAL({arrow.precision},{arrow.scale})"
    if kind.is_map(arrow):
        return f"MAP<{sql_type(arrow.key_type)}, {sql_type(arrow.item_type)}>"
    if kind.is_list(arrow) or kind.is_large_list(arrow) or kind.is_fixed_size_list(arrow):
        return f"ARRAY<{sql_type(arrow.value_type)}>"
    if kind.is_struct(arrow):
        return f"ROW<{', '.join(f'{_quoted(field.name)} {sql_type(field.type)}' for field in arrow)}>"
    for test, name in _OTHERS:
        if test(arrow):
            return name
    raise InvalidInput(
        f"there is no SQL type for Arrow's {arrow}",
        code="sql.type",
        hint="cast it to one that there is, such as VARCHAR",
    )


_OTHERS: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (lambda t: pa.types.is_large_string(t) or pa.types.is_string_view(t), "STRING"),
    (lambda t: pa.types.is_large_binary(t) or pa.types.is_fixed_size_binary(t), "BINARY"),
    (lambda t: pa.types.is_binary_view(t), "BINARY"),
    (lambda t: pa.types.is_date64(t), "DATE"),
    (lambda t: t == pa.float16(), "FLOAT"),
    (lambda t: t == pa.uint8(), "SMALLINT"),
    (lambda t: t == pa.uint16(), "INT"),
    (lambda t: t == pa.uint32(), "BIGINT"),
    (lambda t: t == pa.uint64(), "DECIMAL(20,0)"),
    (lambda t: pa.types.is_null(t), "STRING"),
)


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else f"`{name}`"


def columns_of(schema: pa.Schema) -> tuple[Column, ...]:
    return tuple(Column(field.name, sql_type(field.type), field.nullable) for field in schema)


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    return pa.schema([pa.field(column.name, arrow_type(column.type), column.nullable) for column in columns])


_DUCKDB_NAMES = {
    "INT": "INTEGER",
    "STRING": "VARCHAR",
    "BINARY": "BLOB",
    "TIMESTAMP_LTZ": "TIMESTAMPTZ",
}


def duckdb_type(arrow: pa.DataType) -> str:
    """DuckDB's name of the same type, for a CAST in generated SQL."""
    kind = pa.types
    if kind.is_map(arrow):
        return f"MAP({duckdb_type(arrow.key_type)}, {duckdb_type(arrow.item_type)})"
    if kind.is_list(arrow):
        return f"{duckdb_type(arrow.value_type)}[]"
    if kind.is_struct(arrow):
        inner = ", ".join(f"{quoted(field.name)} {duckdb_type(field.type)}" for field in arrow)
        return f"STRUCT({inner})"
    name = sql_type(arrow)
    return _DUCKDB_NAMES.get(name, name)
