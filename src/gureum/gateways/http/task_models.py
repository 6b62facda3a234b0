"""Bodies of tasks, fits and tunings on the server, runtimes.

Called by the routes beside it; as `models.py`, for what came with models and experiments.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from gureum.gateways.http.models import Body


class TaskState(BaseModel):
    """Work that a process of its own does. `spec`, `progress` and `result` are as the kind of task defines them."""

    id: str
    kind: str
    name: str
    owner: str
    spec: dict[str, Any]
    state: Literal["waiting", "running", "stopping", "done", "failed", "cancelled"]
    created_at_ms: int
    started_at_ms: int | None
    ended_at_ms: int | None
    attempt: int = Field(description="how often it was begun: more than 1 after its process died")
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None = Field(description="as a problem body: error, code, message, hint, details")


class TaskFile(BaseModel):
    name: str
    bytes: int


class RuntimeState(BaseModel):
    """A locked environment that tasks may name. `bytes` is what its install took, if it is installed."""

    name: str
    about: str
    python: str
    packages: int
    lock: str = Field(description="the hash of its lock: the same hash, the same versions")
    state: Literal["installed", "outdated", "broken", "absent"]
    bytes: int | None
    needed_bytes: int = Field(description="about what an install takes")
    installing: str | None = Field(description="the task that installs it now")
    tasks: int = Field(description="how many of the newest thousand tasks name it")


class NewFit(Body):
    """An Autopilot fit of a table."""

    name: str = Field(description="the experiment that its candidates are recorded in, and the name of its model")
    table: str = Field(description="a table, or a SELECT")
    target: str
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    metric: str = "auto"
    budget_s: float = Field(default=60.0, ge=5, le=86_400)
    options: dict[str, Any] = Field(default_factory=dict, description="as `gureum.autopilot.fit` takes them")
    runtime: str | None = Field(default=None, description="the runtime that it runs in; none is gureum's own")


class NewTuning(Body):
    """A search over the model families of a table."""

    name: str = Field(description="the study's name; it goes on where one of this name stopped")
    table: str = Field(description="a table, or a SELECT")
    target: str
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    metric: str | None = None
    trials: int | None = Field(default=None, ge=1, le=100_000)
    budget_s: float | None = Field(default=None, ge=5, le=604_800)
    n_jobs: int = Field(default=1, ge=1, le=64)
    runtime: str | None = Field(default=None, description="the runtime that it runs in; none is gureum's own")
