"""How the process of a task is started: in gureum's own interpreter, or in the runtime that its spec names."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from gureum.app import Platform
from gureum.catalog.identity import OPERATOR
from gureum.errors import Conflict, NotFound
from gureum.jobs.tasks import Task
from gureum.processes.orders import Orders
from gureum.processes.task import Launcher
from gureum.runtimes.install import MARK, home
from gureum.runtimes.runtime import RUNTIMES, Runtime
from gureum.settings import Settings
from gureum.types import Actor, Role


@pytest.fixture
def platform(tmp_path: Path):
    made = Platform(Settings(folder=tmp_path))
    made.identity.ensure_operator()
    yield made
    made.close()


@pytest.fixture
def launch(platform: Platform):
    orders = Orders(platform.settings, {}, 0, os.getpid(), "http://gureum", "http://127.0.0.1:9")
    return Launcher(platform, orders)


def submit(platform: Platform, kind: str, spec: dict[str, object]) -> Task:
    return platform.tasks.submit(kind, "t", Actor(OPERATOR, Role.ADMIN), spec)


def test_a_task_that_names_no_runtime_has_gureums_own_python(platform: Platform, launch: Launcher):
    made = launch(submit(platform, "monitor", {"window": 1, "runtime": None}))
    assert made.command[0] == sys.executable
    assert made.orders["spec"] == {"window": 1}
    assert "MLFLOW_RUN_CONTEXT" not in made.environment


def test_a_task_runs_in_the_runtime_that_it_names_and_its_runs_say_so(
    platform: Platform, launch: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lock = tmp_path / "tiny.txt"
    lock.write_text("rain==1.0\n", "utf-8")
    tiny = Runtime("tiny", "for tests", "3.11", 1, lock)
    monkeypatch.setitem(RUNTIMES, "tiny", tiny)
    task = submit(platform, "monitor", {"window": 1, "runtime": "tiny"})
    with pytest.raises(Conflict, match="not installed"):
        launch(task)
    assert not [token for token in platform.identity.tokens(OPERATOR) if token.label == f"task {task.id}"]

    site = home(platform.root, tiny) / "lib" / "python3.11" / "site-packages"
    (site / "rain-1.0.dist-info").mkdir(parents=True)
    (home(platform.root, tiny) / "bin").mkdir()
    (home(platform.root, tiny) / "bin" / "python").symlink_to(sys.executable)
    (home(platform.root, tiny) / MARK).write_text('{"bytes": 1, "seconds": 1}')
    made = launch(task)
    assert made.command[0] == str(home(platform.root, tiny) / "bin" / "python")
    assert made.orders["spec"] == {"window": 1}, "where it runs is none of its kind's business"
    assert json.loads(made.environment["MLFLOW_RUN_CONTEXT"]) == {"gureum.runtime": "tiny"}
    with pytest.raises(NotFound, match="tinyy"):
        launch(submit(platform, "monitor", {"runtime": "tinyy"}))


def test_only_a_task_about_the_folder_is_told_where_it_is(platform: Platform, launch: Launcher):
    assert launch(submit(platform, "runtime", {})).orders["spec"] == {"folder": str(platform.root)}
    assert launch(submit(platform, "monitor", {})).orders["spec"] == {}
