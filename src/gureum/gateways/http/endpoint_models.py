"""The JSON bodies of endpoints, models and scoring; the rules of `models.py` hold."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from gureum.gateways.http.models import Body
from gureum.types import Permission

__all__ = [
    "Deploy",
    "Endpoint",
    "Labelled",
    "Labels",
    "NewEndpoint",
    "Score",
    "Scored",
]


class Deploy(Body):
    model: str = Field(description="'name', 'name/3', 'name@alias', 'models:/...' or 'runs:/<run id>/<path>'")
    version: str | None = Field(default=None, description="of the registered model; the newest by default")
    alias: str | None = Field(default=None, description="instead of a version; it is followed once, now")
    weight: int = Field(default=100, ge=0, le=100, description="percent of the requests; 100 replaces what was there")
    deployment: str | None = Field(default=None, description="its name on the endpoint; '<model>-<version>' by default")
    capture: bool | None = Field(
        default=None, description="whether requests are kept; as before by default, at first yes"
    )


class NewEndpoint(Deploy):
    name: str


class CapturedColumn(BaseModel):
    name: str
    type: str


class EndpointMinute(BaseModel):
    at_ms: int
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class Deployment(BaseModel):
    """One model version on an endpoint. Figures are of the last 15 minutes, of this gateway since its start."""

    deployment: str
    model: str
    version: str
    weight: int = Field(description="percent of the requests")
    state: Literal["loading", "serving", "failed"]
    why: str | None = Field(description="why it failed or is being started again")
    restarts: int
    memory_bytes: int | None
    way: str | None = Field(
        description="'matrix', 'tensor' or 'frame': by the model's own library; 'pyfunc': by MLflow"
    )
    confined: list[str] = Field(description="what keeps the model's code from the rest of the machine")
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    minutes: list[EndpointMinute]


class HistoryRoute(BaseModel):
    deployment: str
    weight: int


class HistoryEntry(BaseModel):
    at_ms: int = Field(description="until when it was so")
    by: str = Field(description="who changed it then")
    routes: list[HistoryRoute]


class Endpoint(BaseModel):
    name: str
    owner: str
    version: int
    updated_at_ms: int
    permission: Permission
    capture: bool
    columns: list[CapturedColumn] = Field(description="of the captured requests")
    prediction: str | None = Field(description="the SQL type of a captured prediction")
    stream: str | None
    table: str | None = Field(description="where captured requests and predictions are")
    labels_table: str | None
    deployments: list[Deployment]
    history: list[HistoryEntry] = Field(description="earlier states, oldest first; a rollback goes to the last")


class Labels(Body):
    labels: dict[str, Any] = Field(description="what was right, by request id; 'id/3' means row 3 of a request")


class Labelled(BaseModel):
    stored: int


class Score(Body):
    table: str
    model: str = Field(description="as in a deploy")
    into: str = Field(description="the table that gets the rows with their prediction; it must not exist")


class Scored(BaseModel):
    table: str
    rows: int
