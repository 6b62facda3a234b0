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
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_standing_query():
    out = run("standing_query.py")
    assert "m1 was at 99.7 in the ten seconds from 12:00:50" in out
    assert out.count("\n") == 3


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


def test_every_example_has_its_how_to_page_and_its_test():
    pages = "".join(page.read_text() for page in (EXAMPLES.parent / "docs" / "how-to").glob("*.md"))
    own = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert example.name in pages, f"no page in docs/how-to names {example.name}"
        assert f'"{example.name}"' in own, f"no test runs {example.name}"
