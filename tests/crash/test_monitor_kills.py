"""kill -9 of the processes below a monitor while it looks: each window is checked, and told, once; no row falls between two."""

from __future__ import annotations

import contextlib
import os
import random
import time
from itertools import pairwise

import pytest
from tests.effort import kills

from gureum.errors import GureumError, Unavailable
from gureum.testing.platform import RunningPlatform, wait_until

pytestmark = [pytest.mark.crash, pytest.mark.timeout(400)]

KILLS = 24
VICTIMS = ("jobs", "gateway", "queries", "sql", "kinesis")
WINDOWS, ROWS = 5, 100


def test_each_window_is_checked_and_told_once_and_no_row_is_left_out(own_platform: RunningPlatform):
    seed = int(os.environ.get("GUREUM_TEST_SEED") or random.randrange(2**32))
    print(f"seed {seed} (GUREUM_TEST_SEED={seed} repeats it)")
    chance = random.Random(seed)
    client = own_platform.client
    client.sql("CREATE TABLE wear (at TIMESTAMP, force DOUBLE)")
    rows = "SELECT TIMESTAMP '2026-01-01' + INTERVAL 1 MINUTE * n, hash(n) % 1000 / 100 FROM"
    client.sql(f"INSERT INTO wear {rows} range({WINDOWS * ROWS}) AS r(n)")
    monitor = client.monitor("wear").watch("wear", time_column="at", every=5.0, rows_min=ROWS, rows_max=ROWS)
    monitor.baseline("SELECT force FROM wear")

    def checked() -> list[dict[str, object]]:
        # While a process comes back there is no answer.
        with contextlib.suppress(Unavailable):
            return [one for one in monitor.windows(100) if one["checked"]]
        return []

    killed: list[str] = []
    while len(killed) < kills(KILLS) and len(checked()) < WINDOWS:
        time.sleep(chance.uniform(0.2, 2.5))  # the random moment itself, not a wait for something
        victim = chance.choice(VICTIMS)
        own_platform.kill(victim)
        killed.append(victim)
    print(f"killed {len(killed)}: {', '.join(killed)}")
    wait_until(lambda: len(checked()) >= WINDOWS, what="all windows", timeout_s=240)
    seen = sorted(checked(), key=lambda one: int(str(one["window"])))
    assert [(one["window"], one["rows"]) for one in seen] == [(number, ROWS) for number in range(1, WINDOWS + 1)]
    assert all(before["until"] == after["since"] for before, after in pairwise(seen))

    def told() -> list[int]:
        with contextlib.suppress(GureumError):
            found = client.sql(f"SELECT * FROM {monitor.describe()['table']}").to_pylist()
            return sorted(int(row["window"]) for row in found)
        return []

    wait_until(lambda: len(told()) >= WINDOWS, what="what the windows found, in the table", timeout_s=60)
    assert told() == list(range(1, WINDOWS + 1))
    assert len(killed) >= 3
