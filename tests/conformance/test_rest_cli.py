"""Every command against a real server: what a person reads, what a program gets by --json, and the exit code."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gureum import cli
from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.catalog.identity import OPERATOR
from gureum.settings import Settings
from gureum.testing.platform import RunningPlatform, wait_until

pytestmark = [pytest.mark.conformance, pytest.mark.xdist_group("platform")]

# These have a server of their own: tests/crash/test_processes.py, the demo's tests and test_debugger_runs.py; or none: test_runtimes.py.
ELSEWHERE = {
    "up",
    "down",
    "demo",
    "process",
    "run findings",
    *(f"runtime {act}" for act in ("list", "install", "verify", "remove")),
}

# Commands of models are tested beside what they need.
ALSO_IN = ("test_experiments.py", "test_serving.py")

Run = Callable[..., str]


@pytest.fixture(scope="module")
def folder(platform: RunningPlatform) -> str:
    return str(platform.folder)


@pytest.fixture
def run(folder: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command in this process, and return what it printed; `code` is the exit code that it must have."""

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        # All but `settings`, which asks nobody, are about a folder.
        about = [] if arguments[0] == "settings" else ["--folder", folder]
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, *about])
        said = capsys.readouterr()
        assert ended.value.code == code, said.out + said.err
        return said.err if code else said.out

    return run


def _name(arguments: list[str]) -> str:
    groups = {group.name for group in cli.app.registered_groups}
    return " ".join(arguments[:2] if arguments and arguments[0] in groups else arguments[:1])


def both(run: Run, *arguments: str) -> tuple[str, Any]:
    """The plain and the JSON form of one command that only looks."""
    return run(*arguments), json.loads(run(*arguments, "--json"))


def test_streams(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert run("stream", "create", "cli_clicks", "--shards", "2") == "stream cli_clicks is there\n"
    assert json.loads(run("stream", "create", "cli_other", "--json"))["shards"] == 1
    assert run("stream", "put", "cli_clicks", '{"n": 1}', '"가"', "--key", "k") == "2 records stored\n"
    (position,) = json.loads(run("stream", "put", "cli_clicks", '{"n": 3}', "--key", "k", "--json"))
    assert position["shard"].startswith("shardId-")
    lines = tmp_path / "lines"
    lines.write_text('{"n": 4}\n\n{"n": 5}\n')
    with lines.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert run("stream", "put", "cli_clicks", "--key", "k") == "2 records stored\n"
    assert run("stream", "tail", "cli_clicks", "--from-start", "--count", "5") == (
        '{"n": 1}\n"가"\n{"n": 3}\n{"n": 4}\n{"n": 5}\n'
    )
    first = json.loads(run("stream", "tail", "cli_clicks", "--from-start", "--count", "1", "--json"))
    assert (first["key"], first["data"]) == ("k", {"n": 1})
    text, rows = both(run, "stream", "list")
    assert next(line.split()[:3] for line in text.splitlines() if "cli_clicks" in line) == ["cli_clicks", "2", "5"]
    assert {row["name"]: row["records"] for row in rows}["cli_clicks"] == 5
    text, body = both(run, "stream", "show", "cli_clicks")
    assert "5 records" in text
    assert "columns: n BIGINT" in text
    assert [shard["records"] for shard in body["stream_shards"]] in ([5, 0], [0, 5])
    assert run("stream", "delete", "cli_clicks", "--yes") == "stream cli_clicks is deleted\n"
    run("stream", "delete", "cli_other", "-y")


def test_sql_and_tables(run: Run, tmp_path: Path):
    script = tmp_path / "make.sql"
    script.write_text(
        "CREATE TABLE cli.kept (n BIGINT NOT NULL, name VARCHAR); INSERT INTO cli.kept VALUES (1, '가'), (22, NULL)"
    )
    assert run("sql", f"@{script}") == "2 rows\n"
    assert run("sql", "SELECT * FROM cli.kept ORDER BY n") == " n  name\n 1  가\n22\n"
    assert json.loads(run("sql", "SELECT * FROM cli.kept ORDER BY n", "--json")) == [
        {"n": 1, "name": "가"}, {"n": 22, "name": None},
    ]  # fmt: skip
    assert run("sql", "CREATE TABLE cli.empty (n BIGINT)") == "done\n"
    text, rows = both(run, "table", "list")
    assert "cli.kept" in text
    assert {row["name"]: row["rows"] for row in rows}["cli.kept"] == 2
    text, body = both(run, "table", "show", "cli.kept")
    assert "version 1, 2 rows" in text
    assert [(c["name"], c["type"], c["nullable"]) for c in body["columns"]] == [
        ("n", "BIGINT", False), ("name", "STRING", True),
    ]  # fmt: skip
    text, rows = both(run, "table", "sample", "cli.kept", "--limit", "1")
    assert len(rows) == 1
    assert json.loads(run("table", "sample", "cli.kept", "--version", "0", "--json")) == []
    text, versions = both(run, "table", "history", "cli.kept")
    assert "INSERT" in text
    assert [entry["version"] for entry in versions] == [1, 0]
    for name in ("cli.kept", "cli.empty"):
        assert run("table", "drop", name, "--yes") == f"table {name} is dropped\n"


def test_standing_queries_alerts_and_destinations(run: Run):
    run("stream", "create", "cli_sensors")
    sql = (
        "CREATE TABLE s (device STRING, temp DOUBLE) WITH ('stream' = 'cli_sensors', 'format' = 'json');"
        "INSERT INTO cli.hot SELECT device, temp FROM s"
    )
    assert "Source stream 'cli_sensors'" in run("query", "create", "cli_q", "--sql", sql, "--check")
    assert json.loads(run("query", "create", "cli_q", "--sql", sql, "--check", "--json"))["into"] == "cli.hot"
    alert = ("--notify", "log", "--when", "temp > 90", "--key", "device", "--checkpoint-s", "0.2")
    assert run("query", "create", "cli_q", "--sql", sql, *alert) == "query cli_q is standing\n"
    assert "exists" in run("query", "create", "cli_q", "--sql", sql, code=1)
    run("stream", "put", "cli_sensors", '{"device": "m1", "temp": 99}', '{"device": "m2", "temp": 1}')
    wait_until(lambda: len(json.loads(run("query", "rows", "cli_q", "--json"))) == 2, what="the rows", timeout_s=30)
    assert "m1" in run("query", "rows", "cli_q")
    text, rows = both(run, "query", "list")
    assert "cli_q" in text
    assert next(row["status"]["rows_out"] for row in rows if row["name"] == "cli_q") == 2
    text, body = both(run, "query", "show", "cli_q")
    assert "INSERT INTO cli.hot" in text
    assert body["status"]["state"] == "running"
    wait_until(
        lambda: [a["key"] for a in json.loads(run("alert", "list", "--json"))["firing"] if a["query"] == "cli_q"],
        what="the alert", timeout_s=30,
    )  # fmt: skip
    assert "device=m1" in run("alert", "list")
    assert run("query", "stop", "cli_q") == "query cli_q is stopped\n"
    assert json.loads(run("query", "stop", "cli_q", "--drain", "--json"))["name"] == "cli_q"
    assert run("query", "start", "cli_q") == "query cli_q is started\n"
    assert json.loads(run("query", "start", "cli_q", "--reset", "--json"))["desired"] == "running"
    assert run("query", "delete", "cli_q", "--yes") == "query cli_q is deleted\n"

    address = "https://hooks.example/secret-path?token=secret-word"
    assert run("destination", "create", "cli_ops", "--webhook", address) == "destination cli_ops is there\n"
    made = json.loads(run("destination", "create", "cli_ops2", "--webhook", address, "--json"))
    assert made["url_shown"] == "https://hooks.example"
    text, rows = both(run, "destination", "list")
    assert "cli_ops" in text
    assert "secret" not in text + json.dumps(rows)
    for name in ("cli_ops", "cli_ops2"):
        assert run("destination", "delete", name) == f"destination {name} is deleted\n"
    run("stream", "delete", "cli_sensors", "-y")


def test_people_credentials_and_grants(run: Run, platform: RunningPlatform):
    assert f"at {platform.url}/link/" in run("user", "create", "cli_vera", "--role", "viewer")
    assert json.loads(run("user", "create", "cli_ben", "--json"))["link"].startswith(platform.url)
    text, rows = both(run, "user", "list")
    assert "cli_vera" in text
    assert {row["name"]: row["role"] for row in rows}["cli_vera"] == "viewer"
    assert run("link", "cli_vera").startswith(f"{platform.url}/link/")
    assert run("token", "create", "for ci", "--days", "1").startswith("gureum_")
    assert json.loads(run("token", "create", "for ci", "--json"))["label"] == "for ci"
    exports = dict(line.removeprefix("export ").split("=", 1) for line in run("key", "create").splitlines())
    assert exports["AWS_ENDPOINT_URL_KINESIS"] == platform.kinesis
    assert json.loads(run("key", "create", "--label", "k", "--json"))["endpoint"] == platform.kinesis
    run("stream", "create", "cli_granted")
    assert run("grant", "give", "stream", "cli_granted", "cli_ben", "write") == "cli_ben may write stream cli_granted\n"
    text, rows = both(run, "grant", "list", "stream", "cli_granted")
    assert "cli_ben" in text
    assert [(row["grantee"], row["permission"]) for row in rows] == [("cli_ben", "write")]
    assert run("grant", "take", "stream", "cli_granted", "cli_ben") == "cli_ben has no grant on stream cli_granted\n"
    assert run("grant", "list", "stream", "cli_granted") == "none\n"
    run("stream", "delete", "cli_granted", "-y")


def test_the_server_itself(run: Run, platform: RunningPlatform):
    text, body = both(run, "status")
    assert "nothing is wrong" in text
    assert {process["state"] for process in body["processes"]} <= {"running", "asleep"}
    text, findings = both(run, "doctor")
    assert "WRONG" not in text
    assert all(finding["ok"] for finding in findings)
    text, rows = both(run, "settings")
    assert "kinesis_port" in text
    assert {"setting", "default", "meaning"} == set(rows[0])


def test_an_error_is_one_sentence_with_the_cure_and_code_1(run: Run):
    run("stream", "create", "cli_clicks")
    for arguments, said in [
        (("stream", "show", "cli_cliks"), "gureum: stream 'cli_cliks' does not exist\n  did you mean 'cli_clicks'?\n"),
        (("stream", "create", "cli_clicks"), "gureum: stream 'cli_clicks' exists\n"),
        (("stream", "put", "cli_clicks", "{bad"), "gureum: record 1 is not JSON"),
        (("sql", "SELECT\n  nope FROM range(3)"), "(line 2, column 3)"),
        (("sql", "@nowhere.sql"), "gureum: cannot read nowhere.sql: No such file or directory\n"),
        (("table", "show", "nowhere"), "gureum: table 'main.nowhere' does not exist\n"),
        (("query", "start", "nowhere"), "gureum: query 'nowhere' does not exist\n"),
        (("user", "create", "x", "--role", "king"), "gureum: role: Input should be 'admin', 'editor' or 'viewer'"),
        (("grant", "give", "strem", "a", "b", "read"), "did you mean 'stream'?"),
    ]:  # fmt: skip
        found = run(*arguments, code=1)
        assert said in found, arguments
        assert "Traceback" not in found
    run("stream", "delete", "cli_clicks", "-y")


def test_tasks(run: Run, platform: RunningPlatform):
    # Nothing that a user can ask for fails like a kind which does not exist, so it is put into the queue by hand.
    local = Platform(Settings(folder=platform.folder))
    task = local.tasks.submit("no_such_kind", "cli_task", local.identity.actor(OPERATOR, via="test"), {"n": 1})
    waiting = local.tasks.submit("no_such_kind", "cli_later", SYSTEM, {}, due_at_ms=task.created_at_ms + 3_600_000)
    local.close()
    body = wait_until(
        lambda: (one := json.loads(run("task", "show", task.id)))["ended_at_ms"] and one, what="its end", timeout_s=60
    )
    assert (body["state"], body["error"]["code"], body["spec"]) == ("failed", "task.kind", {"n": 1})
    assert "there is no task of kind 'no_such_kind'" in run("task", "log", task.id)
    text, rows = both(run, "task", "list", "--kind", "no_such_kind")
    assert "cli_task" in text
    assert [row["name"] for row in rows] == ["cli_later", "cli_task"]
    assert run("task", "cancel", waiting.id) == f"task {waiting.id} is being stopped\n"
    assert json.loads(run("task", "show", waiting.id))["state"] == "cancelled"
    assert "'nobody' does not exist" in run("task", "show", "nobody", code=1)


@pytest.fixture
def presses(run: Run) -> Iterator[str]:
    """A small table to learn from: wear follows force, and is told apart well enough by it."""
    run("sql", "CREATE TABLE cli.presses (at TIMESTAMP, force DOUBLE, noise DOUBLE, wear DOUBLE)")
    run("sql", "INSERT INTO cli.presses SELECT TIMESTAMP '2026-01-01' + INTERVAL 1 MINUTE * n, n % 17, hash(n) % 100 / 100, "
        "3 * (n % 17) + hash(n) % 100 / 5 FROM range(200) AS r(n)")  # fmt: skip
    yield "cli.presses"
    run("table", "drop", "cli.presses", "-y")


@pytest.mark.timeout(480)
def test_a_fit_and_a_tuning(run: Run, presses: str, tmp_path: Path):
    told = run("autopilot", "start", "cli_wear", presses, "wear", "--budget-s", "60", "--option", "include=[\"linear\"]",
               "--option", "folds=3", "--option", "candidates=2", "--wait")  # fmt: skip
    assert "candidates, rmse" in told
    assert "model cli_wear" in told
    text, rows = both(run, "autopilot", "list")
    assert [(row["name"], row["state"]) for row in rows] == [("cli_wear", "done")]
    assert "wear" in text
    text, body = both(run, "autopilot", "show", "cli_wear")
    assert "linear " in text
    assert "model.py" in text
    assert body["progress"]["leaderboard"][0]["family"] == "linear"
    run("autopilot", "save", "cli_wear", str(tmp_path / "kept"))
    assert "wear" in (tmp_path / "kept" / "model.py").read_text()
    assert "has no column 'wera'" in run("autopilot", "start", "cli_x", presses, "wera", "--wait", code=1)
    assert "is no option" in run("autopilot", "start", "cli_x", presses, "wear", "--option", "folds", code=1)
    assert "there is no autopilot 'nothing'" in run("autopilot", "show", "nothing", code=1)

    started = json.loads(run("tuning", "start", "cli_wear_t", presses, "wear", "--trials", "3", "--json"))
    assert (started["kind"], started["spec"]["trials"]) == ("tuning", 3)
    wait_until(lambda: "done" in run("tuning", "show", "cli_wear_t"), what="the trials", timeout_s=240)
    text, body = both(run, "tuning", "show", started["id"])
    assert body["result"]["trials"] == 3
    assert "best" in text
    assert "cli_wear_t" in both(run, "tuning", "list")[0]


@pytest.mark.timeout(300)
def test_a_monitor(run: Run, presses: str):
    made = json.loads(
        run("monitor", "create", "cli_watch", presses, "--time-column", "at", "--every", "1 hour", "--json")
    )
    assert (made["state"], made["rows_min"]) == ("no baseline", 100)
    assert "knows 200 rows" in run("monitor", "baseline", "cli_watch", "SELECT force, noise, wear FROM cli.presses")
    wait_until(lambda: json.loads(run("monitor", "show", "cli_watch", "--json"))["windows"][:1] and "done" in
               run("monitor", "show", "cli_watch"), what="a window", timeout_s=120)  # fmt: skip
    assert json.loads(run("monitor", "window", "cli_watch", "1"))["rows"] == 200
    assert "cli_watch" in both(run, "monitor", "list")[0]
    assert run("monitor", "stop", "cli_watch") == "monitor cli_watch is stopped\n"
    assert json.loads(run("monitor", "start", "cli_watch", "--json"))["running"]
    run("monitor", "delete", "cli_watch", "-y")
    assert "cli_watch" in run("monitor", "show", "cli_watch", code=1)


def test_an_endpoint_or_model_that_is_not_there_is_named(run: Run):
    assert "cli_nobody" in run("endpoint", "rollback", "cli_nobody", code=1)
    assert "cli_nobody" in run("endpoint", "delete", "cli_nobody", "-y", code=1)
    assert "cli_no_model" in run("endpoint", "deploy", "cli_nobody", "cli_no_model", code=1)


def test_every_command_is_used_here():
    """By the text, so that it holds for a part of the tests and on any worker."""
    used = set()
    for file in (Path(__file__), *(Path(__file__).with_name(name) for name in ALSO_IN)):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in {"run", "both", "gureum", "gureum_"}:
                words = [word.value for word in call.args if isinstance(word, ast.Constant)]
                if words and isinstance(words[0], str):
                    used.add(_name(words))
    commands = set()
    for group in cli.app.registered_groups:
        for command in group.typer_instance.registered_commands:
            name = str(command.name or command.callback.__name__)
            commands.add(f"{group.name} {name}" if group.name else name)
    assert commands - used - ELSEWHERE == set(), "a new command gets its line in this file"
