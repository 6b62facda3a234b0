"""Signatures as botocore makes them are taken, in any spelling that clients use; anything else is not."""

from __future__ import annotations

import datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.effort import examples

from gureum.clock import SystemClock
from gureum.gateways.kinesis.errors import KinesisError
from gureum.gateways.kinesis.sigv4 import DERIVED_KEYS_MAX, Request, SignatureCheck
from gureum.types import Actor, Role

ACTOR = Actor("me", Role.EDITOR)


def check(secrets: dict[str, str]) -> SignatureCheck:
    return SignatureCheck(lambda key: (secrets[key], ACTOR) if key in secrets else None, clock=SystemClock())


def signed(
    body: bytes = b"{}",
    *,
    key: str = "AKID",
    secret: str = "secret",
    headers: dict[str, str] | None = None,
    query: str = "",
    region: str = "us-east-1",
) -> Request:
    url = "http://localhost:8601/" + (f"?{query}" if query else "")
    request = AWSRequest("POST", url, data=body, headers={"X-Amz-Target": "T", **(headers or {})})
    SigV4Auth(Credentials(key, secret), "kinesis", region).add_auth(request)
    found = {name.lower(): value for name, value in request.headers.items()}
    found.setdefault("host", "localhost:8601")
    return Request("POST", query, found, body)


def test_the_actor_and_the_region_of_a_signed_request_are_found() -> None:
    assert check({"AKID": "secret"}).actor(signed(region="ap-northeast-2")) == (ACTOR, "ap-northeast-2")


@settings(max_examples=examples(40), deadline=None)
@given(
    body=st.binary(max_size=200),
    value=st.text(st.sampled_from("ab \t,;=/é~"), max_size=20),
    query=st.lists(st.sampled_from(["a=1", "b=%2F", "c", "a=0", "Z=z%20z", "~=-._"]), max_size=4).map("&".join),
)
def test_whatever_botocore_signs_is_taken(body: bytes, value: str, query: str) -> None:
    request = signed(body, headers={"X-Amz-Odd": value.encode().decode("latin-1")}, query=query)
    assert check({"AKID": "secret"}).actor(request)[0] is ACTOR


def test_a_changed_secret_ends_the_old_signatures() -> None:
    secrets = {"AKID": "secret"}
    checker = check(secrets)
    checker.actor(signed())
    secrets["AKID"] = "another"
    with pytest.raises(KinesisError) as error:
        checker.actor(signed())
    assert error.value.type == "InvalidSignatureException"
    assert checker.actor(signed(secret="another"))[0] is ACTOR


def test_the_cache_of_derived_keys_is_bounded() -> None:
    checker = check({f"AKID{number}": "secret" for number in range(DERIVED_KEYS_MAX + 10)})
    for number in range(DERIVED_KEYS_MAX + 10):
        checker.actor(signed(key=f"AKID{number}"))
    assert len(checker._derived) == DERIVED_KEYS_MAX


def test_a_date_of_another_day_than_the_scope_is_refused() -> None:
    request = signed()
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d")
    headers = {**request.headers, "authorization": request.headers["authorization"].replace(now, "20200101")}
    with pytest.raises(KinesisError, match="Date in Credential scope"):
        check({"AKID": "secret"}).actor(Request("POST", "", headers, b"{}"))


@pytest.mark.parametrize("missing", ["Credential", "SignedHeaders", "Signature"])
def test_each_missing_part_is_named(missing: str) -> None:
    request = signed()
    headers = {**request.headers, "authorization": request.headers["authorization"].replace(missing, "X")}
    with pytest.raises(KinesisError, match=f"requires '{missing}'") as error:
        check({"AKID": "secret"}).actor(Request("POST", "", headers, b"{}"))
    assert error.value.type == "IncompleteSignatureException"
