"""Arrow columns as the cells of PostgreSQL's rows, in its text and its binary format, a column at a time.

Called by `rows.py`. Pure. Formats after the manual (chapter "Data Types") and PostgreSQL's own `*_send` functions. Promise: a
value is encoded to what PostgreSQL gives for it; NULL stays NULL.
"""

from __future__ import annotations

import decimal
import json
import math
import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gureum.gateways.postgres import types
from gureum.gateways.postgres.types import PgType, pg_type

__all__ = ["encode"]

# 1970-01-01 to 2000-01-01, where PostgreSQL's days begin.
_EPOCH_DAYS = 10_957
_EPOCH_US = _EPOCH_DAYS * 86_400_000_000


def encode(column: pa.Array, kind: PgType, *, binary: bool, zone: str) -> pa.Array:
    """`column` as an array of binary, whose values are the cells' bytes. `zone` is that of the session, for text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if binary:
        return _BINARY.get(kind.oid, _binary_array if kind.element else _text_like)(column)
    if kind is types.TIMESTAMPTZ:
        return _bytes(_moments(column, zone))
    return _bytes(_TEXT.get(kind.oid, _text_array if kind.element else _text_like)(column))


def _bytes(column: pa.Array) -> pa.Array:
    return column if column.type == pa.binary() else column.cast(pa.binary())


def _each(column: pa.Array, write: Callable[[Any], str | bytes]) -> pa.Array:
    """The slow way, for what is rare."""
    cells = [None if one is None else write(one) for one in column.to_pylist()]
    return pa.array([one.encode() if isinstance(one, str) else one for one in cells], pa.binary())


# --- text ---------------------------------------------------------------------------------------------------------------


def _text_like(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        return column.cast(pa.binary())
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        return column.cast(pa.string()).cast(pa.binary())
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.binary())
    if pa.types.is_nested(column.type):
        return _each(column, _as_json)
    return column.cast(pa.string()).cast(pa.binary())


def _bool_text(column: pa.Array) -> pa.Array:
    return pc.if_else(column, pa.scalar(b"t"), pa.scalar(b"f"))


def _float_text(column: pa.Array) -> pa.Array:
    """The shortest digits that give the number again, with PostgreSQL's choice of when an exponent is shorter."""
    single = column.type != pa.float64()
    values = column.cast(pa.float32() if pa.types.is_float16(column.type) else column.type)
    plain = pc.cast(values, pa.string())
    size = pc.abs(values)
    limit = 1e6 if single else 1e15
    odd = pc.fill_null(pc.or_(pc.or_(pc.greater_equal(size, limit), pc.less(size, 1e-4)), pc.is_nan(values)), False)
    odd = pc.or_(
        pc.and_(odd, pc.fill_null(pc.not_equal(values, 0), True)), pc.fill_null(pc.match_substring(plain, "e"), False)
    )
    if not pc.any(odd).as_py():
        return plain
    digits = np.float32 if single else np.float64
    cells = plain.to_pylist()
    for at in np.flatnonzero(odd.to_numpy(zero_copy_only=False)):
        cells[at] = _float_word(digits(values[int(at)].as_py()))
    return pa.array(cells, pa.string())


def _float_word(value: np.floating[Any]) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    # numpy's word for shortest is Python's repr, of either width.
    mantissa, _, exponent = np.format_float_scientific(value, unique=True, trim="-").partition("e")
    power = int(exponent)
    threshold = 6 if isinstance(value, np.float32) else 15
    if -4 <= power < threshold:
        return np.format_float_positional(value, unique=True, trim="-")
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _decimal_text(column: pa.Array) -> pa.Array:
    words = column.cast(pa.string())
    if pa.types.is_decimal(column.type) and pc.any(pc.match_substring(words, "E")).as_py():
        return _each(column, lambda one: format(one, "f"))
    return words


def _bytea_text(column: pa.Array) -> pa.Array:
    return _each(column, lambda one: "\\x" + one.hex())


def _moments_text(column: pa.Array) -> pa.Array:
    """A timestamp without the zeros at its end."""
    words = column.cast(pa.timestamp("us")).cast(pa.string())
    return pc.utf8_rtrim(pc.utf8_rtrim(words, "0"), ".")


def _moments(column: pa.Array, zone: str) -> pa.Array:
    """An instant on the clock of the session's zone, with the distance from UTC behind it."""
    utc = column.cast(pa.timestamp("us", "UTC"))
    if zone == "UTC":
        return pc.binary_join_element_wise(_moments_text(utc.cast(pa.timestamp("us"))), "+00", "")
    local = pc.local_timestamp(utc.cast(pa.timestamp("us", zone)))
    minutes = pc.divide(pc.subtract(local.cast(pa.int64()), utc.cast(pa.int64())), 60_000_000).to_numpy(
        zero_copy_only=False
    )
    offsets = {one: _offset_word(int(one)) for one in np.unique(minutes[~np.isnan(minutes)])}
    words = pa.array([offsets.get(one) for one in minutes], pa.string())
    return pc.binary_join_element_wise(_moments_text(local), words, "")


def _offset_word(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}" + (f":{rest:02d}" if rest else "")


def _time_text(column: pa.Array) -> pa.Array:
    words = column.cast(pa.time64("us")).cast(pa.string())
    return pc.utf8_rtrim(pc.utf8_rtrim(words, "0"), ".")


def _interval_text(column: pa.Array) -> pa.Array:
    return _each(column, lambda one: _interval_word(*_interval_parts(one)))


def _interval_word(months: int, days: int, us: int) -> str:
    parts = []
    years, months = int(months / 12), int(math.fmod(months, 12))
    for value, unit in ((years, "year"), (months, "mon"), (days, "day")):
        if value:
            parts.append(f"{value} {unit}{'' if value == 1 else 's'}")
    if us or not parts:
        seconds, fraction = divmod(abs(us), 1_000_000)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        parts.append(("-" if us < 0 else "") + clock + (f".{fraction:06d}".rstrip("0") if fraction else ""))
    return " ".join(parts)


def _interval_parts(one: Any) -> tuple[int, int, int]:
    if isinstance(one, timedelta):
        return 0, 0, one // timedelta(microseconds=1)
    if isinstance(one, int):  # a duration of nanoseconds, which Python has no word for
        return 0, 0, one // 1000
    return one.months, one.days, one.nanoseconds // 1000


def _text_array(column: pa.Array) -> pa.Array:
    return _each(column, lambda cells: _array_word(cells, column.type.value_type))


def _array_word(cells: list[Any], inner: pa.DataType) -> str:
    kind = pg_type(inner)
    encoded = encode(pa.array(cells, inner), kind, binary=False, zone="UTC").to_pylist()
    return "{" + ",".join("NULL" if one is None else _array_cell(one.decode()) for one in encoded) + "}"


def _array_cell(word: str) -> str:
    if word and word.upper() != "NULL" and not any(one in '{}",\\' or one.isspace() for one in word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _as_json(value: Any) -> str:
    return json.dumps(_json_value(value), ensure_ascii=False)


def _json_value(value: Any) -> Any:
    if isinstance(value, list):
        # A map comes as pairs.
        if value and all(isinstance(one, tuple) and len(one) == 2 for one in value):
            return {str(key): _json_value(inner) for key, inner in value}
        return [_json_value(one) for one in value]
    if isinstance(value, dict):
        return {key: _json_value(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


_TEXT: dict[int, Callable[[pa.Array], pa.Array]] = {
    types.BOOL.oid: _bool_text,
    types.FLOAT4.oid: _float_text,
    types.FLOAT8.oid: _float_text,
    types.NUMERIC.oid: _decimal_text,
    types.BYTEA.oid: _bytea_text,
    types.TIMESTAMP.oid: _moments_text,
    types.TIME.oid: _time_text,
    types.INTERVAL.oid: _interval_text,
}


# --- binary -------------------------------------------------------------------------------------------------------------


def _fixed(column: pa.Array, values: np.ndarray, kind: str) -> pa.Array:
    """Numbers of one width, big end first; where the column is NULL the number does not matter."""
    width = np.dtype(kind).itemsize
    data = np.ascontiguousarray(values.astype(kind, copy=False))
    offsets = np.arange(0, (len(column) + 1) * width, width, dtype=np.int32)
    valid = None if column.null_count == 0 else pc.is_valid(column).buffers()[1]
    return pa.Array.from_buffers(pa.binary(), len(column), [valid, pa.py_buffer(offsets), pa.py_buffer(data)])


def _numbers(column: pa.Array, arrow: pa.DataType) -> np.ndarray:
    """The values without regard to NULL."""
    cast = column.cast(arrow)
    return np.asarray((cast.fill_null(0) if cast.null_count else cast).to_numpy(zero_copy_only=False))


def _whole(arrow: pa.DataType, kind: str) -> Callable[[pa.Array], pa.Array]:
    return lambda column: _fixed(column, _numbers(column, arrow), kind)


def _bool_binary(column: pa.Array) -> pa.Array:
    return _fixed(column, _numbers(column, pa.uint8()), "u1")


def _date_binary(column: pa.Array) -> pa.Array:
    return _fixed(column, _numbers(column.cast(pa.date32()), pa.int32()) - _EPOCH_DAYS, ">i4")


def _moment_binary(column: pa.Array) -> pa.Array:
    us = column.cast(pa.timestamp("us", column.type.tz))
    return _fixed(column, _numbers(us, pa.int64()) - _EPOCH_US, ">i8")


def _time_binary(column: pa.Array) -> pa.Array:
    return _fixed(column, _numbers(column.cast(pa.time64("us")), pa.int64()), ">i8")


def _interval_binary(column: pa.Array) -> pa.Array:
    def write(one: Any) -> bytes:
        months, days, us = _interval_parts(one)
        return struct.pack("!qii", us, days, months)

    return _each(column, write)


def _numeric_binary(column: pa.Array) -> pa.Array:
    if not pa.types.is_decimal(column.type):
        return _each(column, lambda one: numeric_bytes(decimal.Decimal(one)))
    return _each(column, numeric_bytes)


def numeric_bytes(value: decimal.Decimal) -> bytes:
    """Base 10,000: digits, weight of the first, sign, decimal places."""
    if not value.is_finite():
        return struct.pack("!hhHh", 0, 0, 0xC000, 0)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    places = max(0, -exponent)
    number = "".join(map(str, digits)) + "0" * max(0, exponent)
    whole, fraction = (number[: len(number) - places], number[len(number) - places :]) if places else (number, "")
    if places > len(number):
        whole, fraction = "", number.rjust(places, "0")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int((whole + fraction)[at : at + 4]) for at in range(0, len(whole) + len(fraction), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    if not groups:
        weight, sign = 0, 0
    return struct.pack(f"!hhHh{len(groups)}h", len(groups), weight, 0x4000 if sign else 0, places, *groups)


def _bytea_binary(column: pa.Array) -> pa.Array:
    return column.cast(pa.binary())


def _jsonb_binary(column: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(b"\x01"), _text_like(column), pa.scalar(b""))


def _uuid_binary(column: pa.Array) -> pa.Array:
    return _each(column, lambda one: bytes.fromhex(str(one).replace("-", "")))


def _binary_array(column: pa.Array) -> pa.Array:
    inner = column.type.value_type
    kind = pg_type(inner)

    def write(cells: list[Any]) -> bytes:
        encoded = encode(pa.array(cells, inner), kind, binary=True, zone="UTC").to_pylist()
        if not encoded:
            return struct.pack("!iiI", 0, 0, kind.oid)
        head = struct.pack("!iiIii", 1, int(None in encoded), kind.oid, len(encoded), 1)
        return head + b"".join(
            struct.pack("!i", -1) if one is None else struct.pack("!i", len(one)) + one for one in encoded
        )

    return _each(column, write)


_BINARY: dict[int, Callable[[pa.Array], pa.Array]] = {
    types.BOOL.oid: _bool_binary,
    types.INT2.oid: _whole(pa.int16(), ">i2"),
    types.INT4.oid: _whole(pa.int32(), ">i4"),
    types.INT8.oid: _whole(pa.int64(), ">i8"),
    types.OID.oid: _whole(pa.int64(), ">i4"),
    types.FLOAT4.oid: _whole(pa.float32(), ">f4"),
    types.FLOAT8.oid: _whole(pa.float64(), ">f8"),
    types.DATE.oid: _date_binary,
    types.TIME.oid: _time_binary,
    types.TIMESTAMP.oid: _moment_binary,
    types.TIMESTAMPTZ.oid: _moment_binary,
    types.INTERVAL.oid: _interval_binary,
    types.NUMERIC.oid: _numeric_binary,
    types.BYTEA.oid: _bytea_binary,
    types.JSONB.oid: _jsonb_binary,
    types.UUID.oid: _uuid_binary,
}
