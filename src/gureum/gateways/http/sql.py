"""SQL and tables: passed on to the sql process, which speaks the same models."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Query, Request
from starlette.responses import Response

from gureum.gateways.http.access import SIGNED_IN, CurrentActor, Routes, on
from gureum.gateways.http.backend import Backend
from gureum.gateways.http.models import Completion, SqlRequest, SqlResult, Table, TableDetail, TableVersion
from gureum.names import Kind
from gureum.types import Permission

__all__ = ["routes"]

routes = Routes("sql and tables")

ARROW = "application/vnd.apache.arrow.stream"


def _sql(request: Request) -> Backend:
    backend = request.app.state.sql
    assert isinstance(backend, Backend)
    return backend


@routes.add("POST", "/sql", allow=SIGNED_IN, response_model=SqlResult)
async def run_sql(body: SqlRequest, actor: CurrentActor, request: Request) -> Response:
    """Run SQL over tables. `Accept: application/vnd.apache.arrow.stream` gives all rows as Arrow instead of a page."""
    if ARROW in request.headers.get("accept", ""):
        return await _sql(request).streamed("/sql/arrow", actor, body=body.model_dump())
    return await _sql(request).passed_on("POST", "/sql", actor, body=body.model_dump())


@routes.add("DELETE", "/sql/{statement_id}", allow=SIGNED_IN, status_code=204)
async def cancel_sql(statement_id: str, actor: CurrentActor, request: Request) -> None:
    """Stop a statement of one's own."""
    await _sql(request).json("DELETE", f"/sql/{quote(statement_id, safe='')}", actor)


@routes.add("GET", "/sql/completion", allow=SIGNED_IN, response_model=Completion)
async def complete_sql(actor: CurrentActor, request: Request) -> Response:
    """Names for the editor: tables with columns, functions, keywords."""
    return await _sql(request).passed_on("GET", "/sql/completion", actor)


@routes.add("GET", "/tables", allow=SIGNED_IN, response_model=list[Table])
async def list_tables(actor: CurrentActor, request: Request) -> Response:
    """The tables that one may read, by name."""
    return await _sql(request).passed_on("GET", "/tables", actor)


@routes.add("GET", "/tables/{name}", allow=on(Kind.TABLE, Permission.READ), response_model=TableDetail)
async def show_table(name: str, actor: CurrentActor, request: Request) -> Response:
    """One table: columns, size, where it is, who writes it."""
    return await _sql(request).passed_on("GET", f"/tables/{quote(name, safe='')}", actor)


@routes.add("GET", "/tables/{name}/sample", allow=on(Kind.TABLE, Permission.READ), response_model=SqlResult)
async def sample_table(
    name: str,
    actor: CurrentActor,
    request: Request,
    limit: int = Query(default=100, ge=1, le=1000),
    version: int | None = Query(default=None, ge=0),
) -> Response:
    """Some rows of a table, of any of its versions."""
    return await _sql(request).passed_on(
        "GET", f"/tables/{quote(name, safe='')}/sample", actor, params={"limit": limit, "version": version}
    )


@routes.add("GET", "/tables/{name}/history", allow=on(Kind.TABLE, Permission.READ), response_model=list[TableVersion])
async def table_history(name: str, actor: CurrentActor, request: Request) -> Response:
    """A table's versions, newest first."""
    return await _sql(request).passed_on("GET", f"/tables/{quote(name, safe='')}/history", actor)


@routes.add("DELETE", "/tables/{name}", allow=on(Kind.TABLE, Permission.MANAGE), status_code=204)
async def drop_table(name: str, actor: CurrentActor, request: Request) -> None:
    """Drop a table and its files, for good."""
    await _sql(request).json("DELETE", f"/tables/{quote(name, safe='')}", actor)
