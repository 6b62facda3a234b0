"""Where MLflow's tables are: a SQLite file of their own in the data folder, or a schema of the metadata's PostgreSQL.

Called by `hosted.py`, which lets MLflow write there, and by `leaderboard.py`, which reads the tables by plain SQL.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url

from gureum.store.files import LocalFiles

__all__ = ["FILE_NAME", "POSTGRES_SCHEMA", "prepare", "tracking_url", "use_wal"]

FILE_NAME = "tracking.db"
POSTGRES_SCHEMA = "mlflow"

# A writer that has waited for so long on SQLite's lock meets something stuck.
BUSY_TIMEOUT_MS = 20_000


def tracking_url(metadata_url: str, folder: Path) -> str:
    """The address as MLflow takes it. MLflow's table names would meet ours in one schema, hence a schema of its own."""
    if not metadata_url:
        return f"sqlite:///{folder / FILE_NAME}"
    url = make_url(metadata_url).set(drivername="postgresql+psycopg")
    options = f"-csearch_path={POSTGRES_SCHEMA}"
    return url.update_query_dict({"options": options}).render_as_string(hide_password=False)


def prepare(url: str, make_tables: Callable[[str], object]) -> None:
    """Make MLflow's tables where there are none, by `make_tables(url)`, which runs its sixty migrations."""
    if url.startswith("sqlite"):
        _prepare_file(Path(make_url(url).database or ""), make_tables)
        return
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {POSTGRES_SCHEMA}"))
    finally:
        engine.dispose()


def _prepare_file(path: Path, make_tables: Callable[[str], object]) -> None:
    """A new file is made beside its place, without a sync for each migration (they would take ten seconds), then moved there."""
    if path.exists():
        return
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)

    def fast(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", fast)
    try:
        make_tables(f"sqlite:///{partial}")
    finally:
        event.remove(Engine, "connect", fast)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.rename(path)
    LocalFiles().sync_folder(path.parent)


def use_wal(engine: Engine) -> None:
    """SQLite as ours is: readers never wait for a writer, and a commit is on disk. Later connections of `engine` have it."""
    if engine.dialect.name != "sqlite":
        return

    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", on_connect)
    engine.dispose()  # those that are open were opened without it
