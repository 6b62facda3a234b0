"""SQL over a fresh data folder, with one user who owns what it makes and one who was granted nothing."""

from pathlib import Path

import pytest

from gureum.catalog.catalog import Catalog
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.sql.engine import EnginePool
from gureum.sql.sql import Sql
from gureum.store.database import open_database
from gureum.tables.tables import Tables
from gureum.testing.clock import ManualClock
from gureum.types import Actor, Role

ANNA = Actor("anna", Role.EDITOR)


class Desk:
    """What a test of SQL needs at hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = open_database("", folder=folder, migrations=MIGRATIONS, metadata=metadata)
        self.catalog = Catalog(self.database, clock=ManualClock())
        self.tables = Tables(self.catalog, root=str(folder / "tables"))
        self.pool = EnginePool(
            tables_root=str(folder / "tables"), spill_folder=folder / "spill", memory_mb=256, engines=2
        )
        self.sql = Sql(self.tables, self.pool, timeout_s=30)

    def run(self, sql: str, actor: Actor = ANNA, **options):
        return self.sql.execute(sql, actor, **options)

    def rows(self, sql: str, actor: Actor = ANNA, **options):
        return [tuple(row.values()) for row in self.run(sql, actor, **options).rows.to_pylist()]


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.pool.close()
    desk.catalog.close()
    desk.database.close()
