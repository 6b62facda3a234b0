"""What a leaderboard is filtered by: MLflow's search grammar, as clauses over MLflow's tables.

Called by `leaderboard.py`. `metrics.auc > 0.9 and params.depth >= 3 and tags.stage = 'dev'`; a text without any comparison
is looked for in the runs' names. Beyond MLflow's grammar, parameters that are numbers compare as numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, cast, false, func, or_, select, true
from sqlalchemy.types import Double

from gureum.errors import InvalidInput
from gureum.names import did_you_mean
from gureum.tracking.rows import LATEST, PARAMS, RUNS, TAGS

__all__ = ["ATTRIBUTES", "Clause", "conditions", "field", "parse_filter"]

FILTER_CHARS_MAX = 4_000
CLAUSES_MAX = 30

_KINDS = {
    "metric": "metrics", "metrics": "metrics", "param": "params", "params": "params", "parameter": "params",
    "parameters": "params", "tag": "tags", "tags": "tags", "attribute": "attributes", "attributes": "attributes",
    "attr": "attributes", "run": "attributes",
}  # fmt: skip
ATTRIBUTES: dict[str, ColumnElement[Any]] = {
    "run_id": RUNS.c.run_uuid,
    "run_name": RUNS.c.name,
    "name": RUNS.c.name,
    "user": RUNS.c.user_id,
    "user_id": RUNS.c.user_id,
    "status": RUNS.c.status,
    "start_time": RUNS.c.start_time,
    "end_time": RUNS.c.end_time,
    "duration": RUNS.c.end_time - RUNS.c.start_time,
}
_OF_NUMBERS = {"start_time", "end_time", "duration"}

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<name>[A-Za-z_]+\.(?:`[^`]+`|"[^"]+"|[\w./-]+))
      | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
      | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<comparison><=|>=|!=|==|=|<|>)
      | (?P<word>[A-Za-z_]+)
      | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
_COMPARED = re.compile(r"[<>=]|\b(?:like|ilike|is|in)\b", re.IGNORECASE)
_NUMBER = r"^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$"


@dataclass(frozen=True, slots=True)
class Clause:
    """`kind.name comparison value`; of a list the value is a tuple, of IS NULL it is None."""

    kind: str
    name: str
    comparison: str
    value: Any = None


def field(text: str) -> tuple[str, str]:
    """`metrics.auc` as its kind and name. Raises InvalidInput."""
    prefix, dot, name = text.partition(".")
    kind = _KINDS.get(prefix.lower())
    if not dot and text in ATTRIBUTES:
        return "attributes", text
    if kind is None or not name:
        raise InvalidInput(
            f"{text!r} is not a column of runs", code="run.column",
            hint="write metrics.auc, params.depth, tags.stage or attributes.start_time",
        )  # fmt: skip
    name = name.strip('`"') if name[0] in '`"' else name
    if kind == "attributes" and name not in ATTRIBUTES:
        raise InvalidInput(
            f"runs have no attribute {name!r}", code="run.column",
            hint=did_you_mean(name, ATTRIBUTES) or f"they are {', '.join(ATTRIBUTES)}",
        )  # fmt: skip
    return kind, name


def parse_filter(text: str) -> list[Clause]:
    """The clauses of a filter, all of which must hold. Raises InvalidInput that says where it is wrong."""
    text = text.strip()
    if len(text) > FILTER_CHARS_MAX:
        raise InvalidInput(f"a filter has at most {FILTER_CHARS_MAX} characters", code="run.filter")
    if not text:
        return []
    if not _COMPARED.search(text):
        return [Clause("attributes", "run_name", "contains", text)]
    clauses = _Reader(text).clauses()
    if len(clauses) > CLAUSES_MAX:
        raise InvalidInput(f"a filter has at most {CLAUSES_MAX} conditions", code="run.filter")
    return clauses


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def clauses(self) -> list[Clause]:
        found = [self._clause()]
        while self._at < len(self._text.rstrip()):
            if self._next("word").lower() != "and":
                raise self._wrong("conditions are joined by AND")
            found.append(self._clause())
        return found

    def _clause(self) -> Clause:
        kind, name = field(self._next("name", "word"))
        comparison = self._next("comparison", "word").upper()
        if comparison == "NOT":
            comparison = f"NOT {self._next('word').upper()}"
        if comparison == "IS":
            word = self._next("word").upper()
            negated = word == "NOT"
            if (self._next("word").upper() if negated else word) != "NULL":
                raise self._wrong("IS is followed by NULL or NOT NULL")
            return Clause(kind, name, "IS NOT NULL" if negated else "IS NULL")
        if comparison in {"IN", "NOT IN"}:
            return Clause(kind, name, comparison, self._list())
        if comparison not in {"=", "==", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE"}:
            raise self._wrong(f"{comparison} is not a comparison")
        value = self._value()
        numeric = kind == "metrics" or name in _OF_NUMBERS
        if numeric and not isinstance(value, float):
            raise self._wrong(f"{kind}.{name} is compared with a number")
        if comparison in {"LIKE", "ILIKE"} and (numeric or isinstance(value, float)):
            raise self._wrong(f"{comparison} is for text")
        return Clause(kind, name, "=" if comparison == "==" else comparison, value)

    def _list(self) -> tuple[Any, ...]:
        if self._next("mark") != "(":
            raise self._wrong("IN is followed by a list in parentheses")
        values = [self._value()]
        while (mark := self._next("mark")) == ",":
            values.append(self._value())
        if mark != ")":
            raise self._wrong("the list is not closed")
        return tuple(values)

    def _value(self) -> Any:
        match = self._match("number", "text")
        if match["number"]:
            return float(match["number"])
        quote = match["text"][0]
        return match["text"][1:-1].replace(quote * 2, quote)

    def _next(self, *kinds: str) -> str:
        match = self._match(*kinds)
        return next(match[kind] for kind in kinds if match[kind])

    def _match(self, *kinds: str) -> re.Match[str]:
        match = _TOKEN.match(self._text, self._at)
        if match is None or not any(match[kind] is not None for kind in kinds):
            raise self._wrong("this is not understood")
        self._at = match.end()
        return match

    def _wrong(self, why: str) -> InvalidInput:
        rest = self._text[self._at : self._at + 30].strip()
        near = f" near {rest!r}" if rest else " at its end"
        return InvalidInput(
            f"the filter is wrong{near}: {why}", code="run.filter",
            hint="for example: metrics.auc > 0.9 and params.depth = '3'",
        )  # fmt: skip


def conditions(clauses: list[Clause], *, dialect: str) -> list[ColumnElement[bool]]:
    """The clauses as conditions on `runs`."""
    return [_condition(clause, dialect) for clause in clauses]


def _condition(clause: Clause, dialect: str) -> ColumnElement[bool]:
    if clause.kind == "attributes":
        return _compared(ATTRIBUTES[clause.name], clause, dialect)
    table = {"metrics": LATEST, "params": PARAMS, "tags": TAGS}[clause.kind]
    there = select(table.c.run_uuid).where(table.c.key == clause.name)
    if clause.comparison == "IS NULL":
        return RUNS.c.run_uuid.not_in(there)
    if clause.comparison == "IS NOT NULL":
        return RUNS.c.run_uuid.in_(there)
    if table is LATEST:
        # NaN is stored as 0 with a mark: it is unequal to everything, and neither smaller nor larger.
        condition = _compared(LATEST.c.value, clause, dialect)
        is_nan = LATEST.c.is_nan == true()
        condition = or_(condition, is_nan) if clause.comparison == "!=" else condition & (LATEST.c.is_nan == false())
    else:
        condition = _compared(table.c.value, clause, dialect)
    return RUNS.c.run_uuid.in_(there.where(condition))


def _compared(column: ColumnElement[Any], clause: Clause, dialect: str) -> ColumnElement[bool]:
    value = clause.value
    is_text = clause.kind in {"params", "tags"} or (clause.kind == "attributes" and clause.name not in _OF_NUMBERS)
    if is_text and isinstance(value, float):
        column = _as_number(column, dialect)
    found: ColumnElement[bool]
    match clause.comparison:
        case "contains":
            found = column.icontains(value, autoescape=True)
        case "IS NULL":
            found = column.is_(None)
        case "IS NOT NULL":
            found = column.is_not(None)
        case "IN":
            found = column.in_(value)
        case "NOT IN":
            found = column.not_in(value)
        case "LIKE":
            found = column.like(value)
        case "ILIKE":
            found = column.ilike(value)
        case comparison:
            found = column.op({"!=": "<>"}.get(comparison, comparison), is_comparison=True)(value)
    return found


def _as_number(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """A text as a number, NULL where it is none."""
    if dialect == "postgresql":
        return case((column.op("~")(_NUMBER), cast(column, Double)))
    looks = column.op("GLOB")("*[0-9]*") & (func.ltrim(column, "+-0123456789.eE") == "")
    return case((looks, cast(column, Double)))
