"""Every form of body to the same rows, and every mistake in one named by its column."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from gureum.errors import InvalidInput, LimitExceeded
from gureum.serving.bodies import ARROW, ROWS_MAX, answered, asked
from gureum.serving.signature import Input, Signature

SIGNATURE = Signature((Input("temp", "double"), Input("n", "long")), numeric=True)
MIXED = Signature(
    (Input("temp", "double"), Input("n", "integer"), Input("ok", "boolean"), Input("name", "string"),
     Input("at", "datetime"), Input("raw", "binary", required=False))
)  # fmt: skip
TENSOR = Signature(tensor=("float32", (-1, 2)))


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(values))
    return file.getvalue()


def arrow(**columns: Any) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def rows(content_type: str, body: Any, signature: Signature = SIGNATURE) -> list[list[Any]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = signature.enforced(asked(content_type, raw, signature).rows)
    if found.columns:
        return [list(row) for row in zip(*(list(column) for column in found.columns), strict=True)]
    assert found.matrix is not None
    return found.matrix.tolist()


SAME = [
    ("application/json", {"dataframe_split": {"columns": ["temp", "n"], "data": [[1.5, 2], [3, 4]]}}),
    ("application/json; charset=utf-8", {"dataframe_split": {"columns": ["n", "temp"], "data": [[2, 1.5], [4, 3]]}}),
    ("", {"dataframe_split": {"data": [[1.5, 2], [3, 4]]}}),
    ("application/json", {"dataframe_records": [{"temp": 1.5, "n": 2}, {"n": 4, "temp": 3}]}),
    ("application/json", {"instances": [[1.5, 2], [3, 4]]}),
    ("application/json", {"instances": [{"temp": 1.5, "n": 2}, {"temp": 3, "n": 4}]}),
    ("application/json", {"instances": [{"features": [1.5, 2]}, {"features": [3, 4]}]}),
    ("application/json", {"inputs": {"temp": [1.5, 3], "n": [2, 4]}}),
    ("application/json", [[1.5, 2], [3, 4]]),
    ("text/csv", b"temp,n\n1.5,2\n3,4\n"),
    ("text/csv", b"n,temp\r\n2,1.5\r\n4,3\r\n"),
    ("text/csv", b"1.5,2\n3,4"),
    ("text/csv; header=absent", b"1.5,2\n3,4"),
    ("application/jsonlines", b'{"features": [1.5, 2]}\n{"features": [3, 4]}\n'),
    ("application/x-ndjson", b'{"temp": 1.5, "n": 2}\n{"temp": 3, "n": 4}'),
    ("application/x-npy", npy([[1.5, 2], [3, 4]])),
    (ARROW, arrow(n=[2, 4], temp=[1.5, 3.0])),
]


@pytest.mark.parametrize(("content_type", "body"), SAME, ids=[f"{at} {one[0]}" for at, one in enumerate(SAME)])
def test_all_forms_say_the_same(content_type: str, body: Any):
    assert rows(content_type, body) == [[1.5, 2], [3, 4]]


def records(**values: Any) -> dict[str, Any]:
    return {"dataframe_records": [{"temp": 1.0, "n": 1} | values]}


WRONG = [
    ("application/json", {"dataframe_records": [{"temp": 1}]}, "column 'n' is missing", "n"),
    (
        "application/json",
        {"dataframe_records": [{"temp": 1, "n": 1}, {"temp": 1}]},
        "column 'n' is missing in row 1",
        "n",
    ),
    ("application/json", {"dataframe_records": [{"tmp": 1, "n": 1}]}, "did you mean 'tmp'", "temp"),
    ("application/json", records(more=1), "no column 'more'", "more"),
    ("application/json", records(n=1.5), "column 'n': row 0 is 1.5, the model takes a whole number", "n"),
    ("application/json", records(n=None), "column 'n': row 0 is missing", "n"),
    ("application/json", records(n=2**63), "column 'n': row 0 is", "n"),
    ("application/json", records(n=True), "column 'n': row 0 is true", "n"),
    ("application/json", records(temp="hot"), "column 'temp': row 0 is \"hot\", the model takes a number", "temp"),
    ("application/json", records(temp=[1]), "column 'temp': row 0", "temp"),
    ("application/json", {"inputs": {"temp": [1, 2], "n": [1]}}, "column 'n' has another number of rows", "n"),
    ("text/csv", b"temp,n\n1,x\n", "column 'n': row 0 is \"x\"", "n"),
    ("text/csv", b"temp,temp\n1,1\n", "column 'temp' comes twice", "temp"),
    (ARROW, arrow(temp=[1.0], n=pa.array([None], pa.int64())), "column 'n': row 0 is missing", "n"),
    (ARROW, arrow(temp=[1.0], n=[float("nan")]), "column 'n': row 0 is missing", "n"),
    ("application/x-npy", npy([[1.0, 2.5]]), "column 'n': row 0 is 2.5", "n"),
    ("application/x-npy", npy([[1.0, 2.0, 3.0]]), "takes 2 columns, a row has 3", None),
    ("application/json", {"instances": [[1, 2], [3]]}, "row 1 has 1 values, not 2", None),
    ("application/json", {"instances": [[1, 2], 3]}, "row 1 has no list", None),
    ("application/json", b"", "the body is empty", None),
    ("application/json", {"instances": []}, "has no rows", None),
    ("application/json", b'{"instances": [[NaN, 1]]}', "JSON has no NaN", None),
    ("application/json", b"\xff\xfe", "is not JSON", None),
    ("application/json", {"rows": [[1, 2]]}, "must have just one of dataframe_split", None),
    ("application/json", {"instances": [[1, 2]], "inputs": [[1, 2]]}, "'instances', 'inputs'", None),
    ("application/json", 7, "not a JSON object", None),
    ("application/json", {"dataframe_split": 7}, "no list 'data'", None),
    ("application/x-npy", b"\x80\x04K\x01.", "not a numpy file", None),
    (ARROW, b"nothing", "not an Arrow IPC stream", None),
    ("text/csv", b"\xff\xfe,1", "not CSV in UTF-8", None),
    ("application/xml", b"<a/>", "not one that an endpoint takes", None),
    ("application/x-pickle", b"\x80\x04K\x01.", "not one that an endpoint takes", None),
]


@pytest.mark.parametrize(("content_type", "body", "says", "column"), WRONG, ids=[one[2] for one in WRONG])
def test_a_mistake_is_named(content_type: str, body: Any, says: str, column: str | None):
    with pytest.raises(InvalidInput) as error:
        rows(content_type, body)
    assert says in str(error.value)
    assert error.value.details.get("column") == column


def test_an_array_with_a_pickle_in_it_is_not_loaded():
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidInput, match="numpy file of numbers"):
        rows("application/x-npy", file.getvalue())


def test_every_type_arrives_as_the_model_takes_it():
    row = {"temp": None, "n": 3.0, "ok": True, "name": "구름", "at": "2026-01-31T12:00:00+09:00", "raw": "aGk="}
    found = MIXED.enforced(asked("application/json", json.dumps({"instances": [row]}).encode(), MIXED).rows)
    temp, n, ok, name, at, raw = (column[0] for column in found.columns)
    assert np.isnan(temp)
    assert (n, ok, name, raw) == (3, True, "구름", b"hi")
    assert at == np.datetime64("2026-01-31T03:00:00", "ns")
    for wrong in ({"ok": 1}, {"name": 5}, {"at": "yesterday"}, {"raw": "§"}, {"n": 2**31}):
        (column,) = wrong
        with pytest.raises(InvalidInput, match=f"column '{column}': row 0"):
            rows("application/json", {"instances": [row | wrong]}, MIXED)
    without = {name: value for name, value in row.items() if name != "raw"}
    assert rows("application/json", {"instances": [without]}, MIXED)[0][5] is None


def test_a_tensor_has_its_shape():
    found = asked("application/json", b'{"instances": [[1, 2], [3, 4]]}', TENSOR)
    assert found.tensor.dtype == np.float32
    assert found.tensor.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InvalidInput, match=r"shape \[1, 3\], the model takes \[-1, 2\]"):
        asked("application/json", b'{"instances": [[1, 2, 3]]}', TENSOR)
    with pytest.raises(InvalidInput, match="not a tensor of float32"):
        asked("application/json", b'{"instances": [["a", 2]]}', TENSOR)


def test_too_many_rows_and_unknown_parameters_are_refused():
    body = b"1,2\n" * (ROWS_MAX + 1)
    with pytest.raises(LimitExceeded, match="at most"):
        asked("text/csv", body, SIGNATURE)
    with pytest.raises(InvalidInput, match=r"no parameter .depht.+did you mean .depth"):
        Signature(params=("depth",)).check_params({"depht": 1})


def test_answers_in_every_form():
    assert orjson.loads(answered([1.5, 2.5], "")[1]) == {"predictions": [1.5, 2.5]}
    assert answered([1.5, 2.5], "text/csv") == ("text/csv", b"1.5\n2.5\n")
    assert answered([1.5], "text/html, application/jsonlines;q=0.5")[1] == b"1.5\n"
    assert np.load(io.BytesIO(answered([1.5, 2.5], "application/x-npy")[1])).tolist() == [1.5, 2.5]
    assert pa.ipc.open_stream(answered(["a"], ARROW)[1]).read_all().to_pydict() == {"prediction": ["a"]}
    assert pa.ipc.open_stream(answered([{"a": 1}], ARROW)[1]).read_all().to_pydict() == {"a": [1]}
    with pytest.raises(InvalidInput, match="does not answer as 'image/png'"):
        answered([1.5], "image/png")
