"""An expression's Arrow function gives what DuckDB gives; NULLs and three-valued logic included."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.effort import examples

from gureum.sql.streaming.dialect import parse_expression
from gureum.sql.streaming.duck import Duck
from gureum.sql.streaming.evaluate import evaluate_columns, run_map
from gureum.sql.streaming.expressions import Compiler, Scope
from gureum.sql.streaming.plan import MapStage

TYPES = {
    "x": pa.float64(),
    "y": pa.float64(),
    "n": pa.int32(),
    "m": pa.int32(),
    "s": pa.string(),
    "b": pa.bool_(),
    "t": pa.timestamp("us"),
    "u": pa.timestamp("us"),
}
DUCK = Duck()

_doubles = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32)
_ints = st.none() | st.integers(-5, 5)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "x": _doubles,
            "y": _doubles,
            "n": _ints,
            "m": _ints,
            "s": st.none() | st.sampled_from(["a", "b", ""]),
            "b": st.none() | st.booleans(),
            "t": st.none() | st.integers(0, 9),
            "u": st.none() | st.integers(0, 9),
        }
    ),
    min_size=1,
    max_size=8,
)
_numbers = st.sampled_from(["x", "y", "1.5", "-2", "x + y", "x * 2", "y - 0.5", "(x - y)", "x / 4"])
_compare = st.sampled_from(["=", "<>", ">", ">=", "<", "<="])
_atoms = st.one_of(
    st.tuples(st.sampled_from(["x", "y", "x + y"]), _compare, _numbers).map(" ".join),
    st.tuples(st.sampled_from(["n", "m"]), _compare, st.sampled_from(["m", "3", "0", "-1"])).map(" ".join),
    st.tuples(st.just("s"), _compare, st.sampled_from(["'a'", "'b'", "s"])).map(" ".join),
    st.tuples(st.just("t"), _compare, st.just("u")).map(" ".join),
    st.sampled_from(["b", "TRUE", "FALSE", "x IS NULL", "s IS NOT NULL", "n BETWEEN -1 AND 3", "x BETWEEN y AND 9.5"]),
    st.sampled_from(["3 > n", "1.5 <= x"]),
)
CONDITIONS = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=5,
)


def compiled(text: str):
    return Compiler(text, Scope(TYPES), DUCK).compile(parse_expression(text))


def batch_of(rows: list[dict]) -> pa.RecordBatch:
    columns = [pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()]
    return pa.RecordBatch.from_arrays(columns, names=list(TYPES))


@settings(max_examples=examples(250), deadline=None, database=None)
@given(CONDITIONS, ROWS)
def test_conditions_are_the_same_in_arrow_and_duckdb(text: str, rows: list[dict]) -> None:
    expression = compiled(text)
    batch = batch_of(rows)
    wanted = DUCK.select([expression.sql], batch).column(0).to_pylist()
    (found,), bad = evaluate_columns([expression], batch, DUCK)
    assert not bad
    assert found.to_pylist() == wanted, expression.sql


@pytest.mark.parametrize(
    "text", ["x > 90", "x > 90 AND s = 'a'", "NOT b OR n >= 3", "x * 9 / 5 + 32", "t < u", "x IS NULL"]
)
def test_common_filters_do_without_duckdb(text: str) -> None:
    assert compiled(text).vector is not None


def test_a_failing_row_is_set_aside_and_the_others_go_on() -> None:
    names = ["1", "x", None, "3", "4.9", "", "99999999999"]
    batch = pa.RecordBatch.from_arrays([pa.array(names)], names=["s"])
    text = "CAST(s AS INT)"
    expression = Compiler(text, Scope({"s": pa.string()}), DUCK).compile(parse_expression(text))
    mapped = run_map(MapStage(None, (("i", expression),)), batch, DUCK)
    assert mapped.rows.column("i").to_pylist() == [1, None, 3, 4]
    assert [index for index, _ in mapped.failures] == [1, 5, 6]
    assert "Could not convert string 'x' to INT32" in mapped.failures[0][1]


def test_many_failing_rows_are_found_at_once() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([str(i) if i % 2 else f"x{i}" for i in range(5000)])], names=["s"])
    text = "CAST(s AS BIGINT)"
    expression = Compiler(text, Scope({"s": pa.string()}), DUCK).compile(parse_expression(text))
    mapped = run_map(MapStage(None, (("i", expression),)), batch, DUCK)
    assert mapped.rows.num_rows == 2500
    assert len(mapped.failures) == 2500


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7.0 / 2", 3.5),
        ("CAST(1.9 AS INT)", 1),
        ("CAST(-1.9 AS INT)", -1),
        ("CAST('1.9' AS INT)", 1),
        ("CAST(TRUE AS STRING)", "TRUE"),
        ("CONCAT('a', CAST(NULL AS STRING))", None),
        ("GREATEST(1, CAST(NULL AS INT), 3)", None),
        ("LOG10(100)", 2.0),
        ("LOG(2, 8)", 3.0),
        ("DAYOFWEEK(TIMESTAMP '2024-01-07 00:00:00')", 1),
        ("EXTRACT(MILLISECOND FROM TIMESTAMP '2024-01-07 00:00:59.250')", 250),
        ("REGEXP_EXTRACT('abc', 'x(.)', 1)", None),
        ("REGEXP_REPLACE('a1b2', '([0-9])', '<$1>')", "a<1>b<2>"),
        ("SPLIT_INDEX('a,b', ',', 5)", None),
        ("SPLIT_INDEX('a,b', ',', 1)", "b"),
        ("DATE_FORMAT(TIMESTAMP '2024-01-07 01:02:03', 'yyyy/MM/dd HH-mm')", "2024/01/07 01-02"),
        ("TIMESTAMPDIFF(HOUR, TIMESTAMP '2024-01-07 01:30:00', TIMESTAMP '2024-01-07 03:00:00')", 1),
        ("CAST(TIMESTAMPADD(DAY, 2, DATE '2024-01-07') AS STRING)", "2024-01-09 00:00:00"),
        ("CHAR_LENGTH('구름')", 2),
        ("NULL IS NOT DISTINCT FROM NULL", True),
        ("1 IN (2, NULL)", None),
        ("JSON_VALUE('{\"a\": {\"b\": 5}}', '$.a.b')", "5"),
        ("JSON_VALUE('nonsense', '$.a')", None),
        ("IF(2 > 1, 'yes', 'no')", "yes"),
        ("LOCATE('b', 'abcb', 3)", 4),
        ("TRIM(LEADING 'x' FROM 'xxax')", "ax"),
        ("SUBSTRING('hello' FROM 2 FOR 3)", "ell"),
        ("POSITION('l' IN 'hello')", 3),
        ("TO_TIMESTAMP('nonsense')", None),
        ("FROM_UNIXTIME(0)", "1970-01-01 00:00:00"),
    ],
)
def test_functions_mean_what_flink_means(text: str, value: object) -> None:
    expression = compiled(text)
    (found,), bad = evaluate_columns([expression], batch_of([dict.fromkeys(TYPES)]), DUCK)
    assert not bad
    assert found.to_pylist() == [value]
