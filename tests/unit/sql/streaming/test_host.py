"""Queries as threads: one that fails leaves the others alone, one that may recover does, rows can be watched live."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gureum.clock import SystemClock
from gureum.errors import NotFound, Unavailable
from gureum.sql.streaming.host import QueryHost, Surroundings, Wanted
from gureum.sql.streaming.query import QueryOptions, QuerySpec
from gureum.sql.streaming.sinks import FolderTables
from gureum.sql.streaming.sources import MemorySource, Source
from gureum.sql.streaming.status import QueryState

TEXT = "CREATE TABLE s (n INT) WITH ('stream'='s'); INSERT INTO {} SELECT n FROM s WHERE {}"


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait on a condition of another thread."""
    gate = threading.Event()
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        gate.wait(0.01)


class Desk:
    def __init__(self, folder: Path) -> None:
        self.source = MemorySource()
        self.wanted: dict[str, Wanted] = {}
        self.broken: list[Exception] = []
        self.tables = FolderTables(folder / "tables")
        self.host = QueryHost(
            wanted=lambda: list(self.wanted.values()),
            surroundings=self.surroundings,
            folder=folder / "queries",
            clock=SystemClock(),
        )

    def surroundings(self, spec: QuerySpec) -> Surroundings:
        def source(_: str) -> Source:
            if spec.id == "flaky" and self.broken:
                raise self.broken.pop()
            return self.source

        return Surroundings(lambda _: None, source, self.tables, None, lambda _: None)

    def want(self, id_: str, text: str) -> None:
        self.wanted[id_] = Wanted(QuerySpec(id_, id_, text, options=QueryOptions(checkpoint_s=0.05)), running=True)


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.host.close()


def test_a_query_that_cannot_be_planned_fails_alone(desk: Desk) -> None:
    desk.want("bad", TEXT.format("t1", "m > 1"))
    desk.want("good", TEXT.format("t2", "n > 1"))
    desk.host.sync()
    for n in range(4):
        desk.source.put(b'{"n": %d}' % n)
    until(lambda: desk.host.status("good").rows_out == 2)
    until(lambda: desk.host.status("bad").state is QueryState.FAILED)
    assert "there is no column 'm'" in (desk.host.status("bad").error or "")
    assert desk.host.status("good").state is QueryState.RUNNING


def test_an_error_that_may_pass_is_tried_again(desk: Desk) -> None:
    desk.broken = [Unavailable("the disk is away"), Unavailable("the disk is away")]
    desk.want("flaky", TEXT.format("t", "n >= 0"))
    desk.host.sync()
    desk.source.put(b'{"n": 1}')
    until(lambda: desk.host.status("flaky").rows_out == 1)
    assert desk.host.status("flaky").restarts == 2


def test_committed_rows_can_be_watched(desk: Desk) -> None:
    desk.want("q", TEXT.format("t", "n > 0"))
    desk.host.sync()
    tail = desk.host.tail("q")
    desk.source.put(b'{"n": 5}')
    version, rows = tail.wait(0, 10)
    assert rows == [{"n": 5}]
    desk.source.put(b'{"n": 6}')
    assert tail.wait(version, 10)[1] == [{"n": 6}]
    with pytest.raises(NotFound):
        desk.host.tail("r")


def test_stop_and_start_go_on_where_it_was(desk: Desk) -> None:
    desk.want("q", TEXT.format("t", "n >= 0"))
    desk.host.sync()
    desk.source.put(b'{"n": 1}')
    until(lambda: desk.host.status("q").rows_out == 1)
    desk.wanted["q"] = replace(desk.wanted["q"], running=False)
    desk.host.sync()
    until(lambda: desk.host.status("q").state is QueryState.STOPPED)
    desk.source.put(b'{"n": 2}')
    desk.wanted["q"] = replace(desk.wanted["q"], running=True)

    def looked() -> bool:
        desk.host.sync()  # as the process does all the time: the old thread may still be closing its files at the first look
        return desk.host.status("q").rows_out == 2

    until(looked)
    del desk.wanted["q"]
    desk.host.sync()
    table = desk.tables.open("t")
    assert table is not None
    assert table.size()[2] == 2
