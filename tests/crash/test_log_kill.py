"""kill -9 of a real door under load from boto3: what was acknowledged is there, once, in order, after it comes back."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from gureum.testing.kinesis import KinesisProcess, start

pytestmark = pytest.mark.crash

SHARDS = [f"shardId-{number:012d}" for number in range(2)]
KILLS = 6


class Load:
    """Threads that put numbered records until the door dies, and remember what it acknowledged."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.acknowledged: dict[tuple[str, str], bytes] = {}
        self.sent: set[bytes] = set()

    def run(self, door: KinesisProcess, round_: int, thread: int, enough: Callable[[], bool]) -> None:
        client = door.client(read_timeout=10)
        number = 0
        try:
            while not enough():
                data = [b"%d.%d.%d" % (round_, thread, number + i) for i in range(1 + number % 40)]
                number += len(data)
                with self.lock:
                    self.sent.update(data)
                answer = client.put_records(
                    StreamName="s", Records=[{"Data": one, "PartitionKey": one.decode()} for one in data]
                )
                with self.lock:
                    for one, result in zip(data, answer["Records"], strict=True):
                        self.acknowledged[result["ShardId"], result["SequenceNumber"]] = one
        except (BotoCoreError, ClientError):
            pass  # killed: nothing of this call was acknowledged
        finally:
            client.close()


def read_shard(client: Any, shard: str) -> list[tuple[str, bytes]]:
    iterator = client.get_shard_iterator(StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    token, found = iterator["ShardIterator"], []
    while True:
        answer = client.get_records(ShardIterator=token)
        found += [(record["SequenceNumber"], record["Data"]) for record in answer["Records"]]
        token = answer["NextShardIterator"]
        if not answer["Records"]:
            return found


def test_kill_9_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = 20261123
    print(f"seed {seed}")
    chance = random.Random(seed)
    load = Load()
    door = start(tmp_path, "--segment-bytes=60000")
    client = door.client()
    client.create_stream(StreamName="s", ShardCount=2)
    client.close()
    for round_ in range(KILLS):
        goal = len(load.acknowledged) + chance.randint(200, 2_000)
        killed = threading.Event()
        threads = [threading.Thread(target=load.run, args=(door, round_, number, killed.is_set)) for number in range(3)]
        for thread in threads:
            thread.start()
        while len(load.acknowledged) < goal and any(thread.is_alive() for thread in threads):
            threads[0].join(0.001)
        door.kill()
        killed.set()
        for thread in threads:
            thread.join()
        assert len(load.acknowledged) >= goal, "the load stopped before the door was killed"

        door = start(tmp_path, "--segment-bytes=60000")
        client = door.client()
        stored: dict[tuple[str, str], bytes] = {}
        for shard in SHARDS:
            records = read_shard(client, shard)
            sequences = [int(sequence) for sequence, _ in records]
            assert sequences == sorted(set(sequences))
            stored.update(((shard, sequence), data) for sequence, data in records)
        client.close()
        missing = {key: data for key, data in load.acknowledged.items() if stored.get(key) != data}
        assert not missing, f"{len(missing)} acknowledged records are not where the door said"
        assert len(set(stored.values())) == len(stored), "a record is there twice"
        assert set(stored.values()) <= load.sent
    assert door.stop() == 0
