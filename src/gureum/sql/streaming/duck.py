"""A locked DuckDB in memory, where scalar expressions get their types and run over one batch.

Called by `expressions` (types, while planning) and `evaluate` (values, while running). One per query and per thread.
Promise: no file, no network, no extension, no setting can be reached from an expression; one thread; the session is in
UTC. `now` is what the caller set, so that the clock stays an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from gureum.sql.quoting import quoted
from gureum.sql.types import duckdb_type

__all__ = ["Duck"]

# What one batch's expressions may take; a batch is at most some tens of MB, so this is only for a runaway REPEAT.
MEMORY_MB_MAX = 1024

_CONFIG = {
    "threads": "1",
    "memory_limit": f"{MEMORY_MB_MAX}MB",
    "preserve_insertion_order": "true",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
}


class Duck:
    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config=dict(_CONFIG))
        for setting in (
            "SET TimeZone = 'UTC'",
            "SET temp_directory = ''",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            self._connection.execute(setting)
        self.set_now(0)

    def set_now(self, now_ms: int) -> None:
        """What CURRENT_TIMESTAMP means from here on."""
        self._connection.execute(f"SET VARIABLE gureum_now = make_timestamptz({int(now_ms) * 1000})")

    def types_of(self, expressions: Sequence[str], columns: Mapping[str, pa.DataType]) -> list[pa.DataType]:
        """The Arrow types of some expressions over columns of these types; duckdb.Error says why one has none."""
        if not expressions:
            return []
        nulls = ", ".join(f"CAST(NULL AS {duckdb_type(t)}) AS {quoted(name)}" for name, t in columns.items())
        selected = ", ".join(f"{sql} AS e{index}" for index, sql in enumerate(expressions))
        source = f"(SELECT {nulls}) AS batch" if nulls else "(SELECT 1) AS batch"
        found = self._connection.execute(f"SELECT {selected} FROM {source} LIMIT 0").to_arrow_table()
        return [_normal(field.type) for field in found.schema]

    def select(self, expressions: Sequence[str], batch: pa.RecordBatch | pa.Table) -> pa.Table:
        """Each expression over every row of the batch, in the batch's order; duckdb.Error if a row fails."""
        selected = ", ".join(f"{sql} AS e{index}" for index, sql in enumerate(expressions))
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        if not table.num_columns:
            table = pa.table({"_row": pa.nulls(batch.num_rows, pa.int8())})
        self._connection.register("batch", table)
        try:
            return self._connection.execute(f"SELECT {selected} FROM batch").to_arrow_table()
        finally:
            self._connection.unregister("batch")

    def query(self, sql: str, **tables: pa.Table) -> pa.Table:
        """A whole query of our own over some tables: how holistic aggregates are finished."""
        for name, table in tables.items():
            self._connection.register(name, table)
        try:
            return self._connection.execute(sql).to_arrow_table()
        finally:
            for name in tables:
                self._connection.unregister(name)

    def close(self) -> None:
        self._connection.close()


def _normal(arrow: pa.DataType) -> pa.DataType:
    """The type as this system spells it: microseconds, UTC, no nulls type, no hugeint."""
    if pa.types.is_timestamp(arrow):
        return pa.timestamp("us", tz="UTC") if arrow.tz else pa.timestamp("us")
    if pa.types.is_null(arrow):
        return pa.int32()
    if pa.types.is_large_string(arrow):
        return pa.string()
    if pa.types.is_list(arrow):
        return pa.list_(_normal(arrow.value_type))
    if pa.types.is_struct(arrow):
        return pa.struct([(field.name, _normal(field.type)) for field in arrow])
    if pa.types.is_map(arrow):
        return pa.map_(_normal(arrow.key_type), _normal(arrow.item_type))
    if pa.types.is_decimal(arrow) and (arrow.precision > 38 or not pa.types.is_decimal128(arrow)):
        return pa.decimal128(min(arrow.precision, 38), arrow.scale)
    return arrow
