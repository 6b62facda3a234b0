"""Endpoints, the models that they can serve, and the scoring of whole tables. Invocations have a door of their own."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from gureum.gateways.http.access import EDITOR, SIGNED_IN, CurrentActor, Routes, on
from gureum.gateways.http.backend import Backend
from gureum.gateways.http.endpoint_models import (
    Deploy,
    Endpoint,
    Labelled,
    Labels,
    NewEndpoint,
    Score,
    Scored,
)
from gureum.names import Kind
from gureum.serving.endpoints import Endpoints
from gureum.types import Permission

__all__ = ["routes"]

routes = Routes("endpoints")


def _endpoints(request: Request) -> Endpoints:
    endpoints = request.app.state.endpoints
    assert isinstance(endpoints, Endpoints)
    return endpoints


@routes.add("GET", "/endpoints", allow=SIGNED_IN, response_model=list[Endpoint])
async def list_endpoints(actor: CurrentActor, request: Request) -> Any:
    """The endpoints that one may read, by name, with their deployments."""
    return await _endpoints(request).list(actor)


@routes.add("POST", "/endpoints", allow=EDITOR, response_model=Endpoint)
async def create_endpoint(body: NewEndpoint, actor: CurrentActor, request: Request) -> Any:
    """Make an endpoint that serves one model version; answers when the model is loaded."""
    deploy = body.model_dump()
    return await _endpoints(request).create(deploy.pop("name"), actor, **deploy)


@routes.add("GET", "/endpoints/{name}", allow=on(Kind.ENDPOINT, Permission.READ), response_model=Endpoint)
async def show_endpoint(name: str, actor: CurrentActor, request: Request) -> Any:
    """One endpoint: deployments with state, errors and latency, and earlier states."""
    return await _endpoints(request).show(name, actor)


@routes.add("POST", "/endpoints/{name}/deploy", allow=on(Kind.ENDPOINT, Permission.WRITE), response_model=Endpoint)
async def deploy(name: str, body: Deploy, actor: CurrentActor, request: Request) -> Any:
    """Add a model version or change its weight; until it is loaded the endpoint is as it was."""
    return await _endpoints(request).deploy(name, actor, **body.model_dump())


@routes.add("POST", "/endpoints/{name}/rollback", allow=on(Kind.ENDPOINT, Permission.WRITE), response_model=Endpoint)
async def rollback(name: str, actor: CurrentActor, request: Request) -> Any:
    """Back to the routes before the newest change."""
    return await _endpoints(request).rollback(name, actor)


@routes.add("POST", "/endpoints/{name}/labels", allow=on(Kind.ENDPOINT, Permission.WRITE), response_model=Labelled)
async def label(name: str, body: Labels, actor: CurrentActor, request: Request) -> Any:
    """Say what was right for earlier requests; the newest label of a request counts."""
    return {"stored": await _endpoints(request).label(name, actor, body.labels)}


@routes.add("DELETE", "/endpoints/{name}", allow=on(Kind.ENDPOINT, Permission.MANAGE), status_code=204)
async def delete_endpoint(name: str, actor: CurrentActor, request: Request) -> None:
    """Stop serving; what was captured stays in its tables."""
    await _endpoints(request).delete(name, actor)


@routes.add("POST", "/score", allow=EDITOR, response_model=Scored)
async def score(body: Score, actor: CurrentActor, request: Request) -> Any:
    """Predict for every row of a table, and write the rows with their prediction to a new table."""
    endpoints = _endpoints(request)
    found = endpoints.registry.find(body.model, actor)
    plan = await endpoints.load(found, actor)
    sql: Backend = request.app.state.sql
    order = {
        "table": body.table,
        "into": body.into,
        "key": found.key,
        "columns": [c["name"] for c in plan["signature"]],
    }
    return await sql.json("POST", "/score", actor, body=order)
