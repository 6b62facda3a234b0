"""What things are called: the kinds of thing, which names each may have, and which names are near a wrong one.

Called by every layer that takes a name from a user. No I/O.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from enum import StrEnum

from gureum.errors import InvalidInput

__all__ = ["DEFAULT_SCHEMA", "Kind", "check_name", "did_you_mean", "near_names", "table_name"]

DEFAULT_SCHEMA = "main"

# Kinesis allows 128 characters; every other kind follows it so that one rule holds for all.
NAME_CHARS_MAX = 128


class Kind(StrEnum):
    """The kinds of named thing that the catalog holds."""

    STREAM = "stream"
    TABLE = "table"
    QUERY = "query"
    DASHBOARD = "dashboard"
    DESTINATION = "destination"
    EXPERIMENT = "experiment"
    MODEL = "model"
    ENDPOINT = "endpoint"
    MONITOR = "monitor"


_IDENTIFIER = re.compile(r"[A-Za-z_가-힣][A-Za-z0-9_가-힣]*")
_PATTERNS: dict[Kind, tuple[re.Pattern[str], str]] = {
    Kind.STREAM: (re.compile(r"[A-Za-z0-9_.-]+"), "letters, digits, '_', '.' and '-'"),
    Kind.TABLE: (
        re.compile(rf"{_IDENTIFIER.pattern}(\.{_IDENTIFIER.pattern})?"),
        "letters, digits and '_', with one schema before a dot, such as 'alerts.hot'",
    ),
    Kind.QUERY: (re.compile(r"[A-Za-z0-9_가-힣.-]+"), "letters, digits, '_', '.' and '-'"),
    Kind.DASHBOARD: (re.compile(r"[A-Za-z0-9_가-힣.-]+"), "letters, digits, '_', '.' and '-'"),
    Kind.DESTINATION: (re.compile(r"[A-Za-z0-9_가-힣.-]+"), "letters, digits, '_', '.' and '-'"),
    # MLflow's clients name these as they like: '/Users/anna/churn (v2)' is one.
    Kind.EXPERIMENT: (re.compile(r"[^\x00-\x1f\x7f*]+"), "printable characters but '*'"),
    Kind.MODEL: (re.compile(r"[^\x00-\x1f\x7f*/:]+"), "printable characters but '/', ':' and '*'"),
    Kind.ENDPOINT: (re.compile(r"[A-Za-z0-9_-]+"), "letters, digits, '_' and '-': a stream and a table bear it too"),
    Kind.MONITOR: (re.compile(r"[A-Za-z0-9_-]+"), "letters, digits, '_' and '-': a stream and a table bear it too"),
}


def check_name(kind: Kind, name: str) -> str:
    """Return `name` if a thing of this kind may have it, else raise InvalidInput that says which characters may be."""
    pattern, allowed = _PATTERNS[kind]
    if not 1 <= len(name) <= NAME_CHARS_MAX:
        raise InvalidInput(
            f"a {kind} name has 1 to {NAME_CHARS_MAX} characters, this one has {len(name)}", code="name.length"
        )
    if not pattern.fullmatch(name) or name in {".", ".."}:
        raise InvalidInput(f"{name!r} is not a {kind} name", code="name.characters", hint=f"use {allowed}")
    return name


def table_name(name: str) -> tuple[str, str]:
    """Split a table's name into schema and table: `hot` is `main.hot`."""
    check_name(Kind.TABLE, name)
    schema, _, table = name.rpartition(".")
    return schema or DEFAULT_SCHEMA, table


def near_names(name: str, known: Iterable[str], *, at_most: int = 3) -> list[str]:
    """The known names that a person most likely meant by `name`, nearest first; empty when none is near."""
    # A schema that everything is in makes nothing alike.
    candidates = {_short(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(_short(name), candidates, n=at_most, cutoff=0.6)
    return [candidates[match] for match in close]


def _short(name: str) -> str:
    return name.lower().removeprefix(f"{DEFAULT_SCHEMA}.")


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint such as "did you mean 'clicks'?", or None when nothing is near."""
    near = near_names(name, known)
    return f"did you mean {' or '.join(repr(str(match)) for match in near)}?" if near else None
