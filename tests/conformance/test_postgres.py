"""PostgreSQL's own clients at the BI door. What a check expects is first got from a real PostgreSQL, so that it proves something."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from tests.store_kit import postgres_server

from gureum.testing.platform import RunningPlatform, wait_until

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(180), pytest.mark.xdist_group("platform")]

ROWS = (
    "(1, 'plain', TIMESTAMP '2024-01-01 10:00:00.5', DATE '2024-02-03', 1.50, 0.1, true)",
    "(2, '한글 \\ \" , \t', TIMESTAMP '1969-12-31 23:59:59', DATE '1950-01-01', -0.05, 1e20, false)",
    "(3, NULL, NULL, NULL, NULL, NULL, NULL)",
)
INSERT = f"INSERT INTO pg_rows VALUES {', '.join(ROWS)}"


@dataclass(frozen=True)
class Place:
    host: str
    port: int
    user: str
    password: str
    database: str

    @property
    def dsn(self) -> str:
        return f"host={self.host} port={self.port} user={self.user} password={self.password} dbname={self.database}"


@pytest.fixture(scope="module")
def ours(platform: RunningPlatform) -> Place:
    platform.client.sql(
        "CREATE TABLE pg_rows (a BIGINT NOT NULL, b STRING, c TIMESTAMP, d DATE, e DECIMAL(10,2), f DOUBLE, g BOOLEAN)"
    )
    platform.client.sql(INSERT)
    platform.client.sql("CREATE VIEW pg_view AS SELECT a, b FROM pg_rows")
    token = json.loads((platform.folder / "run" / "local.json").read_text())["token"]
    where = urlsplit(platform.postgres)
    assert where.hostname is not None
    assert where.port is not None
    return Place(where.hostname, where.port, "operator", token, "gureum")


@pytest.fixture(scope="module")
def theirs() -> Iterator[Place]:
    with postgres_server() as server:
        place = Place("127.0.0.1", server.port, "gureum", "secret-word", "postgres")
        with psycopg.connect(place.dsn, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE pg_rows (a BIGINT NOT NULL, b TEXT, c TIMESTAMP, d DATE, e DECIMAL(10,2), f DOUBLE PRECISION, g BOOLEAN)"
            )
            connection.execute(INSERT)
            connection.execute("CREATE VIEW pg_view AS SELECT a, b FROM pg_rows")
        yield place


@pytest.fixture
def both(ours: Place, theirs: Place) -> Callable[[Callable[[Place], Any]], Any]:
    """Ask the real one, then ours; the same must come back."""

    def ask(question: Callable[[Place], Any]) -> Any:
        expected = question(theirs)
        assert question(ours) == expected
        return expected

    return ask


QUERIES = (
    ("SELECT * FROM pg_rows ORDER BY a", ()),
    ("SELECT a, b FROM pg_rows WHERE a = %s", (1,)),
    ("SELECT a FROM pg_rows WHERE b = %s", ("plain",)),
    ("SELECT a FROM pg_rows WHERE b ~ '^pl'", ()),
    ("SELECT a FROM pg_rows WHERE b !~* 'PL' ORDER BY a", ()),
    ("SELECT a FROM pg_rows WHERE c < %s AND e BETWEEN %s AND %s", (dt.datetime(2025, 1, 1), decimal.Decimal(0), 2)),
    ("SELECT a FROM pg_rows WHERE a = ANY(%s) ORDER BY a", ([1, 3],)),
    ("SELECT to_char(d, 'YYYY-MM') FROM pg_rows ORDER BY a", ()),
    ("SELECT a::text, d::text, g::int FROM pg_rows ORDER BY a LIMIT %s", (2,)),
    ("SELECT sum(a), count(*), max(e) FROM pg_rows", ()),
    ("SELECT ARRAY[1, 2, NULL]::bigint[], ARRAY['a', 'b c']", ()),
    ("SELECT a FROM pg_rows ORDER BY a OFFSET 1 LIMIT ALL", ()),
)


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg_gets_the_same_values(both, binary: bool):
    def question(place: Place) -> list[Any]:
        with psycopg.connect(place.dsn, autocommit=True) as connection:
            return [connection.cursor(binary=binary).execute(sql, given or None).fetchall() for sql, given in QUERIES]

    answers = both(question)
    assert answers[0][1][1] == '한글 \\ " , \t'


def test_cursors_portals_copy_and_pipelines(both):
    def question(place: Place) -> list[Any]:
        with psycopg.connect(place.dsn) as connection:
            named = connection.cursor(name="some")
            named.execute("SELECT a FROM pg_rows ORDER BY a")
            parts = [named.fetchmany(2), named.fetchall()]
            named.close()
            held = connection.cursor(name="held", withhold=True)
            held.execute("SELECT a FROM pg_rows ORDER BY a")
            connection.commit()
            parts.append(held.fetchmany(1))
            held.close()
            for options in ("", " WITH (FORMAT csv, HEADER)", " WITH CSV NULL 'nil'"):
                with connection.cursor().copy(
                    f"COPY (SELECT a, b, c, g FROM pg_rows ORDER BY a) TO STDOUT{options}"
                ) as copy:
                    parts.append([b"".join(copy).decode()])
            with connection.pipeline():
                cursors = [connection.execute("SELECT %s::int + 1", (one,)) for one in range(5)]
                parts.append([cursor.fetchone() for cursor in cursors])
            parts.append(list(connection.cursor().stream("SELECT a FROM pg_rows ORDER BY a")))
        return parts

    both(question)


def test_errors_have_their_states_and_the_session_goes_on(both):
    def question(place: Place) -> list[Any]:
        states: list[Any] = []
        with psycopg.connect(place.dsn, autocommit=True) as connection:
            for sql in (
                "SELECT nope FROM pg_rows",
                "SELECT * FROM not_there",
                "SELEC 1",
                "FETCH 1 FROM nobody",
                "SHOW nothing.at_all",
            ):
                with pytest.raises(psycopg.Error) as raised:
                    connection.execute(sql)
                states.append(raised.value.sqlstate)
            states.append(connection.execute("SELECT 1").fetchall())
            connection.execute("BEGIN")
            with pytest.raises(psycopg.Error):
                connection.execute("SELECT nope FROM pg_rows")
            with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                connection.execute("SELECT 1")
            states.append(connection.info.transaction_status.name)
            connection.execute("ROLLBACK")
            states.append(connection.info.transaction_status.name)
            connection.execute("SET statement_timeout = '300ms'")
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute(
                    "SELECT count(*) FROM generate_series(1, 100000) AS x(n), generate_series(1, 100000) AS y(n) WHERE x.n + y.n < 0"
                )
            states.append(connection.execute("SHOW statement_timeout").fetchall())
        return states

    both(question)


def test_a_running_statement_is_cancelled_and_only_by_who_knows_its_secret(ours: Place):
    with psycopg.connect(ours.dsn, autocommit=True) as connection:
        threading.Timer(0.5, connection.cancel_safe).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range + b.range < 0")
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_wrong_password_is_refused_and_a_deleted_token_is_worth_nothing(ours: Place, platform: RunningPlatform):
    with pytest.raises(psycopg.OperationalError, match="the password for 'operator' is wrong"):
        psycopg.connect(ours.dsn.replace(ours.password, "gureum_wrong"))
    with pytest.raises(psycopg.OperationalError, match="is wrong"):
        psycopg.connect(ours.dsn.replace("user=operator", "user=nobody_at_all"))
    token = platform.token("pg_reader", role="viewer")
    dsn = ours.dsn.replace(ours.password, token).replace("user=operator", "user=pg_reader")
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert (
            connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' AND table_name LIKE 'pg_r%'"
            ).fetchall()
            == []
        )
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM pg_rows")
    with pytest.raises(psycopg.OperationalError, match='database "elsewhere" does not exist'):
        psycopg.connect(ours.dsn.replace("dbname=gureum", "dbname=elsewhere"))


def test_what_was_written_stays_and_a_client_that_rolls_back_is_told(ours: Place, platform: RunningPlatform):
    platform.client.sql("CREATE TABLE pg_written (n BIGINT, word STRING)")
    told: list[str] = []
    with psycopg.connect(ours.dsn) as connection:
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        assert (
            connection.execute("INSERT INTO pg_written VALUES (%s,%s),(%s,%s)", (1, "it's", 2, None)).statusmessage
            == "INSERT 0 2"
        )
        connection.rollback()
        assert (
            connection.execute("UPDATE pg_written SET word = %s WHERE n = %s", ("new", 2)).statusmessage == "UPDATE 1"
        )
        connection.commit()
        assert connection.execute("SELECT * FROM pg_written ORDER BY n").fetchall() == [(1, "it's"), (2, "new")]
    assert told == ["what was written stays: here each statement commits by itself"]


PSQL = ("\\d pg_rows", "\\dt pg_r*", "\\dv pg_v*", "\\d+ pg_view", "\\dn", "\\l", "\\du", "\\df", "\\dT", "\\di pg_r*", "\\dp pg_r*", "\\sv pg_view",
        "\\conninfo", "\\dx", "\\db", "\\dO", "\\des", "\\dRp")  # fmt: skip


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_psqls_commands_all_answer(ours: Place):
    environment = {**os.environ, "PGPASSWORD": ours.password}
    commands = [part for one in PSQL for part in ("-c", one)]
    place = ["-h", ours.host, "-p", str(ours.port), "-U", ours.user, "-d", ours.database]
    done = subprocess.run(
        ["psql", *place, *commands], capture_output=True, text=True, timeout=90, env=environment, check=False
    )
    assert "ERROR" not in done.stderr, done.stderr
    assert " a      | bigint                      |           | not null |" in done.stdout
    assert " e      | numeric(10,2)" in done.stdout
    assert " main   | pg_view | view | operator" in done.stdout
    assert "SELECT a, b FROM pg_rows" in done.stdout


def test_sqlalchemy_reflects_what_is_there(ours: Place, theirs: Place):
    def columns(place: Place) -> list[tuple[str, str, bool]]:
        engine = sa.create_engine(
            f"postgresql+psycopg://{place.user}:{place.password}@{place.host}:{place.port}/{place.database}"
        )
        inspector = sa.inspect(engine)
        assert "pg_rows" in inspector.get_table_names()
        assert "pg_view" in inspector.get_view_names()
        table = sa.Table("pg_rows", sa.MetaData(), autoload_with=engine)
        with engine.connect() as connection:
            rows = connection.execute(sa.select(table.c.a, table.c.b).where(table.c.a > 1).order_by(table.c.a)).all()
        assert [row.a for row in rows] == [2, 3]
        engine.dispose()
        return [(column.name, str(column.type), bool(column.nullable)) for column in table.columns]

    assert columns(ours) == columns(theirs)


def test_asyncpg_binds_and_reads_in_binary(both):
    asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed")

    async def talk(place: Place) -> list[Any]:
        connection = await asyncpg.connect(
            host=place.host, port=place.port, user=place.user, password=place.password, database=place.database
        )
        try:
            found = [
                [tuple(row) for row in await connection.fetch("SELECT * FROM pg_rows WHERE a <= $1 ORDER BY a", 2)]
            ]
            found.append(await connection.fetchval("SELECT count(*) FROM pg_rows WHERE b = ANY($1)", ["plain", "x"]))
            found.append(
                await connection.fetchval(
                    "SELECT a FROM pg_rows WHERE d = $1 AND e > $2", dt.date(2024, 2, 3), decimal.Decimal(1)
                )
            )
            async with connection.transaction():
                found.append(
                    [row["a"] async for row in connection.cursor("SELECT a FROM pg_rows ORDER BY a", prefetch=2)]
                )
            return found
        finally:
            await connection.close()

    both(lambda place: asyncio.run(asyncio.wait_for(talk(place), 60)))


def test_the_door_is_back_with_its_process(ours: Place, platform: RunningPlatform):
    platform.wait_for_restart("sql", platform.kill("sql"))

    def answers() -> bool:
        try:
            with psycopg.connect(ours.dsn, connect_timeout=5) as connection:
                return connection.execute("SELECT count(*) FROM pg_rows").fetchall() == [(3,)]
        except psycopg.OperationalError:
            return False

    wait_until(answers, what="the door", timeout_s=30)
