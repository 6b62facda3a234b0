"""Which of a Delta table's features keep us from writing to it, and which a new one needs.

Called by `table.py` before it stages or replaces rows. Promise: writing to a table whose feature we do not carry out is
refused by that feature's name; a silently wrong row is the worst defect there is.
Source: the Delta transaction protocol, "Requirements for Writers" and "Table Features".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from deltalake import DeltaTable

from gureum.tables.constraints import unknown_checks
from gureum.tables.snapshot import Protocol, Snapshot

__all__ = ["append_blockers", "change_blockers", "protocol_with"]

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


def change_blockers(delta: DeltaTable, snapshot: Snapshot) -> list[str]:
    """Names of features in use that taking files away would break: UPDATE, DELETE, MERGE, OPTIMIZE and the like."""
    found = set(append_blockers(delta))
    if delta.metadata().configuration.get("delta.appendOnly", "").lower() == "true":
        found.add("appendOnly")
    if any(file.has_deletion_vector for file in snapshot.files):
        found.add("deletionVectors")
    return sorted(found)


def protocol_with(protocol: Protocol, *, reader: Iterable[str] = (), writer: Iterable[str] = ()) -> Protocol | None:
    """The protocol that also has these features; None when it has them already.

    A table of a numbered version keeps to it where that says the feature; else all that its number meant is named.
    """
    writer_wanted = {*writer, *reader}
    if not reader and protocol.min_writer < 7:
        number = max((_WRITER_NUMBERS.get(feature, 7) for feature in writer_wanted), default=0)
        if number <= protocol.min_writer:
            return None
        if number < 7:
            return Protocol(protocol.min_reader, number)
    writes = set(protocol.writer_features)
    if protocol.min_writer < 7:
        writes |= {feature for feature, number in _WRITER_NUMBERS.items() if number <= protocol.min_writer}
    reads = set(protocol.reader_features)
    if writer_wanted <= writes and set(reader) <= reads:
        return None
    min_reader = 3 if reader else protocol.min_reader
    return Protocol(min_reader, 7, tuple(sorted(reads | set(reader))), tuple(sorted(writes | writer_wanted)))


# The writer version that means a feature without naming it.
_WRITER_NUMBERS = {
    "appendOnly": 2, "invariants": 2, "checkConstraints": 3, "changeDataFeed": 4, "generatedColumns": 4,
}  # fmt: skip

# Features that a table may carry in its protocol without using them.
_OPTIONAL = {"allowColumnDefaults", "domainMetadata", "inCommitTimestamp", "rowTracking"}


def _in_use(delta: DeltaTable) -> set[str]:
    configuration = delta.metadata().configuration
    found: set[str] = set()
    # Those that are understood are enforced (`constraints.py`).
    found |= {f"checkConstraints ({name})" for name in unknown_checks(configuration)}
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
