"""The statistics of a data file, by which readers skip files: they must never exclude a row that is there.

Called by `table.py`. Pure. Source: the Delta transaction protocol, "Per-file Statistics". A column whose bounds we cannot
state safely (NaN, long text, nested values) gets none: a reader then reads the file, which is only slower.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["columns_with_bounds", "file_statistics"]

# As delta-rs and Spark: statistics for the leading columns only.
COLUMNS_MAX = 32

# A longer text would have to be cut, and a cut maximum is smaller than what it stands for.
TEXT_CHARS_MAX = 64


def file_statistics(rows: pa.Table) -> str:
    """JSON text with numRecords, nullCount, minValues and maxValues."""
    nulls: dict[str, int] = {}
    lowest: dict[str, Any] = {}
    highest: dict[str, Any] = {}
    for name, column in list(zip(rows.column_names, rows.columns, strict=True))[:COLUMNS_MAX]:
        if pa.types.is_nested(column.type):
            continue
        nulls[name] = column.null_count
        if not _is_ordered(column.type) or column.null_count == len(column):
            continue
        bounds = pc.min_max(column)
        try:
            low, high = _spell(bounds["min"].as_py(), up=False), _spell(bounds["max"].as_py(), up=True)
        except OverflowError:  # 'infinity', or a year that Python's calendar does not have
            continue
        if low is not None and high is not None and not _has_nan(column):
            lowest[name], highest[name] = low, high
    return orjson.dumps(
        {"numRecords": rows.num_rows, "minValues": lowest, "maxValues": highest, "nullCount": nulls}
    ).decode()


def columns_with_bounds(rows: pa.Table) -> list[str]:
    """Columns whose parquet statistics a reader may trust: not those with NaN, which is above everything in SQL and which
    the writer of parquet files leaves out of the bounds.
    """
    columns = zip(rows.column_names, rows.columns, strict=True)
    return [name for name, column in columns if not pa.types.is_nested(column.type) and not _has_nan(column)]


def _is_ordered(kind: pa.DataType) -> bool:
    checks = (pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_date32, pa.types.is_timestamp)
    return any(check(kind) for check in checks)


def _has_nan(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py())


def _spell(value: Any, *, up: bool) -> Any:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        if value == 0:
            return 0.0 if up else -0.0  # equal in SQL, but a reader may order -0.0 before 0.0 and skip the file
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value if len(value) <= TEXT_CHARS_MAX else None
    if isinstance(value, datetime):
        # Readers take milliseconds: a bound must be rounded away from the values it bounds.
        cut = value.replace(microsecond=value.microsecond // 1000 * 1000)
        if up and cut < value:
            cut += timedelta(milliseconds=1)
        text = cut.replace(tzinfo=None).isoformat(timespec="milliseconds")
        return text + "Z" if value.tzinfo else text
    if isinstance(value, date):
        return value.isoformat()
    return value
