"""Users, groups, grants and the audit log."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import Request

from gureum.catalog.audit import read_audit
from gureum.catalog.catalog import Catalog
from gureum.catalog.identity import Identity
from gureum.errors import InvalidInput, NotFound
from gureum.gateways.http.access import ADMIN, SIGNED_IN, CurrentActor, Routes
from gureum.gateways.http.models import (
    AuditEntry,
    AuditPage,
    Grant,
    GrantChange,
    Group,
    GroupMembers,
    NewUser,
    User,
    UserChange,
)
from gureum.names import Kind, did_you_mean
from gureum.tables.names import full_name

__all__ = ["routes"]

routes = Routes("admin")


def _identity(request: Request) -> Identity:
    identity = request.app.state.identity
    assert isinstance(identity, Identity)
    return identity


def _catalog(request: Request) -> Catalog:
    catalog = request.app.state.catalog
    assert isinstance(catalog, Catalog)
    return catalog


@routes.add("GET", "/users", allow=ADMIN)
def list_users(request: Request) -> list[User]:
    """All users, by name."""
    return [User(**asdict(entry)) for entry in _identity(request).users()]


@routes.add("POST", "/users", allow=ADMIN)
def create_user(body: NewUser, actor: CurrentActor, request: Request) -> User:
    """Add a user; without a password the user signs in by a link."""
    return User(**asdict(_identity(request).create_user(body.name, role=body.role, password=body.password, by=actor)))


@routes.add("PATCH", "/users/{user_name}", allow=ADMIN)
def change_user(user_name: str, body: UserChange, actor: CurrentActor, request: Request) -> User:
    """Change a user's role or password, or whether the user may sign in."""
    entry = _identity(request).change_user(
        user_name, by=actor, role=body.role, active=body.active, password=body.password
    )
    return User(**asdict(entry))


@routes.add("POST", "/users/{user_name}/link", allow=ADMIN)
def make_sign_in_link(user_name: str, request: Request) -> str:
    """A one-time link by which the user signs in, good for an hour."""
    identity = _identity(request)
    identity.user(user_name)
    code = identity.make_link(purpose="sign_in", user=user_name)
    return f"{request.app.state.public_url}/link/{code}"


@routes.add("GET", "/groups", allow=ADMIN)
def list_groups(request: Request) -> list[Group]:
    """All groups; 'everyone' is all who sign in and is not listed."""
    return [Group(name=name, members=members) for name, members in _identity(request).groups().items()]


@routes.add("PUT", "/groups/{group_name}", allow=ADMIN)
def set_group(group_name: str, body: GroupMembers, actor: CurrentActor, request: Request) -> Group:
    """Make a group hold just these users."""
    _identity(request).set_group(group_name, body.members, by=actor)
    return Group(name=group_name, members=sorted(set(body.members)))


@routes.add("DELETE", "/groups/{group_name}", allow=ADMIN, status_code=204)
def delete_group(group_name: str, actor: CurrentActor, request: Request) -> None:
    """Take a group away; its grants no longer reach anybody."""
    identity = _identity(request)
    if group_name not in identity.groups():
        raise NotFound(
            f"group {group_name!r} does not exist",
            code="group.not_found",
            hint=did_you_mean(group_name, identity.groups()),
        )
    identity.set_group(group_name, [], by=actor)


@routes.add("GET", "/grants", allow=SIGNED_IN)
def list_grants(kind: Kind, name: str, actor: CurrentActor, request: Request) -> list[Grant]:
    """Who may do what with one thing; for those who manage it."""
    entries = _catalog(request).grants(actor, kind=kind, name=_named(kind, name))
    return [Grant(kind=e.kind, name=e.name, grantee=e.grantee, permission=e.permission) for e in entries]


@routes.add("PUT", "/grants", allow=SIGNED_IN, status_code=204)
def change_grant(body: GrantChange, actor: CurrentActor, request: Request) -> None:
    """Give or take a grant; for those who manage the thing."""
    try:
        kind = Kind(body.kind)
    except ValueError:
        raise InvalidInput(
            f"{body.kind!r} is not a kind of thing", code="grant.kind", hint=did_you_mean(body.kind, list(Kind))
        ) from None
    if body.permission is not None:
        _check_grantee(_identity(request), body.grantee)
    _catalog(request).grant(
        actor, kind=kind, name=_named(kind, body.name), grantee=body.grantee, permission=body.permission
    )


@routes.add("GET", "/audit", allow=ADMIN)
def read_audit_log(request: Request, before: int | None = None, limit: int = 100) -> AuditPage:
    """Who did what, newest first."""
    limit = max(1, min(limit, 500))
    entries = read_audit(request.app.state.database, before=before, limit=limit)
    more = entries[-1].id if len(entries) == limit else None
    return AuditPage(entries=[AuditEntry(**asdict(entry)) for entry in entries], next_before=more)


def _named(kind: Kind, name: str) -> str:
    return full_name(name) if kind is Kind.TABLE and "*" not in name else name


def _check_grantee(identity: Identity, grantee: str) -> None:
    if grantee.startswith("group:"):
        known = ["everyone", *identity.groups()]
        if grantee.removeprefix("group:") not in known:
            name = grantee.removeprefix("group:")
            raise NotFound(f"group {name!r} does not exist", code="group.not_found", hint=did_you_mean(name, known))
    else:
        identity.user(grantee)
