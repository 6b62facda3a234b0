"""Simple expressions as Arrow functions: what filters and arithmetic cost most queries, without the trip to DuckDB.

Called by `expressions` while planning; the functions run in `evaluate`. Pure.
Promise: a vector gives what DuckDB gives for the same expression, or raises pa.ArrowInvalid (overflow), upon which the
caller asks DuckDB, which then isolates the bad rows. One known difference: NaN, which JSON cannot hold, is greater than
any number in DuckDB and compares false here, as in Flink. Anything doubtful has no vector: mixed types, decimals, time zones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

__all__ = ["Vector", "vector_of"]

Vector = Callable[[pa.RecordBatch], Any]
"""A batch to an array of its length, or to a scalar that stands for every row."""

_Typed = tuple[Vector, pa.DataType]
_Names = Callable[[exp.Column], str | None]

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "equal",
    exp.NEQ: "not_equal",
    exp.GT: "greater",
    exp.GTE: "greater_equal",
    exp.LT: "less",
    exp.LTE: "less_equal",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "add", exp.Sub: "subtract", exp.Mul: "multiply"}
_LOGIC: dict[type[exp.Expr], str] = {exp.And: "and_kleene", exp.Or: "or_kleene"}


def vector_of(
    node: exp.Expr, columns: Mapping[str, pa.DataType], name_of: _Names, wanted: pa.DataType
) -> Vector | None:
    """The Arrow function of an expression, if it is simple and its type is the one DuckDB found."""
    found = _vector(node, columns, name_of)
    if found is None or not found[1].equals(wanted) or isinstance(node, exp.Column):
        return None
    return found[0]


def _vector(node: exp.Expr, columns: Mapping[str, pa.DataType], name_of: _Names) -> _Typed | None:
    kind = type(node)
    if kind is exp.Paren:
        return _vector(node.this, columns, name_of)
    if kind is exp.Column:
        name = name_of(node)  # type: ignore[arg-type]
        if name is None or not _is_plain(columns[name]):
            return None
        return _column(name), columns[name]
    if kind is exp.Boolean:
        return _constant(pa.scalar(bool(node.this))), pa.bool_()
    if kind is exp.Not:
        inner = _vector(node.this, columns, name_of)
        return _unary("invert", inner) if inner and inner[1] == pa.bool_() else None
    if kind is exp.Is and isinstance(node.expression, exp.Null) and not node.args.get("negate"):
        inner = _vector(node.this, columns, name_of)
        return _unary("is_null", inner) if inner else None
    if kind in _LOGIC:
        left, right = _vector(node.this, columns, name_of), _vector(node.expression, columns, name_of)
        if left and right and left[1] == right[1] == pa.bool_():
            return _binary(_LOGIC[kind], left[0], right[0]), pa.bool_()
        return None
    if kind is exp.Between:
        this = _vector(node.this, columns, name_of)
        low, high = node.args["low"], node.args["high"]
        first = _compared("greater_equal", this, low, columns, name_of)
        second = _compared("less_equal", this, high, columns, name_of)
        return (_binary("and_kleene", first, second), pa.bool_()) if first and second else None
    if kind in _COMPARISONS:
        return _comparison(kind, node, columns, name_of)
    if kind in _ARITHMETIC or kind is exp.Div:
        return _arithmetic(kind, node, columns, name_of)
    return None


def _is_plain(arrow: pa.DataType) -> bool:
    kind = pa.types
    return bool(
        kind.is_integer(arrow)
        or kind.is_float64(arrow)
        or kind.is_string(arrow)
        or kind.is_boolean(arrow)
        or kind.is_timestamp(arrow)
        or kind.is_date(arrow)
    )


def _column(name: str) -> Vector:
    def read(batch: pa.RecordBatch) -> Any:
        column = batch.column(name)
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column

    return read


def _constant(value: Any) -> Vector:
    return lambda _: value


def _unary(function: str, inner: _Typed) -> _Typed:
    vector, call = inner[0], getattr(pc, function)
    return (lambda batch: call(vector(batch))), pa.bool_()


def _binary(function: str, left: Vector, right: Vector) -> Vector:
    call = getattr(pc, function)
    return lambda batch: call(left(batch), right(batch))


def _literal_as(node: exp.Expr, wanted: pa.DataType) -> Any | None:
    """A literal as a scalar of the other side's type, if nothing is lost by it."""
    negative = isinstance(node, exp.Neg)
    literal = node.this if negative else node
    if not isinstance(literal, exp.Literal):
        return None
    text = ("-" if negative else "") + literal.name
    if literal.args.get("is_string"):
        return pa.scalar(literal.name) if pa.types.is_string(wanted) and not negative else None
    if pa.types.is_float64(wanted):
        return pa.scalar(float(text), pa.float64())
    if pa.types.is_integer(wanted) and text.lstrip("-").isdigit():
        try:
            return pa.scalar(int(text), wanted)
        except (pa.ArrowInvalid, OverflowError):
            return None
    return None


def _compared(
    function: str, left: _Typed | None, node: exp.Expr, columns: Mapping[str, pa.DataType], name_of: _Names
) -> Vector | None:
    if left is None:
        return None
    value = _literal_as(node, left[1])
    if value is not None:
        return _binary(function, left[0], _constant(value))
    right = _vector(node, columns, name_of)
    if right is None or not right[1].equals(left[1]):
        return None
    return _binary(function, left[0], right[0])


_MIRRORED = {
    "equal": "equal",
    "not_equal": "not_equal",
    "greater": "less",
    "greater_equal": "less_equal",
    "less": "greater",
    "less_equal": "greater_equal",
}


def _comparison(
    kind: type[exp.Expr], node: exp.Expr, columns: Mapping[str, pa.DataType], name_of: _Names
) -> _Typed | None:
    function = _COMPARISONS[kind]
    left = _vector(node.this, columns, name_of)
    found = _compared(function, left, node.expression, columns, name_of)
    if found is None and left is None:
        right = _vector(node.expression, columns, name_of)
        found = _compared(_MIRRORED[function], right, node.this, columns, name_of)
    return (found, pa.bool_()) if found else None


def _arithmetic(
    kind: type[exp.Expr], node: exp.Expr, columns: Mapping[str, pa.DataType], name_of: _Names
) -> _Typed | None:
    """Doubles only: whole numbers have widths and overflow to mind, which DuckDB does."""
    sides: list[Vector] = []
    for side in (node.this, node.expression):
        value = _literal_as(side, pa.float64())
        if value is not None:
            sides.append(_constant(value))
            continue
        found = _vector(side, columns, name_of)
        if found is None or found[1] != pa.float64():
            return None
        sides.append(found[0])
    if isinstance(node.this, exp.Literal) and isinstance(node.expression, exp.Literal):
        return None
    return _binary("divide" if kind is exp.Div else _ARITHMETIC[kind], sides[0], sides[1]), pa.float64()
