"""Requests and answers of an endpoint in each form that clients of MLflow, SageMaker and Arrow speak.

Called by the worker: bytes and their content type to rows, predictions to bytes. Promise: a body that is not what its
content type says is an InvalidInput that says where; nothing in a body can load code (numpy files without pickles only).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from gureum.errors import InvalidInput, LimitExceeded
from gureum.serving.signature import Rows, Signature

__all__ = ["ACCEPTED", "ARROW", "ROWS_MAX", "Asked", "answered", "asked"]

ARROW = "application/vnd.apache.arrow.stream"

# Of one request: what is more is a batch, which `score` does without a client that waits.
ROWS_MAX = 20_000

_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


@dataclass(slots=True)
class Asked:
    """What a body holds: rows, or a tensor as it was given, and MLflow's parameters."""

    rows: Rows
    tensor: Any = None
    params: dict[str, Any] = field(default_factory=dict)


def asked(content_type: str, body: bytes, signature: Signature) -> Asked:
    """The rows of a body, not yet checked against the signature (but a CSV's texts are read as its types want them)."""
    name, _, options = content_type.partition(";")
    name = name.strip().lower() or "application/json"
    read = _READ.get(name)
    if read is None:
        raise InvalidInput(
            f"content type {name[:80]!r} is not one that an endpoint takes",
            code="endpoint.content_type",
            hint=f"send {', '.join(_TAKEN)}",
        )
    if not body.strip():
        raise InvalidInput("the body is empty", code="endpoint.body_empty", hint="send at least one row")
    found = read(body, options, signature)
    if found.rows.count > ROWS_MAX:
        raise LimitExceeded(
            f"a request has at most {ROWS_MAX} rows, this one {found.rows.count}",
            code="endpoint.rows_max",
            hint="send several, or score a whole table",
        )
    if found.rows.count == 0:
        raise InvalidInput("the body has no rows", code="endpoint.body_empty", hint="send at least one row")
    return found


# --- what comes in ---------------------------------------------------------------------------------------------------


def _json(body: bytes, _options: str, signature: Signature) -> Asked:
    value = _parsed(body)
    if isinstance(value, list):
        value = {"instances": value}
    if not isinstance(value, dict):
        raise InvalidInput("the body is not a JSON object", code="endpoint.body", hint=f"with one of {_one_of()}")
    forms = [name for name in value if name != "params"]
    if len(forms) != 1 or forms[0] not in _FORMS:
        shown = ", ".join(repr(name) for name in forms[:5]) or "nothing"
        raise InvalidInput(f"the body has {shown}", code="endpoint.body", hint=f"it must have just one of {_one_of()}")
    params = value.get("params") or {}
    if not isinstance(params, dict):
        raise InvalidInput("params is not a JSON object", code="endpoint.params")
    found = _JSON_FORMS[forms[0]](value[forms[0]], signature)
    found.params = params
    return found


def _one_of() -> str:
    return ", ".join(_FORMS)


def _parsed(body: bytes, line: int | None = None) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {line} of the body" if line is not None else "the body"
        raise InvalidInput(
            f"{where} is not JSON: {error}",
            code="endpoint.body",
            hint="JSON has no NaN: write null for a missing number",
        ) from None


def _split(value: Any, _signature: Signature) -> Asked:
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list):
        raise InvalidInput("dataframe_split has no list 'data'", code="endpoint.body", hint="and a list 'columns'")
    names = value.get("columns")
    if names is not None and not isinstance(names, list):
        raise InvalidInput("'columns' of dataframe_split is not a list", code="endpoint.body")
    return Asked(_of_lists(data, [str(name) for name in names] if names else None))


def _of_lists(data: list[Any], names: list[str] | None) -> Rows:
    if not data:
        return Rows(names, [], 0)
    width = len(names) if names is not None else (len(data[0]) if isinstance(data[0], list) else 1)
    for at, row in enumerate(data):
        if not isinstance(row, list) or len(row) != width:
            had = f"{len(row)} values" if isinstance(row, list) else "no list of values"
            raise InvalidInput(f"row {at} has {had}, not {width}", code="endpoint.row", row=at)
    matrix = _matrix(data)
    if matrix is not None:
        return Rows(names, [], len(data), matrix)
    return Rows(names, [list(column) for column in zip(*data, strict=True)], len(data))


def _matrix(data: list[Any]) -> np.ndarray[Any, Any] | None:
    """All rows as float64, when they are numbers and nothing else."""
    try:
        made = np.array(data)
    except (ValueError, OverflowError):
        return None
    if made.ndim != 2 or made.dtype.kind not in "fi":
        return None
    # numpy takes true for 1 beside other numbers; the signature must see it.
    if any(isinstance(value, bool) for row in data for value in row):
        return None
    if made.dtype.kind == "i" and made.size and int(np.abs(made).max()) >= 2**53:
        return None
    return made.astype(np.float64, copy=False)


def _records(value: Any, signature: Signature) -> Asked:
    if not isinstance(value, list):
        raise InvalidInput("dataframe_records is not a list", code="endpoint.body", hint="of JSON objects, one a row")
    return Asked(_of_records(value, signature))


def _of_records(records: list[Any], signature: Signature) -> Rows:
    for at, record in enumerate(records):
        if not isinstance(record, dict):
            raise InvalidInput(f"row {at} is not a JSON object", code="endpoint.row", row=at)
    if not records:
        return Rows(None, [], 0)
    names = list(records[0])
    if len(records) > 1:
        names = list(dict.fromkeys(name for record in records for name in record))
    required = {one.name for one in signature.inputs if one.required}
    for at, record in enumerate(records):
        if len(record) != len(names) and (missing := [name for name in names if name in required - record.keys()]):
            raise InvalidInput(
                f"column {missing[0]!r} is missing in row {at}",
                code="endpoint.column_missing",
                column=missing[0],
                row=at,
            )
    ordered = [one.name for one in signature.inputs]
    if signature.numeric and names != ordered and set(names) == set(ordered):
        names = ordered
    data = [[record.get(name) for name in names] for record in records]
    matrix = _matrix(data) if names else None
    columns = [] if matrix is not None else [list(column) for column in zip(*data, strict=True)]
    return Rows(names, columns, len(records), matrix)


def _instances(value: Any, signature: Signature) -> Asked:
    if not isinstance(value, list):
        raise InvalidInput("instances is not a list", code="endpoint.body", hint="of rows")
    if signature.tensor is not None:
        return _tensor(value, signature)
    if value and all(isinstance(row, dict) for row in value):
        if all(set(row) == {"features"} for row in value) and "features" not in {i.name for i in signature.inputs}:
            return Asked(_of_lists([row["features"] for row in value], None))
        return Asked(_of_records(value, signature))
    if value and not isinstance(value[0], list):
        value = [[one] for one in value]
    return Asked(_of_lists(value, None))


def _inputs(value: Any, signature: Signature) -> Asked:
    if not isinstance(value, dict):
        return _instances(value, signature)
    columns = [one if isinstance(one, list) else [one] for one in value.values()]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        name = next(name for name, column in zip(value, columns, strict=True) if len(column) != len(columns[0]))
        raise InvalidInput(f"column {name!r} has another number of rows", code="endpoint.columns", column=name)
    return Asked(Rows(list(value), columns, lengths.pop() if lengths else 0))


def _tensor(value: Any, signature: Signature) -> Asked:
    assert signature.tensor is not None
    dtype, shape = signature.tensor
    try:
        made = np.array(value, dtype=dtype)
    except (ValueError, TypeError, OverflowError):
        raise InvalidInput(f"instances is not a tensor of {dtype}", code="endpoint.tensor") from None
    fits = len(made.shape) == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, made.shape, strict=True)
    )
    if not fits:
        raise InvalidInput(
            f"the tensor has the shape {list(made.shape)}, the model takes {list(shape)}", code="endpoint.tensor"
        )
    return Asked(Rows(None, [], len(made)), made)


_JSON_FORMS: dict[str, Callable[[Any, Signature], Asked]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def _csv(body: bytes, options: str, signature: Signature) -> Asked:
    """With a first line of names (MLflow) or without (SageMaker): `; header=present|absent`, else by what the line says."""
    try:
        lines = [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"the body is not CSV in UTF-8: {error}", code="endpoint.body") from None
    known = {one.name: one.type for one in signature.inputs}
    first = lines[0]
    if "header=" in options:
        has_names = "header=present" in options
    else:
        has_names = any(cell in known for cell in first) or (not known and not any(_is_number(cell) for cell in first))
    names = first if has_names else None
    rows = lines[1:] if has_names else lines
    width = len(first)
    for at, row in enumerate(rows):
        if len(row) != width:
            raise InvalidInput(f"row {at} has {len(row)} values, not {width}", code="endpoint.row", row=at)
    types = [known.get(name, "") for name in names] if names else [one.type for one in signature.inputs]
    columns = [
        [_cell(cell, types[at] if at < len(types) else "") for cell in column]
        for at, column in enumerate(zip(*rows, strict=True))
    ]
    return Asked(Rows(names, columns, len(rows)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cell(text: str, kind: str) -> Any:
    """A text as the type wants it; one that is not of the type stays a text, for the signature to name."""
    if kind == "string":
        return text
    if text == "":
        return None
    if kind == "boolean" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind in {"long", "integer", "double", "float", ""}:
        for convert in (int, float):
            try:
                return convert(text)
            except ValueError:
                continue
    return text


def _json_lines(body: bytes, _options: str, signature: Signature) -> Asked:
    values = [_parsed(line, at) for at, line in enumerate(body.splitlines(), 1) if line.strip()]
    return _instances(values, signature)


def _npy(body: bytes, _options: str, signature: Signature) -> Asked:
    try:
        made = np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InvalidInput(f"the body is not a numpy file of numbers: {error}", code="endpoint.body") from None
    if signature.tensor is not None:
        return _tensor(made, signature)
    made = made.reshape(-1, 1) if made.ndim == 1 else made
    if made.ndim != 2 or made.dtype.kind not in "fiub":
        raise InvalidInput(
            f"the array has {made.ndim} dimensions of {made.dtype}", code="endpoint.tensor", hint="send rows of numbers"
        )
    return Asked(Rows(None, list(made.T), len(made)))


def _arrow(body: bytes, _options: str, _signature: Signature) -> Asked:
    import pyarrow as pa  # heavy: only where a client speaks it

    try:
        table = pa.ipc.open_stream(body).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInput(f"the body is not an Arrow IPC stream: {error}", code="endpoint.body") from None
    columns = []
    for column in table.columns:
        plain = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        plain = (plain or pa.types.is_timestamp(column.type)) and column.null_count == 0
        columns.append(column.to_numpy() if plain else column.to_pylist())
    return Asked(Rows(list(table.column_names), columns, table.num_rows))


_READ: dict[str, Callable[[bytes, str, Signature], Asked]] = {
    "application/json": _json,
    "text/csv": _csv,
    "application/jsonlines": _json_lines,
    "application/jsonl": _json_lines,
    "application/x-ndjson": _json_lines,
    "application/x-npy": _npy,
    ARROW: _arrow,
}
_TAKEN = ("application/json", "text/csv", "application/jsonlines", "application/x-npy", ARROW)


# --- what goes out ---------------------------------------------------------------------------------------------------


def answered(predictions: Sequence[Any], accept: str) -> tuple[str, bytes]:
    """Content type and bytes of an answer; `predictions` has one value a row."""
    for wanted in accept.split(","):
        name = wanted.partition(";")[0].strip().lower()
        write = ACCEPTED.get(name or "*/*")
        if write is not None:
            return write[0], write[1](predictions)
    raise InvalidInput(
        f"an endpoint does not answer as {accept[:80]!r}",
        code="endpoint.accept",
        hint=f"accept {', '.join(_TAKEN)}",
    )


def _json_out(predictions: Sequence[Any]) -> bytes:
    return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY, default=str)


def _csv_out(predictions: Sequence[Any]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for one in predictions:
        writer.writerow(one.values() if isinstance(one, dict) else one if isinstance(one, list) else [one])
    return text.getvalue().encode()


def _json_lines_out(predictions: Sequence[Any]) -> bytes:
    return b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE, default=str) for one in predictions)


def _npy_out(predictions: Sequence[Any]) -> bytes:
    made = np.array(predictions)
    if made.dtype.kind == "O":
        raise InvalidInput("these predictions are no array", code="endpoint.accept", hint="accept application/json")
    file = io.BytesIO()
    np.save(file, made, allow_pickle=False)
    return file.getvalue()


def _arrow_out(predictions: Sequence[Any]) -> bytes:
    import pyarrow as pa  # heavy, as above

    if predictions and isinstance(predictions[0], dict):
        table = pa.Table.from_pylist(list(predictions))
    else:
        table = pa.table({"prediction": pa.array(predictions)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]  # pyarrow has no types


_JSON = ("application/json", _json_out)
ACCEPTED: dict[str, tuple[str, Callable[[Sequence[Any]], bytes]]] = {
    "*/*": _JSON,
    "application/*": _JSON,
    "application/json": _JSON,
    "text/csv": ("text/csv", _csv_out),
    "application/jsonlines": ("application/jsonlines", _json_lines_out),
    "application/jsonl": ("application/jsonlines", _json_lines_out),
    "application/x-npy": ("application/x-npy", _npy_out),
    ARROW: (ARROW, _arrow_out),
}
