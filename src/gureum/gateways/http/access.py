"""Who may call a route: each one declares it, and the declaration is what is enforced.

Called by the routes beside it through `Routes`, which has no way to add a route without `allow`. The test of routes and
roles walks these declarations.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request

from gureum.catalog.catalog import Catalog
from gureum.catalog.identity import Identity
from gureum.errors import NotAuthenticated, NotFound, PermissionDenied
from gureum.gateways.http.body import JsonRoute
from gureum.names import Kind
from gureum.tables.names import full_name
from gureum.types import Actor, Permission, Role

__all__ = ["ADMIN", "EDITOR", "PUBLIC", "SIGNED_IN", "Allow", "CurrentActor", "Routes", "on"]

SESSION_COOKIE = "gureum_session"

# A page of another site cannot set a header on a form or an image: with it, a cookie is not enough to change anything.
CSRF_HEADER = "x-gureum"

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Allow:
    """What a caller must be: anyone, signed in, of a role, or allowed `permission` on the thing that the path names.

    `by` is the path's parameter that says which thing: its name, or an id of BY_ID, which the door looks up.
    """

    signed_in: bool = True
    role: Role | None = None
    kind: Kind | None = None
    permission: Permission | None = None
    by: str = "name"

    def __str__(self) -> str:
        if self.kind is not None:
            return f"{self.permission} on {self.kind}" + (f" of {self.by}" if self.by != "name" else "")
        return "public" if not self.signed_in else str(self.role or "signed in")

    def check(self, request: Request) -> Actor | None:
        if not self.signed_in:
            return None
        actor = _authenticate(request)
        self.admit(actor, request)
        return actor

    def admit(self, actor: Actor, request: Request) -> None:
        """Let an actor, however it proved itself, do this; else raise."""
        request.state.actor = actor
        if self.role is Role.ADMIN and not actor.is_admin:
            raise PermissionDenied("only administrators may do this", code="role.admin", hint="ask an administrator")
        if self.role is Role.EDITOR and actor.role is Role.VIEWER:
            raise PermissionDenied(
                "viewers may not do this", code="role.viewer", hint="an administrator can make you an editor"
            )
        if self.kind is not None:
            self._check_thing(self.kind, request, actor)

    def _check_thing(self, kind: Kind, request: Request, actor: Actor) -> None:
        assert self.permission is not None
        given = request.path_params[self.by]
        catalog: Catalog = request.app.state.catalog
        if self.by == "name":
            name = full_name(given) if kind is Kind.TABLE else given
            catalog.resolve(name, actor, self.permission, kind=kind)
            return
        what, look_up = BY_ID[self.by]
        name = look_up(request.app.state, given)
        try:
            catalog.resolve(name, actor, self.permission, kind=kind)
        except NotFound as error:
            # By its id, as it was asked for: the name is not theirs to know.
            raise NotFound(f"{what} {given!r} does not exist", code=f"{what}.not_found") from error


PUBLIC = Allow(signed_in=False)
SIGNED_IN = Allow()
EDITOR = Allow(role=Role.EDITOR)
ADMIN = Allow(role=Role.ADMIN)


# Things whose names may hold a '/' have an id in paths instead: what it is of, and how its thing's name is found.
BY_ID: Mapping[str, tuple[str, Callable[[Any, str], str]]] = {
    "experiment_id": ("experiment", lambda state, given: state.leaderboard.experiment_name(given)),
    "run_id": ("run", lambda state, given: state.leaderboard.experiment_name_of_run(given)),
}


def on(kind: Kind, permission: Permission, *, by: str = "name") -> Allow:
    """`permission` on the thing of this kind that `{name}`, or another parameter of the path, says."""
    return Allow(kind=kind, permission=permission, by=by)


class Routes:
    """A set of routes, each with its permission."""

    def __init__(self, tag: str, *, prefix: str = "/api", **options: Any) -> None:
        self.router = APIRouter(prefix=prefix, tags=[tag], route_class=JsonRoute, **options)

    def add(self, method: str, path: str, *, allow: Allow, **options: Any) -> Callable[[_F], _F]:
        """Decorator: serve `method path`, for those whom `allow` lets."""

        def check(request: Request) -> None:
            allow.check(request)

        def register(handler: _F) -> _F:
            self.router.add_api_route(
                path,
                handler,
                methods=[method],
                dependencies=[Depends(check)],
                openapi_extra={"x-allow": str(allow)},
                operation_id=handler.__name__,
                **options,
            )
            return handler

        return register


def _current(request: Request) -> Actor:
    actor = request.state.actor
    assert isinstance(actor, Actor)
    return actor


CurrentActor = Annotated[Actor, Depends(_current)]


def _authenticate(request: Request) -> Actor:
    identity: Identity = request.app.state.identity
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if token:
        return identity.actor_of_token(_token(scheme.lower(), token.strip()))
    cookie = request.cookies.get(SESSION_COOKIE)
    if not cookie:
        raise NotAuthenticated(
            "sign in first",
            code="auth.required",
            hint="open the link that `gureum up` or `gureum link` prints, or send a token",
        )
    if request.method not in {"GET", "HEAD"} and not _is_from_here(request):
        raise PermissionDenied(
            "this request may come from another site",
            code="auth.csrf",
            hint="send the header X-Gureum, or a token instead of the cookie",
        )
    return identity.actor_of_token(cookie)


def _token(scheme: str, given: str) -> str:
    """Bearer <token>, or Basic with the token as the password: clients such as MLflow's and git's know only that."""
    if scheme == "bearer":
        return given
    if scheme == "basic":
        try:
            return base64.b64decode(given).decode().partition(":")[2]
        except ValueError:
            pass
    raise NotAuthenticated(
        "the Authorization header is not 'Bearer <token>'",
        code="auth.scheme",
        hint="make a token in Studio or by `gureum token create`; a Kinesis key belongs at the Kinesis door",
    )


def _is_from_here(request: Request) -> bool:
    """Whether a page of ours sent this: with our header, or (pages that we host but did not write) from our origin."""
    if CSRF_HEADER in request.headers:
        return True
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == request.headers.get("host")
