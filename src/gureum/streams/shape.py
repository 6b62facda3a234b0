"""What the JSON records of a stream look like: columns guessed from a sample, until somebody declares them.

Called by the REST door and the SDK. Pure. A guess is for people and for a first query; a standing query declares its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from gureum.types import Column

__all__ = ["infer_columns"]

# Enough to see optional fields, little enough to be instant.
SAMPLE_RECORDS_MAX = 500
COLUMNS_MAX = 200

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def infer_columns(payloads: Iterable[bytes]) -> list[Column]:
    """Columns of the JSON objects among the payloads, in the order of first sight; empty when there is none."""
    types: dict[str, str | None] = {}
    for _, payload in zip(range(SAMPLE_RECORDS_MAX), payloads, strict=False):
        try:
            record = orjson.loads(payload)
        except orjson.JSONDecodeError:
            continue
        if not isinstance(record, dict):
            continue
        for name, value in record.items():
            if name not in types and len(types) >= COLUMNS_MAX:
                continue
            types[name] = _join(types.get(name), _type(value))
    return [Column(name, found or "STRING") for name, found in types.items()]


def _type(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "BIGINT"
    if isinstance(value, float):
        return "DOUBLE"
    if isinstance(value, str):
        if (match := _TIME.fullmatch(value)) is not None:
            return "TIMESTAMP_LTZ" if match.group(3) else "TIMESTAMP"
        return "DATE" if _DATE.fullmatch(value) else "STRING"
    if isinstance(value, list):
        joined: str | None = None
        for item in value[:20]:
            joined = _join(joined, _type(item))
        return f"ARRAY<{joined or 'STRING'}>"
    fields = ", ".join(f"`{name}` {_type(item) or 'STRING'}" for name, item in list(value.items())[:COLUMNS_MAX])
    return f"ROW<{fields}>" if fields else "STRING"


def _join(one: str | None, other: str | None) -> str | None:
    if one is None or other is None or one == other:
        return one or other
    if {one, other} == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    if {one, other} <= {"TIMESTAMP", "DATE"}:
        return "TIMESTAMP"
    if one.startswith("ROW<") and other.startswith("ROW<"):
        return max(one, other, key=len)
    return "STRING"
