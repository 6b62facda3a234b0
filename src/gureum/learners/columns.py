"""Columns of a table as people have them, read as numbers, names, times or words.

Called by features.py at training and at prediction, and part of the program that Autopilot hands over: this file imports
nothing of gureum. Promise: a column reads the same whether it came as pandas, nullable, categorical or Arrow dtype, or
back from parquet; what cannot be read is missing, never an exception.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["MISSING_WORDS", "TEXT_CHARS_MAX", "as_names", "as_numbers", "as_times", "as_words", "tidy_names"]

# Words that mean "nothing here" in files that people make.
MISSING_WORDS = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "-", "--", "nat", "<na>", "missing", "#n/a"})

# A cell of text is read up to here: one cell of a megabyte must not decide how long a fit takes.
TEXT_CHARS_MAX = 8_000

# Models count in float32.
NUMBER_MAX = 3e38


def tidy_names(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows with names as text and a plain index."""
    table = table.reset_index(drop=True)
    table.columns = pd.Index([str(name) for name in table.columns])
    return table


def as_numbers(column: pd.Series) -> np.ndarray[Any, Any]:
    """float64, NaN where there is no number; `$1,200`, `12 %` and blanks are understood."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype="float64", na_value=np.nan)
    else:
        codes, uniques = pd.factorize(column.astype(object), use_na_sentinel=True)
        read = pd.to_numeric(pd.Series([_plain_number(value) for value in uniques], dtype=object), errors="coerce")
        known = np.append(read.to_numpy(dtype="float64", na_value=np.nan), np.nan)
        numbers = known[codes]
    numbers = numbers.astype("float64", copy=True)
    numbers[~np.isfinite(numbers)] = np.nan
    return np.asarray(np.clip(numbers, -NUMBER_MAX, NUMBER_MAX))


def _plain_number(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip().strip("$€£₩%").replace(",", "").strip()
    try:
        return float(value)  # Decimal, numpy scalars, bool
    except (TypeError, ValueError):
        return None


def as_names(column: pd.Series) -> np.ndarray[Any, Any]:
    """Text (object array) with None where missing; 3, 3.0 and "3" are one name."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    try:
        codes, uniques = pd.factorize(column.astype(object), use_na_sentinel=True)
    except TypeError:  # lists and dicts cannot be hashed
        codes, uniques = pd.factorize(column.map(repr), use_na_sentinel=True)
    names = np.empty(len(uniques) + 1, dtype=object)
    names[:-1] = [_name(value) for value in uniques]
    names[-1] = None
    return np.asarray(names[codes])


def _name(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return None if text.lower() in MISSING_WORDS else text[:200]


def as_times(column: pd.Series) -> pd.Series:
    """datetime64[ns] in UTC without a zone, NaT where there is no time."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        times = pd.to_datetime(column, utc=True, errors="coerce")
    else:
        codes, uniques = pd.factorize(column.astype(object), use_na_sentinel=True)
        words = pd.Series([str(value) for value in uniques], dtype=object)
        try:
            read = pd.to_datetime(words, utc=True, errors="raise", format="ISO8601")
        except ValueError:  # also OutOfBoundsDatetime
            read = pd.to_datetime(words, utc=True, errors="coerce", format="mixed")
        times = pd.concat([read, pd.Series([pd.NaT]).dt.tz_localize("UTC")], ignore_index=True).iloc[codes]
    return times.dt.tz_localize(None).astype("datetime64[ns]").reset_index(drop=True)


def as_words(column: pd.Series) -> list[str]:
    """Text, shortened to TEXT_CHARS_MAX a cell; empty where missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    missing = column.isna().to_numpy()
    return [
        "" if gone else (value if isinstance(value, str) else str(value))[:TEXT_CHARS_MAX]
        for value, gone in zip(column.astype(object), missing, strict=True)
    ]
