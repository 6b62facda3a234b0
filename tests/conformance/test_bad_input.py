"""What a careless or hostile client sends to a whole running server: each is refused by name with the cure, or kept as it is
beside the good rows, and nothing else suffers."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import gureum
from gureum.client.client import Client
from gureum.errors import Conflict, GureumError, InvalidInput, LimitExceeded, NotAuthenticated, NotFound
from gureum.testing.platform import RunningPlatform, wait_until

pytestmark = [pytest.mark.conformance, pytest.mark.xdist_group("platform"), pytest.mark.timeout(120)]

SOURCE = """\
CREATE TABLE s (device STRING, ts TIMESTAMP(3), temp DOUBLE, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('stream' = '{stream}', 'format' = 'json');
"""


@pytest.fixture(scope="module")
def client(platform: RunningPlatform) -> Client:
    platform.client.stream("bad_input").create()
    platform.client.stream("bad_input").put({"device": "m1", "ts": "2026-01-31 12:00:00", "temp": 20.5})
    platform.client.sql("CREATE TABLE bad_input_rows AS SELECT 'm1' AS device, 1.5 AS temp")
    return platform.client


@pytest.fixture(scope="module")
def raw(platform: RunningPlatform):
    """Requests as they are, for bodies that no client of ours would write."""
    token = json.loads((platform.folder / "run" / "local.json").read_text())["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with httpx.Client(base_url=f"{platform.url}/api", headers=headers, timeout=60) as raw:
        yield raw


@pytest.fixture(scope="module")
def kinesis(client):
    key = client.request("POST", "/keys", body={"label": "bad input"})
    found = kinesis_client(client, key["access_key_id"], key["secret_access_key"])
    yield found
    found.close()


def kinesis_client(client: Any, key: str, secret: str) -> Any:
    return boto3.client(
        "kinesis", endpoint_url=client.status()["kinesis_endpoint"], region_name="us-east-1", aws_access_key_id=key,
        aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )  # fmt: skip


# --- who asks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "code"),
    [("Bearer gur_of_nobody", "auth.token"), ("Digest b3BlcmF0b3I6eA==", "auth.scheme"), ("", "auth.required")],
)
def test_wrong_rest_credentials_are_told_with_the_way_in(authorization: str, code: str, platform: RunningPlatform):
    answer = httpx.get(f"{platform.url}/api/streams", headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.json()["hint"]


def test_a_wrong_password_does_not_say_whether_the_user_exists(platform: RunningPlatform):
    said = {
        name: httpx.post(
            f"{platform.url}/api/session", json={"name": name, "password": "wrong"}, headers={"X-Gureum": "1"}
        )
        for name in ("operator", "nobody")
    }
    assert {answer.status_code for answer in said.values()} == {401}
    assert len({answer.json()["detail"] for answer in said.values()}) == 1
    assert said["nobody"].json()["hint"]


def test_a_wrong_token_is_an_error_of_the_sdk(platform: RunningPlatform):
    with pytest.raises(NotAuthenticated, match="not known or has expired"):
        gureum.connect(platform.url, token="gur_of_nobody").streams()


def test_wrong_kinesis_keys_are_told_in_aws_words(client):
    key = client.request("POST", "/keys", body={"label": "wrong"})
    for id_, secret, code in (
        (key["access_key_id"], "another secret", "InvalidSignatureException"),
        ("AKIAOFNOBODY00000000", key["secret_access_key"], "UnrecognizedClientException"),
    ):
        with closing(kinesis_client(client, id_, secret)) as wrong, pytest.raises(ClientError) as caught:
            wrong.list_streams()
        assert caught.value.response["Error"]["Code"] == code


# --- what is no request ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"records": ', "unexpected end of data at byte 12"),
        (b'{"records": [{"data": NaN}]}', "expected a JSON value at byte 22"),
        (b'{"records": [{"data": 1e999}]}', "infinity"),
        (b'{"records": [{"data": "\\ud800"}]}', "surrogate"),
        (b'{"records": [{"data": "\xff"}]}', "not valid UTF-8"),
        (b'{"records": [{"data": ' + b"[" * 3000 + b"]" * 3000 + b"}]}", "depth limit"),
        (b'{"records": [{"data": ' + b"9" * 10_000 + b"}]}", "infinity"),
        (b'{"records": [{"data": ' + b"9" * 300 + b"}, {}" + b"," * 9 + b"]}", "not JSON"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_body_that_is_not_json_is_refused_at_its_place(body: bytes, words: str, raw: httpx.Client, client):
    before = client.stream("bad_input").describe()["records"]
    answer = raw.post("/streams/bad_input/records", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.json"), answer.text
    assert words in answer.json()["detail"]
    assert client.stream("bad_input").describe()["records"] == before


def test_a_byte_order_mark_is_no_error(raw: httpx.Client):
    assert raw.post("/sql", content=b'\xef\xbb\xbf{"sql": "SELECT 1 AS one"}').json()["rows"] == [[1]]


def test_whole_numbers_keep_all_their_digits(client, kinesis):
    record = {"n": 123456789012345678901234567890, "deep": json.loads("[" * 400 + "]" * 400)}
    position = client.stream("bad_input").put(record)
    iterator = kinesis.get_shard_iterator(
        StreamName="bad_input", ShardId=position["shard"], ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=position["sequence"],
    )["ShardIterator"]  # fmt: skip
    assert json.loads(kinesis.get_records(ShardIterator=iterator)["Records"][0]["Data"]) == record


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "at least 1 item"),
        ([{"data": 1}] * 501, "at most 500 items"),
        ([{"data": 1, "key": "k" * 257}], "257 characters"),
        ([{"data": "!", "encoding": "base64"}], "record 0 is not base64"),
        ([{"data": "x" * (2 << 20)}], "record 0 has 2097154 bytes, a record of this stream at most 1048576"),
    ],
)
def test_a_batch_that_is_too_small_or_too_large_stores_nothing(records: list[Any], words: str, client):
    before = client.stream("bad_input").describe()["records"]
    with pytest.raises((InvalidInput, LimitExceeded)) as caught:
        client.request("POST", "/streams/bad_input/records", body={"records": records})
    assert words in caught.value.message
    assert client.stream("bad_input").describe()["records"] == before


def test_an_unknown_method_has_the_form_of_every_error(raw: httpx.Client):
    answer = raw.patch("/streams")
    assert (answer.status_code, answer.json()["code"]) == (405, "route.method")


# --- names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "1 to 128 characters, this one has 0"),
        ("n" * 5000, "1 to 128 characters, this one has 5000"),
        ("x'; DROP TABLE things; --", "use letters, digits"),
        ("../../etc/passwd", "use letters, digits"),
        ("a\0b", "use letters, digits"),
    ],
)
def test_names_that_cannot_be_are_refused_for_every_kind(name: str, words: str, client):
    widget = {"title": "t", "widgets": []}
    for act in (
        lambda: client.stream(name).create(),
        lambda: client.sql(f'CREATE TABLE "{name}" (a INT)'),
        lambda: client.query(name, SOURCE.format(stream="bad_input") + "SELECT temp FROM s", into="out").start(),
        lambda: client.request("POST", "/dashboards", body={"name": name, "spec": widget}),
    ):
        with pytest.raises(InvalidInput) as caught:
            act()
        assert words in str(caught.value) or (name in {"", "a\0b"} and "line 1" in str(caught.value))


def test_an_unknown_name_is_told_with_the_near_one(client, kinesis):
    for act in (
        lambda: client.stream("bad_inputt").put({}),
        lambda: client.query("q", SOURCE.format(stream="bad_inputt") + "SELECT temp FROM s", into="out").start(),
    ):
        with pytest.raises(NotFound, match="did you mean 'bad_input'"):
            act()
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException, match="did you mean 'bad_input'"):
        kinesis.put_record(StreamName="bad_inputt", Data=b"x", PartitionKey="k")
    with pytest.raises(NotFound, match="'bad_input' is a stream: leave a standing query over it"):
        client.sql("SELECT * FROM bad_input")


# --- SQL with errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "line", "column", "words"),
    [
        ("SELECT 1,\n  devise FROM bad_input_rows", 2, 3, "did you mean 'device'"),
        ("SELECT *\nFROM bad_input_row", 2, 6, "did you mean 'main.bad_input_rows'"),
        ("SELECT upperr(device) FROM bad_input_rows", 1, 8, "did you mean 'upper'"),
        ("SELEC device", 1, 1, "did you mean 'SELECT'"),
        ("CREATE TABLE wide (" + "c" * 5000 + " INT)", None, None, "a name of 5000 characters, at most 255"),
        ("CREATE TABLE twice (a INT, A INT)", None, None, "column 'A' comes twice"),
    ],
)
def test_sql_over_tables_says_where_and_what_was_meant(sql, line, column, words, client):
    with pytest.raises(GureumError) as caught:
        client.sql(sql)
    assert (caught.value.details.get("line"), caught.value.details.get("column")) == (line, column)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "line", "column", "words"),
    [
        ("INSERT INTO o SELECT devise FROM s", 3, 22, "did you mean 'device'"),
        ("INSERT INTO o\nSELECT device FROM ss", 4, 20, "did you mean 's'"),
        ("INSERT INTO o SELECT uper(device) AS d FROM s", 3, 22, "did you mean 'UPPER'"),
        ("INSERT INTO o SELECT device, temp AS device FROM s", 3, 30, "two columns are called 'device'"),
        ("INSERT INTO o SELECT " + "(" * 3000 + "temp" + ")" * 3000 + " AS t FROM s", None, None, "nested too deeply"),
        ("INSERT INTO o SELECT temp AS " + "c" * 5000 + " FROM s", None, None, "a name of 5000 characters"),
    ],
)
def test_streaming_sql_says_where_and_what_was_meant(sql, line, column, words, client):
    with pytest.raises(InvalidInput) as caught:
        client.query("refused", SOURCE.format(stream="bad_input") + sql).start()
    assert (caught.value.details.get("line"), caught.value.details.get("column")) == (line, column)
    assert words in str(caught.value)
    with pytest.raises(NotFound):
        client.query("refused").describe()


def test_times_beyond_every_calendar_come_back_as_text(client, raw: httpx.Client):
    client.sql(
        "CREATE TABLE far AS SELECT TIMESTAMP '29424-12-31 01:02:03' AS t, 'infinity'::TIMESTAMP AS i, DATE '10000-01-01' AS d"
    )
    answer = raw.post("/sql", json={"sql": "SELECT * FROM far"})
    assert answer.json()["rows"] == [["29424-12-31T01:02:03.000000", "Infinity", "10000-01-01"]], answer.text
    with pytest.raises(InvalidInput, match="years 1 to 9999"):
        client.sql("SELECT * FROM far").to_pylist()


# --- records that are not what a query expects ----------------------------------------------------------------------------

POISON = [
    b"\xff\xfe", b"", b" ", b"null", b"[1]", b'"text"', b"{", b"[" * 900 + b"]" * 900, b"[" * 3000 + b"]" * 3000,
    b'{"device":' * 300 + b"1" + b"}" * 300,
    b'{"device": "m", "ts": "2026-01-31 12:00:01", "temp": NaN}',
    b'{"device": "m", "ts": "2026-01-31 12:00:01", "temp": 1e999}',
    b'{"device": "\\ud800", "ts": "2026-01-31 12:00:01", "temp": 1}',
    b'{"device": 99999999999999999999999999, "ts": "2026-01-31 12:00:01", "temp": 1}',
    b'{"device": "m", "ts": "31/01/2026", "temp": 1}',
    b'{"device": "m", "ts": 1769860800, "temp": 1}',
    b'{"device": "m", "ts": "+29424-12-31 00:00:00", "temp": 1}',
    b'{"device": "m", "temp": 1}',
]  # fmt: skip


def test_no_record_stops_a_query_or_hides_the_others(client, kinesis, raw: httpx.Client):
    client.stream("poison").create()
    client.query(
        "poisoned", SOURCE.format(stream="poison") + "INSERT INTO unpoisoned SELECT device, temp FROM s",
        checkpoint_s=0.2,
    ).start()  # fmt: skip
    # The table is there before its first row.
    assert client.sql("SELECT * FROM unpoisoned").to_pylist() == []
    good = b'\xef\xbb\xbf {"device": "good", "ts": "2026-10-25T02:30:00+02:00", "temp": 1, "temp": 2}'
    for data in (*POISON, good):
        kinesis.put_record(StreamName="poison", Data=data, PartitionKey="k")

    def read() -> bool:
        return bool(client.sql("SELECT * FROM unpoisoned").to_pylist())

    wait_until(read, what="the good record behind the bad ones", timeout_s=30)
    assert client.sql("SELECT * FROM unpoisoned").to_pylist() == [{"device": "good", "temp": 2.0}]
    status = client.query("poisoned").describe()["status"]
    assert (status["state"], status["dead_letters"]) == ("running", len(POISON))
    dead = client.sql('SELECT * FROM unpoisoned__dead_letters ORDER BY "offset"').to_pylist()
    kept = [row["payload"].encode() if row["encoding"] == "utf-8" else base64.b64decode(row["payload"]) for row in dead]
    assert kept == POISON
    assert all(row["reason"] for row in dead)
    # The stream itself can still be looked at, in every way.
    for path in ("/streams/poison", "/streams/poison/records", "/streams/poison/records?newest=true"):
        assert raw.get(path).status_code == 200, path
    assert len(client.stream("poison").records(limit=1000)) == len(POISON) + 1
    with raw.stream("GET", "/streams/poison/tail") as tail:
        lines = tail.iter_lines()
        assert next(lines) == "retry: 1000"
        for data in POISON:
            kinesis.put_record(StreamName="poison", Data=data, PartitionKey="k")
        assert next(line for line in lines if line.startswith("data:"))


def test_event_times_beyond_every_calendar_do_not_stop_a_query(client):
    stream = client.stream("epochs").create()
    client.query(
        "epochs",
        "CREATE TABLE s (e BIGINT, ts AS TO_TIMESTAMP_LTZ(e, 3), WATERMARK FOR ts AS ts) WITH ('stream' = 'epochs');"
        " INSERT INTO epochs_seen SELECT e, ts FROM s",
        checkpoint_s=0.2,
    ).start()
    far = [9_000_000_000_000_000, -9_000_000_000_000_000, 2**63 - 1, -(2**63), 253_402_300_800_000]
    stream.put_many([{"e": e} for e in far] + [{"e": 1_700_000_000_000}])

    def read() -> bool:
        return 1_700_000_000_000 in client.sql("SELECT e FROM epochs_seen").to_arrow().column("e").to_pylist()

    wait_until(read, what="the good record behind the far ones", timeout_s=30)
    assert client.query("epochs").describe()["status"]["state"] == "running"
    assert client.sql("SELECT e FROM epochs_seen").to_pylist() == [{"e": 1_700_000_000_000}]

    def dead() -> list[dict[str, Any]]:
        # Each table of an epoch has a commit of its own: this one may come a moment later.
        found: list[dict[str, Any]] = client.sql("SELECT payload, reason FROM epochs_seen__dead_letters").to_pylist()
        return found

    wait_until(dead, what="the dead letters", timeout_s=30)
    assert {json.loads(row["payload"])["e"] for row in dead()} == set(far)
    assert any("outside of the years 1 to 9999" in row["reason"] for row in dead())


def test_a_stream_that_is_deleted_and_made_again_is_not_read_from_the_old_place(client):
    sql = "CREATE TABLE s (n BIGINT) WITH ('stream' = 'again'); INSERT INTO again_seen SELECT n FROM s"
    stream = client.stream("again").create()
    query = client.query("again", sql, checkpoint_s=0.2).start()
    stream.put_many([{"n": 1}, {"n": 2}])

    def seen() -> list[int]:
        return sorted(row["n"] for row in client.sql("SELECT n FROM again_seen").to_pylist())

    wait_until(lambda: seen() == [1, 2], what="the first records", timeout_s=30)
    stream.delete()
    stream.create().put_many([{"n": 3}, {"n": 4}, {"n": 5}])

    def failed() -> bool:
        return query.describe()["status"]["state"] == "failed"

    wait_until(failed, what="the query to see that its stream has gone", timeout_s=30)
    query.start()

    def refused() -> bool:
        return failed() and "deleted and made again" in query.describe()["status"]["error"]

    wait_until(refused, what="the query to refuse the new stream", timeout_s=30)
    assert seen() == [1, 2]
    query.start(reset=True)
    wait_until(lambda: seen() == [1, 2, 3, 4, 5], what="all of the new stream", timeout_s=30)


def test_conflicts_name_what_is_there(client):
    with pytest.raises(Conflict, match="exists"):
        client.stream("bad_input").create()
    with pytest.raises(Conflict, match="exists"):
        client.sql("CREATE TABLE bad_input_rows (a INT)")
