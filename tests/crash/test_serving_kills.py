"""kill -9 of any process while an endpoint is asked: every request is answered, every answered row is kept, once."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import threading
import time
from pathlib import Path

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
from tests.effort import kills

import gureum
from gureum.errors import GureumError, Unavailable
from gureum.testing.platform import RunningPlatform, start_platform, wait_until

pytestmark = [pytest.mark.crash, pytest.mark.filterwarnings("ignore")]  # MLflow's own

ROUNDS = 3
CLIENTS = 2

# What a client does with an answer of 503 or none at all: the same request again, under its id.
TRIES_S = 150.0

# On a free machine all are back in three seconds.
BACK_S_MAX = 150.0

VICTIMS = ("worker", "serving", "gateway", "kinesis")


def kill(platform: RunningPlatform, victim: str) -> bool:
    """kill -9; False when it does not run just now."""
    pid = platform.pid_of("serving" if victim == "worker" else victim)
    with contextlib.suppress(psutil.Error):
        if pid is not None:
            process = psutil.Process(pid)
            if victim == "worker":
                process = next(iter(process.children()), process)
            if victim != "worker" or process.pid != pid:
                process.kill()
                return True
    return False


@pytest.mark.timeout(900)
def test_no_request_is_lost_and_no_row_is_lost_or_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seed = int(os.environ.get("GUREUM_TEST_SEED") or random.randrange(2**32))
    print(f"seed {seed} (GUREUM_TEST_SEED={seed} repeats it)")
    chance = random.Random(seed)
    with start_platform(tmp_path / "data") as platform:
        g = platform.user("anna")
        platform.mlflow_version()
        monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        example = pd.DataFrame({"x": np.arange(200.0)})
        # A booster's worker is back in a second: it loads neither MLflow nor all of scikit-learn.
        model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(example, example["x"] * 2), 20)
        g.endpoint("double").deploy(model, input_example=example.head(3))
        mlflow.set_tracking_uri("")

        answered: dict[str, float] = {}
        refused: list[str] = []
        stop = threading.Event()
        token = g._transport.token

        def ask(client: int) -> None:
            number = 0
            with gureum.connect(platform.url, token=token) as mine:
                while not stop.is_set():
                    request_id, value = f"{client}-{number}", float(number)
                    deadline_s = time.monotonic() + TRIES_S
                    while True:
                        try:
                            found = mine.endpoint("double").predict(np.array([[value]]), request_id=request_id)
                        except Unavailable as error:
                            if time.monotonic() > deadline_s:
                                refused.append(f"{request_id}: {error}")
                                return
                        except GureumError as error:
                            refused.append(f"{request_id}: {error!r}")
                            return
                        else:
                            answered[request_id] = float(found[0])
                            break
                    number += 1

        threads = [threading.Thread(target=ask, args=(at,)) for at in range(CLIENTS)]
        for thread in threads:
            thread.start()
        killed = [*VICTIMS * kills(ROUNDS)]
        chance.shuffle(killed)

        def wait_for_answers(count: int) -> None:
            wanted = len(answered) + count
            wait_until(lambda: refused or len(answered) > wanted, what="answers again", timeout_s=BACK_S_MAX)

        try:
            for victim in killed:
                wait_until(functools.partial(kill, platform, victim), what=f"{victim} to run", timeout_s=BACK_S_MAX)
                time.sleep(chance.uniform(0.0, 0.5))  # sometimes the next dies while the first is coming back
                if chance.random() < 0.7:
                    wait_for_answers(CLIENTS)
            wait_for_answers(10)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        print(f"killed {len(killed)}: {', '.join(f'{name} {killed.count(name)}' for name in VICTIMS)}; "
              f"{len(answered)} requests answered")  # fmt: skip
        assert refused == []
        wrong = {name for name, value in answered.items() if value != model.predict([[float(name.split("-")[1])]])[0]}
        assert wrong == set()
        assert len(answered) > 2 * CLIENTS

        def kept() -> list[tuple[str, float]] | None:
            with contextlib.suppress(GureumError):
                rows = [(row["id"], row["prediction"]) for row in g.endpoint("double").requests()]
                if {name for name, _ in rows} >= answered.keys():
                    return rows
            return None

        rows = wait_until(kept, what="all answered requests in the table", timeout_s=90)
        assert len(rows) == len({name for name, _ in rows}), "a row is there twice"
        assert {name: value for name, value in rows if name in answered} == pytest.approx(answered)
