"""Standing queries, alerts and where alerts go: passed on to the queries process, which speaks the same models."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Query as QueryParameter
from fastapi import Request
from starlette.responses import Response

from gureum.gateways.http.access import EDITOR, SIGNED_IN, CurrentActor, Routes, on
from gureum.gateways.http.backend import Backend
from gureum.gateways.http.models import (
    Alerts,
    Destination,
    NewDestination,
    NewQuery,
    Query,
    QueryCheck,
    QueryCheckRequest,
    QueryRows,
    StartQuery,
    StopQuery,
)
from gureum.names import Kind
from gureum.types import Permission

__all__ = ["routes"]

routes = Routes("standing queries")


def _queries(request: Request) -> Backend:
    backend = request.app.state.queries
    assert isinstance(backend, Backend)
    return backend


def _path(name: str, *more: str) -> str:
    return "/".join(["/queries", quote(name, safe=""), *more])


@routes.add("GET", "/queries", allow=SIGNED_IN, response_model=list[Query])
async def list_queries(actor: CurrentActor, request: Request) -> Response:
    """The standing queries that one may read, by name, with their state."""
    return await _queries(request).passed_on("GET", "/queries", actor)


@routes.add("POST", "/queries", allow=EDITOR, response_model=Query)
async def create_query(body: NewQuery, actor: CurrentActor, request: Request) -> Response:
    """Leave a query standing; it starts at once unless `start` is false."""
    return await _queries(request).passed_on("POST", "/queries", actor, body=body.model_dump())


@routes.add("POST", "/queries/check", allow=SIGNED_IN, response_model=QueryCheck)
async def check_query(body: QueryCheckRequest, actor: CurrentActor, request: Request) -> Response:
    """What a standing query would do: its plan and columns, or what is wrong with it and where."""
    return await _queries(request).passed_on("POST", "/queries/check", actor, body=body.model_dump())


@routes.add("GET", "/queries/{name}", allow=on(Kind.QUERY, Permission.READ), response_model=Query)
async def show_query(name: str, actor: CurrentActor, request: Request) -> Response:
    """One standing query and its state."""
    return await _queries(request).passed_on("GET", _path(name), actor)


@routes.add("DELETE", "/queries/{name}", allow=on(Kind.QUERY, Permission.MANAGE), status_code=204)
async def delete_query(name: str, actor: CurrentActor, request: Request) -> None:
    """Stop a query and forget it; the tables that it wrote stay."""
    await _queries(request).json("DELETE", _path(name), actor)


@routes.add("POST", "/queries/{name}/start", allow=on(Kind.QUERY, Permission.WRITE), response_model=Query)
async def start_query(name: str, body: StartQuery, actor: CurrentActor, request: Request) -> Response:
    """Go on where the query stopped; with `reset`, from the streams' beginning and with empty state."""
    return await _queries(request).passed_on("POST", _path(name, "start"), actor, body=body.model_dump())


@routes.add("POST", "/queries/{name}/stop", allow=on(Kind.QUERY, Permission.WRITE), response_model=Query)
async def stop_query(name: str, body: StopQuery, actor: CurrentActor, request: Request) -> Response:
    """Stop at a checkpoint; with `drain`, first close all open windows."""
    return await _queries(request).passed_on("POST", _path(name, "stop"), actor, body=body.model_dump())


@routes.add("GET", "/queries/{name}/rows", allow=on(Kind.QUERY, Permission.READ), response_model=QueryRows)
async def newest_rows(
    name: str, actor: CurrentActor, request: Request, limit: int = QueryParameter(default=100, ge=1, le=500)
) -> Response:
    """The newest rows that the query wrote."""
    return await _queries(request).passed_on("GET", _path(name, "rows"), actor, params={"limit": limit})


@routes.add("GET", "/alerts", allow=SIGNED_IN, response_model=Alerts)
async def list_alerts(actor: CurrentActor, request: Request) -> Response:
    """What is firing now, and the last crossings and recoveries, of the queries that one may read."""
    return await _queries(request).passed_on("GET", "/alerts", actor)


@routes.add("GET", "/destinations", allow=SIGNED_IN, response_model=list[Destination])
async def list_destinations(actor: CurrentActor, request: Request) -> Response:
    """Where alerts may be sent; the secret part of an address is never shown again."""
    return await _queries(request).passed_on("GET", "/destinations", actor)


@routes.add("POST", "/destinations", allow=EDITOR, response_model=Destination)
async def create_destination(body: NewDestination, actor: CurrentActor, request: Request) -> Response:
    """Add a webhook under a name."""
    return await _queries(request).passed_on("POST", "/destinations", actor, body=body.model_dump())


@routes.add("DELETE", "/destinations/{name}", allow=on(Kind.DESTINATION, Permission.MANAGE), status_code=204)
async def delete_destination(name: str, actor: CurrentActor, request: Request) -> None:
    """Take a destination away; alerts that name it are then only logged."""
    await _queries(request).json("DELETE", f"/destinations/{quote(name, safe='')}", actor)
