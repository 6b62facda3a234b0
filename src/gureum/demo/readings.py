"""The demo's data: one real machine's temperatures, played by several devices, each a few weeks further on in them.

Called by `replay.py` (what to send) and `check.py` (what must come out). The same file and the same rule for both.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FILE", "Reading", "device_name", "expected_hours", "readings", "shift"]

FILE = Path(__file__).parent / "machine_temperature.csv.gz"


@dataclass(frozen=True, slots=True)
class Reading:
    device: str
    number: int  # rises by one for each device: how the replay knows what is stored
    ts: str
    temperature: float


def device_name(index: int) -> str:
    return f"machine-{index + 1}"


def shift(rows: int, devices: int) -> int:
    """How many rows each device is ahead of the one before it."""
    return rows // devices


def readings(devices: int) -> Iterator[Reading]:
    """All readings of all devices in the order of event time: what several machines would send together."""
    with gzip.open(FILE, "rt", newline="") as file:
        rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(file)]
    step = shift(len(rows), devices)
    for number, (ts, _) in sorted(enumerate(rows), key=lambda item: (item[1][0], item[0])):
        for index in range(devices):
            yield Reading(device_name(index), number, ts, rows[(number + index * step) % len(rows)][1])


def expected_hours(devices: int) -> str:
    """DuckDB's SQL for the hourly windows of each device, over the file itself."""
    path = str(FILE).replace("'", "''")
    return f"""
        WITH file AS (SELECT row_number() OVER () - 1 AS number, timestamp AS ts, value FROM read_csv('{path}')),
        size AS (SELECT count(*) AS n FROM file),
        sent AS (
            SELECT a.ts, 'machine-' || (device.range + 1) AS device, b.value AS temperature
            FROM file a CROSS JOIN size CROSS JOIN range({devices}) device
            JOIN file b ON b.number = (a.number + device.range * (n // {devices})) % n
        )
        SELECT time_bucket(INTERVAL 1 HOUR, ts) AS window_start, device, count(*) AS readings,
               avg(temperature) AS mean, min(temperature) AS lowest, max(temperature) AS highest
        FROM sent GROUP BY ALL ORDER BY ALL
    """
