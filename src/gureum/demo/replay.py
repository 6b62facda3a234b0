"""Send the readings through the Kinesis door with boto3, at a chosen speed, each exactly once.

Called by `run.py`. Kinesis' PutRecords is at-least-once: when an answer is lost, the records may be stored or not. So after
every doubt this producer reads back what the stream has since its last certain position, and sends only the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gureum.demo.readings import Reading
from gureum.errors import Unavailable

__all__ = ["Replay", "kinesis_client"]

# PutRecords takes 500; fewer make a livelier picture at low speed.
BATCH_RECORDS_MAX = 500
BATCH_S = 0.25

# gureum may be restarting; a minute is much longer than that takes.
DOUBT_S = 90.0
PAUSE_S = 0.1


def kinesis_client(endpoint: str, access_key_id: str, secret_access_key: str, *, verify: bool = True) -> Any:
    """A plain boto3 client. Its own retries are off: it cannot know what was stored, and we can."""
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        verify=verify,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60),
    )


class Replay:
    """One pass over the readings into one stream."""

    def __init__(self, client: Any, stream: str) -> None:
        self._client = client
        self._stream = stream
        self._shards: list[str] = self._certainly(
            lambda: [shard["ShardId"] for shard in client.list_shards(StreamName=stream)["Shards"]]
        )
        self._certain: dict[str, str | None] = dict.fromkeys(self._shards)
        self.sent = 0
        self.doubts = 0

    def run(self, readings: Iterable[Reading], *, speed_h: float | None, on_batch: Callable[[int, str], None]) -> None:
        """Send all; `speed_h` hours of event time a second, or as fast as it goes. Raises Unavailable after DOUBT_S of trying."""
        started_s = time.monotonic()
        first: datetime | None = None
        for batch in _batches(readings, span_h=None if speed_h is None else speed_h * BATCH_S):
            if speed_h is not None:
                moment = datetime.fromisoformat(batch[0].ts)
                first = first or moment
                due_s = started_s + (moment - first).total_seconds() / 3600 / speed_h
                time.sleep(max(0.0, due_s - time.monotonic()))
            self._send(batch)
            self.sent += len(batch)
            on_batch(self.sent, batch[-1].ts)

    def _send(self, batch: list[Reading]) -> None:
        missing = {(reading.device, reading.number): reading for reading in batch}
        deadline_s = time.monotonic() + DOUBT_S
        while missing:
            if self._put(missing):
                return
            self.doubts += 1
            time.sleep(PAUSE_S)
            for key in self._certainly(self._stored_since):
                missing.pop(key, None)
            if missing and time.monotonic() > deadline_s:
                raise Unavailable(
                    f"{len(missing)} readings could not be stored in {DOUBT_S:g} s", code="demo.stream_away"
                )

    def _put(self, missing: dict[tuple[str, int], Reading]) -> bool:
        """True when all are surely stored; then the certain positions move on."""
        records = [
            {
                "Data": orjson.dumps(
                    {"device": r.device, "number": r.number, "ts": r.ts, "temperature": r.temperature}
                ),
                "PartitionKey": r.device,
            }
            for r in missing.values()
        ]
        try:
            answer = self._client.put_records(StreamName=self._stream, Records=records)
        except (BotoCoreError, ClientError):
            return False
        if answer["FailedRecordCount"]:
            return False
        for result in answer["Records"]:
            self._certain[result["ShardId"]] = result["SequenceNumber"]
        return True

    def _stored_since(self) -> list[tuple[str, int]]:
        """What the stream holds beyond the certain positions: this producer is its only one."""
        found: list[tuple[str, int]] = []
        for shard in self._shards:
            certain = self._certain[shard]
            where = (
                {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": certain}
                if certain
                else {"ShardIteratorType": "TRIM_HORIZON"}
            )
            iterator = self._client.get_shard_iterator(StreamName=self._stream, ShardId=shard, **where)["ShardIterator"]
            while True:
                page = self._client.get_records(ShardIterator=iterator)
                for record in page["Records"]:
                    body = orjson.loads(record["Data"])
                    found.append((body["device"], body["number"]))
                if not page["Records"] and page["MillisBehindLatest"] == 0:
                    break
                iterator = page["NextShardIterator"]
        return found

    def _certainly(self, ask: Callable[[], Any]) -> Any:
        """Repeat a question until it is answered."""
        deadline_s = time.monotonic() + DOUBT_S
        while True:
            try:
                return ask()
            except (BotoCoreError, ClientError) as error:
                if time.monotonic() > deadline_s:
                    raise Unavailable(f"the Kinesis door does not answer: {error}", code="demo.stream_away") from error
                time.sleep(PAUSE_S)


def _batches(readings: Iterable[Reading], *, span_h: float | None) -> Iterator[list[Reading]]:
    """Runs of readings: of the size of a request, and within `span_h` of event time so that none is held back."""
    batch: list[Reading] = []
    until: float | None = None
    for reading in readings:
        moment = datetime.fromisoformat(reading.ts).timestamp() if span_h is not None else 0.0
        if batch and (len(batch) == BATCH_RECORDS_MAX or (until is not None and moment > until)):
            yield batch
            batch = []
        if not batch and span_h is not None:
            until = moment + span_h * 3600
        batch.append(reading)
    if batch:
        yield batch
