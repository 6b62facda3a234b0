"""One column of a data frame as the monitor sees it: numbers, text or times, and which rows are missing.

Called by `baseline` and `check` for every frame that a user hands in: pandas, polars, Arrow, a table of ours, or a list
of dictionaries. Storage does not matter (int32 or int64, category or object), values do: a boolean is 0 or 1, a decimal a
float, a time its seconds since 1970. An infinity counts as missing, as a model can use neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gureum.errors import InvalidInput

__all__ = ["Column", "Form", "as_form", "column", "read_frame", "thin"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Form(StrEnum):
    """How a column's values lie in memory."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    EMPTY = "empty"


@dataclass(frozen=True)
class Column:
    """`values` is float64 (NaN where missing) for NUMBER and TIME, else an object array of str (None where missing)."""

    name: str
    form: Form
    values: NDArray[Any]
    missing: Flags
    boolean: bool = False

    def __len__(self) -> int:
        return len(self.values)

    @property
    def present(self) -> NDArray[Any]:
        return self.values[~self.missing]

    @property
    def inferred_type(self) -> str:
        """SageMaker's word for it: Integral, Fractional, String or Unknown."""
        if self.form is Form.EMPTY:
            return "Unknown"
        if self.form is not Form.NUMBER:
            return "String"
        present = self.present
        return "Integral" if bool(np.all(present == np.floor(present))) else "Fractional"


def read_frame(data: Any, *, what: str) -> pd.DataFrame:
    """The data as pandas, with text names. Raises InvalidInput, which says `what` was wrong."""
    if isinstance(data, pd.DataFrame):
        frame = data
    elif hasattr(data, "to_pandas"):
        frame = data.to_pandas()
    elif isinstance(data, Mapping) or (
        isinstance(data, Sequence)
        and not isinstance(data, str | bytes)
        and all(isinstance(row, Mapping) for row in data)
    ):
        frame = pd.DataFrame(data)
    else:
        raise InvalidInput(
            f"{what} is a {type(data).__name__}, not a table",
            code="monitor.not_a_table",
            hint="give pandas, polars, Arrow, a gureum table or a list of dictionaries",
        )
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidInput(
            f"{what} has column {twice[0]!r} twice", code="monitor.column_twice", hint="rename one of them"
        )
    if not names:
        raise InvalidInput(f"{what} has no columns", code="monitor.no_columns")
    if len(frame) == 0:
        raise InvalidInput(f"{what} has no rows", code="monitor.no_rows", hint="wait until there are some")
    return frame if list(frame.columns) == names else frame.set_axis(names, axis=1)


def thin(frame: pd.DataFrame, rows_max: int, seed: int) -> pd.DataFrame:
    """At most `rows_max` of the rows, one at random from each of as many equal stretches, in their order."""
    if len(frame) <= rows_max:
        return frame
    edges = np.linspace(0, len(frame), rows_max + 1)
    inside = np.random.default_rng(seed).uniform(size=rows_max)
    picks = (edges[:-1] + inside * np.diff(edges)).astype(np.int64)
    return frame.iloc[np.minimum(picks, len(frame) - 1)]


def column(series: pd.Series) -> Column:
    """Read one column."""
    name, kind = str(series.name), series.dtype
    if isinstance(kind, pd.CategoricalDtype):
        series = series.astype(kind.categories.dtype)
        kind = series.dtype
    if pd.api.types.is_bool_dtype(kind):
        return _number(name, series.to_numpy(dtype=np.float64, na_value=np.nan), boolean=True)
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
        return _number(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_datetime64_any_dtype(kind):
        return _time(name, series)
    if pd.api.types.is_timedelta64_dtype(kind):
        return _number(name, series.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan))
    return _object(name, series)


def _number(name: str, values: Floats, *, boolean: bool = False) -> Column:
    missing = ~np.isfinite(values)
    if missing.all():
        return Column(name, Form.EMPTY, np.full(len(values), None, dtype=object), missing)
    if missing.any():
        values = np.where(missing, np.nan, values)
    return Column(name, Form.NUMBER, values, missing, boolean)


def _time(name: str, series: pd.Series) -> Column:
    missing = series.isna().to_numpy()
    if missing.all():
        return Column(name, Form.EMPTY, np.full(len(series), None, dtype=object), missing)
    if series.dt.tz is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    instants: NDArray[np.int64] = series.to_numpy(dtype="datetime64[us]").astype(np.int64)
    seconds = instants / 1e6
    seconds[missing] = np.nan
    return Column(name, Form.TIME, seconds, missing)


def _object(name: str, series: pd.Series) -> Column:
    """Objects are what their values are: a column of Decimal is numbers, one of dates is times, else it is text."""
    missing = series.isna().to_numpy()
    values = series.to_numpy(dtype=object)
    seen = pd.api.types.infer_dtype(values, skipna=True)
    if missing.all():
        return Column(name, Form.EMPTY, np.full(len(values), None, dtype=object), missing)
    if seen in {"integer", "floating", "mixed-integer-float", "decimal", "boolean"}:
        numbers = np.array([np.nan if gone else float(value) for value, gone in zip(values, missing, strict=True)])
        return _number(name, numbers, boolean=seen == "boolean")
    if seen in {"date", "datetime", "datetime64"}:
        return _time(name, pd.to_datetime(series, errors="coerce", utc=True))
    text = np.array([None if gone else str(value) for value, gone in zip(values, missing, strict=True)], dtype=object)
    return Column(name, Form.TEXT, text, missing)


def as_form(given: Column, form: Form, *, boolean: bool = False) -> tuple[Column, float]:
    """The column in the form that the baseline had, and the share of present values that could be read so.

    Text that spells numbers is read as numbers, so that one fault (they came as text) is not told as two.
    """
    if given.form is form or Form.EMPTY in {given.form, form}:
        return given, 1.0
    count = max(1, int((~given.missing).sum()))
    if form is Form.TEXT:
        return _spelled(given), 1.0
    if given.form is Form.TEXT and form is Form.NUMBER:
        texts = pd.Series(given.values)
        if boolean:
            texts = texts.str.lower().replace({"true": "1", "false": "0"})
        read = _number(given.name, pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))
    elif given.form is Form.TEXT:
        times = pd.to_datetime(pd.Series(given.values), errors="coerce", utc=True, format="ISO8601")
        read = _time(given.name, times)
    else:
        return Column(given.name, Form.EMPTY, np.full(len(given), None, dtype=object), np.ones(len(given), bool)), 0.0
    return read, float((~read.missing).sum()) / count


def _spelled(given: Column) -> Column:
    if given.form is Form.TIME:
        text = pd.Series(pd.to_datetime(given.values, unit="s")).dt.strftime("%Y-%m-%dT%H:%M:%S").to_numpy(dtype=object)
    else:
        text = np.array([f"{value:.15g}" for value in given.values], dtype=object)
    text[given.missing] = None
    return Column(given.name, Form.TEXT, text, given.missing)
