"""A table's life besides its rows: detail, RESTORE, OPTIMIZE, VACUUM, ALTER TABLE, the change feed."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from gureum.errors import GureumError, InvalidInput, NotFound, PermissionDenied
from gureum.names import Kind
from gureum.types import Actor, Permission, Role

ANNA, BEN = Actor("anna", Role.EDITOR), Actor("ben", Role.EDITOR)


def location(desk, name: str = "t") -> Path:
    return Path(desk.tables.open(name, ANNA).location)


def files_of(desk, name: str = "t") -> int:
    return desk.run(f"DESCRIBE DETAIL {name}").rows["numFiles"][0].as_py()


def test_detail_tells_what_spark_tells_but_not_where_the_files_are(desk):
    desk.run(
        "CREATE TABLE t (a INT CHECK (a > 0), p VARCHAR) PARTITIONED BY (p) COMMENT 'c'; INSERT INTO t VALUES (1, 'x'), (2, 'y')"
    )
    (row,) = desk.run("DESCRIBE DETAIL t").rows.to_pylist()
    assert (row["name"], row["description"], row["owner"], row["version"]) == ("main.t", "c", "anna", 1)
    assert (row["numFiles"], row["numRows"], row["partitionColumns"]) == (2, 2, ["p"])
    assert row["minWriterVersion"] == 3
    assert "a > 0" in row["properties"]
    assert str(desk.folder) not in str(row)


def test_restore_brings_rows_columns_and_rules_back_as_a_new_version(desk):
    desk.run("CREATE TABLE t AS SELECT range AS n FROM range(3)")
    desk.run("DELETE FROM t WHERE n = 0; ALTER TABLE t ADD COLUMN extra VARCHAR; INSERT INTO t VALUES (9, 'x')")
    (row,) = desk.run("RESTORE TABLE t TO VERSION AS OF 1").rows.to_pylist()
    assert row == {"restored_version": 1, "version": 5}
    assert desk.rows("SELECT * FROM t ORDER BY 1") == [(0,), (1,), (2,)]
    desk.run("RESTORE t TO VERSION AS OF 4")
    assert desk.rows("SELECT * FROM t ORDER BY 1") == [(1, None), (2, None), (9, "x")]
    desk.run("UPDATE t SET extra = 'y'")
    assert desk.rows("SELECT DISTINCT extra FROM t") == [("y",)]
    assert desk.rows("DESCRIBE HISTORY t")[1][2:4] == ("RESTORE", "anna")
    with pytest.raises(NotFound, match="no version 99, the newest is 7"):
        desk.run("RESTORE t TO VERSION AS OF 99")
    with pytest.raises(NotFound, match="no version that old"):
        desk.run("RESTORE t TO TIMESTAMP AS OF '2001-01-01'")


def test_optimize_makes_large_files_of_small_ones_and_changes_no_row(desk):
    desk.run("CREATE TABLE t (n INT, p VARCHAR) PARTITIONED BY (p)")
    for number in range(4):
        desk.run(f"INSERT INTO t SELECT range + {number * 10}, CASE WHEN range % 2 = 0 THEN 'even' END FROM range(10)")
    before = desk.rows("SELECT * FROM t ORDER BY ALL")
    (row,) = desk.run("OPTIMIZE t").rows.to_pylist()
    assert (row["files_removed"], row["files_added"]) == (8, 2)
    assert desk.rows("SELECT * FROM t ORDER BY ALL") == before
    assert (files_of(desk), desk.run("OPTIMIZE t").rows.to_pylist()[0]["files_removed"]) == (2, 0)
    log = max((location(desk) / "_delta_log").glob("*.json")).read_text()
    assert '"dataChange":true' not in log, "readers of changes see none"
    assert desk.rows("SELECT count(*) FROM t VERSION AS OF 4") == [(40,)]


def test_zorder_puts_near_values_together(desk):
    desk.run(
        "CREATE TABLE t AS SELECT range AS n, (range * 37) % 1000 AS x, (range * 91) % 1000 AS y, 'a' AS s FROM range(3000)"
    )
    before = desk.rows("SELECT * FROM t ORDER BY ALL")
    desk.run("OPTIMIZE t ZORDER BY (x, y)")
    assert desk.rows("SELECT * FROM t ORDER BY ALL") == before
    rows = desk.run("SELECT x, y FROM t").rows.to_pylist()
    apart = [abs(a["x"] - b["x"]) + abs(a["y"] - b["y"]) for a, b in itertools.pairwise(rows)]
    assert sum(apart) / len(apart) < 150, "random order has 667"
    for sql, words in [("OPTIMIZE t ZORDER BY (z)", "no column 'z'"), ("OPTIMIZE t WHERE n = 1", "WHERE")]:
        with pytest.raises(InvalidInput, match=words):
            desk.run(sql)


def test_vacuum_takes_only_files_that_are_old_and_no_longer_needed(desk):
    desk.run("CREATE TABLE t AS SELECT range AS n FROM range(3); UPDATE t SET n = n + 1")
    assert desk.rows("VACUUM t DRY RUN") == []
    old = time.time() - 200 * 3600
    stray = location(desk) / "part-stray.parquet"
    stray.write_bytes(b"x")
    for path in location(desk).glob("*.parquet"):
        os.utime(path, (old, old))
    assert desk.rows("VACUUM t DRY RUN") == [("part-stray.parquet",)], "the old version's file was removed just now"
    assert stray.exists()
    with pytest.raises(InvalidInput, match="at least 168 hours"):
        desk.run("VACUUM t RETAIN 1 HOURS")
    assert desk.rows("VACUUM t") == [(1,)]
    assert not stray.exists()
    assert desk.rows("SELECT sum(n) FROM t") == [(6,)]
    assert desk.rows("SELECT sum(n) FROM t VERSION AS OF 1") == [(3,)]
    desk.catalog.grant(ANNA, kind=Kind.TABLE, name="main.t", grantee="ben", permission=Permission.WRITE)
    with pytest.raises(PermissionDenied):
        desk.run("VACUUM t", BEN)


def test_alter_table_adds_columns_properties_and_constraints(desk):
    desk.run("CREATE TABLE t AS SELECT range AS n FROM range(3)")
    desk.run("ALTER TABLE t ADD COLUMNS (name VARCHAR COMMENT 'who', seen TIMESTAMP)")
    assert desk.rows("SELECT * FROM t ORDER BY n") == [(0, None, None), (1, None, None), (2, None, None)]
    desk.run("UPDATE t SET name = 'x', seen = '2026-01-31 12:00:00' WHERE n = 1; INSERT INTO t VALUES (5, 'y', NULL)")
    assert desk.rows("SELECT n, name, seen IS NULL FROM t ORDER BY n")[1:3] == [(1, "x", False), (2, None, True)]
    assert desk.rows("DESCRIBE t")[1] == ("name", "STRING", "YES", "who")
    with pytest.raises(InvalidInput, match=r"a row that is there breaks CHECK constraint 'pos'.*n = 0"):
        desk.run("ALTER TABLE t ADD CONSTRAINT pos CHECK (n > 0)")
    desk.run("DELETE FROM t WHERE n = 0; ALTER TABLE t ADD CONSTRAINT pos CHECK (n > 0)")
    with pytest.raises(InvalidInput, match="'pos'"):
        desk.run("INSERT INTO t (n) VALUES (-1)")
    with pytest.raises(InvalidInput, match="did you mean 'pos'"):
        desk.run("ALTER TABLE t DROP CONSTRAINT poss")
    desk.run(
        "ALTER TABLE t DROP CONSTRAINT pos; ALTER TABLE t DROP CONSTRAINT IF EXISTS pos; INSERT INTO t (n) VALUES (-1)"
    )
    desk.run("ALTER TABLE t SET TBLPROPERTIES ('delta.checkpointInterval' = '3', 'team' = 'press')")
    assert desk.tables.open("t", ANNA).properties == {"delta.checkpointInterval": "3", "team": "press"}
    desk.run("ALTER TABLE t UNSET TBLPROPERTIES ('team')")
    for number in range(4):
        desk.run(f"UPDATE t SET name = '{number}'")
    assert list((location(desk) / "_delta_log").glob("*.checkpoint.parquet"))
    assert DeltaTable(str(location(desk))).to_pyarrow_table()["name"].unique().to_pylist() == ["3"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("ALTER TABLE t RENAME COLUMN n TO m", "RENAME COLUMN is not run here"),
        ("ALTER TABLE t DROP COLUMN n", "DROP COLUMN is not run here"),
        ("ALTER TABLE t ADD COLUMN m INT NOT NULL", "would be null"),
        ("ALTER TABLE t ADD COLUMN N INT", "comes twice"),
        ("ALTER TABLE t SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')", "delta.columnMapping.mode"),
        ("ALTER TABLE t SET TBLPROPERTIES ('delta.appendOnly' = 'maybe')", "cannot be 'maybe'"),
        ("ALTER TABLE t SET TBLPROPERTIES ('delta.constraints.x' = 'n > 0')", "is a constraint"),
        ("ALTER TABLE t UNSET TBLPROPERTIES ('nope')", "no property"),
    ],
)
def test_what_alter_table_cannot_do_is_refused_by_name(desk, sql, words):
    desk.run("CREATE TABLE t AS SELECT range AS n FROM range(3)")
    with pytest.raises(GureumError) as caught:
        desk.run(sql)
    assert words in str(caught.value)
    assert desk.run("DESCRIBE HISTORY t").rows.num_rows == 2


def test_an_append_only_table_keeps_its_rows(desk):
    desk.run("CREATE TABLE t (n INT) TBLPROPERTIES ('delta.appendOnly' = 'true'); INSERT INTO t VALUES (1)")
    for sql in (
        "UPDATE t SET n = 2",
        "DELETE FROM t",
        "INSERT OVERWRITE t SELECT 1",
        "CREATE OR REPLACE TABLE t (m INT)",
    ):
        with pytest.raises(InvalidInput, match="appendOnly"):
            desk.run(sql)
    assert desk.rows("SELECT * FROM t") == [(1,)]


def test_the_change_feed_tells_of_every_change(desk):
    desk.run("CREATE TABLE t (id INT, n INT) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    desk.run(
        "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30); UPDATE t SET n = n + 1 WHERE id = 1; DELETE FROM t WHERE id = 2"
    )
    desk.run(
        "MERGE INTO t USING (VALUES (3, 33), (4, 44)) s(id, n) ON s.id = t.id "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT * WHEN NOT MATCHED BY SOURCE THEN DELETE"
    )
    feed = pa.table(DeltaTable(str(location(desk))).load_cdf(starting_version=1))
    told = sorted((r["_commit_version"], r["_change_type"], r["id"], r["n"]) for r in feed.to_pylist())
    assert told == [
        (1, "insert", 1, 10), (1, "insert", 2, 20), (1, "insert", 3, 30),
        (2, "update_postimage", 1, 11), (2, "update_preimage", 1, 10),
        (3, "delete", 2, 20),
        (4, "delete", 1, 11), (4, "insert", 4, 44), (4, "update_postimage", 3, 33), (4, "update_preimage", 3, 30),
    ]  # fmt: skip
