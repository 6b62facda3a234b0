"""Errors as values: what they say, and that they come back from JSON as they went."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gureum import errors
from gureum.errors import GureumError, InternalError, InvalidInput, NotFound, from_json

CLASSES = [getattr(errors, name) for name in errors.__all__ if name not in {"GureumError", "from_json"}]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("cls", CLASSES)
@given(message=st.text(min_size=1), code=st.text(min_size=1), hint=st.none() | st.text(min_size=1), values=JSON_VALUES)
def test_an_error_comes_back_from_json_as_it_went(cls, message, code, hint, values):
    sent = cls(message, code=code, hint=hint, line=3, column=14, more=values)
    got = from_json(json.loads(json.dumps(sent.to_json())))
    assert type(got) is cls
    assert (got.message, got.code, got.hint, got.details) == (
        message,
        code,
        hint,
        {"line": 3, "column": 14, "more": values},
    )
    assert str(got) == str(sent)


def test_the_tree_is_flat_and_each_branch_has_a_code_of_its_own():
    assert all(cls.__bases__ == (GureumError,) for cls in CLASSES)
    assert set(GureumError.__subclasses__()) == set(CLASSES), "a new branch is exported, and has its row at every door"
    codes = [cls.default_code for cls in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(cls("x").code == cls.default_code for cls in CLASSES)


def test_the_hint_follows_the_message():
    assert str(NotFound("stream 'cliks' does not exist", hint="did you mean 'clicks'?")) == (
        "stream 'cliks' does not exist (did you mean 'clicks'?)"
    )
    assert str(InvalidInput("no")) == "no"


@pytest.mark.parametrize(
    "body", [{}, {"error": "Unheard"}, {"error": None, "details": None}, {"error": ["x"], "message": ""}]
)
def test_an_answer_that_is_no_error_of_ours_is_our_bug_not_a_crash(body):
    assert type(from_json(body)) is InternalError
    assert str(from_json(body))
