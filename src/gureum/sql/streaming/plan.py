"""What a standing query does, as data: one source, stages in a row, one sink.

Made by `planner` from a text; run by `pipeline`; shown by `explain()`. Pure and without I/O. Promise: two texts that do the
same have the same fingerprint (names of aliases, spaces and comments do not count), and a checkpoint is only ever
continued by a plan of its own fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from gureum.sql.streaming.expressions import Expression
from gureum.sql.types import sql_type
from gureum.types import Column

__all__ = [
    "Aggregate",
    "AggregateStage",
    "AssignStage",
    "MapStage",
    "Plan",
    "SinkPlan",
    "SourcePlan",
    "SourceSchema",
    "Stage",
    "WindowSpec",
    "duration_text",
]


@dataclass(frozen=True, slots=True)
class SourceSchema:
    """What the records of a stream look like, when the catalog says it and not the query's own CREATE TABLE.

    `computed` holds SQL texts over the other columns; `metadata` maps a column to what it takes from the record itself:
    timestamp, sequence-number, shard-id, partition-key.
    """

    stream: str
    columns: tuple[Column, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    computed: tuple[tuple[str, str], ...] = ()
    rowtime: str | None = None
    delay_us: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """The one stream that the query reads. `data` is decoded from the payload, `metadata` taken from the record."""

    name: str
    stream: str
    format: str
    data: pa.Schema
    metadata: tuple[tuple[str, str, pa.DataType], ...]
    computed: tuple[tuple[str, Expression], ...]
    order: tuple[str, ...]
    types: Mapping[str, pa.DataType]
    rowtime: str | None
    delay_us: int
    idle_timeout_s: float
    start: str
    future_us_max: int | None = None  # how far an event time may be ahead of its record's arrival

    @property
    def schema(self) -> pa.Schema:
        """All columns, in the order they were declared."""
        return pa.schema([(name, self.types[name]) for name in self.order])


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Windows of event time: `size` long, one every `slide`, starting at `offset` from 1970. Microseconds."""

    kind: str
    size_us: int
    slide_us: int
    offset_us: int = 0

    def describe(self) -> str:
        parts = [duration_text(self.size_us)]
        if self.kind != "TUMBLE":
            parts.insert(0, duration_text(self.slide_us))
        if self.offset_us:
            parts.append(f"offset {duration_text(self.offset_us)}")
        return f"{self.kind}({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class MapStage:
    """Keep the rows for which `condition` is true, then compute the columns."""

    condition: Expression | None
    columns: tuple[tuple[str, Expression], ...]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, expression.type) for name, expression in self.columns])


@dataclass(frozen=True, slots=True)
class AssignStage:
    """Give each row its window's bounds (several rows for one when windows overlap), without aggregating."""

    window: WindowSpec
    rowtime: str
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate: which function, over which column of the stage's input, under which name."""

    function: str
    argument: str | None
    name: str
    type: pa.DataType
    distinct: bool = False
    parameter: float | None = None
    separator: str | None = None
    keep: str | None = None  # a BOOLEAN column of the input: only its rows count (lists keep their NULLs)

    def describe(self) -> str:
        inner = self.argument or "*"
        if self.distinct:
            inner = f"DISTINCT {inner}"
        if self.parameter is not None:
            inner += f", {self.parameter:g}"
        return f"{self.function}({inner}) AS {self.name}"


@dataclass(frozen=True, slots=True)
class AggregateStage:
    """Group the rows of each window by the keys; give one row per group when the watermark passes the window's end."""

    window: WindowSpec
    rowtime: str
    keys: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    schema: pa.Schema


Stage = MapStage | AssignStage | AggregateStage


@dataclass(frozen=True, slots=True)
class SinkPlan:
    """Where the rows go: a table of the catalog, or a stream whose records are JSON."""

    name: str
    kind: str  # table | stream
    stream: str | None = None
    partition_key: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    text: str
    source: SourcePlan
    stages: tuple[Stage, ...]
    sink: SinkPlan
    schema: pa.Schema
    group_keys: tuple[str, ...]
    rowtime: str | None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The result's columns, as the catalog writes types."""
        return tuple(Column(item.name, sql_type(item.type)) for item in self.schema)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("\n".join(self._lines(sql=True)).encode()).hexdigest()[:32]

    def explain(self) -> str:
        """The plan, one line a step, from the sink down to the source."""
        lines = self._lines(sql=False)
        return "\n".join("  " * depth + line for depth, line in enumerate(lines))

    def _lines(self, *, sql: bool) -> list[str]:
        result = ", ".join(f"{column.name} {column.type}" for column in self.columns)
        where = f"stream {self.sink.stream!r}" if self.sink.kind == "stream" else f"table {self.sink.name!r}"
        lines = [f"Sink {where}: {result}"]
        for stage in reversed(self.stages):
            lines.extend(_stage_lines(stage, sql=sql))
        source = self.source
        columns = ", ".join(f"{name} {sql_type(source.types[name])}" for name in source.order)
        for name, expression in source.computed:
            columns += f"; {name} = {expression.sql if sql else expression.text}"
        for name, key, _ in source.metadata:
            columns += f"; {name} = metadata {key}"
        watermark = f", watermark {source.rowtime} - {duration_text(source.delay_us)}" if source.rowtime else ""
        lines.append(f"Source stream {source.stream!r} ({source.format}): {columns}{watermark}")
        return lines


def _stage_lines(stage: Stage, *, sql: bool) -> list[str]:
    if isinstance(stage, AssignStage):
        return [f"Window {stage.window.describe()} on {stage.rowtime}"]
    if isinstance(stage, AggregateStage):
        aggregates = ", ".join(aggregate.describe() for aggregate in stage.aggregates)
        keys = ", ".join(stage.keys) or "all rows"
        return [f"Aggregate {stage.window.describe()} on {stage.rowtime} by {keys}: {aggregates}"]
    columns = ", ".join(
        name if expression.pick == name else f"{expression.sql if sql else expression.text} AS {name}"
        for name, expression in stage.columns
    )
    lines = [f"Project {columns}"]
    if stage.condition is not None:
        lines.append(f"Filter {stage.condition.sql if sql else stage.condition.text}")
    return lines


def duration_text(us: int) -> str:
    """`90000000` is `90 s`: the largest unit that divides it."""
    for unit, length in (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000)):
        if us and us % length == 0:
            return f"{us // length} {unit}"
    return f"{us // 1000} ms" if us % 1000 == 0 else f"{us} us"
