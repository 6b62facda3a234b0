"""JSON records to columns, and the records that are not what the stream was declared to hold, each with its reason.

Called by `pipeline`. Pure. Two ways to the same answer: `pyarrow.json` over all payloads at once where it surely agrees,
else record by record with orjson, which defines what is right (a property test compares the two). A missing field is NULL;
fields that were not declared are ignored; a field of another type than declared makes the record a dead letter.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from gureum.sql.types import sql_type

__all__ = ["Decoded", "decode_json"]

# Below this many records a refusal of the fast way is settled record by record; above, by halves.
SLOW_RECORDS = 256

# orjson refuses deeper nesting than 1024, pyarrow skips it unseen: records that may have it go the slow way.
NESTED_MAX = 1000

# A value in a reason: enough to recognise it.
SHOWN_CHARS_MAX = 60

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Decoded:
    """`rows` are the good records in order, `taken` their indexes (None: all), `failures` the others with reasons."""

    rows: pa.RecordBatch
    taken: pa.Array | None = None
    failures: list[tuple[int, str]] = field(default_factory=list)


def decode_json(payloads: pa.Array, schema: pa.Schema) -> Decoded:
    """Decode an Arrow `binary` array of JSON objects to the columns of `schema`."""
    if isinstance(payloads, pa.ChunkedArray):
        payloads = payloads.combine_chunks()
    parts: list[pa.RecordBatch] = []
    taken: list[int] | None = None
    failures: list[tuple[int, str]] = []
    pending = [(0, len(payloads))]
    ranges: list[tuple[int, int, Decoded]] = []
    while pending:
        start, count = pending.pop()
        part = payloads.slice(start, count)
        rows = decode_fast(part, schema)
        if rows is not None:
            ranges.append((start, count, Decoded(rows)))
        elif count > SLOW_RECORDS:
            half = count // 2
            pending += [(start + half, count - half), (start, half)]
        else:
            ranges.append((start, count, decode_slow(part, schema)))
    if any(found.taken is not None for _, _, found in ranges):
        taken = []
    for start, count, found in ranges:
        parts.append(found.rows)
        if taken is not None:
            indexes = range(count) if found.taken is None else found.taken.to_pylist()
            taken.extend(start + index for index in indexes)
        failures.extend((start + index, reason) for index, reason in found.failures)
    if len(parts) == 1:
        rows = parts[0]
    else:
        table = pa.Table.from_batches(parts, schema=schema).combine_chunks()
        rows = table.to_batches()[0] if table.num_rows else _empty(schema)
    return Decoded(rows, None if taken is None else pa.array(taken, pa.int64()), failures)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


# The fast way ---------------------------------------------------------------------------------------------------------


def decode_fast(payloads: pa.Array, schema: pa.Schema) -> pa.RecordBatch | None:
    """All records at once; None if any is in doubt."""
    if not len(payloads) or payloads.null_count or not len(schema):
        return None
    read_as = _read_schema(schema)
    if read_as is None:
        return None
    try:
        texts = payloads.cast(pa.string())  # checks that it is UTF-8
    except pa.ArrowInvalid:
        return None
    joined = _join_lines(texts)
    if joined is None:
        return None
    try:
        table = pj.read_json(
            pa.BufferReader(joined),
            read_options=pj.ReadOptions(use_threads=False, block_size=max(len(joined) + 64, 1 << 16)),
            parse_options=pj.ParseOptions(
                explicit_schema=read_as, unexpected_field_behavior="ignore", newlines_in_values=False
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    if table.num_rows != len(payloads):
        return None
    columns = []
    for item in schema:
        column = table.column(item.name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        if not column.type.equals(item.type):
            try:
                column = _from_text(column, item.type)
            except pa.ArrowInvalid:
                return None
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _join_lines(texts: pa.Array) -> bytes | None:
    """One record a line, if each is surely one object.

    Each line begins with { and ends with }, and none has a line break inside, so no object can reach over two lines and
    none can be missing from one: then as many rows as records means one row for each record.
    """
    lines = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts), "\n")
    joined: bytes = lines[0].as_buffer().to_pybytes()
    if joined.count(b"\n") != len(texts) - 1 or b"\r" in joined:
        texts = pc.utf8_trim(texts, " \t\r\n")
        lines = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts), "\n")
        joined = lines[0].as_buffer().to_pybytes()
        if joined.count(b"\n") != len(texts) - 1:
            return None
    if b"NaN" in joined or b"Inf" in joined:
        return None  # pyarrow takes them as numbers, JSON does not know them
    shape = pc.and_(pc.starts_with(texts, "{"), pc.ends_with(texts, "}"))
    if not pc.all(shape, min_count=0).as_py():
        return None
    if pc.max(pc.binary_length(texts)).as_py() > NESTED_MAX and _nests_deep(texts):
        return None
    return joined


def _nests_deep(texts: pa.Array) -> bool:
    long = texts.filter(pc.greater(pc.binary_length(texts), NESTED_MAX))
    opened = pc.add(pc.count_substring(long, "["), pc.count_substring(long, "{"))
    return bool((pc.max(opened).as_py() or 0) > NESTED_MAX)


def _read_schema(schema: pa.Schema) -> pa.Schema | None:
    """How pyarrow should read: times, decimals and bytes as text, which `_from_text` then turns. None: not at all."""
    fields = []
    for item in schema:
        kind = pa.types
        if kind.is_timestamp(item.type) or kind.is_date(item.type):
            fields.append(pa.field(item.name, pa.string()))
        elif kind.is_integer(item.type) or kind.is_float64(item.type) or kind.is_string(item.type):
            fields.append(pa.field(item.name, item.type))
        elif kind.is_boolean(item.type):
            fields.append(item)
        else:
            return None
    if len({item.name for item in fields}) != len(fields):
        return None
    return pa.schema(fields)


# The slow way, which is the definition --------------------------------------------------------------------------------


class _Mismatch(Exception):
    """A value of another type than declared; the text is what was expected and found."""


def decode_slow(payloads: pa.Array, schema: pa.Schema) -> Decoded:
    """Record by record."""
    converters = [_converter(item.type) for item in schema]
    values: list[list[Any]] = [[] for _ in schema]
    taken: list[int] = []
    failures: list[tuple[int, str]] = []
    for index, payload in enumerate(payloads.to_pylist()):
        try:
            record = _record(payload)
            row = []
            for item, convert in zip(schema, converters, strict=True):
                value = record.get(item.name)
                try:
                    row.append(None if value is None else convert(value))
                except _Mismatch as mismatch:
                    raise _Mismatch(f"column {item.name}: {mismatch}") from None
        except _Mismatch as mismatch:
            failures.append((index, str(mismatch)))
            continue
        taken.append(index)
        for column, value in zip(values, row, strict=True):
            column.append(value)
    arrays = [_array(column, item.type) for column, item in zip(values, schema, strict=True)]
    if not len(schema):
        rows = pa.RecordBatch.from_struct_array(pa.array([{}] * len(taken), pa.struct([])))
    else:
        rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return Decoded(rows, None if not failures else pa.array(taken, pa.int64()), failures)


def _record(payload: bytes | None) -> dict[str, Any]:
    if payload is None or not payload.strip():
        raise _Mismatch("not JSON: the record is empty")
    text = payload.removeprefix(BOM)
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        at = len(error.doc[: error.pos].encode()) if isinstance(error.doc, str) else error.pos
        raise _Mismatch(f"not JSON: {error.msg.split(': line')[0]} at byte {at + len(payload) - len(text)}") from None
    if not isinstance(record, dict):
        raise _Mismatch(f"expected a JSON object, got {_shown(record)}")
    return record


def _shown(value: Any) -> str:
    """A JSON value as a reason names it: `STRING "hot"`."""
    name = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "STRING", list: "ARRAY", dict: "ROW"}.get(
        type(value), "NULL"
    )
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # orjson reads deeper nesting than it writes
        return f"{name}, nested too deeply to show"
    return f"{name} {text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + '...'}"


def _expected(arrow: pa.DataType, value: Any) -> _Mismatch:
    return _Mismatch(f"expected {sql_type(arrow)}, got {_shown(value)}")


_Convert = Callable[[Any], Any]


def _converter(arrow: pa.DataType) -> _Convert:
    """The check of one type: gives what `_array` takes, or raises _Mismatch."""
    kind = pa.types
    if kind.is_boolean(arrow):
        return _checked(arrow, lambda value: isinstance(value, bool), bool)
    if kind.is_string(arrow):
        return _checked(arrow, lambda value: isinstance(value, str), str)
    if kind.is_integer(arrow):
        low, high = -(1 << (arrow.bit_width - 1)), (1 << (arrow.bit_width - 1)) - 1
        return _checked(arrow, lambda value: _is_whole(value) and low <= value <= high, int)
    if kind.is_floating(arrow):
        return _checked(arrow, lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), float)
    if kind.is_decimal(arrow):
        return lambda value: _through_text(arrow, str(value) if _is_number(value) else value, value)
    if kind.is_timestamp(arrow) or kind.is_date(arrow):
        return lambda value: _through_text(arrow, value, value)
    if kind.is_binary(arrow):
        return lambda value: _base64(arrow, value)
    if kind.is_list(arrow):
        inner = _converter(arrow.value_type)
        return lambda value: [None if item is None else inner(item) for item in _of_kind(arrow, value, list)]
    if kind.is_map(arrow) and pa.types.is_string(arrow.key_type):
        item = _converter(arrow.item_type)
        return lambda value: [
            (key, None if found is None else item(found)) for key, found in _of_kind(arrow, value, dict).items()
        ]
    if kind.is_struct(arrow):
        fields = [(part.name, _converter(part.type)) for part in arrow]
        return lambda value: _fields(_of_kind(arrow, value, dict), fields)
    return lambda value: _through_text(arrow, value, value)


def _fields(value: dict[str, Any], fields: Sequence[tuple[str, _Convert]]) -> dict[str, Any]:
    return {name: None if (found := value.get(name)) is None else convert(found) for name, convert in fields}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or (math.isfinite(value) and value.is_integer()))


def _checked(arrow: pa.DataType, test: Callable[[Any], bool], to: _Convert) -> _Convert:
    def convert(value: Any) -> Any:
        if not test(value):
            raise _expected(arrow, value)
        return to(value)

    return convert


def _of_kind(arrow: pa.DataType, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise _expected(arrow, value)
    return value


def _base64(arrow: pa.DataType, value: Any) -> bytes:
    # Flink's JSON format writes BINARY as base64.
    if not isinstance(value, str):
        raise _expected(arrow, value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _expected(arrow, value) from None


def _through_text(arrow: pa.DataType, text: Any, value: Any) -> Any:
    if not isinstance(text, str):
        raise _expected(arrow, value)
    try:
        return _from_text(pa.array([text], pa.string()), arrow)[0].as_py()
    except pa.ArrowInvalid:
        raise _expected(arrow, value) from None


def _array(values: Sequence[Any], arrow: pa.DataType) -> pa.Array:
    return pa.array(values, type=arrow)


def _from_text(column: pa.Array, arrow: pa.DataType) -> pa.Array:
    """Texts to times, dates or decimals; ArrowInvalid if one does not fit.

    A time with a zone becomes the instant; in a TIMESTAMP column it is that instant's UTC time. A time without a zone is
    UTC, since that is the only zone this engine knows.
    """
    kind = pa.types
    if kind.is_timestamp(arrow):
        column = pc.utf8_trim_whitespace(column)
        zoned = pc.match_substring_regex(column, r"([zZ]|[0-9][+-][0-9]{2}(:?[0-9]{2})?)$")
        # "2013-12-02" also ends in -02: a zone comes after a time of day.
        zoned = pc.and_(zoned, pc.match_substring(column, ":"))
        with_zone = pc.if_else(zoned, column, pa.scalar(None, pa.string()))
        without = pc.if_else(zoned, pa.scalar(None, pa.string()), column)
        instants = with_zone.cast(pa.timestamp("us", tz="UTC"))
        plain = without.cast(pa.timestamp("us"))
        if arrow.tz:
            return pc.coalesce(instants, plain.cast(pa.int64()).cast(arrow))
        return pc.coalesce(plain, instants.cast(pa.int64()).cast(arrow))
    return column.cast(arrow)
