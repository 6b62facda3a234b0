"""kill -9 of tuning processes and their workers at random moments: no trial is lost, none counts twice, finished ones stay."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.effort import kills

from gureum.testing.platform import wait_until
from gureum.tuning import load

KILLS = 12
TRIALS = 60
DEADLINE_S = 240

SCRIPT = """
import sys, time
from gureum.tuning import Budget, choice, float_range, tune

def objective(params, trial):
    for step in range(3):
        time.sleep(0.1)
        trial.report(step, params["x"] + 1 / (step + 1))
    with open(sys.argv[2], "a") as log:
        log.write(f"{trial.number}\\n")
    return params["x"]

space = {"x": float_range(0, 1), "kind": choice({"a": {}, "b": {"y": float_range(0, 1)}})}
result = tune(objective, space, budget=Budget(trials=int(sys.argv[3])), n_jobs=2, name="s", resume=True, folder=sys.argv[1],
              early_stopping="asha", sampler="random")
print(result.ended)
"""


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("GUREUM_TEST_SEED") or random.randrange(2**32))
    print(f"seed {seed} (GUREUM_TEST_SEED={seed} repeats it)")
    return random.Random(seed)


def finished(folder: Path) -> dict[int, tuple[str, float, str]]:
    """What is told of each trial that has ended."""
    with contextlib.suppress(Exception):  # it is not there yet
        trials = load("s", folder=folder).study.trials
        return {
            t.number: (t.user_attrs["gureum.outcome"], repr(t.value), repr(t.params))
            for t in trials
            if t.state.is_finished()
        }
    return {}


@pytest.mark.crash
@pytest.mark.timeout(DEADLINE_S + 140)
def test_killed_tunings_and_workers_lose_no_trial_and_double_none(tmp_path: Path, chance: random.Random):
    folder, log = tmp_path / "studies", tmp_path / "log"
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), str(folder), str(log), str(TRIALS)]

    def start() -> psutil.Popen:
        return psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    tunings = [start(), start()]  # two processes on one study, all the time
    killed: list[str] = []
    told: dict[int, tuple[str, float, str]] = {}
    deadline_s = time.monotonic() + DEADLINE_S
    try:
        wait_until(lambda: finished(folder), what="the first trial", timeout_s=120)
        plan = ["parent", "worker"] * kills(KILLS // 2)
        chance.shuffle(plan)
        for kind in plan:
            time.sleep(chance.uniform(0.0, 0.5))  # the random moment itself, not a wait for something
            if kind == "worker":
                wait_until(lambda: any(map(_children, tunings)) or _over(tunings), what="a worker", timeout_s=120)
                tuning = chance.choice([tuning for tuning in tunings if _children(tuning)] or tunings)
            else:
                tuning = chance.choice(tunings)
            workers = _children(tuning)
            victim = chance.choice(workers) if kind == "worker" and workers else tuning
            if tuning.poll() is not None:
                break  # the budget is spent
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                victim.send_signal(signal.SIGKILL)
                killed.append("parent" if victim is tuning else "worker")
            if victim is tuning:
                tuning.communicate()
                gone = psutil.wait_procs(workers, timeout=10)[1]
                assert not gone, "workers die with their parent"
                tunings[tunings.index(tuning)] = start()
            now = finished(folder)
            assert {number: now.get(number) for number in told} == told, "a finished trial is as it was"
            told = now
        for tuning in tunings:
            out, err = tuning.communicate(timeout=max(1.0, deadline_s - time.monotonic()))
            assert (tuning.returncode, out) == (0, "trials\n"), err
        # Whoever ended first may have left the other one's last trial; a last call finds nothing or finishes it.
        last = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert last.returncode == 0, last.stderr
    finally:
        for tuning in tunings:
            with contextlib.suppress(psutil.NoSuchProcess):
                tuning.kill()
    print(f"killed {killed.count('parent')} parents and {killed.count('worker')} workers")

    trials = load("s", folder=folder).study.trials
    states = [trial.user_attrs.get("gureum.outcome") for trial in trials]
    print({state: states.count(state) for state in set(states)})
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert states.count("complete") + states.count("pruned") + states.count("failed") == TRIALS
    assert set(states) <= {"complete", "pruned", "failed", "lost"}, "nothing is left running"
    for trial in trials:
        retries = [other for other in trials if other.user_attrs.get("gureum.retry_of") == trial.number]
        if trial.user_attrs["gureum.outcome"] == "lost" and trial.params:
            [again] = retries
            assert again.params == trial.params
        else:
            assert not retries
        if trial.user_attrs["gureum.outcome"] == "failed":
            assert trial.user_attrs["gureum.attempt"] >= 2, "only a trial that died again and again has failed"
        if trial.user_attrs["gureum.outcome"] == "complete":
            assert trial.value == trial.params["x"]
    runs = log.read_text().split()
    assert len(runs) == len(set(runs)), "no trial was run twice under one number"
    assert {str(trial.number) for trial in trials if trial.user_attrs["gureum.outcome"] == "complete"} <= set(runs)
    assert "parent" in killed
    assert "worker" in killed


def _over(tunings: list[psutil.Popen]) -> bool:
    return any(tuning.poll() is not None for tuning in tunings)


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return list(process.children())
    except psutil.NoSuchProcess:
        return []
