"""The door without a network: what depends on the writer's state, and the tables that hold everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import get_session

from gureum import errors
from gureum.catalog.catalog import Catalog
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.clock import SystemClock
from gureum.errors import CorruptData, GureumError, LimitExceeded, NotFound, Unavailable
from gureum.gateways.kinesis.app import make_app
from gureum.gateways.kinesis.constraints import load_constraints
from gureum.gateways.kinesis.errors import BY_CLASS, kinesis_type
from gureum.gateways.kinesis.operations import OPERATIONS
from gureum.names import Kind
from gureum.store.database import open_database
from gureum.streams.readers import Readers
from gureum.streams.spec import StreamSpec
from gureum.streams.streams import Streams
from gureum.streams.writer import LogWriter, PutResult, Records
from gureum.types import Actor, Permission, Role

ADMIN = Actor("root", Role.ADMIN)


class RefusingWriter:
    """Takes records for the first shard and meets an error in the second."""

    def __init__(self, error: GureumError) -> None:
        self.error = error

    async def put_records(
        self, stream: StreamSpec, records: Records, *, producer: tuple[str, int] | None = None
    ) -> PutResult:
        shards = [index % 2 for index in range(len(records.keys))] if len(records.keys) > 1 else [1]
        return PutResult(shards, {0: 5, 1: self.error} if len(shards) > 1 else {1: self.error})

    def drop(self, stream_id: str) -> None: ...


def call(
    tmp_path: Path, writer: Any, target: str, body: dict[str, Any], *, actor: Actor = ADMIN
) -> tuple[int, dict[str, Any]]:
    clock = SystemClock()
    database = open_database("", folder=tmp_path, migrations=MIGRATIONS, metadata=metadata)
    catalog = Catalog(database, clock=clock)
    streams = Streams(catalog, clock=clock)
    streams.create("s", ADMIN, shards=2)
    catalog.grant(ADMIN, kind=Kind.STREAM, name="s", grantee="reader", permission=Permission.READ)
    app = make_app(
        streams=streams,
        writer=cast("LogWriter", writer),
        readers=Readers(tmp_path),
        find_key=lambda key: ("secret", actor) if key == "AKID" else None,
        clock=clock,
        iterator_key=b"key",
    )
    raw = orjson.dumps(body)
    request = AWSRequest(
        "POST",
        "http://localhost/",
        data=raw,
        headers={"X-Amz-Target": f"Kinesis_20131202.{target}", "Content-Type": "application/x-amz-json-1.1"},
    )
    SigV4Auth(Credentials("AKID", "secret"), "kinesis", "us-east-1").add_auth(request)
    headers = [(k.lower().encode(), str(v).encode()) for k, v in request.headers.items()] + [(b"host", b"localhost")]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    asyncio.run(app(scope, receive, send))
    catalog.close()
    database.close()
    return sent[0]["status"], orjson.loads(sent[1]["body"])


RECORDS = {"StreamName": "s", "Records": [{"PartitionKey": "k", "Data": "YQ=="}] * 4}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LimitExceeded("full", code="stream.throughput"), "ProvisionedThroughputExceededException"),
        (Unavailable("full", code="stream.disk_full"), "InternalFailure"),
        (CorruptData("damaged"), "InternalFailure"),
    ],
)
def test_a_shard_that_refuses_fails_its_records_and_no_others(tmp_path: Path, error: GureumError, code: str) -> None:
    status, answer = call(tmp_path, RefusingWriter(error), "PutRecords", RECORDS)
    assert status == 200
    assert answer["FailedRecordCount"] == 2
    assert [set(record) for record in answer["Records"]] == [
        {"SequenceNumber", "ShardId"},
        {"ErrorCode", "ErrorMessage"},
    ] * 2
    assert answer["Records"][1]["ErrorCode"] == code


@pytest.mark.parametrize(
    ("error", "status", "type_"),
    [
        (LimitExceeded("full", code="stream.throughput"), 400, "ProvisionedThroughputExceededException"),
        (Unavailable("full", code="stream.disk_full"), 503, "ServiceUnavailable"),
        (CorruptData("damaged"), 500, "InternalFailure"),
        (NotFound("gone", code="stream.deleted"), 400, "ResourceNotFoundException"),
    ],
)
def test_a_single_record_that_is_refused_fails_its_call(
    tmp_path: Path, error: GureumError, status: int, type_: str
) -> None:
    body = {"StreamName": "s", "PartitionKey": "k", "Data": "YQ=="}
    found, answer = call(tmp_path, RefusingWriter(error), "PutRecord", body)
    assert (found, answer["__type"]) == (status, type_)


def test_who_may_read_and_not_write_is_denied_by_name(tmp_path: Path) -> None:
    reader = Actor("reader", Role.EDITOR)
    status, answer = call(tmp_path, RefusingWriter(Unavailable("")), "PutRecords", RECORDS, actor=reader)
    assert (status, answer["__type"]) == (400, "AccessDeniedException")
    assert (
        "user/reader is not authorized to perform: kinesis:PutRecords on resource: "
        "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    ) in answer["message"]


def test_a_bug_of_ours_is_an_internal_failure_that_clients_retry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(RefusingWriter):
        async def put_records(self, *_: Any, **__: Any) -> PutResult:
            raise ZeroDivisionError

    status, answer = call(tmp_path, Broken(Unavailable("")), "PutRecords", RECORDS)
    assert (status, answer["__type"]) == (500, "InternalFailure")
    assert "ZeroDivisionError" in caplog.text


def test_every_error_of_the_tree_has_kinesis_words() -> None:
    classes: list[Callable[..., GureumError]] = [
        cls for name in errors.__all__ if isinstance(cls := getattr(errors, name), type)
    ]
    for cls in classes:
        type_, status = kinesis_type(cls("x"))
        assert type_
        assert status in {400, 500, 503}
    assert set(BY_CLASS) == set(classes) - {GureumError}


def test_every_operation_is_in_the_model_and_says_what_it_needs() -> None:
    model = get_session().get_service_model("kinesis")
    assert set(OPERATIONS) <= set(model.operation_names)
    assert set(model.operation_names) == set(load_constraints())
    for name, operation in OPERATIONS.items():
        takes_stream = "StreamName" in model.operation_model(name).input_shape.members
        if name in {"CreateStream", "ListStreams"}:
            assert isinstance(operation.needs, Role)
        else:
            assert isinstance(operation.needs, Permission)
            assert takes_stream or name == "GetRecords"
