"""The list of tasks: one's own, and without what is long."""

from __future__ import annotations

from door_kit import Door

from gureum.types import Actor, Role


def test_a_brief_list_has_numbers_and_names_of_ones_own_tasks(door: Door):
    door.token("nari")
    tasks = door.platform.tasks
    tasks.submit("tuning", "study", Actor("nari", Role.EDITOR), {"table": "main.t"})
    tasks.submit("tuning", "other", Actor("somebody", Role.EDITOR), {})
    claimed = tasks.claim()
    assert claimed is not None
    progress = {"phase": "search", "best_value": 0.5, "trials": [{"number": 1}], "importance": {"x": 1.0}}
    tasks.renew(claimed, progress)
    tasks.finish(claimed, "done", result={"score": 0.5, "card": "# " + "long " * 100}, progress=progress)
    (brief,) = door.call("GET", "/tasks?kind=tuning&brief=true", "nari").json()
    assert brief["progress"] == {"phase": "search", "best_value": 0.5}
    assert brief["result"] == {"score": 0.5}
    (whole,) = door.call("GET", "/tasks?kind=tuning", "nari").json()
    assert whole["progress"] == progress
