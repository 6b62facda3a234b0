"""table_changes(): replayed over a version it gives the next one, whatever was done; and what it cannot tell, it refuses."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from deltalake import DeltaTable

from gureum.errors import GureumError, InvalidInput, NotFound
from gureum.types import Actor, Role

ANNA, BEN = Actor("anna", Role.EDITOR), Actor("ben", Role.EDITOR)
ON = "TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')"
ROWS = "n, p, note"


def act(chance: random.Random) -> str:
    """Some statement over `t (n BIGINT, p VARCHAR, note VARCHAR)`."""
    n, p = chance.randrange(40), chance.choice("xyz'")
    some = ", ".join(f"({chance.randrange(40)}, '{chance.choice('xyz')}', NULL)" for _ in range(chance.randrange(1, 6)))
    return chance.choice(
        (
            f"INSERT INTO t ({ROWS}) VALUES {some}",
            f"UPDATE t SET note = 'seen {n}' WHERE n % 7 = {n % 7}",
            f"UPDATE t SET p = '{p.replace(chr(39), chr(39) * 2)}' WHERE n < {n}",
            f"DELETE FROM t WHERE n = {n}",
            f"DELETE FROM t WHERE p = '{chance.choice('xyz')}'",
            f"MERGE INTO t USING (SELECT {n} AS n, 'x' AS p, 'merged' AS note) s ON t.n = s.n "
            "WHEN MATCHED THEN UPDATE SET note = s.note WHEN NOT MATCHED THEN INSERT *",
            f"INSERT OVERWRITE t ({ROWS}) VALUES {some}",
            "OPTIMIZE t",
            "RESTORE t TO VERSION AS OF 0",
        )
    )


@pytest.mark.parametrize("partitioned", ["", "PARTITIONED BY (p)"])
def test_changes_replayed_over_a_version_give_the_next(desk, partitioned: str):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    desk.run(f"CREATE TABLE t (n BIGINT, p VARCHAR, note VARCHAR) {partitioned} {ON}")
    desk.run(f"INSERT INTO t ({ROWS}) VALUES (1, 'x', 'first'), (1, 'x', 'first'), (2, NULL, NULL)")
    for _ in range(25):
        desk.run(act(chance))
    newest = desk.tables.open("t", ANNA).version
    changes = desk.rows(f"SELECT _commit_version, _change_type, {ROWS} FROM table_changes('t', 0)")
    state: Counter[tuple[object, ...]] = Counter()
    for version in range(newest + 1):
        here = [one for one in changes if one[0] == version]
        lost = Counter(one[2:] for one in here if one[1] in {"delete", "update_preimage"})
        assert lost <= state, version
        state = state - lost + Counter(one[2:] for one in here if one[1] in {"insert", "update_postimage"})
        assert state == Counter(desk.rows(f"SELECT {ROWS} FROM t VERSION AS OF {version}")), version
    theirs = DeltaTable(desk.tables.open("t", ANNA).location).load_cdf(starting_version=0).read_all()
    assert len(changes) == theirs.num_rows


def test_a_column_that_came_later_and_an_empty_range(desk):
    desk.run(f"CREATE TABLE t (a BIGINT, day DATE) PARTITIONED BY (day) {ON}")
    desk.run("INSERT INTO t VALUES (1, DATE '2024-01-01'), (2, NULL); ALTER TABLE t ADD COLUMN c DOUBLE")
    desk.run("UPDATE t SET c = 1.5 WHERE a = 2")
    assert desk.rows("SELECT a, CAST(day AS VARCHAR), c, _change_type FROM table_changes('t', 1) ORDER BY _commit_version, 1, 3") == [
        (1, "2024-01-01", None, "insert"), (2, None, None, "insert"),
        (2, None, 1.5, "update_postimage"), (2, None, None, "update_preimage"),
    ]  # fmt: skip
    assert desk.run("SELECT * FROM table_changes('main.t', 0, 0)").rows.column_names == [
        "a", "day", "_change_type", "_commit_version", "_commit_timestamp"
    ]  # fmt: skip
    (instant,) = {row[0] for row in desk.rows("SELECT _commit_timestamp FROM table_changes('t', 1, 1)")}
    assert desk.rows(f"SELECT count(*) FROM table_changes('t', '{instant}', 1)") == [(2,)]
    desk.run("CREATE VIEW v AS SELECT a, _change_type AS what FROM table_changes('t', 1, 1)")
    assert desk.rows("SELECT v.what, count(*) FROM v JOIN t USING (a) GROUP BY ALL") == [("insert", 2)]


def test_what_cannot_be_told_is_refused(desk):
    desk.run("CREATE TABLE t AS SELECT range AS n FROM range(3)")
    desk.run("ALTER TABLE t SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true'); DELETE FROM t WHERE n = 0")
    assert desk.rows("SELECT n, _change_type FROM table_changes('t', 2)") == [(0, "delete")]
    for arguments, kind, words in (
        ("'t', 0", InvalidInput, "version 0 did not record its changes"),
        ("'t', 99", NotFound, "no version 99, the newest is 3"),
        ("'t', 2, 1", InvalidInput, "version 2 is newer than version 1"),
        ("'none', 1", NotFound, "'main.none' does not exist"),
        ("t, 1", InvalidInput, "takes a table's name"),
        ("'t', 1 + 1", InvalidInput, "takes a table's name"),
        ("'t', ?", InvalidInput, "takes a table's name"),
        ("'t', 1, 2, 3", InvalidInput, "takes a table's name"),
        ("'t', '2999-01-01'", NotFound, "no version that new"),
    ):
        with pytest.raises(kind, match=words) as caught:
            desk.run(f"SELECT * FROM table_changes({arguments})")
        assert caught.value.details["column"] == 15
    with pytest.raises(GureumError, match="does not exist"):
        desk.run("SELECT * FROM table_changes('t', 2)", BEN)


@pytest.mark.parametrize("then", ["(a BIGINT, p VARCHAR) PARTITIONED BY (p)", "(a VARCHAR, p VARCHAR)", "(a BIGINT)"])
def test_other_columns_or_partitions_on_the_way_are_refused_from_either_side(desk, then: str):
    desk.run(f"CREATE TABLE t (a BIGINT, p VARCHAR) {ON}; INSERT INTO t VALUES (1, 'x')")
    desk.run(f"CREATE OR REPLACE TABLE t {then} {ON}; INSERT INTO t (a) VALUES (2)")
    for arguments in ("0", "1, 2", "2", "2, 2"):
        with pytest.raises(InvalidInput, match=r"partitioned by|another type|is not there") as caught:
            desk.run(f"SELECT * FROM table_changes('t', {arguments})")
        assert caught.value.code == "table.changes"
    assert desk.rows("SELECT a, p, _change_type FROM table_changes('t', 0, 1)") == [(1, "x", "insert")]
    assert desk.rows("SELECT CAST(a AS BIGINT), _change_type FROM table_changes('t', 3)") == [(2, "insert")]


def test_columns_of_every_kind_stay_what_they_are_when_another_is_added(desk):
    columns = "l BIGINT[], s STRUCT(x INT, y VARCHAR[]), m MAP(VARCHAR, DOUBLE), d DECIMAL(10, 2), b BLOB, at TIMESTAMP, z TIMESTAMPTZ"
    desk.run(f"CREATE TABLE t (n INT, {columns}) {ON}")
    desk.run(
        "INSERT INTO t (n, l, s, d) VALUES (1, [1, NULL], {'x': 1, 'y': ['a']}, 1.5); ALTER TABLE t ADD COLUMN late INT"
    )
    desk.run("UPDATE t SET late = 1")
    found = desk.rows(
        "SELECT n, l, s, d, late, _change_type FROM table_changes('t', 0) ORDER BY _commit_version, late NULLS FIRST"
    )
    value = (1, [1, None], {"x": 1, "y": ["a"]})
    assert [(*row[:3], row[4], row[5]) for row in found] == [
        (*value, None, "insert"), (*value, None, "update_preimage"), (*value, 1, "update_postimage")
    ]  # fmt: skip
