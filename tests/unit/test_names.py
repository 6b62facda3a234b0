"""Names: which are allowed for which kind of thing, and which are near a wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gureum.errors import InvalidInput
from gureum.names import Kind, check_name, did_you_mean, near_names, table_name


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.STREAM, "clicks-2026.v1_a"),
        (Kind.TABLE, "hot"),
        (Kind.TABLE, "alerts.hot"),
        (Kind.TABLE, "경보.온도_높음"),
        (Kind.QUERY, "온도-감시.v2"),
        (Kind.DASHBOARD, "기계"),
        (Kind.DESTINATION, "ops-webhook"),
        (Kind.EXPERIMENT, "/Users/anna/이탈 (v2)"),
        (Kind.MODEL, "churn (v2)"),
        (Kind.ENDPOINT, "churn-v2"),
    ],
)
def test_a_name_that_may_be(kind: Kind, name: str):
    assert check_name(kind, name) == name


# MLflow names these as it likes, and nothing of theirs is found by name on the disk.
NEVER_PATHS = {Kind.EXPERIMENT, Kind.MODEL}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in NEVER_PATHS])
@pytest.mark.parametrize(
    "name", ["a/b", "..", ".", "a b", "a\n", "a\x00b", "../../etc", "*", "a'b", 'a"b', "a%2fb", "-é"]
)
def test_a_name_that_could_reach_elsewhere_is_refused_for_every_kind(kind: Kind, name: str):
    with pytest.raises(InvalidInput) as caught:
        check_name(kind, name)
    assert caught.value.code == "name.characters"
    assert caught.value.hint.startswith("use ")


@pytest.mark.parametrize("kind", list(Kind))
def test_a_name_has_1_to_128_characters(kind: Kind):
    check_name(kind, "x" * 128)
    for name in ("", "x" * 129):
        with pytest.raises(InvalidInput, match="1 to 128 characters"):
            check_name(kind, name)


def test_a_stream_has_an_ascii_name_as_in_kinesis():
    with pytest.raises(InvalidInput):
        check_name(Kind.STREAM, "센서")


def test_a_tables_name_has_a_schema_and_main_is_the_default():
    assert table_name("hot") == ("main", "hot")
    assert table_name("alerts.hot") == ("alerts", "hot")
    for name in ("a.b.c", ".hot", "alerts.", "1hot", "a-b"):
        with pytest.raises(InvalidInput):
            table_name(name)


def test_near_names_are_found_whatever_their_case_nearest_first():
    assert near_names("CLIKS", ["orders", "click", "Clicks"]) == ["Clicks", "click"]
    assert did_you_mean("cliks", ["clicks"]) == "did you mean 'clicks'?"
    assert did_you_mean("zzz", ["clicks"]) is None
    assert did_you_mean("zzz", []) is None
    # The schema that everything is in makes nothing alike.
    assert near_names("main.nope", ["main.t", "main.hours", "main.nopes"]) == ["main.nopes"]


@given(st.text(max_size=40))
def test_whatever_is_sent_as_a_name_is_answered_with_a_name_or_our_error(text: str):
    for kind in Kind:
        try:
            assert check_name(kind, text) == text
        except InvalidInput:
            continue
        assert "/" not in text or kind is Kind.EXPERIMENT  # MLflow's own are named like paths
        assert text not in {".", ".."}
