"""One-row requests to a deployed model per CPU-second, beside MLflow's own scoring server with the same model, in one run.

`python -m benchmarks.serving [--quick]`. CPU is that of all processes of each server, from the first request to the last;
gureum's keeps every request and its prediction in a stream and a table meanwhile. One connection, then eight, then thirty-two.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import httptools
import numpy as np
import orjson
import psutil

from gureum.errors import GureumError
from gureum.testing.platform import clean_environment, start_platform, wait_until

TIMES_MIN = 5.0
CONNECTIONS = (1, 8, 32)
FEATURES = 10
START_S_MAX = 180.0
NAMES = [f"f{at}" for at in range(FEATURES)]
BODY = orjson.dumps({"dataframe_split": {"columns": NAMES, "data": [[0.1 * at for at in range(FEATURES)]]}})


class Client(asyncio.Protocol):
    """A keep-alive connection that costs little, so that the servers are what is measured."""

    def __init__(self, head: bytes) -> None:
        self._request = head + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._answer: asyncio.Future[bytes]

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        body, self._body = self._body, b""
        self._parser = httptools.HttpResponseParser(self)
        if status == 200:
            self._answer.set_result(body)
        else:
            self._answer.set_exception(RuntimeError(f"{status}: {body[:300]!r}"))

    async def ask(self) -> bytes:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)
        return await self._answer


async def load(port: int, head: bytes, *, seconds: float, connections: int) -> list[float]:
    """Milliseconds of each answer."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    end_s = time.perf_counter() + seconds

    async def one() -> None:
        _, client = await loop.create_connection(lambda: Client(head), "127.0.0.1", port)
        while time.perf_counter() < end_s:
            started_s = time.perf_counter()
            await client.ask()
            took.append((time.perf_counter() - started_s) * 1000)

    await asyncio.gather(*(one() for _ in range(connections)))
    return took


def cpu_s(root: int) -> float:
    total = 0.0
    for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system
    return total


def measure(name: str, root: int, port: int, head: bytes, seconds: float) -> dict[str, float]:
    asyncio.run(load(port, head, seconds=min(2.0, seconds), connections=1))
    figures: dict[str, float] = {}
    for connections in CONNECTIONS:
        before = cpu_s(root)
        took = asyncio.run(load(port, head, seconds=seconds, connections=connections))
        used = cpu_s(root) - before
        figures |= {
            f"{name}_{connections}_per_cpu_s": round(len(took) / used, 1),
            f"{name}_{connections}_p50_ms": round(float(np.quantile(took, 0.5)), 2),
            f"{name}_{connections}_p99_ms": round(float(np.quantile(took, 0.99)), 2),
        }
    return figures


def ours(seconds: float, model_folder: Path) -> dict[str, float]:
    import mlflow

    with tempfile.TemporaryDirectory() as folder, start_platform(Path(folder) / "data") as platform:
        g = platform.user("anna")
        platform.mlflow_version()
        os.environ["MLFLOW_TRACKING_TOKEN"] = str(g._transport.token)
        mlflow.set_tracking_uri(f"{platform.url}/mlflow")
        booster, example = trained()
        with mlflow.start_run():
            info = mlflow.lightgbm.log_model(
                booster,
                name="model",
                input_example=example,
                pip_requirements=["lightgbm"],
                registered_model_name="bench",
            )
        mlflow.artifacts.download_artifacts(info.model_uri, dst_path=str(model_folder))
        g.endpoint("bench").deploy("bench")
        tracking = platform.pid_of("tracking")
        assert tracking is not None
        head = (
            f"POST /endpoints/bench/invocations HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {g._transport.token}\r\n"
            "content-type: application/json\r\n"
        ).encode()
        figures = measure("gureum", platform.pid, int(platform.url.rpartition(":")[2]), head, seconds)
        asked = g.endpoint("bench").show()["deployments"][0]["requests"]

        def kept() -> int | None:
            try:
                count = g.sql(
                    "SELECT count(DISTINCT id) AS n, count(*) AS rows FROM endpoints.bench_requests"
                ).to_pylist()
            except GureumError:
                return None
            assert count[0]["n"] == count[0]["rows"]
            return int(count[0]["n"]) if count[0]["n"] >= asked else None

        figures["gureum_rows_kept"] = wait_until(kept, what="every request in the table", timeout_s=60)
        figures["gureum_requests"] = asked
        return figures


def theirs(seconds: float, model_folder: Path, port: int) -> dict[str, float]:
    (found,) = [path.parent for path in model_folder.rglob("MLmodel")]
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "-m", str(found), "--env-manager", "local", "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = subprocess.Popen(
        command, env=clean_environment({"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    head = b"POST /invocations HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"

    def answers() -> bool:
        return bool(asyncio.run(load(port, head, seconds=0.01, connections=1)))

    try:
        wait_until(answers, what="MLflow's scoring server", timeout_s=START_S_MAX)
        return measure("mlflow", process.pid, port, head, seconds)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        for one in [*children, psutil.Process(process.pid)]:
            one.kill()
        process.wait()


def trained() -> tuple[Any, Any]:
    import lightgbm
    import pandas as pd

    chance = np.random.default_rng(7)
    data = pd.DataFrame(chance.random((2000, FEATURES)), columns=NAMES)
    target = data["f0"] * 3 + data["f1"] ** 2
    booster = lightgbm.train({"verbose": -1, "num_leaves": 31}, lightgbm.Dataset(data, target), 100)
    return booster, data.head(3)


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    seconds = 4.0 if parser.parse_args().quick else 20.0
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        figures = ours(seconds, Path(folder))
        figures |= theirs(seconds, Path(folder), free_port())
    for connections in CONNECTIONS:
        ratio = figures[f"gureum_{connections}_per_cpu_s"] / figures[f"mlflow_{connections}_per_cpu_s"]
        figures[f"times_{connections}"] = round(ratio, 2)
    goals = {**{f"times_{one}": f">= {TIMES_MIN}" for one in CONNECTIONS}, "gureum_rows_kept": "== gureum_requests"}
    holds = (
        min(figures[f"times_{one}"] for one in CONNECTIONS) >= TIMES_MIN
        and figures["gureum_rows_kept"] == figures["gureum_requests"]
    )
    print(json.dumps({"name": "serving", "figures": figures, "goals": goals, "holds": holds}))


if __name__ == "__main__":
    main()
