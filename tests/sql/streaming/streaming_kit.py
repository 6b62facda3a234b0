"""What the tests of streaming SQL share: a query over records in memory, and DuckDB's answer over the whole input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gureum.errors import InvalidInput
from gureum.sql.streaming.alerts import AlertEvent, AlertSpec
from gureum.sql.streaming.decode import decode_slow
from gureum.sql.streaming.duck import quoted
from gureum.sql.streaming.plan import AggregateStage, AssignStage, MapStage, Plan, SourceSchema
from gureum.sql.streaming.query import QueryOptions, QuerySpec, StandingQuery
from gureum.sql.streaming.sinks import FolderTables
from gureum.sql.streaming.sources import MemorySource, Source
from gureum.testing.clock import ManualClock


class Bench:
    """A place to run one query in: a folder, a clock, a source. `crash` drops the query as kill -9 would."""

    def __init__(
        self,
        folder: Path,
        text: str,
        *,
        source: Source | None = None,
        lookup: Callable[[str], SourceSchema | None] = lambda _: None,
        into: str | None = None,
        alert: AlertSpec | None = None,
        options: QueryOptions | None = None,
    ) -> None:
        self.folder = folder
        self.spec = QuerySpec("q-1", "watch", text, into, alert, options or QueryOptions())
        self.source = source or MemorySource()
        self.lookup = lookup
        self.clock = ManualClock()
        self.tables = FolderTables(folder / "tables")
        self.events: list[AlertEvent] = []
        self.written: list[tuple[str, list[bytes], list[bytes], tuple[str, int]]] = []
        self.on_act: Callable[[str], None] = lambda _: None
        self.query: StandingQuery | None = None

    def put(self, stream: str, keys: Sequence[bytes], data: Sequence[bytes], *, producer: tuple[str, int]) -> None:
        """The stream writer: keeps each number of a producer once."""
        if all(producer != known for _, _, _, known in self.written):
            self.written.append((stream, list(keys), list(data), producer))

    def open(self, *, reset: bool = False) -> StandingQuery:
        self.query = StandingQuery(
            self.spec,
            lookup=self.lookup,
            source=lambda _: self.source,
            tables=self.tables,
            writer=self,
            folder=self.folder / "checkpoints",
            clock=self.clock,
            notify=lambda events: self.events.extend(events),
            on_act=lambda act: self.on_act(act),
        )
        self.query.open(reset=reset)
        return self.query

    def run(self) -> StandingQuery:
        """Step until there is nothing to read."""
        query = self.query or self.open()
        while query.step() or query.has_input():
            if query.finished:
                break
        return query

    def crash(self) -> None:
        if self.query is not None:
            self.query.close()
        self.query = None
        self.tables = FolderTables(self.folder / "tables")

    def table(self, name: str | None = None) -> pa.Table | None:
        """What a reader sees in a table."""
        if name is None:
            assert self.query is not None
            name = self.query.plan.sink.name
        table = FolderTables(self.folder / "tables").open(name)
        return read_table(table.location) if table is not None else None


def read_table(location: str) -> pa.Table:
    from deltalake import DeltaTable

    return DeltaTable(location).to_pyarrow_table()


def plain(value: Any) -> Any:
    """A value as the golden files write it."""
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ") + "Z"
        return value.isoformat(sep=" ")
    if isinstance(value, (date, Decimal)):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def plain_rows(table: pa.Table | None) -> list[dict[str, Any]]:
    return [] if table is None else [plain(row) for row in table.to_pylist()]


def same_rows(left: Sequence[dict[str, Any]], right: Sequence[dict[str, Any]]) -> None:
    """Equal as sets with repeats, doubles to 1e-9."""

    def key(row: dict[str, Any]) -> str:
        exact = [value for _, value in sorted(row.items()) if not isinstance(value, float)]
        return repr([exact, [f"{value:.9e}" for _, value in sorted(row.items()) if isinstance(value, float)]])

    left, right = sorted(left, key=key), sorted(right, key=key)
    assert len(left) == len(right), f"{len(left)} rows, expected {len(right)}\n{left[:5]}\n{right[:5]}"
    for one, other in zip(left, right, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            wanted = other[name]
            if isinstance(value, float) and isinstance(wanted, float):
                assert value == wanted or math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9), (name, one, other)
            else:
                assert value == wanted, (name, one, other)


# DuckDB over the whole input -----------------------------------------------------------------------------------------


def oracle(plan: Plan, payloads: Sequence[bytes]) -> pa.Table:
    """The plan's answer over all records at once. Shares the expressions with the engine, nothing of its windows."""
    rows = pa.Table.from_batches([decode_slow(pa.array(list(payloads), pa.binary()), plan.source.data).rows])
    return oracle_of_rows(plan, rows)


def oracle_of_rows(plan: Plan, rows: pa.Table) -> pa.Table:
    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'")
    con.register("input", rows)
    source = plan.source
    computed = "".join(f", {expression.sql} AS {quoted(name)}" for name, expression in source.computed)
    sql = f"SELECT *{computed} FROM input"
    if source.rowtime:
        sql = f"SELECT * FROM ({sql}) WHERE {quoted(source.rowtime)} IS NOT NULL"
    for stage in plan.stages:
        if isinstance(stage, MapStage):
            where = f" WHERE {stage.condition.sql}" if stage.condition is not None else ""
            columns = ", ".join(f"{expression.sql} AS {quoted(name)}" for name, expression in stage.columns)
            sql = f"SELECT {columns} FROM ({sql}){where}"
        else:
            sql = _windowed(stage, sql)
    return con.execute(sql).to_arrow_table().cast(plan.schema)


def _windowed(stage: AssignStage | AggregateStage, sql: str) -> str:
    window, time = stage.window, f"epoch_us({quoted(stage.rowtime)})"
    assert time
    w_size, w_slide, w_off = window.size_us, window.slide_us, window.offset_us
    zone = "TIMESTAMPTZ" if stage.schema.field("window_start").type.tz else "TIMESTAMP"
    make = "make_timestamptz" if zone == "TIMESTAMPTZ" else "make_timestamp"

    def floor(step: int) -> str:
        return f"(CAST(floor(({time} - {w_off})::DOUBLE / {step}) AS BIGINT) * {step} + {w_off})"

    if window.kind == "CUMULATE":
        first = floor(w_size)
        spans = (
            f"SELECT {first} AS s, {first} + k * {w_slide} AS e FROM range(1, {w_size // w_slide} + 1) r(k)"
            f" WHERE {first} + k * {w_slide} > {time}"
        )
    else:
        spans = (
            f"SELECT {floor(w_slide)} - k * {w_slide} AS s, {floor(w_slide)} - k * {w_slide} + {w_size} AS e "
            f"FROM range(0, {-(-w_size // w_slide)}) r(k) WHERE {floor(w_slide)} - k * {w_slide} + {w_size} > {time}"
        )
    bounds = f"{make}(s) AS window_start, {make}(e) AS window_end, {make}(e - 1000) AS window_time"
    if isinstance(stage, AssignStage):
        names = ", ".join(
            quoted(name) for name in stage.schema.names if name not in {"window_start", "window_end", "window_time"}
        )
        return f"SELECT {names}, {bounds} FROM ({sql}), LATERAL ({spans})"
    keys = [quoted(key) for key in stage.keys]
    aggregates = [f"{_aggregate(item, quoted(stage.rowtime))} AS {quoted(item.name)}" for item in stage.aggregates]
    selected = ", ".join([*keys, bounds, *aggregates])
    return f"SELECT {selected} FROM ({sql}), LATERAL ({spans}) GROUP BY {', '.join([*keys, 's', 'e'])}"


def _aggregate(item: Any, time: str) -> str:
    value = quoted(item.argument) if item.argument else "*"
    distinct = "DISTINCT " if item.distinct else ""
    if item.function == "PERCENTILE":
        return f"quantile_cont({value}::DOUBLE, {item.parameter})"
    if item.function == "FIRST_VALUE":
        return f"arg_min({value}, {time})"
    if item.function == "LAST_VALUE":
        return f"arg_max({value}, {time})"
    if item.function in {"ARRAY_AGG", "LISTAGG"}:
        raise InvalidInput("lists are not compared", code="test.oracle")
    return f"{item.function.lower()}({distinct}{value})"
