"""What a wrong request gets: AWS' types and words, whether the client checked first or not."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from gureum.testing.kinesis import KEYS, KinesisProcess, start

pytestmark = pytest.mark.conformance

ADMIN = Credentials(KEYS["admin"][0], KEYS["admin"][1])


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KinesisProcess]:
    process = start(tmp_path_factory.mktemp("kinesis"))
    client = process.client()
    client.create_stream(StreamName="s", ShardCount=1)
    client.close()
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def client(door: KinesisProcess) -> Iterator[Any]:
    """A client that checks nothing itself, so that the server has to."""
    client = door.client(parameter_validation=False)
    yield client
    client.close()


def send(
    door: KinesisProcess,
    body: bytes,
    *,
    target: str = "Kinesis_20131202.ListStreams",
    credentials: Credentials | None = ADMIN,
    service: str = "kinesis",
    change: Callable[[AWSRequest], None] = lambda _: None,
    content_type: str = "application/x-amz-json-1.1",
    path: str = "/",
    method: str = "POST",
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """One signed request, changed after it was signed: (status, body, headers)."""
    request = AWSRequest(
        method, door.url + path, data=body, headers={"X-Amz-Target": target, "Content-Type": content_type}
    )
    if credentials is not None:
        SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    change(request)
    connection = http.client.HTTPConnection(urlsplit(door.url).netloc)
    url = urlsplit(request.url)
    connection.request(
        method, url.path + (f"?{url.query}" if url.query else ""), body=request.data, headers=dict(request.headers)
    )
    response = connection.getresponse()
    raw = response.read()
    connection.close()
    return response.status, orjson.loads(raw) if raw else {}, {k.lower(): v for k, v in response.getheaders()}


# Constraints ------------------------------------------------------------------------------------------------------------


def test_a_constraint_that_does_not_hold_is_named_in_aws_words(client: Any) -> None:
    with pytest.raises(client.exceptions.ValidationException) as error:
        client.describe_stream(StreamName="")
    assert error.value.response["Error"]["Message"].startswith(
        "1 validation error detected: Value '' at 'streamName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    ) or error.value.response["Error"]["Message"].startswith("2 validation errors detected: Value '' at 'streamName'")


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("create_stream", {"ShardCount": 1}, "Value null at 'streamName' failed to satisfy constraint: Member must not be null"),
        ("create_stream", {"StreamName": "a" * 129, "ShardCount": 1}, "Member must have length less than or equal to 128"),
        ("create_stream", {"StreamName": "a b", "ShardCount": 1}, "Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ("create_stream", {"StreamName": "a", "ShardCount": 0}, "Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1"),
        ("create_stream", {"StreamName": "a", "StreamModeDetails": {"StreamMode": "MAGIC"}}, "at 'streamModeDetails.streamMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]"),
        ("create_stream", {"StreamName": "a", "StreamModeDetails": {}}, "Value null at 'streamModeDetails.streamMode'"),
        ("create_stream", {"StreamName": "a", "ShardCount": 1, "MaxRecordSizeInKiB": 10_241}, "Member must have value less than or equal to 10240"),
        ("create_stream", {"StreamName": "a", "ShardCount": 1, "Tags": {"": "x"}}, "at 'tags'"),
        ("list_streams", {"Limit": 0}, "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"),
        ("list_streams", {"Limit": 10_001}, "Member must have value less than or equal to 10000"),
        ("list_shards", {"StreamName": "s", "MaxResults": 10_001}, "at 'maxResults'"),
        ("list_shards", {"StreamName": "s", "ShardFilter": {"Type": "X"}}, "at 'shardFilter.type'"),
        ("get_shard_iterator", {"StreamName": "s", "ShardId": "x", "ShardIteratorType": "SOMEWHERE"}, "Member must satisfy enum value set: ["),
        ("get_shard_iterator", {"StreamName": "s"}, "2 validation errors detected: "),
        ("get_records", {"ShardIterator": "x" * 513}, "Member must have length less than or equal to 512"),
        ("put_record", {"StreamName": "s", "PartitionKey": "k"}, "Value null at 'data'"),
        ("put_record", {"StreamName": "s", "PartitionKey": "k", "Data": b"", "ExplicitHashKey": "01"}, "at 'explicitHashKey'"),
        ("put_record", {"StreamName": "s", "PartitionKey": "k", "Data": b"", "SequenceNumberForOrdering": "x"}, "at 'sequenceNumberForOrdering'"),
        ("put_records", {"StreamName": "s", "Records": [{"PartitionKey": "k"}]}, "Value null at 'records.1.member.data'"),
        ("put_records", {"StreamName": "s", "Records": [{"PartitionKey": "", "Data": b""}]}, "Value '' at 'records.1.member.partitionKey'"),
        ("put_records", {"StreamName": "s", "Records": [{"PartitionKey": "k", "Data": b"", "ExplicitHashKey": "-1"}]}, "at 'records.1.member.explicitHashKey'"),
        ("put_records", {"StreamName": "s"}, "Value null at 'records'"),
        ("put_records", {"StreamName": "s", "Records": []}, "at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        ("describe_stream", {"StreamARN": "arn:aws:s3:::bucket"}, "at 'streamARN' failed to satisfy constraint: Member must satisfy regular expression pattern: "),
    ],
)  # fmt: skip
def test_the_model_s_constraints_hold(client: Any, operation: str, parameters: dict[str, Any], expected: str) -> None:
    with pytest.raises(client.exceptions.ValidationException) as error:
        getattr(client, operation)(**parameters)
    assert expected in error.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("ListStreams", b"{"),
        ("ListStreams", b"[]"),
        ("ListStreams", b'{"Limit": "many"}'),
        ("ListStreams", b'{"Limit": true}'),
        ("ListStreams", b'{"Limit": 1.5}'),
        ("DescribeStream", b'{"StreamName": 5}'),
        ("ListShards", b'{"StreamName": "s", "ShardFilter": "AT_LATEST"}'),
        ("ListShards", b'{"StreamName": "s", "StreamCreationTimestamp": "yesterday"}'),
        ("CreateStream", b'{"StreamName": "a", "ShardCount": 1, "Tags": []}'),
        ("DeleteStream", b'{"StreamName": "a", "EnforceConsumerDeletion": 1}'),
        ("PutRecord", b'{"StreamName": "s", "PartitionKey": "k", "Data": "no base64!"}'),
        ("PutRecord", b'{"StreamName": "s", "PartitionKey": "k", "Data": "YQ"}'),
        ("PutRecord", b'{"StreamName": "s", "PartitionKey": "k", "Data": 7}'),
        ("PutRecords", b'{"StreamName": "s", "Records": {"Data": ""}}'),
        ("PutRecords", b'{"StreamName": "s", "Records": "abc"}'),
        ("PutRecords", b'{"StreamName": "s", "Records": ["abc"]}'),
        ("PutRecords", b'{"StreamName": "s", "Records": [{"PartitionKey": 1, "Data": ""}]}'),
        ("PutRecords", b'{"StreamName": "s", "Records": [{"PartitionKey": "k", "Data": "YQ="}]}'),
        ("PutRecords", b'{"StreamName": "s", "Records": [{"PartitionKey": "\\ud800", "Data": ""}]}'),
    ],
)
def test_what_cannot_be_read_is_a_serialization_exception(door: KinesisProcess, target: str, body: bytes) -> None:
    status, answer, _ = send(door, body, target=f"Kinesis_20131202.{target}")
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_members_that_the_model_does_not_know_are_let_through(door: KinesisProcess) -> None:
    assert send(door, b'{"SomethingOfNextYear": 1}')[0] == 200


@pytest.mark.parametrize("target", ["Kinesis_20131202.MakeCoffee", "ListStreams", "DynamoDB_20120810.ListTables", ""])
def test_an_unknown_operation_says_so(door: KinesisProcess, target: str) -> None:
    status, answer, _ = send(door, b"{}", target=target)
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_a_known_operation_that_is_not_here_yet_says_so_to_boto3(client: Any) -> None:
    with pytest.raises(ClientError) as error:
        client.split_shard(StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey="1")
    assert error.value.response["Error"]["Code"] == "UnknownOperationException"


def test_other_paths_and_methods_are_no_operations(door: KinesisProcess) -> None:
    assert send(door, b"{}", path="/elsewhere")[0] == 404
    assert send(door, b"", method="GET")[0] == 404


def test_another_content_type_is_refused(door: KinesisProcess) -> None:
    status, answer, _ = send(door, b"{}", content_type="text/plain")
    assert (status, answer["__type"]) == (415, "SerializationException")


def test_a_missing_stream_is_named(client: Any) -> None:
    with pytest.raises(
        client.exceptions.ResourceNotFoundException, match=r"Stream nowhere under account 000000000000 not found\."
    ):
        client.describe_stream(StreamName="nowhere")
    with pytest.raises(client.exceptions.InvalidArgumentException, match="StreamName or StreamARN"):
        client.describe_stream()


def test_a_stream_id_is_reserved_as_the_model_says(door: KinesisProcess) -> None:
    # boto3 would send it to a host of its own.
    body = b'{"StreamId": "abcdefghijklmnopqrst-abc"}'
    status, answer, _ = send(door, body, target="Kinesis_20131202.DescribeStream")
    assert (status, answer["__type"]) == (400, "InvalidArgumentException")


def test_a_request_that_is_too_large_is_cut_short(door: KinesisProcess) -> None:
    status, answer, _ = send(door, b" " * (16 << 20))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


def test_every_answer_has_a_request_id(door: KinesisProcess) -> None:
    good, bad = send(door, b"{}"), send(door, b"{")
    assert len(good[2]["x-amzn-requestid"]) == len(bad[2]["x-amzn-requestid"]) == 36
    assert good[2]["x-amzn-requestid"] != bad[2]["x-amzn-requestid"]


def test_the_health_path_needs_no_signature(door: KinesisProcess) -> None:
    assert send(door, b"", method="GET", path="/health", credentials=None)[:2] == (
        200,
        {"status": "ok", "shards_damaged": 0},
    )


# Signatures -------------------------------------------------------------------------------------------------------------


def code_of(door: KinesisProcess, **options: Any) -> tuple[int, str]:
    status, answer, _ = send(door, b"{}", **options)
    return status, answer.get("__type", "")


def test_a_request_without_a_signature_is_refused(door: KinesisProcess) -> None:
    assert code_of(door, credentials=None) == (400, "MissingAuthenticationTokenException")


def test_an_unknown_key_is_refused(door: KinesisProcess) -> None:
    assert code_of(door, credentials=Credentials("AKIANOBODY", "x")) == (400, "UnrecognizedClientException")


def test_a_wrong_secret_is_refused(door: KinesisProcess) -> None:
    wrong = Credentials(KEYS["admin"][0], "wrong")
    assert code_of(door, credentials=wrong) == (400, "InvalidSignatureException")


def test_a_signature_for_another_service_is_refused(door: KinesisProcess) -> None:
    assert code_of(door, service="dynamodb") == (400, "InvalidSignatureException")


def replace_header(name: str, value: str | Callable[[str], str] | None) -> Callable[[AWSRequest], None]:
    def change(request: AWSRequest) -> None:
        old = request.headers[name]
        del request.headers[name]
        if value is not None:
            request.headers[name] = value(old) if callable(value) else value

    return change


def replace_body(request: AWSRequest) -> None:
    request.data = b'{"Limit":1}'


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (replace_body, "InvalidSignatureException"),
        (replace_header("X-Amz-Target", "Kinesis_20131202.ListShards"), "InvalidSignatureException"),
        (replace_header("X-Amz-Date", None), "IncompleteSignatureException"),
        (replace_header("X-Amz-Date", "yesterday"), "IncompleteSignatureException"),
        (replace_header("X-Amz-Date", "20200101T000000Z"), "InvalidSignatureException"),
        (replace_header("Authorization", "Bearer token"), "IncompleteSignatureException"),
        (replace_header("Authorization", "AWS4-HMAC-SHA256 nonsense"), "IncompleteSignatureException"),
        (replace_header("Authorization", lambda old: old.replace("/aws4_request", "")), "IncompleteSignatureException"),
        (replace_header("Authorization", lambda old: old.replace("host;", "")), "InvalidSignatureException"),
        (replace_header("Authorization", lambda old: old.replace(";x-amz-target", "")), "InvalidSignatureException"),
        (replace_header("Authorization", lambda old: old[:-1] + ("0" if old[-1] != "0" else "1")), "InvalidSignatureException"),
        (replace_header("Authorization", lambda old: old.partition(", Signature")[0]), "IncompleteSignatureException"),
        (replace_header("Authorization", lambda old: old[:-3] + "é" * 3), "InvalidSignatureException"),
    ],
)  # fmt: skip
def test_a_request_that_was_changed_after_it_was_signed_is_refused(
    door: KinesisProcess, change: Callable[[AWSRequest], None], expected: str
) -> None:
    assert code_of(door, change=change) == (400, expected)


def test_a_presigned_request_is_taken(door: KinesisProcess) -> None:
    def presign(request: AWSRequest) -> None:
        del request.headers["Authorization"]
        del request.headers["X-Amz-Date"]
        SigV4QueryAuth(ADMIN, "kinesis", "us-east-1", expires=60).add_auth(request)

    # The query signer moves a body into the query for GET only; a POST keeps it.
    assert send(door, b"{}", change=presign)[0] == 200

    def tamper(request: AWSRequest) -> None:
        presign(request)
        request.url = request.url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")

    assert code_of(door, change=tamper) == (400, "InvalidSignatureException")

    def incomplete(request: AWSRequest) -> None:
        presign(request)
        request.url = request.url.replace("&X-Amz-Expires=60", "")

    assert code_of(door, change=incomplete) == (400, "IncompleteSignatureException")


def test_a_clock_that_is_14_minutes_off_is_taken_and_16_is_not(tmp_path: Any) -> None:
    for skew_min, taken in ((14, True), (-14, True), (16, False), (-16, False)):
        door = start(tmp_path, f"--clock-skew-s={skew_min * 60}")
        status, answer, _ = send(door, b"{}")
        door.stop()
        assert status == (200 if taken else 400)
        if not taken:
            assert answer["__type"] == "InvalidSignatureException"
            assert ("expired" if skew_min > 0 else "not yet current") in answer["message"]
