"""What the demo sets up: a stream, three standing queries, a dashboard. Written as a user would write them."""

from __future__ import annotations

from typing import Any

__all__ = ["COLD", "COLD_BELOW", "DASHBOARD", "DASHBOARD_NAME", "HOURS", "QUERIES", "REQUESTS", "STREAM", "TABLES"]

STREAM = "machine_temperature"
HOURS = "machine_hours"
COLD = "machine_cold"
REQUESTS = "requests_by_minute"
DASHBOARD_NAME = "machines"

# A machine whose mean temperature over an hour is below this has failed: the file's known failures are there.
COLD_BELOW = 50.0

_SOURCE = f"""\
CREATE TABLE readings (
  device STRING,
  number BIGINT,
  ts TIMESTAMP(3),
  temperature DOUBLE,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'stream' = '{STREAM}',
  'format' = 'json',
  -- the replay may pause while gureum restarts: that is no reason to leave a shard behind
  'scan.watermark.idle-timeout' = '10 min'
);
"""

_HOURS = (
    _SOURCE
    + f"""\
INSERT INTO demo.{HOURS}
SELECT window_start, device, COUNT(*) AS readings,
       AVG(temperature) AS mean, MIN(temperature) AS lowest, MAX(temperature) AS highest
FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '1' HOUR))
GROUP BY window_start, window_end, device;
"""
)

_COLD = (
    _SOURCE
    + f"""\
INSERT INTO demo.{COLD}
SELECT window_start, device, AVG(temperature) AS mean
FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '1' HOUR))
GROUP BY window_start, window_end, device
HAVING AVG(temperature) < {COLD_BELOW:g};
"""
)

_REQUESTS = f"""\
CREATE TABLE access_log (
  ts TIMESTAMP_LTZ(3),
  path STRING,
  status INT,
  latency_ms DOUBLE,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('stream' = 'gureum.access_log', 'format' = 'json');
INSERT INTO demo.{REQUESTS}
SELECT window_start, path, COUNT(*) AS requests,
       COUNT(*) FILTER (WHERE status >= 400) AS errors,
       PERCENTILE(latency_ms, 0.95) AS p95_ms
FROM TABLE(TUMBLE(TABLE access_log, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, path;
"""

QUERIES: dict[str, dict[str, Any]] = {
    HOURS: {"sql": _HOURS, "alert": None},
    COLD: {"sql": _COLD, "alert": {"key": ["device"], "notify": ["log"]}},
    REQUESTS: {"sql": _REQUESTS, "alert": None},
}

TABLES = tuple(f"demo.{name}{suffix}" for name in QUERIES for suffix in ("", "__late", "__dead_letters"))

DASHBOARD: dict[str, Any] = {
    "title": "Machines, live",
    "widgets": [
        {
            "id": "temperature", "title": "Mean temperature by hour", "type": "line", "width": 3, "height": 2,
            "sql": f"SELECT window_start, device, mean FROM demo.{HOURS} ORDER BY window_start DESC LIMIT 2500",
            "x": "window_start", "y": ["mean"], "series": "device", "unit": "°F", "threshold": COLD_BELOW,
        },
        {
            "id": "readings", "title": "Readings so far", "type": "counter", "width": 1, "height": 1,
            "sql": f"SELECT sum(readings)::BIGINT AS readings FROM demo.{HOURS}", "y": ["readings"],
        },
        {
            "id": "cold", "title": "Hours below the threshold", "type": "bar", "width": 1, "height": 1,
            "sql": f"SELECT device, count(*) AS hours FROM demo.{COLD} GROUP BY device ORDER BY device",
            "x": "device", "y": ["hours"], "unit": "h",
        },
        {"id": "alerts", "title": "Alerts", "type": "alerts", "width": 1, "height": 1},
        {
            "id": "requests", "title": "gureum's own requests by minute", "type": "bar", "width": 2, "height": 1,
            "sql": f"SELECT window_start, sum(requests)::BIGINT AS requests, sum(errors)::BIGINT AS errors "
                   f"FROM demo.{REQUESTS} GROUP BY window_start ORDER BY window_start DESC LIMIT 60",
            "x": "window_start", "y": ["requests", "errors"],
        },
        {
            "id": "slow", "title": "Slowest paths, p95", "type": "table", "width": 1, "height": 1,
            "sql": f"SELECT path, max(p95_ms) AS p95_ms, sum(requests)::BIGINT AS requests FROM demo.{REQUESTS} "
                   "GROUP BY path ORDER BY p95_ms DESC LIMIT 10",
        },
    ],
}  # fmt: skip
