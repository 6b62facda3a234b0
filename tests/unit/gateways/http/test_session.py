"""Credentials at the REST door: what is taken, what is refused, and when one ends."""

from __future__ import annotations

import pytest
from door_kit import Door

from gureum.catalog.catalog import SYSTEM
from gureum.catalog.identity import ACTOR_CACHE_S, FAILURE_WINDOW_S, FAILURES_MAX, SESSION_DAYS, Identity
from gureum.gateways.http.access import CSRF_HEADER, SESSION_COOKIE
from gureum.types import Role

pytestmark = pytest.mark.xdist_group("door")

PASSWORD = "long enough"
OURS = {CSRF_HEADER: "1"}


@pytest.fixture(scope="module", autouse=True)
def people(door: Door):
    for name, role in (("anna", Role.ADMIN), ("ben", Role.EDITOR)):
        door.platform.identity.create_user(name, role=role, password=PASSWORD, by=SYSTEM)


def cookie(door: Door, name: str, password: str = PASSWORD) -> dict[str, str]:
    answer = door.call("POST", "/session", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text
    return {"cookie": f"{SESSION_COOKIE}={answer.cookies[SESSION_COOKIE]}"}


def code(door: Door, method: str, path: str, headers: dict[str, str], **options) -> str:
    answer = door.call(method, path, headers=headers, **options)
    return f"{answer.status_code} {answer.json()['code']}" if answer.status_code >= 400 else str(answer.status_code)


def test_a_session_looks_freely_and_changes_only_with_our_header(door: Door):
    session = cookie(door, "ben")
    assert code(door, "GET", "/me", session) == "200"
    for method, path in (("POST", "/streams"), ("PUT", "/grants"), ("DELETE", "/session"), ("POST", "/sql")):
        assert code(door, method, path, session, json={}) == "403 auth.csrf", path
    assert code(door, "POST", "/streams", session | OURS, json={"name": "by_cookie"}) == "200"
    assert door.call("POST", "/streams", "ben", json={"name": "by_token"}).status_code == 200, "a token needs no header"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(door: Door):
    answer = door.call("POST", "/session", json={"name": "ben", "password": PASSWORD})
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=lax" in said
    assert "secure" not in said, "this test speaks plain HTTP: a secure cookie would never come back"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("Basic YW5uYTpsb25nIGVub3VnaA==", "401 auth.token"),  # anna:long enough
        ("Basic anna", "401 auth.scheme"),
        ("Bearer", "401 auth.required"),
        ("Bearer gureum_wrong", "401 auth.token"),
        ("Bearer  ", "401 auth.token"),
        ("gureum_wrong", "401 auth.required"),
    ],
)
def test_an_authorization_header_that_is_no_token_of_ours(door: Door, header: str, wanted: str):
    assert code(door, "GET", "/me", {"authorization": header}) == wanted


def test_a_wrong_token_is_not_saved_by_a_good_cookie(door: Door):
    session = cookie(door, "ben")
    assert code(door, "GET", "/me", session | {"authorization": "Bearer gureum_wrong"}) == "401 auth.token"


def test_an_expired_token_and_an_old_session_are_refused(door: Door):
    _, token = door.platform.identity.make_token("ben", label="short", days=1)
    bearer = {"authorization": f"Bearer {token}"}
    session = cookie(door, "ben")
    assert code(door, "GET", "/me", bearer) == "200"
    door.clock.advance(86_400 + 1)
    assert code(door, "GET", "/me", bearer) == "401 auth.token"
    assert code(door, "GET", "/me", session) == "200"
    door.clock.advance(SESSION_DAYS * 86_400)
    assert code(door, "GET", "/me", session) == "401 auth.token"


def test_a_token_that_was_taken_back_is_refused_at_once_here_and_after_a_second_elsewhere(door: Door):
    identity = door.platform.identity
    entry, token = identity.make_token("ben", label="gone soon")
    elsewhere = Identity(door.platform.database, seal=door.platform.seal, clock=door.clock)
    assert elsewhere.actor_of_token(token).user == "ben"
    bearer = {"authorization": f"Bearer {token}"}
    assert code(door, "GET", "/me", bearer) == "200"
    assert code(door, "DELETE", f"/tokens/{entry.id}", bearer) == "204"
    assert code(door, "GET", "/me", bearer) == "401 auth.token"
    door.clock.advance(ACTOR_CACHE_S)
    with pytest.raises(Exception, match="not known or has expired"):
        elsewhere.actor_of_token(token)


def test_a_password_change_ends_sessions_and_a_person_who_left_is_out_with_every_credential(door: Door):
    door.platform.identity.create_user("carl", role=Role.EDITOR, password=PASSWORD, by=SYSTEM)
    first, second = cookie(door, "carl"), cookie(door, "carl")
    token = {"authorization": f"Bearer {door.token('carl')}"}
    assert door.call("PATCH", "/users/carl", "anna", json={"password": "another one"}).status_code == 200
    assert code(door, "GET", "/me", first) == code(door, "GET", "/me", second) == "401 auth.token"
    assert code(door, "GET", "/me", token) == "200", "personal tokens are taken back one by one"
    third = cookie(door, "carl", "another one")
    assert door.call("PATCH", "/users/carl", "anna", json={"active": False}).status_code == 200
    assert code(door, "GET", "/me", third) == "401 auth.token"
    assert code(door, "GET", "/me", token) == "401 auth.inactive"
    answer = door.call("POST", "/session", json={"name": "carl", "password": "another one"})
    assert answer.json()["code"] == "auth.password", "the same words as for a wrong password"


def test_signing_out_ends_the_session_itself_not_only_the_cookie(door: Door):
    session = cookie(door, "ben")
    assert code(door, "DELETE", "/session", session | OURS) == "204"
    assert code(door, "GET", "/me", session) == "401 auth.token"


def test_a_guesser_is_slowed_down_and_a_link_still_works(door: Door):
    door.platform.identity.create_user("dora", role=Role.EDITOR, password=PASSWORD, by=SYSTEM)
    for _ in range(FAILURES_MAX):
        answer = door.call("POST", "/session", json={"name": "dora", "password": "wrong guess"})
        assert answer.status_code == 401
        assert answer.json()["code"] == "auth.password"
    answer = door.call("POST", "/session", json={"name": "dora", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (429, "auth.slow_down")
    link = door.call("POST", "/users/dora/link", "anna").json().rpartition("/")[2]
    assert door.call("POST", "/session/link", json={"code": link}).status_code == 200
    door.clock.advance(FAILURE_WINDOW_S)
    assert cookie(door, "dora")


def test_a_link_signs_in_once_and_looking_at_it_does_not_use_it_up(door: Door):
    link = door.call("POST", "/users/ben/link", "anna").json().rpartition("/")[2]
    for _ in range(2):
        assert door.call("GET", f"/session/link/{link}").json() == {"purpose": "sign_in", "name": "ben"}
    assert door.call("POST", "/session/link", json={"code": link}).json()["name"] == "ben"
    assert code(door, "POST", "/session/link", {}, json={"code": link}) == "401 auth.link"
    old = door.call("POST", "/users/ben/link", "anna").json().rpartition("/")[2]
    door.clock.advance(3600)
    assert code(door, "POST", "/session/link", {}, json={"code": old}) == "401 auth.link"


def test_a_token_makes_no_longer_lived_credentials(door: Door):
    for path in ("/tokens", "/keys"):
        answer = door.call("POST", path, "ben", json={"label": "more"})
        assert (answer.status_code, answer.json()["code"]) == (401, "token.by_token"), path
        assert code(door, "POST", path, cookie(door, "ben") | OURS, json={"label": "more"}) == "200"


def test_the_last_administrator_cannot_be_lost(door: Door):
    for change in ({"role": "viewer"}, {"active": False}):
        answer = door.call("PATCH", "/users/anna", "anna", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "user.last_admin")
