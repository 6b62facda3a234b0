"""Record batches as DataRow messages, thousands at a time: Arrow joins the cells, no loop of Python touches a row.

Called by `session.py`. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gureum.gateways.postgres.encoding import encode
from gureum.gateways.postgres.messages import message, text
from gureum.gateways.postgres.types import PgType, modifier, pg_type

__all__ = ["Column", "columns_of", "copy_rows", "data_rows", "description"]

# Bytes of rows that are made at once: bounds the memory that a slow client holds.
PIECE_BYTES_MAX = 8 << 20

_NULL = struct.pack("!i", -1)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: PgType
    modifier: int = -1


def columns_of(schema: pa.Schema) -> list[Column]:
    return [Column(one.name, pg_type(one.type), modifier(one.type)) for one in schema]


def description(columns: Sequence[Column], formats: Sequence[int]) -> bytes:
    """RowDescription. `formats` are those of the portal: none is text, one is of all columns."""
    parts = [struct.pack("!H", len(columns))]
    for column, binary in zip(columns, spread(formats, len(columns)), strict=True):
        parts += [
            text(column.name),
            struct.pack("!IhIhih", 0, 0, column.type.oid, column.type.size, column.modifier, binary),
        ]
    return message(b"T", *parts)


def spread(formats: Sequence[int], count: int) -> list[int]:
    if len(formats) == 1:
        return [formats[0]] * count
    return list(formats) or [0] * count


def data_rows(
    batch: pa.RecordBatch, columns: Sequence[Column], formats: Sequence[int], *, zone: str
) -> Iterator[bytes]:
    """The batch's rows as DataRow messages, in pieces."""
    for piece in _pieces(batch):
        cells = [
            encode(values, column.type, binary=bool(binary), zone=zone)
            for values, column, binary in zip(piece.columns, columns, spread(formats, len(columns)), strict=True)
        ]
        yield _joined(cells, piece.num_rows)


def copy_rows(
    batch: pa.RecordBatch, columns: Sequence[Column], *, csv: bool, null: str, delimiter: str, zone: str
) -> Iterator[bytes]:
    """The batch's rows as CopyData messages, a piece each, in COPY's text format or as CSV."""
    for piece in _pieces(batch):
        cells = []
        for values, column in zip(piece.columns, columns, strict=True):
            words = encode(values, column.type, binary=False, zone=zone).cast(pa.string())
            cells.append(pc.fill_null(_quoted(words, null, delimiter) if csv else _escaped(words, delimiter), null))
        lines = pc.binary_join_element_wise(*cells, delimiter) if cells else pa.array([""] * piece.num_rows)
        yield message(b"d", "".join(f"{line}\n" for line in lines.to_pylist()).encode())


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    size = batch.get_total_buffer_size() * 2 + batch.num_rows * (7 + 8 * batch.num_columns)
    rows = max(1, min(batch.num_rows, int(batch.num_rows * PIECE_BYTES_MAX / max(1, size))))
    for at in range(0, batch.num_rows, rows):
        yield batch.slice(at, rows)


def _joined(cells: list[pa.Array], count: int) -> bytes:
    sizes = np.zeros(count, dtype=np.int64)
    framed: list[pa.Array] = []
    for cell in cells:
        lengths = pc.binary_length(cell)
        if cell.null_count:
            lengths = lengths.fill_null(0)
        numbers = lengths.to_numpy(zero_copy_only=False)
        sizes += numbers + 4
        frames = numbers.astype(">i4")
        if cell.null_count:
            frames[pc.is_null(cell).to_numpy(zero_copy_only=False)] = -1
        framed += [_fixed_width(frames.view(np.uint8).reshape(count, 4)), cell]
    head = np.empty((count, 7), dtype=np.uint8)
    head[:, 0] = ord("D")
    head[:, 1:5] = (sizes + 6).astype(">i4").view(np.uint8).reshape(count, 4)
    head[:, 5:7] = np.frombuffer(struct.pack("!H", len(cells)), dtype=np.uint8)
    rows = pc.binary_join_element_wise(
        _fixed_width(head), *framed, pa.scalar(b""), null_handling="replace", null_replacement=b""
    )
    # What Arrow has laid end to end is what goes over the wire.
    _, offsets, data = rows.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[rows.offset : rows.offset + count + 1]
    return memoryview(data)[int(bounds[0]) : int(bounds[-1])].tobytes()


def _fixed_width(values: np.ndarray) -> pa.Array:
    count, width = values.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(values))]
    )


def _escaped(words: pa.Array, delimiter: str) -> pa.Array:
    for plain, escaped in (
        ("\\", "\\\\"),
        ("\b", "\\b"),
        ("\f", "\\f"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\t", "\\t"),
        ("\v", "\\v"),
    ):
        words = pc.replace_substring(words, plain, escaped)
    return words if delimiter == "\t" else pc.replace_substring(words, delimiter, "\\" + delimiter)


def _quoted(words: pa.Array, null: str, delimiter: str) -> pa.Array:
    special = "".join("\\" + one for one in {'"', delimiter}) + "\n\r"
    needs = pc.or_(pc.match_substring_regex(words, f"[{special}]"), pc.equal(words, null))
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(words, '"', '""'), '"', "")
    return pc.if_else(needs, quoted, words)
