"""What SQL over tables does for a user, and what it never does."""

import threading
from datetime import date, datetime
from decimal import Decimal

import pytest

from gureum.errors import Conflict, GureumError, InvalidInput, LimitExceeded, NotFound, PermissionDenied
from gureum.names import Kind
from gureum.testing.platform import wait_until
from gureum.types import Actor, Permission, Role

BEN = Actor("ben", Role.EDITOR)


def test_create_insert_select_and_travel_in_time(desk):
    desk.run("CREATE TABLE readings (device VARCHAR NOT NULL, ts TIMESTAMP, temp DOUBLE) COMMENT 'from the floor'")
    assert (
        desk.run("INSERT INTO readings VALUES ('m1', '2026-01-31 12:00:00', 91.5), ('m2', NULL, 3)").affected_rows == 2
    )
    desk.run("INSERT INTO readings (temp, device) SELECT temp + 1, 'm3' FROM readings WHERE temp > 50")
    assert desk.rows("SELECT device, ts, temp FROM readings ORDER BY device") == [
        ("m1", datetime(2026, 1, 31, 12), 91.5),
        ("m2", None, 3.0),
        ("m3", None, 92.5),
    ]
    assert desk.rows("SELECT count(*) FROM readings VERSION AS OF 1") == [(2,)]
    assert desk.rows("SELECT count(*) FROM readings AT (VERSION => 0)") == [(0,)]
    assert desk.rows(
        "SELECT r.device, n.temp FROM readings VERSION AS OF 1 r JOIN readings AS n USING (device) ORDER BY 1"
    ) == [
        ("m1", 91.5),
        ("m2", 3.0),
    ]
    history = desk.run("DESCRIBE HISTORY readings").rows.to_pylist()
    assert [(row["version"], row["operation"], row["user"]) for row in history] == [
        (2, "INSERT", "anna"),
        (1, "INSERT", "anna"),
        (0, "CREATE TABLE", "anna"),
    ]
    assert desk.rows("SELECT count(*) FROM readings TIMESTAMP AS OF '2999-01-01'") == [(3,)]


def test_a_table_made_from_a_query_keeps_its_types(desk):
    desk.run(
        "CREATE TABLE kinds AS SELECT 1::TINYINT a, 2::BIGINT b, 1.5::DECIMAL(10,2) c, true d, DATE '2026-01-31' e, "
        "'가나다' f, [1,2] g, {'x': 1} h, TIMESTAMPTZ '2026-01-31 00:00:00+09' i, 'x'::BLOB j, MAP {'k': 1} k"
    )
    row = desk.rows("SELECT * FROM kinds")[0]
    assert row[:8] == (1, 2, Decimal("1.50"), True, date(2026, 1, 31), "가나다", [1, 2], {"x": 1})
    described = desk.rows("DESCRIBE kinds")
    assert [name_type[1] for name_type in described] == [
        "TINYINT", "BIGINT", "DECIMAL(10,2)", "BOOLEAN", "DATE", "STRING", "ARRAY<INT>", "ROW<x INT>", "TIMESTAMP_LTZ",
        "BINARY", "MAP<STRING, INT>",
    ]  # fmt: skip


def test_a_schema_qualified_name_works_in_every_position(desk):
    desk.run("CREATE TABLE alerts.hot AS SELECT 1 AS temp, 'm1' AS device")
    assert desk.rows("SELECT hot.temp, alerts.hot.device FROM alerts.hot WHERE alerts.hot.temp = 1") == [(1, "m1")]
    assert desk.rows("WITH hot AS (SELECT 7 AS x) SELECT x FROM hot") == [(7,)]
    assert desk.rows("SELECT (SELECT max(temp) FROM alerts.hot) FROM range(1)") == [(1,)]
    assert desk.rows("FROM alerts.hot SELECT temp") == [(1,)]
    assert desk.rows('SELECT temp FROM "alerts"."hot" AS "h" WHERE h.temp = ?', parameters=[1]) == [(1,)]
    assert desk.rows("SHOW TABLES") == [("alerts", "hot")]


@pytest.mark.parametrize("word", ["force", "regexp", "rlike", "uncache", "xor", "partitioned_by"])
def test_words_of_other_dialects_are_names_of_columns(desk, word):
    desk.run(f"CREATE TABLE presses (n INT, {word} DOUBLE)")
    desk.run(f"INSERT INTO presses (n, {word}) VALUES (1, 2.5)")
    assert desk.rows(f"SELECT {word}, n FROM (SELECT n, {word} FROM presses) AS p WHERE p.{word} > 1") == [(2.5, 1)]


def test_partitioned_rows_come_back_whole(desk):
    desk.run("CREATE TABLE sales (day DATE, shop VARCHAR, n INT) PARTITIONED BY (day, shop)")
    desk.run("INSERT INTO sales VALUES ('2026-01-01','서울 1호',1), ('2026-01-01',NULL,2), ('2026-01-02','a/b=c%',3)")
    assert desk.rows("SELECT day, shop, n FROM sales ORDER BY n") == [
        (date(2026, 1, 1), "서울 1호", 1),
        (date(2026, 1, 1), None, 2),
        (date(2026, 1, 2), "a/b=c%", 3),
    ]
    assert desk.rows("SELECT n FROM sales WHERE shop = 'a/b=c%'") == [(3,)]


def test_a_script_runs_in_order_and_gives_the_last_result(desk):
    assert desk.rows("CREATE TABLE t (a INT); INSERT INTO t VALUES (1); -- done;\nSELECT ';' || a FROM t;") == [(";1",)]


def test_rows_are_cut_where_asked(desk):
    result = desk.run("SELECT * FROM range(1000)", rows_max=10)
    assert (result.rows.num_rows, result.truncated) == (10, True)
    result = desk.run("SELECT * FROM range(10)", rows_max=10)
    assert (result.rows.num_rows, result.truncated) == (10, False)


@pytest.mark.parametrize(
    ("sql", "line", "column", "words"),
    [
        ("SELECT temp,\n  tmep FROM r", 2, 3, "did you mean 'temp'"),
        ("SELECT *\nFROM readngs", 2, 6, "did you mean 'main.readings'?"),
        ("SELECT 1 +\n  FROM r", 2, 3, "syntax error"),
        ("SELECT 1;\nSELECT tmep FROM r", 2, 8, "did you mean 'temp'"),
        ("SELECT readings.devise FROM readings JOIN r ON true", 1, 8, "did you mean"),
        ("SELECT CAST(device AS INTEGER) FROM readings", 1, 8, "Could not convert string 'm1'"),
        ("INSERT INTO r (tmep) VALUES (1)", 1, 1, "did you mean 'temp'"),
        ("INSERT INTO r SELECT nope FROM readings", 1, 22, "the columns are"),
        ("SELECT * FROM read_csv('x.csv')", 1, 15, "never files"),
        ("GRANT SELECT ON r TO ben", 1, 1, "GRANT is not run here"),
        ("SELECT upperr('x')", 1, 8, "did you mean 'upper'"),
        ("CREATE TABLE z (a NOPE)", 1, 17, "NOPE"),
        ("SELECT 'open", 1, 8, "quote"),
        ("SELECT 'a', /* open", 1, 13, "comment is not closed"),
        ("SELEC 1", 1, 7, "did you mean 'SELECT'"),
        ("SELECT 1 FROM readings WHERE", 1, 24, "WHERE is not complete"),
        ("INSERT INTO nope VALUES (1)", 1, 13, "does not exist"),
        ("DESCRIBE nope", 1, 10, "does not exist"),
        ("DROP TABLE nope", 1, 12, "does not exist"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000, 1, 1, "nested too deeply"),
        ("SELECT " + "1 + " * 5000 + "1", 1, 1, "nested too deeply"),
    ],
)
def test_errors_point_at_the_place_and_name_the_cure(desk, sql, line, column, words):
    desk.run("CREATE TABLE readings AS SELECT 'm1' AS device, 1.5 AS x; CREATE TABLE r (temp DOUBLE)")
    with pytest.raises(GureumError) as caught:
        desk.run(sql)
    assert words.lower() in str(caught.value).lower()
    assert (caught.value.details.get("line"), caught.value.details.get("column")) == (line, column)


def test_another_user_reads_nothing_until_granted(desk):
    desk.run("CREATE TABLE pay (n INT); INSERT INTO pay VALUES (7)")
    for sql in ("SELECT * FROM pay", "DESCRIBE pay", "DESCRIBE HISTORY pay", "INSERT INTO pay VALUES (1)", "DROP TABLE pay",
                "CREATE TABLE mine AS SELECT * FROM pay", "WITH pay2 AS (SELECT * FROM main.pay) SELECT * FROM pay2"):  # fmt: skip
        with pytest.raises(NotFound):
            desk.run(sql, BEN)
    desk.catalog.grant(
        Actor("anna", Role.EDITOR), kind=Kind.TABLE, name="main.pay", grantee="ben", permission=Permission.READ
    )
    assert desk.rows("SELECT n FROM pay", BEN) == [(7,)]
    with pytest.raises(PermissionDenied):
        desk.run("INSERT INTO pay VALUES (1)", BEN)
    assert desk.run("SHOW TABLES", BEN).rows.num_rows == 1


HOSTILE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM delta_scan('{pay}')",
    "SELECT * FROM parquet_scan('{pay}/*.parquet')",
    "SELECT * FROM query('SELECT * FROM delta_scan(''{pay}'')')",
    "SELECT * FROM query_table('pay')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM duckdb_databases()'))",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_databases",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM information_schema.tables",
    "SELECT current_setting('allowed_directories')",
    "SELECT \"current_setting\"('temp_directory')",
    "SELECT getenv('HOME')",
    "COPY (SELECT 1) TO '/tmp/gureum_stolen.csv'",
    "COPY pay FROM '/etc/passwd'",
    "ATTACH '{pay}' AS x (TYPE delta)",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '100GB'",
    "PRAGMA database_list",
    "CALL duckdb_databases()",
    "EXPORT DATABASE '/tmp/gureum_stolen'",
    "CREATE MACRO m() AS 1",
    "SELECT * FROM (DESCRIBE pay)",
    "SELECT * FROM (SHOW ALL TABLES)",
    "SELECT * FROM pay.main.pay",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT (SELECT max(c) FROM read_text('/etc/passwd') AS t(a, c))",
    "WITH a AS (SELECT * FROM read_blob('/etc/passwd')) SELECT * FROM a",
    "FROM read_text('/etc/passwd')",
    "SELECT * FROM range(1) t, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    "PIVOT (SELECT * FROM read_text('/etc/passwd')) ON size USING count(*)",
    "SELECT unnest((SELECT list(content) FROM read_text('/etc/passwd')))",
    "VALUES ((SELECT content FROM read_text('/etc/passwd')))",
    "SELECT * FROM https('http://127.0.0.1/')",
    "SELECT * FROM 'http://127.0.0.1/x.parquet'",
    "SELECT * FROM self",
    "SELECT * FROM engine",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_sql_reaches_neither_files_nor_settings_nor_others_tables(desk, sql):
    desk.run("CREATE TABLE pay AS SELECT 'secret-7' AS n")
    folder = next((desk.folder / "tables" / "main").glob("pay-*"))
    with pytest.raises((InvalidInput, NotFound)) as caught:
        print(desk.run(sql.replace("{pay}", str(folder)), BEN).rows.to_pylist())
    assert "secret-7" not in str(caught.value)
    assert "root:" not in str(caught.value)


def test_a_cte_in_another_scope_does_not_hide_a_table_from_the_check(desk):
    desk.run("CREATE TABLE pay (n INT)")
    with pytest.raises(NotFound):
        desk.run("SELECT * FROM (WITH pay AS (SELECT 1) SELECT * FROM pay), pay", BEN)


def test_a_statement_can_be_cancelled_by_its_owner_only(desk):
    caught: list[GureumError] = []

    def run():
        try:
            desk.run(
                "SELECT count(*) FROM range(100000000) a, range(1000) b WHERE a.range * b.range % 7 = 0",
                statement_id="s1",
            )
        except GureumError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: "s1" in desk.sql._running and desk.sql._running["s1"].engine, what="the statement", timeout_s=20)
    with pytest.raises(NotFound):
        desk.sql.cancel("s1", BEN)
    desk.sql.cancel("s1", Actor("anna", Role.EDITOR))
    thread.join(20)
    assert isinstance(caught[0], Conflict)
    assert caught[0].code == "sql.cancelled"
    assert desk.rows("SELECT 1") == [(1,)]


def test_time_and_memory_have_limits(desk):
    with pytest.raises(LimitExceeded, match="too long"):
        desk.run(
            "SELECT count(*) FROM range(100000000) a, range(1000) b WHERE a.range * b.range % 7 = 0", timeout_s=0.3
        )
    with pytest.raises(LimitExceeded, match="memory"):
        desk.run("SELECT list(range::VARCHAR || repeat('x', 100)) FROM range(50000000)")
    assert desk.rows("SELECT 1") == [(1,)]


def test_a_failed_insert_leaves_no_version(desk):
    desk.run("CREATE TABLE t (a INT NOT NULL)")
    for sql in ("INSERT INTO t VALUES (1), (NULL)", "INSERT INTO t SELECT CASE WHEN t.range < 5 THEN 1 ELSE ('x' || t.range)::INT END FROM range(9) t",
                "INSERT INTO t VALUES (1, 2)", "CREATE TABLE u AS SELECT 'x'::INT FROM range(3)"):  # fmt: skip
        with pytest.raises(InvalidInput):
            desk.run(sql)
    assert desk.rows("SELECT count(*) FROM t") == [(0,)]
    assert desk.rows("SHOW TABLES") == [("main", "t")]


def test_completion_offers_only_what_one_may_read(desk):
    desk.run("CREATE TABLE pay (n INT)")
    mine = desk.sql.completion(Actor("anna", Role.EDITOR))
    assert [(name, [c.name for c in columns]) for name, columns in mine.tables] == [("main.pay", ["n"])]
    assert {"upper", "date_trunc"} <= set(mine.functions)
    assert desk.sql.completion(BEN).tables == []


def test_ctas_cannot_take_a_name_that_is_taken(desk):
    desk.run("CREATE TABLE t (a INT)")
    with pytest.raises(Conflict):
        desk.run("CREATE TABLE t AS SELECT 1 AS a")
    assert desk.run("CREATE TABLE IF NOT EXISTS t (b INT)").statement == "CREATE TABLE"
    desk.run("DROP TABLE t")
    desk.run("DROP TABLE IF EXISTS t")
    with pytest.raises(NotFound):
        desk.run("DROP TABLE t")
