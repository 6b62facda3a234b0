"""The how-to pages' programs run as they stand there."""

import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gureum.testing.platform import wait_until

pytestmark = [pytest.mark.conformance, pytest.mark.xdist_group("platform")]

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_standing_query():
    out = run("standing_query.py")
    assert "m1 was at 99.7 in the ten seconds from 12:00:50" in out
    assert out.count("\n") == 3


def test_a_monitor_as_a_library():
    out = run("monitor.py")
    assert "5,000 rows: as in the baseline" in out
    assert "air_temperature: median 299.981 -> 26.8635" in out
    assert "(unit? K -> °C)" in out
    assert out.endswith("disabled: quiet\n")


def test_plain_boto3(platform):
    key = platform.client.request("POST", "/keys", body={"label": "example"})
    out = run(
        "kinesis_clients.py",
        AWS_ACCESS_KEY_ID=key["access_key_id"], AWS_SECRET_ACCESS_KEY=key["secret_access_key"],
        AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL_KINESIS=platform.kinesis,
    )  # fmt: skip
    assert "100 records stored" in out
    assert out.count("shardId-") == 2


def test_an_alert_to_a_webhook(platform):
    bodies: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        run("alerts.py", f"http://127.0.0.1:{server.server_port}/hook", GUREUM_FOLDER=str(platform.folder))
        wait_until(lambda: len(bodies) >= 2, what="a crossing and a recovery", timeout_s=40)
        assert b'"firing"' in bodies[0]
        assert b'"recovered"' in bodies[1]
    finally:
        server.shutdown()
        server.server_close()


def test_a_tuning(tmp_path):
    out = run("tuning.py", str(tmp_path))
    assert out.startswith("20 trials, ended by trials\nbest log loss 0.")
    assert "learning_rate: " in out
    assert run("tuning.py", str(tmp_path)) == out, "a study that is done is only looked at"


def test_automl_hands_over_a_program(tmp_path):
    out = run("autopilot.py", str(tmp_path))
    assert "roc_auc 0.9" in out or "roc_auc 0.8" in out, "whichever candidates had their turn"
    assert "order_id" in out, "the id column is told"
    assert "predicts the same" in out


def test_a_training_is_debugged():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    assert "no_zero_grad: Gradients are never cleared" in run("debugger.py")


def test_three_runs_and_the_best_of_them(platform):
    out = run("experiments.py", GUREUM_FOLDER=str(platform.folder))
    assert "best: C = " in out
    assert "read {'main.visits': 1}" in out


@pytest.mark.timeout(300)
def test_a_model_from_training_to_an_endpoint(platform):
    platform.mlflow_version()
    out = run("serving.py", GUREUM_FOLDER=str(platform.folder))
    assert "the first model says 8.50" in out
    assert "first 80 %, second 20 %" in out
    assert "-> 8.50, measured 9.1" in out


def test_every_example_has_its_how_to_page_and_its_test():
    pages = "".join(page.read_text() for page in (EXAMPLES.parent / "docs" / "how-to").glob("*.md"))
    own = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert example.name in pages, f"no page in docs/how-to names {example.name}"
        assert f'"{example.name}"' in own, f"no test runs {example.name}"
