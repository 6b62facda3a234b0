"""Reading MLflow's database from another process: by plain SQL, also while MLflow sleeps or has never run.

Built by `app.py` for the gateway. Promise: it never writes, and there are no rows where there are no tables yet.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from gureum.errors import Unavailable
from gureum.tracking.database import BUSY_TIMEOUT_MS
from gureum.tracking.rows import EXPERIMENTS

__all__ = ["Reading"]

POOL_CONNECTIONS = 4


class Reading:
    """Connections that only read, opened when MLflow's tables are there."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def dialect(self) -> str:
        return self._url.get_backend_name()

    def rows(self, query: Select[Any]) -> Sequence[Any]:
        """All rows of a query; none where there are no tables. Raises Unavailable when the database does not answer."""
        try:
            engine = self._open()
            if engine is None:
                return []
            with engine.connect() as connection:
                return connection.execute(query).all()
        except OperationalError as error:
            raise Unavailable(
                f"the experiments' database did not answer: {error.orig}", code="tracking.unavailable",
                hint="try again in a moment",
            ) from error  # fmt: skip

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def _open(self) -> Engine | None:
        with self._lock:
            if self._engine is not None:
                return self._engine
            if self.dialect == "sqlite":
                # A new file is moved to its place when all of it is made: once it is there, so are the tables.
                if not Path(self._url.database or "").exists():
                    return None
                engine = create_engine(self._url)
                event.listen(engine, "connect", _only_read)
            else:
                engine = create_engine(self._url, pool_pre_ping=True, pool_size=POOL_CONNECTIONS)
                if not inspect(engine).has_table(EXPERIMENTS.name):
                    engine.dispose()
                    return None
            self._engine = engine
            return engine


def _only_read(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # LIKE tells capitals from small letters, as it does in MLflow and in PostgreSQL.
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "query_only=ON", "case_sensitive_like=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
