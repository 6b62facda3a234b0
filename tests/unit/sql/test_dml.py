"""What UPDATE, DELETE, MERGE, INSERT OVERWRITE and CREATE OR REPLACE do for a user, and what they refuse."""

from __future__ import annotations

import threading

import pytest

from gureum.errors import GureumError, InvalidInput, NotFound, PermissionDenied
from gureum.names import Kind
from gureum.types import Actor, Permission, Role

BEN = Actor("ben", Role.EDITOR)
ANNA = Actor("anna", Role.EDITOR)


@pytest.fixture
def machines(desk):
    desk.run("CREATE TABLE m (id INT NOT NULL, name VARCHAR, temp DOUBLE)")
    desk.run("INSERT INTO m VALUES (1, 'a', 10), (2, 'b', 20), (3, NULL, NULL)")
    return desk


def test_update_says_how_many_rows_changed_and_history_says_what_was_done(machines):
    assert machines.run("UPDATE m SET temp = temp + 1, name = upper(name) WHERE id < 3").affected_rows == 2
    assert machines.rows("SELECT * FROM m ORDER BY id") == [(1, "A", 11.0), (2, "B", 21.0), (3, None, None)]
    assert machines.run("UPDATE m SET temp = 0 WHERE id = 99").affected_rows == 0
    newest = machines.run("DESCRIBE HISTORY m").rows.to_pylist()[0]
    assert (newest["version"], newest["operation"], newest["user"]) == (2, "UPDATE", "anna")
    assert '"id < 3"' in newest["parameters"]
    assert machines.rows("SELECT temp FROM m VERSION AS OF 1 WHERE id = 1") == [(10.0,)]


def test_equal_rows_are_kept_apart(desk):
    desk.run("CREATE TABLE t AS SELECT 7 AS n FROM range(5)")
    assert desk.run("UPDATE t SET n = 8").affected_rows == 5
    assert desk.run("DELETE FROM t WHERE n = 8 AND random() >= 0").affected_rows == 5
    assert desk.rows("SELECT count(*) FROM t") == [(0,)]


def test_delete_with_and_without_a_condition_and_truncate(machines):
    assert machines.run("DELETE FROM m AS x USING (SELECT 2 AS id) AS gone WHERE x.id = gone.id").affected_rows == 1
    assert machines.run("DELETE FROM m WHERE temp > 100").affected_rows == 0
    assert machines.run("DELETE FROM m").affected_rows == 2
    assert machines.run("DELETE FROM m").affected_rows == 0
    machines.run("INSERT INTO m VALUES (1, 'x', 1)")
    assert machines.run("TRUNCATE TABLE m").affected_rows == 1


def test_parameters_stay_with_their_places(machines):
    machines.run("UPDATE m SET name = ?, temp = $2 WHERE id = ?".replace("$2", "?"), parameters=["z", 5.5, 3])
    assert machines.rows("SELECT name, temp FROM m WHERE id = 3") == [("z", 5.5)]
    merged = machines.run(
        "MERGE INTO m USING (SELECT ? AS id) s ON m.id = s.id WHEN MATCHED AND m.temp < ? THEN UPDATE SET name = ? "
        "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, ?)",
        parameters=[3, 6.0, "met", "new"],
    )
    assert merged.affected_rows == 1
    assert machines.rows("SELECT name FROM m WHERE id = 3") == [("met",)]


def test_merge_with_all_of_its_clauses(machines):
    merged = machines.run("""
        MERGE INTO m AS t USING (VALUES (1, 'one', 1.0), (2, NULL, NULL), (4, 'four', 4.0), (5, 'five', 5.0)) AS s(id, name, temp)
        ON t.id = s.id
        WHEN MATCHED AND s.name IS NULL THEN DELETE
        WHEN MATCHED THEN UPDATE SET *
        WHEN NOT MATCHED AND s.id = 5 THEN INSERT (id, name) VALUES (s.id, s.name || '!')
        WHEN NOT MATCHED THEN INSERT *
        WHEN NOT MATCHED BY SOURCE THEN UPDATE SET temp = -1
    """)
    assert merged.affected_rows == 5
    assert machines.rows("SELECT * FROM m ORDER BY id") == [
        (1, "one", 1.0),
        (3, None, -1.0),
        (4, "four", 4.0),
        (5, "five!", None),
    ]


def test_merge_refuses_a_row_that_two_source_rows_would_change(machines):
    source = "(VALUES (1, 'x'), (1, 'y'), (9, 'z')) AS s(id, name)"
    for then in ("UPDATE SET name = s.name", "UPDATE SET name = 'same'"):
        with pytest.raises(InvalidInput, match=r"2 of the source's rows match one row.*id = 1, name = a"):
            machines.run(f"MERGE INTO m USING {source} ON m.id = s.id WHEN MATCHED THEN {then}")
    assert machines.run("DESCRIBE HISTORY m").rows.num_rows == 2
    only_one = "WHEN MATCHED AND s.name = 'y' THEN UPDATE SET name = s.name"
    assert machines.run(f"MERGE INTO m USING {source} ON m.id = s.id {only_one}").affected_rows == 1
    assert machines.run(f"MERGE INTO m USING {source} ON m.id = s.id WHEN MATCHED THEN DELETE").affected_rows == 1
    with pytest.raises(InvalidInput, match="2 of the rows of FROM match one row"):
        machines.run("UPDATE m SET name = s.n FROM (VALUES (2, 'x'), (2, 'y')) AS s(id, n) WHERE s.id = m.id")


def test_merge_with_schema_evolution_adds_the_sources_columns(machines):
    source = "(SELECT 1 AS id, 'n1' AS name, 9 AS temp, 'oil' AS fluid UNION ALL SELECT 7, 'n7', 7, 'air') AS s"
    clauses = "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    assert machines.run(f"MERGE INTO m USING {source} ON m.id = s.id {clauses}").affected_rows == 2
    assert machines.run("SELECT * FROM m").rows.column_names == ["id", "name", "temp"]
    assert (
        machines.run(f"MERGE WITH SCHEMA EVOLUTION INTO m USING {source} ON m.id = s.id {clauses}").affected_rows == 2
    )
    assert machines.rows("SELECT id, fluid FROM m ORDER BY id") == [(1, "oil"), (2, None), (3, None), (7, "air")]
    machines.run("INSERT INTO m VALUES (8, 'x', 1, 'gas')")
    assert machines.rows("SELECT count(fluid) FROM m") == [(3,)]
    assert machines.rows("SELECT count(*) FROM m VERSION AS OF 1") == [(3,)]
    part = "(SELECT 1 AS id, 'again' AS name) AS s"
    with pytest.raises(InvalidInput, match=r"the source has no column 'temp', which '\*' needs"):
        machines.run(f"MERGE INTO m USING {part} ON m.id = s.id {clauses}")
    machines.run(f"MERGE WITH SCHEMA EVOLUTION INTO m USING {part} ON m.id = s.id {clauses}")
    assert machines.rows("SELECT * FROM m WHERE id = 1") == [(1, "again", 9.0, "oil")]


def test_not_null_and_checks_hold_for_every_way_in(desk):
    desk.run(
        "CREATE TABLE t (n INT NOT NULL, v DOUBLE CHECK (v >= 0), name VARCHAR, "
        "CONSTRAINT short CHECK (length(name) < 5 OR name IS NULL), CHECK (n <> 13))"
    )
    desk.run("INSERT INTO t VALUES (1, 1, 'a'), (2, 2, NULL)")
    for sql, names in [
        ("INSERT INTO t VALUES (5, 1, 'ok'), (6, -1, 'x')", ("row 2", "'v_check'", "v is -1.0")),
        ("INSERT INTO t VALUES (5, NULL, 'ok')", ("row 1", "'v_check'", "v is null", "null is not true")),
        ("INSERT INTO t VALUES (5, 1, 'much too long')", ("'short'", "name is 'much too long'")),
        ("INSERT INTO t VALUES (13, 1, 'x')", ("'check'", "n is 13")),
        ("INSERT INTO t (v) VALUES (1)", ("'n' must not be null", "row 1")),
        ("UPDATE t SET v = v - 2 WHERE n = 1", ("row 1", "'v_check'", "v is -1.0")),
        ("UPDATE t SET n = NULL", ("'n' must not be null",)),
        ("MERGE INTO t USING (SELECT 9 AS n) s ON s.n = t.n WHEN NOT MATCHED THEN INSERT (n, v) VALUES (s.n, -9)", ("'v_check'",)),
        ("INSERT OVERWRITE t VALUES (1, -5, 'a')", ("'v_check'",)),
    ]:  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            desk.run(sql)
        for name in names:
            assert name in str(caught.value), sql
    assert desk.rows("SELECT * FROM t ORDER BY n") == [(1, 1.0, "a"), (2, 2.0, None)]
    assert desk.run("DESCRIBE HISTORY t").rows.num_rows == 2


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("n % 2 = 0", "'n % 2'"),
        ("nmae = 'x'", "did you mean 'name'"),
        ("n + 1", "not true or false"),
        ("upper(name) = name", "UPPER"),
        ("n IN (SELECT 1)", "SELECT"),
        ("random() > 0.5", "RANDOM"),
    ],
)
def test_a_check_that_others_might_read_otherwise_is_refused(desk, check, words):
    with pytest.raises(InvalidInput) as caught:
        desk.run(f"CREATE TABLE t (n INT, name VARCHAR,\n  CHECK ({check}))")
    assert words in str(caught.value)
    assert caught.value.details["line"] == 2
    assert desk.rows("SHOW TABLES") == []


def test_insert_overwrite_replaces_all_rows_at_once(machines):
    assert machines.run("INSERT OVERWRITE m SELECT id + 10, name, temp FROM m WHERE id > 1").affected_rows == 2
    assert machines.rows("SELECT id FROM m ORDER BY id") == [(12,), (13,)]
    assert machines.rows("SELECT count(*) FROM m VERSION AS OF 1") == [(3,)]
    assert machines.run("INSERT OVERWRITE TABLE m (id) SELECT 1 WHERE false").affected_rows == 0
    assert machines.rows("SELECT count(*) FROM m") == [(0,)]


def test_create_or_replace_keeps_grants_and_versions(machines):
    machines.catalog.grant(ANNA, kind=Kind.TABLE, name="main.m", grantee="ben", permission=Permission.WRITE)
    with pytest.raises(PermissionDenied):
        machines.run("CREATE OR REPLACE TABLE m (x INT)", BEN)
    made = machines.run(
        "CREATE OR REPLACE TABLE m PARTITIONED BY (kind) COMMENT 'new' AS SELECT id, 'k' || id % 2 AS kind FROM m"
    )
    assert made.affected_rows == 3
    assert machines.rows("SELECT id, kind FROM m ORDER BY id", BEN) == [(1, "k1"), (2, "k0"), (3, "k1")]
    assert machines.rows("SELECT name FROM m VERSION AS OF 1 WHERE id = 1") == [("a",)]
    assert machines.tables.open("m", ANNA).partition_columns == ["kind"]
    machines.run("CREATE OR REPLACE TABLE m (x TIMESTAMP, y INT CHECK (y > 0)) TBLPROPERTIES ('team' = 'press')")
    assert machines.rows("SELECT count(*) FROM m") == [(0,)]
    assert machines.tables.open("m", ANNA).properties["team"] == "press"
    machines.run("CREATE OR REPLACE TABLE fresh (a INT)")
    assert machines.rows("SHOW TABLES") == [("main", "fresh"), ("main", "m")]


def test_comments_can_be_changed(machines):
    machines.run("COMMENT ON TABLE m IS 'machines'; COMMENT ON COLUMN m.temp IS '섭씨'")
    assert machines.tables.open("m", ANNA).comment == "machines"
    assert [row[3] for row in machines.rows("DESCRIBE m")] == [None, None, "섭씨"]
    machines.run("COMMENT ON COLUMN main.m.temp IS NULL")
    assert [row[3] for row in machines.rows("DESCRIBE m")] == [None, None, None]
    assert machines.rows("SELECT count(*) FROM m") == [(3,)]


@pytest.mark.parametrize(
    ("sql", "line", "column", "words"),
    [
        ("UPDATE m SET tmep = 1", 1, 14, "did you mean 'temp'"),
        ("UPDATE m\nSET temp = tmep", 2, 12, "did you mean 'temp'"),
        ("UPDATE m SET temp = 1 WHERE\n  nmae = 'x'", 2, 3, "did you mean 'name'"),
        ("UPDATE m SET temp 1", 1, 19, "= is expected here"),
        ("UPDATE m SET temp = 1 +", 1, 24, "syntax error"),
        ("UPDATE nope SET a = 1", 1, 8, "does not exist"),
        ("UPDATE m SET temp = (SELECT max(x) FROM nope)", 1, 41, "does not exist"),
        ("UPDATE m SET temp = 1, Temp = 2", 1, 24, "set twice"),
        ("UPDATE m SET temp = COLUMNS(*)", 1, 21, "not one value"),
        ("UPDATE m SET temp = 1 RETURNING id", 1, 23, "RETURNING"),
        ("UPDATE m SET id = 'x' WHERE id = 1", 1, 19, "Could not convert string 'x'"),
        ("UPDATE m SET name = (SELECT content FROM read_text('/etc/passwd'))", 1, 42, "not available"),
        ("UPDATE m SET name = getenv('HOME')", 1, 21, "not available"),
        ("DELETE FROM m WHERE x.id = 1", 1, 21, "x"),
        ("DELETE m WHERE id = 1", 1, 8, "FROM is expected here"),
        ("DELETE FROM m VERSION AS OF 1 WHERE id = 1", 1, 15, "older version"),
        ("MERGE INTO m USING nope ON true WHEN MATCHED THEN DELETE", 1, 20, "does not exist"),
        ("MERGE INTO m USING m AS s ON m.id = s.idd WHEN MATCHED THEN DELETE", 1, 30, "did you mean 'id'"),
        ("MERGE INTO m USING m AS s ON m.id = s.id WHEN MATCHED THEN INSERT *", 1, 60, "UPDATE or DELETE"),
        ("MERGE INTO m USING m AS s ON m.id = s.id\nWHEN MATCHED THEN DELETE WHEN MATCHED THEN UPDATE SET *", 2, 1, "last WHEN"),
        ("MERGE INTO m USING m AS s ON m.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (1, 2)", 1, 84, "2 values"),
        ("MERGE INTO m USING m s ON m.id = s.id WHEN MATCHED THEN UPDATE SET tmep = 1", 1, 68, "did you mean 'temp'"),
        ("MERGE INTO m USING (SELECT * FROM glob('/*')) s ON true WHEN MATCHED THEN DELETE", 1, 35, "not available"),
        ("INSERT INTO m SELECT * FROM m RETURNING id", 1, 1, "RETURNING"),
    ],
)  # fmt: skip
def test_errors_point_at_the_place_and_change_nothing(machines, sql, line, column, words):
    with pytest.raises(GureumError) as caught:
        machines.run(sql)
    assert words.lower() in str(caught.value).lower()
    assert (caught.value.details.get("line"), caught.value.details.get("column")) == (line, column)
    assert machines.run("DESCRIBE HISTORY m").rows.num_rows == 2


def test_sources_want_read_and_targets_want_write(machines):
    machines.run("CREATE TABLE pay AS SELECT 1 AS id, 'secret-7' AS name, 1.0 AS temp")
    reads = [
        "UPDATE mine SET name = (SELECT max(name) FROM pay)",
        "UPDATE mine SET name = pay.name FROM pay WHERE pay.id = mine.id",
        "UPDATE mine SET id = 1 WHERE EXISTS (SELECT 1 FROM main.pay)",
        "DELETE FROM mine USING pay WHERE pay.id = mine.id",
        "DELETE FROM mine WHERE id IN (SELECT id FROM pay)",
        "MERGE INTO mine USING pay ON pay.id = mine.id WHEN NOT MATCHED THEN INSERT *",
        "MERGE INTO mine USING (SELECT 1 AS id) s ON s.id = (SELECT max(id) FROM pay) WHEN MATCHED THEN DELETE",
        "MERGE INTO mine USING (SELECT 1 AS id) s ON true WHEN MATCHED AND EXISTS (FROM pay) THEN DELETE",
        "MERGE INTO mine USING (SELECT 1 AS id) s ON true WHEN NOT MATCHED THEN INSERT (id) VALUES ((SELECT id FROM pay))",
    ]
    writes = ["UPDATE pay SET id = 2", "DELETE FROM pay", "TRUNCATE TABLE pay", "COMMENT ON TABLE pay IS 'x'",
              "INSERT OVERWRITE pay SELECT * FROM mine", "MERGE INTO pay USING mine ON true WHEN MATCHED THEN DELETE",
              "CREATE OR REPLACE TABLE pay AS SELECT 1 AS x"]  # fmt: skip
    machines.run("CREATE TABLE mine (id INT, name VARCHAR, temp DOUBLE)", BEN)
    for sql in reads + writes[:-1]:
        with pytest.raises(NotFound):
            machines.run(sql, BEN)
    machines.catalog.grant(ANNA, kind=Kind.TABLE, name="main.pay", grantee="ben", permission=Permission.READ)
    for sql in writes:
        with pytest.raises(PermissionDenied):
            machines.run(sql, BEN)
    for sql in reads:
        machines.run(sql, BEN)
    assert machines.rows("SELECT * FROM pay") == [(1, "secret-7", 1.0)]


def test_a_statement_reads_its_own_table_as_it_was(machines):
    machines.run("UPDATE m SET temp = (SELECT sum(temp) FROM m)")
    assert machines.rows("SELECT DISTINCT temp FROM m") == [(30.0,)]
    machines.run(
        "MERGE INTO m USING (SELECT id + 100 AS id FROM m) s ON m.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
    )
    assert machines.rows("SELECT count(*) FROM m") == [(6,)]


def test_no_expression_sees_where_the_files_are(machines):
    for name in ("filename", "file_row_number", "file_index"):
        with pytest.raises(InvalidInput):
            machines.run(f"UPDATE m SET name = {name}")


def test_a_column_named_like_an_inner_one_is_refused_rather_than_confused(desk):
    desk.run(
        "CREATE TABLE t (file_row_number INT, filename VARCHAR); CREATE TABLE ok AS SELECT 'x' AS filename, 1 AS n"
    )
    with pytest.raises(InvalidInput, match="file_row_number"):
        desk.run("DELETE FROM t WHERE filename = 'x'")
    desk.run("UPDATE ok SET filename = filename || 'y', n = 2")
    assert desk.rows("SELECT * FROM ok") == [("xy", 2)]


def test_statements_that_change_a_table_at_once_lose_nothing(desk):
    desk.run("CREATE TABLE t AS SELECT range AS id, 0 AS n FROM range(4)")
    failed: list[BaseException] = []

    def run(worker: int) -> None:
        try:
            for number in range(3):
                desk.run(f"UPDATE t SET n = n + 1 WHERE id < 4 AND id % 2 = {worker % 2}")
                desk.run(f"INSERT INTO t VALUES ({100 + worker * 10 + number}, 0)")
                desk.run(
                    f"MERGE INTO t USING (SELECT {500 + number} AS id) s ON t.id = s.id "
                    "WHEN MATCHED THEN UPDATE SET n = t.n + 1 WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, 1)"
                )
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert desk.rows("SELECT n FROM t WHERE id < 4 ORDER BY id") == [(6,)] * 4
    assert desk.rows("SELECT count(*) FROM t WHERE id BETWEEN 100 AND 199") == [(12,)]
    assert desk.rows("SELECT id, n FROM t WHERE id >= 500 ORDER BY id") == [(500, 4), (501, 4), (502, 4)]
