"""Readers in other processes follow a log that is written, rolled, expired and reopened under them."""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from gureum.errors import NotFound
from gureum.store.files import LocalFiles
from gureum.streams.log import Put, ShardLog
from gureum.streams.reader import ShardReader
from gureum.testing.clock import ManualClock

pytestmark = pytest.mark.crash

SHARD = "shardId-000000000000"
RECORDS = 100_000
SEED = 7


def follow(root: Path, seed: int, answer: Connection) -> None:
    """Read to the last record, by reads and seeks of all sizes; every record must hold its own offset."""
    chance = random.Random(seed)
    reader = ShardReader(root, "s", SHARD)
    offset = seen = trimmed = 0
    deadline = time.monotonic() + 60
    answer.send("ready")
    try:
        while offset < RECORDS and time.monotonic() < deadline:
            if chance.random() < 0.02:
                offset = chance.randint(reader.first(), max(reader.end(), 1))
            if chance.random() < 0.02:
                reader.offset_at(chance.randint(0, ManualClock().now_ms() * 2))
            try:
                batch = reader.read(offset, records_max=chance.randint(1, 400), bytes_max=chance.randint(1, 20_000))
            except NotFound as error:
                if error.code != "stream.trimmed" or error.details["first_offset"] <= offset:
                    raise
                offset = error.details["first_offset"]
                trimmed += 1
                continue
            for record in batch.records():
                assert record.data == b"%d" % record.offset
                assert record.offset == offset
                offset += 1
                seen += 1
        answer.send((offset, seen, trimmed))
    except BaseException as error:
        answer.send(repr(error))
        raise


def test_readers_in_other_processes_never_see_a_wrong_record(tmp_path: Path) -> None:
    seed = SEED
    print(f"seed {seed}")
    chance = random.Random(seed)
    clock = ManualClock()
    context = multiprocessing.get_context("spawn")
    pipes = []
    for number in range(2):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=follow, args=(tmp_path, seed + number, theirs))
        process.start()
        pipes.append((process, ours))
    for _, pipe in pipes:
        assert pipe.recv() == "ready"

    def open_log() -> ShardLog:
        return ShardLog(
            tmp_path / "s" / SHARD, files=LocalFiles(), clock=clock, segment_bytes=chance.randint(500, 9_000)
        )

    log = open_log()
    while log.next_offset < RECORDS:
        count = min(chance.randint(1, 300), RECORDS - log.next_offset)
        data = [b"%d" % (log.next_offset + index) for index in range(count)]
        log.append([Put([b""] * count, data, 0)])
        clock.advance(chance.randint(0, 200))  # some hours in all: retention is at work
        if chance.random() < 0.1:
            log.expire(retention_h=1)
        if chance.random() < 0.05:
            log.close()
            log = open_log()
    log.close()
    for process, pipe in pipes:
        result = pipe.recv() if pipe.poll(60) else "no answer"
        process.join(10)
        assert isinstance(result, tuple), result
        assert result[0] == RECORDS
        assert result[1] > 0
        print(f"(offset, records read, times trimmed): {result}")
