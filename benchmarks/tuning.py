"""What a trial costs beside the objective, next to Optuna's own storages; and that kills lose and double nothing.

`python -m benchmarks.tuning [--quick]`. All draw with the same sampler and run the same objective, which does nothing:

- `gureum`: `gureum.tune` as users call it, with one worker process, durable at each trial's end;
- `optuna_sqlite`: `study.optimize` on SQLite, the storage that Optuna names first;
- `optuna_journal`: `study.optimize` on its JournalFileBackend.

CPU is of all processes, start and imports not counted: each is measured over N trials and over a few, and the difference is divided.
Then tunings are killed with -9 at random moments and resumed, and the trials are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

CPU_SHARE_OF_SQLITE_MAX = 0.25

GUREUM = """
import sys
from gureum.tuning import float_range, int_range, log_float, tune
def objective(params):
    return params["x"]
tune(objective, {"x": float_range(0, 1), "y": log_float(1e-5, 1e-1), "n": int_range(1, 64)},
     budget=int(sys.argv[2]), sampler="random", name="s", resume=True, folder=sys.argv[1])
"""
OPTUNA = """
import sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.WARNING)
def objective(trial):
    trial.suggest_float("y", 1e-5, 1e-1, log=True)
    trial.suggest_int("n", 1, 64)
    return trial.suggest_float("x", 0, 1)
storage = STORAGE
study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())
study.optimize(objective, n_trials=int(sys.argv[2]))
"""
PROGRAMS = {
    "gureum": GUREUM,
    "optuna_sqlite": OPTUNA.replace("STORAGE", '"sqlite:///" + sys.argv[1] + "/study.db"'),
    "optuna_journal": OPTUNA.replace("STORAGE", 'JournalStorage(JournalFileBackend(sys.argv[1] + "/journal.log"))'),
}


def run_once(program: str, trials: int) -> tuple[float, float]:
    """CPU seconds of all its processes, and wall seconds."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", program, folder, str(trials)], check=True)
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def overhead(trials: int, runs: int) -> dict[str, float]:
    """Milliseconds a trial, the median of some runs; the programs take turns, so that a busy host troubles all alike."""
    few = 5
    cpu: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    wall: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(runs):
        for name, program in PROGRAMS.items():
            cpu_few, wall_few = run_once(program, few)
            cpu_all, wall_all = run_once(program, few + trials)
            cpu[name].append((cpu_all - cpu_few) / trials * 1000)
            wall[name].append((wall_all - wall_few) / trials * 1000)
    figures = {f"{name}_cpu_ms": round(median(times), 2) for name, times in cpu.items()}
    return figures | {f"{name}_wall_ms": round(median(times), 2) for name, times in wall.items()}


KILLED = GUREUM.replace("return params", "import time; time.sleep(0.02); return params").replace(
    'sampler="random"', 'sampler="random", n_jobs=2'
)


def kills(count: int, trials: int, seed: int) -> dict[str, int]:
    """Kill a tuning at random moments, resume it each time, and count what is there at the end."""
    from gureum.tuning import load  # Optuna takes its time to load

    chance = random.Random(seed)
    killed = 0
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "s" / "journal.jsonl"
        command = [sys.executable, "-c", KILLED, folder, str(trials)]
        for _ in range(count):
            size = journal.stat().st_size if journal.exists() else 0
            process = subprocess.Popen(command)
            while process.poll() is None and (journal.stat().st_size if journal.exists() else 0) <= size:
                time.sleep(0.01)  # until it works: a kill while it imports is no test
            time.sleep(chance.uniform(0.0, 0.5))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
            process.wait()
        subprocess.run(command, check=True)
        ended = [trial.user_attrs["gureum.outcome"] for trial in load("s", folder=folder).study.trials]
        retried = [trial.user_attrs.get("gureum.retry_of") for trial in load("s", folder=folder).study.trials]
    retried = [number for number in retried if number is not None]
    return {
        "kills": killed,
        "trials_wanted": trials,
        "trials_complete": ended.count("complete"),
        "trials_lost_and_tried_again": ended.count("lost"),
        "retries_doubled": len(retried) - len(set(retried)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    arguments = parser.parse_args()
    quick = arguments.quick
    print(f"seed {arguments.seed}")
    figures: dict[str, float] = overhead(100 if quick else 300, 1 if quick else 3)
    figures["cpu_share_of_sqlite"] = round(figures["gureum_cpu_ms"] / figures["optuna_sqlite_cpu_ms"], 3)
    figures["cpu_share_of_journal"] = round(figures["gureum_cpu_ms"] / figures["optuna_journal_cpu_ms"], 3)
    counted = kills(3 if quick else 10, 120 if quick else 300, arguments.seed)
    figures |= counted
    goals = {
        "cpu_share_of_sqlite": f"<= {CPU_SHARE_OF_SQLITE_MAX}",
        "trials_complete": "== trials_wanted",
        "retries_doubled": "== 0",
    }
    holds = (
        figures["cpu_share_of_sqlite"] <= CPU_SHARE_OF_SQLITE_MAX
        and counted["trials_complete"] == counted["trials_wanted"]
        and counted["retries_doubled"] == 0
    )
    print(json.dumps({"name": "tuning", "figures": figures, "goals": goals, "holds": holds}))


if __name__ == "__main__":
    main()
