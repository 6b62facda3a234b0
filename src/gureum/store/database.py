"""The metadata database: SQLite in WAL mode in the data folder, or PostgreSQL by URL; numbered migrations.

Called by `catalog` and whoever keeps small facts. Promise: a committed transaction is on disk (synchronous=FULL), one
database works for several processes at once, and a database of a newer gureum is refused rather than damaged.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from gureum.errors import Conflict, InvalidInput, Unavailable

__all__ = ["Database", "Migration", "open_database"]

# A writer holds SQLite's lock for well under a millisecond; five seconds of waiting means that something is stuck.
BUSY_TIMEOUT_MS = 5_000

WAL_PAUSE_S = 0.005

# One number keeps two processes that start at once from migrating at once (PostgreSQL advisory lock): "gure" in ASCII.
MIGRATION_LOCK = 0x67757265


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema. Never change one that was released: add the next."""

    number: int
    name: str
    apply: Callable[[Connection], None]


class Database:
    """Connections to the metadata database. Share one per process; it is safe between threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state."""
        with self._friendly(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed durably when the block ends well, rolled back when it raises."""
        with self._friendly(), self.engine.begin() as connection:
            if self.is_sqlite:
                # Take the write lock now: a read that later upgrades would fail with "database is locked" at once.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def change_counter(self) -> int | None:
        """A number that changes when another connection commits; costs microseconds on SQLite, None elsewhere."""
        if not self.is_sqlite:
            return None
        with self.engine.connect() as connection:
            return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _friendly(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            reason = str(error.orig)
            hint = "free some space" if "full" in reason else "it is tried again when you repeat the call"
            raise Unavailable(
                f"the metadata database did not answer: {reason}", code="metadata.unavailable", hint=hint
            ) from error


def open_database(url: str, *, folder: Path, migrations: tuple[Migration, ...], metadata: MetaData) -> Database:
    """Open (and bring up to date) the database at `url`, or `<folder>/metadata.db` when it is empty.

    Raises InvalidInput for a URL it cannot use, Unavailable if the server is away, Conflict if a newer gureum made it.
    """
    del metadata  # the migrations create the tables; the argument documents what they must add up to
    engine = _engine(url, folder)
    database = Database(engine)
    try:
        with database._friendly(), engine.connect() as connection:
            _migrate(connection, migrations, is_sqlite=database.is_sqlite)
    except BaseException as error:
        engine.dispose()  # whoever tries again for long would gather connections
        if isinstance(error, DBAPIError):
            raise Unavailable(
                f"the metadata database is not usable: {error.orig}", code="metadata.unavailable"
            ) from error
        raise
    return database


def _engine(url: str, folder: Path) -> Engine:
    if not url:
        engine = create_engine(f"sqlite:///{folder / 'metadata.db'}", connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidInput(
            "metadata_url is not a database URL", code="settings.value", hint="postgresql://user@host/db"
        ) from error
    if parsed.get_backend_name() != "postgresql":
        raise InvalidInput(
            f"metadata_url has the scheme {parsed.drivername!r}; the catalog lives in SQLite (leave it empty) or PostgreSQL",
            code="settings.value",
            hint="postgresql://user:password@host/database",
        )
    try:
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=5)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise InvalidInput(
            "PostgreSQL needs the psycopg driver", code="settings.missing", hint="pip install 'gureum[postgres]'"
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # SQLAlchemy's driver would begin a transaction by itself, at the first write only; we say BEGIN IMMEDIATE instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "synchronous=FULL",  # with NORMAL the last commits of a WAL are lost at a power cut
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    _use_wal(cursor)
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    # Of processes that open a new file at once, one turns WAL on; the others are told "locked" without the wait that
    # busy_timeout gives every other statement (SQLite sees a deadlock in it), so the wait is here.
    deadline_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(WAL_PAUSE_S)
        else:
            return


def _migrate(connection: Connection, migrations: tuple[Migration, ...], *, is_sqlite: bool) -> None:
    if is_sqlite:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, name VARCHAR(200) NOT NULL)"
    )
    done = {int(row[0]) for row in connection.exec_driver_sql("SELECT number FROM schema_migrations")}
    newest = max((migration.number for migration in migrations), default=0)
    if done and max(done) > newest:
        connection.rollback()
        raise Conflict(
            f"the data folder's schema has number {max(done)}, this gureum knows up to {newest}",
            code="folder.newer",
            hint="a newer gureum made it: install that version, or use another folder",
        )
    for migration in migrations:
        if migration.number not in done:
            migration.apply(connection)
            connection.execute(
                text("INSERT INTO schema_migrations (number, name) VALUES (:number, :name)"),
                {"number": migration.number, "name": migration.name},
            )
    connection.commit()
