"""A scalar expression of a query, compiled: its columns checked, its type found, its DuckDB text written.

Called by `plan`. Reads the parsed tree node by node through one table (`_RULES`): a node that is not in it is refused at
its place. Simple expressions also get a `vector`, an Arrow function that gives the same answer without the trip to DuckDB
(tests compare the two).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import duckdb
import pyarrow as pa
from sqlglot import exp

from gureum.errors import InvalidInput
from gureum.names import did_you_mean
from gureum.sql.quoting import literal, quoted
from gureum.sql.streaming.dialect import SqlType, sql_error, text_of
from gureum.sql.streaming.duck import Duck
from gureum.sql.streaming.functions import FUNCTIONS, NO_PARENTHESES, UNITS, divided, modulo
from gureum.sql.streaming.vectors import Vector, vector_of
from gureum.sql.types import arrow_type, duckdb_type, sql_type

__all__ = ["UNSUPPORTED_FUNCTIONS", "Compiler", "Expression", "Scope", "interval_us", "place_of"]


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled expression over the columns of its stage's input."""

    sql: str
    type: pa.DataType
    columns: frozenset[str]
    text: str
    at: int
    pick: str | None = None
    vector: Vector | None = None


class Scope:
    """The columns an expression may name: (qualifier, column) as in `t0.device`."""

    def __init__(self, columns: Mapping[str, pa.DataType], qualifier: str | None = None) -> None:
        self.columns = dict(columns)
        self.qualifier = qualifier


def place_of(node: exp.Expr) -> int:
    """Where a node begins in the text: its own place, else its first part's, else its parent's."""
    if "start" in node.meta:
        return int(node.meta["start"])
    inner = [int(child.meta["start"]) for child in node.walk() if "start" in child.meta]
    if inner:
        return min(inner)
    return place_of(node.parent) if node.parent is not None else 0


class Compiler:
    """Compiles expressions of one query text over one scope."""

    def __init__(self, text: str, scope: Scope, duck: Duck) -> None:
        self.text = text
        self.scope = scope
        self._duck = duck
        self._types: dict[str, pa.DataType] = {}

    def compile(self, node: exp.Expr) -> Expression:
        """InvalidInput at the place of what is wrong: an unknown name, a type that does not fit."""
        sql = self.sql(node)
        found = self._type(sql, node)
        columns = frozenset(self.resolve(column)[0] for column in node.find_all(exp.Column) if self._is_column(column))
        pick = None
        if isinstance(node, exp.Column) and self._is_column(node):
            name, path = self.resolve(node)
            pick = name if not path else None
        vector = vector_of(node, self.scope.columns, self._vector_column, found)
        return Expression(sql, found, columns, readable(node), place_of(node), pick, vector)

    def _vector_column(self, column: exp.Column) -> str | None:
        if not self._is_column(column):
            return None
        name, path = self.resolve(column)
        return None if path else name

    def condition(self, node: exp.Expr, what: str) -> Expression:
        """An expression that must be BOOLEAN, as in WHERE."""
        found = self.compile(node)
        if not pa.types.is_boolean(found.type):
            self.fail(node, f"{what} must be BOOLEAN, this is {sql_type(found.type)}", code="sql.type")
        return found

    def fail(self, node: exp.Expr, message: str, *, code: str, hint: str | None = None) -> NoReturn:
        raise sql_error(self.text, place_of(node), message, code=code, hint=hint)

    # -- types

    def type_of(self, node: exp.Expr) -> pa.DataType:
        return self._type(self.sql(node), node)

    def _type(self, sql: str, node: exp.Expr) -> pa.DataType:
        if sql not in self._types:
            try:
                self._types[sql] = self._duck.types_of([sql], self.scope.columns)[0]
            except duckdb.Error as error:
                # The binder names the outermost call; the cause is often deeper: blame the smallest part that fails.
                for part in _parts(node):
                    self.type_of(part)
                self.fail(node, _binder_message(error, readable(node)), code="sql.type")
        return self._types[sql]

    # -- names

    def _is_column(self, column: exp.Column) -> bool:
        name = column.this
        if not isinstance(name, exp.Identifier) or name.args.get("quoted") or column.args.get("table"):
            return True
        return name.name in self.scope.columns or name.name.upper() not in NO_PARENTHESES

    def resolve(self, column: exp.Column) -> tuple[str, tuple[str, ...]]:
        """The input column that a name means, and the fields inside it: `t0.a.x` is column a, field x."""
        parts = [part.name for part in column.parts]
        known = self.scope.columns
        if len(parts) > 1 and parts[0] == self.scope.qualifier:
            parts = parts[1:]
        elif len(parts) > 1 and parts[0] not in known:
            near = did_you_mean(parts[0], [*known, *([self.scope.qualifier] if self.scope.qualifier else [])])
            self.fail(column, f"there is no table {parts[0]!r} here", code="sql.unknown_table", hint=near)
        if parts[0] not in known:
            near = did_you_mean(parts[0], known) or f"columns: {', '.join(list(known)[:20])}"
            self.fail(column, f"there is no column {parts[0]!r}", code="sql.unknown_column", hint=near)
        return parts[0], tuple(parts[1:])

    # -- DuckDB text

    def sql(self, node: exp.Expr) -> str:
        rule = _RULES.get(type(node))
        if rule is None:
            self.fail(
                node, f"{type(node).__name__.upper()} is not supported in a standing query", code="sql.unsupported"
            )
        known = _ARGUMENTS.get(type(node))
        if known is not None:
            for key, value in node.args.items():
                if value and key not in known and not key.startswith("_"):
                    self.fail(node, f"{key.upper()} is not supported here", code="sql.unsupported")
        return rule(self, node)

    def column_sql(self, node: exp.Expr) -> str:
        assert isinstance(node, exp.Column)
        if isinstance(node.this, exp.Star):
            self.fail(node, "* stands alone or in COUNT(*)", code="sql.syntax")
        if not self._is_column(node):
            return self.call_sql(exp.Anonymous(this=node.name, expressions=[]))
        name, path = self.resolve(node)
        return quoted(name) + "".join(f".{quoted(part)}" for part in path)

    def call_sql(self, node: exp.Expr) -> str:
        call = _CompiledCall(self, node)
        function = FUNCTIONS.get(call.name)
        if function is None:
            message = f"there is no function {call.name}"
            if call.name in AGGREGATE_NAMES:
                message = f"{call.name} is an aggregate: it needs GROUP BY window_start, window_end over a window"
            elif call.name in UNSUPPORTED_FUNCTIONS:
                message = f"{call.name} is not supported in a standing query"
            self.fail(
                node,
                message,
                code="sql.unknown_function",
                hint=UNSUPPORTED_FUNCTIONS.get(call.name) or did_you_mean(call.name, FUNCTIONS),
            )
        if not function.arity_min <= call.count() <= function.arity_max:
            wanted = (
                str(function.arity_min)
                if function.arity_min == function.arity_max
                else f"{function.arity_min} to {function.arity_max}"
            )
            self.fail(node, f"{call.name} takes {wanted} arguments, not {call.count()}", code="sql.arguments")
        if callable(function.rule):
            return function.rule(call)
        return function.rule.format(*(call.sql(index) for index in range(call.count())))

    def cast_sql(self, node: exp.Expr) -> str:
        kind = "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"
        to = node.args["to"]
        try:
            wanted = arrow_type(to.this) if isinstance(to, SqlType) else None
        except InvalidInput as error:
            self.fail(to, error.message, code="sql.type", hint=error.hint)
        if wanted is None:
            self.fail(node, "this cast is not supported", code="sql.unsupported")
        value, source = self.sql(node.this), self.type_of(node.this)
        name = duckdb_type(wanted)
        if pa.types.is_integer(wanted) and (pa.types.is_floating(source) or pa.types.is_decimal(source)):
            value = f"trunc({value})"  # Flink cuts, DuckDB rounds
        elif pa.types.is_integer(wanted) and pa.types.is_string(source):
            value = f"regexp_replace(trim({value}), '^([+-]?[0-9]+)[.][0-9]*$', '\\1')"
        elif pa.types.is_string(wanted) and pa.types.is_boolean(source):
            return f"upper(CAST({value} AS VARCHAR))"
        elif pa.types.is_integer(wanted) and pa.types.is_timestamp(source):
            return f"{kind}(floor(epoch({value})) AS {name})"
        return f"{kind}({value} AS {name})"

    def case_sql(self, node: exp.Expr) -> str:
        subject = node.args.get("this")
        out = ["CASE"]
        if subject is not None:
            out.append(self.sql(subject))
        out.extend(f"WHEN {self.sql(part.this)} THEN {self.sql(part.args['true'])}" for part in node.args["ifs"])
        if node.args.get("default") is not None:
            out.append(f"ELSE {self.sql(node.args['default'])}")
        return "(" + " ".join([*out, "END"]) + ")"

    def in_sql(self, node: exp.Expr) -> str:
        if node.args.get("query") or node.args.get("unnest") or node.args.get("field"):
            self.fail(node, "IN takes a list of values, not a subquery", code="sql.unsupported")
        listed = ", ".join(self.sql(value) for value in node.expressions)
        return f"({self.sql(node.this)} IN ({listed}))"

    def like_sql(self, node: exp.Expr) -> str:
        negated = "NOT " if node.args.get("negate") else ""
        return f"({self.sql(node.this)} {negated}LIKE {self.sql(node.expression)})"

    def escape_sql(self, node: exp.Expr) -> str:
        if not isinstance(node.this, exp.Like):
            self.fail(node, "ESCAPE goes with LIKE", code="sql.syntax")
        negated = "NOT " if node.this.args.get("negate") else ""
        pattern, escape = self.sql(node.this.expression), self.sql(node.expression)
        return f"({self.sql(node.this.this)} {negated}LIKE {pattern} ESCAPE {escape})"

    def is_sql(self, node: exp.Expr) -> str:
        if not isinstance(node.expression, (exp.Null, exp.Boolean)):
            self.fail(node, "IS takes NULL, TRUE or FALSE", code="sql.syntax")
        negated = "NOT " if node.args.get("negate") else ""
        return f"({self.sql(node.this)} IS {negated}{self.sql(node.expression)})"

    def between_sql(self, node: exp.Expr) -> str:
        low, high = self.sql(node.args["low"]), self.sql(node.args["high"])
        return f"({self.sql(node.this)} BETWEEN {low} AND {high})"

    def interval_sql(self, node: exp.Expr) -> str:
        return f"to_microseconds({interval_us(self.text, node)})" if _is_exact(node) else _calendar_interval(self, node)

    def bracket_sql(self, node: exp.Expr) -> str:
        if len(node.expressions) != 1:
            self.fail(node, "one index in [ ]", code="sql.syntax")
        return f"{self.sql(node.this)}[{self.sql(node.expressions[0])}]"

    def dot_sql(self, node: exp.Expr) -> str:
        return f"{self.sql(node.this)}.{quoted(node.expression.name)}"

    def array_sql(self, node: exp.Expr) -> str:
        return f"[{', '.join(self.sql(item) for item in node.expressions)}]"


class _CompiledCall:
    """One call, as a rule of `functions` sees it."""

    def __init__(self, compiler: Compiler, node: exp.Expr) -> None:
        self._compiler = compiler
        self._node = node
        name = node.this
        self.name = (name if isinstance(name, str) else name.name).upper()
        self._arguments = node.expressions

    def count(self) -> int:
        return len(self._arguments)

    def sql(self, index: int) -> str:
        return self._compiler.sql(self._arguments[index])

    def type_of(self, index: int) -> pa.DataType:
        return self._compiler.type_of(self._arguments[index])

    def literal(self, index: int) -> str | None:
        node = self._arguments[index]
        if isinstance(node, exp.Var):
            return str(node.this).upper()
        return node.name if isinstance(node, exp.Literal) else None

    def unit(self, index: int) -> str:
        node = self._arguments[index]
        word = node.name
        unit = UNITS.get(_SHORT_UNITS.get(word, word.upper()))
        if unit is None:
            self._compiler.fail(
                node, f"there is no time unit {word!r}", code="sql.arguments", hint=did_you_mean(word.upper(), UNITS)
            )
        return unit

    def fail(self, message: str, hint: str | None = None) -> Exception:
        return sql_error(self._compiler.text, place_of(self._node), message, code="sql.arguments", hint=hint)


# Ibis prints these in TIMESTAMPDIFF.
_SHORT_UNITS = {
    "s": "SECOND",
    "m": "MINUTE",
    "h": "HOUR",
    "D": "DAY",
    "W": "WEEK",
    "M": "MONTH",
    "Q": "QUARTER",
    "Y": "YEAR",
    "ms": "MILLISECOND",
    "us": "MICROSECOND",
}

AGGREGATE_NAMES = frozenset(
    [
        "COUNT",
        "SUM",
        "AVG",
        "MIN",
        "MAX",
        "STDDEV",
        "STDDEV_POP",
        "STDDEV_SAMP",
        "VARIANCE",
        "VAR_POP",
        "VAR_SAMP",
        "FIRST_VALUE",
        "LAST_VALUE",
        "PERCENTILE",
        "ARRAY_AGG",
        "LISTAGG",
        "COLLECT",
        "APPROX_COUNT_DISTINCT",
    ]
)
_GROUP_WINDOW_HINT = "write FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND)) and group by window_start"
UNSUPPORTED_FUNCTIONS: dict[str, str] = {
    "TUMBLE": _GROUP_WINDOW_HINT,
    "HOP": _GROUP_WINDOW_HINT,
    "SESSION": _GROUP_WINDOW_HINT,
    "TUMBLE_START": _GROUP_WINDOW_HINT,
    "TUMBLE_END": _GROUP_WINDOW_HINT,
    "HOP_START": _GROUP_WINDOW_HINT,
    "HOP_END": _GROUP_WINDOW_HINT,
    "PROCTIME": "declare an event-time column with WATERMARK FOR",
    "ROW_NUMBER": "Top-N and deduplication are not supported yet; MAX, MIN, FIRST_VALUE and LAST_VALUE are",
    "LAG": "write the stream to a table and use LAG there",
    "LEAD": "write the stream to a table and use LEAD there",
}

_INTERVAL_US: dict[str, int] = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
    "WEEK": 7 * 86_400_000_000,
}
_CALENDAR_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_SPAN = re.compile(r"(?:(\d+) )?(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d{1,6})?)")


def _unit(node: exp.Expr) -> str:
    unit = str(node.args["unit"].this)
    return unit[:-1] if unit.endswith("S") and unit[:-1] in {*_INTERVAL_US, *_CALENDAR_MONTHS} else unit


def _is_exact(node: exp.Expr) -> bool:
    return _unit(node) not in _CALENDAR_MONTHS


def interval_us(text: str, node: exp.Expr) -> int:
    """The length of an interval in microseconds; months and years have none."""
    unit, value = _unit(node), str(node.this.name)
    factor = _INTERVAL_US.get(unit)
    try:
        if factor is not None:
            whole = float(value) * factor
            if whole.is_integer():
                return int(whole)
        elif unit in _SPANS:
            return _span_us(value, unit)
    except ValueError:
        pass
    if unit in _CALENDAR_MONTHS:
        raise sql_error(
            text, place_of(node), f"an interval of {unit}s has no fixed length", code="sql.interval", hint="use DAYs"
        )
    raise sql_error(
        text,
        place_of(node),
        f"INTERVAL '{value}' {unit} is not an interval",
        code="sql.interval",
        hint="write INTERVAL '10' SECOND or INTERVAL '1:30' MINUTE TO SECOND",
    )


_SPANS = {
    "DAY TO HOUR",
    "DAY TO MINUTE",
    "DAY TO SECOND",
    "HOUR TO MINUTE",
    "HOUR TO SECOND",
    "MINUTE TO SECOND",
}


def _span_us(value: str, unit: str) -> int:
    """`1 02:03:04` DAY TO SECOND, and its shorter forms."""
    names = ["DAY", "HOUR", "MINUTE", "SECOND"]
    first, last = unit.split(" TO ")
    wanted = names[names.index(first) : names.index(last) + 1]
    parts = re.split(r"[ :]", value.strip())
    if len(parts) != len(wanted):
        raise ValueError(value)
    total = sum(float(part) * _INTERVAL_US[name] for part, name in zip(parts, wanted, strict=True))
    return int(total)


def _calendar_interval(compiler: Compiler, node: exp.Expr) -> str:
    value = str(node.this.name)
    if not re.fullmatch(r"[+-]?\d+", value):
        compiler.fail(node, f"INTERVAL '{value}' {_unit(node)} is not an interval", code="sql.interval")
    return f"to_months({int(value) * _CALENDAR_MONTHS[_unit(node)]})"


def readable(node: exp.Expr) -> str:
    """The expression as `explain` and error messages show it."""

    def original(part: exp.Expr) -> exp.Expr:
        return exp.Var(this=part.meta["original"]) if "original" in part.meta else part

    return text_of(node.copy().transform(original))[:500]


def _parts(node: exp.Expr) -> list[exp.Expr]:
    known = (child for child in node.iter_expressions() if type(child) in _RULES)
    return [child for child in known if not isinstance(child, exp.Interval)]


def _binder_message(error: duckdb.Error, text: str) -> str:
    message = str(error).split("\n")[0].removeprefix("Binder Error: ").removeprefix("Catalog Error: ")
    message = message.split(" You might need")[0].split(" Candidate functions")[0]
    return f"{text}: {message}"


def _binary(operator: str) -> Callable[[Compiler, exp.Expr], str]:
    return lambda compiler, node: f"({compiler.sql(node.this)} {operator} {compiler.sql(node.expression)})"


def _typed(rule: Callable[[str, str, pa.DataType, pa.DataType], str]) -> Callable[[Compiler, exp.Expr], str]:
    def compiled(compiler: Compiler, node: exp.Expr) -> str:
        left, right = node.this, node.expression
        return rule(compiler.sql(left), compiler.sql(right), compiler.type_of(left), compiler.type_of(right))

    return compiled


def _literal(compiler: Compiler, node: exp.Expr) -> str:
    if node.args.get("is_string"):
        return literal(node.name)
    if not re.fullmatch(r"\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?", node.name):
        compiler.fail(node, f"{node.name!r} is not a number", code="sql.syntax")
    return node.name


_RULES: dict[type[exp.Expr], Callable[[Compiler, exp.Expr], str]] = {
    exp.Column: Compiler.column_sql,
    exp.Anonymous: Compiler.call_sql,
    exp.Cast: Compiler.cast_sql,
    exp.TryCast: Compiler.cast_sql,
    exp.Case: Compiler.case_sql,
    exp.In: Compiler.in_sql,
    exp.Like: Compiler.like_sql,
    exp.Escape: Compiler.escape_sql,
    exp.Is: Compiler.is_sql,
    exp.Between: Compiler.between_sql,
    exp.Interval: Compiler.interval_sql,
    exp.Bracket: Compiler.bracket_sql,
    exp.Dot: Compiler.dot_sql,
    exp.Array: Compiler.array_sql,
    exp.Literal: _literal,
    exp.Boolean: lambda _, node: "TRUE" if node.this else "FALSE",
    exp.Null: lambda _, __: "NULL",
    exp.Paren: lambda compiler, node: f"({compiler.sql(node.this)})",
    exp.Neg: lambda compiler, node: f"(- {compiler.sql(node.this)})",
    exp.Not: lambda compiler, node: f"(NOT {compiler.sql(node.this)})",
    exp.And: _binary("AND"),
    exp.Or: _binary("OR"),
    exp.EQ: _binary("="),
    exp.NEQ: _binary("<>"),
    exp.GT: _binary(">"),
    exp.GTE: _binary(">="),
    exp.LT: _binary("<"),
    exp.LTE: _binary("<="),
    exp.NullSafeEQ: _binary("IS NOT DISTINCT FROM"),
    exp.NullSafeNEQ: _binary("IS DISTINCT FROM"),
    exp.Add: _binary("+"),
    exp.Sub: _binary("-"),
    exp.Mul: _binary("*"),
    exp.Div: _typed(divided),
    exp.Mod: _typed(modulo),
    exp.DPipe: lambda compiler, node: (
        f"(CAST({compiler.sql(node.this)} AS VARCHAR) || CAST({compiler.sql(node.expression)} AS VARCHAR))"
    ),
    exp.BitwiseAnd: _binary("&"),
    exp.BitwiseOr: _binary("|"),
    exp.BitwiseXor: lambda compiler, node: f"xor({compiler.sql(node.this)}, {compiler.sql(node.expression)})",
    exp.BitwiseLeftShift: _binary("<<"),
    exp.BitwiseRightShift: _binary(">>"),
    exp.BitwiseNot: lambda compiler, node: f"(~ {compiler.sql(node.this)})",
}

# The parts of a node that its rule reads; any other part that the parser found is refused.
_ARGUMENTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Anonymous: frozenset({"this", "expressions"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Column: frozenset({"this", "table", "db", "catalog"}),
}
