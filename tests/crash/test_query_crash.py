"""A process that runs a standing query is killed with -9 again and again; the Delta table is still DuckDB's answer, once.

The stream is the real log: written here, read there from its files.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from tests.effort import kills

from gureum.clock import SystemClock
from gureum.streams.spec import StreamSpec, new_shards
from gureum.streams.writer import LogWriter, Records

pytestmark = pytest.mark.crash

KILLS = 16
EVENTS = 60_000

WORKER = """
import sys, json, pathlib, pyarrow as pa
from gureum.clock import SystemClock
from gureum.sql.streaming.query import QueryOptions, QuerySpec, StandingQuery
from gureum.sql.streaming.sinks import FolderTables
from gureum.sql.streaming.sources import StreamSource
from gureum.streams.spec import StreamSpec, new_shards

root = pathlib.Path(sys.argv[1])
text = (root / "query.sql").read_text()
spec = StreamSpec("stream-1", "sensors", "anna", 1, 0, new_shards(2, 0))
query = StandingQuery(
    QuerySpec("q-1", "hot", text, options=QueryOptions(checkpoint_s=0.02, records_max=80)),
    lookup=lambda _: None,
    source=lambda _: StreamSource(root / "streams", lambda: spec),
    tables=FolderTables(root / "tables"),
    writer=None,
    folder=root / "checkpoints",
    clock=SystemClock(),
)
query.open()
print("open", flush=True)
while True:
    if not query.step() and not query.has_input():
        query.stop(drain=True)
        break
print("done", query.status.rows_in, flush=True)
"""

TEXT = """CREATE TABLE sensors (device STRING, temp DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('stream'='sensors', 'format'='json');
INSERT INTO alerts.hot SELECT window_start, device, MAX(temp) AS peak, COUNT(*) AS n, AVG(temp) AS mean
FROM TABLE(TUMBLE(TABLE sensors, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, device
HAVING MAX(temp) > 50
"""


def test_kill_9_at_random_moments_loses_and_repeats_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("GUREUM_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}: repeat with GUREUM_SEED={seed}")
    chance = random.Random(seed)
    (tmp_path / "query.sql").write_text(TEXT)
    put_events(tmp_path, chance)
    wanted = kills(KILLS)
    killed = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        if killed < wanted:
            assert process.stdout.readline() == "open\n", process.stderr.read()
            time.sleep(chance.uniform(0.0, 0.3))  # the moment of the kill is the point; nothing is waited for
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
            finished = "done" in process.stdout.read()
            process.stderr.close()
            process.stdout.close()
            if not finished:
                continue
        else:
            out, errors = process.communicate(timeout=60)
            assert f"done {EVENTS}" in out, errors
        break
    compare(tmp_path)
    assert killed >= wanted // 2, f"the query ended before it could be killed often, seed {seed}"


def put_events(root: Path, chance: random.Random) -> None:
    spec = StreamSpec("stream-1", "sensors", "anna", 1, 0, new_shards(2, 0))
    writer = LogWriter(root / "streams", clock=SystemClock())
    lines = []
    for i in range(EVENTS):
        millis = int(i * 5 + chance.uniform(0, 3000))
        stamp = f"2024-01-01 00:{millis // 60_000:02d}:{millis // 1000 % 60:02d}.{millis % 1000:03d}"
        lines.append({"device": f"m{i % 20}", "temp": round(chance.uniform(0, 60), 3), "ts": stamp})
    (root / "events.json").write_text("\n".join(json.dumps(line) for line in lines))
    for start in range(0, EVENTS, 500):
        part = lines[start : start + 500]
        # Spread over the shards evenly in time: across shards, a lag of one would be disorder too.
        keys = [str(chance.random()).encode() for _ in part]
        result = writer.put_records_now(spec, Records(keys, [json.dumps(line).encode() for line in part]))
        assert all(isinstance(offset, int) for offset in result.placed.values())
    writer.close()


def compare(root: Path) -> None:
    from deltalake import DeltaTable

    con = duckdb.connect()
    con.register("found", DeltaTable(str(root / "tables/alerts/hot")).to_pyarrow_table())
    wanted = f"""SELECT time_bucket(INTERVAL 10 SECOND, ts::TIMESTAMP) AS window_start, device, max(temp) AS peak,
        count(*) AS n, avg(temp) AS mean FROM read_json('{root / "events.json"}',
        columns={{device: 'VARCHAR', temp: 'DOUBLE', ts: 'VARCHAR'}}) GROUP BY ALL HAVING peak > 50"""
    same = "w.window_start = f.window_start AND w.device = f.device AND w.peak = f.peak AND w.n = f.n"
    near = "abs(w.mean - f.mean) < 1e-9"  # a mean's last digits depend on the order of addition
    missing = con.sql(f"SELECT * FROM ({wanted}) w ANTI JOIN found f ON {same} AND {near}").fetchall()
    extra = con.sql(f"SELECT * FROM found f ANTI JOIN ({wanted}) w ON {same} AND {near}").fetchall()
    repeated = con.sql("SELECT window_start, device FROM found GROUP BY ALL HAVING count(*) > 1").fetchall()
    late = root / "tables/alerts/hot__late"
    assert not late.exists(), "the disorder is within the watermark's delay"
    assert not missing, f"{len(missing)} rows are missing, as {missing[0]}"
    assert not extra, f"{len(extra)} rows are too many, as {extra[0]}"
    assert not repeated, f"{len(repeated)} rows are there twice, as {repeated[0]}"
