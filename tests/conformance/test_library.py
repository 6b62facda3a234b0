"""`gureum.open`: the whole road without a server, by SQL and by Ibis, with a real webhook at its end."""

import http.server
import json
import threading
from pathlib import Path

import ibis
import pytest
from ibis import _

import gureum
from gureum.errors import Conflict, InvalidInput, NotFound
from gureum.testing.platform import wait_until

pytestmark = pytest.mark.conformance

HOT = """
CREATE TABLE s (device STRING, ts TIMESTAMP(3), temp DOUBLE, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('stream' = 'sensors', 'format' = 'json');
INSERT INTO alerts.hot
SELECT window_start, device, MAX(temp) AS peak
FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, device
"""


def reading(device: str, second: int, temp: float) -> dict[str, object]:
    return {"device": device, "ts": f"2026-01-31 12:{second // 60:02d}:{second % 60:02d}", "temp": temp}


@pytest.fixture
def g(tmp_path: Path):
    with gureum.open(tmp_path / "data") as client:
        yield client


@pytest.fixture
def webhook():
    """A receiver that fails its first two requests, as receivers do."""
    received: list[tuple[dict[str, str], dict[str, object]]] = []
    failures = [503, 500]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if failures:
                self.send_response(failures.pop())
            else:
                received.append((dict(self.headers), body))
                self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook?token=s3cret", received
    server.shutdown()
    server.server_close()


def test_an_ibis_expression_stands_over_a_stream_and_its_rows_are_a_table(g):
    stream = g.stream("sensors").create(shards=2)
    stream.put_many([reading(f"m{i % 3}", i, float(i)) for i in range(60)])
    hot = (
        stream.expr.window_by("ts").tumble(size=ibis.interval(seconds=10))
        .group_by("device").agg(peak=_.temp.max(), n=_.count()).filter(_.peak > 20)
    )  # fmt: skip
    query = g.query("hot", hot, into="alerts.hot", checkpoint_s=0.2)
    assert "TUMBLE(10 s)" in query.check()["plan"]
    query.start().stop(drain=True)
    found = g.sql(g.table("alerts.hot").expr.group_by("device").agg(peak=_.peak.max(), n=_.n.sum()).order_by("device"))
    assert [(r["device"], r["peak"], int(r["n"])) for r in found] == [
        ("m0", 57.0, 13),
        ("m1", 58.0, 13),
        ("m2", 59.0, 14),
    ]
    assert g.table("alerts.hot").history()[0]["operation"]


def test_an_alert_reaches_a_webhook_once_per_crossing_whatever_it_answered_first(g, webhook):
    address, received = webhook
    g.request("POST", "/destinations", body={"name": "ops", "type": "webhook", "url": address})
    stream = g.stream("sensors").create()
    g.query("hot", HOT, when="peak > 90", key=["device"], notify=["ops", "log"], checkpoint_s=0.2).start()
    temps = [80, 95, 97, 70, 96, 60]  # two crossings, two recoveries
    stream.put_many([reading("m1", 10 * i, temp) for i, temp in enumerate([*temps, 0, 0])], keys=["m1"] * 8)
    wait_until(lambda: len(received) >= 4, what="four alerts", timeout_s=40)
    states = [(body["state"], body["row"]["peak"]) for _headers, body in received]
    assert states == [("firing", 95.0), ("recovered", 70.0), ("firing", 96.0), ("recovered", 60.0)]
    ids = [headers["Idempotency-Key"] for headers, _body in received]
    assert len(set(ids)) == 4
    assert [body["id"] for _headers, body in received] == ids
    assert len(g.stream("gureum.alerts").records(limit=100)) == 4
    assert g.alerts()["firing"] == []
    shown = json.dumps([g.request("GET", "/destinations"), g.status(), g.alerts()])
    assert "s3cret" not in shown, "the secret part of a webhook's address is never shown again"


def test_a_query_goes_on_where_it_stopped_also_in_another_process_of_this_folder(tmp_path: Path):
    folder = tmp_path / "data"
    with gureum.open(folder) as g:
        g.stream("sensors").create().put_many([reading("m1", i, i) for i in range(25)])
        query = g.query("hot", HOT, checkpoint_s=0.2).start()
        query.wait(lambda status: status["rows_out"] >= 1)
    with gureum.open(folder) as g:
        assert g.query("hot").status()["state"] in {"running", "waiting"}
        g.stream("sensors").put_many([reading("m1", i, i) for i in range(25, 60)])
        g.query("hot").stop(drain=True)
        assert [r["peak"] for r in g.sql("SELECT peak FROM alerts.hot ORDER BY 1")] == [9, 19, 29, 39, 49, 59]
        # Started again after the drain, the closed windows' rows are late, and kept.
        g.query("hot").start()
        g.stream("sensors").put(reading("m1", 3, 99))
        g.query("hot").wait(lambda status: status["late_rows"] == 1)
        g.query("hot").stop()
        assert [r["temp"] for r in g.sql("SELECT temp FROM alerts.hot__late")] == [99]


def test_a_reset_reads_the_stream_again_from_its_beginning(g):
    g.stream("sensors").create().put_many([reading("m1", i, i) for i in range(25)])
    query = g.query("hot", HOT, checkpoint_s=0.2).start()
    query.wait(lambda status: status["rows_out"] >= 1)
    query.stop()
    g.table("alerts.hot").drop()
    query.start(reset=True)
    query.wait(lambda status: status["rows_out"] >= 1 and status["rows_in"] == 25)
    query.stop(drain=True)
    assert [r["peak"] for r in g.sql("SELECT peak FROM alerts.hot ORDER BY 1")] == [9, 19, 24]


def test_a_query_into_a_stream_and_one_over_it(g):
    g.stream("sensors").create().put_many([reading("m1", i, i) for i in range(40)])
    g.stream("warm").create()
    first = """
        CREATE TABLE s (device STRING, ts TIMESTAMP(3), temp DOUBLE) WITH ('stream' = 'sensors', 'format' = 'json');
        SELECT device, ts, temp * 2 AS twice FROM s WHERE temp >= 35
    """
    g.query("warmer", first, into="stream:warm", checkpoint_s=0.2).start()
    second = "CREATE TABLE w (device STRING, twice DOUBLE) WITH ('stream' = 'warm', 'format' = 'json'); SELECT device, twice FROM w"
    g.query("kept", second, into="kept", checkpoint_s=0.2).start()
    g.query("kept").wait(lambda status: status["rows_out"] == 5)
    assert sorted(r["twice"] for r in g.sql("SELECT twice FROM kept")) == [70, 72, 74, 76, 78]


def test_bad_records_do_not_stop_a_query(g):
    stream = g.stream("sensors").create()
    query = g.query("hot", HOT, checkpoint_s=0.2).start()
    stream.put_many(
        [b"not json", {"device": "m1", "ts": "yesterday", "temp": 1}, reading("m1", 1, 1.0), b"\xff\xfe", [1, 2]]
    )
    query.wait(lambda status: status["rows_in"] == 5 and status["dead_letters"] == 4)
    assert query.status()["state"] == "running"
    query.stop(drain=True)
    reasons = [r["reason"] for r in g.sql("SELECT reason FROM alerts.hot__dead_letters ORDER BY reason")]
    assert len(reasons) == 4
    assert any("yesterday" in reason for reason in reasons)
    assert g.sql("SELECT peak FROM alerts.hot").to_pylist() == [{"peak": 1.0}]


def test_wrong_queries_are_refused_before_they_stand(g):
    g.stream("sensors").create()
    with pytest.raises(InvalidInput, match="did you mean 'temp'") as caught:
        g.query("hot", HOT.replace("MAX(temp)", "MAX(tmep)")).start()
    assert caught.value.details["line"] == 5
    with pytest.raises(NotFound, match="sensors"):
        g.query("hot", HOT.replace("'sensors'", "'sensor'")).start()
    with pytest.raises(InvalidInput, match="no condition"):
        g.query("hot", HOT, notify="log").start()
    with pytest.raises(NotFound, match="nowhere"):
        g.query("hot", HOT, when="peak > 1", notify="nowhere").start()
    assert g.queries() == []
    g.query("hot", HOT).start()
    with pytest.raises(Conflict, match="another text"):
        g.query("hot", HOT + " HAVING MAX(temp) > 1").start()


def test_a_folder_that_a_server_holds_is_reached_through_it(platform):
    with gureum.open(platform.folder) as client:
        assert client.url == platform.url
