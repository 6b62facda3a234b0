"""The writer gathers puts, answers each when it is durable, and refuses rather than grow without end."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from gureum.errors import GureumError, LimitExceeded, NotFound, Unavailable
from gureum.store.files import WritableFile
from gureum.streams.reader import ShardReader
from gureum.streams.spec import StreamSpec, new_shards
from gureum.streams.writer import PENDING_BYTES_MAX, LogWriter, Records
from gureum.testing.clock import ManualClock
from gureum.testing.files import DroppingFiles

SHARD = "shardId-000000000000"


def spec(shards: int = 1) -> StreamSpec:
    return StreamSpec("stream1", "clicks", "me", 1, 0, new_shards(shards, 0))


class SlowFiles(DroppingFiles):
    """Holds every segment's sync until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.waiting = threading.Event()

    def synced(self, path: Path) -> None:
        if path.suffix == ".seg" and path.stat().st_size > 32:
            self.waiting.set()
            self.go.wait(10)
        super().synced(path)


def one(data: bytes = b"data") -> Records:
    return Records([b"key"], [data])


def test_puts_that_come_while_another_is_synced_share_the_next_sync(tmp_path: Path) -> None:
    files = SlowFiles()
    writer = LogWriter(tmp_path, clock=ManualClock(), files=files)

    async def main() -> None:
        first = asyncio.create_task(writer.put_records(spec(), one()))
        await asyncio.to_thread(files.waiting.wait, 10)
        before = files.syncs
        others = [asyncio.create_task(writer.put_records(spec(), one(b"%d" % n))) for n in range(50)]
        await asyncio.sleep(0)
        assert not first.done()
        files.go.set()
        assert (await first).placed == {0: 0}
        placed = [(await other).placed[0] for other in others]
        assert placed == list(range(1, 51)), "in the order in which they came"
        assert files.syncs - before <= 3

    asyncio.run(main())
    writer.close()


def test_an_unsynced_put_is_neither_acknowledged_nor_readable(tmp_path: Path) -> None:
    files = SlowFiles()
    writer = LogWriter(tmp_path, clock=ManualClock(), files=files)

    async def main() -> None:
        put = asyncio.create_task(writer.put_records(spec(), one()))
        await asyncio.to_thread(files.waiting.wait, 10)
        assert not put.done()
        assert not ShardReader(tmp_path, "stream1", SHARD).has_more(0)
        files.go.set()
        await put
        assert ShardReader(tmp_path, "stream1", SHARD).has_more(0)

    asyncio.run(main())
    writer.close()


def test_a_full_queue_refuses_at_once_and_takes_puts_again_later(tmp_path: Path) -> None:
    files = SlowFiles()
    writer = LogWriter(tmp_path, clock=ManualClock(), files=files)
    big = b"x" * (PENDING_BYTES_MAX // 4)

    async def main() -> None:
        puts = [asyncio.create_task(writer.put_records(spec(), one()))]
        await asyncio.to_thread(files.waiting.wait, 10)
        puts += [asyncio.create_task(writer.put_records(spec(), one(big))) for _ in range(5)]
        await asyncio.sleep(0)
        refused = await puts[-1]
        assert isinstance(refused.placed[0], LimitExceeded)
        assert refused.placed[0].code == "stream.throughput"
        files.go.set()
        for put in puts[:4]:
            assert isinstance((await put).placed[0], int)
        assert isinstance((await writer.put_records(spec(), one())).placed[0], int)

    asyncio.run(main())
    writer.close()


def test_records_are_placed_by_shard_and_keep_their_order_there(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, clock=ManualClock())
    keys = [b"key%d" % (number % 7) for number in range(100)]
    data = [b"%d" % number for number in range(100)]
    result = writer.put_records_now(spec(4), Records(keys, data))
    assert result.shards is not None
    following = {index: first for index, first in result.placed.items() if isinstance(first, int)}
    for number, index in enumerate(result.shards):
        reader = ShardReader(tmp_path, "stream1", spec(4).open_shards[index].id)
        record = next(reader.read(following[index], records_max=1).records())
        assert (record.key, record.data) == (keys[number], data[number])
        following[index] += 1
    writer.close()


def test_a_deleted_stream_takes_no_late_put_and_leaves_no_folder(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, clock=ManualClock())
    writer.put_records_now(spec(), one())
    reader = ShardReader(tmp_path, "stream1", SHARD)
    assert reader.has_more(0)
    writer.drop("stream1")
    assert not (tmp_path / "stream1").exists()
    late = writer.put_records_now(spec(), one()).placed[0]
    assert isinstance(late, NotFound)
    assert not (tmp_path / "stream1").exists()
    writer.close()


def test_a_stopped_writer_says_so(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, clock=ManualClock())
    writer.put_records_now(spec(), one())
    writer.close()
    assert isinstance(writer.put_records_now(spec(), one()).placed[0], Unavailable)


def test_an_error_of_our_own_answers_the_callers(tmp_path: Path) -> None:
    class Broken(DroppingFiles):
        def create(self, path: Path) -> WritableFile:
            raise ValueError("our own bug")

    writer = LogWriter(tmp_path, clock=ManualClock(), files=Broken())
    error = writer.put_records_now(spec(), one()).placed[0]
    assert isinstance(error, GureumError)
    assert "our own bug" in str(error)
    writer.close()


def test_counters_tell_what_each_shard_took(tmp_path: Path) -> None:
    clock = ManualClock()
    writer = LogWriter(tmp_path, clock=clock)
    writer.put_records_now(spec(), Records([b"key"] * 10, [b"12345"] * 10))
    clock.advance(1)
    rates = writer.counters("stream1", seconds=2)[SHARD]
    assert (rates.records_total, rates.bytes_total) == (10, 80)
    assert rates.records_per_s == [0, 10]
    writer.close()
