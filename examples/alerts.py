"""An alert on a threshold, told to a webhook once when it is crossed and once when it is over.

gureum up
python examples/alerts.py http://127.0.0.1:9000/hook
"""

import sys

import gureum

QUERY = """
CREATE TABLE readings (
  device STRING,
  ts TIMESTAMP(3),
  temp DOUBLE,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('stream' = 'boilers', 'format' = 'json');

INSERT INTO boilers_by_minute
SELECT window_start, device, AVG(temp) AS mean
FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, device
"""


def main(webhook: str) -> None:
    g = gureum.connect()
    g.request("POST", "/destinations", body={"name": "ops", "type": "webhook", "url": webhook})
    boilers = g.stream("boilers").create()
    g.query("boilers", QUERY, when="mean > 90", key=["device"], notify=["ops", "log"], checkpoint_s=0.5).start()
    for minute, temp in enumerate([70, 95, 96, 80, 60, 60]):
        boilers.put({"device": "b1", "ts": f"2026-01-31 12:0{minute}:00", "temp": temp}, key="b1")


if __name__ == "__main__":
    main(sys.argv[1])
