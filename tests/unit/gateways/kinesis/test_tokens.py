"""Tokens come back as they were given, for five minutes, and only for what they were given for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gureum.gateways.kinesis.tokens import TOKEN_S, TokenExpired, TokenInvalid, Tokens
from gureum.testing.clock import ManualClock

fields = st.lists(st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"])), min_size=1, max_size=4)


@given(fields)
def test_a_token_gives_its_fields_back(values: list[str]) -> None:
    tokens = Tokens(b"key", clock=ManualClock())
    assert tokens.open("p", tokens.seal("p", *values), fields=len(values)) == values


@given(fields, st.integers(0, 10_000), st.characters(codec="ascii"))
def test_a_changed_token_is_invalid(values: list[str], at: int, letter: str) -> None:
    tokens = Tokens(b"key", clock=ManualClock())
    token = tokens.seal("p", *values)
    at %= len(token)
    changed = token[:at] + letter + token[at + 1 :]
    if changed != token:
        with pytest.raises(TokenInvalid):
            tokens.open("p", changed, fields=len(values))


def test_a_token_for_something_else_or_of_another_key_is_invalid() -> None:
    clock = ManualClock()
    token = Tokens(b"key", clock=clock).seal("p", "a")
    for tokens, purpose, count in ((b"key", "q", 1), (b"other", "p", 1), (b"key", "p", 2)):
        with pytest.raises(TokenInvalid):
            Tokens(tokens, clock=clock).open(purpose, token, fields=count)


def test_a_token_is_good_for_five_minutes_to_the_millisecond() -> None:
    clock = ManualClock()
    tokens = Tokens(b"key", clock=clock)
    token = tokens.seal("p", "a")
    clock.advance(TOKEN_S)
    assert tokens.open("p", token, fields=1) == ["a"]
    clock.advance(0.001)
    with pytest.raises(TokenExpired) as error:
        tokens.open("p", token, fields=1)
    assert error.value.age_ms == 300_001
