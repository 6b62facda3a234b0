"""Who may call a route: each one declares it, and the declaration is what is enforced.

Called by the routes beside it through `Routes`, which has no way to add a route without `allow`. The test of routes and
roles walks these declarations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request

from gureum.catalog.catalog import Catalog
from gureum.catalog.identity import Identity
from gureum.errors import NotAuthenticated, PermissionDenied
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
    """What a caller must be: anyone, signed in, of a role, or allowed `permission` on the thing that the path names."""

    signed_in: bool = True
    role: Role | None = None
    kind: Kind | None = None
    permission: Permission | None = None

    def __str__(self) -> str:
        if self.kind is not None:
            return f"{self.permission} on {self.kind}"
        return "public" if not self.signed_in else str(self.role or "signed in")

    def check(self, request: Request) -> Actor | None:
        if not self.signed_in:
            return None
        actor = _authenticate(request)
        request.state.actor = actor
        if self.role is Role.ADMIN and not actor.is_admin:
            raise PermissionDenied("only administrators may do this", code="role.admin", hint="ask an administrator")
        if self.role is Role.EDITOR and actor.role is Role.VIEWER:
            raise PermissionDenied(
                "viewers may not do this", code="role.viewer", hint="an administrator can make you an editor"
            )
        if self.kind is not None:
            assert self.permission is not None
            name = request.path_params["name"]
            catalog: Catalog = request.app.state.catalog
            catalog.resolve(
                full_name(name) if self.kind is Kind.TABLE else name, actor, self.permission, kind=self.kind
            )
        return actor


PUBLIC = Allow(signed_in=False)
SIGNED_IN = Allow()
EDITOR = Allow(role=Role.EDITOR)
ADMIN = Allow(role=Role.ADMIN)


def on(kind: Kind, permission: Permission) -> Allow:
    """`permission` on the thing of this kind whose name is `{name}` in the path."""
    return Allow(kind=kind, permission=permission)


class Routes:
    """A set of routes, each with its permission."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(prefix="/api", tags=[tag])

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
        if scheme.lower() != "bearer":
            raise NotAuthenticated("the Authorization header is not 'Bearer <token>'", code="auth.scheme")
        return identity.actor_of_token(token.strip())
    cookie = request.cookies.get(SESSION_COOKIE)
    if not cookie:
        raise NotAuthenticated(
            "sign in first",
            code="auth.required",
            hint="open the link that `gureum up` or `gureum link` prints, or send a token",
        )
    if request.method not in {"GET", "HEAD"} and CSRF_HEADER not in request.headers:
        raise PermissionDenied(
            "this request may come from another site",
            code="auth.csrf",
            hint="send the header X-Gureum, or a token instead of the cookie",
        )
    return identity.actor_of_token(cookie)
