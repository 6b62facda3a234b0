"""From a CREATE TABLE, or from what the catalog knows of a stream, to the source of a plan.

Called by `planner`. Pure. Checks column types, metadata keys, the watermark and every option, each error at its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from gureum.errors import InvalidInput
from gureum.names import did_you_mean
from gureum.sql.streaming.dialect import parse_expression, sql_error
from gureum.sql.streaming.duck import Duck
from gureum.sql.streaming.expressions import Compiler, Scope, interval_us, place_of
from gureum.sql.streaming.plan import SourcePlan, SourceSchema
from gureum.sql.streaming.script import ColumnDeclaration, TableDeclaration
from gureum.sql.types import TIMESTAMP_LTZ, arrow_type, sql_type

__all__ = [
    "IDLE_TIMEOUT_S",
    "IGNORED_OPTIONS",
    "METADATA",
    "OPTIONS",
    "SourceOptions",
    "read_options",
    "source_of_declaration",
    "source_of_schema",
]

# A shard that is read to its end and gets nothing for so long no longer holds the watermark back. Long enough for a
# producer's pause, short enough that a stream with an empty shard still shows its windows while a person is looking.
IDLE_TIMEOUT_S = 10.0

METADATA: dict[str, pa.DataType] = {
    "timestamp": TIMESTAMP_LTZ,
    "sequence-number": pa.string(),
    "shard-id": pa.string(),
    "partition-key": pa.string(),
}
FORMATS = ("json", "arrow")
_STARTS = {
    "earliest": "earliest",
    "trim_horizon": "earliest",
    "latest": "latest",
}
# Options of Flink's Kinesis connector that a script may bring and that say nothing here.
IGNORED_OPTIONS = {"aws.region", "aws.endpoint", "json.ignore-parse-errors", "json.timestamp-format.standard"}
OPTIONS = (
    "stream",
    "connector",
    "format",
    "scan.startup.mode",
    "scan.stream.initpos",
    "scan.watermark.idle-timeout",
    "scan.watermark.max-future-drift",
    "sink.partition-key",
)


@dataclass(frozen=True, slots=True)
class SourceOptions:
    stream: str
    format: str
    start: str
    idle_timeout_s: float
    future_us_max: int | None
    partition_key: str | None


def read_options(options: Mapping[str, str], name: str, text: str, at: int) -> SourceOptions:
    """The WITH (...) of a table; InvalidInput names an option that does not exist, with its near names."""

    def fail(message: str, hint: str | None = None) -> InvalidInput:
        return sql_error(text, at, f"table {name!r}: {message}", code="sql.option", hint=hint)

    for key in options:
        if key not in OPTIONS and key not in IGNORED_OPTIONS:
            raise fail(f"there is no option {key!r}", did_you_mean(key, OPTIONS) or f"options: {', '.join(OPTIONS)}")
    connector = options.get("connector", "kinesis")
    if connector not in {"kinesis", "gureum"}:
        raise fail(
            f"there is no connector {connector!r}", "leave 'connector' out: a table reads a stream of this place"
        )
    form = options.get("format", "json")
    if form not in FORMATS:
        raise fail(f"there is no format {form!r}", f"formats: {', '.join(FORMATS)}")
    start = options.get("scan.startup.mode", options.get("scan.stream.initpos", "earliest")).lower()
    if start not in _STARTS:
        raise fail(f"{start!r} is not a place to start", "use 'earliest' or 'latest'")
    idle = options.get("scan.watermark.idle-timeout")
    try:
        idle_s = IDLE_TIMEOUT_S if idle is None else seconds_of(idle)
    except ValueError:
        raise fail(f"{idle!r} is not a time", "write '10 s', '500 ms' or '1 min'; '0 s' waits for ever") from None
    drift = options.get("scan.watermark.max-future-drift")
    try:
        future_us = None if drift is None else round(seconds_of(drift) * 1_000_000)
    except ValueError:
        raise fail(f"{drift!r} is not a time", "write '1 min', '1 h'; leave it out to take any time") from None
    return SourceOptions(
        options.get("stream", name), form, _STARTS[start], idle_s, future_us, options.get("sink.partition-key")
    )


_DURATION = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*(ms|s|sec|second|seconds|min|minute|minutes|m|h|hour|hours|d|day|days)\s*"
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str) -> float:
    """`'10 s'` in seconds; ValueError if it is not a duration."""
    match = _DURATION.fullmatch(text.lower())
    if match is None:
        raise ValueError(text)
    unit = match.group(2)
    return float(match.group(1)) * _SECONDS["ms" if unit == "ms" else unit[0]]


def source_of_declaration(text: str, table: TableDeclaration, duck: Duck) -> SourcePlan:
    options = read_options(table.options, table.name, text, table.at)
    types: dict[str, pa.DataType] = {}
    data: list[tuple[str, pa.DataType]] = []
    metadata: list[tuple[str, str, pa.DataType]] = []
    for column in table.columns:
        if column.name in types or any(column.name == other.name for other in table.columns if other is not column):
            raise sql_error(text, column.at, f"column {column.name!r} is declared twice", code="sql.duplicate")
        if column.expression is not None:
            continue
        types[column.name] = _declared_type(text, column)
        if column.metadata is None:
            data.append((column.name, types[column.name]))
        else:
            metadata.append((column.name, _metadata_key(text, column, types[column.name]), types[column.name]))
    compiler = Compiler(text, Scope(types, table.name), duck)
    computed = [
        (column.name, compiler.compile(column.expression)) for column in table.columns if column.expression is not None
    ]
    for name, expression in computed:
        types[name] = expression.type
    rowtime, delay_us = _watermark(text, table, types)
    return SourcePlan(
        name=table.name,
        stream=options.stream,
        format=options.format,
        data=pa.schema(data),
        metadata=tuple(metadata),
        computed=tuple(computed),
        order=tuple(column.name for column in table.columns),
        types=types,
        rowtime=rowtime,
        delay_us=delay_us,
        idle_timeout_s=options.idle_timeout_s,
        future_us_max=options.future_us_max,
        start=options.start,
    )


def source_of_schema(text: str, name: str, schema: SourceSchema, duck: Duck) -> SourcePlan:
    """The same from the catalog's knowledge; its computed columns are texts of their own."""
    options = read_options(schema.options, schema.stream, text, 0)
    types = {column.name: arrow_type(column.type) for column in schema.columns}
    data = pa.schema([(column.name, types[column.name]) for column in schema.columns])
    metadata = []
    for column_name, key in schema.metadata.items():
        if key not in METADATA:
            raise InvalidInput(f"there is no metadata {key!r}", code="sql.metadata", hint=did_you_mean(key, METADATA))
        types[column_name] = METADATA[key]
        metadata.append((column_name, key, METADATA[key]))
    computed = []
    for column_name, sql in schema.computed:
        compiled = Compiler(sql, Scope(types, name), duck).compile(parse_expression(sql))
        computed.append((column_name, compiled))
    for column_name, compiled in computed:
        types[column_name] = compiled.type
    if schema.rowtime is not None and not pa.types.is_timestamp(types.get(schema.rowtime, pa.null())):
        raise InvalidInput(
            f"stream {schema.stream!r}: its time column {schema.rowtime!r} must be a TIMESTAMP", code="sql.watermark"
        )
    return SourcePlan(
        name=name,
        stream=schema.stream,
        format=options.format,
        data=data,
        metadata=tuple(metadata),
        computed=tuple(computed),
        order=tuple(types),
        types=types,
        rowtime=schema.rowtime,
        delay_us=schema.delay_us,
        idle_timeout_s=options.idle_timeout_s,
        future_us_max=options.future_us_max,
        start=options.start,
    )


def _declared_type(text: str, column: ColumnDeclaration) -> pa.DataType:
    try:
        return arrow_type(column.type or "")
    except InvalidInput as error:
        raise sql_error(
            text, column.at, f"column {column.name!r}: {error.message}", code="sql.type", hint=error.hint
        ) from None


def _metadata_key(text: str, column: ColumnDeclaration, arrow: pa.DataType) -> str:
    key = column.metadata or ""
    wanted = METADATA.get(key)
    if wanted is None:
        raise sql_error(
            text,
            column.at,
            f"column {column.name!r}: there is no metadata {key!r}",
            code="sql.metadata",
            hint=did_you_mean(key, METADATA) or f"metadata: {', '.join(METADATA)}",
        )
    if arrow != wanted and not (pa.types.is_timestamp(arrow) and pa.types.is_timestamp(wanted)):
        raise sql_error(
            text, column.at, f"column {column.name!r}: metadata {key!r} is {sql_type(wanted)}", code="sql.metadata"
        )
    return key


def _watermark(text: str, table: TableDeclaration, types: Mapping[str, pa.DataType]) -> tuple[str | None, int]:
    """The time column and how far it may be out of order: `ts`, or `ts - INTERVAL '5' SECOND`."""
    rowtime, node = table.rowtime, table.watermark
    if rowtime is None or node is None:
        return None, 0
    if rowtime not in types:
        raise sql_error(
            text,
            table.rowtime_at,
            f"there is no column {rowtime!r}",
            code="sql.unknown_column",
            hint=did_you_mean(rowtime, types),
        )
    if not pa.types.is_timestamp(types[rowtime]):
        raise sql_error(
            text,
            table.rowtime_at,
            f"the time column {rowtime!r} must be TIMESTAMP or TIMESTAMP_LTZ, it is {sql_type(types[rowtime])}",
            code="sql.watermark",
            hint=f"add a column such as `event_time AS TO_TIMESTAMP_LTZ({rowtime}, 3)`",
        )
    if isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Column) and node.name == rowtime:
        return rowtime, 0
    is_delayed = isinstance(node, exp.Sub) and isinstance(node.this, exp.Column) and node.this.name == rowtime
    if is_delayed and isinstance(node.expression, exp.Interval):
        return rowtime, interval_us(text, node.expression)
    raise sql_error(
        text,
        place_of(node),
        "the watermark must be the time column, or it minus an interval",
        code="sql.watermark",
        hint=f"WATERMARK FOR {rowtime} AS {rowtime} - INTERVAL '5' SECOND",
    )
