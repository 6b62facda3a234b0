"""The catalog's and identity's own tests once more, with a real PostgreSQL underneath."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from gureum.catalog.catalog import CACHE_S, Catalog
from gureum.catalog.identity import Identity
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.catalog.seal import Seal
from gureum.errors import NotFound
from gureum.names import Kind
from gureum.store.database import Database, open_database
from gureum.testing.clock import ManualClock
from gureum.types import Permission

pytestmark = pytest.mark.xdist_group("store")

# These open the SQLite file themselves; test_database.py has the same for PostgreSQL, and one of them is below.
OF_SQLITE = {
    "test_another_process_sees_a_commit_at_once",
    "test_a_data_folder_of_a_newer_version_is_refused",
    "test_nothing_in_the_database_is_a_usable_secret",
}


def _module(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "catalog" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_again", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


for _name in ("test_catalog", "test_identity"):
    for _test, _function in vars(_module(_name)).items():
        if _test.startswith("test_") and _test not in OF_SQLITE:
            globals()[_test] = _function


@pytest.fixture
def database(postgres, tmp_path: Path):
    database = open_database(postgres.new(), folder=tmp_path, migrations=MIGRATIONS, metadata=metadata)
    yield database
    database.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def catalog(database: Database, clock: ManualClock) -> Catalog:
    return Catalog(database, clock=clock)


@pytest.fixture
def identity(database: Database, clock: ManualClock, tmp_path: Path) -> Identity:
    return Identity(database, seal=Seal.open(tmp_path / "secret.key"), clock=clock)


def test_another_process_sees_a_commit_after_a_second(postgres, tmp_path: Path, clock: ManualClock):
    url = postgres.new()
    one, other = (open_database(url, folder=tmp_path, migrations=MIGRATIONS, metadata=metadata) for _ in range(2))
    here, there = Catalog(one, clock=clock), Catalog(other, clock=clock)
    anna = globals()["test_owner_may_do_everything_and_others_do_not_learn_the_name"].__globals__["ANNA"]
    with pytest.raises(NotFound):
        there.resolve("clicks", anna, Permission.READ, kind=Kind.STREAM)
    here.create("clicks", anna, kind=Kind.STREAM, spec={})
    clock.advance(CACHE_S + 0.001)
    assert there.resolve("clicks", anna, Permission.READ, kind=Kind.STREAM).name == "clicks"
    one.close()
    other.close()
