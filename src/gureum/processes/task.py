"""One task's process: how the jobs process starts it, and what it then does.

`Launcher` is the jobs process's side, `run_task` the task's (`gureum process task`, which nobody types). A task is its owner's
program: it has the SDK, MLflow's client and a token of its owner that ends with it, and no other way in. A task whose spec names
a `runtime` runs in that runtime's interpreter, and its MLflow runs say so.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from gureum.app import Platform
from gureum.errors import GureumError, InternalError, InvalidInput
from gureum.jobs.executor import Launch
from gureum.jobs.tasks import Task
from gureum.processes.orders import Orders
from gureum.processes.serving import die_with_parent
from gureum.runtimes.install import python_of
from gureum.runtimes.runtime import runtime

__all__ = ["KINDS", "Launcher", "run_task"]

# The kinds of task, and the function `run(client, spec, tell) -> result` that does each: loaded only in the task's process.
KINDS: Mapping[str, str] = {
    "autopilot": "gureum.autopilot.order:run",
    "tuning": "gureum.tuning.order:run",
    "monitor": "gureum.monitor.run:check_window",
    "monitor_baseline": "gureum.monitor.run:learn",
    "runtime": "gureum.runtimes.task:install_runtime",
}

# Kinds that work on the data folder itself, which only administrators start.
OF_THE_FOLDER = frozenset({"runtime"})

# The tag of every MLflow run that a task starts in a runtime.
RUNTIME_TAG = "gureum.runtime"

# No task of ours lasts longer; its token ends with it in any case.
TOKEN_DAYS = 7.0

Tell = Callable[[Mapping[str, Any]], None]


class Launcher:
    """Makes the process of a task, as its owner."""

    def __init__(self, platform: Platform, orders: Orders) -> None:
        self._platform = platform
        self._url = orders.local_url

    def __call__(self, task: Task) -> Launch:
        identity = self._platform.identity
        identity.actor(task.owner, via="task")  # whoever was taken away starts nothing more
        spec = dict(task.spec)
        chosen = spec.pop("runtime", None)
        python = str(python_of(self._platform.root, runtime(chosen))) if chosen else sys.executable
        entry, token = identity.make_token(task.owner, label=f"task {task.id}", purpose="task", days=TOKEN_DAYS)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GUREUM_", "MLFLOW_"))},
            "GUREUM_URL": self._url,
            "GUREUM_TOKEN": token,
            "MLFLOW_TRACKING_URI": f"{self._url}/mlflow",
            "MLFLOW_TRACKING_TOKEN": token,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        }
        if chosen:
            environment["MLFLOW_RUN_CONTEXT"] = json.dumps({RUNTIME_TAG: chosen})
        if self._url.startswith("https"):
            # From this machine to itself; the certificate is made out to another name.
            environment["MLFLOW_TRACKING_INSECURE_TLS"] = "true"
        about = {"folder": str(self._platform.root)} if task.kind in OF_THE_FOLDER else {}
        orders = {
            "parent_pid": os.getpid(), "verify": not self._url.startswith("https"),
            # What a kind of task keeps between its attempts, and between tasks of one name.
            "workplace": str(self._platform.root / "workplaces" / task.owner),
            "kind": task.kind, "name": task.name, "spec": {**spec, **about}, "id": task.id,
        }  # fmt: skip
        return Launch(
            command=[python, "-m", "gureum", "process", "task"],
            environment=environment,
            orders=orders,
            log=self._platform.root / "logs" / "tasks" / f"{task.id}.log",
            ended=lambda: identity.delete_token(task.owner, entry.id),
        )


def run_task() -> None:
    """Read the orders, do the task, tell how it ended."""
    orders = json.loads(sys.stdin.buffer.read())
    die_with_parent(orders["parent_pid"])
    # What libraries print belongs into the log: standard output is for what we tell.
    told = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, _stop)

    def tell(progress: Mapping[str, Any]) -> None:
        told.write(json.dumps({"progress": progress}, default=str) + "\n")

    try:
        outcome = {"result": _do(orders, tell)}
    except GureumError as error:
        traceback.print_exc()
        outcome = {"error": error.to_json()}
    except Exception as error:
        traceback.print_exc()
        outcome = {"error": InternalError(f"{type(error).__name__}: {error}", code="task.failed").to_json()}
    told.write(json.dumps(outcome, default=str) + "\n")
    told.close()


def _do(orders: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    import gureum

    where = KINDS.get(orders["kind"])
    if where is None:
        raise InvalidInput(f"there is no task of kind {orders['kind']!r}", code="task.kind")
    module, _, function = where.partition(":")
    run = getattr(importlib.import_module(module), function)
    with gureum.connect(verify=orders["verify"]) as client:
        spec = {
            **orders["spec"], "name": orders["name"], "task_id": orders["id"], "workplace": orders["workplace"],
        }  # fmt: skip
        result: dict[str, Any] = run(client, spec, tell)
        return result


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
