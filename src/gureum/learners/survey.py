"""What each column of a table is, and which say nothing.

Called by Autopilot and tuning before a model sees the table. Promise: every column is either given a kind or left out with a
reason in words; large tables are judged by a sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gureum.learners.columns import MISSING_WORDS, as_names, as_numbers

__all__ = ["Finding", "find_kinds"]

SAMPLE_ROWS = 20_000
ID_ROWS_MIN = 20

# Shares of the present values from which a column of text is read as numbers or as times.
NUMBER_SHARE = 0.95
TIME_SHARE = 0.95

# A text column has at least this many words a cell, or this many characters.
TEXT_WORDS_MIN = 4.0
TEXT_CHARS_MIN = 40.0

ID_NAME = re.compile(
    r"(?:^|[_\W])(?:id|uuid|guid|key|index|no|nr|number|rownum|row_?id)$|(?-i:[a-z]I[dD])$|^unnamed: ?\d+$|^id[_\W]",
    re.IGNORECASE,
)
TIME_TEXT = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d{2}|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Finding:
    """Something to know about the data. `what`: id, leak, constant, empty, duplicate, group, target, sample, text, ..."""

    what: str
    column: str | None
    reason: str
    left_out: bool = False


def find_kinds(table: pd.DataFrame) -> tuple[dict[str, str], list[Finding]]:
    """The kind of each column that can be used (`number`, `category`, `time`, `text`), and what was found on the way.

    Names are text and unique; the target is not among the columns.
    """
    kinds: dict[str, str] = {}
    findings: list[Finding] = []
    whole = len(table)
    sample = table if whole <= SAMPLE_ROWS else table.sample(SAMPLE_ROWS, random_state=0).sort_index()
    for name in table.columns:
        kind, finding = _find_kind(name, table[name], sample[name])
        if finding is not None:
            findings.append(finding)
        if kind is not None:
            kinds[name] = kind
    findings += _leave_out_duplicates(sample, kinds)
    return kinds, findings


def _find_kind(name: str, whole: pd.Series, sample: pd.Series) -> tuple[str | None, Finding | None]:
    if whole.isna().all():
        return None, Finding("empty", name, f"'{name}' has no value at all", left_out=True)
    present = sample.dropna()
    if present.empty:
        present = whole.dropna().head(SAMPLE_ROWS)
    dtype = present.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        present = present.astype(object)
    if pd.api.types.is_bool_dtype(dtype):
        return _unless_constant(name, whole, "category")
    if pd.api.types.is_datetime64_any_dtype(dtype) or "date" in str(dtype) or "timestamp" in str(dtype):
        return _unless_constant(name, whole, "time")
    if pd.api.types.is_numeric_dtype(dtype):
        return _judge_number(name, whole)
    if pd.api.types.is_timedelta64_dtype(dtype):
        return None, Finding(
            "unread", name, f"'{name}' holds durations: give them as a number of seconds", left_out=True
        )
    return _judge_text(name, whole, present)


def _unless_constant(name: str, whole: pd.Series, kind: str) -> tuple[str | None, Finding | None]:
    try:
        values = whole.nunique(dropna=False)
    except TypeError:
        values = whole.map(repr).nunique(dropna=False)
    if values <= 1:
        return None, Finding("constant", name, f"'{name}' has the same value in every row", left_out=True)
    return kind, None


def _judge_number(name: str, whole: pd.Series) -> tuple[str | None, Finding | None]:
    numbers = as_numbers(whole)
    known = numbers[~np.isnan(numbers)]
    if len(known) == 0:
        return None, Finding("empty", name, f"'{name}' has no finite number", left_out=True)
    low, high = known.min(), known.max()
    rows = len(numbers)
    if low == high and len(known) == rows:
        return None, Finding("constant", name, f"'{name}' is {low:g} in every row", left_out=True)
    if rows >= ID_ROWS_MIN and len(known) == rows and high - low >= rows - 1 and (known == np.round(known)).all():
        if len(np.unique(known)) < rows:
            return "number", None
        if high - low + 1 == rows:
            reason = f"'{name}' counts the rows: {rows:,} whole numbers from {low:.0f} to {high:.0f}, each once"
            return None, Finding("id", name, reason, left_out=True)
        if ID_NAME.search(name):
            reason = f"'{name}' is named like an id and has a different whole number in every row"
            return None, Finding("id", name, reason, left_out=True)
    return "number", None


def _judge_text(name: str, whole: pd.Series, present: pd.Series) -> tuple[str | None, Finding | None]:
    texts = present.map(lambda value: value if isinstance(value, str) else str(value))
    texts = texts.str.slice(0, 2_000).str.strip()
    texts = texts[~texts.str.lower().isin(MISSING_WORDS)]
    if texts.empty:
        return None, Finding("empty", name, f"'{name}' holds only blanks and words for 'missing'", left_out=True)
    if present.map(lambda value: isinstance(value, bool)).all():
        return _unless_constant(name, whole, "category")
    if (~np.isnan(as_numbers(texts))).mean() >= NUMBER_SHARE:
        codes = texts.str.match(r"^0\d").mean() > 0.05  # leading zeros: a code, not an amount
        if not codes:
            return _judge_number(name, whole)
    if _looks_like_time(present, texts):
        return _unless_constant(name, whole, "time")
    distinct = texts.nunique() / len(texts)
    words = float((texts.str.count(r"\s+") + 1).mean())
    length = float(texts.str.len().mean())
    if (
        (words >= TEXT_WORDS_MIN or (length >= TEXT_CHARS_MIN and words >= 2))
        and distinct > 0.05
        and texts.nunique() > 20
    ):
        return "text", None
    if len(texts) >= 20 and distinct > 0.98 and len(texts) > 0.5 * len(present):
        if words < 1.5 or ID_NAME.search(name):
            return None, Finding(
                "id",
                name,
                f"'{name}' has a different value in nearly every row ({distinct:.0%}), such as '{texts.iloc[0][:40]}': it names rows",
                left_out=True,
            )
        return "text", None  # short, but words: names, titles
    if len(texts) >= 100 and distinct > 0.5 and words >= 2:
        return "text", None
    kind, finding = _unless_constant(name, pd.Series(as_names(whole)), "category")
    return kind, finding


def _looks_like_time(present: pd.Series, texts: pd.Series) -> bool:
    import datetime as dt

    if present.map(lambda value: isinstance(value, dt.date)).mean() >= TIME_SHARE:
        return True
    some = texts.head(200)
    if some.str.contains(TIME_TEXT).mean() < TIME_SHARE or some.str.len().mean() > 40:
        return False
    return bool(pd.to_datetime(some, errors="coerce", format="mixed", utc=True).notna().mean() >= TIME_SHARE)


def _leave_out_duplicates(sample: pd.DataFrame, kinds: dict[str, str]) -> list[Finding]:
    """Columns that repeat another one, value by value."""
    seen: dict[tuple[str, int], str] = {}
    findings = []
    for name in list(kinds):
        if kinds[name] == "text":
            continue
        column = sample[name]
        values = column.to_numpy()
        try:
            mark = hash(values.tobytes() if values.dtype != object else tuple(values.tolist()))
        except TypeError:  # lists and dicts cannot be hashed
            continue
        first = seen.setdefault((str(column.dtype), mark), name)
        if first != name and column.equals(sample[first].rename(name)):
            del kinds[name]
            findings.append(Finding("duplicate", name, f"'{name}' repeats '{first}' in every row", left_out=True))
    return findings
