"""The machine stops at any moment and loses what was not synced: nothing acknowledged is lost, doubled or reordered."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gureum.errors import Unavailable
from gureum.streams.log import Put, ShardLog
from gureum.streams.reader import ShardReader
from gureum.testing.clock import ManualClock
from gureum.testing.files import DroppingFiles, MachineStopped

pytestmark = pytest.mark.crash

SHARD = "shardId-000000000000"
PRODUCERS = (b"p" * 16, b"q" * 16)

Records = list[tuple[bytes, bytes]]


@dataclass
class World:
    """A log on a disk that forgets, beside what it acknowledged."""

    root: Path
    chance: random.Random
    files: DroppingFiles = field(default_factory=DroppingFiles)
    clock: ManualClock = field(default_factory=ManualClock)
    acknowledged: Records = field(default_factory=list)
    # What was put since the last acknowledgement: a crash may leave any of it, whole puts at a time.
    in_flight: Records = field(default_factory=list)
    epochs: dict[bytes, int] = field(default_factory=dict)
    log: ShardLog | None = None

    def open(self) -> ShardLog:
        if self.log is None:
            self.log = ShardLog(
                self.root / "s" / SHARD,
                files=self.files,
                clock=self.clock,
                segment_bytes=self.chance.choice((600, 3_000)),
                entropy=self.chance.randbytes,
            )
        return self.log

    def reader(self) -> ShardReader:
        return ShardReader(self.root, "s", SHARD, files=self.files)

    def stored(self) -> Records:
        reader, found = self.reader(), []
        offset = reader.first()
        while reader.has_more(offset):
            batch = reader.read(offset, records_max=self.chance.randint(1, 30), bytes_max=self.chance.randint(1, 4_000))
            found += [(record.key, record.data) for record in batch.records()]
            offset = batch.next_offset
        return found

    def put(self) -> None:
        puts, records = [], []
        for _ in range(self.chance.randint(1, 4)):
            new = [
                (b"k%d" % self.chance.randrange(9), self.chance.randbytes(self.chance.randint(0, 90)))
                for _ in range(self.chance.randint(1, 8))
            ]
            producer = None
            if self.chance.random() < 0.3:
                name = self.chance.choice(PRODUCERS)
                if all(put.producer is None or put.producer[0] != name for put in puts):
                    producer = (name, self.epochs.get(name, 0) + 1)
            puts.append(
                Put([key for key, _ in new], [data for _, data in new], sum(len(k) + len(d) for k, d in new), producer)
            )
            records += new
        # An epoch is used once even if the put fails: what it wrote may be there after the crash.
        self.epochs.update(put.producer for put in puts if put.producer)
        self.in_flight += records
        offsets = self.open().append(puts)
        assert offsets[0] == len(self.acknowledged)
        self.acknowledged += records
        self.in_flight = []

    def try_put(self) -> str | None:
        """The code of the refusal, None when it was taken."""
        try:
            self.put()
        except Unavailable as error:
            return error.code
        return None

    def crash(self, seed: int) -> None:
        self.files.crash(seed)
        self.log = None
        self.open()
        after = self.stored()
        known = len(self.acknowledged)
        assert after[:known] == self.acknowledged, "an acknowledged record is missing, doubled or out of place"
        extra = after[known:]
        assert all(record in self.in_flight for record in extra), "a record is there that nobody put"
        self.acknowledged = after
        self.in_flight = []


@pytest.mark.parametrize("block", range(8))
def test_what_was_acknowledged_survives_any_crash_once_and_in_order(tmp_path: Path, block: int) -> None:
    for seed in range(block * 25, block * 25 + 25):
        print(f"seed {seed}")
        world = World(tmp_path / str(seed), random.Random(seed))
        world.root.mkdir()
        for round_ in range(6):
            world.files.stop_after(world.chance.randint(0, 60))
            try:
                for _ in range(world.chance.randint(1, 25)):
                    world.clock.advance(1)
                    world.put()
            except MachineStopped:
                pass
            world.crash(seed * 100 + round_)


def test_a_crash_during_recovery_loses_nothing(tmp_path: Path) -> None:
    for seed in range(60):
        print(f"seed {seed}")
        world = World(tmp_path / str(seed), random.Random(seed))
        world.root.mkdir()
        for _ in range(8):
            world.put()
        world.files.stop_after(1)
        with pytest.raises(MachineStopped):
            world.put()  # stops between the write and the sync
        world.files.crash(seed)
        before = list(world.acknowledged)
        for attempt in range(4):
            world.log = None
            world.files.stop_after(attempt)
            try:
                world.open()
            except MachineStopped:
                world.files.crash(seed + attempt)
        world.files.stop_after(None)
        world.log = None
        world.open()
        assert world.stored()[: len(before)] == before


def test_retention_and_crashes_never_leave_a_hole(tmp_path: Path) -> None:
    for seed in range(60):
        print(f"seed {seed}")
        world = World(tmp_path / str(seed), random.Random(seed))
        world.root.mkdir()
        for round_ in range(5):
            world.files.stop_after(world.chance.randint(5, 120))
            try:
                for _ in range(12):
                    world.clock.advance(world.chance.randint(0, 3_600))
                    world.put()
                    if world.chance.random() < 0.3:
                        world.open().expire(retention_h=2)
            except MachineStopped:
                pass
            world.files.crash(seed * 100 + round_)
            world.log = None
            world.open()
            first = world.reader().first()
            after = world.stored()
            everything = world.acknowledged + world.in_flight
            assert after == everything[first : first + len(after)]
            assert first + len(after) >= len(world.acknowledged)
            world.acknowledged = everything[: first + len(after)]
            world.in_flight = []


def test_a_failed_sync_acknowledges_nothing_and_a_later_crash_loses_nothing(tmp_path: Path) -> None:
    for seed in range(80):
        print(f"seed {seed}")
        world = World(tmp_path / str(seed), random.Random(seed))
        world.root.mkdir()
        for round_ in range(3):
            for _ in range(world.chance.randint(1, 8)):
                world.put()
            world.files.fail_syncs(world.chance.randint(1, 3))
            for _ in range(4):
                assert world.try_put() in {None, "stream.disk_failed"}
            world.crash(seed * 100 + round_)


def test_a_full_disk_refuses_puts_keeps_what_was_acknowledged_and_takes_puts_again(tmp_path: Path) -> None:
    for seed in range(60):
        print(f"seed {seed}")
        world = World(tmp_path / str(seed), random.Random(seed))
        world.root.mkdir()
        world.put()
        for round_ in range(4):
            for _ in range(world.chance.randint(1, 6)):
                world.put()
            world.files.full_after(world.chance.randint(0, 1_500))
            refused = 0
            while refused < 5:
                code = world.try_put()
                assert code in {None, "stream.disk_full"}
                refused += code is not None
                assert world.stored() == world.acknowledged, "reads go on while the disk is full"
            if world.chance.random() < 0.5:
                world.crash(seed * 100 + round_)
            world.files.full_after(None)
            world.put()
            assert world.stored() == world.acknowledged


def test_a_producer_that_repeats_its_put_after_a_crash_is_stored_once(tmp_path: Path) -> None:
    for seed in range(80):
        print(f"seed {seed}")
        world = World(tmp_path / str(seed), random.Random(seed))
        world.root.mkdir()
        wanted: Records = []
        epoch = 1
        for round_ in range(5):
            world.files.stop_after(world.chance.randint(1, 40))
            try:
                while True:
                    records = [(b"p", b"%d.%d" % (epoch, number)) for number in range(3)]
                    world.open().append(
                        [Put([k for k, _ in records], [d for _, d in records], 9, (PRODUCERS[0], epoch))]
                    )
                    wanted += records
                    epoch += 1
                    if world.chance.random() < 0.1:
                        world.clock.advance(3_600 * 30)
                        world.open().expire(retention_h=24)
            except MachineStopped:
                world.files.crash(seed * 100 + round_)
                world.log = None
        world.files.stop_after(None)
        world.open().append([Put([b"p"] * 3, [b"%d.%d" % (epoch, n) for n in range(3)], 9, (PRODUCERS[0], epoch))])
        wanted += [(b"p", b"%d.%d" % (epoch, number)) for number in range(3)]
        first = world.reader().first()
        assert world.stored() == wanted[first:]
