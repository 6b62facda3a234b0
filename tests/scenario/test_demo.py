"""The main road: rows to a table, a model, an endpoint, captured requests, a drift that is named, an alert. `gureum demo` walks it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gureum.testing.platform import clean_environment

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def test_from_rows_to_a_watched_model(tmp_path: Path):
    command = [
        sys.executable,
        "-m",
        "gureum",
        "demo",
        "--only",
        "model",
        "--check",
        "--json",
        "--folder",
        str(tmp_path / "data"),
    ]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=390, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = {step["name"]: step for step in json.loads(done.stdout.splitlines()[-1])["steps"]}
    assert list(steps) == ["rows", "model", "endpoint", "monitor", "calm", "drift", "alert"]
    assert all(step["ok"] for step in steps.values())
    assert "unit? K -> °C" in steps["drift"]["seen"]
    assert "names air_temperature" in steps["alert"]["seen"]
