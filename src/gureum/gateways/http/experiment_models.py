"""Bodies of experiments, runs and registered models.

Called by the routes beside it; as `models.py`, for what came with models and experiments.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from gureum.gateways.http.models import TableRead
from gureum.tracking.findings import Findings
from gureum.types import Permission

RunStatus = Literal["running", "scheduled", "finished", "failed", "killed"]

# JSON has no NaN and no infinity: they are the texts "NaN", "Infinity" and "-Infinity".
MetricValue = float | Literal["NaN", "Infinity", "-Infinity"]


class ExperimentSummary(BaseModel):
    id: str = Field(description="a number; the name may hold a '/', so paths have this")
    name: str
    owner: str
    permission: Permission
    runs: int
    running: int
    last_run_at_ms: int | None
    created_at_ms: int | None


class FindingsMark(BaseModel):
    """What the training debugger found in a run that it watched, in short."""

    count: int = Field(description="0 for a healthy run")
    worst: Literal["error", "warning"] | None


class RunRows(BaseModel):
    """What every run has, one list a column."""

    id: list[str]
    name: list[str | None]
    user: list[str | None]
    status: list[RunStatus]
    started_at_ms: list[int | None]
    ended_at_ms: list[int | None]
    findings: list[FindingsMark | None] = Field(description="null where the training debugger did not watch")


class RunColumn(BaseModel):
    kind: Literal["metrics", "params", "tags"]
    name: str
    values: list[MetricValue | str | None]


class KnownColumns(BaseModel):
    metrics: list[str]
    params: list[str]
    tags: list[str]


class RunPage(BaseModel):
    total: int = Field(description="runs that match, on all pages")
    offset: int
    running: int = Field(description="runs of the experiment that are still running")
    runs: RunRows
    columns: list[RunColumn]
    known: KnownColumns = Field(description="all metrics, parameters and tags of the experiment, most used first")


class MetricCurve(BaseModel):
    run: str
    metric: str
    points: int = Field(description="before thinning")
    step: list[int]
    at_ms: list[int]
    value: list[MetricValue]


class RunMetric(BaseModel):
    name: str
    value: MetricValue
    step: int
    at_ms: int


class RunDataset(BaseModel):
    name: str
    digest: str
    source_type: str


class RunDetail(BaseModel):
    id: str
    name: str | None
    experiment_id: str
    experiment: str
    permission: Permission
    user: str | None
    status: RunStatus
    started_at_ms: int | None
    ended_at_ms: int | None
    note: str | None
    parent: str | None
    children: int
    metrics: list[RunMetric]
    params: dict[str, str]
    tags: dict[str, str]
    tables: list[TableRead] = Field(description="the tables and versions that the run read")
    datasets: list[RunDataset]
    findings: FindingsMark | None = Field(description="null where the training debugger did not watch")


class RunFindings(BaseModel):
    """What the training debugger left with a run."""

    watched: bool = Field(description="false where it did not watch; then the rest is null")
    found: Findings | None


class ArtifactEntry(BaseModel):
    path: str
    bytes: int | None = Field(description="null for a folder")


class ModelSummary(BaseModel):
    name: str
    owner: str
    permission: Permission
    description: str | None
    versions: int
    latest: int | None
    aliases: dict[str, int]
    updated_at_ms: int | None


class ModelVersionEntry(BaseModel):
    version: int
    created_at_ms: int | None
    user: str | None
    description: str | None
    status: str
    message: str | None
    aliases: list[str]
    source: str | None
    run: str | None
    run_name: str | None = Field(description="null where one may not read the experiment")
    experiment: str | None


class ModelDetail(ModelSummary):
    all_versions: list[ModelVersionEntry]
