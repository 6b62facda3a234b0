"""boto3, unmodified, with nothing but an endpoint_url: streams are made, shown, listed and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gureum.testing.kinesis import KinesisProcess, start

pytestmark = pytest.mark.conformance


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


def test_a_created_stream_is_described_as_kinesis_does(client: Any) -> None:
    client.create_stream(StreamName="described", ShardCount=3)
    client.get_waiter("stream_exists").wait(StreamName="described")
    shown = client.describe_stream(StreamName="described")["StreamDescription"]
    assert shown["StreamStatus"] == "ACTIVE"
    assert shown["StreamARN"] == "arn:aws:kinesis:us-east-1:000000000000:stream/described"
    assert shown["RetentionPeriodHours"] == 24
    assert shown["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert shown["EncryptionType"] == "NONE"
    assert not shown["HasMoreShards"]
    assert [shard["ShardId"] for shard in shown["Shards"]] == [f"shardId-{n:012d}" for n in range(3)]
    assert shown["Shards"][0]["HashKeyRange"]["StartingHashKey"] == "0"
    assert shown["Shards"][2]["HashKeyRange"]["EndingHashKey"] == str(2**128 - 1)
    assert all(len(shard["SequenceNumberRange"]["StartingSequenceNumber"]) == 56 for shard in shown["Shards"])
    summary = client.describe_stream_summary(StreamARN=shown["StreamARN"])["StreamDescriptionSummary"]
    assert summary["StreamName"] == "described"
    assert summary["OpenShardCount"] == 3
    assert summary["MaxRecordSizeInKiB"] == 1024
    assert summary["StreamCreationTimestamp"] == shown["StreamCreationTimestamp"]


def test_an_on_demand_stream_begins_with_four_shards(client: Any) -> None:
    client.create_stream(StreamName="demand", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = client.describe_stream_summary(StreamName="demand")["StreamDescriptionSummary"]
    assert (summary["StreamModeDetails"]["StreamMode"], summary["OpenShardCount"]) == ("ON_DEMAND", 4)


def test_a_stream_can_be_named_by_its_arn_in_any_region(client: Any) -> None:
    client.create_stream(StreamName="by.arn-1", ShardCount=1)
    arn = "arn:aws:kinesis:ap-northeast-2:123456789012:stream/by.arn-1"
    assert client.put_record(StreamARN=arn, PartitionKey="k", Data=b"d")["ShardId"] == "shardId-000000000000"
    assert len(client.list_shards(StreamARN=arn)["Shards"]) == 1
    with pytest.raises(client.exceptions.InvalidArgumentException):
        client.describe_stream_summary(StreamName="other", StreamARN=arn)


def test_a_deleted_stream_is_gone_and_its_name_is_free(client: Any) -> None:
    client.create_stream(StreamName="again", ShardCount=1)
    client.put_record(StreamName="again", PartitionKey="k", Data=b"old")
    client.delete_stream(StreamName="again", EnforceConsumerDeletion=True)
    client.get_waiter("stream_not_exists").wait(StreamName="again")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.put_record(StreamName="again", PartitionKey="k", Data=b"late")
    client.create_stream(StreamName="again", ShardCount=1)
    iterator = client.get_shard_iterator(
        StreamName="again", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert client.get_records(ShardIterator=iterator)["Records"] == []


def test_streams_are_listed_in_pages(client: Any) -> None:
    for number in range(5):
        client.create_stream(StreamName=f"page-{number}", ShardCount=1)
    paginated = [
        name
        for page in client.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2})
        for name in page["StreamNames"]
    ]
    assert paginated == sorted(paginated)
    assert [f"page-{number}" for number in range(5)] == [name for name in paginated if name.startswith("page-")]
    first = client.list_streams(Limit=1)
    assert first["HasMoreStreams"]
    assert len(first["StreamSummaries"]) == 1
    second = client.list_streams(NextToken=first["NextToken"])
    assert second["StreamNames"][0] == paginated[1]
    after = client.list_streams(ExclusiveStartStreamName="page-3")
    assert after["StreamNames"][0] == "page-4"


def test_shards_are_listed_in_pages_and_by_filter(client: Any) -> None:
    client.create_stream(StreamName="wide", ShardCount=7)
    ids = [f"shardId-{n:012d}" for n in range(7)]
    paginated = [
        shard["ShardId"]
        for page in client.get_paginator("list_shards").paginate(StreamName="wide", PaginationConfig={"PageSize": 3})
        for shard in page["Shards"]
    ]
    assert paginated == ids
    described = [
        shard["ShardId"]
        for page in client.get_paginator("describe_stream").paginate(
            StreamName="wide", PaginationConfig={"PageSize": 3}
        )
        for shard in page["StreamDescription"]["Shards"]
    ]
    assert described == ids

    def listed(**options: Any) -> list[str]:
        return [shard["ShardId"] for shard in client.list_shards(StreamName="wide", **options)["Shards"]]

    assert listed(ExclusiveStartShardId=ids[4]) == ids[5:]
    assert listed(ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": ids[5]}) == ids[6:]
    assert listed(ShardFilter={"Type": "AT_LATEST"}) == ids
    assert listed(ShardFilter={"Type": "FROM_TRIM_HORIZON"}) == ids
    assert listed(ShardFilter={"Type": "AT_TIMESTAMP", "Timestamp": 1}) == ids
    token = client.list_shards(StreamName="wide", MaxResults=2)["NextToken"]
    with pytest.raises(client.exceptions.InvalidArgumentException):
        client.list_shards(StreamName="taken", NextToken=token)
    with pytest.raises(client.exceptions.InvalidArgumentException):
        client.list_shards(NextToken=token[:-4] + "AAAA")
    with pytest.raises(client.exceptions.InvalidArgumentException):
        client.list_shards(StreamName="wide", ShardFilter={"Type": "AFTER_SHARD_ID"})


def test_what_cannot_be_made_is_refused_as_kinesis_does(client: Any) -> None:
    client.create_stream(StreamName="taken", ShardCount=1)
    with pytest.raises(client.exceptions.ResourceInUseException, match="Stream taken under account 000000000000"):
        client.create_stream(StreamName="taken", ShardCount=1)
    with pytest.raises(client.exceptions.LimitExceededException):
        client.create_stream(StreamName="huge", ShardCount=501)
    with pytest.raises(client.exceptions.ValidationException):
        client.create_stream(StreamName="none")
    with pytest.raises(client.exceptions.ValidationException):
        client.create_stream(StreamName="both", ShardCount=1, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    with pytest.raises(client.exceptions.InvalidArgumentException):
        client.create_stream(
            StreamName="auto",
            StreamModeDetails={"StreamMode": "ON_DEMAND"},
            RecordDistributionStrategy="AUTO",
        )


def test_every_role_may_do_what_it_may(door: KinesisProcess, client: Any) -> None:
    client.create_stream(StreamName="admins", ShardCount=1)
    editor, viewer = door.client("editor"), door.client("viewer")
    assert viewer.list_streams()["StreamNames"] == []
    with pytest.raises(viewer.exceptions.AccessDeniedException):
        viewer.create_stream(StreamName="mine", ShardCount=1)
    # What an actor may not even see does not exist for it.
    for call in (
        lambda c: c.describe_stream(StreamName="admins"),
        lambda c: c.describe_stream_summary(StreamName="admins"),
        lambda c: c.list_shards(StreamName="admins"),
        lambda c: c.put_record(StreamName="admins", PartitionKey="k", Data=b"d"),
        lambda c: c.put_records(StreamName="admins", Records=[{"PartitionKey": "k", "Data": b"d"}]),
        lambda c: c.get_shard_iterator(StreamName="admins", ShardId="shardId-000000000000", ShardIteratorType="LATEST"),
        lambda c: c.delete_stream(StreamName="admins"),
    ):
        for other in (editor, viewer):
            with pytest.raises(other.exceptions.ResourceNotFoundException):
                call(other)
    stolen = client.get_shard_iterator(StreamName="admins", ShardId="shardId-000000000000", ShardIteratorType="LATEST")[
        "ShardIterator"
    ]
    with pytest.raises(viewer.exceptions.ResourceNotFoundException):
        viewer.get_records(ShardIterator=stolen)
    editor.create_stream(StreamName="editors", ShardCount=1)
    assert editor.list_streams()["StreamNames"] == ["editors"]
    editor.delete_stream(StreamName="editors")
    for one in (editor, viewer):
        one.close()


def test_streams_and_records_outlive_a_restart(tmp_path: Path) -> None:
    door = start(tmp_path)
    client = door.client()
    client.create_stream(StreamName="lasting", ShardCount=1)
    client.put_record(StreamName="lasting", PartitionKey="k", Data=b"before")
    iterator = client.get_shard_iterator(
        StreamName="lasting", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    client.close()
    assert door.stop() == 0
    door = start(tmp_path)
    client = door.client()
    assert [r["Data"] for r in client.get_records(ShardIterator=iterator)["Records"]] == [b"before"]
    client.close()
    assert door.stop() == 0
