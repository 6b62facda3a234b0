"""A queue over a real database, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.jobs.tasks import Tasks
from gureum.store.database import open_database
from gureum.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tasks(tmp_path: Path, clock: ManualClock) -> Iterator[Tasks]:
    database = open_database("", folder=tmp_path, migrations=MIGRATIONS, metadata=metadata)
    yield Tasks(database, clock=clock)
    database.close()
