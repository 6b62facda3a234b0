"""Streams by name: made, listed and deleted in any process; the writer finds out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gureum.catalog.catalog import Catalog
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.errors import Conflict, InvalidInput, LimitExceeded, NotFound, PermissionDenied
from gureum.names import Kind
from gureum.store.database import open_database
from gureum.streams.reader import ShardReader
from gureum.streams.readers import Readers
from gureum.streams.streams import SHARDS_MAX, Streams, keep_house
from gureum.streams.writer import LogWriter, Records
from gureum.testing.clock import ManualClock
from gureum.types import Actor, Permission, Role

ADMIN = Actor("root", Role.ADMIN)
EDITOR = Actor("ed", Role.EDITOR)
VIEWER = Actor("vi", Role.VIEWER)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def catalog(tmp_path: Path, clock: ManualClock) -> Iterator[Catalog]:
    database = open_database("", folder=tmp_path, migrations=MIGRATIONS, metadata=metadata)
    catalog = Catalog(database, clock=clock)
    yield catalog
    catalog.close()
    database.close()


@pytest.fixture
def streams(catalog: Catalog, clock: ManualClock) -> Streams:
    return Streams(catalog, clock=clock)


def test_a_stream_is_made_with_even_shards_and_found_by_its_name(streams: Streams, clock: ManualClock) -> None:
    made = streams.create("clicks", EDITOR, shards=3, tags={"team": "web"})
    assert streams.get("clicks", EDITOR) == made
    assert [shard.id for shard in made.shards] == [f"shardId-{n:012d}" for n in range(3)]
    assert (made.mode, made.retention_h, made.record_bytes_max, made.created_ms) == (
        "PROVISIONED", 24, 1 << 20, clock.now_ms(),
    )  # fmt: skip
    assert made.tags == {"team": "web"}
    assert len(streams.create("any", EDITOR, mode="ON_DEMAND").shards) == 4


def test_what_cannot_be_made_is_refused(streams: Streams) -> None:
    streams.create("clicks", EDITOR)
    with pytest.raises(Conflict):
        streams.create("clicks", EDITOR)
    with pytest.raises(InvalidInput):
        streams.create("no spaces", EDITOR)
    with pytest.raises(LimitExceeded):
        streams.create("wide", EDITOR, shards=SHARDS_MAX + 1)
    with pytest.raises(InvalidInput):
        streams.create("none", EDITOR, shards=0)
    with pytest.raises(InvalidInput):
        streams.create("short", EDITOR, retention_h=1)
    with pytest.raises(PermissionDenied):
        streams.create("seen", VIEWER)


def test_grants_hold_at_this_door(streams: Streams, catalog: Catalog) -> None:
    streams.create("clicks", EDITOR)
    with pytest.raises(NotFound):
        streams.get("clicks", VIEWER)
    catalog.grant(EDITOR, kind=Kind.STREAM, name="clicks", grantee="vi", permission=Permission.WRITE)
    assert streams.get("clicks", VIEWER).name == "clicks"
    assert [stream.name for stream in streams.list(VIEWER)] == ["clicks"]
    with pytest.raises(PermissionDenied):
        streams.get("clicks", VIEWER, Permission.WRITE)
    with pytest.raises(NotFound, match="clicks"):
        streams.get("cliks", EDITOR)


def test_the_writer_removes_what_another_process_deleted(streams: Streams, tmp_path: Path, clock: ManualClock) -> None:
    root = tmp_path / "streams"
    writer, readers = LogWriter(root, clock=clock), Readers(root)
    old = streams.create("clicks", EDITOR)
    kept = streams.create("kept", EDITOR)
    for spec in (old, kept):
        writer.put_records_now(spec, Records([b"k"], [b"d"]))
    streams.delete("clicks", EDITOR)
    new = streams.create("clicks", EDITOR)
    assert new.id != old.id
    keep_house(streams, writer, readers)
    assert writer.stored_streams() == [kept.id]
    assert not ShardReader(root, new.id, new.shards[0].id).has_more(0), "a new stream of the name begins empty"
    writer.close()


def test_keeping_house_expires_by_each_stream_s_retention(streams: Streams, tmp_path: Path, clock: ManualClock) -> None:
    root = tmp_path / "streams"
    writer, readers = LogWriter(root, clock=clock), Readers(root)
    day = streams.create("day", EDITOR)
    week = streams.create("week", EDITOR, retention_h=168)
    for spec in (day, week):
        writer.put_records_now(spec, Records([b"k"], [b"d"]))
    clock.advance(3_600 * 30)
    assert keep_house(streams, writer, readers) == 1
    assert readers.get(day.id, day.shards[0].id).first() == 1
    assert readers.get(week.id, week.shards[0].id).first() == 0
    writer.close()
