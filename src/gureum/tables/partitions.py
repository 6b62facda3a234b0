"""Split rows by a table's partition columns, with each value spelled as the Delta protocol wants it.

Called by `table.py`. Pure. Source: the Delta transaction protocol, "Partition Value Serialization".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gureum.errors import InvalidInput, LimitExceeded

__all__ = ["spell_partition_value", "split_by_partition"]

# More folders than this in one write is nearly always a wrong choice of column (an id, a time of day).
PARTITIONS_PER_WRITE_MAX = 2_000

# Names of folders have 255 bytes at most, the column's name included.
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


def split_by_partition(rows: pa.Table, columns: list[str]) -> Iterator[tuple[dict[str, str | None], str, pa.Table]]:
    """Each partition's values, its folder (ending in '/', or empty) and its rows without the partition columns."""
    if not rows.num_rows:
        return
    if not columns:
        yield {}, "", rows
        return
    keys = rows.select(columns).group_by(columns, use_threads=False).aggregate([]).to_pylist()
    if len(keys) > PARTITIONS_PER_WRITE_MAX:
        raise LimitExceeded(
            f"this write has {len(keys)} partitions, at most {PARTITIONS_PER_WRITE_MAX} are allowed",
            code="table.partitions",
            hint=f"partition by a column with fewer values than {', '.join(columns)}",
        )
    for key in keys:
        mask = None
        for column, value in key.items():
            here = (
                pc.is_null(rows[column])
                if value is None
                else pc.equal(rows[column], pa.scalar(value, rows[column].type))
            )
            mask = here if mask is None else pc.and_(mask, here)
        partition = {column: spell_partition_value(value, column) for column, value in key.items()}
        # Folders are for people only; a value that would need escaping there goes without.
        plain = all(_PLAIN.fullmatch(column) for column in partition) and all(
            value is None or _PLAIN.fullmatch(value) for value in partition.values()
        )
        folder = "".join(f"{column}={value or NULL_FOLDER}/" for column, value in partition.items()) if plain else ""
        yield partition, folder, rows.filter(pc.fill_null(mask, False)).drop_columns(columns)


def spell_partition_value(value: Any, column: str) -> str | None:
    """A value as the log spells it. Raises InvalidInput for a type by which gureum does not partition."""
    if value is None or value == "":
        return None  # the protocol has no empty string: it reads back as null
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise InvalidInput(
        f"column {column!r} is a {type(value).__name__}, which does not partition a table",
        code="table.partition",
        hint="partition by text, whole numbers, dates or timestamps",
    )
