"""Which of a Delta table's features keep us from appending to it.

Called by `table.py` before it stages rows. Promise: appending to a table whose feature we do not carry out is refused by
that feature's name; a silently wrong row is the worst defect there is.
Source: the Delta transaction protocol, "Requirements for Writers" and "Table Features".
"""

from __future__ import annotations

import json
from typing import Any

from deltalake import DeltaTable

__all__ = ["append_blockers"]

# Features that ask nothing of a writer which only adds files.
_HARMLESS = {"appendOnly", "timestampNtz", "deletionVectors", "changeDataFeed", "v2Checkpoint", "vacuumProtocolCheck"}

# Features that legacy protocol versions switch on without a name; each is then looked for in the table itself.
_LEGACY = {"invariants", "checkConstraints", "generatedColumns", "columnMapping", "identityColumns"}


def append_blockers(delta: DeltaTable) -> list[str]:
    """Names of features in use that an append of ours would break, sorted; empty when appending is right."""
    protocol = delta.protocol()
    named = set(protocol.writer_features or [])
    if protocol.min_writer_version not in {1, 2, 3, 4, 5, 6, 7}:
        return [f"writer version {protocol.min_writer_version}"]
    in_use = _in_use(delta)
    blockers = {feature for feature in named - _HARMLESS - _LEGACY if feature in in_use or feature not in _OPTIONAL}
    return sorted(blockers | in_use)


# Features that a table may carry in its protocol without using them.
_OPTIONAL = {"allowColumnDefaults", "domainMetadata", "inCommitTimestamp", "rowTracking"}


def _in_use(delta: DeltaTable) -> set[str]:
    configuration = delta.metadata().configuration
    found: set[str] = set()
    if any(key.startswith("delta.constraints.") for key in configuration):
        found.add("checkConstraints")
    if configuration.get("delta.columnMapping.mode", "none") != "none":
        found.add("columnMapping")
    if configuration.get("delta.enableRowTracking") == "true":
        found.add("rowTracking")
    if configuration.get("delta.enableInCommitTimestamps") == "true":
        found.add("inCommitTimestamp")
    for metadata in _field_metadata(json.loads(delta.schema().to_json())):
        for key, feature in (
            ("delta.invariants", "invariants"),
            ("delta.generationExpression", "generatedColumns"),
            ("delta.identity.start", "identityColumns"),
            ("CURRENT_DEFAULT", "allowColumnDefaults"),
        ):
            if key in metadata:
                found.add(feature)
    return found


def _field_metadata(schema: Any) -> list[dict[str, Any]]:
    """The metadata of all fields, nested ones too."""
    if not isinstance(schema, dict):
        return []
    found = [schema["metadata"]] if isinstance(schema.get("metadata"), dict) else []
    for value in schema.values():
        for item in value if isinstance(value, list) else [value]:
            found.extend(_field_metadata(item))
    return found
