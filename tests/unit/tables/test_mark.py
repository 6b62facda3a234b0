"""What others commit is seen, though most looks at a table do not read its log; a list says what is new, and what is lost."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from gureum.app import Platform
from gureum.settings import Settings
from gureum.tables.mark import LogMark
from gureum.tables.table import Table
from gureum.types import Actor, Role

ROWS = pa.table({"a": [1, 2, 3]})


def append(table: Table) -> None:
    table.append(ROWS)


def test_a_handle_sees_each_commit_of_another(tmp_path: Path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    ours = Table.create(str(tmp_path / "t"), ROWS.schema)
    theirs = Table.open(str(tmp_path / "t"))
    version = ours.refresh()
    for _ in range(60):
        for _ in range(chance.choice((0, 1, 1, 2))):
            append(theirs)
            version += 1
        assert ours.refresh() == version
        assert ours.size() == (version, ours.size()[1], 3 * version)


def test_a_mark_holds_until_a_commit_even_within_one_tick(tmp_path: Path):
    table = Table.create(str(tmp_path / "t"), ROWS.schema)
    changed_ns = LogMark.changed(table.location)
    assert changed_ns is not None
    mark = LogMark(changed_ns, 0)
    assert mark.holds(table.location)
    append(table)
    now_ns = LogMark.changed(table.location)
    assert now_ns is not None
    assert not LogMark(now_ns, 0).holds(table.location)
    assert LogMark(now_ns, 1).holds(table.location)


def test_object_storage_is_always_asked():
    assert LogMark.changed("s3://bucket/t") is None


@pytest.fixture
def platform(tmp_path: Path):
    running = Platform(Settings(folder=tmp_path), environment={})
    yield running
    running.close()


def test_a_list_tells_what_is_new_and_what_is_lost(platform: Platform):
    actor = Actor("operator", Role("admin"))
    for name in ("kept", "lost"):
        platform.sql.execute(f"CREATE TABLE {name} (a BIGINT)", actor)
    tables = platform.tables
    assert [(one.version, one.rows) for one in tables.list(actor)] == [(0, 0), (0, 0)]
    append(Table.open(tables.location(tables.resolve("main.kept", actor))))
    shutil.rmtree(tables.location(tables.resolve("main.lost", actor)))
    kept, lost = tables.list(actor)
    assert (kept.version, kept.rows, kept.files) == (1, 3, 1)
    assert lost.problem is not None
    assert lost.rows is None
    platform.sql.execute("DROP TABLE kept", actor)
    assert [one.thing.name for one in tables.list(actor)] == ["main.lost"]
