"""The real AWS CLI, with nothing but --endpoint-url."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from gureum.testing.kinesis import KEYS, start

pytestmark = pytest.mark.conformance


def test_the_aws_cli_makes_fills_reads_and_deletes_a_stream(tmp_path: Path) -> None:
    door = start(tmp_path)

    def aws(*arguments: str) -> Any:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("aws")), "--endpoint-url", door.url, "--region", "us-east-1",
                "--output", "json", "kinesis", *arguments,
            ],
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": KEYS["admin"][0],
                "AWS_SECRET_ACCESS_KEY": KEYS["admin"][1],
                "AWS_MAX_ATTEMPTS": "1",
            },
            capture_output=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            return done.stderr.decode()
        return orjson.loads(done.stdout) if done.stdout else None

    try:
        assert aws("create-stream", "--stream-name", "cli", "--shard-count", "1") is None
        assert aws("list-streams")["StreamNames"] == ["cli"]
        data = base64.b64encode("구름 data".encode()).decode()
        put = aws("put-record", "--stream-name", "cli", "--partition-key", "k", "--data", data)
        assert put["ShardId"] == "shardId-000000000000"
        iterator = aws(
            "get-shard-iterator", "--stream-name", "cli", "--shard-id", put["ShardId"],
            "--shard-iterator-type", "AT_SEQUENCE_NUMBER", "--starting-sequence-number", put["SequenceNumber"],
        )["ShardIterator"]  # fmt: skip
        (record,) = aws("get-records", "--shard-iterator", iterator)["Records"]
        sent = base64.b64decode(record["Data"])
        # Version 1 of the CLI takes --data as text, version 2 as base64.
        assert sent in {data.encode(), base64.b64decode(data)}
        assert aws("describe-stream-summary", "--stream-name", "cli")["StreamDescriptionSummary"]["OpenShardCount"] == 1
        assert "ResourceNotFoundException" in aws("describe-stream", "--stream-name", "nowhere")
        assert aws("delete-stream", "--stream-name", "cli") is None
    finally:
        assert door.stop() == 0
