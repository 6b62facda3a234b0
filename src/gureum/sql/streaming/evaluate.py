"""One map stage over one batch: keep the rows of the condition, compute the columns, set the rows that fail aside.

Called by `pipeline`. Plain columns are passed on without a copy, simple expressions run in Arrow, the rest in one DuckDB
SELECT. Promise: a row whose expression fails (a bad CAST, an overflow, a division by zero) is given back with its reason
and never stops the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from gureum.sql.streaming.duck import Duck
from gureum.sql.streaming.expressions import Expression
from gureum.sql.streaming.plan import MapStage

__all__ = ["Mapped", "evaluate_columns", "run_map"]

# Rows of one batch whose own message is asked for; the rest get the expression's text as their reason.
REASONS_MAX = 100


@dataclass(slots=True)
class Mapped:
    """The rows that are left, which rows of the input they are (`steps`), and the ones that failed.

    `rejected` holds the rows that the condition did not keep, computed as far as they can be, when they were asked for.
    """

    rows: pa.RecordBatch
    steps: list[pa.Array] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)
    rejected: pa.RecordBatch | None = None
    rejected_steps: list[pa.Array] = field(default_factory=list)


def run_map(stage: MapStage, batch: pa.RecordBatch, duck: Duck, *, keep_rejected: bool = False) -> Mapped:
    """Run one stage. Each of `steps` is a mask or an index array over the rows before it."""
    steps: list[pa.Array] = []
    failures: list[tuple[int, str]] = []
    rejected: pa.RecordBatch | None = None
    rejected_steps: list[pa.Array] = []
    rows = batch
    if stage.condition is not None:
        (mask,), bad = evaluate_columns([stage.condition], rows, duck)
        if bad:
            failures.extend(bad)
            good = _without(rows.num_rows, bad)
            rows = rows.take(good)
            steps.append(good)
        mask = pc.fill_null(mask, False)
        if keep_rejected:
            others = pc.invert(mask)
            rejected_steps = [*steps, others]
            rejected = _project_leniently(stage, rows.filter(others), duck)
        if mask.true_count != len(mask):
            rows = rows.filter(mask)
            steps.append(mask)
    columns, bad = evaluate_columns([expression for _, expression in stage.columns], rows, duck)
    if bad:
        origin = origins(steps, batch.num_rows)
        failures.extend((origin[index].as_py() if origin is not None else index, reason) for index, reason in bad)
        steps.append(_without(rows.num_rows, bad))
    return Mapped(_batch(stage, columns), steps, failures, rejected, rejected_steps)


def _batch(stage: MapStage, columns: Sequence[pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(columns), names=[name for name, _ in stage.columns])


def origins(steps: Sequence[pa.Array], count: int) -> pa.Array | None:
    """Which rows of the first batch are left after some steps; None: all of them."""
    if not steps:
        return None
    left = pa.array(range(count), pa.int64())
    for step in steps:
        left = left.filter(step) if pa.types.is_boolean(step.type) else left.take(step)
    return left


def _without(count: int, bad: Sequence[tuple[int, str]]) -> pa.Array:
    gone = {index for index, _ in bad}
    return pa.array([index for index in range(count) if index not in gone], pa.int64())


def evaluate_columns(
    expressions: Sequence[Expression], batch: pa.RecordBatch, duck: Duck
) -> tuple[list[pa.Array], list[tuple[int, str]]]:
    """Each expression over the batch, and the rows that failed; the arrays are without those rows."""
    columns: list[Any] = [None] * len(expressions)
    left: list[int] = []
    for index, expression in enumerate(expressions):
        if expression.pick is not None:
            columns[index] = batch.column(expression.pick)
        elif expression.vector is not None:
            try:
                columns[index] = _full(expression.vector(batch), batch.num_rows)
            except pa.ArrowInvalid:
                left.append(index)  # DuckDB will say which row
        else:
            left.append(index)
    if not left:
        return columns, []
    asked = [expressions[index] for index in left]
    found, bad = _in_duckdb(asked, batch, duck)
    if bad:
        good = _without(batch.num_rows, bad)
        columns = [None if column is None else column.take(good) for column in columns]
    for index, column in zip(left, found, strict=True):
        columns[index] = column
    return columns, bad


def _full(value: Any, count: int) -> pa.Array:
    if isinstance(value, pa.Scalar):
        return pa.repeat(value, count)
    return value.combine_chunks() if isinstance(value, pa.ChunkedArray) else value


def _needed(expressions: Sequence[Expression], batch: pa.RecordBatch) -> pa.RecordBatch:
    names = sorted(set().union(*(expression.columns for expression in expressions)))
    if not names:
        # Constants still need as many rows as the batch has.
        return pa.RecordBatch.from_arrays([pa.nulls(batch.num_rows, pa.int8())], names=["$rows"])
    return batch.select(names)


def _in_duckdb(
    expressions: Sequence[Expression], batch: pa.RecordBatch, duck: Duck
) -> tuple[list[pa.Array], list[tuple[int, str]]]:
    needed = _needed(expressions, batch)
    try:
        return _selected(expressions, needed, duck), []
    except duckdb.Error:
        bad = _failing_rows(expressions, needed, duck)
    good = needed.take(_without(needed.num_rows, bad))
    return _selected(expressions, good, duck), bad


def _selected(expressions: Sequence[Expression], batch: pa.RecordBatch, duck: Duck) -> list[pa.Array]:
    if not batch.num_rows:
        return [pa.array([], expression.type) for expression in expressions]
    table = duck.select([expression.sql for expression in expressions], batch)
    columns = []
    for column, expression in zip(table.columns, expressions, strict=True):
        array = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks)
        columns.append(array if array.type.equals(expression.type) else array.cast(expression.type))
    return columns


def _failing_rows(expressions: Sequence[Expression], batch: pa.RecordBatch, duck: Duck) -> list[tuple[int, str]]:
    """The rows on which some expression fails, with DuckDB's own words for the first of them."""
    suspects: dict[int, Expression] = {}
    for expression in expressions:
        try:
            # TRY gives NULL where the expression fails; wrapped in a struct, that is never the value's own NULL.
            failed = duck.select([f"TRY({{'v': {expression.sql}}}) IS NULL"], batch).column(0)
            indexes = pc.indices_nonzero(failed.combine_chunks()).to_pylist()
        except duckdb.Error:
            indexes = _bisected(expression, batch, duck)  # a volatile function, which TRY does not take
        for index in indexes:
            suspects.setdefault(index, expression)
    bad: list[tuple[int, str]] = []
    for count, (index, expression) in enumerate(sorted(suspects.items(), key=lambda item: item[0])):
        reason = _reason(expression, batch.slice(index, 1), duck) if count < REASONS_MAX else None
        bad.append((index, reason or f"{expression.text} cannot be computed"))
    if not bad:
        # Not a row's fault (memory): all rows of the batch are set aside rather than the query stopped.
        reason = _reason(expressions[0], batch, duck) or "the expressions cannot be computed"
        bad = [(index, reason) for index in range(batch.num_rows)]
    return bad


def _bisected(expression: Expression, batch: pa.RecordBatch, duck: Duck) -> list[int]:
    found: list[int] = []
    pending = [(0, batch.num_rows)]
    while pending:
        start, count = pending.pop()
        if not count:
            continue
        try:
            duck.select([expression.sql], batch.slice(start, count))
        except duckdb.Error:
            if count == 1:
                found.append(start)
            else:
                half = count // 2
                pending += [(start, half), (start + half, count - half)]
    return sorted(found)


def _reason(expression: Expression, row: pa.RecordBatch, duck: Duck) -> str | None:
    try:
        duck.select([expression.sql], row)
    except duckdb.Error as error:
        message = str(error).split("\n")[0]
        if "division by zero" in message:
            return f"{expression.text}: division by zero"
        message = re.sub(r"^[A-Za-z ]*Error: ", "", message).split(" when casting from source column")[0]
        return f"{expression.text}: {message}"
    return None


def _project_leniently(stage: MapStage, rows: pa.RecordBatch, duck: Duck) -> pa.RecordBatch:
    """The stage's columns for rows that are not written: a value that cannot be computed is NULL."""
    columns = []
    for _, expression in stage.columns:
        array, bad = evaluate_columns([expression], rows, duck)
        if bad:
            array = [pa.nulls(rows.num_rows, expression.type)]
        columns.append(array[0])
    return _batch(stage, columns)
