"""How often the monitor alarms in clean windows, and how often it finds a drift and names it first.

    python -m benchmarks.monitor [--quick] [--no-peers]

Clean: windows of 100, 1,000 and 5,000 rows of every world (see `worlds`), against baselines of 10,000. Drifted: windows of
5,000 rows of the mixed world, each with one drift (see `drifts`). Thresholds were chosen on seeds below 100; these figures
are of seeds above. Evidently and NannyML see windows of the mixed world too, fewer, with their defaults.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._peers import PeerMissing, peer_python
from benchmarks.monitor.drifts import DRIFTS
from benchmarks.monitor.peers import REQUIREMENTS
from benchmarks.monitor.worlds import WORLDS, World
from gureum import monitor

GOALS = {"false_alarms_max": 0.02, "power_min": 0.9, "check_5000_cpu_s_max": 0.5}

SEED = 1000
BASELINE_ROWS = 10_000
DRIFT_ROWS = 5_000
PEER_S_MAX = 1_800


def clean(world: World, *, baselines: int, windows: int, rows: int) -> tuple[int, int]:
    """(alarms, windows)."""
    alarms = count = 0
    for number in range(baselines):
        random = np.random.default_rng([SEED, number, rows])
        base, drawn = world.draw(random, BASELINE_ROWS, windows, rows)
        normal = monitor.baseline(base, **world.roles)
        for window in drawn:
            alarms += monitor.check(window, normal).alarm
            count += 1
    return alarms, count


def drifted(windows: int) -> tuple[dict[str, dict[str, float]], float]:
    """({drift: {found, named}}, CPU seconds a check)."""
    world = WORLDS[0]
    random = np.random.default_rng([SEED, 1])
    base, drawn = world.draw(random, BASELINE_ROWS, windows, DRIFT_ROWS)
    normal = monitor.baseline(base, **world.roles)
    rates: dict[str, dict[str, float]] = {}
    spent = checks = 0.0
    for drift in DRIFTS:
        found = named = 0
        for window in drawn:
            changed = drift.change(window.copy(), random)
            started = time.process_time()
            report = monitor.check(changed, normal)
            spent, checks = spent + time.process_time() - started, checks + 1
            found += report.alarm
            named += report.culprit in drift.culprits
        rates[drift.name] = {"found": found / windows, "named": named / windows}
        print(f"  {drift.name:28} found {found / windows:4.0%}  named first {named / windows:4.0%}", flush=True)
    return rates, spent / checks


def peers(windows: int) -> dict[str, Any]:
    """The same kind of cases for each peer, and for us on the very same windows."""
    world = WORLDS[0]
    random = np.random.default_rng([SEED, 2])
    base, drawn = world.draw(random, BASELINE_ROWS, windows, DRIFT_ROWS)
    base = base.drop(columns="empty")  # neither takes a column without values
    normal = monitor.baseline(base, **world.roles)
    cases: dict[str, list[pd.DataFrame]] = {"clean": [window.drop(columns="empty") for window in drawn]}
    for number, drift in enumerate(DRIFTS):
        cases[f"d{number:02}"] = [drift.change(drawn[0].copy(), random).drop(columns="empty")]
    rates = {"gureum": _rates([
        (case, (report := monitor.check(window, normal)).alarm, report.culprit)
        for case, changed in cases.items() for window in changed
    ])}  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for case, changed in cases.items():
            (folder / case).mkdir()
            base.to_parquet(folder / case / "baseline.parquet")
            for number, window in enumerate(changed):
                window.to_parquet(folder / case / f"window{number:03}.parquet")
        for name, requirements in REQUIREMENTS.items():
            try:
                python = peer_python(name, *requirements)
            except PeerMissing as error:
                print(f"  {name}: not here ({error})")
                continue
            done = subprocess.run(
                [str(python), str(Path(__file__).with_name("peers.py")), name, str(folder)],
                env={**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"},
                capture_output=True, text=True, timeout=PEER_S_MAX, check=False,
            )  # fmt: skip
            lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            if not lines:
                print(f"  {name}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'said nothing'}")
                continue
            rates[name] = _rates([(one["case"], one["alarm"], one["first"]) for one in lines if "error" not in one])
            rates[name]["failed"] = sum("error" in one for one in lines)
    for name, one in rates.items():
        print(f"  {name:10} {one}")
    return rates


def _rates(found: list[tuple[str, bool, str | None]]) -> dict[str, float]:
    quiet = [alarm for case, alarm, _ in found if case == "clean"]
    moved = [(DRIFTS[int(case[1:])], alarm, first) for case, alarm, first in found if case != "clean"]
    return {
        "false_alarms": sum(quiet) / max(1, len(quiet)),
        "found": sum(alarm for _, alarm, _ in moved) / max(1, len(moved)),
        "named": sum(first in drift.culprits for drift, _, first in moved) / max(1, len(moved)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    baselines, windows, repeats = (1, 10, 1) if arguments.quick else (5, 40, 10)

    print("clean windows")
    rates: dict[str, float] = {}
    alarms = count = 0
    for world in WORLDS:
        for rows in (100, 1_000, 5_000):
            few, many = clean(world, baselines=baselines, windows=windows, rows=rows)
            rates[f"{world.name} {rows}"] = few / many
            alarms, count = alarms + few, count + many
            print(f"  {world.name:12} {rows:>5} rows: {few} of {many}", flush=True)
    print("drifted windows")
    power, cpu_s = drifted(repeats)
    beside = {} if arguments.no_peers else peers(5 if arguments.quick else 30)

    least = min(one["found"] for one in power.values())
    figures = {
        "false_alarms": alarms / count,
        "clean_windows": count,
        "false_alarms_by_world": rates,
        "power_least": least,
        "named_first": float(np.mean([one["named"] for one in power.values()])),
        "check_5000_cpu_s": round(cpu_s, 3),
        "peers": beside,
    }
    holds = (
        figures["false_alarms"] <= GOALS["false_alarms_max"]
        and least >= GOALS["power_min"]
        and cpu_s <= GOALS["check_5000_cpu_s_max"]
    )
    print(json.dumps({"name": "monitor", "figures": figures, "goals": GOALS, "holds": bool(holds)}))


if __name__ == "__main__":
    main()
