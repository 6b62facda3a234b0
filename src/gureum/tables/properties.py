"""The properties that a table may be given, and what they need of its protocol.

Called by `table.py` and `sql`. Pure. Promise: a property that asks for what gureum does not do is refused by name, rather
than kept and not done. Source: the Delta documentation, "Table properties reference".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gureum.errors import InvalidInput
from gureum.names import did_you_mean
from gureum.tables.constraints import PREFIX
from gureum.tables.protocol import protocol_with
from gureum.tables.snapshot import Layout, Protocol

__all__ = ["PLAIN", "check_properties", "interval_h", "protocol_for"]

# What a new table has: appendOnly and invariants, which every engine writes.
PLAIN = Protocol(1, 2)

# Properties of Delta's own that hold here, with what their values look like.
_FLAG, _NUMBER, _INTERVAL, _ANY = r"(?i:true|false)", r"[1-9]\d{0,8}", r"(?i:interval )?.+", r".*"
_KNOWN = {
    "delta.appendOnly": _FLAG,
    "delta.enableChangeDataFeed": _FLAG,
    "delta.checkpointInterval": _NUMBER,
    "delta.deletedFileRetentionDuration": _INTERVAL,
    "delta.logRetentionDuration": _INTERVAL,
    # Advice, for engines that take it.
    "delta.dataSkippingNumIndexedCols": r"-?\d{1,9}",
    "delta.targetFileSize": _ANY,
    "delta.autoOptimize.optimizeWrite": _ANY,
    "delta.autoOptimize.autoCompact": _ANY,
}
_INTERVALS = {_INTERVAL}

KEY_CHARS_MAX, VALUE_CHARS_MAX = 255, 4_000

_HOURS = {"second": 1 / 3600, "minute": 1 / 60, "hour": 1, "day": 24, "week": 168}
_PART = re.compile(r"(\d+)\s*(second|minute|hour|day|week)s?", re.IGNORECASE)


def check_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties with Delta's own spelled as it does. Raises InvalidInput that names one which is not kept."""
    lower = {key.lower(): key for key in _KNOWN}
    checked = {}
    for key, value in properties.items():
        if len(key) > KEY_CHARS_MAX or len(value) > VALUE_CHARS_MAX or not key:
            raise InvalidInput(f"property {key[:40]!r} is too long", code="table.property")
        if key.lower().startswith(PREFIX):
            raise InvalidInput(
                f"property {key!r} is a constraint",
                code="table.property",
                hint="ALTER TABLE t ADD CONSTRAINT c CHECK (...)",
            )
        if not key.lower().startswith("delta."):
            checked[key] = value
            continue
        known = lower.get(key.lower())
        if known is None:
            raise InvalidInput(
                f"gureum does not do what property {key!r} asks for", code="table.property",
                hint=did_you_mean(key, _KNOWN) or f"it knows {', '.join(_KNOWN)}, and any that does not begin with 'delta.'",
            )  # fmt: skip
        if not re.fullmatch(_KNOWN[known], value) or (_KNOWN[known] in _INTERVALS and interval_h(value) is None):
            raise InvalidInput(
                f"property {known!r} cannot be {value!r}", code="table.property",
                hint="such as 'interval 7 days'" if _KNOWN[known] in _INTERVALS else None,
            )  # fmt: skip
        checked[known] = value
    return checked


def interval_h(text: str) -> float | None:
    """Hours of 'interval 1 week 2 days'; None when it cannot be read."""
    rest = re.sub(r"^\s*interval\s+", "", text.strip(), flags=re.IGNORECASE)
    found = _PART.findall(rest)
    if not found or _PART.sub("", rest).strip():
        return None
    return sum(int(number) * _HOURS[unit.lower()] for number, unit in found)


def protocol_for(layout: Layout, protocol: Protocol = PLAIN) -> Protocol | None:
    """The protocol that a table of this layout needs; None when `protocol` will do."""
    reader = ["timestampNtz"] if "timestamp_ntz" in _types(json.loads(layout.schema_json)) else []
    writer = ["changeDataFeed"] if layout.has_change_feed else []
    if any(key.startswith(PREFIX) for key in layout.properties):
        writer.append("checkConstraints")
    return protocol_with(protocol, reader=reader, writer=writer)


def _types(schema: Any) -> set[str]:
    """The names of all types in a schema."""
    if isinstance(schema, str):
        return {schema}
    if isinstance(schema, Mapping):
        keys = ("type", "fields", "elementType", "keyType", "valueType")
        return {name for key in keys if key in schema for name in _types(schema[key])}
    return {name for item in schema for name in _types(item)} if isinstance(schema, list) else set()
