"""A view is a query under a name: it follows its tables, and shows nobody what they may not read."""

from __future__ import annotations

import pytest

from gureum.errors import Conflict, GureumError, InvalidInput, NotFound, PermissionDenied
from gureum.names import Kind
from gureum.types import Actor, Permission, Role

ANNA, BEN = Actor("anna", Role.EDITOR), Actor("ben", Role.EDITOR)


@pytest.fixture
def hot(desk):
    desk.run("CREATE TABLE readings AS SELECT range AS id, range * 10 AS temp FROM range(5)")
    desk.run("CREATE VIEW hot AS SELECT id, temp FROM readings -- of the floor\nWHERE temp > 20")
    return desk


def test_a_view_follows_its_table_and_stands_where_a_table_may(hot):
    assert hot.rows("SELECT * FROM hot ORDER BY id") == [(3, 30), (4, 40)]
    hot.run("INSERT INTO readings VALUES (9, 90)")
    assert hot.rows("SELECT max(h.temp) FROM main.hot AS h JOIN hot USING (id) WHERE hot.id > 3") == [(90,)]
    hot.run("CREATE VIEW hotter AS WITH readings AS (SELECT 1) SELECT id FROM hot WHERE temp > 30")
    assert hot.rows("SELECT id FROM hotter ORDER BY id") == [(4,), (9,)]
    hot.run("CREATE TABLE kept AS SELECT * FROM hot; DELETE FROM readings WHERE id IN (SELECT id FROM hotter)")
    assert hot.rows("SELECT count(*) FROM hot") == [(1,)]
    hot.run("MERGE INTO kept USING hot ON kept.id = hot.id WHEN NOT MATCHED BY SOURCE THEN DELETE")
    assert hot.rows("SELECT id FROM kept") == [(3,)]
    assert [row[:2] for row in hot.rows("DESCRIBE hot")] == [("id", "BIGINT"), ("temp", "BIGINT")]
    assert ("main", "hot") in hot.rows("SHOW TABLES")
    assert {"main.hot", "main.readings"} <= set(hot.run("SELECT * FROM hot").tables)
    assert "main.hot" in [name for name, _ in hot.sql.completion(ANNA).tables]
    assert "main.hot" not in [entry.thing.name for entry in hot.tables.list(ANNA)]


def test_a_view_shows_its_reader_only_what_that_one_may_read(hot):
    with pytest.raises(NotFound):
        hot.run("SELECT * FROM hot", BEN)
    hot.catalog.grant(ANNA, kind=Kind.TABLE, name="main.hot", grantee="ben", permission=Permission.READ)
    with pytest.raises(NotFound, match=r"view 'main.hot'.*'main.readings' does not exist"):
        hot.run("SELECT * FROM hot", BEN)
    with pytest.raises(NotFound):
        hot.run("CREATE VIEW mine AS SELECT * FROM readings", BEN)
    hot.catalog.grant(ANNA, kind=Kind.TABLE, name="main.readings", grantee="ben", permission=Permission.READ)
    assert hot.rows("SELECT count(*) FROM hot", BEN) == [(2,)]
    for sql in ("CREATE OR REPLACE VIEW hot AS SELECT 1 AS x", "DROP VIEW hot"):
        with pytest.raises(PermissionDenied):
            hot.run(sql, BEN)


def test_views_are_replaced_and_dropped(hot):
    with pytest.raises(Conflict):
        hot.run("CREATE VIEW hot AS SELECT 1 AS x")
    hot.run("CREATE VIEW IF NOT EXISTS hot AS SELECT 1 AS x; CREATE OR REPLACE VIEW hot AS SELECT id FROM readings")
    assert hot.rows("SELECT count(*) FROM hot") == [(5,)]
    hot.run("CREATE OR REPLACE VIEW a AS SELECT * FROM hot; CREATE OR REPLACE VIEW hot AS SELECT 1 AS id")
    with pytest.raises(InvalidInput, match="reads itself"):
        hot.run("CREATE OR REPLACE VIEW hot AS SELECT * FROM a; SELECT * FROM hot")
    hot.run("DROP VIEW hot; DROP VIEW IF EXISTS hot")
    with pytest.raises(NotFound):
        hot.run("SELECT * FROM hot")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DROP TABLE hot", "DROP VIEW hot"),
        ("DROP VIEW readings", "DROP TABLE readings"),
        ("INSERT INTO hot VALUES (1, 2)", "is a view"),
        ("UPDATE hot SET temp = 1", "is a view"),
        ("CREATE OR REPLACE TABLE hot (a INT)", "is a view"),
        ("CREATE OR REPLACE VIEW readings AS SELECT 1 AS x", "is a table"),
        ("SELECT * FROM hot VERSION AS OF 1", "has no versions"),
        ("CREATE VIEW w AS SELECT * FROM read_text('/etc/passwd')", "not available"),
        ("CREATE VIEW w AS DELETE FROM readings", "a view is a SELECT"),
        ("CREATE VIEW w AS SELECT nope FROM readings", "nope"),
        ("CREATE VIEW w (a) AS SELECT 1", "name the columns in the query"),
    ],
)
def test_what_a_view_is_not(hot, sql, words):
    with pytest.raises(GureumError) as caught:
        hot.run(sql)
    assert words in str(caught.value)
    assert hot.rows("SELECT count(*) FROM readings") == [(5,)]
