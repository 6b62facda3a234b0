"""The fast and the slow way to decode give the same rows and the same dead letters."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.effort import examples

from gureum.sql.streaming.decode import decode_fast, decode_json, decode_slow

SCHEMA = pa.schema(
    [
        ("a", pa.float64()),
        ("s", pa.string()),
        ("i", pa.int32()),
        ("b", pa.bool_()),
        ("t", pa.timestamp("us")),
        ("z", pa.timestamp("us", tz="UTC")),
        ("d", pa.date32()),
    ]
)

TIMES = st.sampled_from(
    [
        "2013-12-02 21:15:00",
        "2013-12-02T21:15:00.5",
        "2013-12-02T21:15:00Z",
        "2013-12-02T21:15:00+09:00",
        "2013-12-02 21:15:00-0530",
        "2013-12-02",
        "yesterday",
        "2013-13-02",
        "",
        "2013-12-02T21:15:00.1234567",
        " 2013-12-02 21:15:00 ",
        "21:15:00",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.integers(-10, 10),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    TIMES,
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner), max_leaves=4
)
NAMES = st.sampled_from(["a", "s", "i", "b", "t", "z", "d", "x", "A"])
GOOD = st.fixed_dictionaries(
    {},
    optional={
        "a": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
        "s": st.text(max_size=8),
        "i": st.integers(-(2**31), 2**31 - 1),
        "b": st.booleans(),
        "t": TIMES,
        "z": TIMES,
        "d": st.sampled_from(["2013-12-02", "2013-12-99", "x"]),
        "x": VALUES,
    },
)
RAW = st.sampled_from(
    [
        b"",
        b" ",
        b"{}",
        b"null",
        b"[]",
        b"1",
        b'{"a":1}{"a":2}',
        b'{"a":1} {"a":2}',
        b'{"a":1}\n{"a":2}',
        b'{"a":\n1}',
        b'{"a":1}\n',
        b'\r\n{"a":1}\r\n',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1,"a":2}',
        b'{"x":1,"x":2,"a":3}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":1,}',
        b'{"i":5.0}',
        b'{"i":1e2}',
        b'{"s":"\\ud800"}',
        b'{"s":"\\u0000x"}',
        b'{"s":"\xff"}',
        b'{"s":"\t"}',
        b'{"a":{}',
        b'{"s":"x}',
        b'{"a":1}//x',
        b'"a"',
        b"{",
        b"}",
        b'{"te\\u006dp":1,"\\u0061":2}',
        b'{"x":' + b"[" * 1500 + b"]" * 1500 + b',"a":1}',
        b'{"s":"NaN"}',
    ]
)
RECORDS = st.lists(
    st.one_of(
        GOOD.map(lambda value: json.dumps(value, separators=(",", ":")).encode()),
        GOOD.map(lambda value: json.dumps(value, indent=1).encode()),
        st.dictionaries(NAMES, VALUES, max_size=4).map(lambda value: json.dumps(value).encode()),
        RAW,
        st.binary(max_size=6),
    ),
    max_size=12,
)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    return left == right


@settings(max_examples=examples(600), deadline=None, database=None)
@given(RECORDS)
def test_the_fast_way_gives_what_the_slow_way_gives(records: list[bytes]) -> None:
    payloads = pa.array(records, pa.binary())
    slow = decode_slow(payloads, SCHEMA)
    whole = decode_json(payloads, SCHEMA)
    assert whole.failures == slow.failures
    assert whole.rows.to_pylist() == slow.rows.to_pylist()
    fast = decode_fast(payloads, SCHEMA)
    if fast is not None:
        assert not slow.failures, slow.failures
        for one, other in zip(fast.to_pylist(), slow.rows.to_pylist(), strict=True):
            assert all(same(one[name], other[name]) for name in one), (one, other)


def test_good_records_go_the_fast_way() -> None:
    records = [
        orjson.dumps({"a": i / 7, "s": f"m{i}", "i": i, "b": True, "t": "2024-01-01T00:00:00"}) for i in range(9)
    ]
    assert decode_fast(pa.array(records, pa.binary()), SCHEMA) is not None
    ended = [record + b"\n" for record in records]
    assert decode_fast(pa.array(ended, pa.binary()), SCHEMA) is not None


def test_one_bad_record_does_not_make_all_others_slow() -> None:
    records = [orjson.dumps({"a": i}) for i in range(5000)]
    records[1234] = b"{"
    found = decode_json(pa.array(records, pa.binary()), SCHEMA)
    assert [index for index, _ in found.failures] == [1234]
    assert found.taken.to_pylist() == [i for i in range(5000) if i != 1234]
    assert found.rows.column("a")[1234].as_py() == 1235.0


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"a": 1', "not JSON: unexpected end of data at byte 7"),
        (b"", "not JSON: the record is empty"),
        (b'{"a": "hot"}', 'column a: expected DOUBLE, got STRING "hot"'),
        (b'{"i": 1.5}', "column i: expected INT, got DOUBLE 1.5"),
        (b'{"b": 0}', "column b: expected BOOLEAN, got BIGINT 0"),
        (b'{"s": {"x": 1}}', 'column s: expected STRING, got ROW {"x":1}'),
        (b'{"t": 5}', "column t: expected TIMESTAMP, got BIGINT 5"),
        (b'{"t": true}', "column t: expected TIMESTAMP, got BOOLEAN true"),
        (b"7", "expected a JSON object, got BIGINT 7"),
        (b"[" * 900 + b"]" * 900, "expected a JSON object, got ARRAY, nested too deeply to show"),
    ],
)
def test_reasons_name_the_column_and_what_was_found(record: bytes, reason: str) -> None:
    assert decode_json(pa.array([record], pa.binary()), SCHEMA).failures == [(0, reason)]


def test_nested_columns_are_checked_too() -> None:
    schema = pa.schema(
        [
            ("l", pa.list_(pa.int64())),
            ("r", pa.struct([("x", pa.int64()), ("at", pa.timestamp("us"))])),
            ("m", pa.map_(pa.string(), pa.float64())),
            ("p", pa.decimal128(6, 2)),
            ("y", pa.binary()),
        ]
    )
    good = b'{"l":[1,null],"r":{"x":2,"at":"2024-01-01 00:00:00","z":1},"m":{"k":1.5},"p":"12.25","y":"aGk="}'
    bad = b'{"l":[1,"x"]}'
    found = decode_json(pa.array([good, bad], pa.binary()), schema)
    row = found.rows.to_pylist()[0]
    assert row["l"] == [1, None]
    assert row["r"]["x"] == 2
    assert row["m"] == [("k", 1.5)]
    assert str(row["p"]) == "12.25"
    assert row["y"] == b"hi"
    assert found.failures == [(1, 'column l: expected BIGINT, got STRING "x"')]
