"""Tables in object storage: a whole platform with `objects_url = s3://...`, against a real S3 server process."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest
from deltalake import DeltaTable

from gureum.errors import InvalidInput, NotFound
from gureum.store.objects import open_objects
from gureum.testing.platform import start_platform, wait_until

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def s3():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"

    def answers():
        try:
            with urllib.request.urlopen(url, timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    try:
        wait_until(answers, what="the S3 server to answer", timeout_s=60)
        variables = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1",
        }
        boto3.client(
            "s3", endpoint_url=url, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1"
        ).create_bucket(Bucket="warehouse")
        yield variables
    finally:
        process.terminate()
        process.wait(20)


def test_a_platform_keeps_its_tables_in_a_bucket(s3, tmp_path):
    environment = {**os.environ, **s3, "GUREUM_OBJECTS_URL": "s3://warehouse/team"}
    with start_platform(tmp_path / "data", environment=environment) as platform:
        client = platform.client
        client.sql(
            "CREATE TABLE sales (n INT, shop VARCHAR) PARTITIONED BY (shop); INSERT INTO sales VALUES (1, 'a'), (2, '서울')"
        )
        client.sql("INSERT INTO sales SELECT n + 10, shop FROM sales")
        assert [(r["n"], r["shop"]) for r in client.sql("SELECT n, shop FROM sales ORDER BY n")] == [
            (1, "a"), (2, "서울"), (11, "a"), (12, "서울"),
        ]  # fmt: skip
        assert len(client.sql("SELECT * FROM sales VERSION AS OF 1")) == 2
        location = client.table("sales").describe()["location"]
        assert location.startswith("s3://warehouse/team/tables/main/sales-")
        stored = DeltaTable(location, storage_options={**s3, "AWS_ALLOW_HTTP": "true"})
        assert stored.version() == 2, "other engines read it where it lies"
        with pytest.raises((InvalidInput, NotFound)):
            client.sql("SELECT * FROM read_text('s3://warehouse/team/secret.txt')")
        client.table("sales").drop()
        assert list(open_objects(location, options={**s3, "AWS_ALLOW_HTTP": "true"}).list()) == []
