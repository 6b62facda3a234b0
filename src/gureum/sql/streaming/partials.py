"""Partial aggregates: what one group of one pane keeps until its window ends, and how partials become one and a result.

Called by `window`. Pure. Each aggregate of the plan is made of a few partials (AVG of a sum and a count); aggregates over
the same column share them. Two steps: `reduce` turns a batch's rows into partials, one row a group, and later turns many
partials into fewer; `finish` computes the aggregates. Variances travel as (count, mean, sum of squared deviations) and are
merged by Chan's formula, so that large values with a small spread keep their digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from gureum.sql.streaming.plan import Aggregate

__all__ = ["Partials", "is_holistic"]

# Aggregates whose groups keep every value until the window ends.
HOLISTIC = frozenset({"PERCENTILE", "ARRAY_AGG", "LISTAGG"})


def is_holistic(aggregate: Aggregate) -> bool:
    return aggregate.function in HOLISTIC or (aggregate.distinct and aggregate.function in {"COUNT", "SUM", "AVG"})


@dataclass(frozen=True, slots=True)
class _Partial:
    """One kept figure: an operation over one input column. `columns` are its columns in the state."""

    operation: str
    argument: str | None

    @property
    def name(self) -> str:
        return f"{self.operation}({self.argument or '*'})"

    @property
    def columns(self) -> tuple[str, ...]:
        if self.operation == "moments":
            return tuple(f"{part}({self.argument})" for part in ("n", "mean", "m2"))
        if self.operation in {"first", "last"}:
            return (self.name, f"{self.operation}_time({self.argument})")
        return (self.name,)


# Which partials each aggregate is made of.
_NEEDS: dict[str, tuple[str, ...]] = {
    "SUM": ("sum",),
    "AVG": ("total", "count"),
    "MIN": ("min",),
    "MAX": ("max",),
    "STDDEV_POP": ("moments",),
    "STDDEV_SAMP": ("moments",),
    "VAR_POP": ("moments",),
    "VAR_SAMP": ("moments",),
    "FIRST_VALUE": ("first",),
    "LAST_VALUE": ("last",),
}
_ARROW = {"count_all": "count_all", "count": "count", "sum": "sum", "total": "sum", "min": "min", "max": "max"}
_MERGED_BY = {"count_all": "sum", "count": "sum", "sum": "sum", "total": "sum", "min": "min", "max": "max"}


class Partials:
    """The partials of one window's aggregates, grouped by some columns."""

    def __init__(self, aggregates: Sequence[Aggregate]) -> None:
        self.aggregates = [aggregate for aggregate in aggregates if not is_holistic(aggregate)]
        found: dict[str, _Partial] = {}
        for aggregate in self.aggregates:
            if aggregate.function == "COUNT":
                operations: tuple[str, ...] = ("count_all",) if aggregate.argument is None else ("count",)
            else:
                operations = _NEEDS[aggregate.function]
            for operation in operations:
                partial = _Partial(operation, aggregate.argument)
                found[partial.name] = partial
        self._partials = list(found.values())
        self._plain = [partial for partial in self._partials if partial.operation in _ARROW]
        self._moments = [partial for partial in self._partials if partial.operation == "moments"]
        self._ordered = [partial for partial in self._partials if partial.operation in {"first", "last"}]

    @property
    def columns(self) -> list[str]:
        return [column for partial in self._partials for column in partial.columns]

    def of_rows(self, rows: pa.Table, keys: Sequence[str], time: pa.Array | None) -> pa.Table:
        """Input rows to partials, one row a group, in order of first appearance. `time` (int64) orders FIRST and LAST."""
        if self._ordered and time is not None:
            order = pc.array_sort_indices(time) if not _is_sorted(time) else None  # stable, so arrival breaks ties
            if order is not None:
                rows, time = rows.take(order), time.take(order)
        columns = {name: rows.column(name) for name in keys}
        asked: list[tuple[str | list[str], str, object]] = [
            (self._input(columns, rows, partial), _ARROW[partial.operation], None) for partial in self._plain
        ]
        for partial in self._moments:
            name = self._input(columns, rows, partial)
            asked += [(name, "count", None), (name, "mean", None), (name, "variance", pc.VarianceOptions(ddof=0))]
        for partial in self._ordered:
            # Row numbers instead of values: any type works, and NULL values are skipped.
            assert partial.argument is not None
            numbers = pa.array(range(rows.num_rows), pa.int64())
            valid = pc.is_valid(rows.column(partial.argument))
            columns[partial.name] = pc.if_else(valid, numbers, pa.scalar(None, pa.int64()))
            asked.append((partial.name, partial.operation, None))
        found = _grouped(pa.table(columns), keys, asked)
        out = {name: found.column(index) for index, name in enumerate(keys)}
        at = len(keys)
        for partial in self._plain:
            out[partial.name] = found.column(at)
            at += 1
        for partial in self._moments:
            count, mean, variance = (found.column(at + step) for step in range(3))
            out |= dict(
                zip(partial.columns, (count, mean, pc.multiply(variance, count.cast(pa.float64()))), strict=True)
            )
            at += 3
        for partial in self._ordered:
            assert partial.argument is not None
            indexes = found.column(at).combine_chunks()
            out[partial.columns[0]] = rows.column(partial.argument).take(indexes)
            out[partial.columns[1]] = time.take(indexes) if time is not None else indexes
            at += 1
        return pa.table(out)

    @staticmethod
    def _input(columns: dict[str, pa.ChunkedArray], rows: pa.Table, partial: _Partial) -> str | list[str]:
        if partial.argument is None:
            return []
        column = rows.column(partial.argument)
        name = partial.argument
        if partial.operation in {"total", "moments"} and not pa.types.is_float64(column.type):
            name = f"double({partial.argument})"
            if name not in columns:
                columns[name] = column.cast(pa.float64())
        elif name not in columns:
            columns[name] = column
        return name

    def merge(self, partials: pa.Table, keys: Sequence[str]) -> pa.Table:
        """Many partials to one a group. Rows must be in order of arrival."""
        simple: list[tuple[str | list[str], str, object]] = [
            (partial.name, _MERGED_BY[partial.operation], None) for partial in self._plain
        ]
        if not self._moments and not self._ordered:
            found = _grouped(partials, keys, simple)
            return pa.table(
                {name: found.column(index) for index, name in enumerate([*keys, *(p.name for p in self._plain)])}
            ).select([*keys, *self.columns])
        numbers = pa.array(range(partials.num_rows), pa.int64())
        found = _grouped(partials.append_column("$row", numbers), keys, [*simple, ("$row", "list", None)])
        names = [*keys, *(partial.name for partial in self._plain)]
        out = {name: found.column(index) for index, name in enumerate(names)}
        lists = found.column(len(names)).combine_chunks()
        rows = partials.take(pc.list_flatten(lists))
        group = pc.list_parent_indices(lists)
        for partial in self._moments:
            out |= _merged_moments(partial, rows, group)
        for partial in self._ordered:
            out |= _merged_ordered(partial, rows, group)
        return pa.table(out).select([*keys, *self.columns])

    def finish(self, partials: pa.Table) -> dict[str, pa.ChunkedArray]:
        """The aggregates' values, one for each row of merged partials."""
        return {aggregate.name: _finished(aggregate, partials) for aggregate in self.aggregates}


def _is_sorted(values: pa.Array) -> bool:
    if len(values) < 2:
        return True
    return bool(pc.all(pc.less_equal(values.slice(0, len(values) - 1), values.slice(1))).as_py())


def _grouped(rows: pa.Table, keys: Sequence[str], asked: Sequence[tuple[str | list[str], str, object]]) -> pa.Table:
    """Group without threads: they would make the order of groups, and of equal times, a matter of luck."""
    if not keys:
        rows = rows.append_column("$all", pa.repeat(pa.scalar(0, pa.int8()), rows.num_rows))
        return rows.group_by(["$all"], use_threads=False).aggregate(list(asked)).drop_columns(["$all"])
    return rows.group_by(list(keys), use_threads=False).aggregate(list(asked))


def _merged_moments(partial: _Partial, rows: pa.Table, group: pa.Array) -> dict[str, pa.ChunkedArray]:
    counts = rows.column(partial.columns[0])
    weights = counts.cast(pa.float64())
    means = pc.fill_null(rows.column(partial.columns[1]), 0.0)
    spreads = pc.fill_null(rows.column(partial.columns[2]), 0.0)
    table = pa.table({"g": group, "n": counts, "s": pc.multiply(weights, means)})
    totals = _grouped(table, ["g"], [("n", "sum", None), ("s", "sum", None)])
    count, total = totals.column(1), totals.column(2)
    mean = pc.if_else(pc.greater(count, 0), pc.divide(total, pc.max_element_wise(count.cast(pa.float64()), 1.0)), None)
    offset = pc.subtract(means, pc.fill_null(mean, 0.0).combine_chunks().take(group))
    extra = pc.add(spreads, pc.multiply(weights, pc.multiply(offset, offset)))
    spread = _grouped(pa.table({"g": group, "m": extra}), ["g"], [("m", "sum", None)]).column(1)
    return dict(zip(partial.columns, (count, mean, spread), strict=True))


def _merged_ordered(partial: _Partial, rows: pa.Table, group: pa.Array) -> dict[str, pa.ChunkedArray]:
    value, time = partial.columns
    valid = pc.is_valid(rows.column(value))
    numbers = pc.if_else(valid, pa.array(range(rows.num_rows), pa.int64()), pa.scalar(None, pa.int64()))
    table = pa.table({"g": group, "t": rows.column(time), "i": numbers})
    order = pc.sort_indices(table, [("g", "ascending"), ("t", "ascending")])
    chosen = _grouped(table.take(order), ["g"], [("i", partial.operation, None)]).column(1).combine_chunks()
    return {value: rows.column(value).take(chosen), time: rows.column(time).take(chosen)}


def _finished(aggregate: Aggregate, partials: pa.Table) -> pa.ChunkedArray:
    function, argument = aggregate.function, aggregate.argument
    if function == "COUNT":
        return partials.column(f"count({argument})" if argument else "count_all(*)").cast(pa.int64())
    if function == "AVG":
        count = partials.column(f"count({argument})").cast(pa.float64())
        positive = pc.greater(count, 0.0)
        return pc.if_else(
            positive, pc.divide(partials.column(f"total({argument})"), pc.max_element_wise(count, 1.0)), None
        )
    if function in {"SUM", "MIN", "MAX"}:
        return partials.column(f"{function.lower()}({argument})").cast(aggregate.type)
    if function in {"FIRST_VALUE", "LAST_VALUE"}:
        return partials.column(f"{'first' if function == 'FIRST_VALUE' else 'last'}({argument})")
    count = partials.column(f"n({argument})").cast(pa.float64())
    spread = partials.column(f"m2({argument})")
    divisor = count if function.endswith("_POP") else pc.subtract(count, 1.0)
    enough = pc.greater(divisor, 0.0)
    variance = pc.if_else(enough, pc.divide(spread, pc.max_element_wise(divisor, 1.0)), None)
    return pc.sqrt(variance) if function.startswith("STDDEV") else variance
