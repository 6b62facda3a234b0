"""Real processes under the executor: what they tell, how they end, and that none is left behind."""

from __future__ import annotations

import contextlib
import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gureum.clock import SystemClock
from gureum.errors import NotFound
from gureum.jobs.executor import Executor, Launch
from gureum.jobs.tasks import Task, Tasks
from gureum.testing.platform import wait_until
from gureum.types import Actor, Role

ANNA = Actor("anna", Role.EDITOR)
WAIT_S = 60.0

Run = Callable[..., Task]


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()  # the processes' own time runs too


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def executor(tasks: Tasks, tmp_path: Path, clock: SystemClock, ended: list[str]) -> Iterator[Executor]:
    def launch(task: Task) -> Launch:
        if task.name == "not to be started":
            raise NotFound("its table is gone", code="table.not_found")
        return Launch(
            command=[sys.executable, "-c", textwrap.dedent(task.spec["program"])], environment={"SECRET": "1"},
            orders={"n": 7}, log=tmp_path / "logs" / f"{task.id}.log", ended=lambda: ended.append(task.id),
        )  # fmt: skip

    made = Executor(tasks, launch=launch, clock=clock)
    yield made
    made.close()


@pytest.fixture
def run(tasks: Tasks, executor: Executor) -> Run:
    """Submit a program and work until its task has ended, or is as `until` wants it."""

    def run(program: str, *, name: str = "t", until: Callable[[Task], bool] | None = None) -> Task:
        task = tasks.submit("program", name, ANNA, {"program": program})

        def there() -> Task | None:
            executor.step(0.05)
            now = tasks.get(task.id)
            return now if (until or (lambda one: one.ended_at_ms is not None))(now) else None

        return wait_until(there, what="the task to end", timeout_s=WAIT_S)

    return run


def test_a_task_reads_its_orders_and_tells_its_progress_and_result(run: Run, executor: Executor, ended: list[str]):
    task = run("""
        import json, sys
        n = json.loads(sys.stdin.read())["n"]
        print("a library's word")
        print(json.dumps({"progress": {"done": 3}}))
        print(json.dumps({"result": {"twice": 2 * n, "말": "값"}}))
    """)
    assert (task.state, task.result, task.progress, task.error) == (
        "done",
        {"twice": 14, "말": "값"},
        {"done": 3},
        None,
    )
    assert ended == [task.id]
    assert executor.is_idle


def test_a_task_that_dies_failed_and_its_last_word_says_why(run: Run):
    task = run("raise ValueError('the column is gone')")
    assert task.state == "failed"
    assert task.error is not None
    assert task.error["message"] == "its process ended with exit code 1: ValueError: the column is gone"
    assert run("import os; os.kill(os.getpid(), 9)").error["message"].startswith("its process was killed by signal 9")
    error = json.dumps(
        {"error": {"error": "InvalidInput", "code": "x.y", "message": "no", "hint": None, "details": {}}}
    )
    assert run(f"print({error!r})").error["code"] == "x.y"
    assert run("", name="not to be started").error["code"] == "table.not_found"


def test_a_cancelled_task_takes_its_last_child_with_it(
    run: Run, tasks: Tasks, executor: Executor, ended: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gureum.jobs.executor.STOP_MS", 500)
    task = run(
        """
        import json, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(json.dumps({"progress": {"child": child.pid}}), flush=True)
        child.wait()
        time.sleep(600)
        """,
        until=lambda task: "child" in task.progress,
    )
    child = psutil.Process(task.progress["child"])
    tasks.cancel(task.id)

    def gone() -> bool:
        executor.step(0.05)
        return tasks.get(task.id).state == "cancelled"

    wait_until(gone, what="the task to be cancelled", timeout_s=WAIT_S)
    with contextlib.suppress(psutil.NoSuchProcess):
        assert child.status() == psutil.STATUS_ZOMBIE or not child.is_running()
    assert ended == [task.id]


def test_an_executor_that_closes_leaves_its_tasks_to_the_next(run: Run, tasks: Tasks, executor: Executor):
    task = run("import time; time.sleep(600)", until=lambda task: task.state == "running")
    executor.close()
    assert tasks.get(task.id).state == "running", "until its lease runs out"
