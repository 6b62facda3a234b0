"""Windows of event time, aggregated as rows come: two phases over panes, fired by the watermark.

Called by `pipeline`. A pane is the longest piece of time that every window contains whole or not at all (the window itself
for TUMBLE), so a row is aggregated once, however many windows overlap it. A batch becomes partials at once; partials are
merged when enough have gathered, and combined to windows when the watermark passes a window's end.
Promise: a window gives its rows once, when the watermark reaches its end, ordered by end, start and keys; a row goes into
every window that is still open, and `late_before` says from which time on there is one.
"""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gureum.errors import LimitExceeded
from gureum.sql.quoting import quoted
from gureum.sql.streaming.duck import Duck
from gureum.sql.streaming.partials import Partials, is_holistic
from gureum.sql.streaming.plan import Aggregate, AggregateStage, WindowSpec

__all__ = ["NO_WATERMARK", "STATE_BYTES_MAX", "WindowAggregate", "assign_windows", "late_before"]

# Before anything is known of time; any timestamp is later.
NO_WATERMARK = -(1 << 62)

# What the open windows of one query may take. Arrow's figures, so the process takes up to twice as much for a moment.
STATE_BYTES_MAX = 512 << 20

# Partials wait until there are so many rows, or as many as are merged already: each row is merged a few times at most.
MERGE_ROWS_MIN = 65_536

# window_time is the last moment that belongs to the window, at Flink's precision of a millisecond.
WINDOW_TIME_US = 1_000

PANE = "$pane"


def pane_us(window: WindowSpec) -> int:
    """The length of a pane."""
    return math.gcd(window.size_us, window.slide_us)


def late_before(window: WindowSpec, watermark_us: int) -> int:
    """The time before which a row has no open window any more: all of them end at the watermark or earlier."""
    if watermark_us <= NO_WATERMARK:
        return NO_WATERMARK
    step = window.size_us if window.kind == "CUMULATE" else window.slide_us
    return ((watermark_us - window.size_us - window.offset_us) // step + 1) * step + window.offset_us


def floor_to(times: pa.Array, step: int, offset: int) -> pa.Array:
    """Each int64 down to the grid of `step` from `offset`; Arrow's division goes towards zero, so negatives need care."""
    shifted = pc.subtract(times, offset) if offset else times
    floored = pc.multiply(pc.divide(shifted, step), step)
    if len(times) and pc.min(shifted).as_py() is not None and pc.min(shifted).as_py() < 0:
        floored = pc.if_else(pc.greater(floored, shifted), pc.subtract(floored, step), floored)
    return pc.add(floored, offset) if offset else floored


def assign_windows(batch: pa.RecordBatch, window: WindowSpec, rowtime: str, schema: pa.Schema) -> tuple[Any, Any]:
    """Each row once for each of its windows, with the bounds as columns; and the rows' indexes, None for TUMBLE."""
    times = batch.column(rowtime).cast(pa.int64())
    bound_type = batch.schema.field(rowtime).type
    indexes = None
    if window.kind == "TUMBLE":
        starts = floor_to(times, window.size_us, window.offset_us)
        ends = pc.add(starts, window.size_us)
    else:
        parts = list(_windows_of(times, window, 0))
        if not parts:
            parts = [(pa.array([], pa.int64()),) * 3]
        indexes, starts, ends = (pa.concat_arrays([part[i] for part in parts]) for i in range(3))
        order = pc.sort_indices(pa.table({"i": indexes, "e": ends}), [("i", "ascending"), ("e", "ascending")])
        indexes, starts, ends = indexes.take(order), starts.take(order), ends.take(order)
        batch = batch.take(indexes)
    bounds = {
        "window_start": starts.cast(bound_type),
        "window_end": ends.cast(bound_type),
        "window_time": pc.subtract(ends, WINDOW_TIME_US).cast(bound_type),
    }
    columns = [bounds[name] if name in bounds else batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, names=schema.names), indexes


def _windows_of(times: pa.Array, window: WindowSpec, length: int) -> Any:
    """(row indexes, starts, ends) of the k-th window of each row that has one. Rows reach from a time on for `length`."""
    numbers = pa.array(range(len(times)), pa.int64())
    if window.kind == "CUMULATE":
        starts = floor_to(times, window.size_us, window.offset_us)
        first_ends = pc.add(floor_to(times, window.slide_us, window.offset_us), window.slide_us)
        limit = pc.add(starts, window.size_us)
        for step in range(window.size_us // window.slide_us):
            ends = pc.add(first_ends, step * window.slide_us)
            inside = pc.less_equal(ends, limit)
            yield numbers.filter(inside), starts.filter(inside), ends.filter(inside)
        return
    last_starts = floor_to(times, window.slide_us, window.offset_us)
    for step in range(-(-window.size_us // window.slide_us)):
        starts = pc.subtract(last_starts, step * window.slide_us)
        ends = pc.add(starts, window.size_us)
        inside = pc.greater_equal(ends, pc.add(times, max(length, 1)))
        yield numbers.filter(inside), starts.filter(inside), ends.filter(inside)


class WindowAggregate:
    """The state of one window aggregate. Not for several threads."""

    def __init__(self, stage: AggregateStage, input_types: pa.Schema, duck: Duck, *, state_bytes_max: int) -> None:
        self._stage = stage
        self._duck = duck
        self._window = stage.window
        self._pane_us = pane_us(stage.window)
        self._keys = list(stage.keys)
        self._partials = Partials(stage.aggregates)
        self._holistic = [aggregate for aggregate in stage.aggregates if is_holistic(aggregate)]
        self._arguments = sorted({a.argument for a in self._partials.aggregates if a.argument is not None})
        self._time_type = input_types.field(stage.rowtime).type
        self._state_bytes_max = state_bytes_max
        self.watermark_us = NO_WATERMARK
        self._merged: pa.Table | None = None
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._values: list[pa.Table] = []
        self._first_pane: int | None = None
        self._last_pane: int | None = None

    # -- rows in

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows in. Rows with no open window must have been taken out; LimitExceeded when the state is full."""
        if not batch.num_rows:
            return
        times = batch.column(self._stage.rowtime).cast(pa.int64())
        panes = floor_to(times, self._pane_us, self._window.offset_us)
        bounds = pc.min_max(panes).as_py()
        self._first_pane = bounds["min"] if self._first_pane is None else min(self._first_pane, bounds["min"])
        self._last_pane = bounds["max"] if self._last_pane is None else max(self._last_pane, bounds["max"])
        columns = {name: batch.column(name) for name in self._keys}
        columns[PANE] = panes
        for name in self._arguments:
            columns[name] = _plain(batch.column(name))
        keys = [*self._keys, PANE]
        partials = self._partials.of_rows(pa.table(columns), keys, times)
        for index, name in enumerate(self._keys):
            partials = partials.set_column(index, name, _plain(partials.column(index)))
        self._pending.append(partials)
        self._pending_rows += partials.num_rows
        if self._holistic:
            self._values.append(self._kept_values(batch, panes, times))
        merged_rows = self._merged.num_rows if self._merged is not None else 0
        if self._pending_rows >= max(MERGE_ROWS_MIN, merged_rows):
            self._merge()
        if self.state_bytes > self._state_bytes_max:
            self._merge()
            if self.state_bytes > self._state_bytes_max:
                raise LimitExceeded(
                    f"the open windows take {self.state_bytes >> 20} MiB, more than {self._state_bytes_max >> 20} MiB",
                    code="query.state_limit",
                    hint="use shorter windows or fewer keys, or raise state_bytes_max; then start it again: nothing is lost",
                )

    def _kept_values(self, batch: pa.RecordBatch, panes: pa.Array, times: pa.Array) -> pa.Table:
        columns: dict[str, Any] = {name: _plain(batch.column(name)) for name in self._keys}
        columns[PANE] = panes
        columns["$at"] = times
        for aggregate in self._holistic:
            for name in (aggregate.argument, aggregate.keep):
                if name is not None and name not in columns:
                    columns[name] = _plain(batch.column(name))
        table = pa.table(columns)
        if all(aggregate.distinct and aggregate.function != "ARRAY_AGG" for aggregate in self._holistic):
            names = [name for name in table.column_names if name != "$at"]
            table = table.group_by(names, use_threads=False).aggregate([])
        return table

    def _merge(self) -> None:
        """All partials into one table with one row a group."""
        tables = [*([self._merged] if self._merged is not None else []), *self._pending]
        if len(tables) > 1:
            table = pa.concat_tables(tables).combine_chunks()
            self._merged = self._partials.merge(table, [*self._keys, PANE]).combine_chunks()
        elif tables:
            self._merged = tables[0].combine_chunks()
        self._pending = []
        self._pending_rows = 0
        if len(self._values) > 1:
            values = pa.concat_tables(self._values).combine_chunks()
            if "$at" not in values.column_names:
                values = values.group_by(values.column_names, use_threads=False).aggregate([]).combine_chunks()
            self._values = [values]

    # -- rows out

    def advance(self, watermark_us: int) -> pa.RecordBatch | None:
        """Move the watermark; the rows of all windows that end at it or before, None if there are none."""
        before, self.watermark_us = self.watermark_us, max(self.watermark_us, watermark_us)
        if self._first_pane is None or self.watermark_us < self._due(before):
            return None
        self._merge()
        assert self._merged is not None
        windows = self._closed(self._merged, before)
        fired = None
        if windows.num_rows:
            keys = [*self._keys, "$start", "$end"]
            if self._window.kind != "TUMBLE":
                windows = self._partials.merge(windows, keys)
            order = pc.sort_indices(windows, [("$end", "ascending"), ("$start", "ascending"), *self._key_order()])
            windows = windows.take(order).combine_chunks()
            results = self._partials.finish(windows)
            if self._holistic:
                results |= self._finish_holistic(windows, before)
            fired = self._result(windows, results)
        self._drop_closed()
        return fired

    def _key_order(self) -> list[tuple[str, str]]:
        return [(name, "ascending") for name in self._keys]

    @property
    def last_end(self) -> int | None:
        """The end of the last window that has rows; None if there is no open one."""
        if self._last_pane is None:
            return None
        window = self._window
        step = window.size_us if window.kind == "CUMULATE" else window.slide_us
        return (self._last_pane - window.offset_us) // step * step + window.offset_us + window.size_us

    def _due(self, before: int) -> int:
        """The end of the next window that may have rows: it holds the first pane or a later one, and did not fire yet."""
        assert self._first_pane is not None
        window, pane = self._window, self._first_pane
        if window.kind == "CUMULATE":
            first, grid = pane + window.slide_us, window.offset_us
        else:
            grid = window.offset_us + window.size_us
            # The earliest window that holds the whole pane: the first end on the grid that is not before the pane's.
            first = -((grid - pane - self._pane_us) // window.slide_us) * window.slide_us + grid
        if before <= NO_WATERMARK:
            return first
        return max(first, ((before - grid) // window.slide_us + 1) * window.slide_us + grid)

    def _closed(self, rows: pa.Table, before: int) -> pa.Table:
        """The rows of panes, once for each window that closes now, with its `$start` and `$end`."""
        panes = rows.column(PANE).combine_chunks()
        if isinstance(panes, pa.ChunkedArray):
            panes = pa.concat_arrays(panes.chunks)
        rest = rows.drop_columns([PANE])
        if self._window.kind == "TUMBLE":
            ends = pc.add(panes, self._window.size_us)
            closed = pc.less_equal(ends, self.watermark_us)
            found = rest.filter(closed)
            return found.append_column("$start", panes.filter(closed)).append_column("$end", ends.filter(closed))
        parts = []
        for indexes, starts, ends in _windows_of(panes, self._window, self._pane_us):
            due = pc.and_(pc.less_equal(ends, self.watermark_us), pc.greater(ends, before))
            part = rest.take(indexes.filter(due))
            parts.append(part.append_column("$start", starts.filter(due)).append_column("$end", ends.filter(due)))
        return pa.concat_tables(parts).combine_chunks()

    def _drop_closed(self) -> None:
        """Forget the panes whose last window has fired."""
        assert self._merged is not None
        oldest = late_before(self._window, self.watermark_us)
        panes = self._merged.column(PANE)
        self._merged = self._merged.filter(pc.greater_equal(panes, oldest)).combine_chunks()
        self._values = [
            kept
            for values in self._values
            if (kept := values.filter(pc.greater_equal(values.column(PANE), oldest)).combine_chunks()).num_rows
        ]
        if not self._merged.num_rows:
            self._merged, self._first_pane, self._last_pane = None, None, None
            return
        self._first_pane = pc.min(self._merged.column(PANE)).as_py()

    def _result(self, windows: pa.Table, results: dict[str, Any]) -> pa.RecordBatch:
        bounds = {
            "window_start": windows.column("$start"),
            "window_end": windows.column("$end"),
            "window_time": pc.subtract(windows.column("$end"), WINDOW_TIME_US),
        }
        columns = []
        for item in self._stage.schema:
            if item.name in bounds:
                column = bounds[item.name].cast(self._time_type)
            elif item.name in results:
                column = results[item.name]
            else:
                column = windows.column(item.name)
            column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            if isinstance(column, pa.ChunkedArray):
                column = pa.concat_arrays(column.chunks)
            columns.append(column if column.type.equals(item.type) else column.cast(item.type))
        return pa.RecordBatch.from_arrays(columns, names=self._stage.schema.names)

    # -- aggregates that keep their values

    def _finish_holistic(self, windows: pa.Table, before: int) -> dict[str, Any]:
        values = pa.concat_tables(self._values)
        values = self._closed(values, before).combine_chunks()
        numbered = windows.select([*self._keys, "$start", "$end"])
        numbered = numbered.append_column("$row", pa.array(range(windows.num_rows), pa.int64()))
        if "$at" in values.column_names:
            values = values.append_column("$seq", pa.array(range(values.num_rows), pa.int64()))
        same = " AND ".join(
            f"v.{quoted(name)} IS NOT DISTINCT FROM r.{quoted(name)}" for name in [*self._keys, "$start", "$end"]
        )
        selected = ", ".join(_holistic_sql(aggregate) for aggregate in self._holistic)
        found = self._duck.query(
            f'SELECT {selected} FROM numbered r LEFT JOIN kept v ON {same} GROUP BY r."$row" ORDER BY r."$row"',
            numbered=numbered,
            kept=values,
        )
        return {
            aggregate.name: found.column(index).cast(aggregate.type) for index, aggregate in enumerate(self._holistic)
        }

    # -- what it holds

    @property
    def state_bytes(self) -> int:
        tables = [*self._pending, *self._values, *([self._merged] if self._merged is not None else [])]
        return sum(table.get_total_buffer_size() for table in tables)

    @property
    def open_windows(self) -> int:
        """How many windows have rows and wait, about: panes in between that are empty count too."""
        if self._first_pane is None or self._last_pane is None:
            return 0
        window = self._window
        if window.kind == "CUMULATE":
            return (self._last_pane - self._first_pane) // window.slide_us + window.size_us // window.slide_us
        return max(0, ((self.last_end or 0) - self._due(self.watermark_us)) // window.slide_us + 1)

    # -- checkpoints

    def snapshot(self) -> tuple[dict[str, Any], dict[str, pa.Table]]:
        """The state as plain values and tables; `restore` takes both."""
        self._merge()
        tables = {}
        if self._merged is not None:
            tables["partials"] = self._merged
        if self._values:
            tables["values"] = pa.concat_tables(self._values).combine_chunks()
        return {"watermark_us": self.watermark_us, "first_pane": self._first_pane, "last_pane": self._last_pane}, tables

    def restore(self, values: dict[str, Any], tables: dict[str, pa.Table]) -> None:
        self.watermark_us = values["watermark_us"]
        self._first_pane, self._last_pane = values["first_pane"], values["last_pane"]
        self._merged = tables.get("partials")
        self._pending, self._pending_rows = [], 0
        self._values = [tables["values"]] if "values" in tables else []


def _plain(column: Any) -> Any:
    """A dictionary-encoded column as what it stands for; files give texts so, and partials are small."""
    if not pa.types.is_dictionary(column.type):
        return column
    return column.cast(column.type.value_type)


def _holistic_sql(aggregate: Aggregate) -> str:
    value = f"v.{quoted(aggregate.argument or '')}"
    function = aggregate.function
    distinct = "DISTINCT " if aggregate.distinct else ""
    if function == "PERCENTILE":
        return f"quantile_cont(CAST({value} AS DOUBLE), {aggregate.parameter!r})"
    if function == "ARRAY_AGG":
        # A window's row from the outer join is no element, hence the filter on the sequence.
        keep = f" AND v.{quoted(aggregate.keep)}" if aggregate.keep else ""
        order = f" ORDER BY {value}" if aggregate.distinct else ' ORDER BY v."$at", v."$seq"'
        return f'list({distinct}{value}{order}) FILTER (WHERE v."$seq" IS NOT NULL{keep})'
    if function == "LISTAGG":
        separator = (aggregate.separator or "").replace("'", "''")
        return f'string_agg({value}, \'{separator}\' ORDER BY v."$at", v."$seq")'
    return f"{function.lower()}({distinct}{value})"
