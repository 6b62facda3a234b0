"""A model's monitor as a library: learn what is normal, check a window in which a sensor changed its unit.

python examples/monitor.py
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from gureum import monitor


def machines(seed: int, rows: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    air = random.normal(300, 2, rows)
    torque = random.normal(40, 10, rows)
    risk = 1 / (1 + np.exp(-(torque - 55) / 4))
    return pd.DataFrame(
        {
            "air_temperature": air,
            "process_temperature": air + 10 + random.normal(0, 1, rows),
            "torque": torque,
            "kind": random.choice(["L", "M", "H"], rows, p=[0.6, 0.3, 0.1]),
            "failure": (random.random(rows) < risk).astype(int),
            "score": risk,
        }
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "failure-monitor"
        monitor.baseline(machines(1, 10_000), target="failure", prediction="score").save(folder)
        print("files:", *sorted(path.name for path in folder.iterdir()))

        normal = monitor.Baseline.load(folder)
        print(monitor.check(machines(2, 5_000), normal))

        window = machines(3, 5_000)
        window["air_temperature"] -= 273.15
        report = monitor.check(window, normal)
        print(report)
        report.save_violations(folder / "constraint_violations.json")

        # The sensor's change is known: its own drift shall wake nobody until there is a new baseline.
        quiet = normal.with_constraints(normal.constraints.with_check_disabled("air_temperature"))
        unlabelled = window.drop(columns="failure")
        print("disabled:", "ALARM" if monitor.check(unlabelled, quiet).alarm else "quiet")


if __name__ == "__main__":
    main()
