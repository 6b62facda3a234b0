"""Your first standing query: readings in, a window per device, hot ones in a table. Needs no server.

python examples/standing_query.py
"""

import tempfile

import gureum

QUERY = """
CREATE TABLE readings (
  device STRING,
  ts TIMESTAMP(3),
  temp DOUBLE,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('stream' = 'sensors', 'format' = 'json');

INSERT INTO alerts.hot
SELECT window_start, device, MAX(temp) AS peak
FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, device
HAVING MAX(temp) > 90
"""


def main(folder: str) -> None:
    with gureum.open(folder) as g:
        sensors = g.stream("sensors").create()
        query = g.query("hot", QUERY, checkpoint_s=0.5).start()
        sensors.put_many(
            [{"device": "m1", "ts": f"2026-01-31 12:00:{second:02d}", "temp": 80 + second / 3} for second in range(60)]
        )
        query.stop(drain=True)  # closes the windows that are still open
        for row in g.sql("SELECT * FROM alerts.hot ORDER BY window_start"):
            print(f"{row['device']} was at {row['peak']:.1f} in the ten seconds from {row['window_start']:%H:%M:%S}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(folder)
