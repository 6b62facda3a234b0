"""The rows that were learned from, as a parquet file beside the program that learns from them again.

Called by fit. Promise: what the program reads back means the same to every feature as the table that came in, also where
parquet has no type for it (mixed objects, Decimals, periods).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gureum.learners.columns import TEXT_CHARS_MAX, as_names, as_numbers, as_times, as_words

__all__ = ["keep_table"]


def keep_table(table: pd.DataFrame, spec: dict[str, Any], path: Path) -> pd.DataFrame:
    """Write the used columns; gives the table as written."""
    columns = dict(spec["kinds"])
    plan = spec["folds"]
    if plan["time"]:
        columns.setdefault(plan["time"], "time")
    if plan["group"]:
        columns[plan["group"]] = "label"
    columns[spec["target"]] = "number" if spec["task"] == "regression" else "label"
    kept = pd.DataFrame({name: _plain(table[name], kind) for name, kind in columns.items()})
    kept.to_parquet(path, index=False)
    return kept


def _plain(column: pd.Series, kind: str) -> Any:
    dtype = column.dtype
    if kind == "text":
        if (
            not pd.api.types.is_object_dtype(dtype)
            or column.map(lambda value: isinstance(value, str) and len(value) <= TEXT_CHARS_MAX).all()
        ):
            return column
        return as_words(column)
    if not isinstance(dtype, pd.CategoricalDtype) and not pd.api.types.is_object_dtype(dtype) and dtype.kind in "biufM":
        return column
    if kind == "number":
        return as_numbers(column)
    if kind == "time":
        return as_times(column)
    if kind == "category":
        return as_names(column)
    present = column.astype(object).dropna()
    if present.map(type).nunique() == 1 and isinstance(present.iloc[0], str | bool | int | float):
        return column.astype(object)
    return column.astype(object).map(str, na_action="ignore")
