"""The log is a Python list that survives: whatever is done to it, in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.effort import examples

from gureum.errors import InvalidInput, NotFound
from gureum.store.files import LocalFiles
from gureum.streams.log import Put, ShardLog
from gureum.streams.reader import ShardReader
from gureum.testing.clock import ManualClock

SHARD = "shardId-000000000000"

records = st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=300)), min_size=1, max_size=6)


class LogIsAList(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.clock = ManualClock()
        self.model: list[tuple[bytes, bytes, int]] = []
        self.first = 0
        self.reader = ShardReader(self.root, "s", SHARD)

    def teardown(self) -> None:
        self.log.close()
        self.folder.cleanup()

    def open(self, segment_bytes: int) -> None:
        self.log = ShardLog(self.root / "s" / SHARD, files=LocalFiles(), clock=self.clock, segment_bytes=segment_bytes)

    @initialize(segment_bytes=st.sampled_from([200, 2_000, 1 << 20]))
    def start(self, segment_bytes: int) -> None:
        self.open(segment_bytes)

    @rule(puts=st.lists(records, min_size=1, max_size=4))
    def append(self, puts: list[list[tuple[bytes, bytes]]]) -> None:
        offsets = self.log.append(
            [Put([k for k, _ in put], [d for _, d in put], sum(len(k) + len(d) for k, d in put)) for put in puts]
        )
        for put, offset in zip(puts, offsets, strict=True):
            assert offset == len(self.model)
            self.model += [(key, data, self.log.end.arrival_ms) for key, data in put]

    @rule(seconds=st.integers(-5, 7_200))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(segment_bytes=st.sampled_from([200, 2_000, 1 << 20]))
    def reopen(self, segment_bytes: int) -> None:
        self.log.close()
        self.open(segment_bytes)
        assert self.log.corrupt is None
        assert self.log.next_offset == len(self.model)

    @rule(retention_h=st.sampled_from([1, 2, 24]))
    def expire(self, retention_h: int) -> None:
        self.log.expire(retention_h=retention_h)
        first = self.reader.first()
        assert first >= self.first
        horizon_ms = self.clock.now_ms() - retention_h * 3_600_000
        assert all(arrival < horizon_ms for _, _, arrival in self.model[self.first : first]), "expired too early"
        self.first = first

    @rule(data=st.data())
    def read_somewhere(self, data: st.DataObject) -> None:
        offset = data.draw(st.integers(0, len(self.model) + 3))
        count = data.draw(st.integers(1, 20))
        size = data.draw(st.integers(1, 2_000))
        if offset < self.first:
            with pytest.raises(NotFound) as error:
                self.reader.read(offset, records_max=count, bytes_max=size)
            assert error.value.code == "stream.trimmed"
            assert error.value.details["first_offset"] == self.first
            return
        batch = self.reader.read(offset, records_max=count, bytes_max=size)
        found = [(record.key, record.data, record.arrival_ms) for record in batch.records()]
        assert found == self.model[offset : offset + len(found)]
        assert [record.offset for record in batch.records()] == list(range(offset, offset + len(found)))
        assert batch.next_offset == offset + len(found)
        assert len(found) <= count
        if offset < len(self.model):
            assert len(found) == 1 or sum(len(key) + len(data) for key, data, _ in found) <= size
            assert found, "a read before the end gives at least one record"

    @rule(data=st.data())
    def seek_by_time(self, data: st.DataObject) -> None:
        readable = self.model[self.first :]
        times = sorted({arrival for _, _, arrival in readable} | {0, self.clock.now_ms() + 1})
        wanted = data.draw(st.sampled_from(times)) + data.draw(st.integers(-1, 1))
        found = self.reader.offset_at(wanted)
        expected = next((i for i, r in enumerate(readable) if r[2] >= wanted), len(readable)) + self.first
        assert found == expected

    @invariant()
    def ends_agree(self) -> None:
        if hasattr(self, "log"):
            assert self.reader.end() == len(self.model)
            assert not self.model or self.reader.has_more(len(self.model) - 1)
            assert not self.reader.has_more(len(self.model))
            assert [r[2] for r in self.model] == sorted(r[2] for r in self.model), "arrival times decreased"


LogIsAList.TestCase.settings = settings(
    max_examples=examples(120),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
test_the_log_is_a_list_that_survives = LogIsAList.TestCase


@pytest.fixture
def log(tmp_path: Path) -> ShardLog:
    return ShardLog(tmp_path / "s" / SHARD, files=LocalFiles(), clock=ManualClock())


def put(*data: bytes, producer: tuple[bytes, int] | None = None) -> Put:
    return Put([b"k"] * len(data), list(data), sum(map(len, data)) + len(data), producer)


def stored(root: Path) -> list[bytes]:
    return [record.data for record in ShardReader(root, "s", SHARD).read(0).records()]


def test_a_producer_s_epoch_is_stored_once(log: ShardLog, tmp_path: Path) -> None:
    producer = b"p" * 16
    assert log.append([put(b"a", b"b", producer=(producer, 7))]) == [0]
    assert log.append([put(b"a", b"b", producer=(producer, 7))]) == [0], "told where it was stored the first time"
    assert log.append([put(b"old", producer=(producer, 6)), put(b"c")]) == [0, 2]
    assert log.append([put(b"d", producer=(producer, 8)), put(b"d", producer=(producer, 8))]) == [3, 3]
    assert stored(tmp_path) == [b"a", b"b", b"c", b"d"]


def test_a_producer_s_epoch_outlives_the_retention_of_its_records(tmp_path: Path) -> None:
    clock = ManualClock()
    folder = tmp_path / "s" / SHARD
    log = ShardLog(folder, files=LocalFiles(), clock=clock)
    log.append([put(b"a", producer=(b"p" * 16, 7))])
    clock.advance(3_600 * 25)
    assert log.expire(retention_h=24) == 1
    clock.advance(3_600 * 25)
    log.close()
    log = ShardLog(folder, files=LocalFiles(), clock=clock)
    log.append([put(b"a", producer=(b"p" * 16, 7))])
    assert log.next_offset == 1


def test_retention_removes_a_slow_stream_s_records_without_waiting_for_a_full_segment(tmp_path: Path) -> None:
    clock = ManualClock()
    log = ShardLog(tmp_path / "s" / SHARD, files=LocalFiles(), clock=clock)
    for _ in range(40):
        log.append([put(b"x")])
        log.expire(retention_h=24)
        clock.advance(3_600)
    log.expire(retention_h=24)
    first = ShardReader(tmp_path, "s", SHARD).first()
    assert 40 - 24 - 3 <= first <= 40 - 24


def test_a_reader_sees_a_put_of_another_process_only_when_it_is_durable(log: ShardLog, tmp_path: Path) -> None:
    reader = ShardReader(tmp_path, "s", SHARD)
    assert reader.end() == 0
    log.append([put(b"a")])
    segment = next((tmp_path / "s" / SHARD).glob("*.seg"))
    segment.write_bytes(segment.read_bytes() + b"bytes that no sync covered")
    assert [record.data for record in reader.read(0).records()] == [b"a"]
    assert reader.read(1).count == 0


def test_a_reader_of_a_shard_without_a_folder_is_at_its_end(tmp_path: Path) -> None:
    reader = ShardReader(tmp_path, "nothing", SHARD)
    assert (reader.first(), reader.end(), reader.has_more(0)) == (0, 0, False)
    assert reader.read(0).count == 0
    assert reader.offset_at(0) == 0


def test_a_deleted_stream_is_gone_for_its_readers(log: ShardLog, tmp_path: Path) -> None:
    reader = ShardReader(tmp_path, "s", SHARD)
    log.append([put(b"a")])
    assert reader.has_more(0)
    log.mark_deleted()
    with pytest.raises(NotFound) as error:
        reader.read(0)
    assert error.value.code == "stream.deleted"


def test_a_read_without_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        ShardReader(tmp_path, "s", SHARD).read(0, records_max=0)


def test_a_torn_tail_is_cut_and_its_place_used_again(log: ShardLog, tmp_path: Path) -> None:
    log.append([put(b"a")])
    log.close()
    segment = next((tmp_path / "s" / SHARD).glob("*.seg"))
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole[-100:])
    again = ShardLog(tmp_path / "s" / SHARD, files=LocalFiles(), clock=ManualClock())
    assert again.corrupt is None
    assert again.append([put(b"b")]) == [1]
    assert stored(tmp_path) == [b"a", b"b"]


def test_a_record_that_looks_like_a_frame_is_not_taken_for_one(log: ShardLog, tmp_path: Path) -> None:
    log.append([put(b"first")])
    segment = next((tmp_path / "s" / SHARD).glob("*.seg"))
    frame = segment.read_bytes()[32:]
    log.append([put(frame * 20)])
    log.close()
    # The last group is torn, and what is left of it is full of copies of a true frame.
    segment.write_bytes(segment.read_bytes()[:-8])
    (tmp_path / "s" / SHARD / "durable").unlink()
    again = ShardLog(tmp_path / "s" / SHARD, files=LocalFiles(), clock=ManualClock())
    assert again.corrupt is None
    assert again.next_offset == 1
