"""Bodies of monitors and their windows.

Called by the routes beside it; as `models.py`, for what came with models and experiments.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from gureum.gateways.http.models import Body
from gureum.types import Permission


class NewMonitor(Body):
    name: str
    source: str = Field(description="a table, or a SELECT")
    time_column: str = Field(description="the source's TIMESTAMP column that says when each row came")
    target: str | None = None
    prediction: str | None = None
    task: Literal["auto", "binary", "multiclass", "classification", "regression"] = "auto"
    every_s: float = 300.0
    rows_min: int = Field(default=100, description="a window with fewer rows waits for more")
    rows_max: int = Field(default=50_000, description="more rows make several windows")
    notify: list[str] = Field(default_factory=list, description="as in an alert: 'log', 'stream:<name>', a destination")
    endpoint: str | None = None
    running: bool = True
    since: str = Field(default="", description="rows after this moment, ISO in UTC; empty: from the first")


class MonitorChange(Body):
    source: str | None = None
    time_column: str | None = None
    every_s: float | None = None
    rows_min: int | None = None
    rows_max: int | None = None
    running: bool | None = None


class MonitorWindow(BaseModel):
    window: int
    state: Literal["waiting", "running", "stopping", "done", "failed", "cancelled"]
    checked: bool = Field(description="false while it waits, and when it had too few rows")
    since: str | None
    until: str | None
    rows: int | None
    alarm: bool | None
    culprit: str | None
    findings: list[dict[str, Any]]
    error: dict[str, Any] | None
    at_ms: int
    task: str
    effects: dict[str, float | None] = Field(description="by feature, in the monitor's unit; a row of the heat map")
    drifted: list[str]
    report: dict[str, Any] | None = Field(description="everything, with each feature before and after")


class Monitor(BaseModel):
    name: str
    owner: str
    state: Literal["no baseline", "waiting", "healthy", "drifting", "failed", "stopped"]
    source: str
    time_column: str
    target: str | None
    prediction: str | None
    task: str
    every_s: float
    rows_min: int
    rows_max: int
    notify: list[str]
    endpoint: str | None
    running: bool
    has_baseline: bool
    baseline_rows: int
    baseline_at_ms: int
    stream: str
    table: str
    windows: list[MonitorWindow]
    created_at_ms: int
    permission: Permission


class LearnBaseline(Body):
    sql: str | None = Field(default=None, description="a table or a SELECT of rows on which the model was right")
