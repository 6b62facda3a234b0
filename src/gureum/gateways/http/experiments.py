"""Experiments and runs: answered from MLflow's tables, without waking MLflow. What writes goes through /mlflow.

An experiment's name may hold a '/', so paths have its id: `GET /api/experiments?name=...` tells it.
"""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import Query, Request
from starlette.responses import Response

from gureum.gateways.http.access import SIGNED_IN, CurrentActor, Routes, on
from gureum.gateways.http.experiment_models import (
    ArtifactEntry,
    ExperimentSummary,
    MetricCurve,
    RunDetail,
    RunFindings,
    RunPage,
)
from gureum.names import Kind
from gureum.tracking.artifacts import Artifacts
from gureum.tracking.findings import read_findings
from gureum.tracking.leaderboard import PAGE_RUNS_MAX, POINTS_MAX, Leaderboard
from gureum.types import Permission

__all__ = ["routes"]

routes = Routes("experiments")

READ_EXPERIMENT = on(Kind.EXPERIMENT, Permission.READ, by="experiment_id")
READ_RUN = on(Kind.EXPERIMENT, Permission.READ, by="run_id")


def _leaderboard(request: Request) -> Leaderboard:
    leaderboard = request.app.state.leaderboard
    assert isinstance(leaderboard, Leaderboard)
    return leaderboard


def _answer(value: object) -> Response:
    """As it is: checking each of a page's 100,000 values against the model would take longer than reading them."""
    return Response(orjson.dumps(value), media_type="application/json")


@routes.add("GET", "/experiments", allow=SIGNED_IN, response_model=list[ExperimentSummary])
def list_experiments(actor: CurrentActor, request: Request, name: str | None = None) -> Response:
    """The experiments that one may read, the last used first; with `name` just that one."""
    return _answer(_leaderboard(request).experiments(actor, name=name))


@routes.add("GET", "/experiments/{experiment_id}", allow=READ_EXPERIMENT, response_model=ExperimentSummary)
def show_experiment(experiment_id: str, actor: CurrentActor, request: Request) -> Response:
    """One experiment."""
    return _answer(_leaderboard(request).experiment(experiment_id, actor))


@routes.add("GET", "/experiments/{experiment_id}/runs", allow=READ_EXPERIMENT, response_model=RunPage)
def list_runs(
    experiment_id: str,
    request: Request,
    filter: str = "",  # noqa: A002 - as MLflow calls it
    sort: str = "attributes.start_time",
    descending: bool = True,
    run: Annotated[list[str] | None, Query()] = None,
    column: Annotated[list[str] | None, Query()] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_RUNS_MAX)] = 1_000,
) -> Response:
    """The leaderboard: runs in order, as columns. `column=metrics.auc`, repeated; `*` for all, none for the most common."""
    page = _leaderboard(request).page(
        experiment_id, filter_text=filter, sort=sort, descending=descending, run_ids=run, columns=column, offset=offset,
        limit=limit,
    )  # fmt: skip
    return _answer(page)


@routes.add("GET", "/experiments/{experiment_id}/curves", allow=READ_EXPERIMENT, response_model=list[MetricCurve])
def metric_curves(
    experiment_id: str,
    request: Request,
    run: Annotated[list[str], Query()],
    metric: Annotated[list[str], Query()],
    points_max: Annotated[int, Query(ge=2, le=POINTS_MAX)] = 1_000,
) -> Response:
    """Metrics of runs over their steps, thinned to about `points_max` points each."""
    return _answer(_leaderboard(request).curves(experiment_id, run_ids=run, metrics=metric, points_max=points_max))


@routes.add("GET", "/runs/{run_id}", allow=READ_RUN, response_model=RunDetail)
def show_run(run_id: str, actor: CurrentActor, request: Request) -> Response:
    """One run: parameters, last metrics, tags, the tables that it read."""
    return _answer(_leaderboard(request).run(run_id, actor))


@routes.add("GET", "/runs/{run_id}/artifacts", allow=READ_RUN)
def list_artifacts(run_id: str, actor: CurrentActor, request: Request, path: str = "") -> list[ArtifactEntry]:
    """The files in one folder of a run."""
    artifacts: Artifacts = request.app.state.artifacts
    experiment_id = _leaderboard(request).run(run_id, actor)["experiment_id"]
    return [ArtifactEntry(path=f.path, bytes=f.bytes) for f in artifacts.list(experiment_id, run_id, path)]


@routes.add("GET", "/runs/{run_id}/findings", allow=READ_RUN, response_model=RunFindings)
def run_findings(run_id: str, actor: CurrentActor, request: Request) -> Response:
    """What the training debugger found: root causes with remedies, curves, layers by step. Runs may be not watched, or healthy."""
    experiment_id = _leaderboard(request).run(run_id, actor)["experiment_id"]
    found = read_findings(request.app.state.artifacts, experiment_id, run_id)
    return _answer({"watched": found is not None, "found": None if found is None else found.model_dump()})
