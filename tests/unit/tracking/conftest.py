"""MLflow's tables, made once; PostgreSQL where it is installed."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.store_kit import postgres_server

from gureum.tracking.database import FILE_NAME, prepare, tracking_url


@pytest.fixture(scope="session")
def empty_tracking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking database as MLflow makes it, to copy."""
    from gureum.tracking.store import make_tables

    path = tmp_path_factory.mktemp("tracking") / FILE_NAME
    prepare(f"sqlite:///{path}", make_tables)
    return path


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[Callable[[], str]]:
    """Gives the address of a new database with MLflow's tables: a copy, for sixty migrations take seconds."""
    import psycopg

    from gureum.tracking.store import make_tables

    with postgres_server() as server:
        made = server.new()
        prepare(tracking_url(made, Path()), make_tables)

        def new() -> str:
            name = f"copy_{secrets.token_hex(6)}"
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {made.rpartition('/')[2]} STRATEGY FILE_COPY")
            return server.url(name)

        yield new
