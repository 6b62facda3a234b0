"""The repository's habits, where no tool has them: a message names the cure.

Elsewhere: layers and cycles (`lint-imports`), who may call a route (`tests/unit/gateways/http/test_roles.py`), the words of
errors (`tests/test_errors.py`), a reason in every `type: ignore` and `noqa` (ruff's PGH).
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "gureum"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
ALL = [
    *MODULES,
    *TESTS,
    *(path for name in ("benchmarks", "examples", "scripts") for path in (ROOT / name).rglob("*.py")),
]

# Names that say nothing: whatever has one soon holds everything.
NO_NOUNS = {
    "utils",
    "util",
    "common",
    "core",
    "manager",
    "managers",
    "service",
    "services",
    "helpers",
    "helper",
    "misc",
    "base",
}

LINES_MAX = 650
# A table of rows of one kind may be longer, as long as it is only that.
LONGER: dict[str, int] = {}

# What comes in as an argument elsewhere: where it may be taken from the system, and why.
WALL_CLOCK = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
MAY_TELL_THE_TIME = {
    "clock.py": "the clock itself",
    "cli/show.py": "shows a person how long ago something was",
    "processes/supervisor.py": "its report of the processes; it runs in no test's process",
    "tables/staging.py": "the modification time that a Delta log wants of each file; nothing decides by it",
    "tables/table.py": "the modification time that a Delta log wants of each file; nothing decides by it",
}
ENVIRONMENT = {"os.environ", "os.getenv", "os.environb"}
MAY_READ_THE_ENVIRONMENT = {
    "__init__.py": "GUREUM_URL and GUREUM_TOKEN of a user's own program",
    "app.py": "the one place that builds things",
    "autopilot/record.py": "MLFLOW_TRACKING_URI of a user's own program: nothing is recorded without it",
    "cli/connect.py": "passes it to the settings",
    "client/tracked.py": "MLflow's client takes the token from nowhere else; as it was after the run",
    "tuning/search.py": "whether the user has an MLflow, and what workers inherit",
    "client/endpoint.py": "MLflow's client takes its token from there",
    "demo/run.py": "whether there is a screen for the browser",
    "processes/child.py": "what a child process gets",
    "processes/task.py": "what a task's process gets",
    "testing/kinesis.py": "what a client's process gets",
    "testing/platform.py": "what the platform's process gets",
    "tracking/hosted.py": "MLflow's server takes its settings from nowhere else, at import",
}
MAY_BE_RANDOM = {
    "sql/streaming/host.py": "restarts must not come all at once; no result depends on it",
}

# Packages whose tests are not in tests/unit, because they are nothing without a server.
TESTED_ELSEWHERE = {
    "cli": "tests/conformance/test_rest_cli.py",
    "client": "tests/conformance/test_library.py",
    "demo": "tests/crash/test_demo_kills.py",
    "studio": "tests/browser/test_studio.py",
    "testing": "tests/conftest.py",
}


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def reads(path: Path, names: set[str]) -> list[str]:
    """Where a module uses one of these dotted names, however it was imported."""
    text = path.read_text("utf-8")
    if not any(name.partition(".")[0] in text for name in names):
        return []
    from_import = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    ends = {name.rpartition(".")[2] for name in names}
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute | ast.Name) and _last(node) in ends:
            first, dot, rest = ast.unparse(node).partition(".")
            whole = from_import.get(first, first) + dot + rest
            if any(whole == name or whole.endswith(f".{name}") for name in names):
                found.append(f"{shown(path)}:{node.lineno}")
    return found


def _last(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def check_places(names: set[str], allowed: dict[str, str], cure: str) -> None:
    """Only the allowed modules use the names, and each of those still does."""
    places = {str(path.relative_to(SOURCE)): reads(path, names) for path in MODULES}
    for name, found in places.items():
        assert not found or name in allowed, f"{', '.join(found)}: {cure}"
    idle = [name for name in allowed if not places.get(name)]
    assert not idle, f"{idle} no longer need to be allowed here: take them from the list in tests/test_architecture.py"


def test_a_file_or_folder_is_called_by_its_noun():
    for path in [*ALL, *(folder for folder in SOURCE.rglob("*") if folder.is_dir())]:
        words = {path.stem, *path.stem.split("_")}
        assert not words & NO_NOUNS, f"{shown(path)}: look for the noun that it belongs to, and call it so"


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "examples", "scripts"])
def test_a_module_opens_with_what_it_is(folder: str):
    for path in ALL:
        if shown(path).startswith(folder):
            told = ast.get_docstring(tree(path))
            assert told, f"{shown(path)}: open it with a docstring: what it is, who calls it, what it promises"


def test_a_file_is_about_one_thing():
    for path in ALL:
        limit = LONGER.get(str(path.relative_to(SOURCE)) if path.is_relative_to(SOURCE) else "", LINES_MAX)
        lines = len(path.read_text("utf-8").splitlines())
        assert lines <= limit, f"{shown(path)} has {lines} lines, at most {limit}: which second noun or act is in it?"


def test_the_time_comes_in_as_an_argument():
    check_places(WALL_CLOCK, MAY_TELL_THE_TIME, "take a `Clock` (gureum.clock), so that a test can say what time it is")


def test_the_environment_comes_in_as_settings():
    check_places(ENVIRONMENT, MAY_READ_THE_ENVIRONMENT, "take a setting, or what app.py can pass in")


def test_chance_comes_in_as_an_argument():
    unseeded = {f"random.{name}" for name in ("random", "uniform", "choice", "choices", "randint", "shuffle", "sample")}
    check_places(unseeded, MAY_BE_RANDOM, "take a `random.Random(seed)`, or use `secrets` where nobody may guess")
    for path in TESTS:
        found = reads(path, unseeded)
        assert not found, f"{', '.join(found)}: use `random.Random(seed)` and print the seed, or hypothesis"


def test_nothing_is_mocked():
    for path in TESTS:
        found = {name for name in imported(path) if name.startswith(("unittest.mock", "mock.", "pytest_mock"))}
        cure = "test the thing itself, or pass in a real one of its kind (gureum.testing)"
        assert not found, f"{shown(path)} imports {sorted(found)}: {cure}"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_sleep_in_a_test_says_why():
    for path in TESTS:
        lines = path.read_text("utf-8").splitlines()
        for node in ast.walk(tree(path)) if any("sleep(" in line for line in lines) else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep"}:
                yields = node.args and ast.unparse(node.args[0]) == "0"
                assert yields or "#" in lines[node.lineno - 1], (
                    f"{shown(path)}:{node.lineno}: pass a ManualClock, or wait on a condition (wait_until); "
                    "if the moment itself is the test, say so on the line"
                )


def test_every_package_has_its_place_in_the_architecture():
    layers = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("## Layers")[1].split("## ")[0]
    for package in packages():
        assert re.search(rf"\b{package}\b", layers), f"say in ARCHITECTURE.md, under Layers, where {package} stands"


def test_every_package_has_its_tests():
    for package in packages():
        if package in TESTED_ELSEWHERE:
            assert (ROOT / TESTED_ELSEWHERE[package]).is_file(), f"{TESTED_ELSEWHERE[package]} is not there any more"
        else:
            mirror = ROOT / "tests" / "unit" / package
            assert any(mirror.rglob("test_*.py")), f"tests/unit/{package} mirrors src/gureum/{package}: begin it"


def test_the_units_mirror_the_source():
    for folder in (ROOT / "tests" / "unit").rglob("*"):
        if folder.is_dir() and any(folder.glob("test_*.py")):
            inside = folder.relative_to(ROOT / "tests" / "unit")
            assert (SOURCE / inside).is_dir(), f"{shown(folder)} mirrors nothing in src/gureum: move its tests"


def packages() -> list[str]:
    return sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
