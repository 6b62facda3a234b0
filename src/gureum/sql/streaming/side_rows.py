"""The rows that a query could not use, as rows of its side tables: late rows and dead letters.

Called by `pipeline`. Pure. `<sink>__late` has the stream's columns and where each record came from; `<sink>__dead_letters`
has the reason and the record as it came, so that it can be read, corrected and put again.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from gureum.sql.streaming.plan import SourcePlan
from gureum.sql.streaming.sources import ShardBatch
from gureum.sql.types import TIMESTAMP_LTZ

__all__ = ["DEAD_LETTERS", "SideRows", "late_schema"]

# Of a record that cannot be read at most this much is kept; `payload_bytes` says how long it was.
PAYLOAD_BYTES_MAX = 64 << 10

DEAD_LETTERS = pa.schema(
    [
        ("reason", pa.string()),
        ("payload", pa.string()),
        ("encoding", pa.string()),  # utf-8: the payload as it is; base64: its bytes are not a text
        ("payload_bytes", pa.int64()),
        ("stream", pa.string()),
        ("shard", pa.string()),
        ("offset", pa.int64()),
        ("arrival", TIMESTAMP_LTZ),
        ("query", pa.string()),
    ]
)

# What a late row has besides the stream's own columns.
_LATE_EXTRA = (
    ("_watermark", TIMESTAMP_LTZ),
    ("_stream", pa.string()),
    ("_shard", pa.string()),
    ("_offset", pa.int64()),
    ("_arrival", TIMESTAMP_LTZ),
    ("_query", pa.string()),
)


def late_schema(source: SourcePlan) -> pa.Schema:
    return pa.schema([*((item.name, item.type) for item in source.schema), *_LATE_EXTRA])


class SideRows:
    def __init__(self, query: str, source: SourcePlan) -> None:
        self._query = query
        self._source = source
        self._late = late_schema(source)

    def dead_letters(self, batch: ShardBatch, failures: Sequence[tuple[int, str]]) -> pa.Table:
        """One dead letter for each (index in the batch, reason)."""
        rows = []
        for index, reason in failures:
            payload, encoding, length = _payload(batch, index)
            rows.append(
                {
                    "reason": reason,
                    "payload": payload,
                    "encoding": encoding,
                    "payload_bytes": length,
                    "stream": self._source.stream,
                    "shard": batch.shard,
                    "offset": batch.first_offset + index,
                    "arrival": batch.arrivals[index].as_py() if batch.arrivals is not None else None,
                    "query": self._query,
                }
            )
        return pa.Table.from_pylist(rows, schema=DEAD_LETTERS)

    def dead_groups(self, rows: pa.RecordBatch, failures: Sequence[tuple[int, str]]) -> pa.Table:
        """Rows of a window that fail behind it: no record to blame, so the group itself is kept."""
        kept = [
            {
                "reason": reason,
                "payload": _row_json(rows, index).decode(),
                "encoding": "utf-8",
                "payload_bytes": None,
                "stream": self._source.stream,
                "shard": None,
                "offset": None,
                "arrival": None,
                "query": self._query,
            }
            for index, reason in failures
        ]
        return pa.Table.from_pylist(kept, schema=DEAD_LETTERS)

    def late_rows(
        self, batch: ShardBatch, rows: pa.RecordBatch, origin: pa.Array | None, watermark_us: int
    ) -> pa.Table:
        count = rows.num_rows
        numbers = origin if origin is not None else pa.array(range(count), pa.int64())
        offsets = pa.array([batch.first_offset + index for index in numbers.to_pylist()], pa.int64())
        arrivals = batch.arrivals.take(numbers) if batch.arrivals is not None else pa.nulls(count, TIMESTAMP_LTZ)
        columns = [
            column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
            for column in rows.columns
        ]
        extra = [
            pa.repeat(pa.scalar(watermark_us, pa.int64()), count).cast(TIMESTAMP_LTZ),
            pa.repeat(pa.scalar(self._source.stream), count),
            pa.repeat(pa.scalar(batch.shard), count),
            offsets,
            arrivals,
            pa.repeat(pa.scalar(self._query), count),
        ]
        return pa.Table.from_arrays([*columns, *extra], schema=self._late)


def _payload(batch: ShardBatch, index: int) -> tuple[str, str, int]:
    if batch.payloads is not None:
        whole = batch.payloads[index].as_py() or b""
    else:
        assert batch.rows is not None
        whole = _row_json(batch.rows, index)
    kept = whole[:PAYLOAD_BYTES_MAX]
    try:
        return kept.decode(), "utf-8", len(whole)
    except UnicodeDecodeError:
        return base64.b64encode(kept).decode(), "base64", len(whole)


def _row_json(rows: pa.RecordBatch, index: int) -> bytes:
    return orjson.dumps(rows.slice(index, 1).to_pylist()[0], default=_json_value, option=orjson.OPT_NON_STR_KEYS)


def _json_value(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)
