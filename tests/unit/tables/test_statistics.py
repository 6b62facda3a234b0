"""Statistics never hide a row: whatever is written, a reader that skips files by them finds what a plain filter finds."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.effort import examples

from gureum.sql.engine import delta_extension
from gureum.tables.statistics import file_statistics
from gureum.tables.table import Table

TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)

# A column's Arrow type, values that it can have, and how DuckDB writes one.
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any], str]] = {
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), "BIGINT"),
    "small": (pa.int8(), st.integers(-128, 127), "TINYINT"),
    "real": (pa.float64(), st.floats() | st.sampled_from([0.0, -0.0, 0.1, 1e-320, math.inf, -math.inf]), "DOUBLE"),
    "short": (pa.float32(), st.floats(width=32), "FLOAT"),
    "text": (pa.string(), TEXT | st.sampled_from(["", "\uffff" * 3, "z" * 64, "z" * 65, "é", "가"]), "VARCHAR"),
    "day": (pa.date32(), st.dates(date(1600, 1, 1), date(2900, 1, 1)), "DATE"),
    "time": (pa.timestamp("us"), TIMES, "TIMESTAMP"),
    "instant": (pa.timestamp("us", "UTC"), TIMES.map(lambda t: t.replace(tzinfo=UTC)), "TIMESTAMPTZ"),
}

NUMBERS = itertools.count()

OPERATORS = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


@pytest.fixture(scope="module")
def duck():
    connection = duckdb.connect(config={"allow_unsigned_extensions": True})
    connection.execute(f"LOAD '{delta_extension()}'")
    connection.execute("SET TimeZone = 'UTC'")
    yield connection
    connection.close()


def ordered(value: Any) -> Any:
    """DuckDB's order: NaN is above everything and equal to itself."""
    return (1, 0.0) if isinstance(value, float) and math.isnan(value) else (0, value)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=examples(20),
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_filtered_read_finds_each_row_that_a_plain_filter_finds(kind: str, data: st.DataObject, duck, tmp_path: Path):
    arrow, values, sql_type = KINDS[kind]
    files = data.draw(st.lists(st.lists(st.none() | values, min_size=1, max_size=4), min_size=1, max_size=3))
    location = tmp_path / str(next(NUMBERS))
    table = Table.create(str(location), pa.schema([("n", pa.int64()), ("v", arrow)]))
    rows = []
    staged = []
    for values_of_file in files:
        column = pa.array(values_of_file, arrow)
        numbers = list(range(len(rows), len(rows) + len(column)))
        staged += table.stage(pa.table({"n": numbers, "v": column}))
        rows += zip(numbers, column.to_pylist(), strict=True)
    table.commit(staged)
    present = [value for _, value in rows if value is not None]
    bound = pa.array([data.draw(st.sampled_from(present) | values if present else values)], arrow)[0].as_py()
    operator = data.draw(st.sampled_from(list(OPERATORS)))
    wanted = [n for n, v in rows if v is not None and OPERATORS[operator](ordered(v), ordered(bound))]
    scan = f"SELECT n FROM delta_scan('{location}') WHERE "
    # A literal, not only a parameter: that is what readers push down to the files' statistics.
    literal = _literal(bound, sql_type)
    found = [row[0] for row in duck.execute(f"{scan} v {operator} {literal} ORDER BY n").fetchall()]
    assert found == wanted, f"v {operator} {literal} over {files}"
    nulls = [row[0] for row in duck.execute(f"{scan} v IS NULL ORDER BY n").fetchall()]
    assert nulls == [n for n, v in rows if v is None]
    whole = [row[0] for row in duck.execute(f"{scan} v IS NOT NULL ORDER BY n").fetchall()]
    assert whole == [n for n, v in rows if v is not None]


def _literal(value: Any, sql_type: str) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float):
        return f"'{value!r}'::{sql_type}"
    if isinstance(value, int):
        return f"({value})::{sql_type}"
    return f"'{value.isoformat()}'::{sql_type}"


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_nan_is_above_everything_and_not_hidden_by_the_parquet_files_own_bounds(
    kind: pa.DataType, duck, tmp_path: Path
):
    table = Table.create(str(tmp_path / "t"), pa.schema([("v", kind)]))
    table.append(pa.table({"v": pa.array([math.nan, 0.0], kind)}))
    assert duck.execute(f"SELECT count(*) FROM delta_scan('{table.location}') WHERE v > 0.0").fetchone() == (1,)


def test_a_bound_that_cannot_be_stated_safely_is_left_out():
    def stated(values: list[Any], kind: pa.DataType) -> tuple[Any, Any]:
        body = json.loads(file_statistics(pa.table({"v": pa.array(values, kind)})))
        assert body["numRecords"] == len(values)
        assert body["nullCount"] == {"v": values.count(None)}
        return body["minValues"].get("v"), body["maxValues"].get("v")

    assert stated([3, None, 1], pa.int64()) == (1, 3)
    assert stated([None, None], pa.int64()) == (None, None)
    assert stated([1.0, math.nan], pa.float64()) == (None, None)
    assert stated([1.0, math.inf], pa.float64()) == (None, None)
    assert [math.copysign(1, bound) for bound in stated([0.0], pa.float64())] == [-1, 1]
    assert [math.copysign(1, bound) for bound in stated([-0.0], pa.float32())] == [-1, 1]
    assert stated(["a", "b" * 65], pa.string()) == (None, None)
    assert stated([b"a"], pa.binary()) == (None, None)
    assert stated([True], pa.bool_()) == (None, None)
    assert stated([2**63 - 1, 0], pa.timestamp("us")) == (None, None)  # 'infinity'
    assert stated([253_402_300_799_999_999], pa.timestamp("us")) == (
        None,
        None,
    )  # its millisecond ends in the year 10000


def test_a_times_bounds_are_rounded_away_from_it():
    moment = datetime(2026, 1, 31, 23, 59, 59, 999_500)
    body = json.loads(file_statistics(pa.table({"v": pa.array([moment], pa.timestamp("us"))})))
    assert body["minValues"]["v"] == "2026-01-31T23:59:59.999"
    assert body["maxValues"]["v"] == "2026-02-01T00:00:00.000"
    assert datetime.fromisoformat(body["maxValues"]["v"]) - moment < timedelta(milliseconds=1)
