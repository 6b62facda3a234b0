"""Parameters of prepared statements: which types they have, and their bytes as values for the SQL engine.

Called by `session.py`. Pure. A client may leave a type open: then it is what the parameter is compared with, cast to or inserted
into, else text.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from gureum.gateways.postgres import types
from gureum.gateways.postgres.errors import SqlState
from gureum.gateways.postgres.types import BY_OID, PgType, pg_type_of_sql

__all__ = ["PARAMETERS_MAX", "decode", "infer", "sample"]

_EPOCH_DAY = dt.date(2000, 1, 1)
_EPOCH = dt.datetime.combine(_EPOCH_DAY, dt.time())
PARAMETERS_MAX = 32_767


def infer(tree: exp.Expr, count: int, columns: Mapping[str, str]) -> list[PgType]:
    """The types of `count` parameters. `columns` has the SQL type of each column that the statement's tables have."""
    found: dict[int, PgType] = {}
    for parameter in tree.find_all(exp.Parameter, exp.Placeholder):
        number = _number(parameter)
        if number is not None and 1 <= number <= count and number not in found:
            kind = _from_place(parameter, columns)
            if kind is not None:
                found[number] = kind
    return [found.get(number, types.TEXT) for number in range(1, count + 1)]


def _number(parameter: exp.Expr) -> int | None:
    name = parameter.name if isinstance(parameter, exp.Placeholder) else str(parameter.this)
    return int(name) if name.isdigit() else None


def _from_place(node: exp.Expr, columns: Mapping[str, str]) -> PgType | None:
    parent = node.parent
    while isinstance(parent, exp.Paren | exp.Neg):
        node, parent = parent, parent.parent
    match parent:
        case exp.Cast():
            return pg_type_of_sql(parent.to.sql("duckdb"))
        case exp.Limit() | exp.Offset():
            return types.INT8
        case exp.Between():
            return _of(parent.this if node is not parent.this else parent.args["low"], columns)
        case exp.In():
            if node is parent.this:
                first = next(iter(parent.expressions), None)
                return None if first is None else _of(first, columns)
            return _of(parent.this, columns)
        case exp.Any():
            outer = parent.parent
            if isinstance(outer, exp.Binary):
                inner = _of(outer.left if parent is outer.right else outer.right, columns)
                return BY_OID.get(inner.array) if inner is not None else None
        case exp.Like() | exp.ILike() | exp.DPipe() | exp.Concat() | exp.SimilarTo() | exp.RegexpLike():
            return types.TEXT
        case exp.EQ() if isinstance(parent.parent, exp.Update):
            return _of(parent.left, columns)
        case exp.Binary():
            return _of(parent.left if node is parent.right else parent.right, columns)
        case exp.Tuple() if isinstance(parent.parent, exp.Values):
            return _inserted(parent, node, columns)
        case exp.Coalesce() | exp.If() | exp.Case() | exp.Nullif():
            others = [one for one in parent.iter_expressions() if one is not node]
            return next((kind for one in others if (kind := _of(one, columns)) is not None), None)
    return None


def _inserted(row: exp.Tuple, node: exp.Expr, columns: Mapping[str, str]) -> PgType | None:
    insert = row.find_ancestor(exp.Insert)
    if insert is None:
        return None
    at = next((place for place, one in enumerate(row.expressions) if one is node), None)
    target = insert.this
    if at is None:
        return None
    if isinstance(target, exp.Schema):
        names = [one.name for one in target.expressions]
    else:
        names = list(columns)
    return pg_type_of_sql(columns[names[at]]) if at < len(names) and names[at] in columns else None


def _of(node: exp.Expr, columns: Mapping[str, str]) -> PgType | None:
    """The type of an expression, as far as its look tells."""
    if isinstance(node, exp.Cast):
        return pg_type_of_sql(node.to.sql("duckdb"))
    if isinstance(node, exp.Literal):
        if node.is_string:
            return types.TEXT
        return types.INT8 if node.is_int else types.NUMERIC
    if isinstance(node, exp.Boolean):
        return types.BOOL
    if isinstance(node, exp.Count):
        return types.INT8
    if isinstance(node, exp.Lower | exp.Upper | exp.DPipe | exp.Concat | exp.Trim | exp.Substring):
        return types.TEXT
    if isinstance(node, exp.Avg | exp.Div):
        return types.FLOAT8
    column = node if isinstance(node, exp.Column) else node.find(exp.Column)
    if column is None:
        return None
    return next((pg_type_of_sql(kind) for name, kind in columns.items() if name.lower() == column.name.lower()), None)


# --- values -------------------------------------------------------------------------------------------------------------


def decode(value: bytes | None, kind: PgType, *, binary: bool, number: int) -> Any:
    """A parameter's value. Raises SqlState 22P02 or 22P03, which name the parameter."""
    if value is None:
        return None
    try:
        if binary:
            return _decode_binary(value, kind)
        return _decode_text(value.decode(), kind)
    except (ValueError, decimal.InvalidOperation, struct.error, OverflowError, json.JSONDecodeError) as error:
        state = "22P03" if binary else "22P02"
        shown = value[:40].hex() if binary else value[:40].decode("utf-8", "replace")
        raise SqlState(state, f"parameter ${number} is no {kind.name}: {shown!r}") from error


def _decode_text(word: str, kind: PgType) -> Any:
    if kind.element:
        return [None if one is None else _decode_text(one, BY_OID[kind.element]) for one in array_cells(word)]
    read = _TEXT.get(kind.oid)
    return word if read is None else read(word.strip())


def _decode_binary(data: bytes, kind: PgType) -> Any:
    if kind.element:
        return _binary_array(data)
    read = _BINARY.get(kind.oid)
    return data.decode() if read is None else read(data)


def _bool(word: str) -> bool:
    low = word.lower()
    if low and ("true".startswith(low) or "yes".startswith(low) or low in {"on", "1"}):
        return True
    if low and ("false".startswith(low) or "no".startswith(low) or low in {"off", "of", "0"}):
        return False
    raise ValueError(word)


def _bytea(word: str) -> bytes:
    if word.startswith("\\x"):
        return bytes.fromhex(word[2:])
    return word.encode().decode("unicode_escape").encode("latin-1")


def _moment(word: str) -> dt.datetime:
    return dt.datetime.fromisoformat(word.replace(" BC", ""))


_TEXT: dict[int, Callable[[str], Any]] = {
    types.BOOL.oid: _bool,
    types.INT2.oid: int,
    types.INT4.oid: int,
    types.INT8.oid: int,
    types.OID.oid: int,
    types.FLOAT4.oid: float,
    types.FLOAT8.oid: float,
    types.NUMERIC.oid: decimal.Decimal,
    types.BYTEA.oid: _bytea,
    types.DATE.oid: lambda word: dt.date.fromisoformat(word[:10]),
    types.TIME.oid: dt.time.fromisoformat,
    types.TIMESTAMP.oid: lambda word: _moment(word).replace(tzinfo=None),
    types.TIMESTAMPTZ.oid: lambda word: one if (one := _moment(word)).tzinfo else one.replace(tzinfo=dt.UTC),
}


def _moment_of(us: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=us)


def _number_from(shape: str) -> Callable[[bytes], Any]:
    return lambda data: struct.unpack(shape, data)[0]


def _interval(data: bytes) -> Any:
    us, days, months = struct.unpack("!qii", data)
    if months:
        raise ValueError("months have no length")
    return dt.timedelta(days=days, microseconds=us)


def _numeric(data: bytes) -> decimal.Decimal:
    count, weight, sign, places = struct.unpack_from("!hhHh", data)
    if sign == 0xC000:
        return decimal.Decimal("NaN")
    groups = struct.unpack_from(f"!{count}h", data, 8)
    number = 0
    for group in groups:
        number = number * 10_000 + group
    exponent = 4 * (weight - count + 1)
    with decimal.localcontext(decimal.Context(prec=200)):
        value = decimal.Decimal(number).scaleb(exponent) if count else decimal.Decimal(0)
        value = value.quantize(decimal.Decimal(1).scaleb(-places))
        return -value if sign == 0x4000 else value


def _uuid(data: bytes) -> str:
    word = data.hex()
    return f"{word[:8]}-{word[8:12]}-{word[12:16]}-{word[16:20]}-{word[20:]}"


_BINARY: dict[int, Callable[[bytes], Any]] = {
    types.BOOL.oid: lambda data: data != b"\0",
    types.INT2.oid: _number_from("!h"),
    types.INT4.oid: _number_from("!i"),
    types.INT8.oid: _number_from("!q"),
    types.OID.oid: _number_from("!I"),
    types.FLOAT4.oid: _number_from("!f"),
    types.FLOAT8.oid: _number_from("!d"),
    types.NUMERIC.oid: _numeric,
    types.BYTEA.oid: bytes,
    types.DATE.oid: lambda data: _EPOCH_DAY + dt.timedelta(days=struct.unpack("!i", data)[0]),
    types.TIME.oid: lambda data: _moment_of(struct.unpack("!q", data)[0]).time(),
    types.TIMESTAMP.oid: lambda data: _moment_of(struct.unpack("!q", data)[0]),
    types.TIMESTAMPTZ.oid: lambda data: _moment_of(struct.unpack("!q", data)[0]).replace(tzinfo=dt.UTC),
    types.INTERVAL.oid: _interval,
    types.UUID.oid: _uuid,
    types.JSONB.oid: lambda data: data[1:].decode(),
}


def _binary_array(data: bytes) -> list[Any]:
    dimensions, _, oid = struct.unpack_from("!iiI", data)
    if dimensions == 0:
        return []
    if dimensions != 1:
        raise ValueError("an array of arrays")
    count, _ = struct.unpack_from("!ii", data, 12)
    kind, at = BY_OID.get(oid, types.TEXT), 20
    out: list[Any] = []
    for _ in range(count):
        (size,) = struct.unpack_from("!i", data, at)
        at += 4
        if size < 0:
            out.append(None)
            continue
        out.append(_decode_binary(data[at : at + size], kind))
        at += size
    return out


def array_cells(word: str) -> list[str | None]:
    """The cells of '{a,"b c",NULL}'. Raises ValueError for anything else."""
    word = word.strip()
    if not (word.startswith("{") and word.endswith("}")):
        raise ValueError(word)
    cells: list[str | None] = []
    at, end = 1, len(word) - 1
    while at < end:
        if word[at] == '"':
            piece = []
            at += 1
            while at < end and word[at] != '"':
                at += word[at] == "\\"
                piece.append(word[at])
                at += 1
            cells.append("".join(piece))
            at += 1
        else:
            stop = word.find(",", at, end)
            stop = end if stop < 0 else stop
            plain = word[at:stop].strip()
            if plain.startswith("{"):
                raise ValueError("an array of arrays")
            cells.append(None if plain.upper() == "NULL" else plain)
            at = stop
        if at < end and word[at] != ",":
            raise ValueError(word)
        at += 1
    return cells


def sample(kind: PgType) -> Any:
    """Some value of a type: the engine tells a query's columns only when its parameters have types."""
    if kind.element:
        return [sample(BY_OID[kind.element])]
    return _SAMPLES.get(kind.oid, "")


_SAMPLES: dict[int, Any] = {
    types.BOOL.oid: True,
    types.FLOAT4.oid: 1.5,
    types.FLOAT8.oid: 1.5,
    types.NUMERIC.oid: decimal.Decimal("1.5"),
    types.BYTEA.oid: b"",
    types.DATE.oid: _EPOCH_DAY,
    types.TIME.oid: dt.time(0),
    types.TIMESTAMP.oid: _EPOCH,
    types.TIMESTAMPTZ.oid: _EPOCH.replace(tzinfo=dt.UTC),
    types.INTERVAL.oid: dt.timedelta(days=1),
    types.UUID.oid: "00000000-0000-0000-0000-000000000000",
    **dict.fromkeys((types.INT2.oid, types.INT4.oid, types.INT8.oid, types.OID.oid), 1),
}
