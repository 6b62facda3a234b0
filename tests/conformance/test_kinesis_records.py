"""boto3 puts and gets records: places, iterators of all types, limits at the edge."""

from __future__ import annotations

import datetime
import hashlib
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gureum.testing.kinesis import KinesisProcess, start

pytestmark = pytest.mark.conformance

SHARD = "shardId-000000000000"
MIB = 1 << 20


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KinesisProcess]:
    process = start(tmp_path_factory.mktemp("kinesis"))
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def client(door: KinesisProcess) -> Iterator[Any]:
    client = door.client()
    yield client
    client.close()


@pytest.fixture
def stream(client: Any, request: pytest.FixtureRequest) -> str:
    name = request.node.name[:128].replace("[", "-").replace("]", "")
    client.create_stream(StreamName=name, ShardCount=1)
    return str(name)


def read_all(client: Any, stream: str, shard: str = SHARD, **kind: Any) -> list[dict[str, Any]]:
    iterator = client.get_shard_iterator(
        StreamName=stream, ShardId=shard, **(kind or {"ShardIteratorType": "TRIM_HORIZON"})
    )["ShardIterator"]
    found: list[dict[str, Any]] = []
    while True:
        answer = client.get_records(ShardIterator=iterator)
        found += answer["Records"]
        iterator = answer["NextShardIterator"]
        if answer["MillisBehindLatest"] == 0:
            return found


def entry(data: bytes, key: str = "key") -> dict[str, Any]:
    return {"Data": data, "PartitionKey": key}


def test_records_come_back_as_they_were_put(client: Any, stream: str) -> None:
    before = datetime.datetime.now(datetime.UTC)
    payloads = [b"", b"x", "구름".encode(), os.urandom(1000), b'{"json": "\\"}']
    keys = ["a", "키", 'quote"and\\slash', "é" * 256, "\u0001"]
    placed = [
        client.put_record(StreamName=stream, Data=data, PartitionKey=key)
        for data, key in zip(payloads, keys, strict=True)
    ]
    found = read_all(client, stream)
    assert [record["Data"] for record in found] == payloads
    assert [record["PartitionKey"] for record in found] == keys
    assert [record["SequenceNumber"] for record in found] == [one["SequenceNumber"] for one in placed]
    sequences = [int(record["SequenceNumber"]) for record in found]
    assert sequences == sorted(set(sequences))
    for record in found:
        late = record["ApproximateArrivalTimestamp"] - before
        assert datetime.timedelta(seconds=-0.1) < late < datetime.timedelta(seconds=20)


def test_put_records_answers_each_record_in_its_order_and_shard(client: Any) -> None:
    client.create_stream(StreamName="four", ShardCount=4)
    ranges = {
        shard["ShardId"]: (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
        for shard in client.list_shards(StreamName="four")["Shards"]
    }
    sent = [entry(b"%d" % number, f"key-{number % 50}") for number in range(500)]
    answer = client.put_records(StreamName="four", Records=sent)
    assert answer["FailedRecordCount"] == 0
    where = {}
    for one, result in zip(sent, answer["Records"], strict=True):
        hashed = int(hashlib.md5(one["PartitionKey"].encode()).hexdigest(), 16)
        low, high = ranges[result["ShardId"]]
        assert low <= hashed <= high
        where[result["ShardId"], result["SequenceNumber"]] = one
    assert len(where) == 500
    for shard in ranges:
        found = read_all(client, "four", shard)
        expected = [(key[1], one["Data"]) for key, one in where.items() if key[0] == shard]
        assert [(r["SequenceNumber"], r["Data"]) for r in found] == expected


def test_an_explicit_hash_key_chooses_the_shard(client: Any) -> None:
    client.create_stream(StreamName="explicit", ShardCount=2)
    answer = client.put_records(
        StreamName="explicit",
        Records=[{**entry(b"a"), "ExplicitHashKey": "0"}, {**entry(b"b"), "ExplicitHashKey": str(2**128 - 1)}],
    )
    assert [one["ShardId"] for one in answer["Records"]] == [SHARD, "shardId-000000000001"]
    one = client.put_record(
        StreamName="explicit", PartitionKey="k", Data=b"c", ExplicitHashKey=str(2**127), SequenceNumberForOrdering="0"
    )
    assert one["ShardId"] == "shardId-000000000001"
    with pytest.raises(client.exceptions.InvalidArgumentException, match="ExplicitHashKey must be in the range"):
        client.put_record(StreamName="explicit", PartitionKey="k", Data=b"c", ExplicitHashKey=str(2**128))


def test_every_type_of_iterator_starts_where_it_should(client: Any, stream: str) -> None:
    first = client.put_record(StreamName=stream, **entry(b"0"))["SequenceNumber"]
    time.sleep(0.05)  # records of one millisecond share a timestamp; the two sides of the seek must differ
    second = client.put_record(StreamName=stream, **entry(b"1"))["SequenceNumber"]
    client.put_record(StreamName=stream, **entry(b"2"))
    arrival = read_all(client, stream)[1]["ApproximateArrivalTimestamp"]

    def data(**kind: Any) -> list[bytes]:
        return [record["Data"] for record in read_all(client, stream, **kind)]

    assert data(ShardIteratorType="TRIM_HORIZON") == [b"0", b"1", b"2"]
    assert data(ShardIteratorType="LATEST") == []
    assert data(ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=second) == [b"1", b"2"]
    assert data(ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=first) == [b"1", b"2"]
    assert data(ShardIteratorType="AT_TIMESTAMP", Timestamp=arrival) == [b"1", b"2"]
    assert data(ShardIteratorType="AT_TIMESTAMP", Timestamp=1) == [b"0", b"1", b"2"]
    start_of_shard = client.list_shards(StreamName=stream)["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert data(ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=start_of_shard) == [b"0", b"1", b"2"]


def test_latest_sees_only_what_comes_after_it(client: Any, stream: str) -> None:
    client.put_record(StreamName=stream, **entry(b"before"))
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=SHARD, ShardIteratorType="LATEST")["ShardIterator"]
    empty = client.get_records(ShardIterator=iterator)
    assert empty["Records"] == []
    assert empty["MillisBehindLatest"] == 0
    client.put_record(StreamName=stream, **entry(b"after"))
    again = client.get_records(ShardIterator=empty["NextShardIterator"])
    assert [record["Data"] for record in again["Records"]] == [b"after"]


def test_iterators_that_cannot_be_are_refused(client: Any, stream: str) -> None:
    def get(**kind: Any) -> None:
        client.get_shard_iterator(StreamName=stream, ShardId=kind.pop("ShardId", SHARD), **kind)

    invalid = client.exceptions.InvalidArgumentException
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="shardId-000000000009"):
        get(ShardId="shardId-000000000009", ShardIteratorType="LATEST")
    with pytest.raises(invalid, match="startingSequenceNumber"):
        get(ShardIteratorType="AT_SEQUENCE_NUMBER")
    with pytest.raises(invalid, match="did not come from this stream"):
        get(ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber="123")
    with pytest.raises(invalid, match="timestampInMillis"):
        get(ShardIteratorType="AT_TIMESTAMP")
    with pytest.raises(invalid, match="cannot be greater than"):
        get(ShardIteratorType="AT_TIMESTAMP", Timestamp=time.time() + 1000)
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=SHARD, ShardIteratorType="LATEST")["ShardIterator"]
    for wrong in ("AAAA", "not base64!", iterator[:-6] + "AAAAAA", iterator + "AAAA"):
        with pytest.raises(invalid, match="Invalid ShardIterator"):
            client.get_records(ShardIterator=wrong)


def test_an_iterator_is_good_for_five_minutes(tmp_path: Any, door: KinesisProcess) -> None:
    # One folder, two doors one after the other, the second 5 minutes later by its clock.
    early = start(tmp_path, "--clock-skew-s=-290")
    client = early.client()
    client.create_stream(StreamName="aging", ShardCount=1)
    old = client.get_shard_iterator(StreamName="aging", ShardId=SHARD, ShardIteratorType="LATEST")["ShardIterator"]
    client.get_records(ShardIterator=old)
    client.close()
    early.stop()
    late = start(tmp_path, "--clock-skew-s=15")
    client = late.client()
    with pytest.raises(client.exceptions.ExpiredIteratorException, match="maximum age is 300000 milliseconds"):
        client.get_records(ShardIterator=old)
    client.close()
    late.stop()


def test_get_records_keeps_to_its_limits(client: Any, stream: str) -> None:
    for _ in range(21):
        client.put_records(StreamName=stream, Records=[entry(b"x", "k")] * 500)
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    answer = client.get_records(ShardIterator=iterator)
    assert len(answer["Records"]) == 10_000
    assert answer["MillisBehindLatest"] >= 0
    rest = client.get_records(ShardIterator=answer["NextShardIterator"])
    assert len(rest["Records"]) == 500
    assert rest["MillisBehindLatest"] == 0
    assert len(client.get_records(ShardIterator=iterator, Limit=3)["Records"]) == 3
    with pytest.raises(client.exceptions.ValidationException, match="less than or equal to 10000"):
        client.get_records(ShardIterator=iterator, Limit=10_001)
    # Ten MiB an answer.
    for _ in range(3):
        client.put_records(StreamName=stream, Records=[entry(b"x" * 900_000)] * 5)
    sequence = rest["Records"][-1]["SequenceNumber"]
    iterator = client.get_shard_iterator(
        StreamName=stream, ShardId=SHARD, ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=sequence
    )["ShardIterator"]
    big = client.get_records(ShardIterator=iterator)
    assert len(big["Records"]) == 11
    assert big["MillisBehindLatest"] > 0
    assert len(client.get_records(ShardIterator=big["NextShardIterator"])["Records"]) == 4


def test_a_record_may_have_a_mebibyte_with_its_key_and_no_more(client: Any, stream: str) -> None:
    client.put_record(StreamName=stream, PartitionKey="key", Data=b"x" * (MIB - 3))
    with pytest.raises(client.exceptions.InvalidArgumentException, match="1048577 bytes"):
        client.put_record(StreamName=stream, PartitionKey="key", Data=b"x" * (MIB - 2))
    with pytest.raises(client.exceptions.InvalidArgumentException, match="Record 2 has 1048577 bytes"):
        client.put_records(StreamName=stream, Records=[entry(b"small"), entry(b"x" * (MIB - 2))])
    assert len(read_all(client, stream)) == 1
    client.create_stream(StreamName="large", ShardCount=1, MaxRecordSizeInKiB=2048)
    client.put_record(StreamName="large", PartitionKey="key", Data=b"x" * (2 * MIB - 3))
    with pytest.raises(client.exceptions.InvalidArgumentException):
        client.put_record(StreamName="large", PartitionKey="key", Data=b"x" * (2 * MIB - 2))


def test_a_call_may_have_500_records_and_ten_mebibytes_and_no_more(client: Any, stream: str) -> None:
    assert client.put_records(StreamName=stream, Records=[entry(b"x")] * 500)["FailedRecordCount"] == 0
    with pytest.raises(client.exceptions.ValidationException, match="less than or equal to 500"):
        client.put_records(StreamName=stream, Records=[entry(b"x")] * 501)
    ten = [entry(b"x" * (MIB - 3))] * 10
    assert client.put_records(StreamName=stream, Records=ten)["FailedRecordCount"] == 0
    with pytest.raises(client.exceptions.InvalidArgumentException, match="10 MB"):
        client.put_records(StreamName=stream, Records=[*ten, entry(b"", "k")])


def test_a_partition_key_may_have_256_characters_and_no_more(client: Any, stream: str) -> None:
    client.put_records(StreamName=stream, Records=[entry(b"x", "가" * 256)])
    with pytest.raises(client.exceptions.ValidationException, match=r"records\.2\.member\.partitionKey"):
        client.put_records(StreamName=stream, Records=[entry(b"x"), entry(b"x", "k" * 257)])
    with pytest.raises(client.exceptions.ValidationException, match="at 'partitionKey' failed to satisfy"):
        client.put_record(StreamName=stream, **entry(b"x", "k" * 257))
    with pytest.raises(client.exceptions.InvalidArgumentException, match="PartitionKey"):
        client.put_record(StreamName=stream, Data=b"x")
    with pytest.raises(client.exceptions.InvalidArgumentException, match="PartitionKey"):
        client.put_records(StreamName=stream, Records=[{"Data": b"x"}])


def test_a_dry_run_checks_and_does_nothing(client: Any, stream: str) -> None:
    for call in (
        lambda: client.put_record(StreamName=stream, DryRun=True, **entry(b"x")),
        lambda: client.put_records(StreamName=stream, DryRun=True, Records=[entry(b"x")]),
        lambda: client.get_shard_iterator(StreamName=stream, ShardId=SHARD, ShardIteratorType="LATEST", DryRun=True),
    ):
        with pytest.raises(client.exceptions.DryRunOperationException):
            call()
    assert read_all(client, stream) == []


def test_a_producer_s_epoch_is_stored_once_through_the_door(door: KinesisProcess, client: Any, stream: str) -> None:
    exactly_once = door.client()
    headers = {"x-gureum-producer": "query-1;5"}
    exactly_once.meta.events.register("before-call.kinesis", lambda params, **_: params["headers"].update(headers))
    first = exactly_once.put_records(StreamName=stream, Records=[entry(b"a"), entry(b"b")])
    again = exactly_once.put_records(StreamName=stream, Records=[entry(b"a"), entry(b"b")])
    assert again["Records"] == first["Records"]
    assert [record["Data"] for record in read_all(client, stream)] == [b"a", b"b"]
    headers["x-gureum-producer"] = "no epoch"
    with pytest.raises(ClientError, match="x-gureum-producer"):
        exactly_once.put_records(StreamName=stream, Records=[entry(b"c")])
    exactly_once.close()
