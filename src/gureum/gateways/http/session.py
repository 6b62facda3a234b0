"""Sign in, sign out, who am I; personal tokens and Kinesis keys."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import Request, Response

from gureum.catalog.identity import SESSION_DAYS, Identity
from gureum.errors import NotAuthenticated
from gureum.gateways.http.access import PUBLIC, SESSION_COOKIE, SIGNED_IN, CurrentActor, Routes
from gureum.gateways.http.models import (
    AccessKey,
    AccessKeySecret,
    LinkSignIn,
    LinkState,
    Me,
    NewAccessKey,
    NewToken,
    SignIn,
    Token,
    TokenSecret,
)
from gureum.types import Actor

__all__ = ["routes"]

routes = Routes("session")


def _identity(request: Request) -> Identity:
    identity = request.app.state.identity
    assert isinstance(identity, Identity)
    return identity


def _me(actor: Actor) -> Me:
    return Me(name=actor.user, role=actor.role, groups=sorted(actor.groups), via=actor.via)


def _begin(request: Request, response: Response, actor: Actor) -> Me:
    _, secret = _identity(request).make_token(actor.user, label="Studio", purpose="session", days=SESSION_DAYS)
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=SESSION_DAYS * 86_400,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )
    return _me(actor)


@routes.add("GET", "/session/link/{code}", allow=PUBLIC)
def look_at_link(code: str, request: Request) -> LinkState:
    """What a one-time link is for."""
    link = _identity(request).look_at_link(code)
    return LinkState(purpose="first_admin" if link.purpose == "first_admin" else "sign_in", name=link.user)


@routes.add("POST", "/session/link", allow=PUBLIC)
def sign_in_by_link(body: LinkSignIn, request: Request, response: Response) -> Me:
    """Use a one-time link up; the first of all makes the administrator."""
    return _begin(request, response, _identity(request).use_link(body.code, name=body.name, password=body.password))


@routes.add("POST", "/session", allow=PUBLIC)
def sign_in(body: SignIn, request: Request, response: Response) -> Me:
    """Sign in by name and password."""
    return _begin(request, response, _identity(request).sign_in(body.name, body.password))


@routes.add("DELETE", "/session", allow=SIGNED_IN, status_code=204)
def sign_out(request: Request, response: Response) -> None:
    """End this session."""
    secret = request.cookies.get(SESSION_COOKIE)
    if secret:
        _identity(request).end_session(secret)
    response.delete_cookie(SESSION_COOKIE, path="/")


@routes.add("GET", "/me", allow=SIGNED_IN)
def who_am_i(actor: CurrentActor) -> Me:
    """The signed-in user."""
    return _me(actor)


@routes.add("GET", "/tokens", allow=SIGNED_IN)
def list_tokens(actor: CurrentActor, request: Request) -> list[Token]:
    """One's personal tokens, without their secrets."""
    return [Token(**asdict(entry)) for entry in _identity(request).tokens(actor.user)]


@routes.add("POST", "/tokens", allow=SIGNED_IN)
def make_token(body: NewToken, actor: CurrentActor, request: Request) -> TokenSecret:
    """A new personal token; its secret is shown this once."""
    _only_for_people(actor)
    entry, secret = _identity(request).make_token(actor.user, label=body.label, days=body.expires_in_days)
    return TokenSecret(**asdict(entry), token=secret)


@routes.add("DELETE", "/tokens/{token_id}", allow=SIGNED_IN, status_code=204)
def delete_token(token_id: str, actor: CurrentActor, request: Request) -> None:
    """Take a personal token back."""
    _identity(request).delete_token(actor.user, token_id)


@routes.add("GET", "/keys", allow=SIGNED_IN)
def list_access_keys(actor: CurrentActor, request: Request) -> list[AccessKey]:
    """One's Kinesis keys, without their secrets."""
    return [AccessKey(**asdict(entry)) for entry in _identity(request).access_keys(actor.user)]


@routes.add("POST", "/keys", allow=SIGNED_IN)
def make_access_key(body: NewAccessKey, actor: CurrentActor, request: Request) -> AccessKeySecret:
    """A new key pair for AWS clients; the secret is shown this once."""
    _only_for_people(actor)
    entry, secret = _identity(request).make_access_key(actor.user, label=body.label)
    return AccessKeySecret(**asdict(entry), secret_access_key=secret)


@routes.add("DELETE", "/keys/{access_key_id}", allow=SIGNED_IN, status_code=204)
def delete_access_key(access_key_id: str, actor: CurrentActor, request: Request) -> None:
    """Take a Kinesis key back."""
    _identity(request).delete_access_key(actor.user, access_key_id)


def _only_for_people(actor: Actor) -> None:
    """A token must not make what outlives it: whoever steals one could then keep access after it is taken back."""
    if actor.via.startswith("personal:"):
        raise NotAuthenticated(
            "a token does not make tokens or keys", code="token.by_token", hint="sign in to Studio for that"
        )
