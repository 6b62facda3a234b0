"""Arrow's types as PostgreSQL's: numbers (OIDs), sizes, modifiers.

Called by `encoding.py`, `parameters.py`, `session.py` and `system.py`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from gureum.errors import InvalidInput
from gureum.sql.types import arrow_type

__all__ = ["BY_OID", "BY_WORD", "PgType", "modifier", "pg_type", "pg_type_of_sql"]


@dataclass(frozen=True, slots=True)
class PgType:
    """`size` is the bytes of a value, -1 where they vary; `array` is the OID of an array of these, 0 when there is none."""

    oid: int
    name: str
    size: int
    array: int = 0
    element: int = 0


BOOL = PgType(16, "bool", 1, 1000)
BYTEA = PgType(17, "bytea", -1, 1001)
INT8 = PgType(20, "int8", 8, 1016)
INT2 = PgType(21, "int2", 2, 1005)
INT4 = PgType(23, "int4", 4, 1007)
TEXT = PgType(25, "text", -1, 1009)
JSON = PgType(114, "json", -1, 199)
FLOAT4 = PgType(700, "float4", 4, 1021)
FLOAT8 = PgType(701, "float8", 8, 1022)
DATE = PgType(1082, "date", 4, 1182)
TIME = PgType(1083, "time", 8, 1183)
TIMESTAMP = PgType(1114, "timestamp", 8, 1115)
TIMESTAMPTZ = PgType(1184, "timestamptz", 8, 1185)
INTERVAL = PgType(1186, "interval", 16, 1187)
NUMERIC = PgType(1700, "numeric", -1, 1231)

# What clients send besides, and what the catalog's own relations have.
NAME = PgType(19, "name", 64, 1003)
OID = PgType(26, "oid", 4, 1028)
CHAR = PgType(18, "char", 1, 1002)
BPCHAR = PgType(1042, "bpchar", -1, 1014)
VARCHAR = PgType(1043, "varchar", -1, 1015)
UUID = PgType(2950, "uuid", 16, 2951)
JSONB = PgType(3802, "jsonb", -1, 3807)
UNKNOWN = PgType(705, "unknown", -2)

_ALL = (
    BOOL, BYTEA, INT8, INT2, INT4, TEXT, JSON, FLOAT4, FLOAT8, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, NUMERIC, NAME, OID,
    CHAR, BPCHAR, VARCHAR, UUID, JSONB, UNKNOWN,
)  # fmt: skip
BY_OID: dict[int, PgType] = {one.oid: one for one in _ALL} | {
    one.array: PgType(one.array, f"_{one.name}", -1, 0, one.oid) for one in _ALL if one.array
}

# A type as a cast names it: what a parameter below it is.
BY_WORD: dict[str, PgType] = {one.name.upper(): one for one in _ALL} | {
    "BOOLEAN": BOOL, "BIGINT": INT8, "LONG": INT8, "SMALLINT": INT2, "TINYINT": INT2, "INT": INT4, "INTEGER": INT4, "REAL": FLOAT4,
    "FLOAT": FLOAT8, "DOUBLE": FLOAT8, "DOUBLE PRECISION": FLOAT8, "DECIMAL": NUMERIC, "STRING": TEXT, "CHARACTER VARYING": VARCHAR,
    "BINARY": BYTEA, "BLOB": BYTEA, "DATETIME": TIMESTAMP, "TIMESTAMP_LTZ": TIMESTAMPTZ, "TIMESTAMP WITH TIME ZONE": TIMESTAMPTZ,
}  # fmt: skip

_SIMPLE: dict[pa.DataType, PgType] = {
    pa.bool_(): BOOL, pa.int8(): INT2, pa.uint8(): INT2, pa.int16(): INT2, pa.uint16(): INT4, pa.int32(): INT4,
    pa.uint32(): INT8, pa.int64(): INT8, pa.uint64(): NUMERIC, pa.float16(): FLOAT4, pa.float32(): FLOAT4,
    pa.float64(): FLOAT8, pa.string(): TEXT, pa.large_string(): TEXT, pa.string_view(): TEXT, pa.binary(): BYTEA,
    pa.large_binary(): BYTEA, pa.binary_view(): BYTEA, pa.date32(): DATE, pa.date64(): DATE, pa.null(): TEXT,
    pa.month_day_nano_interval(): INTERVAL,
}  # fmt: skip


def pg_type(arrow: pa.DataType) -> PgType:
    """What a column of this type is to PostgreSQL's clients; what they have no type for is JSON."""
    kind = pa.types
    if arrow in _SIMPLE:
        return _SIMPLE[arrow]
    if kind.is_dictionary(arrow):
        return pg_type(arrow.value_type)
    if kind.is_decimal(arrow):
        return NUMERIC
    if kind.is_timestamp(arrow):
        return TIMESTAMPTZ if arrow.tz else TIMESTAMP
    if kind.is_time(arrow):
        return TIME
    if kind.is_duration(arrow):
        return INTERVAL
    if kind.is_fixed_size_binary(arrow):
        return BYTEA
    if kind.is_list(arrow) or kind.is_large_list(arrow) or kind.is_fixed_size_list(arrow):
        inner = pg_type(arrow.value_type)
        return BY_OID[inner.array] if inner.array and inner not in (JSON, INTERVAL) else JSON
    return JSON


def modifier(arrow: pa.DataType) -> int:
    """The type's modifier as RowDescription and pg_attribute have it: digits of a decimal, else -1."""
    return ((arrow.precision << 16) | arrow.scale) + 4 if pa.types.is_decimal(arrow) else -1


def pg_type_of_sql(name: str) -> PgType | None:
    """Of a type as a cast or the catalog spells it; None when it is none that clients know."""
    if name.endswith("[]"):
        inner = pg_type_of_sql(name[:-2])
        return BY_OID.get(inner.array) if inner is not None else None
    word = name.upper().split("(")[0].strip().strip('"')
    if word in BY_WORD:
        return BY_WORD[word]
    try:
        return pg_type(arrow_type(name))
    except InvalidInput:
        return None
