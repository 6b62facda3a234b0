"""Cells as PostgreSQL itself would print and send them."""

import datetime as dt
import decimal

import pyarrow as pa
import pytest

from gureum.gateways.postgres.encoding import encode
from gureum.gateways.postgres.parameters import array_cells, decode
from gureum.gateways.postgres.rows import columns_of, data_rows
from gureum.gateways.postgres.types import BY_OID, pg_type


def cells(values, kind, *, binary=False, zone="UTC"):
    column = pa.array(values, kind)
    return encode(column, pg_type(column.type), binary=binary, zone=zone).to_pylist()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0.0, b"0"), (-0.0, b"-0"), (1.0, b"1"), (0.1, b"0.1"), (1e14, b"100000000000000"), (1e15, b"1e+15"), (1e-4, b"0.0001"),
        (1.5e-7, b"1.5e-07"), (9.99e-5, b"9.99e-05"), (float("nan"), b"NaN"), (float("-inf"), b"-Infinity"), (None, None),
        (1e300, b"1e+300"), (123456.789, b"123456.789"),
    ],
)  # fmt: skip
def test_a_float_is_written_as_postgresql_writes_it(value, word):
    assert cells([value, 2.5], pa.float64()) == [word, b"2.5"]


def test_an_instant_is_told_on_the_sessions_clock():
    moments = [dt.datetime(2024, 1, 1, 12, 0, 0, 120000, dt.UTC), dt.datetime(2024, 7, 1, tzinfo=dt.UTC), None]
    kind = pa.timestamp("us", "UTC")
    assert cells(moments, kind) == [b"2024-01-01 12:00:00.12+00", b"2024-07-01 00:00:00+00", None]
    assert cells(moments, kind, zone="Asia/Kolkata")[0] == b"2024-01-01 17:30:00.12+05:30"
    assert cells(moments, kind, zone="America/New_York")[1] == b"2024-06-30 20:00:00-04"


def test_small_decimals_have_no_exponent():
    assert cells([decimal.Decimal("-0.0000000001")], pa.decimal128(38, 10)) == [b"-0.0000000001"]


@pytest.mark.parametrize(
    "word", ["0", "1", "-1", "0.05", "12345.6789", "-99999999.00000001", "10000", "123456789012345678901234"]
)
def test_a_decimal_goes_there_and_back_in_binary(word):
    value = decimal.Decimal(word)
    (data,) = cells([value], pa.decimal128(38, 10), binary=True)
    assert decode(data, BY_OID[1700], binary=True, number=1) == value


def test_arrays_quote_what_they_must():
    values = [["a", "b c", None, 'q"\\x', "", "NULL"], [], None]
    words = cells(values, pa.list_(pa.string()))
    assert words == [b'{a,"b c",NULL,"q\\"\\\\x","","NULL"}', b"{}", None]
    assert array_cells(words[0].decode()) == values[0]
    binary = cells(values, pa.list_(pa.string()), binary=True)
    assert decode(binary[0], BY_OID[1009], binary=True, number=1) == values[0]


def test_nested_values_are_json():
    assert cells([{"x": [1, None]}], pa.struct([("x", pa.list_(pa.int64()))])) == [b'{"x": [1, null]}']


def test_rows_are_framed():
    batch = pa.record_batch({"n": pa.array([1, None], pa.int32()), "s": pa.array(["é", ""])})
    framed = b"".join(data_rows(batch, columns_of(batch.schema), [1, 0], zone="UTC"))
    first = b"D\x00\x00\x00\x14\x00\x02\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x02\xc3\xa9"
    assert framed == first + b"D\x00\x00\x00\x0e\x00\x02\xff\xff\xff\xff\x00\x00\x00\x00"
