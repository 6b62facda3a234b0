"""Dashboards: saved queries and a layout, one JSON value each, in the catalog."""

from __future__ import annotations

from fastapi import Request

from gureum.catalog.catalog import Catalog, Thing
from gureum.errors import InvalidInput
from gureum.gateways.http.access import EDITOR, SIGNED_IN, CurrentActor, Routes, on
from gureum.gateways.http.models import Dashboard, DashboardChange, DashboardSpec, NewDashboard
from gureum.names import Kind
from gureum.types import Actor, Permission

__all__ = ["routes"]

routes = Routes("dashboards")


def _catalog(request: Request) -> Catalog:
    catalog = request.app.state.catalog
    assert isinstance(catalog, Catalog)
    return catalog


@routes.add("GET", "/dashboards", allow=SIGNED_IN)
def list_dashboards(actor: CurrentActor, request: Request) -> list[Dashboard]:
    """The dashboards that one may read, by name."""
    catalog = _catalog(request)
    return [_model(catalog, thing, actor) for thing in catalog.list(actor, kind=Kind.DASHBOARD)]


@routes.add("POST", "/dashboards", allow=EDITOR)
def create_dashboard(body: NewDashboard, actor: CurrentActor, request: Request) -> Dashboard:
    """Make a dashboard."""
    catalog = _catalog(request)
    return _model(catalog, catalog.create(body.name, actor, kind=Kind.DASHBOARD, spec=_checked(body.spec)), actor)


@routes.add("GET", "/dashboards/{name}", allow=on(Kind.DASHBOARD, Permission.READ))
def show_dashboard(name: str, actor: CurrentActor, request: Request) -> Dashboard:
    """One dashboard."""
    catalog = _catalog(request)
    return _model(catalog, catalog.resolve(name, actor, Permission.READ, kind=Kind.DASHBOARD), actor)


@routes.add("PUT", "/dashboards/{name}", allow=on(Kind.DASHBOARD, Permission.WRITE))
def change_dashboard(name: str, body: DashboardChange, actor: CurrentActor, request: Request) -> Dashboard:
    """Replace a dashboard's content; `expect_version` refuses to overwrite what somebody else changed meanwhile."""
    catalog = _catalog(request)
    thing = catalog.update(
        name, actor, kind=Kind.DASHBOARD, spec=_checked(body.spec), expect_version=body.expect_version
    )
    return _model(catalog, thing, actor)


@routes.add("DELETE", "/dashboards/{name}", allow=on(Kind.DASHBOARD, Permission.MANAGE), status_code=204)
def delete_dashboard(name: str, actor: CurrentActor, request: Request) -> None:
    """Delete a dashboard."""
    _catalog(request).delete(name, actor, kind=Kind.DASHBOARD)


def _checked(spec: DashboardSpec) -> dict[str, object]:
    seen: set[str] = set()
    for widget in spec.widgets:
        if widget.id in seen:
            raise InvalidInput(f"two widgets have the id {widget.id!r}", code="dashboard.widget")
        seen.add(widget.id)
        if widget.sql is None and widget.type != "alerts":
            raise InvalidInput(f"widget {widget.title!r} has no SQL", code="dashboard.widget", hint="give it a SELECT")
    return spec.model_dump()


def _model(catalog: Catalog, thing: Thing, actor: Actor) -> Dashboard:
    return Dashboard(
        name=thing.name,
        owner=thing.owner,
        version=thing.version,
        updated_at_ms=thing.updated_at_ms,
        permission=catalog.permission(thing, actor) or Permission.READ,
        spec=DashboardSpec(**thing.spec),
    )
