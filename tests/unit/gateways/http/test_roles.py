"""Every route and every Kinesis operation, as every kind of caller: what each declares is what is enforced.

A new route needs no line here to be walked; it needs one only if its path or body has something new in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from door_kit import SCRIPT, Door
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Table, create_engine, insert

from gureum.catalog.catalog import EVERYONE, SYSTEM
from gureum.clock import SystemClock
from gureum.errors import NotFound
from gureum.gateways.http.access import BY_ID, Routes
from gureum.gateways.http.app import NOUNS
from gureum.gateways.http.mlflow import METHODS
from gureum.gateways.kinesis.app import make_app
from gureum.gateways.kinesis.operations import OPERATIONS
from gureum.monitor.monitors import BASELINE_FILES
from gureum.names import Kind
from gureum.tracking.rows import EXPERIMENTS, REGISTERED, RUNS, metadata
from gureum.types import Actor, Permission, Role

pytestmark = pytest.mark.xdist_group("door")

# Who calls: the role, and what was granted on the thing. Owner and administrator need no grant.
CALLERS: dict[str, tuple[Role, Permission | None]] = {
    "viewer": (Role.VIEWER, None),
    "granted_viewer": (Role.VIEWER, Permission.MANAGE),
    "editor": (Role.EDITOR, None),
    "reader": (Role.EDITOR, Permission.READ),
    "writer": (Role.EDITOR, Permission.WRITE),
    "manager": (Role.EDITOR, Permission.MANAGE),
    "owner": (Role.EDITOR, Permission.MANAGE),
    "root": (Role.ADMIN, Permission.MANAGE),
}
ORDER = [None, Permission.READ, Permission.WRITE, Permission.MANAGE]

# The one route outside `Routes`: the description of all of them, which Studio's client is made from.
DESCRIBED = {"/api/openapi.json"}


def a_baseline() -> bytes:
    """The files that a baseline has; only the task that uses them looks inside."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in BASELINE_FILES:
            archive.writestr(file, "{}")
    return packed.getvalue()


MONITOR = {"name": "new", "source": "thing", "time_column": "at", "running": False}
EXPERIMENT_ID = 7

BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/session"): {"name": "nobody", "password": "wrong-password"},
    ("POST", "/api/session/link"): {"code": "wrong"},
    ("POST", "/api/tokens"): {"label": "t"},
    ("POST", "/api/keys"): {"label": "k"},
    ("POST", "/api/streams"): {"name": "new"},
    ("POST", "/api/streams/{name}/records"): {"records": [{"data": {"temp": 1.5}}]},
    ("POST", "/api/sql"): {"sql": "SELECT 1 AS one"},
    ("POST", "/api/queries"): {"name": "new", "sql": SCRIPT.format(stream="open", table="new_rows"), "start": False},
    ("POST", "/api/queries/check"): {"sql": SCRIPT.format(stream="open", table="new_rows")},
    ("POST", "/api/queries/{name}/start"): {},
    ("POST", "/api/queries/{name}/stop"): {},
    ("POST", "/api/destinations"): {"name": "new", "url": "http://127.0.0.1:9/hook"},
    ("POST", "/api/dashboards"): {"name": "new", "spec": {"title": "T"}},
    ("PUT", "/api/dashboards/{name}"): {"spec": {"title": "U"}},
    ("POST", "/api/autopilot"): {"name": "new", "table": "SELECT 1 AS one", "target": "one"},
    ("POST", "/api/tuning"): {"name": "new", "table": "SELECT 1 AS one", "target": "one"},
    ("POST", "/api/monitors"): MONITOR,
    ("PUT", "/api/monitors/{name}/baseline"): a_baseline(),
    ("PATCH", "/api/monitors/{name}"): {"every_s": 60},
    ("POST", "/api/monitors/{name}/learn"): {"sql": "thing"},
    ("PUT", "/api/monitors/{name}/constraints"): {"features": []},
    ("POST", "/api/endpoints"): {"name": "new", "model": "open"},
    ("POST", "/api/endpoints/{name}/deploy"): {"model": "open"},
    ("POST", "/api/endpoints/{name}/labels"): {"labels": {"id": 1}},
    ("POST", "/api/score"): {"table": "thing", "model": "open", "into": "new"},
    ("POST", "/api/users"): {"name": "new"},
    ("PATCH", "/api/users/{user_name}"): {"role": "viewer"},
    ("PUT", "/api/groups/{group_name}"): {"members": ["target"]},
    ("PUT", "/api/grants"): {"kind": "stream", "name": "thing", "grantee": "target", "permission": "read"},
}
# Processes and files that this door does not have.
NOT_HERE = {"tracking.away", "serving.away", "model.version_not_found"}

QUERY: dict[tuple[str, str], dict[str, str]] = {
    ("GET", "/api/grants"): {"kind": "stream", "name": "thing"},
    ("GET", "/api/experiments/{experiment_id}/curves"): {"run": "run_of_thing", "metric": "auc"},
}
PATHS = {
    "code": "wrong", "number": "1", "runtime": "base", "user_name": "target", "group_name": "team", "name": "thing",
    "experiment_id": str(EXPERIMENT_ID), "run_id": "run_of_thing",
}  # fmt: skip


def all_routes(app: FastAPI | APIRouter) -> Iterator[Any]:
    """Every route, however deep it was included."""
    for route in app.routes:
        inner = getattr(route, "original_router", None) or (route if not hasattr(route, "endpoint") else None)
        if inner is not None and hasattr(inner, "routes") and inner.routes:
            yield from all_routes(inner)
        else:
            yield route


def undeclared(app: FastAPI) -> list[str]:
    """The routes that say nothing of who may call them, or whose word nothing enforces."""
    found = []
    for route in all_routes(app):
        if getattr(route, "path", "") in DESCRIBED:
            continue
        declared = isinstance(route, APIRoute) and (route.openapi_extra or {}).get("x-allow")
        enforced = isinstance(route, APIRoute) and any(
            getattr(d.dependency, "__qualname__", "").startswith(Routes.add.__qualname__) for d in route.dependencies
        )
        if not declared or not enforced:
            found.append(f"{sorted(route.methods)} {route.path}" if hasattr(route, "methods") else repr(route))
    return found


ROUTES = [
    pytest.param(route, id=f"{method} {route.path}")
    for noun in NOUNS
    for route in noun.routes.router.routes
    for method in sorted(route.methods)
]


def expected(allow: str, caller: str | None) -> str:
    """What the declaration says of a caller: 401, 403 with a code, 404 with a code, or passes."""
    if allow == "public":
        return "passes"
    if caller is None:
        return "401 auth.required"
    role, granted = CALLERS[caller]
    if allow == "admin":
        return "passes" if role is Role.ADMIN else "403 role.admin"
    if allow == "editor":
        return "passes" if role is not Role.VIEWER else "403 role.viewer"
    if allow == "signed in":
        return "passes"
    wanted, kind, what = of_a_thing(allow)
    if role is Role.VIEWER and granted is not None:
        granted = Permission.READ
    if granted is None:
        return f"404 {what}.not_found"
    return "passes" if ORDER.index(granted) >= ORDER.index(Permission(wanted)) else f"403 {kind}.denied"


def of_a_thing(allow: str) -> tuple[str, str, str]:
    """'read on experiment of run_id': the permission, the kind of thing, and what the path has an id of."""
    wanted, _, rest = allow.partition(" on ")
    kind, _, by = rest.partition(" of ")
    return wanted, kind, BY_ID[by][0] if by else kind


REFUSALS = {
    "run.not_found", "auth.required", "role.admin", "role.viewer",
    *(f"{k}.{w}" for k in Kind for w in ("denied", "not_found")),
}  # fmt: skip


def outcome(response: Any) -> str:
    """401, 403 and 404 with their code where the guard speaks; everything else has passed it."""
    if response.status_code in {401, 403, 404} and response.json()["code"] in REFUSALS:
        return f"{response.status_code} {response.json()['code']}"
    return "passes"


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is not here does not come back."""
    monkeypatch.setattr("gureum.gateways.http.backend.GET_PAUSES_S", ())


@pytest.fixture(scope="module")
def things(door: Door) -> Things:
    for caller, (role, _) in CALLERS.items():
        door.token(caller, role)
    door.token("target")
    made = Things(door)
    door.call("POST", "/streams", "root", json={"name": "open"})
    for caller in CALLERS:
        door.platform.catalog.grant(SYSTEM, kind=Kind.STREAM, name="open", grantee=caller, permission=Permission.READ)
    # A model without a version: what is loaded, and by whom, is in tests/conformance/test_serving.py.
    door.platform.catalog.create("open", SYSTEM, kind=Kind.MODEL, spec={})
    door.platform.catalog.grant(SYSTEM, kind=Kind.MODEL, name="open", grantee=EVERYONE, permission=Permission.READ)
    door.app.state.stopping.set()  # live answers end at once
    return made


class Things:
    """One thing of each kind, called 'thing', owned by 'owner' and granted to those who have a grant."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def make(self, kind: Kind) -> None:
        """Make it if it is not there, and grant again."""
        call, catalog = self.door.call, self.door.platform.catalog
        name = "main.thing" if kind is Kind.TABLE else "thing"
        try:
            catalog.resolve(name, SYSTEM, Permission.READ, kind=kind)
        except NotFound:
            match kind:
                case Kind.STREAM:
                    made = call("POST", "/streams", "owner", json={"name": "thing"})
                case Kind.TABLE:
                    made = call("POST", "/sql", "owner", json={"sql": "CREATE TABLE thing (a BIGINT)"})
                case Kind.QUERY:
                    sql = SCRIPT.format(stream="open", table="rows_of_thing")
                    made = call("POST", "/queries", "owner", json={"name": "thing", "sql": sql, "start": False})
                case Kind.DASHBOARD:
                    made = call("POST", "/dashboards", "owner", json={"name": "thing", "spec": {"title": "T"}})
                case Kind.MONITOR:
                    made = call("POST", "/monitors", "owner", json={**MONITOR, "name": "thing"})
                    call("PUT", "/monitors/thing/baseline", "owner", content=a_baseline())
                    thing = catalog.resolve("thing", SYSTEM, Permission.READ, kind=kind)
                    window = {"monitor": "thing", "window": 1, "since": ""}
                    self.door.platform.tasks.submit("monitor", thing.id, SYSTEM, window)
                case Kind.DESTINATION:
                    made = call("POST", "/destinations", "owner", json={"name": "thing", "url": "http://127.0.0.1:9/h"})
                case Kind.ENDPOINT:
                    owner = self.door.platform.identity.actor("owner", via="test")
                    catalog.create("thing", owner, kind=kind, spec={"capture": False})
                    made = call("GET", "/endpoints/thing", "owner")
                case Kind.EXPERIMENT:
                    made = self._in_mlflow(
                        kind, EXPERIMENTS, {"experiment_id": EXPERIMENT_ID, "lifecycle_stage": "active"}
                    )
                case Kind.MODEL:
                    made = self._in_mlflow(kind, REGISTERED, {})
            assert made is None or made.status_code < 300, made.text
            for caller, (_, permission) in CALLERS.items():
                if caller not in {"owner", "root"} and permission is not None:
                    catalog.grant(SYSTEM, kind=kind, name=name, grantee=caller, permission=permission)

    def _in_mlflow(self, kind: Kind, table: Table, values: dict[str, Any]) -> None:
        """As MLflow's process would have made it; the columns are those that we read of MLflow's tables."""
        engine = create_engine(self.door.platform.tracking_url)
        metadata.create_all(engine)
        run = {
            "run_uuid": "run_of_thing",
            "experiment_id": EXPERIMENT_ID,
            "lifecycle_stage": "active",
            "status": "RUNNING",
        }
        with engine.begin() as connection:
            connection.execute(insert(table).values(name="thing", **values))
            if kind is Kind.EXPERIMENT:
                connection.execute(insert(RUNS).values(**run))
        engine.dispose()
        owner = Actor("owner", Role.EDITOR)
        self.door.platform.catalog.create("thing", owner, kind=kind, spec={})

    def forget_new(self) -> None:
        """Take away what a create route made, so that the next caller can make it too."""
        for kind in (Kind.STREAM, Kind.QUERY, Kind.DASHBOARD, Kind.DESTINATION, Kind.MONITOR):
            with contextlib.suppress(NotFound):
                self.door.platform.catalog.delete("new", SYSTEM, kind=kind)
        with contextlib.suppress(NotFound):
            self.door.platform.catalog.delete("monitors.new", SYSTEM, kind=Kind.STREAM)
        if "monitor.new" in {thing.name for thing in self.door.platform.catalog.list(SYSTEM, kind=Kind.QUERY)}:
            self.door.call("DELETE", "/queries/monitor.new", "root")
            self.door.call("DELETE", "/tables/monitors.new", "root")


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_lets_in_just_whom_it_declares(route: APIRoute, door: Door, things: Things):
    allow = str(route.openapi_extra["x-allow"])
    (method,) = route.methods
    path = route.path.removeprefix("/api") if route.path.startswith("/api") else f"http://gureum{route.path}"
    for parameter in route.param_convertors:
        path = path.replace(f"{{{parameter}}}", PATHS.get(parameter, "unknown"))
    wrong = []
    for caller in (None, *CALLERS):
        kind = of_a_thing(allow)[1] or ("stream" if "grants" in path else "")
        if kind:
            things.make(Kind(kind))
        things.forget_new()
        body = BODIES.get((method, route.path))
        response = door.call(
            method, path, caller, params=QUERY.get((method, route.path)),
            **({"content": body} if isinstance(body, bytes) else {"json": body}),
        )  # fmt: skip
        # Grants name their thing in the body or the query: whoever manages it may.
        wanted = expected("manage on stream" if route.path == "/api/grants" else allow, caller)
        if outcome(response) != wanted:
            wrong.append(f"{caller}: {response.status_code} {response.text[:200]}, declared: {wanted}")
        away = response.status_code in {404, 503} and response.json()["code"] in NOT_HERE
        if wanted == "passes" and response.status_code >= 500 and not away:
            wrong.append(f"{caller}: {response.status_code} {response.text[:200]}")
        if (
            wanted == "passes"
            and allow not in {"public", "signed in"}
            and response.status_code not in {200, 204, 409}
            and not away
        ):
            wrong.append(f"{caller} may, but: {response.status_code} {response.text[:200]}")
    assert not wrong, "\n".join([f"{method} {route.path} declares {allow!r}", *wrong])


def test_every_route_declares_who_may_call_it(door: Door):
    assert undeclared(door.app) == [], "add routes with Routes.add(method, path, allow=...)"
    walked = {(method, r.path) for r in all_routes(door.app) if isinstance(r, APIRoute) for method in r.methods}
    assert walked == {(next(iter(p.values[0].methods)), p.values[0].path) for p in ROUTES}


def test_no_declaration_is_too_wide():
    by_allow: dict[str, set[str]] = {}
    for parameter in ROUTES:
        route = parameter.values[0]
        (method,) = route.methods
        allow = str(route.openapi_extra["x-allow"])
        by_allow.setdefault(allow, set()).add(f"{method} {route.path}")
        if " on " in allow:
            by = allow.partition(" of ")[2] or "name"
            assert f"{{{by}}}" in route.path, f"{route.path}: the guard looks for the thing called {{{by}}}"
            looks = method == "GET" or route.path == "/endpoints/{name}/invocations"  # to predict is to read the model
            assert allow.startswith("read") == looks, f"{method} {route.path} for {allow!r}"
    assert by_allow["public"] == {
        "GET /api/health", "GET /api/session/link/{code}", "POST /api/session/link", "POST /api/session",
    }  # fmt: skip
    mlflow = {line for line in by_allow["signed in"] if line.partition(" ")[2].startswith("/mlflow")}
    assert mlflow == {f"{method} /mlflow/{{path:path}}" for method in METHODS} | {"GET /mlflow"}, (
        "MLflow is guarded behind"
    )
    assert {line for line in by_allow["signed in"] - mlflow if not line.startswith("GET")} == {
        "DELETE /api/session", "POST /api/tokens", "DELETE /api/tokens/{token_id}", "POST /api/keys",
        "DELETE /api/keys/{access_key_id}", "POST /api/sql", "DELETE /api/sql/{statement_id}", "POST /api/queries/check",
        "PUT /api/grants", "POST /api/tasks/{task_id}/cancel", "PUT /api/tasks/{task_id}/files/{file}",
    }, "these act on what is one's own, or look at what their body names"  # fmt: skip


def test_what_a_body_names_is_guarded_as_a_path_is(door: Door, things: Things):
    things.make(Kind.TABLE)
    things.make(Kind.STREAM)
    for sql, caller, wanted in [
        ("SELECT * FROM thing", "editor", (404, "table.not_found")),
        ("SELECT * FROM thing", "reader", (200, None)),
        ("INSERT INTO thing VALUES (1)", "reader", (403, "table.denied")),
        ("INSERT INTO thing VALUES (1)", "writer", (200, None)),
        ("INSERT INTO thing VALUES (1)", "granted_viewer", (403, "table.denied")),
        ("DROP TABLE thing", "writer", (403, "table.denied")),
        ("DESCRIBE HISTORY thing", "editor", (404, "table.not_found")),
        ("CREATE TABLE of_a_viewer (a INT)", "viewer", (403, "role.viewer")),
    ]:
        answer = door.call("POST", "/sql", caller, json={"sql": sql})
        assert (answer.status_code, answer.json().get("code")) == wanted, f"{caller}: {sql}: {answer.text}"
    for stream, table, caller, code in [
        ("thing", "somewhere", "editor", "stream.not_found"),
        ("open", "thing", "reader", "table.denied"),
    ]:
        script = SCRIPT.format(stream=stream, table=table)
        answer = door.call("POST", "/queries/check", caller, json={"sql": script})
        assert answer.json().get("code") == code, f"{caller}: {script}: {answer.text}"


def test_nobody_takes_back_what_is_another_ones(door: Door, things: Things):
    mine = door.platform.identity.make_token("owner", label="mine")[0].id
    key = door.platform.identity.make_access_key("owner")[0].access_key_id
    for caller in ("editor", "root"):
        assert door.call("DELETE", f"/tokens/{mine}", caller).json()["code"] == "token.not_found"
        assert door.call("DELETE", f"/keys/{key}", caller).json()["code"] == "key.not_found"
    assert door.call("DELETE", f"/tokens/{mine}", "owner").status_code == 204


def test_a_body_that_is_too_large_is_refused_in_our_words(door: Door, things: Things):
    things.make(Kind.ENDPOINT)
    large = door.call("POST", "http://gureum/endpoints/thing/invocations", "owner", content=b" " * (20 << 20))
    assert (large.status_code, large.json()["code"]) == (413, "endpoint.body_size")


@pytest.mark.parametrize("extra", [None, {"x-allow": "public"}])
def test_a_route_added_around_routes_is_found(extra: dict[str, str] | None):
    app = FastAPI(openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    for noun in NOUNS:
        app.include_router(noun.routes.router)
    assert undeclared(app) == []

    inner = APIRouter()

    @inner.get("/sneaky", openapi_extra=extra, include_in_schema=False)
    def sneaky() -> str:
        return "everybody's secrets"

    app.include_router(inner, prefix="/api")
    assert undeclared(app) == ["['GET'] /sneaky"]


# --- the same for the Kinesis door -------------------------------------------------------------------------------------


KINESIS_BODIES: dict[str, dict[str, Any]] = {
    "CreateStream": {"StreamName": "new", "ShardCount": 1},
    "GetRecords": {},
    "GetShardIterator": {"StreamName": "thing", "ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"},
    "ListStreams": {},
    "PutRecord": {"StreamName": "thing", "Data": "YQ==", "PartitionKey": "k"},
    "PutRecords": {"StreamName": "thing", "Records": [{"Data": "YQ==", "PartitionKey": "k"}]},
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_kinesis_operation_lets_in_just_whom_it_needs(name: str, door: Door, things: Things):
    platform = door.platform
    app = make_app(
        streams=platform.streams,
        writer=door.writer,
        readers=platform.readers,
        find_key=lambda key: ("secret", Actor(key, CALLERS[key][0])) if key in CALLERS else None,
        clock=SystemClock(),
        iterator_key=b"key",
    )

    def call(operation: str, body: dict[str, Any], caller: str | None) -> tuple[int, dict[str, Any]]:
        headers = {"X-Amz-Target": f"Kinesis_20131202.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", "http://localhost/", data=orjson.dumps(body), headers=headers)
        if caller is not None:
            SigV4Auth(Credentials(caller, "secret"), "kinesis", "us-east-1").add_auth(request)
        return asyncio.run(_ask(app, request))

    wrong = []
    for caller in (None, "unknown", *CALLERS):
        things.make(Kind.STREAM)
        things.forget_new()
        body = KINESIS_BODIES.get(name, {"StreamName": "thing"})
        if name == "GetRecords":
            _, iterator = call("GetShardIterator", KINESIS_BODIES["GetShardIterator"], "root")
            body = {"ShardIterator": iterator["ShardIterator"]}
        status, answer = call(name, body, caller)
        found = answer.get("__type", "passes") if status != 200 else "passes"
        needs = OPERATIONS[name].needs
        if caller is None:
            wanted = "MissingAuthenticationTokenException"
        elif caller == "unknown":
            wanted = "UnrecognizedClientException"
        elif isinstance(needs, Role):
            wanted = (
                "passes" if CALLERS[caller][0] is not Role.VIEWER or needs is Role.VIEWER else "AccessDeniedException"
            )
        else:
            said = expected(f"{needs} on stream", caller)
            wanted = {
                "403 stream.denied": "AccessDeniedException",
                "404 stream.not_found": "ResourceNotFoundException",
            }.get(said, said)
        if found != wanted:
            wrong.append(f"{caller}: {status} {answer}, needed: {wanted}")
    assert not wrong, "\n".join([name, *wrong])


async def _ask(app: Any, request: AWSRequest) -> tuple[int, dict[str, Any]]:
    headers = [(k.lower().encode(), str(v).encode()) for k, v in request.headers.items()] + [(b"host", b"localhost")]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.data, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], orjson.loads(body) if body else {}
