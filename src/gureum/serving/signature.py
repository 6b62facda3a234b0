"""A model's signature: which columns it takes, and rows brought to their types, a column at a time.

Called by the worker for every request, and by the examination of a new model. Promise: what does not fit is an InvalidInput
that names the column, the row and what was expected; what fits is in the signature's order and types. Formats: MLflow's
ModelSignature as an MLmodel file has it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gureum.errors import InvalidInput
from gureum.names import did_you_mean

__all__ = ["SQL_TYPES", "TYPES", "Input", "Rows", "Signature", "stored_name"]

# MLflow's names of types, the numpy type that a model gets, and the word for people.
TYPES: dict[str, tuple[str, str]] = {
    "double": ("float64", "a number"),
    "float": ("float32", "a number"),
    "long": ("int64", "a whole number"),
    "integer": ("int32", "a whole number"),
    "boolean": ("bool", "true or false"),
    "string": ("object", "a text"),
    "binary": ("object", "bytes in base64"),
    "datetime": ("datetime64[ns]", "a time such as 2026-01-31T12:00:00"),
}
NUMERIC = frozenset({"double", "float", "long", "integer", "boolean"})

# SQL types of the captured columns.
SQL_TYPES = {"double": "DOUBLE", "float": "DOUBLE", "long": "BIGINT", "integer": "INT", "boolean": "BOOLEAN",
             "string": "STRING", "binary": "STRING", "datetime": "TIMESTAMP(6)"}  # fmt: skip

NAMES_SHOWN_MAX = 10


@dataclass(slots=True)
class Rows:
    """Rows as columns. `names` is None when the body had none: then they are in the signature's order.

    `matrix`, where it is there, holds the same rows as float64, all columns beside each other.
    """

    names: list[str] | None
    columns: list[Any]
    count: int
    matrix: np.ndarray[Any, Any] | None = None


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    type: str
    required: bool = True


@dataclass(frozen=True)
class Signature:
    """Columns, or one tensor, or neither (a model that was logged without a signature takes what comes)."""

    inputs: tuple[Input, ...] = ()
    tensor: tuple[str, tuple[int, ...]] | None = None
    params: tuple[str, ...] = ()
    numeric: bool = field(default=False)

    @classmethod
    def of_mlmodel(cls, mlmodel: dict[str, Any]) -> Signature:
        """From a parsed MLmodel file."""
        body = mlmodel.get("signature") or {}
        raw = json.loads(body.get("inputs") or "[]")
        params = tuple(str(one["name"]) for one in json.loads(body.get("params") or "[]"))
        if raw and raw[0].get("type") == "tensor" and "name" not in raw[0]:
            spec = raw[0]["tensor-spec"]
            return cls(tensor=(spec["dtype"], tuple(spec["shape"])), params=params)
        inputs = tuple(
            Input(str(one.get("name", at)), one["type"], bool(one.get("required", True))) for at, one in enumerate(raw)
        )
        numeric = bool(inputs) and all(one.type in NUMERIC and one.required for one in inputs)
        return cls(inputs, None, params, numeric)

    def to_json(self) -> list[dict[str, Any]]:
        """As REST shows it."""
        if self.tensor is not None:
            return [{"name": "", "type": f"tensor of {self.tensor[0]}{list(self.tensor[1])}", "required": True}]
        return [{"name": one.name, "type": one.type, "required": one.required} for one in self.inputs]

    def check_params(self, params: dict[str, Any]) -> None:
        for name in params:
            if name not in self.params:
                raise InvalidInput(
                    f"the model takes no parameter {name!r}",
                    code="endpoint.params",
                    hint=did_you_mean(name, self.params)
                    or (f"it takes {', '.join(self.params)}" if self.params else "it takes none"),
                )

    def enforced(self, rows: Rows) -> Rows:
        """The rows as the model takes them. Raises InvalidInput that names the column."""
        if not self.inputs:
            return rows
        if rows.matrix is not None and self.numeric and self._fits(rows):
            return rows
        if not rows.columns and rows.matrix is not None:
            rows = Rows(rows.names, list(rows.matrix.T), rows.count)
        given = self._by_name(rows)
        columns = []
        for one in self.inputs:
            if one.name in given:
                columns.append(_column(one, given[one.name]))
            else:
                dtype = TYPES.get(one.type, ("object", ""))[0]
                missing = np.nan if dtype.startswith("float") else None
                columns.append(np.full(rows.count, missing, dtype if dtype.startswith("float") else "object"))
        matrix = None
        if self.numeric:
            matrix = np.empty((rows.count, len(columns)))
            for at, column in enumerate(columns):
                matrix[:, at] = column
        return Rows([one.name for one in self.inputs], columns, rows.count, matrix)

    def _fits(self, rows: Rows) -> bool:
        """Whether a matrix of numbers may be taken as it is; if not, the way by columns says why."""
        matrix = rows.matrix
        assert matrix is not None
        if matrix.shape[1] != len(self.inputs):
            return False
        if rows.names is not None and rows.names != [one.name for one in self.inputs]:
            return False
        for at, one in enumerate(self.inputs):
            if one.type == "boolean":
                return False
            if one.type in {"long", "integer"}:
                column = matrix[:, at]
                limit = 2**31 if one.type == "integer" else 2**53
                if not bool(np.all((np.floor(column) == column) & (np.abs(column) < limit))):
                    return False
        return True

    def _by_name(self, rows: Rows) -> dict[str, Any]:
        wanted = [one.name for one in self.inputs]
        if rows.names is None:
            if len(rows.columns) != len(wanted):
                raise InvalidInput(
                    f"the model takes {len(wanted)} columns, a row has {len(rows.columns)}",
                    code="endpoint.columns",
                    hint=f"in this order: {_listed(wanted)}",
                )
            return dict(zip(wanted, rows.columns, strict=True))
        if len(set(rows.names)) != len(rows.names):
            twice = next(name for name in rows.names if rows.names.count(name) > 1)
            raise InvalidInput(f"column {twice!r} comes twice", code="endpoint.columns", column=twice)
        given = dict(zip(rows.names, rows.columns, strict=True))
        for one in self.inputs:
            if one.required and one.name not in given:
                raise InvalidInput(
                    f"column {one.name!r} is missing",
                    code="endpoint.column_missing",
                    hint=did_you_mean(one.name, given) or f"the model takes {_listed(wanted)}",
                    column=one.name,
                )
        for name in rows.names:
            if name not in wanted:
                raise InvalidInput(
                    f"the model has no column {name!r}",
                    code="endpoint.column_unknown",
                    hint=did_you_mean(name, wanted) or f"it takes {_listed(wanted)}",
                    column=name,
                )
        return given


def stored_name(name: str) -> str:
    """A column's name in the captured table: Delta takes none of these characters."""
    return re.sub(r"[ ,;{}()\n\t=]", "_", name)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:NAMES_SHOWN_MAX])
    return shown + (f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else "")


def _column(one: Input, values: Any) -> Any:
    """One column in its type. The quick way first; what it cannot do is looked at value by value, to name the row."""
    kind = one.type
    if kind not in TYPES:
        return list(values)  # arrays, objects, maps: the model's own to judge
    dtype = TYPES[kind][0]
    array = values if isinstance(values, np.ndarray) else None
    if array is None and kind in NUMERIC:
        try:
            array = np.array(values)
        except (ValueError, OverflowError):
            array = None
    if array is not None and array.ndim == 1:
        if kind in {"double", "float"} and array.dtype.kind in "fiu":
            return array.astype(dtype)
        if kind in {"long", "integer"} and array.dtype.kind in "iuf":
            info = np.iinfo(dtype)
            whole = array.dtype.kind != "f" or bool(np.all(np.floor(array) == array))
            if whole and bool(np.all((array >= info.min) & (array < -float(info.min)))):
                return array.astype(dtype)
        if kind == "boolean" and array.dtype.kind == "b":
            return array
        if kind == "datetime" and array.dtype.kind == "M":
            return array.astype(dtype)
    convert = _CONVERT[kind]
    made = []
    for at, value in enumerate(values):
        try:
            made.append(convert(value))
        except (TypeError, ValueError, OverflowError, binascii.Error):
            raise _wrong(one, at, value) from None
    return np.array(made, dtype) if dtype != "object" else _objects(made)


def _objects(values: list[Any]) -> np.ndarray[Any, Any]:
    made = np.empty(len(values), "object")
    made[:] = values
    return made


def _wrong(one: Input, at: int, value: Any) -> InvalidInput:
    missing = value is None or (isinstance(value, float) and value != value)
    what = "is missing (null or NaN)" if missing else f"is {json.dumps(value, default=str, ensure_ascii=False)[:80]}"
    return InvalidInput(
        f"column {one.name!r}: row {at} {what}, the model takes {TYPES[one.type][1]} ({one.type})",
        code="endpoint.column_type",
        column=one.name,
        row=at,
    )


def _number(value: Any) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool | np.bool_ | str | bytes):
        raise TypeError
    return float(value)


def _integer(value: Any, bits: int) -> int:
    if value is None or isinstance(value, bool | np.bool_ | str | bytes) or value != int(value):
        raise TypeError
    number = int(value)
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise OverflowError
    return number


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError
    return bool(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value


def _binary(value: Any) -> bytes | None:
    if isinstance(value, str):
        return base64.b64decode(value, validate=True)
    if value is not None and not isinstance(value, bytes):
        raise TypeError
    return value


def _datetime(value: Any) -> np.datetime64:
    if value is None:
        return np.datetime64("NaT", "ns")
    if not isinstance(value, str | np.datetime64) and not hasattr(value, "isoformat"):
        raise TypeError
    from datetime import UTC, datetime

    if isinstance(value, np.datetime64):
        return value
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if at.tzinfo is not None:
        at = at.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(at, "ns")


_CONVERT = {
    "double": _number, "float": _number, "long": lambda v: _integer(v, 64), "integer": lambda v: _integer(v, 32),
    "boolean": _boolean, "string": _text, "binary": _binary, "datetime": _datetime,
}  # fmt: skip
