"""What people hand to `fit`, as a pandas table with unique names.

Called by fit and by the result. Takes pandas, polars and Arrow tables, table handles and Ibis expressions (anything with
`to_pandas`), dicts of columns, and paths to CSV and parquet files. Raises InvalidInput or NotFound, naming the culprit.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from gureum.errors import InvalidInput, NotFound
from gureum.learners.columns import tidy_names
from gureum.names import near_names

__all__ = ["find_column", "read_table"]


def read_table(table: Any) -> pd.DataFrame:
    """A copy-on-nothing view where it can be; names become text."""
    frame = _to_pandas(table)
    if frame.shape[1] == 0 or len(frame) == 0:
        raise InvalidInput(
            "the table is empty", code="autopilot.empty", hint=f"it has {len(frame)} rows and {frame.shape[1]} columns"
        )
    frame = tidy_names(frame)
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise InvalidInput(
            f"two columns are named '{doubled[0]}'",
            code="autopilot.columns",
            hint="rename one of them; names are compared as text",
        )
    return frame


def _to_pandas(table: Any) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, str | os.PathLike):
        return _read_file(Path(table))
    if isinstance(table, dict):
        try:
            return pd.DataFrame(table)
        except ValueError as error:
            raise InvalidInput(f"the columns do not make a table: {error}", code="autopilot.table") from error
    if hasattr(table, "to_pandas"):
        frame = table.to_pandas()
        if isinstance(frame, pd.DataFrame):
            return frame
    raise InvalidInput(
        f"cannot read a table from {type(table).__name__}", code="autopilot.table",
        hint="give a pandas, polars or Arrow table, a table of gureum, or a path to a CSV or parquet file",
    )  # fmt: skip


def _read_file(path: Path) -> pd.DataFrame:
    if not path.exists():
        near = near_names(path.name, [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else [])
        raise NotFound(
            f"there is no file '{path}'",
            code="autopilot.file",
            hint=f"did you mean {', '.join(near)}?" if near else None,
        )
    try:
        if path.suffix in {".parquet", ".pq"} or path.is_dir():
            return pd.read_parquet(path)
        if path.name.endswith((".csv", ".csv.gz", ".tsv", ".txt")):
            return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", low_memory=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot read '{path}': {error}", code="autopilot.file") from error
    raise InvalidInput(f"cannot tell what '{path}' holds", code="autopilot.file", hint="name it .csv or .parquet")


def find_column(frame: pd.DataFrame, given: Any, role: str) -> str:
    """The column's name as text. Raises NotFound with near names."""
    name = str(given)
    if name not in frame.columns:
        near = near_names(name, list(frame.columns)) or list(frame.columns)[:8]
        raise NotFound(
            f"the table has no column '{name}' for {role}",
            code="autopilot.column",
            hint=f"did you mean {', '.join(near)}?",
        )
    return name
