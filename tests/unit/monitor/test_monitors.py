"""Monitors by name: which window is due when, whose baseline is used, and what is told once."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gureum.catalog.catalog import SYSTEM, Catalog
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.errors import Conflict, InvalidInput, NotFound, PermissionDenied
from gureum.jobs.tasks import Tasks
from gureum.monitor.monitors import BASELINE_FILES, Monitors, MonitorSpec, stream_name, table_name
from gureum.store.database import open_database
from gureum.testing.clock import ManualClock
from gureum.types import Actor, Role

ANNA = Actor("anna", Role.EDITOR)
BEN = Actor("ben", Role.EDITOR)
SPEC = MonitorSpec("served", "at", every_s=60)

Told = list[tuple[str, dict[str, Any], tuple[str, int]]]


class World:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.database = open_database("", folder=folder, migrations=MIGRATIONS, metadata=metadata)
        self.catalog = Catalog(self.database, clock=self.clock)
        self.tasks = Tasks(self.database, clock=self.clock)
        self.monitors = Monitors(self.catalog, self.tasks, folder=folder / "monitors", clock=self.clock)

    def step(self) -> int:
        return self.monitors.step(lambda name: Actor(name, Role.EDITOR), SYSTEM)

    def end_window(self, *, until: str, checked: bool = True, alarm: bool = False, state: str = "done") -> None:
        task = self.tasks.claim()
        assert task is not None
        findings = [{"alarm": True, "text": {"en": "air moved", "ko": "air 이동"}}] if alarm else []
        report = {"alarm": alarm, "culprit": "air" if alarm else None, "rows": 9, "findings": findings}
        result = {
            "checked": checked,
            "since": task.spec["since"],
            "until": until,
            "report": report if checked else None,
        }
        self.tasks.finish(task, state, result=result if state == "done" else None)

    def tell(self) -> Told:
        told: Told = []
        self.monitors.tell(lambda stream, _keys, data, number: told.append((stream, json.loads(data[0]), number)))
        return told


def packed(**files: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name in BASELINE_FILES:
            archive.writestr(name, '{"rows": 77, "features": []}')
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return body.getvalue()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()
    made.database.close()


def test_a_monitor_looks_when_it_has_a_baseline_and_then_as_often_as_it_shall(world: World):
    world.monitors.create("m", ANNA, SPEC)
    assert world.step() == 0, "there is nothing to compare with"
    world.monitors.set_baseline("m", ANNA, packed())
    assert (world.step(), world.step()) == (1, 0), "one window at a time"
    world.end_window(until="2026-01-01 00:01:00")
    assert world.step() == 0
    world.clock.advance(60)
    assert world.step() == 1
    task = world.tasks.list(kind="monitor")[0]
    assert (task.owner, task.spec["window"], task.spec["since"]) == ("anna", 2, "2026-01-01 00:01:00")


def test_a_window_with_too_few_rows_or_that_failed_is_looked_at_again(world: World):
    world.monitors.create("m", ANNA, SPEC)
    world.monitors.set_baseline("m", ANNA, packed())
    for ended in ({"checked": False}, {"state": "failed"}, {}):
        assert world.step() == 1
        task = world.tasks.list(kind="monitor", state="waiting")[0]
        assert (task.spec["window"], task.spec["since"]) == (1, "")
        world.end_window(until="2026-01-01 00:01:00", **ended)
        world.clock.advance(60)
    assert world.step() == 1
    assert world.tasks.list(kind="monitor", state="waiting")[0].spec["window"] == 2


def test_a_stopped_monitor_goes_on_after_its_last_window(world: World):
    world.monitors.create("m", ANNA, SPEC)
    world.monitors.set_baseline("m", ANNA, packed())
    world.step()
    world.end_window(until="2026-01-01 00:01:00")
    world.monitors.change("m", ANNA, running=False)
    world.clock.advance(600)
    assert world.step() == 0
    world.monitors.change("m", ANNA, running=True)
    assert world.step() == 1
    assert world.tasks.list(kind="monitor", state="waiting")[0].spec["since"] == "2026-01-01 00:01:00"


def test_what_a_window_found_is_told_once_with_its_number(world: World):
    world.monitors.create("m", ANNA, SPEC)
    world.monitors.set_baseline("m", ANNA, packed())
    world.step()
    world.end_window(until="2026-01-01 00:01:00", alarm=True)
    thing = world.monitors.get("m", ANNA)
    ((stream, record, number),) = world.tell()
    assert (stream, number) == ("monitors.m", (thing.id, 1))
    assert {key: record[key] for key in ("monitor", "window", "alarm", "culprit", "text", "text_ko")} == {
        "monitor": "m", "window": 1, "alarm": True, "culprit": "air", "text": "air moved", "text_ko": "air 이동",
    }  # fmt: skip
    assert world.tell() == []


def test_a_writer_that_is_away_is_told_later(world: World):
    world.monitors.create("m", ANNA, SPEC)
    world.monitors.set_baseline("m", ANNA, packed())
    world.step()
    world.end_window(until="2026-01-01 00:01:00")

    def away(*_: Any) -> None:
        raise Conflict("the writer restarts")

    with pytest.raises(Conflict):
        world.monitors.tell(away)
    assert len(world.tell()) == 1


def test_a_baseline_is_taken_whole_or_not_at_all(world: World):
    world.monitors.create("m", ANNA, SPEC)
    for wrong in (b"", b"PK nonsense", packed(stranger="x"), packed(__etc__passwd="x")):
        with pytest.raises(InvalidInput):
            world.monitors.set_baseline("m", ANNA, wrong)
    with pytest.raises(NotFound, match="no baseline yet"):
        world.monitors.baseline("m", ANNA)
    assert world.monitors.set_baseline("m", ANNA, packed()).spec["baseline_rows"] == 77
    first = world.monitors.baseline("m", ANNA)
    changed = {"features": [{"name": "air"}]}
    world.monitors.set_constraints("m", ANNA, changed)
    assert world.monitors.constraints("m", ANNA) == changed
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert set(archive.namelist()) == BASELINE_FILES
    with pytest.raises(InvalidInput):
        world.monitors.set_constraints("m", ANNA, {"features": "all"})


def test_only_who_may_write_changes_a_monitor(world: World):
    world.monitors.create("m", ANNA, SPEC)
    with pytest.raises(NotFound):
        world.monitors.set_baseline("m", BEN, packed())
    with pytest.raises(PermissionDenied):
        world.monitors.create("n", Actor("eve", Role.VIEWER), SPEC)
    world.monitors.delete("m", ANNA)
    with pytest.raises(NotFound):
        world.monitors.get("m", ANNA)


@pytest.mark.parametrize(
    "values",
    [{"every_s": 1}, {"every_s": float("nan")}, {"rows_min": 5}, {"rows_min": 500, "rows_max": 100}, {"source": " "}],
)
def test_values_that_cannot_be_are_refused(world: World, values: dict[str, Any]):
    world.monitors.create("m", ANNA, SPEC)
    with pytest.raises(InvalidInput):
        world.monitors.change("m", ANNA, **values)


def test_the_stream_and_the_table_of_a_monitor_bear_its_name():
    assert (stream_name("churn-v2"), table_name("churn-v2")) == ("monitors.churn-v2", "monitors.churn_v2")
    assert table_name("2nd") == "monitors._2nd"
