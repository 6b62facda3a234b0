"""A world of machines, its baseline and a clean window of it, for every test of the monitor."""

import numpy as np
import pandas as pd
import pytest

from gureum import monitor


def machines(seed, rows):
    """A table of machines: numbers that depend on each other, a class, a count, a flag, a label and a score."""
    chance = np.random.default_rng(seed)
    air = chance.normal(300, 2, rows)
    load = chance.gamma(2, 20, rows)
    frame = pd.DataFrame(
        {
            "air": air,
            "process": air + 10 + chance.normal(0, 1, rows),
            "load": load,
            "kind": chance.choice(["L", "M", "H"], rows, p=[0.6, 0.3, 0.1]),
            "errors": chance.poisson(1, rows),
            "active": chance.random(rows) < 0.8,
            "device": [f"d{number:08x}" for number in chance.integers(0, 2**32, rows)],
        }
    )
    logit = (load - 40) / 10
    frame["failed"] = (chance.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    frame["score"] = 1 / (1 + np.exp(-logit))
    return frame


@pytest.fixture(scope="session")
def normal():
    return monitor.baseline(machines(1, 6000), target="failed", prediction="score")


@pytest.fixture
def window():
    return machines(2, 5000)
