"""kill -9 of any process at random moments of the demo: it comes back by itself, and every window and alert is still right."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.effort import kills

KILLS = 50
SPEED_H = 32  # with which the readings last for that many
DEADLINE_S = 360


def processes(folder: Path) -> dict[str, int]:
    try:
        status = json.loads((folder / "run" / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return {p["name"]: p["pid"] for p in status["processes"] if p["state"] == "running" and p["name"] != "supervisor"}


@pytest.mark.crash
@pytest.mark.timeout(DEADLINE_S + 30)
def test_kills_of_any_process_change_no_window_and_no_alert(tmp_path: Path):
    seed = int(os.environ.get("GUREUM_TEST_SEED") or random.randrange(2**32))
    print(f"seed {seed} (GUREUM_TEST_SEED={seed} repeats it)")
    chance = random.Random(seed)
    wanted = kills(KILLS)
    speed_h = SPEED_H * KILLS // (wanted + 5)
    folder = tmp_path / "data"
    gureum = [sys.executable, "-m", "gureum"]
    environment = {**os.environ, "GUREUM_PORT": "0", "GUREUM_KINESIS_PORT": "0"}
    environment.pop("GUREUM_FOLDER", None)
    demo = subprocess.Popen(
        [*gureum, "demo", "--check", "--only", "readings", "--json", "--folder", str(folder), "--speed", str(speed_h)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    killed: list[str] = []
    deadline_s = time.monotonic() + DEADLINE_S
    try:
        while len(killed) < wanted and demo.poll() is None and time.monotonic() < deadline_s:
            time.sleep(chance.uniform(0.1, 2.0))  # the random moment itself, not a wait for something
            running = processes(folder)
            if running:
                name = chance.choice(sorted(running))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running[name], signal.SIGKILL)
                    killed.append(name)
        out, err = demo.communicate(timeout=max(1.0, deadline_s - time.monotonic()))
    finally:
        if demo.poll() is None:
            demo.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                demo.communicate(timeout=30)
            demo.kill()
    print(f"killed {len(killed)}: {', '.join(f'{name} {killed.count(name)}' for name in sorted(set(killed)))}")
    print(out, err)
    assert demo.returncode == 0, out + err
    result = json.loads(out.splitlines()[-1])
    assert result["differences"] == 0
    assert result["windows"] > 9000
    assert len(killed) == wanted, f"the demo was over after {len(killed)} kills"
