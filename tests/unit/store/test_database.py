"""The metadata database: migrations run once, a newer one is refused, and a URL that cannot work says why."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from tests.store_kit import free_port

from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.errors import Conflict, GureumError, InvalidInput, Unavailable
from gureum.store.database import Database, Migration, open_database
from gureum.testing.platform import clean_environment

pytestmark = pytest.mark.xdist_group("store")

# Opens the databases that it is told of, one a line, and says what came of it.
OPENER = """
import sys
from pathlib import Path
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.store.database import open_database
print("ready", flush=True)
for line in sys.stdin:
    url, folder = line.rstrip("\\n").split("\\t")
    try:
        open_database(url, folder=Path(folder), migrations=MIGRATIONS, metadata=metadata).close()
        print("ok", flush=True)
    except Exception as error:
        print(repr(error), flush=True)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres").new()


def opened(url: str, folder: Path, migrations: tuple[Migration, ...] = MIGRATIONS) -> Database:
    return open_database(url, folder=folder, migrations=migrations, metadata=metadata)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_processes_that_start_at_once_one_migrates_and_all_work(kind: str, tmp_path: Path, request):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=clean_environment(),
        )
        for _ in range(3)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for number in range(12 if kind == "sqlite" else 3):
            folder = tmp_path / str(number)
            folder.mkdir()
            url = "" if kind == "sqlite" else request.getfixturevalue("postgres").new()
            for process in processes:
                process.stdin.write(f"{url}\t{folder}\n")
            for process in processes:
                process.stdin.flush()
            assert [process.stdout.readline() for process in processes] == ["ok\n"] * 3
            database = opened(url, folder)
            with database.read() as connection:
                rows = connection.execute(text("SELECT number, name FROM schema_migrations")).all()
            database.close()
            assert [tuple(row) for row in rows] == [(m.number, m.name) for m in MIGRATIONS]
    finally:
        for process in processes:
            process.stdin.close()
            process.wait()
            process.stdout.close()


def test_a_later_migration_runs_once_on_what_is_there(url: str, tmp_path: Path):
    runs = []

    def add(connection: Connection) -> None:
        runs.append(1)
        connection.execute(text("CREATE TABLE later (n INTEGER)"))
        connection.execute(text("INSERT INTO later VALUES (7)"))

    newer = (*MIGRATIONS, Migration(max(m.number for m in MIGRATIONS) + 1, "later", add))
    opened(url, tmp_path).close()
    for _ in range(2):
        database = opened(url, tmp_path, newer)
        with database.read() as connection:
            assert connection.execute(text("SELECT n FROM later")).all() == [(7,)]
        database.close()
    assert runs == [1]
    with pytest.raises(Conflict, match="a newer gureum made it") as caught:
        opened(url, tmp_path)
    assert caught.value.code == "folder.newer"


def test_a_migration_that_fails_leaves_nothing_of_itself(url: str, tmp_path: Path):
    def broken(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (n INTEGER)"))
        raise RuntimeError("power cut")

    opened(url, tmp_path).close()
    number = max(m.number for m in MIGRATIONS) + 1
    with pytest.raises(RuntimeError):
        opened(url, tmp_path, (*MIGRATIONS, Migration(number, "broken", broken)))
    whole = Migration(number, "mended", lambda c: c.execute(text("CREATE TABLE half (n INTEGER, m INTEGER)")) and None)
    database = opened(url, tmp_path, (*MIGRATIONS, whole))
    with database.read() as connection:
        assert connection.execute(text("SELECT m FROM half")).all() == []
    database.close()


def test_a_transaction_that_raises_leaves_nothing(url: str, tmp_path: Path):
    database = opened(url, tmp_path)
    insert = text("INSERT INTO members (group_name, user_name) VALUES ('g', 'nobody')")
    with pytest.raises(Exception, match=r"(?i)foreign key"), database.write() as connection:
        connection.execute(insert)
    with contextlib.suppress(KeyError), database.write() as connection:
        connection.execute(text("INSERT INTO schema_migrations VALUES (500, 'x')"))
        raise KeyError
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM schema_migrations")).scalar_one() == len(MIGRATIONS)
    database.close()


def test_the_migrations_add_up_to_the_tables_that_the_code_uses(url: str, tmp_path: Path):
    database = opened(url, tmp_path)
    with database.read() as connection:
        for table in metadata.sorted_tables:
            assert connection.execute(table.select()).all() == []
    database.close()


def test_sqlite_syncs_each_commit_and_lets_readers_read_while_one_writes(tmp_path: Path):
    database = opened("", tmp_path)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2, "FULL: NORMAL loses commits"
    with database.write() as writing:
        writing.execute(text("INSERT INTO schema_migrations VALUES (500, 'x')"))
        with database.read() as reading:
            assert reading.execute(text("SELECT count(*) FROM schema_migrations")).scalar_one() == len(MIGRATIONS)
    database.close()


@pytest.mark.parametrize(
    ("url", "error", "named"),
    [
        ("mysql://root:secret-word@host/db", InvalidInput, "scheme 'mysql'"),
        ("not a url secret-word", InvalidInput, "not a database URL"),
        ("sqlite:///secret-word.db", InvalidInput, "scheme 'sqlite'"),
        ("postgresql://gureum:secret-word@127.0.0.1:{free}/db", Unavailable, "did not answer"),
    ],
)
def test_a_url_that_cannot_work_says_why_and_keeps_the_password(
    url: str, error: type[GureumError], named: str, tmp_path
):
    with pytest.raises(error) as caught:
        opened(url.format(free=free_port()), tmp_path)
    assert named in str(caught.value)
    assert "secret-word" not in str(caught.value.to_json())


def test_a_postgresql_without_the_database_is_told_of(postgres, tmp_path: Path):
    with pytest.raises(Unavailable, match="does not exist") as caught:
        opened(postgres.url("nowhere"), tmp_path)
    assert "secret-word" not in str(caught.value.to_json())
