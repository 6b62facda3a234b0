"""A table's changes as a relation of the engine: what stands in a statement for table_changes('name', from, to).

Called by `work.py`. Pure. The columns are the table's, then _change_type, _commit_version and _commit_timestamp, as Spark has
them. Promise: files are named one by one, so that the engine reads nothing else of the folder.
"""

from __future__ import annotations

from collections.abc import Iterable

from gureum.sql.quoting import literal, quoted
from gureum.sql.types import duckdb_type
from gureum.tables.feed import ChangedFile, Feed

__all__ = ["FEED_COLUMNS", "feed_text"]

FEED_COLUMNS = ("_change_type", "_commit_version", "_commit_timestamp")


def feed_text(feed: Feed) -> str:
    """A query in parentheses. Rows of files that are older than a column have NULL in it."""
    types = {field.name: duckdb_type(field.type) for field in feed.schema}
    if not feed.files:
        none = [*types.items(), *zip(FEED_COLUMNS, ("VARCHAR", "BIGINT", "TIMESTAMPTZ"), strict=True)]
        return f"(SELECT {_nulls(none)} WHERE false)"
    columns = [
        f"CAST({'_of' if name in feed.partition_by else '_rows'}.{quoted(name)} AS {kind}) AS {quoted(name)}"
        for name, kind in types.items()
    ]
    columns += [
        "coalesce(_of._change, _rows._change_type) AS _change_type", "_of._version AS _commit_version",
        "make_timestamptz(_of._at_ms * 1000) AS _commit_timestamp",
    ]  # fmt: skip
    # What a file may lack is there all the same; a file of the feed has each row's change.
    whole = [(name, kind) for name, kind in types.items() if name not in feed.partition_by]
    whole += [("_change_type", "VARCHAR"), ("filename", "VARCHAR")]
    paths = ", ".join(literal(path) for path in dict.fromkeys(file.path for file in feed.files))
    known = ["_path", "_version", "_at_ms", "_change", *(quoted(name) for name in feed.partition_by)]
    values = ", ".join(f"({', '.join(_values(file, feed.partition_by))})" for file in feed.files)
    return (
        f"(SELECT {', '.join(columns)} FROM (SELECT {_nulls(whole)} WHERE false UNION ALL BY NAME SELECT * FROM "
        f"read_parquet([{paths}], filename = true, union_by_name = true, hive_partitioning = false)) AS _rows "
        f"JOIN (VALUES {values}) AS _of({', '.join(known)}) ON _rows.filename = _of._path)"
    )


def _nulls(columns: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns)


def _values(file: ChangedFile, partition_by: Iterable[str]) -> list[str]:
    numbers = [f"CAST({'NULL' if one is None else one} AS BIGINT)" for one in (file.version, file.at_ms)]
    texts = [file.change, *(file.partition.get(name) for name in partition_by)]
    return [literal(file.path), *numbers, *("CAST(NULL AS VARCHAR)" if one is None else literal(one) for one in texts)]
