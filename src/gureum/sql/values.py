"""Arrow rows as JSON values that a browser reads back without loss.

Called by the REST door and the standing queries' live tail. Pure. Promise: integers beyond 2**53 and decimals are texts,
binary is base64, times are ISO texts, NaN and infinities are texts; null stays null.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from gureum.errors import InvalidInput

__all__ = ["json_rows", "json_value"]

# The largest integer up to which every JavaScript number is exact.
SAFE_INTEGER = 2**53


def json_rows(rows: pa.Table) -> list[list[Any]]:
    """Rows as lists, in the table's column order."""
    columns = [_json_column(column) for column in rows.columns]
    return [list(row) for row in zip(*columns, strict=True)] if columns else []


def _json_column(column: pa.ChunkedArray) -> list[Any]:
    kind = column.type
    try:
        values: list[Any] = column.to_pylist()
    except OverflowError:  # Python's calendar has the years 1 to 9999
        return _far_times(column)
    if pa.types.is_string(kind) or pa.types.is_boolean(kind) or (pa.types.is_integer(kind) and kind.bit_width < 64):
        return values
    return [json_value(value) for value in values]


def _far_times(column: pa.ChunkedArray) -> list[Any]:
    kind = column.type
    if not pa.types.is_timestamp(kind) and not pa.types.is_date32(kind):
        raise InvalidInput(
            "a nested column has a time outside of the years 1 to 9999", code="sql.range", hint="cast it to VARCHAR"
        )
    numbers = column.cast(pa.int64() if pa.types.is_timestamp(kind) else pa.int32()).to_pylist()
    # What DuckDB keeps for 'infinity'.
    limit = 2**63 - 1 if pa.types.is_timestamp(kind) else 2**31 - 1
    ends = {limit: "Infinity", -limit: "-Infinity"}
    texts = column.cast(pa.string()).to_pylist()
    return [ends.get(number, text and text.replace(" ", "T")) for number, text in zip(numbers, texts, strict=True)]


def json_value(value: Any) -> Any:
    """One value, nested ones too."""
    convert = _CONVERT.get(type(value))
    return convert(value) if convert else value if value is None else str(value)


def _float(value: float) -> Any:
    return value if math.isfinite(value) else ("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")


def _datetime(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(sep="T")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep="T") + "Z"


_CONVERT: dict[type, Callable[[Any], Any]] = {
    bool: lambda value: value,
    str: lambda value: value,
    int: lambda value: value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value),
    float: _float,
    Decimal: str,
    bytes: lambda value: base64.b64encode(value).decode(),
    datetime: _datetime,
    date: lambda value: value.isoformat(),
    time: lambda value: value.isoformat(),
    timedelta: lambda value: f"{value.total_seconds()} s",
    list: lambda value: [json_value(item) for item in value],
    # Arrow gives a map as pairs and a struct as a dict.
    tuple: lambda value: [json_value(item) for item in value],
    dict: lambda value: {str(key): json_value(item) for key, item in value.items()},
}
