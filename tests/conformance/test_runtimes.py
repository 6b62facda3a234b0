"""A runtime by the command line, for real: a small package from the index that uv is set to, installed, verified, removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gureum import cli
from gureum.runtimes.runtime import RUNTIMES, Runtime

pytestmark = pytest.mark.conformance

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a folder that no server holds; `code` is the exit code that it must have."""
    lock = tmp_path / "tiny.txt"
    lock.write_text("six==1.17.0\ntoolz==1.2.0\n", "utf-8")
    monkeypatch.setitem(RUNTIMES, "tiny", Runtime("tiny", "for this test", "3.11", 10_000_000, lock))

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(["runtime", *arguments, "--folder", str(tmp_path / "data")])
        said = capsys.readouterr()
        if "runtime.no_index" in said.err or "cannot be fetched" in said.err:
            pytest.skip("no package index is in reach")
        assert ended.value.code == code, said.out + said.err
        return said.err if code else said.out

    return run


def state(run: Run) -> str:
    return {row["name"]: row["state"] for row in json.loads(run("list", "--json"))}["tiny"]


def test_a_runtime_is_installed_verified_and_removed(run: Run):
    assert state(run) == "absent"
    assert "gureum runtime install tiny" in run("verify", "tiny", code=1)
    done = json.loads(run("install", "tiny", "--json"))
    assert (done["state"], done["packages"]) == ("installed", 2)
    assert state(run) == "installed"
    assert "for this test" in run("list")

    report = json.loads(run("verify", "tiny", "--json"))
    assert {checked["name"]: checked["outcome"] for checked in report["imports"]} == {"six": "ok", "toolz": "ok"}
    assert report["failed"] == []
    assert "0 failed" in run("verify", "tiny")

    run("remove", "tiny", "--yes")
    assert state(run) == "absent"


def test_an_unknown_runtime_names_those_that_there_are(run: Run):
    assert "did you mean 'tiny'" in run("install", "tini", code=1)
