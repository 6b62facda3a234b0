"""A table's changes as a relation of the engine: what stands in a statement for table_changes('name', from, to).

Called by `work.py`. Pure. The columns are the table's, then _change_type, _commit_version and _commit_timestamp, as Spark has
them. Promise: files are named one by one, so that the engine reads nothing else of the folder.
"""

from __future__ import annotations

from gureum.sql.types import duckdb_type
from gureum.tables.feed import Feed

__all__ = ["FEED_COLUMNS", "feed_text"]

FEED_COLUMNS = ("_change_type", "_commit_version", "_commit_timestamp")


def feed_text(feed: Feed) -> str:
    """A query in parentheses. Rows of files that are older than a column have NULL in it."""
    types = {field.name: duckdb_type(field.type) for field in feed.schema}
    columns = [
        f"CAST({'_of' if name in feed.partition_by else '_rows'}.{_name(name)} AS {kind}) AS {_name(name)}"
        for name, kind in types.items()
    ]
    columns += [
        "coalesce(_of._change, _rows._change_type) AS _change_type", "_of._version AS _commit_version",
        "make_timestamptz(_of._at_ms * 1000) AS _commit_timestamp",
    ]  # fmt: skip
    empty = [
        *(f"CAST(NULL AS {kind}) AS {_name(name)}" for name, kind in types.items() if name not in feed.partition_by),
        "CAST(NULL AS VARCHAR) AS _change_type", "CAST(NULL AS VARCHAR) AS filename",
    ]  # fmt: skip
    rows = f"SELECT {', '.join(empty)} WHERE false"
    if feed.files:
        paths = ", ".join(_text(path) for path in dict.fromkeys(file.path for file in feed.files))
        rows += (
            f" UNION ALL BY NAME SELECT * FROM read_parquet([{paths}], filename = true, union_by_name = true, "
            "hive_partitioning = false)"
        )
    known = ["_path", "_version", "_at_ms", "_change", *(_name(name) for name in feed.partition_by)]
    values = [
        f"({_text(file.path)}, CAST({file.version} AS BIGINT), CAST({'NULL' if file.at_ms is None else file.at_ms} AS BIGINT), {_text(file.change)}"
        + "".join(f", {_text(file.partition.get(name))}" for name in feed.partition_by)
        + ")"
        for file in feed.files
    ]
    if not values:
        values = [
            "("
            + ", ".join(["NULL::VARCHAR", "NULL::BIGINT", "NULL::BIGINT", *["NULL::VARCHAR"] * (len(known) - 3)])
            + ")"
        ]
    return (
        f"(SELECT {', '.join(columns)} FROM ({rows}) AS _rows "
        f"JOIN (VALUES {', '.join(values)}) AS _of({', '.join(known)}) ON _rows.filename = _of._path)"
    )


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str | None) -> str:
    return "CAST(NULL AS VARCHAR)" if value is None else "'" + value.replace("'", "''") + "'"
