"""Compare what the platform made with what DuckDB says over the same file: every window, every alert.

Called by `run.py` after the queries were drained.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from gureum.client.client import Client
from gureum.demo.readings import expected_hours
from gureum.demo.scene import COLD, COLD_BELOW, HOURS, REQUESTS

__all__ = ["CheckResult", "check"]

# Sums of doubles in another order differ in the last bits.
RELATIVE = 1e-9

# Differences that are named; the rest are counted.
NAMED_MAX = 10

ALERTS_WAIT_S = 20.0


@dataclass(slots=True)
class CheckResult:
    windows: int = 0
    alerts: int = 0
    requests: int = 0
    differences: int = 0
    named: list[str] = field(default_factory=list)

    def differ(self, text: str) -> None:
        self.differences += 1
        if len(self.named) < NAMED_MAX:
            self.named.append(text)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def check(client: Client, *, devices: int) -> CheckResult:
    """All comparisons; a result without differences is a success."""
    result = CheckResult()
    expected = _expected(devices)
    _check_hours(client, expected, result)
    _check_cold(client, expected, result)
    _check_alerts(client, expected, result)
    _check_sides(client, result)
    _check_requests(client, result)
    return result


def _expected(devices: int) -> list[dict[str, Any]]:
    import duckdb  # heavy: only for the check

    connection = duckdb.connect(config={"threads": 1})
    rows: list[dict[str, Any]] = connection.execute(expected_hours(devices)).to_arrow_table().to_pylist()
    return rows


def _check_hours(client: Client, expected: list[dict[str, Any]], result: CheckResult) -> None:
    result.windows = len(expected)
    _compare(
        client.sql(f"SELECT * FROM demo.{HOURS}").to_pylist(),
        expected,
        ("readings", "mean", "lowest", "highest"),
        result,
    )


def _check_cold(client: Client, expected: list[dict[str, Any]], result: CheckResult) -> None:
    cold = [row for row in expected if row["mean"] < COLD_BELOW]
    _compare(client.sql(f"SELECT * FROM demo.{COLD}").to_pylist(), cold, ("mean",), result)


def _compare(
    found: list[dict[str, Any]], expected: list[dict[str, Any]], fields: tuple[str, ...], result: CheckResult
) -> None:
    seen: dict[tuple[Any, str], dict[str, Any]] = {}
    for row in found:
        key = (row["window_start"].replace(tzinfo=None), row["device"])
        if key in seen:
            result.differ(f"{key[1]} at {key[0]} is there twice")
        seen[key] = row
    for want in expected:
        key = (want["window_start"], want["device"])
        row_or_none = seen.pop(key, None)
        if row_or_none is None:
            result.differ(f"{key[1]} at {key[0]} is missing")
            continue
        for name in fields:
            if not math.isclose(row_or_none[name], want[name], rel_tol=RELATIVE):
                result.differ(f"{key[1]} at {key[0]}: {name} is {row_or_none[name]}, DuckDB says {want[name]}")
    for key in seen:
        result.differ(f"{key[1]} at {key[0]} should not be there")


def _check_alerts(client: Client, expected: list[dict[str, Any]], result: CheckResult) -> None:
    """Once for each crossing and once for each recovery, in the stream of all alerts."""
    wanted: dict[tuple[str, str], str] = {}
    cold: dict[str, bool] = {}
    for row in sorted(expected, key=lambda row: row["window_start"]):
        now, before = row["mean"] < COLD_BELOW, cold.get(row["device"], False)
        if now != before:
            wanted[(row["device"], row["window_start"].isoformat())] = "firing" if now else "recovered"
        cold[row["device"]] = now
    result.alerts = len(wanted)
    deadline_s = time.monotonic() + ALERTS_WAIT_S
    events, twice = _alert_events(client)
    while len(events) < len(wanted) and time.monotonic() < deadline_s:
        time.sleep(0.2)  # they are on their way: the outbox delivers on its own
        events, twice = _alert_events(client)
    for event_id in twice:
        result.differ(f"alert {event_id} is in the stream twice")
    states = sorted(event["state"] for event in events.values())
    if states != sorted(wanted.values()):
        result.differ(
            f"{states.count('firing')} crossings and {states.count('recovered')} recoveries were told, "
            f"{list(wanted.values()).count('firing')} and {list(wanted.values()).count('recovered')} happened"
        )


def _alert_events(client: Client) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The events of the cold machines in the stream of all alerts, and the ids that come more than once."""
    events: dict[str, dict[str, Any]] = {}
    twice = []
    after = None
    while True:
        page = client.request("GET", "/streams/gureum.alerts/records", params={"after": after, "limit": 1000})
        for record in page["records"]:
            event = record["data"]
            if event["query"] == COLD:
                if event["id"] in events:
                    twice.append(event["id"])
                events[event["id"]] = event
        if not page["records"]:
            return events, twice
        after = page["next"]


def _check_sides(client: Client, result: CheckResult) -> None:
    for name in (HOURS, COLD):
        status = client.query(name).status()
        for what in ("late_rows", "dead_letters"):
            if status[what]:
                result.differ(f"query {name} has {status[what]} {what}")


def _check_requests(client: Client, result: CheckResult) -> None:
    """The access log's windows against DuckDB over the log's own records, up to the last whole window."""
    import duckdb
    import pyarrow as pa

    found = client.sql(f"SELECT * FROM demo.{REQUESTS} ORDER BY window_start").to_pylist()
    if not found:
        result.differ("the access log has no windows")
        return
    records: list[dict[str, Any]] = []
    after = None
    while True:
        page = client.request("GET", "/streams/gureum.access_log/records", params={"after": after, "limit": 1000})
        records += [
            {name: record["data"].get(name) for name in ("ts", "path", "status", "latency_ms")}
            for record in page["records"]
        ]
        if not page["records"]:
            break
        after = page["next"]
    log = pa.Table.from_pylist(records)  # noqa: F841 - DuckDB finds it by its name
    connection = duckdb.connect()
    # The drain closed the last window while requests still came in: compare those before it.
    last = max(row["window_start"] for row in found)
    connection.execute("SET TimeZone = 'UTC'")
    expected = connection.execute(
        "SELECT time_bucket(INTERVAL 1 MINUTE, ts::TIMESTAMPTZ) AS window_start, path, count(*) AS requests, "
        "count(*) FILTER (status >= 400) AS errors, quantile_cont(latency_ms, 0.95) AS p95_ms "
        "FROM log WHERE ts::TIMESTAMPTZ < ? GROUP BY ALL",
        [last],
    ).to_arrow_table().to_pylist()  # fmt: skip
    have = {(row["window_start"], row["path"]): row for row in found if row["window_start"] < last}
    result.requests = sum(row["requests"] for row in have.values())
    if len(have) != len(expected):
        result.differ(f"the access log has {len(have)} windows, DuckDB says {len(expected)}")
    for want in expected:
        row_or_none = have.get((want["window_start"], want["path"]))
        if row_or_none is None or any(
            not math.isclose(row_or_none[name], want[name], rel_tol=RELATIVE)
            for name in ("requests", "errors", "p95_ms")
        ):
            result.differ(f"requests of {want['path']} at {want['window_start']}: {row_or_none}, DuckDB says {want}")
