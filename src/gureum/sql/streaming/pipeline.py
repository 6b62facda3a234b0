"""The stages of a plan in a row: records of one shard go in, rows for the sink come out, now or when windows fire.

Called by `query`, which reads, keeps time and commits. Knows no files. Promise: every record leaves by exactly one door:
into the result (or a window that is open), into the late rows, into the dead letters with a reason, or by a filter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gureum.sql.quoting import quoted
from gureum.sql.streaming.decode import decode_json
from gureum.sql.streaming.duck import Duck
from gureum.sql.streaming.evaluate import evaluate_columns, origins, run_map
from gureum.sql.streaming.expressions import Expression
from gureum.sql.streaming.plan import AggregateStage, AssignStage, MapStage, Plan, Stage, duration_text
from gureum.sql.streaming.side_rows import SideRows
from gureum.sql.streaming.sources import ShardBatch
from gureum.sql.streaming.window import NO_WATERMARK, STATE_BYTES_MAX, WindowAggregate, assign_windows, late_before

__all__ = ["Observed", "Output", "Pipeline"]


# 0001-01-01 00:00 and the last microsecond of the year 9999.
YEAR_FIRST_US = -62_135_596_800_000_000
YEAR_LAST_US = 253_402_300_799_999_999


@dataclass(frozen=True, slots=True)
class Observed:
    """Rows for an alert, in order, and which of them meet its condition."""

    rows: pa.RecordBatch
    meets: pa.Array


@dataclass(slots=True)
class Output:
    """What one step gave."""

    rows: list[pa.RecordBatch] = field(default_factory=list)
    late: list[pa.Table] = field(default_factory=list)
    dead: list[pa.Table] = field(default_factory=list)
    observed: list[Observed] = field(default_factory=list)
    newest_us: int | None = None

    def extend(self, other: Output) -> None:
        self.rows += other.rows
        self.late += other.late
        self.dead += other.dead
        self.observed += other.observed


@dataclass(slots=True)
class _Flow:
    """Rows on their way, and how they came out of the rows they began as."""

    rows: pa.RecordBatch
    steps: list[pa.Array]
    count: int

    def origin(self, index: int) -> int:
        found = origins(self.steps, self.count)
        return int(found[index].as_py()) if found is not None else index


class Pipeline:
    """The running stages of one query. Not for several threads."""

    def __init__(
        self,
        plan: Plan,
        *,
        query: str,
        state_bytes_max: int = STATE_BYTES_MAX,
        alert_when: Expression | None = None,
        alert_lifts_filter: bool = False,
    ) -> None:
        self._plan = plan
        self._duck = Duck()
        self._side = SideRows(query, plan.source)
        self._stages = plan.stages
        self._windows: dict[int, WindowAggregate] = {}
        types = plan.source.schema
        for index, stage in enumerate(plan.stages):
            if isinstance(stage, AggregateStage):
                self._windows[index] = WindowAggregate(stage, types, self._duck, state_bytes_max=state_bytes_max)
            types = stage.schema
        self._tail = max(self._windows, default=-1) + 1
        self._when = alert_when
        self._lifted = self._last_filter() if alert_lifts_filter else None
        self._prepare = _prepare_stage(plan)

    def close(self) -> None:
        self._duck.close()

    def set_now(self, now_ms: int) -> None:
        self._duck.set_now(now_ms)

    def _last_filter(self) -> int | None:
        """The filter whose failing rows still reach the alert: the last one behind the last window."""
        found = [
            index
            for index, stage in enumerate(self._stages)
            if index >= self._tail and isinstance(stage, MapStage) and stage.condition is not None
        ]
        return found[-1] if found else None

    @property
    def lifts_filter(self) -> bool:
        return self._lifted is not None

    # -- records in

    def process(self, batch: ShardBatch) -> Output:
        """Take the records of one shard in; `newest_us` of the output is the latest event time among them."""
        output = Output()
        flow = self._source_rows(batch, output)
        if not flow.rows.num_rows:
            return output
        rowtime = self._plan.source.rowtime
        if rowtime is not None:
            flow = self._with_time(flow, batch, rowtime, output)
            if not flow.rows.num_rows:
                return output
            flow = self._without_late(flow, batch, rowtime, output)
        self._run(flow, 0, batch, output)
        return output

    def _source_rows(self, batch: ShardBatch, output: Output) -> _Flow:
        """The declared columns: decoded, from the record, computed."""
        source = self._plan.source
        taken: pa.Array | None = None
        if batch.rows is not None:
            rows = _as_declared(batch.rows, source.data)
        else:
            assert batch.payloads is not None
            decoded = decode_json(batch.payloads, source.data)
            rows, taken = decoded.rows, decoded.taken
            if decoded.failures:
                output.dead.append(self._side.dead_letters(batch, decoded.failures))
        flow = _Flow(rows, [taken] if taken is not None else [], batch.count)
        if self._prepare is None:
            return flow
        if source.metadata:
            rows = _with_metadata(rows, batch, taken, source.metadata)
        mapped = run_map(self._prepare, rows, self._duck)
        self._bury(mapped.failures, flow, batch, output)
        return _Flow(mapped.rows, [*flow.steps, *mapped.steps], batch.count)

    def _with_time(self, flow: _Flow, batch: ShardBatch, rowtime: str, output: Output) -> _Flow:
        times = flow.rows.column(rowtime)
        if times.null_count:
            missing = pc.indices_nonzero(pc.is_null(times)).to_pylist()
            reason = f"column {rowtime}: the event time is NULL"
            self._bury([(index, reason) for index in missing], flow, batch, output)
            present = pc.is_valid(times)
            flow = _Flow(flow.rows.filter(present), [*flow.steps, present], flow.count)
            times = flow.rows.column(rowtime)
        outside = _outside_calendar(flow.rows.select([rowtime]))
        if outside:
            flow = self._without(outside, flow, batch, output)
            times = flow.rows.column(rowtime)
        if self._plan.source.future_us_max is not None:
            flow = self._without_future(flow, batch, rowtime, self._plan.source.future_us_max, output)
            times = flow.rows.column(rowtime)
        if len(times):
            output.newest_us = pc.max(times.cast(pa.int64())).as_py()
        return flow

    def _without_future(self, flow: _Flow, batch: ShardBatch, rowtime: str, ahead_us: int, output: Output) -> _Flow:
        """Without rows from too far in the future: one clock that is wrong would make all other rows late.

        Against the record's arrival, not the time of day: read again after a crash, the same rows are taken.
        """
        if batch.arrivals is None:
            return flow
        origin = origins(flow.steps, flow.count)
        arrivals = batch.arrivals if origin is None else batch.arrivals.take(origin)
        ahead = pc.subtract(flow.rows.column(rowtime).cast(pa.int64()), arrivals.cast(pa.int64()))
        too_far = pc.greater(ahead, ahead_us)
        far = pc.indices_nonzero(too_far).to_pylist()
        if not far:
            return flow
        reason = f"column {rowtime}: the event time is over {duration_text(ahead_us)} ahead of the record's arrival"
        return self._without(dict.fromkeys(far, reason), flow, batch, output)

    def _without_late(self, flow: _Flow, batch: ShardBatch, rowtime: str, output: Output) -> _Flow:
        first = next(iter(self._windows), None)
        if first is None:
            return flow
        stage = self._stages[first]
        assert isinstance(stage, AggregateStage)
        limit = late_before(stage.window, self._windows[first].watermark_us)
        times = flow.rows.column(rowtime).cast(pa.int64())
        if limit <= NO_WATERMARK or pc.min(times).as_py() >= limit:
            return flow
        is_late = pc.less(times, limit)
        late = flow.rows.filter(is_late)
        kept = self._survivors(late, first)
        if kept is None or len(kept):
            whole = origins([*flow.steps, is_late, *([kept] if kept is not None else [])], flow.count)
            rows = late if kept is None else late.take(kept)
            watermark = self._windows[first].watermark_us
            output.late.append(self._side.late_rows(batch, rows, whole, watermark))
        on_time = pc.invert(is_late)
        return _Flow(flow.rows.filter(on_time), [*flow.steps, on_time], flow.count)

    def _survivors(self, rows: pa.RecordBatch, until: int) -> pa.Array | None:
        """Which late rows the window would have counted: those that pass the filters before it. None: all of them."""
        flow = _Flow(rows, [], rows.num_rows)
        for stage in self._stages[:until]:
            if isinstance(stage, MapStage):
                mapped = run_map(stage, flow.rows, self._duck)
                flow = _Flow(mapped.rows, [*flow.steps, *mapped.steps], flow.count)
            elif isinstance(stage, AssignStage):
                assigned, indexes = assign_windows(flow.rows, stage.window, stage.rowtime, stage.schema)
                flow = _Flow(assigned, [*flow.steps, *([indexes] if indexes is not None else [])], flow.count)
        return origins(flow.steps, flow.count)

    # -- time moves

    def advance(self, watermark_us: int) -> Output:
        """Fire the windows that end at the watermark or before."""
        output = Output()
        for index, window in self._windows.items():
            fired = window.advance(watermark_us)
            if fired is not None and fired.num_rows:
                self._run(_Flow(fired, [], fired.num_rows), index + 1, None, output)
        return output

    def drain(self) -> Output:
        """Fire every open window, as at the end of all input. A row for one of them that comes later is late."""
        output = Output()
        for index, window in self._windows.items():
            end = window.last_end
            fired = window.advance(end) if end is not None else None
            if fired is not None and fired.num_rows:
                self._run(_Flow(fired, [], fired.num_rows), index + 1, None, output)
        return output

    # -- stages

    def _run(self, flow: _Flow, start: int, batch: ShardBatch | None, output: Output) -> None:
        began = flow.rows
        others: _Flow | None = None
        for index in range(start, len(self._stages)):
            stage = self._stages[index]
            if isinstance(stage, AggregateStage):
                self._windows[index].add(flow.rows)
                return
            if isinstance(stage, AssignStage):
                assigned, indexes = assign_windows(flow.rows, stage.window, stage.rowtime, stage.schema)
                flow = _Flow(assigned, [*flow.steps, *([indexes] if indexes is not None else [])], flow.count)
                continue
            mapped = run_map(stage, flow.rows, self._duck, keep_rejected=index == self._lifted)
            self._bury(mapped.failures, flow, batch, output, began)
            if mapped.rejected is not None:
                others = _Flow(mapped.rejected, [*flow.steps, *mapped.rejected_steps], flow.count)
            elif others is not None:
                others = self._mapped_on(stage, others)
            flow = _Flow(mapped.rows, [*flow.steps, *mapped.steps], flow.count)
        outside = _outside_calendar(flow.rows)
        if outside:
            flow = self._without(outside, flow, batch, output, began)
        if others is not None and (outside := _outside_calendar(others.rows)):
            others = self._without(
                outside, others, batch, Output(), began
            )  # a filter has them: they are owed to nobody
        if flow.rows.num_rows:
            output.rows.append(_plain_rows(flow.rows, self._plan.schema))
        self._observe(flow, others, output)

    def _mapped_on(self, stage: Stage, others: _Flow) -> _Flow:
        assert isinstance(stage, MapStage)
        mapped = run_map(stage, others.rows, self._duck)
        return _Flow(mapped.rows, [*others.steps, *mapped.steps], others.count)

    def _observe(self, flow: _Flow, others: _Flow | None, output: Output) -> None:
        rows = _plain_rows(flow.rows, self._plan.schema)
        if self._when is not None:
            if rows.num_rows:
                columns, bad = evaluate_columns([self._when], rows, self._duck)
                if bad:  # a condition that cannot be computed is not met
                    gone = {index for index, _ in bad}
                    rows = rows.take(pa.array([i for i in range(rows.num_rows) if i not in gone], pa.int64()))
                output.observed.append(Observed(rows, pc.fill_null(columns[0], False)))
            return
        if self._lifted is None or others is None:
            return
        rejected = _plain_rows(others.rows, self._plan.schema)
        meets = pa.concat_arrays(
            [pa.repeat(pa.scalar(True), rows.num_rows), pa.repeat(pa.scalar(False), rejected.num_rows)]
        )
        if not len(meets):
            return
        table = pa.Table.from_batches([rows, rejected])
        order = pc.array_sort_indices(pa.concat_arrays([_positions(flow), _positions(others)]))
        table = table.take(order).combine_chunks()
        output.observed.append(Observed(table.to_batches()[0], meets.take(order)))

    def _without(
        self,
        failures: Mapping[int, str],
        flow: _Flow,
        batch: ShardBatch | None,
        output: Output,
        began: pa.RecordBatch | None = None,
    ) -> _Flow:
        """The flow without some rows, which become dead letters."""
        self._bury(list(failures.items()), flow, batch, output, began)
        kept = pa.array([index not in failures for index in range(flow.rows.num_rows)], pa.bool_())
        return _Flow(flow.rows.filter(kept), [*flow.steps, kept], flow.count)

    def _bury(
        self,
        failures: Sequence[tuple[int, str]],
        flow: _Flow,
        batch: ShardBatch | None,
        output: Output,
        began: pa.RecordBatch | None = None,
    ) -> None:
        """Make dead letters of rows that failed at some stage, with the record that each began as."""
        if not failures:
            return
        origin = origins(flow.steps, flow.count)
        found = [(origin[index].as_py() if origin is not None else index, reason) for index, reason in failures]
        if batch is not None:
            output.dead.append(self._side.dead_letters(batch, found))
        else:
            assert began is not None
            output.dead.append(self._side.dead_groups(began, found))

    # -- state

    @property
    def state_bytes(self) -> int:
        return sum(window.state_bytes for window in self._windows.values())

    @property
    def open_windows(self) -> int:
        return sum(window.open_windows for window in self._windows.values())

    def snapshot(self) -> tuple[dict[str, Any], dict[str, pa.Table]]:
        values: dict[str, Any] = {}
        tables: dict[str, pa.Table] = {}
        for index, window in self._windows.items():
            kept, parts = window.snapshot()
            values[str(index)] = kept
            tables |= {f"{index}/{name}": table for name, table in parts.items()}
        return values, tables

    def restore(self, values: dict[str, Any], tables: dict[str, pa.Table]) -> None:
        for index, window in self._windows.items():
            prefix = f"{index}/"
            parts = {name.removeprefix(prefix): table for name, table in tables.items() if name.startswith(prefix)}
            window.restore(values[str(index)], parts)


def _outside_calendar(rows: pa.RecordBatch) -> dict[int, str]:
    """Rows with a time outside of the years 1 to 9999, by index: Flink's TIMESTAMP has no others, nor have most readers."""
    found: dict[int, str] = {}
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        if not pa.types.is_timestamp(column.type):
            continue
        numbers = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        outside = pc.or_(pc.less(numbers, YEAR_FIRST_US), pc.greater(numbers, YEAR_LAST_US))
        if pc.any(outside).as_py():
            reason = f"column {name}: the time is outside of the years 1 to 9999"
            found |= dict.fromkeys(pc.indices_nonzero(outside).to_pylist(), reason)
    return found


def _positions(flow: _Flow) -> pa.Array:
    found = origins(flow.steps, flow.count)
    return found if found is not None else pa.array(range(flow.rows.num_rows), pa.int64())


def _prepare_stage(plan: Plan) -> MapStage | None:
    """The stage that puts declared columns in their order and computes the computed ones; None if there is nothing to do."""
    source = plan.source
    if not source.computed and not source.metadata:
        return None
    computed = dict(source.computed)
    columns = []
    for name in source.order:
        pick = Expression(quoted(name), source.types[name], frozenset({name}), name, 0, pick=name)
        columns.append((name, computed.get(name, pick)))
    return MapStage(None, tuple(columns))


def _as_declared(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Typed rows with the declared columns; a missing one is NULL, another width is cast, texts may stay encoded."""
    columns = []
    for item in schema:
        index = rows.schema.get_field_index(item.name)
        if index < 0:
            columns.append(pa.nulls(rows.num_rows, item.type))
            continue
        column = rows.column(index)
        value_type = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not value_type.equals(item.type):
            if pa.types.is_timestamp(value_type) and pa.types.is_timestamp(item.type) and value_type.tz != item.type.tz:
                column = column.cast(pa.timestamp("us", tz=value_type.tz)).cast(pa.int64())
            column = column.cast(item.type)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=schema.names)


def _plain_rows(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows in exactly the result's types."""
    columns = [
        column if column.type.equals(item.type) else column.cast(item.type)
        for column, item in zip(rows.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _with_metadata(
    rows: pa.RecordBatch, batch: ShardBatch, taken: pa.Array | None, wanted: Sequence[tuple[str, str, pa.DataType]]
) -> pa.RecordBatch:
    columns, names = list(rows.columns), list(rows.schema.names)
    for name, key, arrow in wanted:
        column = _metadata(batch, key)
        if taken is not None:
            column = column.take(taken)
        if not column.type.equals(arrow):
            column = column.cast(pa.int64()).cast(arrow) if pa.types.is_timestamp(arrow) else column.cast(arrow)
        columns.append(column)
        names.append(name)
    return pa.RecordBatch.from_arrays(columns, names=names)


def _metadata(batch: ShardBatch, key: str) -> pa.Array:
    if key == "timestamp":
        found = batch.arrivals
    elif key == "sequence-number":
        found = batch.sequences() if batch.sequences is not None else None
    elif key == "partition-key":
        found = batch.keys.cast(pa.string()) if batch.keys is not None else None
    else:
        found = pa.repeat(pa.scalar(batch.shard), batch.count)
    arrow = pa.timestamp("us", tz="UTC") if key == "timestamp" else pa.string()
    return found if found is not None else pa.nulls(batch.count, arrow)
