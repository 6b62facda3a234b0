"""The life of one query: go on, change, reset, drain, limits, idle shards, a stream that splits, retention that overtakes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from streaming_kit import Bench, plain_rows

from gureum.errors import Conflict, CorruptData, InvalidInput, LimitExceeded, Unavailable
from gureum.sql.streaming.alerts import AlertSpec
from gureum.sql.streaming.query import QueryOptions
from gureum.sql.streaming.sources import MemorySource, StreamSource
from gureum.sql.streaming.status import QueryState
from gureum.streams.spec import ShardSpec, StreamSpec, new_shards
from gureum.streams.writer import LogWriter, Records
from gureum.testing.clock import ManualClock

SCHEMA = """CREATE TABLE sensors (device STRING, temp DOUBLE, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('stream'='sensors', 'format'='json');
"""
COUNTS = SCHEMA + (
    "INSERT INTO counts SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE sensors, DESCRIPTOR(ts), "
    "INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
)
COPY = SCHEMA + "INSERT INTO copied SELECT device, temp FROM sensors"


def record(second: float, device: str = "m1", temp: float = 1.0) -> bytes:
    return json.dumps({"device": device, "temp": temp, "ts": f"2024-01-01 00:00:{second:06.3f}"}).encode()


def commit_all(bench: Bench) -> None:
    bench.run()
    bench.clock.advance(6)
    bench.run()


def test_nothing_new_makes_no_checkpoint_and_no_commit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COPY)
    bench.source.put(record(1))
    commit_all(bench)
    epoch = bench.query.status.epoch
    for _ in range(5):
        bench.clock.advance(6)
        bench.run()
    assert bench.query.status.epoch == epoch
    assert bench.table("copied").num_rows == 1


def test_a_query_goes_on_with_its_open_windows(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COUNTS)
    for second in (1, 2, 3):
        bench.source.put(record(second))
    commit_all(bench)
    assert bench.query.status.open_windows == 1
    bench.query.stop()
    bench.crash()
    bench.source.put(record(4))
    bench.source.put(record(20))
    commit_all(bench)
    assert plain_rows(bench.table("counts")) == [{"window_start": "2024-01-01 00:00:00", "n": 4}]


def test_another_text_needs_a_reset(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COPY)
    bench.source.put(record(1))
    commit_all(bench)
    bench.crash()
    bench.spec = replace(bench.spec, text="  " + COPY.replace("SELECT device", "SELECT  device"))
    bench.open()  # spaces are no change
    bench.crash()
    bench.spec = replace(bench.spec, text=COPY + " WHERE temp > 0")
    with pytest.raises(Conflict, match="reset") as caught:
        bench.open()
    assert caught.value.code == "query.changed"
    bench.query = None
    bench.spec = replace(bench.spec, generation=1)
    bench.open()
    commit_all(bench)
    assert bench.table("copied").num_rows == 2, "after a reset the stream is read again"
    bench.crash()
    bench.open()
    commit_all(bench)
    assert bench.table("copied").num_rows == 2, "and a restart is no second reset"


def test_a_damaged_checkpoint_is_named_and_not_skipped(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COPY)
    for second in (1, 2):
        bench.source.put(record(second))
        commit_all(bench)
    bench.crash()
    newest = max((tmp_path / "checkpoints").iterdir())
    body = bytearray(newest.read_bytes())
    body[len(body) // 2] ^= 1
    newest.write_bytes(bytes(body))
    with pytest.raises(CorruptData, match=newest.name):
        bench.open()


def test_only_two_checkpoints_are_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COPY)
    for second in range(5):
        bench.source.put(record(second))
        commit_all(bench)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2


def test_a_full_disk_stops_the_epoch_and_loses_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COPY)
    bench.source.put(record(1))
    bench.open()
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    bench.clock.advance(6)
    with pytest.raises(Unavailable):
        bench.run()
    bench.crash()
    assert bench.table("copied") is None or bench.table("copied").num_rows == 0
    (tmp_path / "checkpoints").unlink()
    commit_all(bench)
    assert bench.table("copied").num_rows == 1


def test_drain_fires_open_windows_once_and_later_rows_are_late(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COUNTS)
    bench.source.put(record(1))
    bench.run()
    bench.query.stop(drain=True)
    assert bench.query.status.state is QueryState.STOPPED
    assert bench.table("counts").num_rows == 1
    bench.crash()
    bench.source.put(record(2))
    bench.source.put(record(12))
    bench.source.put(record(30))
    commit_all(bench)
    assert bench.table("counts").column("n").to_pylist() == [1, 1]
    assert bench.query.status.late == 1


def test_state_beyond_its_limit_fails_with_the_cure(tmp_path: Path) -> None:
    text = SCHEMA + (
        "INSERT INTO counts SELECT device, PERCENTILE(temp, 0.5) AS p FROM TABLE(TUMBLE(TABLE sensors, DESCRIPTOR(ts), "
        "INTERVAL '1' HOUR)) GROUP BY window_start, window_end, device"
    )
    bench = Bench(tmp_path, text, options=QueryOptions(state_bytes_max=50_000))
    for index in range(5_000):
        bench.source.put(record(index % 60, device=f"m{index}"))
    with pytest.raises(LimitExceeded, match="state_bytes_max"):
        bench.run()


def test_an_idle_shard_does_not_hold_the_watermark(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COUNTS, source=MemorySource("a", "b"))
    bench.source.put(record(1), shard="a")
    bench.source.put(record(30), shard="a")
    bench.run()
    assert bench.query.status.watermark_ms is None
    bench.clock.advance(5)
    bench.source.put(record(31), shard="a")
    bench.run()
    bench.clock.advance(6)
    bench.run()
    assert bench.query.status.watermark_ms is not None
    assert bench.table("counts").num_rows == 1


def test_the_status_tells_lag_rates_and_counts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COUNTS)
    for second in (1, 12, 30):
        bench.source.put(record(second))
    bench.source.put(b"nonsense")
    bench.run()
    bench.source.put(record(2))
    commit_all(bench)
    status = bench.query.status
    assert status.state is QueryState.RUNNING
    assert status.rows_in == 5
    assert status.rows_out == 2
    assert status.late == 1
    assert status.dead_letters == 1
    assert status.open_windows == 1
    assert status.lag_ms == 0, "all is read"
    assert status.watermark_ms == 1_704_067_225_000
    assert status.behind == {"shard-0": 0}
    assert json.dumps(status.to_json())


def test_a_sink_with_other_columns_is_refused_at_the_start(tmp_path: Path) -> None:
    Bench(tmp_path, COPY).tables.create("copied", bench_schema(), comment="")
    with pytest.raises(InvalidInput, match="has no column 'device'"):
        Bench(tmp_path, COPY).open()


def bench_schema():
    import pyarrow as pa

    return pa.schema([("devices", pa.string()), ("temp", pa.float64())])


def test_an_alert_without_a_condition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no condition"):
        Bench(tmp_path, COUNTS, alert=AlertSpec()).open()
    with pytest.raises(InvalidInput, match="no column 'm'"):
        Bench(tmp_path, COUNTS, alert=AlertSpec(when="m > 3")).open()
    with pytest.raises(InvalidInput, match=r"must be BOOLEAN"):
        Bench(tmp_path, COUNTS, alert=AlertSpec(when="n + 3")).open()


def test_alerts_whose_receiver_fails_are_offered_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, COUNTS, alert=AlertSpec(when="n > 1"))
    query = bench.open()
    deaf = [True]

    def notify(events: object) -> None:
        if deaf[0]:
            raise Unavailable("nobody answers")
        bench.events.extend(events)  # type: ignore[arg-type]

    query._notify = notify
    for second in (1, 2, 30):
        bench.source.put(record(second))
    commit_all(bench)
    assert query.status.error_code == "alert.waiting"
    deaf[0] = False
    bench.clock.advance(6)
    bench.run()
    assert [event.state for event in bench.events] == ["firing"]
    assert query.status.error is None


class Stream:
    """A real log on disk, whose shards may be split."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = ManualClock()
        self.spec = StreamSpec("id-1", "sensors", "anna", 1, 0, new_shards(1, 0))
        self.writer = LogWriter(root, clock=self.clock)

    def put(self, *payloads: bytes, keys: list[bytes] | None = None) -> None:
        self.writer.put_records_now(self.spec, Records(keys or [b"k"] * len(payloads), list(payloads)))

    def split(self) -> None:
        old = self.spec.shards[0]
        middle = (old.hash_start + old.hash_end) // 2
        count = StreamSource(self.root, lambda: self.spec).behind(old.id, 0)
        shards = (
            replace(old, end_offset=count),
            ShardSpec(1, old.hash_start, middle, 5, (0,)),
            ShardSpec(2, middle + 1, old.hash_end, 5, (0,)),
        )
        self.spec = replace(self.spec, shards=shards, version=2)


def test_a_split_stream_is_read_parents_first(tmp_path: Path) -> None:
    stream = Stream(tmp_path / "streams")
    text = COPY.replace("device, temp", "device, shard").replace(
        "temp DOUBLE", "shard STRING METADATA FROM 'shard-id', seq STRING METADATA FROM 'sequence-number'"
    )
    bench = Bench(tmp_path, text, source=StreamSource(tmp_path / "streams", lambda: stream.spec))
    stream.put(record(1, "a"), record(2, "b"))
    bench.run()
    stream.split()
    keys = [str(index).encode() for index in range(20)]
    stream.put(*(record(3, f"d{index}") for index in range(20)), keys=keys)
    bench.clock.advance(2)
    commit_all(bench)
    commit_all(bench)
    rows = plain_rows(bench.table("copied"))
    assert sorted(row["device"] for row in rows) == sorted(["a", "b", *(f"d{index}" for index in range(20))])
    assert {row["shard"] for row in rows} == {f"shardId-{n:012d}" for n in range(3)}
    stream.writer.close()


def test_a_stream_that_was_made_again_is_another_stream(tmp_path: Path) -> None:
    stream = Stream(tmp_path / "streams")
    stream.put(record(1, "old"))
    bench = Bench(tmp_path, COPY, source=StreamSource(tmp_path / "streams", lambda: stream.spec))
    commit_all(bench)
    stream.spec = replace(stream.spec, id="the-second-of-this-name")
    bench.clock.advance(6)
    with pytest.raises(Conflict, match="deleted and made again"):  # while the query runs
        bench.run()
    bench.crash()
    bench.source = StreamSource(tmp_path / "streams", lambda: stream.spec)
    with pytest.raises(Conflict, match="reset the query"):  # and when it goes on later
        bench.open()
    bench.open(reset=True)
    stream.writer.close()


def test_latest_begins_at_the_end_and_dead_letters_know_their_place(tmp_path: Path) -> None:
    stream = Stream(tmp_path / "streams")
    stream.put(record(1, "old"))
    text = COPY.replace("'format'='json'", "'format'='json', 'scan.startup.mode'='latest'")
    bench = Bench(tmp_path, text, source=StreamSource(tmp_path / "streams", lambda: stream.spec))
    bench.run()
    stream.put(record(2, "new"), b"\xff\x00")
    commit_all(bench)
    assert bench.table("copied").column("device").to_pylist() == ["new"]
    dead = plain_rows(bench.table("copied__dead_letters"))[0]
    assert (dead["shard"], dead["offset"], dead["encoding"], dead["payload"]) == (
        "shardId-000000000000",
        2,
        "base64",
        "/wA=",
    )
    stream.writer.close()
