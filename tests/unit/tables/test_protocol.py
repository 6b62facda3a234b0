"""Tables with features that an append of ours would break are refused by the feature's name; harmless ones are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gureum.errors import InvalidInput
from gureum.tables.protocol import protocol_with
from gureum.tables.snapshot import Protocol
from gureum.tables.table import Table


def table_with(
    folder: Path,
    *,
    reader: int = 3,
    writer: int = 7,
    features: list[str] | None = None,
    properties: dict[str, str] | None = None,
    field: dict[str, Any] | None = None,
) -> Table:
    """An empty table whose first commit is written by hand, as another engine would."""
    log = folder / "t" / "_delta_log"
    log.mkdir(parents=True)
    protocol: dict[str, Any] = {"minReaderVersion": reader, "minWriterVersion": writer}
    if writer == 7:
        protocol["writerFeatures"] = features or []
    if reader == 3:
        both = {"columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "variantType", "typeWidening"}
        protocol["readerFeatures"] = [name for name in features or [] if name in both]
    column = {"name": "n", "type": "long", "nullable": True, "metadata": field or {}}
    metadata = {
        "id": "1", "format": {"provider": "parquet", "options": {}}, "partitionColumns": [], "createdTime": 0,
        "schemaString": json.dumps({"type": "struct", "fields": [column]}), "configuration": properties or {},
    }  # fmt: skip
    actions = [{"protocol": protocol}, {"metaData": metadata}]
    (log / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))
    return Table.open(str(folder / "t"))


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "column mapping": (
        "columnMapping",
        {
            "features": ["columnMapping"], "properties": {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1"},
            "field": {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-1"},
        },
    ),
    "a check constraint": (
        "checkConstraints (even)", {"features": ["checkConstraints"], "properties": {"delta.constraints.even": "n % 2 = 0"}},
    ),
    "a check constraint, legacy": (
        "checkConstraints (even)", {"reader": 1, "writer": 3, "properties": {"delta.constraints.even": "n % 2 = 0"}},
    ),
    "an invariant": (
        "invariants", {"reader": 1, "writer": 2, "field": {"delta.invariants": '{"expression":{"expression":"n > 0"}}'}},
    ),
    "a generated column": (
        "generatedColumns", {"features": ["generatedColumns"], "field": {"delta.generationExpression": "1 + 1"}},
    ),
    "an identity column": (
        "identityColumns", {"features": ["identityColumns"], "field": {"delta.identity.start": 1, "delta.identity.step": 1}},
    ),
    "a default": ("allowColumnDefaults", {"features": ["allowColumnDefaults"], "field": {"CURRENT_DEFAULT": "7"}}),
    "row tracking": (
        "rowTracking", {"features": ["rowTracking", "domainMetadata"], "properties": {"delta.enableRowTracking": "true"}},
    ),
    "in-commit timestamps": (
        "inCommitTimestamp",
        {"features": ["inCommitTimestamp"], "properties": {"delta.enableInCommitTimestamps": "true"}},
    ),
    "liquid clustering": ("clustering", {"features": ["clustering", "domainMetadata"]}),
    "something new": ("quantumRows", {"features": ["quantumRows"]}),
    "a newer writer version": ("writer version 8", {"reader": 1, "writer": 8}),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_an_append_to_a_table_with_it_is_refused_by_its_name(what: str, tmp_path: Path):
    feature, made = REFUSED[what]
    with pytest.raises(InvalidInput) as caught:
        table_with(tmp_path, **made).append(pa.table({"n": [1]}))
    assert feature in str(caught.value)
    assert caught.value.code == "table.feature"
    assert list((tmp_path / "t").glob("*.parquet")) == []


@pytest.mark.parametrize(
    "made",
    [
        {"reader": 1, "writer": 2},
        {"reader": 1, "writer": 4},
        {"features": ["appendOnly"], "properties": {"delta.appendOnly": "true"}},
        {"features": ["changeDataFeed"], "properties": {"delta.enableChangeDataFeed": "true"}},
        {"features": ["deletionVectors"], "properties": {"delta.enableDeletionVectors": "true"}},
        {"features": ["checkConstraints", "generatedColumns", "columnMapping", "invariants"]},
    ],
)
def test_a_feature_that_an_append_cannot_break_is_no_reason_to_refuse(made: dict[str, Any], tmp_path: Path):
    table = table_with(tmp_path, **made)
    assert table.append(pa.table({"n": [1]})) == 1
    assert Table.open(table.location).size()[2] in {1, None}


def test_a_check_of_another_engine_that_is_understood_is_kept(tmp_path: Path):
    table = table_with(
        tmp_path, features=["checkConstraints"], properties={"delta.constraints.positive": "n > 0 AND `n` <> 7"}
    )
    assert table.append(pa.table({"n": [1]})) == 1
    with pytest.raises(InvalidInput, match=r"row 2 breaks CHECK constraint 'positive'.*n is -1"):
        table.append(pa.table({"n": [1, -1]}))
    with pytest.raises(InvalidInput, match="n is null"):
        table.append(pa.table({"n": pa.array([None], pa.int64())}))


@pytest.mark.parametrize(
    ("made", "feature"),
    [
        ({"features": ["appendOnly"], "properties": {"delta.appendOnly": "true"}}, "appendOnly"),
        (REFUSED["liquid clustering"][1], "clustering"),
        (REFUSED["column mapping"][1], "columnMapping"),
    ],
)
def test_taking_rows_away_is_refused_by_name_too(made: dict[str, Any], feature: str, tmp_path: Path):
    with pytest.raises(InvalidInput, match=feature):
        table_with(tmp_path, **made).snapshot()


def test_a_protocol_gets_a_feature_by_number_where_that_says_it_and_by_name_where_not():
    assert protocol_with(Protocol(1, 2), writer=["checkConstraints"]) == Protocol(1, 3)
    assert protocol_with(Protocol(1, 4), writer=["checkConstraints"]) is None
    named = protocol_with(Protocol(1, 3), reader=["timestampNtz"])
    assert named == Protocol(3, 7, ("timestampNtz",), ("appendOnly", "checkConstraints", "invariants", "timestampNtz"))
    assert protocol_with(named, reader=["timestampNtz"]) is None
    more = protocol_with(named, writer=["changeDataFeed"])
    assert more is not None
    assert set(more.writer_features) == {*named.writer_features, "changeDataFeed"}
