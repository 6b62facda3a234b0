"""What PostgreSQL's clients write that DuckDB reads otherwise, replaced word by word in a statement over tables.

Called by `session.py`. Pure. Replacing words keeps the way back from an error's place to the text that was sent. Promise: an
operator that DuckDB has under the same sign with another meaning is put right or refused, never passed on.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot.tokenizer_core import Token, TokenType

from gureum.gateways.postgres.errors import SqlState
from gureum.gateways.postgres.functions import VERSION
from gureum.gateways.postgres.relations import Facts
from gureum.sql.script import Splice, Statement

__all__ = ["for_engine"]

# Names with a database before them, as some tools always write, lose it.
_TIMES = {
    "YYYY": "%Y", "YY": "%y", "MM": "%m", "MONTH": "%B", "MON": "%b", "DD": "%d", "DDD": "%j", "HH24": "%H", "HH12": "%I", "HH": "%I",
    "MI": "%M", "SS": "%S", "MS": "%g", "US": "%f", "AM": "%p", "PM": "%p", "DAY": "%A", "DY": "%a", "IW": "%V", "IYYY": "%G",
}  # fmt: skip
_TIME_WORDS = re.compile(
    r"YYYY|IYYY|YY|MM|MONTH|Month|month|MON|Mon|mon|DDD|DD|HH24|HH12|HH|MI|SS|MS|US|AM|PM|am|pm|DAY|Day|day|DY|Dy|dy|IW|\"[^\"]*\""
)
_MATCHES = {"~": ("", True), "!~": ("!", True), "~*": ("", False), "!~*": ("!", False)}


def for_engine(statement: Statement, facts: Facts) -> list[Splice]:
    """The replacements in one statement. Raises SqlState for what cannot be put into DuckDB's words."""
    tokens = statement.tokens
    found: list[Splice] = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1].text if place else ""
        after = tokens[place + 1].text if place + 1 < len(tokens) else ""
        word = token.text.lower()
        if token.token_type is TokenType.STRING:
            continue
        if after == "." and before != "." and (_is(token, facts.database) or word == "pg_catalog"):
            # Before schema.table; a table of the database's name keeps its own columns.
            names = _dotted(tokens, place)
            if word == "pg_catalog" or names >= 3:
                found.append(Splice(token.start, tokens[place + 1].end + 1, ""))
        elif word in _SESSION and before != "." and after != ".":
            end = _call_end(tokens, place)
            if end is None and word not in _WITHOUT_PARENTHESES:
                continue
            value = _SESSION[word](facts)
            found.append(Splice(token.start, tokens[end or place].end + 1, _literal(value)))
        elif word == "to_char" and after == "(":
            found += _to_char(statement, place)
        elif (word == "collate" and place + 1 < len(tokens)) or (word == "limit" and after.upper() == "ALL"):
            found.append(Splice(token.start, tokens[place + 1].end + 1, ""))
        elif word in {"::", "as"} and after.lower() in {"name", "bpchar"} and _is_cast(tokens, place):
            found.append(Splice(tokens[place + 1].start, tokens[place + 1].end + 1, "VARCHAR"))
        else:
            found += _match(statement, place)
    return found


_SESSION: dict[str, Callable[[Facts], str]] = {
    "current_database": lambda facts: facts.database,
    "current_catalog": lambda facts: facts.database,
    "current_schema": lambda _: "main",
    "current_user": lambda facts: facts.user,
    "session_user": lambda facts: facts.user,
    "version": lambda facts: f"PostgreSQL {VERSION} (gureum {facts.version})",
}
_WITHOUT_PARENTHESES = {"current_catalog", "current_schema", "current_user", "session_user"}


def _is(token: Token, name: str) -> bool:
    return token.text == name or (token.token_type is not TokenType.IDENTIFIER and token.text.lower() == name.lower())


def _dotted(tokens: tuple[Token, ...], place: int) -> int:
    """How many names are joined by dots from here on."""
    count = 1
    while place + 2 < len(tokens) and tokens[place + 1].text == ".":
        count, place = count + 1, place + 2
    return count


def _call_end(tokens: tuple[Token, ...], place: int) -> int | None:
    """Where `()` after the word ends."""
    if place + 2 < len(tokens) and tokens[place + 1].text == "(" and tokens[place + 2].text == ")":
        return place + 2
    return None


def _is_cast(tokens: tuple[Token, ...], place: int) -> bool:
    if tokens[place].text == "::":
        return True
    return place + 2 < len(tokens) and tokens[place + 2].text == ")"


def _to_char(statement: Statement, place: int) -> list[Splice]:
    tokens, depth = statement.tokens, 0
    for at in range(place + 1, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[at].text, 0) if tokens[at].token_type is not TokenType.STRING else 0
        if depth == 0:
            last = tokens[at - 1]
            if last.token_type is not TokenType.STRING or tokens[at - 2].text != ",":
                break
            words = _TIME_WORDS.sub(lambda m: _TIMES.get(m[0].upper(), m[0].strip('"')), last.text)
            if re.search(r"[90]\.?[90D]|L|G", re.sub("%.", "", words)):
                break
            return [
                Splice(tokens[place].start, tokens[place].end + 1, "strftime"),
                Splice(last.start, last.end + 1, _literal(words)),
            ]
    raise SqlState(
        "0A000",
        "to_char is available for times with a format in quotes",
        hint="use format() or strftime() for the rest",
    )


def _match(statement: Statement, place: int) -> list[Splice]:
    """PostgreSQL's `~` finds a pattern anywhere, DuckDB's wants it to be all of the text."""
    tokens = statement.tokens
    sign, last = tokens[place].text, place
    # As the tokenizer takes them apart: "!", "~", "*".
    while (
        last + 1 < len(tokens)
        and tokens[last + 1].text in {"~", "*", "~*"}
        and tokens[last + 1].start == tokens[last].end + 1
    ):
        last += 1
        sign += tokens[last].text
    if sign not in _MATCHES or (
        place and tokens[place - 1].text in {"!", "~"} and tokens[place - 1].end + 1 == tokens[place].start
    ):
        return []
    pattern = tokens[last + 1] if last + 1 < len(tokens) else None
    if pattern is None or pattern.token_type is not TokenType.STRING:
        raise SqlState(
            "0A000",
            f"{sign} is available with a pattern in quotes only",
            hint="regexp_matches(text, pattern) takes any",
        )
    negated, sensitive = _MATCHES[sign]
    flags = "s" if sensitive else "si"
    return [
        Splice(tokens[place].start, tokens[last].end + 1, f"{negated}~"),
        Splice(pattern.start, pattern.end + 1, _literal(f"(?{flags}:.*(?:{pattern.text}).*)")),
    ]


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
