"""What a record costs at the Kinesis door: PutRecords of 500 x 100 B with SigV4 and fdatasync, and reading them back.

    python -m benchmarks.ingest [--quick]

Our door runs as its own process; real boto3 signs every request and our door checks every signature and syncs every
group. Measured is the CPU (user and system, all threads) of the server process, divided by the records. Beside it, in the
same run and with the same driver, moto[server] and ministack, which keep records in memory and check no signature.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from benchmarks._peers import PeerMissing, peer_python
from gureum.testing.kinesis import KEYS, start

GOAL_PUT_US_MAX = 12.0

RECORDS_PER_PUT = 500
RECORD_BYTES = 100
SHARDS = 4
READY_S_MAX = 60


@dataclass(frozen=True)
class Server:
    name: str
    url: str
    pid: int

    def client(self) -> Any:
        key, secret, _ = KEYS["admin"]
        return boto3.client(
            "kinesis",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
        )

    def cpu_s(self) -> float:
        """User and system seconds of the server and its children, so far."""
        process = psutil.Process(self.pid)
        times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
        return sum(one.user + one.system for one in times)


@contextmanager
def ours(folder: Path) -> Iterator[Server]:
    door = start(folder)
    try:
        yield Server("gureum", door.url, door.process.pid)
    finally:
        door.stop()


@contextmanager
def moto(folder: Path) -> Iterator[Server]:
    python = peer_python("moto", "moto[server]")
    port = _free_port()
    with _running(
        "moto", [str(python.with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)], port, folder, {}
    ) as server:
        yield server


@contextmanager
def ministack(folder: Path) -> Iterator[Server]:
    python = peer_python("ministack", "ministack")
    port = _free_port()
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": "kinesis",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(folder),
    }
    with _running("ministack", [str(python.with_name("ministack"))], port, folder, environment) as server:
        yield server


@contextmanager
def _running(name: str, command: list[str], port: int, folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **environment, "HOME": str(folder)}
        )
    try:
        deadline = time.monotonic() + READY_S_MAX
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise PeerMissing(f"{name} did not start")
            time.sleep(0.1)
        yield Server(name, f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def measure(server: Server, *, puts: int, connections: int) -> dict[str, float]:
    """CPU and time for each record, put and got."""
    client = server.client()
    client.create_stream(StreamName="ingest", ShardCount=SHARDS)
    client.get_waiter("stream_exists").wait(StreamName="ingest")
    batches = _batches()

    def put(count: int) -> None:
        mine = server.client()
        for number in range(count):
            answer = mine.put_records(StreamName="ingest", Records=batches[number % len(batches)])
            assert answer["FailedRecordCount"] == 0, answer["Records"][0]
        mine.close()

    put(max(puts // 10, 3))  # caches, pools, compiled patterns
    figures = {}
    cpu, wall = _timed(server, lambda: put(puts))
    records = puts * RECORDS_PER_PUT
    figures["put_us"] = cpu / records * 1e6
    figures["put_records_per_s"] = records / wall
    if connections > 1:
        cpu, wall = _timed(server, lambda: _side_by_side(connections, lambda: put(puts // connections)))
        records = puts // connections * connections * RECORDS_PER_PUT
        figures[f"put_us_{connections}_connections"] = cpu / records * 1e6
        figures[f"put_records_per_s_{connections}_connections"] = records / wall
    got: list[int] = []
    cpu, wall = _timed(server, lambda: got.append(_read_all(client)))
    figures["get_us"] = cpu / got[0] * 1e6
    figures["get_records_per_s"] = got[0] / wall
    client.close()
    return {name: round(value, 2) for name, value in figures.items()}


def _batches() -> list[list[dict[str, Any]]]:
    chance = random.Random(20261123)
    return [
        [
            {"PartitionKey": f"device-{chance.randrange(1_000_000)}", "Data": chance.randbytes(RECORD_BYTES)}
            for _ in range(RECORDS_PER_PUT)
        ]
        for _ in range(8)
    ]


def _read_all(client: Any) -> int:
    count = 0
    for shard in client.list_shards(StreamName="ingest")["Shards"]:
        token = client.get_shard_iterator(
            StreamName="ingest", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            answer = client.get_records(ShardIterator=token)
            count += len(answer["Records"])
            token = answer["NextShardIterator"]
            if not answer["Records"]:
                break
    return count


def _side_by_side(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _timed(server: Server, work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = server.cpu_s(), time.perf_counter()
    work()
    return server.cpu_s() - cpu, time.perf_counter() - wall


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer puts; the peers only if they are installed fast")
    quick = parser.parse_args().quick
    figures: dict[str, Any] = {}
    cache = Path(__file__).parents[1] / ".cache"
    cache.mkdir(exist_ok=True)
    for make, puts in ((ours, 200 if quick else 1_000), (moto, 10 if quick else 60), (ministack, 10 if quick else 60)):
        # On the disk of the checkout: a temporary folder in memory would make every sync free.
        with tempfile.TemporaryDirectory(dir=cache, ignore_cleanup_errors=True) as folder:
            try:
                with make(Path(folder)) as server:
                    figures[server.name] = measure(server, puts=puts, connections=4)
                    print(f"{server.name}: {figures[server.name]}", flush=True)
            except PeerMissing as missing:
                print(f"left out: {missing}", flush=True)
    mine = figures["gureum"]
    for peer in ("moto", "ministack"):
        if peer in figures:
            for side in ("put_us", "get_us"):
                figures[f"{peer}_over_gureum_{side}"] = round(figures[peer][side] / mine[side], 1)
    goals = {"put_us_max": GOAL_PUT_US_MAX}
    holds = mine["put_us"] <= GOAL_PUT_US_MAX
    print(json.dumps({"name": "ingest", "figures": figures, "goals": goals, "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
