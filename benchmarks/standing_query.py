"""What a windowed standing query costs: events a CPU-second, with checkpoints and an exactly-once Delta sink.

    python -m benchmarks.standing_query [--quick] [--events N] [--install-peers]

The query: 10-second windows per device, MAX, AVG and COUNT, filtered on the maximum; 1,000 devices, events up to 2 seconds
out of order, on parquet. Every engine runs in a process of its own and reads the same file; counted is the CPU (user and
system, all threads, children too) from when it is ready to run the query until its last result is written. DuckDB answers
over the whole input at once and is the truth for all. Flink and Spark are measured when their environments are there;
`--install-peers` makes them under .cache/peers (Java 17, and Maven for Flink's parquet format).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psutil

from benchmarks._peers import PeerMissing, peer_python

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "benchmarks"
PEERS = ROOT / ".cache" / "peers"

EVENTS = 10_000_000
EVENTS_QUICK = 4_000_000
DEVICES = 1_000
EVENTS_PER_S = 10_000
HOT = 99.5

# In production a checkpoint comes every 5 seconds; here the whole run is shorter, so that some are in the figure.
CHECKPOINT_S = 0.1

# Apache Flink on two quiet cores, the same query and file size; the goal is a multiple of it.
FLINK_BARE = 830_000
GOAL_TIMES_FLINK = 8.0

SPARK = "pyspark==4.1.4"
FLINK_VERSION = "2.2.1"
FLINK = (f"apache-flink=={FLINK_VERSION}", "setuptools<81")
MAVEN_JARS = (("org.apache.flink", "flink-parquet", "2.2.0"),)
SPARK_JARS = ("parquet-*.jar", "hadoop-client-*.jar", "snappy-java-*.jar", "zstd-jni-*.jar", "jts-core-*.jar")
RUN_S_MAX = 1_800

# What each runner is told: the file, a folder to write to.
OURS = """
import pathlib, sys
from gureum.clock import SystemClock
from gureum.sql.streaming.query import QueryOptions, QuerySpec, StandingQuery
from gureum.sql.streaming.sinks import FolderTables
from gureum.sql.streaming.sources import RowSource
text = '''
CREATE TABLE sensors (device STRING, ts TIMESTAMP(3), temp DOUBLE, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('stream' = 'sensors', 'format' = 'arrow');
INSERT INTO hot SELECT window_start, device, MAX(temp) AS peak, AVG(temp) AS mean, COUNT(*) AS n
FROM TABLE(TUMBLE(TABLE sensors, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, device HAVING MAX(temp) > {hot}
'''
events, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
def run(files, folder):
    query = StandingQuery(
        QuerySpec("bench", "bench", text, options=QueryOptions(checkpoint_s={checkpoint_s})), lookup=lambda _: None,
        source=lambda _: RowSource(files=files, columns=["device", "ts", "temp"]),
        tables=FolderTables(folder / "tables"), writer=None, folder=folder / "checkpoints", clock=SystemClock())
    query.open()
    while not query.finished:
        query.step()
    return query
import deltalake, pyarrow, pyarrow.parquet
pyarrow.scalar(1)  # looks for pandas, once a process
print("READY", flush=True)
query = run([events], out)
print("DONE", query.status.epoch, flush=True)
sys.stdin.read()
"""

DUCKDB = """
import sys, duckdb
con = duckdb.connect()
print("READY", flush=True)
con.execute(f"COPY ({sql}) TO '{{sys.argv[2]}}/out.parquet'")
print("DONE", flush=True)
sys.stdin.read()
"""

TRUTH = (
    "SELECT time_bucket(INTERVAL 10 SECOND, ts) AS window_start, device, max(temp) AS peak, avg(temp) AS mean, "
    "count(*) AS n FROM '{events}' GROUP BY ALL HAVING max(temp) > {hot}"
)

FLINK_RUN = """
import pathlib, sys
from pyflink.table import EnvironmentSettings, TableEnvironment
env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
config = env.get_config()
config.set("parallelism.default", "1")
config.set("execution.checkpointing.interval", "5 s")
config.set("table.local-time-zone", "UTC")
config.set("restart-strategy.type", "none")
config.set("pipeline.jars", ";".join("file://" + jar for jar in sys.argv[3:]))
env.execute_sql(f'''CREATE TABLE sensors (device STRING, `at` BIGINT, temp DOUBLE, ts AS TO_TIMESTAMP_LTZ(`at`, 3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
  WITH ('connector' = 'filesystem', 'path' = 'file://{{sys.argv[1]}}', 'format' = 'parquet')''')
env.execute_sql(f'''CREATE TABLE hot (window_start STRING, device STRING, peak DOUBLE, mean DOUBLE, n BIGINT)
  WITH ('connector' = 'filesystem', 'path' = 'file://{{sys.argv[2]}}/out', 'format' = 'json')''')
print("READY", flush=True)
env.execute_sql('''INSERT INTO hot SELECT CAST(CAST(window_start AS TIMESTAMP(3)) AS STRING), device, MAX(temp), AVG(temp),
  COUNT(*) FROM TABLE(TUMBLE(TABLE sensors, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end, device HAVING MAX(temp) > {hot}''').wait()
print("DONE", flush=True)
sys.stdin.read()
"""

SPARK_RUN = """
import pathlib, shutil, sys
from pyspark.sql import SparkSession, functions as F
spark = (SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", "2")
  .config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
folder = pathlib.Path(sys.argv[2])
(folder / "in").mkdir()
(folder / "in" / "events.parquet").symlink_to(sys.argv[1])
stream = (spark.readStream.schema("device STRING, at BIGINT, ts TIMESTAMP, temp DOUBLE").parquet(str(folder / "in"))
  .withWatermark("ts", "5 seconds").groupBy(F.window("ts", "10 seconds"), "device")
  .agg(F.max("temp").alias("peak"), F.avg("temp").alias("mean"), F.count("*").alias("n"))
  .where("peak > {hot}").selectExpr("window.start AS window_start", "device", "peak", "mean", "n"))
print("READY", flush=True)
(stream.writeStream.format("parquet").outputMode("append").option("path", str(folder / "out"))
  .option("checkpointLocation", str(folder / "checkpoint")).trigger(availableNow=True).start().awaitTermination())
print("DONE", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Runner:
    name: str
    python: Path
    script: str
    result: Callable[[Path], str]  # the folder to a DuckDB table expression
    arguments: tuple[str, ...] = ()
    sees_the_end: bool = True  # whether the last windows fire at the end of the input


def make_events(count: int) -> Path:
    """The events, made once: the same for the same count."""
    path = CACHE / f"standing_query-{count}.parquet"
    if path.exists():
        return path
    CACHE.mkdir(parents=True, exist_ok=True)
    making = path.with_suffix(".making")
    step_us = 1_000_000 // EVENTS_PER_S
    duckdb.connect().execute(
        f"""COPY (SELECT 'device-' || lpad((hash(i) % {DEVICES})::VARCHAR, 4, '0') AS device, us // 1000 AS at,
        make_timestamp(us // 1000 * 1000) AS ts, 20 + (hash(i + 7) % 8000001) / 100000.0 AS temp
        FROM (SELECT i, 1700000000000000 + i * {step_us} - (hash(i + 3) % 2000000)::BIGINT AS us FROM range({count}) t(i)))
        TO '{making}' (FORMAT parquet, ROW_GROUP_SIZE 131072)"""
    )
    making.rename(path)
    return path


def run(runner: Runner, events: Path, folder: Path) -> tuple[float, float]:
    """CPU-seconds and seconds between READY and DONE."""
    process = subprocess.Popen(
        [str(runner.python), "-c", runner.script, str(events), str(folder), *runner.arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src") if runner.name == "gureum" else ""},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        _until(process, "READY")
        cpu, began = _tree_cpu(process.pid), time.perf_counter()
        _until(process, "DONE")
        return _tree_cpu(process.pid) - cpu, time.perf_counter() - began
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()


def _until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stdout:
        if line.startswith(word):
            return
    raise PeerMissing(f"it ended: {process.stderr.read().strip()[-800:]}")


def _tree_cpu(pid: int) -> float:
    """User and system seconds of a process, its threads and its children, living and gone."""
    top = psutil.Process(pid)
    times = top.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in top.children(recursive=True):
        own = child.cpu_times()
        total += own.user + own.system
    return float(total)


def compare(events: Path, expression: str, *, sees_the_end: bool) -> str | None:
    """What differs from DuckDB's answer, None if nothing does. Doubles to 1e-9."""
    con = duckdb.connect()
    con.execute(f"CREATE TABLE truth AS {TRUTH.format(events=events, hot=HOT)}")
    con.execute(
        f"CREATE TABLE found AS SELECT window_start::TIMESTAMP AS window_start, device, peak, mean, n FROM {expression}"
    )
    if not sees_the_end:
        con.execute(f"DELETE FROM truth WHERE window_start + INTERVAL 15 SECOND > (SELECT max(ts) FROM '{events}')")
    same = "t.window_start = f.window_start AND t.device = f.device AND t.peak = f.peak AND t.n = f.n"
    near = "abs(t.mean - f.mean) <= 1e-9 * abs(t.mean)"
    missing = con.sql(f"SELECT count(*) FROM truth t ANTI JOIN found f ON {same} AND {near}").fetchone()[0]
    rows, wanted = (con.sql(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("found", "truth"))
    return None if not missing and rows == wanted else f"{missing} of {wanted} rows are missing, {rows} were given"


def flink_jars(*, install: bool) -> list[str]:
    """Flink's parquet format, which its wheel lacks, and the parquet and Hadoop classes it wants, which Spark's wheel has."""
    folder = PEERS / "maven"
    found = []
    for group, name, version in MAVEN_JARS:
        jar = folder / group.replace(".", "/") / name / version / f"{name}-{version}.jar"
        if not jar.exists():
            if not install or shutil.which("mvn") is None:
                raise PeerMissing("Flink's parquet format is not there; Maven and --install-peers bring it")
            artifact = f"-Dartifact={group}:{name}:{version}"
            command = ["mvn", "-q", f"-Dmaven.repo.local={folder}", "dependency:get", artifact, "-Dtransitive=false"]
            subprocess.run(command, check=False, capture_output=True, timeout=RUN_S_MAX)
        if not jar.exists():
            raise PeerMissing(f"Maven did not bring {name} {version}, which Flink wants")
        found.append(str(jar))
    jars = PEERS / "spark" / "lib" / "python3.11" / "site-packages" / "pyspark" / "jars"
    others = [path for pattern in SPARK_JARS for path in sorted(jars.glob(pattern))]
    if not others:
        raise PeerMissing("Flink's parquet format wants Hadoop's classes, which come with Spark's wheel")
    return [*found, *map(str, others)]


def peers(*, install: bool) -> tuple[list[Runner], list[str]]:
    """The peers that can run here, and why others cannot."""
    found: list[Runner] = []
    missing: list[str] = []

    def python(name: str, *requirements: str) -> Path:
        executable = PEERS / name / "bin" / "python"
        if not install and not (PEERS / name / "requirements.sha256").exists():
            raise PeerMissing(f"{name}: not installed; --install-peers brings it")
        return peer_python(name, *requirements) if install else executable

    def spark() -> Runner:
        return Runner(
            "spark", python("spark", SPARK), SPARK_RUN.format(hot=HOT),
            lambda folder: f"'{folder}/out/*.parquet'", sees_the_end=False,
        )  # fmt: skip

    def flink() -> Runner:
        executable = python("flink", *FLINK)
        return Runner(
            "flink", executable, FLINK_RUN.format(hot=HOT),
            lambda folder: f"read_json('{folder}/out/*', format='newline_delimited')",
            tuple(flink_jars(install=install)),
        )  # fmt: skip

    for make in (spark, flink):
        try:
            found.append(make())
        except PeerMissing as error:
            missing.append(f"{make.__name__}: {error}")
    return found, missing


def delta_files(folder: Path) -> str:
    # The Delta log decides which files count; here nothing was ever removed, which the log confirms.
    from deltalake import DeltaTable

    files = DeltaTable(str(folder / "tables/main/hot")).file_uris()
    return "read_parquet([" + ", ".join(f"'{uri}'" for uri in files) + "])"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{EVENTS_QUICK:,} events")
    parser.add_argument("--events", type=int, default=None)
    parser.add_argument("--install-peers", action="store_true")
    options = parser.parse_args()
    count = options.events or (EVENTS_QUICK if options.quick else EVENTS)
    events = make_events(count)
    here = Path(sys.executable)
    truth = TRUTH.format(events=events, hot=HOT).replace("{", "{{")
    runners = [
        Runner("gureum", here, OURS.format(hot=HOT, checkpoint_s=CHECKPOINT_S), delta_files),
        Runner("duckdb", here, DUCKDB.format(sql=truth), lambda folder: f"'{folder}/out.parquet'"),
    ]
    found, missing = peers(install=options.install_peers)
    figures: dict[str, Any] = {"events": count}
    differs = False
    for runner in [*runners, *found]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            try:
                cpu_s, wall_s = run(runner, events, folder)
            except PeerMissing as error:
                missing.append(f"{runner.name}: {error}")
                continue
            difference = compare(events, runner.result(folder), sees_the_end=runner.sees_the_end)
        figures[runner.name] = {
            "events_per_cpu_s": round(count / cpu_s),
            "cpu_s": round(cpu_s, 2),
            "wall_s": round(wall_s, 2),
            "differs": difference,
        }
        differs = differs or (difference is not None and runner.name == "gureum")
        print(
            f"{runner.name}: {count / cpu_s / 1e6:.2f} M events a CPU-second, {wall_s:.1f} s; {difference or 'as DuckDB'}"
        )
    for reason in missing:
        print(f"left out: {reason.splitlines()[-1][:300]}")
    measured = figures.get("flink", {}).get("events_per_cpu_s")
    # The harder of the two: on busy cores, and on few events, starting up is most of what Flink does here.
    flink = max(measured or 0, FLINK_BARE)
    if flink == FLINK_BARE:
        why = "was not measured here" if measured is None else f"gave {measured:,} here"
        print(f"Flink {why}; the goal is against {FLINK_BARE:,}, measured on two quiet cores")
    ratio = figures["gureum"]["events_per_cpu_s"] / flink
    figures["times_flink"] = round(ratio, 1)
    figures["flink_measured_here"] = measured is not None
    goals = {"times_flink_min": GOAL_TIMES_FLINK, "same_as_duckdb": True}
    holds = ratio >= GOAL_TIMES_FLINK and not differs
    print(json.dumps({"name": "standing_query", "figures": figures, "goals": goals, "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
