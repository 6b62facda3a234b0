"""The second half of the demo: rows of machines become a model, the model answers, its inputs drift, the monitor says which.

Called by `run.py` after the readings. Each step is a user's own act through the SDK and boto3; `run_loop` yields what it saw of
each, so that the demo can tell it and `--check` can hold it against what must be.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from gureum.client.client import Client
from gureum.clock import Clock
from gureum.demo.patience import gone, until

__all__ = ["LOOP_DASHBOARD", "LOOP_DASHBOARD_NAME", "Step", "clear_loop", "machine_rows", "run_loop"]

FILE = "machine_failure.csv.gz"

STREAM = "machine_rows"
QUERY = "machine_rows"
TABLE = "factory.machine_rows"
MODEL = "machine_failure"
ENDPOINT = "machine-failure"
MONITOR = "machine-failure"
TARGET = "failure"
LOOP_DASHBOARD_NAME = "machine-failure"

# The file's names to ours, in its order; the first two only number the machines.
COLUMNS = {
    "Type": ("type", str),
    "Air temperature [K]": ("air_temperature", float),
    "Process temperature [K]": ("process_temperature", float),
    "Rotational speed [rpm]": ("rotational_speed", int),
    "Torque [Nm]": ("torque", float),
    "Tool wear [min]": ("tool_wear", int),
    "Machine failure": (TARGET, int),
}
FEATURES = [name for name, _ in COLUMNS.values() if name != TARGET]

# Rows are in the order of tool wear cycles; each fifth is kept from the training for the traffic.
TRAFFIC_EVERY = 5
WINDOW_ROWS = 400
WINDOW_S = 5.0
REQUEST_ROWS = 20

KELVIN = 273.15
DRIFTED = "air_temperature"
WINDOWS_TO_NAME_IT = 2

FIT_S = 20.0
PATIENCE_S = 300.0

SQL = f"""\
CREATE TABLE machines (
  type STRING, air_temperature DOUBLE, process_temperature DOUBLE, rotational_speed BIGINT, torque DOUBLE,
  tool_wear BIGINT, {TARGET} BIGINT
) WITH ('stream' = '{STREAM}', 'format' = 'json');
INSERT INTO {TABLE}
SELECT type, air_temperature, process_temperature, rotational_speed, torque, tool_wear, {TARGET} FROM machines"""

LOOP_DASHBOARD: dict[str, Any] = {
    "title": "Machine failure, watched",
    "widgets": [
        {"id": "alerts", "title": "Alerts", "type": "alerts", "width": 1, "height": 1},
        {
            "id": "windows", "title": "What the monitor found", "type": "table", "width": 2, "height": 1,
            "sql": 'SELECT "window", "rows", alarm, culprit, "text" FROM monitors.machine_failure '
                   'ORDER BY ts DESC LIMIT 20',
        },
        {
            "id": "failures", "title": "Rows and failures by type", "type": "bar", "width": 3, "height": 1,
            "sql": f"SELECT type, count(*)::BIGINT AS machines, sum({TARGET})::BIGINT AS failures FROM {TABLE} "
                   "GROUP BY type ORDER BY type",
            "x": "type", "y": ["machines", "failures"],
        },
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One step of the loop: its name, whether what must be is so, and what was seen."""

    name: str
    ok: bool
    seen: str
    figures: dict[str, Any] = field(default_factory=dict)


def machine_rows() -> list[dict[str, Any]]:
    """The file's 10,000 rows under our names."""
    packed = resources.files("gureum.demo").joinpath(FILE).read_bytes()
    text = gzip.decompress(packed).decode("utf-8-sig")  # the file begins with a byte-order mark
    return [
        {name: read(row[column]) for column, (name, read) in COLUMNS.items()}
        for row in csv.DictReader(io.StringIO(text))
    ]


def clear_loop(client: Client) -> None:
    """Take an earlier demo away; the model's versions stay, and so do the requests that were captured."""
    gone(client.monitor(MONITOR).delete)
    gone(client.endpoint(ENDPOINT).delete)
    gone(client.query(QUERY).delete)
    for suffix in ("", "__late", "__dead_letters"):
        gone(client.table(TABLE + suffix).drop)
    gone(client.stream(STREAM).delete)
    gone(lambda: client.request("DELETE", f"/dashboards/{LOOP_DASHBOARD_NAME}"))


def run_loop(client: Client, kinesis: Any, *, clock: Clock, say: Callable[[str], None]) -> Iterator[Step]:
    """Go round the loop; a step that is not as it must be ends it."""
    rows = machine_rows()
    learned = [row for number, row in enumerate(rows) if number % TRAFFIC_EVERY]
    traffic = [row for number, row in enumerate(rows) if not number % TRAFFIC_EVERY]
    # The file is a walk through slowly changing air: its first hours are unlike the whole, and a monitor would rightly say so.
    random.Random(1).shuffle(traffic)  # noqa: S311
    steps: tuple[Callable[[], Step], ...] = (
        lambda: _stream_in(client, kinesis, learned),
        lambda: _fit(client, say),
        lambda: _deploy(client, traffic[:3]),
        lambda: _watch(client, clock),
        lambda: _calm(client, traffic[:WINDOW_ROWS]),
        lambda: _drift(client, traffic[WINDOW_ROWS:]),
        lambda: _alert(client),
    )
    for step in steps:
        seen = step()
        yield seen
        if not seen.ok:
            return


def _stream_in(client: Client, kinesis: Any, rows: list[dict[str, Any]]) -> Step:
    client.stream(STREAM).create()
    client.query(QUERY, SQL, checkpoint_s=1.0).start()
    for start in range(0, len(rows), 500):
        records = [{"Data": json.dumps(row).encode(), "PartitionKey": row["type"]} for row in rows[start : start + 500]]
        answer = kinesis.put_records(StreamName=STREAM, Records=records)
        if answer["FailedRecordCount"]:
            return Step("rows", False, f"{answer['FailedRecordCount']} records were refused")
    there = until(lambda: (n := _count(client)) == len(rows) and n, PATIENCE_S)
    return Step("rows", there == len(rows), f"{there or _count(client)} of {len(rows)} rows are in {TABLE}")


def _fit(client: Client, say: Callable[[str], None]) -> Step:
    fit = client.autopilot(MODEL, table=TABLE, target=TARGET, budget_s=FIT_S)
    shown = 0

    def tell(progress: dict[str, Any]) -> None:
        nonlocal shown
        board = progress.get("leaderboard", [])
        if len(board) > shown:
            shown = len(board)
            say(f"  {shown} candidates, best {board[0]['name']}: {progress['metric']} {board[0]['score']:.4f}")

    result = fit.wait(timeout_s=FIT_S + PATIENCE_S, on_progress=tell)
    files = {file["name"] for file in fit.files()}
    ok = result["candidates"] >= 2 and result["score"] > 0.9 and {"model.py", "card.md"} <= files
    seen = f"{result['candidates']} candidates, {result['metric']} {result['score']:.4f}, model {MODEL} {result['version']}"
    return Step("model", ok, seen, {"score": result["score"], "candidates": result["candidates"]})


def _deploy(client: Client, rows: list[dict[str, Any]]) -> Step:
    endpoint = client.endpoint(ENDPOINT)
    endpoint.deploy(MODEL)
    answers = endpoint.predict([_inputs(row) for row in rows])
    return Step("endpoint", len(answers) == len(rows), f"{client.url}/endpoints/{ENDPOINT}/invocations answers")


def _watch(client: Client, clock: Clock) -> Step:
    columns = ", ".join(FEATURES)
    until(lambda: client.endpoint(ENDPOINT).show()["table"], PATIENCE_S)
    since = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    monitor = client.monitor(MONITOR).watch(
        endpoint=ENDPOINT, every=WINDOW_S, rows_min=WINDOW_ROWS, rows_max=WINDOW_ROWS, notify="log", since=since,
    )  # fmt: skip
    monitor.baseline(f"SELECT {columns} FROM {TABLE}")
    about = monitor.describe()
    return Step(
        "monitor", about["baseline_rows"] > 0, f"knows {about['baseline_rows']} rows of {len(FEATURES)} features"
    )


def _calm(client: Client, rows: list[dict[str, Any]]) -> Step:
    _ask(client, rows)
    window = client.monitor(MONITOR).wait(1, timeout_s=PATIENCE_S)
    seen = "as in the baseline" if not window["alarm"] else window["findings"][0]["text"]["en"]
    return Step("calm", not window["alarm"], f"window 1, {window['rows']} rows: {seen}")


def _drift(client: Client, rows: list[dict[str, Any]]) -> Step:
    """From here the air's temperature comes in Celsius."""
    _ask(client, [{**row, DRIFTED: row[DRIFTED] - KELVIN} for row in rows[: WINDOW_ROWS * WINDOWS_TO_NAME_IT]])
    for number in range(2, 2 + WINDOWS_TO_NAME_IT):
        window = client.monitor(MONITOR).wait(number, timeout_s=PATIENCE_S)
        if window["alarm"]:
            text = window["findings"][0]["text"]["en"]
            return Step("drift", window["culprit"] == DRIFTED, f"window {number}: {text}", {"windows": number - 1})
    return Step("drift", False, f"not seen within {WINDOWS_TO_NAME_IT} windows")


def _alert(client: Client) -> Step:
    def firing() -> dict[str, Any] | None:
        return next((one for one in client.alerts()["firing"] if one["query"] == f"monitor.{MONITOR}"), None)

    found = until(firing, PATIENCE_S)
    return Step("alert", found is not None, f"fires, and names {found['row']['culprit']}" if found else "does not fire")


def _ask(client: Client, rows: list[dict[str, Any]]) -> None:
    endpoint = client.endpoint(ENDPOINT)
    for start in range(0, len(rows), REQUEST_ROWS):
        endpoint.predict([_inputs(row) for row in rows[start : start + REQUEST_ROWS]])


def _inputs(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in FEATURES}


def _count(client: Client) -> int:
    return int(client.sql(f"SELECT count(*) AS n FROM {TABLE}").to_pylist()[0]["n"])
