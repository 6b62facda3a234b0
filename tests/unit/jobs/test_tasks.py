"""The queue of tasks: who gets a task, who may still write about it, and what is done once."""

from __future__ import annotations

import pytest

from gureum.errors import Conflict, LimitExceeded, NotFound, PermissionDenied
from gureum.jobs import tasks as module
from gureum.jobs.tasks import LEASE_MS, Tasks
from gureum.testing.clock import ManualClock
from gureum.types import Actor, Role

ANNA = Actor("anna", Role.EDITOR)
BELA = Actor("bela", Role.EDITOR)


def test_tasks_are_claimed_in_the_order_in_which_they_are_due(tasks: Tasks, clock: ManualClock):
    later = tasks.submit("fit", "later", ANNA, {}, due_at_ms=clock.now_ms() + 5_000)
    first = tasks.submit("fit", "first", ANNA, {"n": 1})
    claimed = tasks.claim()
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.attempt, claimed.spec) == (first.id, "running", 1, {"n": 1})
    assert tasks.claim() is None, "the other is not due yet"
    clock.advance(5)
    assert (again := tasks.claim()) is not None
    assert again.id == later.id


def test_a_task_with_a_key_is_taken_once_however_it_ended(tasks: Tasks):
    tasks.submit("monitor", "m", ANNA, {}, once="m:1")
    with pytest.raises(Conflict, match="m:1"):
        tasks.submit("monitor", "m", ANNA, {}, once="m:1")
    claimed = tasks.claim()
    assert claimed is not None
    tasks.finish(claimed, "failed", error={"message": "no"})
    with pytest.raises(Conflict):
        tasks.submit("monitor", "m", ANNA, {}, once="m:1")
    tasks.submit("monitor", "m", ANNA, {}, once="m:2")


def test_whoever_was_away_longer_than_its_lease_writes_nothing_more(tasks: Tasks, clock: ManualClock):
    tasks.submit("fit", "f", ANNA, {})
    first = tasks.claim()
    assert first is not None
    assert tasks.renew(first, {"done": 1}) == "running"
    clock.advance(LEASE_MS / 1000 + 1)
    second = tasks.claim()
    assert second is not None
    assert (second.id, second.attempt, second.progress) == (first.id, 2, {"done": 1})
    assert tasks.renew(first) == "lost"
    assert not tasks.finish(first, "done", result={"of": "first"})
    assert tasks.finish(second, "done", result={"of": "second"})
    assert tasks.get(first.id).result == {"of": "second"}
    assert not tasks.finish(second, "failed")


def test_a_task_that_kills_each_executor_is_given_up(tasks: Tasks, clock: ManualClock):
    task = tasks.submit("fit", "f", ANNA, {})
    for attempt in range(1, module.ATTEMPTS_MAX + 1):
        claimed = tasks.claim()
        assert claimed is not None
        assert claimed.attempt == attempt
        clock.advance(LEASE_MS / 1000 + 1)
    assert tasks.claim() is None
    ended = tasks.get(task.id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert "died 5 times" in ended.error["message"]


def test_a_waiting_task_is_cancelled_at_once_and_a_running_one_by_its_executor(tasks: Tasks, clock: ManualClock):
    waiting = tasks.submit("fit", "a", ANNA, {}, due_at_ms=clock.now_ms() + 1)
    assert tasks.cancel(waiting.id).state == "cancelled"
    running = tasks.submit("fit", "b", ANNA, {})
    claimed = tasks.claim()
    assert claimed is not None
    assert tasks.cancel(running.id).state == "stopping"
    assert tasks.renew(claimed) == "stopping"
    clock.advance(LEASE_MS / 1000 + 1)  # and its executor died before it could say so
    assert tasks.claim() is None
    assert tasks.get(running.id).state == "cancelled"


def test_a_viewer_starts_nothing_and_nobody_floods_the_queue(tasks: Tasks, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(PermissionDenied):
        tasks.submit("fit", "f", Actor("eve", Role.VIEWER), {})
    monkeypatch.setattr(module, "WAITING_PER_USER_MAX", 2)
    for name in "ab":
        tasks.submit("fit", name, ANNA, {})
    with pytest.raises(LimitExceeded):
        tasks.submit("fit", "c", ANNA, {})
    tasks.submit("fit", "c", Actor("bob", Role.EDITOR), {})


def test_old_ends_are_forgotten_by_name(tasks: Tasks, clock: ManualClock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "KEPT_PER_NAME", 3)
    made = []
    for _ in range(6):
        made.append(tasks.submit("monitor", "m", ANNA, {}).id)
        clock.advance(1)
        claimed = tasks.claim()
        assert claimed is not None
        tasks.finish(claimed, "done")
    kept = [task.id for task in tasks.list(kind="monitor", name="m")]
    assert kept == made[:1:-1], "those of the last three, and the one that ended since"
    with pytest.raises(NotFound):
        tasks.get(made[0])


def test_what_is_done_is_told_once(tasks: Tasks, clock: ManualClock):
    tasks.submit("monitor", "m", ANNA, {})
    claimed = tasks.claim()
    assert claimed is not None
    assert tasks.untold("monitor") == []
    tasks.finish(claimed, "done", result={"alarm": True})
    assert [task.result for task in tasks.untold("monitor")] == [{"alarm": True}]
    tasks.mark_told(claimed.id)
    assert tasks.untold("monitor") == []


def test_a_limit_counts_the_owners_own_tasks(tasks: Tasks, clock: ManualClock):
    mine = tasks.submit("monitor", "mine", ANNA, {})
    for place in range(3):
        clock.advance(1)
        tasks.submit("monitor", f"theirs-{place}", BELA, {})
    assert [task.id for task in tasks.list(owner=ANNA.user, limit=1)] == [mine.id]
