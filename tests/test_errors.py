"""The whole error tree at every door: each class has its words there, and no answer gives away what is inside."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from gureum import cli, errors
from gureum.errors import CorruptData, GureumError, InternalError, Unavailable, from_json
from gureum.gateways.http.errors import STATUS, install_errors
from gureum.gateways.internal.server import problem
from gureum.gateways.kinesis.errors import BY_CLASS, BY_CODE, kinesis_type, translate

SOURCE = Path(__file__).parents[1] / "src" / "gureum"
CLASSES = [getattr(errors, name) for name in errors.__all__ if name not in {"GureumError", "from_json"}]

# By what a client of that protocol does: a 5xx is tried again, a 4xx is not.
HTTP = {
    "InvalidInput": 400, "NotAuthenticated": 401, "PermissionDenied": 403, "NotFound": 404, "Conflict": 409,
    "LimitExceeded": 429, "InternalError": 500, "CorruptData": 500, "Unavailable": 503,
}  # fmt: skip
KINESIS = {
    "InvalidInput": "InvalidArgumentException", "NotAuthenticated": "UnrecognizedClientException",
    "PermissionDenied": "AccessDeniedException", "NotFound": "ResourceNotFoundException",
    "Conflict": "ResourceInUseException", "LimitExceeded": "LimitExceededException", "Unavailable": "ServiceUnavailable",
    "CorruptData": "InternalFailure", "InternalError": "InternalFailure",
}  # fmt: skip

SECRET = "hunter2-postgresql://gureum:pw@host"


@pytest.mark.parametrize("cls", CLASSES, ids=[cls.__name__ for cls in CLASSES])
def test_each_class_has_its_words_at_each_door(cls: type[GureumError], capsys, monkeypatch):
    error = cls("m", code="a.b", hint="h", line=2)
    assert STATUS[cls] == HTTP[cls.__name__]
    assert BY_CLASS[cls][0] == kinesis_type(error)[0] == KINESIS[cls.__name__]
    assert (translate(error).status >= 500) == (STATUS[cls] >= 500)
    assert "m (h)" in translate(error).message

    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("gureum.cli.stream.open_client", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main(["stream", "list"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "gureum: m\n  h\n"


def test_each_door_knows_just_the_tree():
    assert set(STATUS) == set(CLASSES)
    assert set(BY_CLASS) == set(CLASSES)
    codes = _codes()
    assert set(BY_CODE) <= codes, "a code that nothing raises"


@pytest.fixture
def app() -> FastAPI:
    """Any route: it raises what the test puts there."""
    app = FastAPI()
    install_errors(app)

    @app.get("/api/raise")
    def fail() -> None:
        raise app.state.error

    @app.post("/api/body")
    def take(body: dict[str, int]) -> None:
        del body

    return app


async def ask(app: FastAPI, method: str = "GET", path: str = "/api/raise", **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gureum") as client:
        return await client.request(method, path, **options)


@pytest.mark.parametrize("cls", CLASSES, ids=[cls.__name__ for cls in CLASSES])
@pytest.mark.anyio
async def test_a_problem_body_is_one_and_turns_back_into_the_error(cls: type[GureumError], app: FastAPI):
    app.state.error = cls("m", code="a.b", hint="h", line=2, column=7)
    answer = await ask(app)
    assert answer.status_code == HTTP[cls.__name__]
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["title"], body["status"], body["detail"]) == (
        "urn:gureum:a.b", cls.__name__, answer.status_code, "m",
    )  # fmt: skip
    assert re.fullmatch(r"[0-9a-f]{12}", body["request_id"])
    got = from_json(body)
    assert (type(got), got.message, got.code, got.hint, got.details) == (cls, "m", "a.b", "h", {"line": 2, "column": 7})


@pytest.mark.anyio
async def test_an_unknown_error_is_told_by_a_number_that_the_log_has_too(app: FastAPI, caplog):
    app.state.error = RuntimeError(f"cannot connect to {SECRET}")
    with caplog.at_level(logging.ERROR):
        answer = await ask(app)
    assert answer.status_code == 500
    for inside in (SECRET, "Traceback", "RuntimeError", ".py", "cannot connect"):
        assert inside not in answer.text
    assert answer.json()["request_id"] in caplog.text
    assert answer.json()["request_id"] in answer.json()["hint"]
    assert "RuntimeError" in caplog.text


def test_a_process_of_ours_gives_no_more_away():
    body = orjson.loads(problem(RuntimeError(f"cannot connect to {SECRET}")).body)
    assert type(from_json(body)) is InternalError
    for inside in (SECRET, "Traceback", ".py", "cannot connect"):
        assert inside not in json.dumps(body)
    ours = Unavailable("m", code="a.b", hint="h", line=2)
    assert from_json(orjson.loads(problem(ours).body)).to_json() == ours.to_json()


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/api/nowhere", {}, 404, "route.not_found"),
        ("DELETE", "/api/raise", {}, 405, "route.method"),
        (
            "POST",
            "/api/body",
            {"content": b"{", "headers": {"content-type": "application/json"}},
            400,
            "request.invalid",
        ),
        ("POST", "/api/body", {"json": {"n": "x"}}, 400, "request.invalid"),
        ("POST", "/api/body", {}, 400, "request.invalid"),
    ],
)
@pytest.mark.anyio
async def test_what_the_framework_refuses_has_the_same_form(method, path, options, status, code, app: FastAPI):
    answer = await ask(app, method, path, **options)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["status"] == status
    assert isinstance(from_json(answer.json()), GureumError)


def test_an_error_that_is_corrupt_data_names_what_to_restore():
    """The hint is all that a person has at such a moment."""
    calls = re.compile(r"CorruptData\((?:[^()]|\([^()]*\))*\)", re.DOTALL)
    for path in SOURCE.rglob("*.py"):
        for call in calls.findall(path.read_text("utf-8")):
            if "code=" in call:
                assert "hint=" in call, f"{path.relative_to(SOURCE)}: give this a hint: {call}"


def test_codes_are_dotted_and_stable():
    for code in _codes():
        assert re.fullmatch(r"[a-z]+(\.[a-z0-9_]+)+", code), code


def _codes() -> set[str]:
    return {
        code
        for path in SOURCE.rglob("*.py")
        for code in re.findall(r"""\bcode=["']([^"'{}]+)["']""", path.read_text("utf-8"))
    }


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_corrupt_data_is_no_reason_to_try_again_at_kinesis_with_other_data():
    assert translate(CorruptData("m")).status == 500
