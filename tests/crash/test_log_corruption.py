"""Bytes change on the disk after they were synced: reported by place, never skipped in silence, and nobody else suffers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gureum.errors import CorruptData
from gureum.store.files import LocalFiles
from gureum.streams.log import Put, ShardLog
from gureum.streams.reader import ShardReader
from gureum.streams.spec import StreamSpec, new_shards
from gureum.streams.writer import LogWriter, Records
from gureum.testing.clock import ManualClock

pytestmark = pytest.mark.crash

SHARD = "shardId-000000000000"


def open_log(root: Path, chance: random.Random) -> ShardLog:
    return ShardLog(
        root / "s" / SHARD, files=LocalFiles(), clock=ManualClock(), segment_bytes=2_000, entropy=chance.randbytes
    )


def filled(root: Path, chance: random.Random) -> list[tuple[bytes, bytes]]:
    root.mkdir()
    log = open_log(root, chance)
    records: list[tuple[bytes, bytes]] = []
    for _ in range(40):
        new = [(b"key", chance.randbytes(chance.randint(0, 60))) for _ in range(chance.randint(1, 5))]
        log.append([Put([k for k, _ in new], [d for _, d in new], sum(len(d) for _, d in new))])
        records += new
    log.close()
    return records


def flip(path: Path, position: int, chance: random.Random) -> None:
    raw = bytearray(path.read_bytes())
    raw[position] ^= 1 << chance.randrange(8)
    path.write_bytes(raw)


def read_until_damage(root: Path, chance: random.Random) -> tuple[list[tuple[bytes, bytes]], CorruptData | None]:
    reader, found = ShardReader(root, "s", SHARD), []
    offset = reader.first()
    while reader.has_more(offset):
        try:
            batch = reader.read(offset, records_max=chance.randint(1, 40))
        except CorruptData as error:
            return found, error
        assert batch.count > 0
        found += [(record.key, record.data) for record in batch.records()]
        offset = batch.next_offset
    return found, None


@pytest.mark.parametrize("block", range(4))
def test_a_changed_byte_in_a_segment_is_found_and_named_by_its_place(tmp_path: Path, block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        print(f"seed {seed}")
        chance = random.Random(seed)
        root = tmp_path / str(seed)
        records = filled(root, chance)
        path = chance.choice(sorted((root / "s" / SHARD).glob("*.seg")))
        position = chance.randrange(path.stat().st_size)
        flip(path, position, chance)
        if chance.random() < 0.5:
            open_log(root, chance).close()  # the writer restarts before anybody reads: it must cut nothing
        found, error = read_until_damage(root, chance)
        assert error is not None, f"byte {position} of {path.name} changed and nobody said so"
        assert found == records[: len(found)], "what is before the damage reads well"
        details = error.details
        assert details["segment"] == path.name
        assert details["position"] <= position
        assert details["first_offset"] == len(found)
        last = details["last_offset"]
        assert path.name in str(error)
        assert f"byte {details['position']}" in str(error)
        if last is not None and last + 1 < len(records):
            # What is behind the damage can still be read by whoever asks for it.
            after = ShardReader(root, "s", SHARD).read(last + 1)
            assert [(r.key, r.data) for r in after.records()] == records[last + 1 : last + 1 + after.count]


def test_a_damaged_last_segment_refuses_puts_and_says_where(tmp_path: Path) -> None:
    for seed in range(40):
        print(f"seed {seed}")
        chance = random.Random(seed)
        root = tmp_path / str(seed)
        records = filled(root, chance)
        path = max((root / "s" / SHARD).glob("*.seg"))
        before = path.read_bytes()
        flip(path, chance.randrange(len(before)), chance)
        if chance.random() < 0.5:
            (root / "s" / SHARD / "durable").unlink()  # then later frames are the only witnesses
        log = open_log(root, chance)
        if log.corrupt is None:
            # Without the durable cell the very last group has no witness: it may be taken for a torn tail, no more.
            lost = len(records) - log.next_offset
            assert 0 < lost <= 5
        else:
            with pytest.raises(CorruptData, match=path.name):
                log.append([Put([b"k"], [b"d"], 2)])
            assert len(path.read_bytes()) == len(before), "nothing is cut"
        log.close()


def test_a_damaged_index_or_durable_cell_costs_nothing(tmp_path: Path) -> None:
    for seed in range(40):
        print(f"seed {seed}")
        chance = random.Random(seed)
        root = tmp_path / str(seed)
        records = filled(root, chance)
        for path in (root / "s" / SHARD).iterdir():
            if path.suffix != ".seg" and chance.random() < 0.7:
                flip(path, chance.randrange(path.stat().st_size), chance)
        log = open_log(root, chance)
        assert log.corrupt is None
        log.append([Put([b"k"], [b"d"], 2)])
        log.close()
        found, error = read_until_damage(root, chance)
        assert error is None
        assert found == [*records, (b"k", b"d")]


def test_a_missing_segment_is_damage_and_not_a_gap(tmp_path: Path) -> None:
    for seed in range(20):
        print(f"seed {seed}")
        chance = random.Random(seed)
        root = tmp_path / str(seed)
        records = filled(root, chance)
        segments = sorted((root / "s" / SHARD).glob("*.seg"))
        gone = chance.choice(segments)
        gone.unlink()
        open_log(root, chance).close()
        found, error = read_until_damage(root, chance)
        assert error is not None
        assert found == records[: int(gone.stem)]


def test_the_other_shards_of_a_damaged_one_stay_readable_and_writable(tmp_path: Path) -> None:
    spec = StreamSpec("s", "clicks", "me", 1, 0, new_shards(2, 0))
    writer = LogWriter(tmp_path, clock=ManualClock())
    keys = [b"key%d" % number for number in range(50)]
    writer.put_records_now(spec, Records(keys, keys))
    writer.close()
    damaged = tmp_path / "s" / SHARD / f"{0:020d}.seg"
    flip(damaged, 100, random.Random(1))

    writer = LogWriter(tmp_path, clock=ManualClock())
    (error,) = writer.recover()
    assert isinstance(error, CorruptData)
    assert SHARD in str(error)
    result = writer.put_records_now(spec, Records(keys, keys))
    assert isinstance(result.placed[0], CorruptData)
    assert isinstance(result.placed[1], int)
    writer.close()
    other = ShardReader(tmp_path, "s", "shardId-000000000001")
    assert other.read(0).count == other.end() > 0
