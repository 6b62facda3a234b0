"""Fit rows to a table's columns: by name, without loss, or refused with the name of the column.

Called by `table.py`. Pure.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from gureum.errors import InvalidInput
from gureum.names import did_you_mean

__all__ = ["fit_to_schema", "table_schema"]


# Longer names than other engines' catalogs keep (Hive's, Snowflake's) would shut the table off from them.
COLUMN_CHARS_MAX = 255


def table_schema(schema: pa.Schema) -> pa.Schema:
    """The schema that a Delta table can keep for `schema`: its own types where Arrow has several spellings.

    Raises InvalidInput that names a column whose type Delta does not have, or a name that comes twice.
    """
    seen: set[str] = set()
    for field in schema:
        if field.name.lower() in seen:
            raise InvalidInput(
                f"column {field.name!r} comes twice", code="table.column", hint="names differ by more than case"
            )
        if not field.name.strip():
            raise InvalidInput("a column has no name", code="table.column", hint="name it with AS")
        if len(field.name) > COLUMN_CHARS_MAX:
            raise InvalidInput(
                f"column '{field.name[:20]}...' has a name of {len(field.name)} characters, at most {COLUMN_CHARS_MAX} are kept",
                code="table.column",
                hint="name it with AS",
            )
        seen.add(field.name.lower())
    return pa.schema([pa.field(f.name, _table_type(f.type, f.name), f.nullable, f.metadata) for f in schema])


def _table_type(given: pa.DataType, column: str) -> pa.DataType:
    if pa.types.is_dictionary(given):
        return _table_type(given.value_type, column)
    if pa.types.is_large_string(given) or pa.types.is_string_view(given):
        return pa.string()
    if pa.types.is_large_binary(given) or pa.types.is_binary_view(given) or pa.types.is_fixed_size_binary(given):
        return pa.binary()
    if pa.types.is_timestamp(given):
        # Delta knows microseconds, of an instant or without a zone.
        return pa.timestamp("us", "UTC" if given.tz else None)
    if pa.types.is_unsigned_integer(given):
        # Delta has no unsigned integers: the next wider signed one keeps every value.
        wider = {8: pa.int16(), 16: pa.int32(), 32: pa.int64(), 64: pa.decimal128(20, 0)}
        return wider[given.bit_width]
    if pa.types.is_float16(given):
        return pa.float32()
    if pa.types.is_date64(given):
        return pa.date32()
    if pa.types.is_decimal256(given):
        if given.precision > 38:
            raise InvalidInput(f"column {column!r} has {given.precision} digits, Delta keeps 38", code="table.type")
        return pa.decimal128(given.precision, given.scale)
    if pa.types.is_list(given) or pa.types.is_large_list(given) or pa.types.is_fixed_size_list(given):
        return pa.list_(pa.field("element", _table_type(given.value_type, column)))
    if pa.types.is_map(given):
        return pa.map_(_table_type(given.key_type, column), _table_type(given.item_type, column))
    if pa.types.is_struct(given):
        return pa.struct([pa.field(f.name, _table_type(f.type, f"{column}.{f.name}"), f.nullable) for f in given])
    known = (
        pa.types.is_boolean, pa.types.is_signed_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_binary,
        pa.types.is_date32, pa.types.is_decimal128,
    )  # fmt: skip
    if any(check(given) for check in known):
        return given
    raise InvalidInput(
        f"column {column!r} has type {given}, which a Delta table cannot hold",
        code="table.type",
        hint="cast it to a type that it can, such as VARCHAR",
    )


def fit_to_schema(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """`rows` with just the columns of `schema`, in its order and types; a missing column is null.

    Names match whatever their case, as in SQL. Raises InvalidInput naming the column that is unknown, that does not
    cast without loss, or that is null where it must not be.
    """
    by_name = {field.name.lower(): field for field in schema}
    given: dict[str, int] = {}
    for index, name in enumerate(rows.column_names):
        if name.lower() not in by_name:
            raise InvalidInput(
                f"the table has no column {name!r}", code="table.column", hint=did_you_mean(name, schema.names)
            )
        given[name.lower()] = index
    columns = []
    for field in schema:
        index_or_none = given.get(field.name.lower())
        if index_or_none is None:
            column = pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
        else:
            column = _cast(rows.column(index_or_none), field)
        if not field.nullable and column.null_count:
            row = pc.index(pc.is_null(column), pa.scalar(True)).as_py()
            raise InvalidInput(
                f"column {field.name!r} must not be null, and row {row + 1} is",
                code="table.not_null",
                column_name=field.name,
            )
        columns.append(column)
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if column.type == field.type:
        return column
    try:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column.cast(field.type, safe=not _only_loses_nanoseconds(column.type, field.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInput(
            f"column {field.name!r} is {field.type} in the table and {column.type} here: {error}",
            code="table.type",
            hint="cast it in your query",
            column_name=field.name,
        ) from error


def _only_loses_nanoseconds(given: pa.DataType, wanted: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(given) and pa.types.is_timestamp(wanted) and given.unit == "ns")
