"""The aggregate calls of a grouped SELECT: found, checked, and replaced by the columns their results will be in.

Called by `planner`. Pure. `AGGREGATES` is the table of what there is and which type each gives; `aggregates` runs them.
FILTER (WHERE c) becomes CASE WHEN c THEN x END, which is the same for every aggregate that skips NULLs. AVG and the
variances of whole numbers are DOUBLE, as in DuckDB and Ibis; Flink cuts them to whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import pyarrow as pa
from sqlglot import exp

from gureum.sql.streaming.dialect import sql_error, text_of
from gureum.sql.streaming.expressions import Compiler, Expression, place_of
from gureum.sql.streaming.plan import Aggregate
from gureum.sql.types import sql_type

__all__ = ["AGGREGATES", "SYNONYMS", "AggregateCalls"]

_Typing = Callable[[pa.DataType], pa.DataType | None]


def _sum_type(arrow: pa.DataType) -> pa.DataType | None:
    if pa.types.is_integer(arrow):
        return pa.int64()
    if pa.types.is_decimal(arrow):
        return pa.decimal128(38, arrow.scale)
    return pa.float64() if pa.types.is_floating(arrow) else None


def _double(arrow: pa.DataType) -> pa.DataType | None:
    numeric = pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow)
    return pa.float64() if numeric else None


def _ordered(arrow: pa.DataType) -> pa.DataType | None:
    return None if pa.types.is_nested(arrow) else arrow


def _any(arrow: pa.DataType) -> pa.DataType:
    return arrow


@dataclass(frozen=True, slots=True)
class _Kind:
    typing: _Typing
    parameters: int = 0
    takes: str = "numbers"
    distinct: bool = False


AGGREGATES: dict[str, _Kind] = {
    "COUNT": _Kind(lambda _: pa.int64(), distinct=True),
    "SUM": _Kind(_sum_type, distinct=True),
    "AVG": _Kind(_double, distinct=True),
    "MIN": _Kind(_ordered, takes="values that have an order", distinct=True),
    "MAX": _Kind(_ordered, takes="values that have an order", distinct=True),
    "STDDEV_POP": _Kind(_double),
    "STDDEV_SAMP": _Kind(_double),
    "VAR_POP": _Kind(_double),
    "VAR_SAMP": _Kind(_double),
    "FIRST_VALUE": _Kind(_any),
    "LAST_VALUE": _Kind(_any),
    "PERCENTILE": _Kind(_double, parameters=1),
    "ARRAY_AGG": _Kind(lambda arrow: pa.list_(arrow), distinct=True),
    "LISTAGG": _Kind(lambda arrow: pa.string() if pa.types.is_string(arrow) else None, takes="texts"),
}
SYNONYMS = {
    "STDDEV": "STDDEV_SAMP",
    "VARIANCE": "VAR_SAMP",
    "FIRST": "FIRST_VALUE",
    "LAST": "LAST_VALUE",
    "COLLECT": "ARRAY_AGG",
    # Exact is within any error that an approximation may have.
    "APPROX_COUNT_DISTINCT": "COUNT",
}
_LISTS = {"ARRAY_AGG"}


@dataclass(slots=True)
class _Found:
    name: str
    function: str
    node: exp.Expr
    argument: exp.Expr | None
    condition: exp.Expr | None
    distinct: bool
    parameter: float | None = None
    separator: str | None = None


class AggregateCalls:
    """The distinct calls of one SELECT and its HAVING."""

    def __init__(self, text: str, qualifier: str | None = None) -> None:
        self._text = text
        self._qualifier = qualifier
        self._found: dict[str, _Found] = {}

    def _fail(self, node: exp.Expr, message: str, hint: str | None = None, code: str = "sql.aggregate") -> NoReturn:
        raise sql_error(self._text, place_of(node), message, code=code, hint=hint)

    def find(self, node: exp.Expr) -> bool:
        """Whether there is an aggregate call inside."""
        return any(_function(call) is not None for call in node.find_all(exp.Anonymous))

    def text_of(self, node: exp.Expr) -> str:
        """What makes two expressions of this SELECT the same."""
        return text_of(node, qualifier=self._qualifier or "", identify=True)

    def replace(self, node: exp.Expr, keys: dict[str, exp.Expr]) -> exp.Expr:
        """A copy in which group keys and aggregate calls are columns of the group's row."""
        return self._replaced(node.copy(), keys)

    def _replaced(self, node: exp.Expr, keys: dict[str, exp.Expr]) -> exp.Expr:
        key = keys.get(self.text_of(node))
        if key is not None:
            return _standing_for(node, key.copy())
        call = node.this if isinstance(node, exp.Filter) else node
        if isinstance(node, exp.Window):
            self._fail(node, "OVER is not supported", "use a window: TABLE(TUMBLE(...))", code="sql.unsupported")
        if isinstance(call, exp.Anonymous) and _function(call) is not None:
            return _standing_for(node, exp.column(self._register(node).name, quoted=True))
        if isinstance(node, exp.Filter):
            self._fail(node, "FILTER goes with an aggregate")
        for name, value in list(node.args.items()):
            if isinstance(value, exp.Expr):
                node.set(name, self._replaced(value, keys))
            elif isinstance(value, list):
                node.set(name, [self._replaced(item, keys) if isinstance(item, exp.Expr) else item for item in value])
        return node

    def _register(self, node: exp.Expr) -> _Found:
        text = self.text_of(node)
        if text in self._found:
            return self._found[text]
        condition = None
        call = node
        if isinstance(node, exp.Filter):
            call, condition = node.this, node.expression.this
        name = str(call.this).upper()
        function = SYNONYMS.get(name, name)
        kind = AGGREGATES[function]
        arguments = list(call.expressions)
        distinct = name == "APPROX_COUNT_DISTINCT"
        if len(arguments) == 1 and isinstance(arguments[0], exp.Distinct):
            distinct = True
            arguments = list(arguments[0].expressions)
        if distinct and not kind.distinct:
            self._fail(node, f"{name}(DISTINCT ...) is not supported")
        found = _Found(f"$agg{len(self._found)}", function, node, None, condition, distinct)
        if function == "COUNT" and (not arguments or isinstance(arguments[0], exp.Star)):
            if distinct:
                self._fail(node, "COUNT(DISTINCT *) is not supported", "name a column")
        else:
            self._arguments(found, name, arguments, kind)
        for inner in arguments:
            if not isinstance(inner, exp.Star) and self.find(inner):
                self._fail(inner, "an aggregate inside an aggregate", "use a subquery")
        self._found[text] = found
        return found

    def _arguments(self, found: _Found, name: str, arguments: list[exp.Expr], kind: _Kind) -> None:
        optional = found.function == "LISTAGG"
        if not 1 + kind.parameters <= len(arguments) <= 1 + kind.parameters + optional:
            self._fail(found.node, f"{name} takes {1 + kind.parameters} argument(s), not {len(arguments)}")
        found.argument = arguments[0]
        if kind.parameters:
            try:
                found.parameter = float(arguments[1].name)
            except ValueError:
                found.parameter = -1.0
            if not 0 <= found.parameter <= 1 or not isinstance(arguments[1], exp.Literal):
                self._fail(arguments[1], f"the second argument of {name} is a number from 0 to 1", "0.95 for the p95")
        if optional:
            found.separator = arguments[1].name if len(arguments) > 1 else ","

    def compile(self, compiler: Compiler, before: dict[str, Expression]) -> list[Aggregate]:
        """The aggregates; their arguments are added to `before`, the columns that the window's input must have."""
        return [self._compiled(found, compiler, before) for found in self._found.values()]

    def _compiled(self, found: _Found, compiler: Compiler, before: dict[str, Expression]) -> Aggregate:
        kind = AGGREGATES[found.function]
        keep: str | None = None
        node = found.argument
        if found.condition is not None:
            condition = compiler.condition(found.condition, "FILTER")
            if found.function in _LISTS:
                keep = _column(before, condition)
            else:
                then = node if node is not None else exp.Literal.number(1)
                node = exp.Case(ifs=[exp.If(this=found.condition.copy(), true=then.copy())])
                node.meta["start"] = place_of(found.node)
        if node is None:
            return Aggregate(found.function, None, found.name, pa.int64())
        argument = compiler.compile(node)
        result = kind.typing(argument.type)
        if result is None:
            self._fail(
                found.node,
                f"{found.function} takes {kind.takes}, not {sql_type(argument.type)}",
                "CAST it first",
                code="sql.type",
            )
        return Aggregate(
            found.function,
            _column(before, argument),
            found.name,
            result,
            distinct=found.distinct,
            parameter=found.parameter,
            separator=found.separator,
            keep=keep,
        )


def _column(before: dict[str, Expression], expression: Expression) -> str:
    """The input column of an expression, shared by all aggregates over the same one."""
    for name, known in before.items():
        if known.sql == expression.sql:
            return name
    name = f"$arg{len(before)}"
    before[name] = expression
    return name


def _standing_for(node: exp.Expr, column: exp.Expr) -> exp.Expr:
    """A column in the place of an expression; messages still show the expression."""
    column.meta["start"] = place_of(node)
    column.meta["original"] = text_of(node)
    return column


def _function(node: exp.Expr) -> str | None:
    """The aggregate that a node calls, if it calls one."""
    if not isinstance(node, exp.Anonymous):
        return None
    name = (node.this if isinstance(node.this, str) else node.this.name).upper()
    name = SYNONYMS.get(name, name)
    return name if name in AGGREGATES else None
