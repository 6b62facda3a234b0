"""Random streams, disorder, batch cuts and crashes: the sink's table is DuckDB's answer, each row once."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streaming_kit import Bench, oracle, plain_rows, same_rows
from tests.effort import examples

from gureum.sql.streaming.alerts import AlertSpec
from gureum.sql.streaming.query import QueryOptions
from gureum.sql.streaming.sources import MemorySource

DISORDER_S = 5
SCHEMA = f"""CREATE TABLE sensors (device STRING, temp DOUBLE, n INT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '{DISORDER_S}' SECOND) WITH ('stream'='sensors', 'format'='json');
"""
QUERIES = [
    "SELECT device, temp * 2 AS t2, UPPER(device) AS u FROM sensors WHERE temp > 0",
    "SELECT window_start, window_end, device, MAX(temp) AS a, AVG(temp) AS b, COUNT(*) AS c, SUM(n) AS d, "
    "STDDEV_SAMP(temp) AS e FROM TABLE(TUMBLE(TABLE sensors, DESCRIPTOR(ts), INTERVAL '10' SECOND)) "
    "GROUP BY window_start, window_end, device HAVING COUNT(*) > 1",
    "SELECT window_start, window_end, COUNT(DISTINCT device) AS a, PERCENTILE(temp, 0.9) AS b, MIN(device) AS c, "
    "VAR_POP(n) AS d FROM TABLE(HOP(TABLE sensors, DESCRIPTOR(ts), INTERVAL '4' SECOND, INTERVAL '10' SECOND)) "
    "WHERE n <> 3 GROUP BY window_start, window_end",
    "SELECT window_start, window_end, n, COUNT(*) FILTER (WHERE temp > 0) AS a, MIN(temp) AS b "
    "FROM TABLE(CUMULATE(TABLE sensors, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND)) "
    "GROUP BY window_start, window_end, n",
    "SELECT window_end, SUM(peak) AS s, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE (SELECT window_time AS wt, device, "
    "MAX(temp) AS peak FROM TABLE(TUMBLE(TABLE sensors, DESCRIPTOR(ts), INTERVAL '5' SECOND)) "
    "GROUP BY window_start, window_end, window_time, device), DESCRIPTOR(wt), INTERVAL '15' SECOND)) "
    "GROUP BY window_start, window_end",
]


class Crash(BaseException):
    """kill -9, as far as one process can play it."""


def events(chance: random.Random, count: int) -> list[bytes]:
    """In order of arrival: at any moment no later event time has been seen by more than the disorder."""
    base = chance.choice([0, 1_700_000_000, -86_400])
    times = sorted(chance.uniform(0, 90) for _ in range(count))
    order = sorted(range(count), key=lambda i: times[i] + chance.uniform(0, DISORDER_S * 0.99))
    records = []
    for i in order:
        stamp = base * 1000 + int(times[i] * 1000)
        day, rest = divmod(stamp, 86_400_000)
        text = (
            _iso(day) + f" {rest // 3_600_000:02d}:{rest // 60_000 % 60:02d}:{rest // 1000 % 60:02d}.{rest % 1000:03d}"
        )
        record = {
            "device": chance.choice(["a", "b", "c", None]),
            "temp": chance.choice([None, round(chance.uniform(-50, 100), 3), 1e4 + chance.random()]),
            "n": chance.choice([None, 1, 2, 3]),
            "ts": text,
        }
        records.append(json.dumps(record).encode())
    return records


def _iso(day: int) -> str:
    from datetime import date, timedelta

    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


@pytest.mark.parametrize("text", QUERIES, ids=["map", "tumble", "hop", "cumulate", "cascade"])
@settings(max_examples=examples(12), deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_any_cuts_and_crashes_give_the_answer_over_the_whole_input(text: str, seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        shards = ["s0", "s1", "s2"][: chance.randint(1, 3)]
        source = MemorySource(*shards, bounded=True)
        options = QueryOptions(checkpoint_s=chance.choice([0.0, 0.5]), records_max=chance.choice([3, 17, 1000]))
        bench = Bench(Path(folder), SCHEMA + "INSERT INTO out " + text, source=source, options=options)
        payloads = events(chance, chance.randint(0, 120))
        left = list(payloads)
        plan = bench.open().plan
        crashes = chance.randint(0, 6)
        while True:
            for _ in range(chance.choice([1, 5, 30])):
                if left:
                    # One shard's turn after another's would be disorder across shards: spread in order of arrival.
                    source.put(left.pop(0), shard=chance.choice(shards))
            if not left:
                source.close_input()
            if crashes and chance.random() < 0.5:
                crashes -= 1
                _arm(bench, chance)
            try:
                query = bench.query or bench.open()
                query.step()
                bench.clock.advance(0.2)
                if query.finished:
                    break
                if chance.random() < 0.1:  # a plain restart
                    query.stop()
                    bench.crash()
            except Crash:
                bench.crash()
            bench.on_act = lambda _: None
        result = plain_rows(bench.table("out"))
        assert query.status.late == 0, f"seed {seed}"
        same_rows(result, plain_rows(oracle(plan, payloads)))


def _arm(bench: Bench, chance: random.Random) -> None:
    """Crash at one of the next acts of the protocol: before or after each of them, in effect."""
    countdown = chance.randint(0, 4)

    def on_act(_: str) -> None:
        nonlocal countdown
        countdown -= 1
        if countdown < 0:
            raise Crash

    bench.on_act = on_act


@pytest.mark.parametrize("act", ["staged rows", "checkpointed", "committed rows", "told"])
def test_a_crash_at_each_act_of_the_protocol_neither_loses_nor_repeats(act: str, tmp_path: Path) -> None:
    source = MemorySource(bounded=True)
    text = SCHEMA + "INSERT INTO hot SELECT device, temp FROM sensors WHERE temp > 90"
    bench = Bench(tmp_path, text, source=source, alert=AlertSpec(key=("device",)))
    for temp in (95, 20, 99):
        source.put(json.dumps({"device": "m1", "temp": temp, "ts": "2024-01-01 00:00:01"}).encode())
    source.close_input()

    def on_act(done: str) -> None:
        if done == act:
            raise Crash

    bench.on_act = on_act
    with pytest.raises(Crash):
        bench.run()
    bench.crash()
    bench.on_act = lambda _: None
    bench.run()
    assert sorted(bench.table("hot").column("temp").to_pylist()) == [95.0, 99.0]
    states = {(event.id, event.state) for event in bench.events}
    assert len(states) == len({event.id for event in bench.events})
    assert [event.state for event in bench.events][:3] == ["firing", "recovered", "firing"]
    assert len(bench.events) == (6 if act == "told" else 3), "handed over again after a crash, with the same ids"


def test_a_stream_sink_gets_each_record_once(tmp_path: Path) -> None:
    source = MemorySource(bounded=True)
    text = SCHEMA + "CREATE TABLE o (d STRING) WITH ('stream'='o'); INSERT INTO o SELECT device FROM sensors"
    bench = Bench(tmp_path, text, source=source)
    for device in "abc":
        source.put(json.dumps({"device": device, "ts": "2024-01-01 00:00:01"}).encode())
    source.close_input()

    def on_act(done: str) -> None:
        if done == "committed rows":
            raise Crash

    bench.on_act = on_act
    with pytest.raises(Crash):
        bench.run()
    bench.crash()
    bench.on_act = lambda _: None
    bench.run()
    records = [json.loads(record)["d"] for _, _, data, _ in bench.written for record in data]
    assert records == ["a", "b", "c"]
