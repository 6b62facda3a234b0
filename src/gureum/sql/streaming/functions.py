"""The scalar functions of the streaming dialect: each Flink name, how many arguments it takes, and its DuckDB meaning.

Called by `expressions`. Pure. A row of the table is one function; what is not in the table is refused by name, so nothing
reaches DuckDB that was not thought about (no file, setting or table function). Where Flink and DuckDB differ the row says
Flink's meaning: NULL in CONCAT gives NULL, DAYOFWEEK starts at Sunday = 1, REGEXP_EXTRACT without a match is NULL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from gureum.sql.quoting import literal
from gureum.sql.types import sql_type

__all__ = ["FUNCTIONS", "NO_PARENTHESES", "UNITS", "Call", "Function", "strftime_pattern"]


class Call(Protocol):
    """One call being compiled, as a rule sees it."""

    name: str

    def sql(self, index: int) -> str: ...
    def count(self) -> int: ...
    def type_of(self, index: int) -> pa.DataType: ...
    def literal(self, index: int) -> str | None: ...
    def unit(self, index: int) -> str: ...
    def fail(self, message: str, hint: str | None = None) -> Exception: ...


Rule = str | Callable[[Call], str]


@dataclass(frozen=True, slots=True)
class Function:
    arity_min: int
    arity_max: int
    rule: Rule


# Of a call's arguments at most; a longer list is a generated text that DuckDB would not plan well either.
ARGUMENTS_MAX = 200

UNITS: dict[str, str] = {
    "MILLENNIUM": "millennium",
    "CENTURY": "century",
    "DECADE": "decade",
    "YEAR": "year",
    "QUARTER": "quarter",
    "MONTH": "month",
    "WEEK": "week",
    "DAY": "day",
    "HOUR": "hour",
    "MINUTE": "minute",
    "SECOND": "second",
    "MILLISECOND": "millisecond",
    "MICROSECOND": "microsecond",
}

# One row per letter run of Java's DateTimeFormatter that people use.
_PATTERN_PARTS: tuple[tuple[str, str], ...] = (
    ("yyyy", "%Y"),
    ("uuuu", "%Y"),
    ("yy", "%y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("M", "%-m"),
    ("dd", "%d"),
    ("d", "%-d"),
    ("HH", "%H"),
    ("H", "%-H"),
    ("hh", "%I"),
    ("mm", "%M"),
    ("m", "%-M"),
    ("ss", "%S"),
    ("s", "%-S"),
    ("SSSSSS", "%f"),
    ("SSS", "%g"),
    ("EEEE", "%A"),
    ("EEE", "%a"),
    ("DDD", "%j"),
    ("a", "%p"),
)


def strftime_pattern(java: str) -> str | None:
    """DuckDB's strftime pattern for a Java date pattern; None if it has a letter that has no counterpart."""
    out: list[str] = []
    position = 0
    while position < len(java):
        if java[position] == "'":
            end = java.find("'", position + 1)
            if end < 0:
                return None
            out.append(java[position + 1 : end].replace("%", "%%") or "'")
            position = end + 1
            continue
        for letters, pattern in _PATTERN_PARTS:
            if java.startswith(letters, position):
                out.append(pattern)
                position += len(letters)
                break
        else:
            if java[position].isalpha():
                return None
            out.append(java[position].replace("%", "%%"))
            position += 1
    return "".join(out)


def _pattern(call: Call, index: int) -> str:
    java = call.literal(index)
    pattern = strftime_pattern(java) if java is not None else None
    if pattern is None:
        raise call.fail(
            f"the date pattern of {call.name} must be a text such as 'yyyy-MM-dd HH:mm:ss'",
            "letters: yyyy MM dd HH mm ss SSS EEE a; other text in single quotes",
        )
    return literal(pattern)


def _concat(call: Call) -> str:
    return "(" + " || ".join(f"CAST({call.sql(i)} AS VARCHAR)" for i in range(call.count())) + ")"


def _listed(name: str) -> Callable[[Call], str]:
    return lambda call: f"{name}({', '.join(call.sql(i) for i in range(call.count()))})"


def _null_if_any_null(name: str) -> Callable[[Call], str]:
    def rule(call: Call) -> str:
        arguments = [call.sql(i) for i in range(call.count())]
        nulls = " OR ".join(f"{argument} IS NULL" for argument in arguments)
        return f"CASE WHEN {nulls} THEN NULL ELSE {name}({', '.join(arguments)}) END"

    return rule


def _rounding(to_unit: str, number: str) -> Callable[[Call], str]:
    """FLOOR and CEIL: of a number, or of a time to a unit."""

    def rule(call: Call) -> str:
        if call.count() == 1:
            return f"{number}({call.sql(0)})"
        unit = call.unit(1)
        floor = f"date_trunc('{unit}', {call.sql(0)})"
        if to_unit == "floor":
            return floor
        return f"CASE WHEN {floor} = {call.sql(0)} THEN {floor} ELSE {floor} + INTERVAL 1 {unit} END"

    return rule


def _extract(call: Call) -> str:
    unit = call.literal(0) or ""
    return _part(call, unit, 1)


def _part(call: Call, unit: str, index: int) -> str:
    value = call.sql(index)
    special = {
        "DOW": f"(dayofweek({value}) + 1)",
        "ISODOW": f"isodow({value})",
        "DOY": f"dayofyear({value})",
        "EPOCH": f"CAST(floor(epoch({value})) AS BIGINT)",
        # DuckDB counts these from the minute, Flink within the second.
        "MILLISECOND": f"(millisecond({value}) % 1000)",
        "MICROSECOND": f"(microsecond({value}) % 1000000)",
    }
    if unit in special:
        return special[unit]
    if unit not in UNITS:
        raise call.fail(f"there is no unit {unit!r} to extract")
    return f"{UNITS[unit]}({value})"


def _date_part(unit: str) -> Function:
    return Function(1, 1, lambda call: _part(call, unit, 0))


def _to_timestamp(call: Call) -> str:
    if call.count() == 1:
        return f"TRY_CAST({call.sql(0)} AS TIMESTAMP)"
    return f"try_strptime({call.sql(0)}, {_pattern(call, 1)})"


_EPOCH_FACTORS = {"0": 1_000_000, "3": 1_000, "6": 1}


def _to_timestamp_ltz(call: Call) -> str:
    value, arrow = call.sql(0), call.type_of(0)
    if pa.types.is_string(arrow):
        if call.count() == 1:
            return f"TRY_CAST({value} AS TIMESTAMPTZ)"
        return f"CAST(try_strptime({value}, {_pattern(call, 1)}) AS TIMESTAMPTZ)"
    precision = call.literal(1) if call.count() > 1 else "3"
    factor = _EPOCH_FACTORS.get(precision or "")
    if factor is None:
        raise call.fail(
            "the precision of TO_TIMESTAMP_LTZ is 0 (seconds), 3 (milliseconds) or 6 (microseconds)",
            "write TO_TIMESTAMP_LTZ(epoch_ms, 3)",
        )
    if pa.types.is_integer(arrow):
        return f"make_timestamptz(CAST({value} AS BIGINT) * {factor})"
    return f"make_timestamptz(CAST(round({value} * {factor}) AS BIGINT))"


def _date_format(call: Call) -> str:
    value = call.sql(0)
    if pa.types.is_string(call.type_of(0)):
        value = f"CAST({value} AS TIMESTAMP)"
    return f"strftime({value}, {_pattern(call, 1)})"


def _from_unixtime(call: Call) -> str:
    pattern = _pattern(call, 1) if call.count() > 1 else "'%Y-%m-%d %H:%M:%S'"
    return f"strftime(make_timestamp(CAST({call.sql(0)} AS BIGINT) * 1000000), {pattern})"


def _unix_timestamp(call: Call) -> str:
    if call.count() == 0:
        return "CAST(floor(epoch(getvariable('gureum_now'))) AS BIGINT)"
    if call.count() == 1:
        return f"CAST(floor(epoch(CAST({call.sql(0)} AS TIMESTAMP))) AS BIGINT)"
    return f"CAST(floor(epoch(strptime({call.sql(0)}, {_pattern(call, 1)}))) AS BIGINT)"


def _to_date(call: Call) -> str:
    if call.count() == 1:
        return f"TRY_CAST({call.sql(0)} AS DATE)"
    return f"CAST(try_strptime({call.sql(0)}, {_pattern(call, 1)}) AS DATE)"


def _timestamp_difference(call: Call) -> str:
    return f"date_sub('{call.unit(0)}', {call.sql(1)}, {call.sql(2)})"


def _timestamp_add(call: Call) -> str:
    return f"({call.sql(2)} + CAST({call.sql(1)} AS BIGINT) * INTERVAL 1 {call.unit(0)})"


def _java_replacement(call: Call) -> str:
    replacement = call.literal(2)
    if replacement is None:
        return call.sql(2)
    # Java writes groups as $1, RE2 as \1.
    out = replacement.replace("\\", "\\\\")
    for digit in "0123456789":
        out = out.replace(f"${digit}", f"\\{digit}")
    return literal(out)


def _regexp_extract(call: Call) -> str:
    group = call.sql(2) if call.count() > 2 else "0"
    text, pattern = call.sql(0), call.sql(1)
    return f"CASE WHEN regexp_matches({text}, {pattern}) THEN regexp_extract({text}, {pattern}, {group}) END"


def _logarithm(call: Call) -> str:
    if call.count() == 1:
        return f"ln({call.sql(0)})"
    return f"(ln({call.sql(1)}) / ln({call.sql(0)}))"


def _locate(call: Call) -> str:
    if call.count() == 2:
        return f"instr({call.sql(1)}, {call.sql(0)})"
    text, start = call.sql(1), call.sql(2)
    found = f"instr(substring({text}, {start}), {call.sql(0)})"
    return f"CASE WHEN {found} = 0 THEN 0 ELSE {found} + {start} - 1 END"


def _padded(side: str) -> Callable[[Call], str]:
    return lambda call: f"{side}({call.sql(0)}, CAST({call.sql(1)} AS INTEGER), {call.sql(2)})"


def _truncate(call: Call) -> str:
    if call.count() == 1:
        return f"trunc({call.sql(0)})"
    return f"(trunc({call.sql(0)} * power(10, {call.sql(1)})) / power(10, {call.sql(1)}))"


def _split_index(call: Call) -> str:
    # DuckDB gives '' beyond the end, Flink NULL.
    text, delimiter, index = call.sql(0), call.sql(1), call.sql(2)
    return f"list_extract(string_split({text}, {delimiter}), CAST({index} AS BIGINT) + 1)"


def _string_to_map(call: Call) -> str:
    pairs = call.sql(1) if call.count() > 1 else "','"
    equals = call.sql(2) if call.count() > 2 else "'='"
    return (
        f"map_from_entries(list_transform(string_split({call.sql(0)}, {pairs}), "
        f"lambda x: {{'k': split_part(x, {equals}, 1), 'v': split_part(x, {equals}, 2)}}))"
    )


def _cardinality(call: Call) -> str:
    if pa.types.is_map(call.type_of(0)):
        return f"CAST(cardinality({call.sql(0)}) AS INTEGER)"
    return f"CAST(len({call.sql(0)}) AS INTEGER)"


def _json(template: str) -> Callable[[Call], str]:
    # Flink gives NULL for a text that is not JSON; DuckDB would fail the row.
    return lambda call: (
        f"CASE WHEN json_valid({call.sql(0)}) THEN {template.format(call.sql(0), call.sql(1))} END"
        if call.literal(1) is not None
        else _refuse_path(call)
    )


def _refuse_path(call: Call) -> str:
    raise call.fail(f"the path of {call.name} must be a text such as '$.user.id'")


def _no_domain_error(condition: str, otherwise: str, function: str) -> Callable[[Call], str]:
    """Java's floating point gives NaN or -Infinity where DuckDB would fail the row."""
    return lambda call: (
        f"CASE WHEN {condition.format(call.sql(0))} THEN {otherwise.format(call.sql(0))} ELSE {function}({call.sql(0)}) END"
    )


def _logs(function: str) -> Function:
    return Function(
        1,
        1,
        _no_domain_error(
            "{0} <= 0",
            "CASE WHEN {0} = 0 THEN CAST('-Infinity' AS DOUBLE) ELSE CAST('NaN' AS DOUBLE) END",
            function,
        ),
    )


def _direct(name: str, arity_min: int = 1, arity_max: int | None = None) -> Function:
    return Function(arity_min, arity_min if arity_max is None else arity_max, _listed(name))


FUNCTIONS: dict[str, Function] = {
    # text
    "UPPER": _direct("upper"),
    "UCASE": _direct("upper"),
    "LOWER": _direct("lower"),
    "LCASE": _direct("lower"),
    "CHAR_LENGTH": Function(1, 1, "CAST(length({0}) AS INTEGER)"),
    "CHARACTER_LENGTH": Function(1, 1, "CAST(length({0}) AS INTEGER)"),
    "LENGTH": Function(1, 1, "CAST(length({0}) AS INTEGER)"),
    "OCTET_LENGTH": Function(1, 1, "CAST(strlen({0}) AS INTEGER)"),
    "CONCAT": Function(1, ARGUMENTS_MAX, _concat),
    "CONCAT_WS": _direct("concat_ws", 2, ARGUMENTS_MAX),
    "SUBSTRING": _direct("substring", 2, 3),
    "LEFT": _direct("left", 2),
    "RIGHT": _direct("right", 2),
    "REPLACE": _direct("replace", 3),
    "TRANSLATE": _direct("translate", 3),
    "LOCATE": Function(2, 3, _locate),
    "INSTR": _direct("instr", 2),
    "POSITION": Function(2, 2, _locate),
    "TRIM": _direct("trim", 1, 2),
    "BTRIM": _direct("trim", 1, 2),
    "LTRIM": _direct("ltrim", 1, 2),
    "RTRIM": _direct("rtrim", 1, 2),
    "LPAD": Function(3, 3, _padded("lpad")),
    "RPAD": Function(3, 3, _padded("rpad")),
    "REPEAT": _direct("repeat", 2),
    "REVERSE": _direct("reverse"),
    "INITCAP": Function(
        1,
        1,
        "array_to_string(list_transform(string_split({0}, ' '), "
        "lambda w: upper(left(w, 1)) || lower(substring(w, 2))), ' ')",
    ),
    "ASCII": _direct("ascii"),
    "CHR": _direct("chr"),
    "SPLIT_INDEX": Function(3, 3, _split_index),
    "SPLIT": _direct("string_split", 2),
    "STR_TO_MAP": Function(1, 3, _string_to_map),
    "STARTSWITH": _direct("starts_with", 2),
    "ENDSWITH": _direct("ends_with", 2),
    "REGEXP": _direct("regexp_matches", 2),
    "REGEXP_LIKE": _direct("regexp_matches", 2),
    "REGEXP_EXTRACT": Function(2, 3, _regexp_extract),
    "REGEXP_REPLACE": Function(
        3, 3, lambda call: f"regexp_replace({call.sql(0)}, {call.sql(1)}, {_java_replacement(call)}, 'g')"
    ),
    "REGEXP_COUNT": Function(2, 2, "CAST(len(regexp_extract_all({0}, {1})) AS INTEGER)"),
    "MD5": _direct("md5"),
    "SHA1": _direct("sha1"),
    "SHA256": _direct("sha256"),
    "TO_BASE64": Function(1, 1, "to_base64(encode({0}))"),
    "FROM_BASE64": Function(1, 1, "decode(from_base64({0}))"),
    # choice
    "IF": Function(3, 3, "CASE WHEN {0} THEN {1} ELSE {2} END"),
    "COALESCE": _direct("coalesce", 1, ARGUMENTS_MAX),
    "IFNULL": _direct("coalesce", 2),
    "NULLIF": _direct("nullif", 2),
    "GREATEST": Function(1, ARGUMENTS_MAX, _null_if_any_null("greatest")),
    "LEAST": Function(1, ARGUMENTS_MAX, _null_if_any_null("least")),
    # numbers
    "ABS": _direct("abs"),
    "CEIL": Function(1, 2, _rounding("ceil", "ceil")),
    "FLOOR": Function(1, 2, _rounding("floor", "floor")),
    "ROUND": _direct("round", 1, 2),
    "TRUNCATE": Function(1, 2, _truncate),
    "POWER": _direct("power", 2),
    "SQRT": Function(1, 1, _no_domain_error("{0} < 0", "CAST('NaN' AS DOUBLE)", "sqrt")),
    "CBRT": _direct("cbrt"),
    "LN": _logs("ln"),
    "LOG": Function(1, 2, _logarithm),
    "LOG10": _logs("log10"),
    "LOG2": _logs("log2"),
    "EXP": _direct("exp"),
    "MOD": Function(2, 2, lambda call: modulo(call.sql(0), call.sql(1), call.type_of(0), call.type_of(1))),
    "SIGN": _direct("sign"),
    "SIN": _direct("sin"),
    "COS": _direct("cos"),
    "TAN": _direct("tan"),
    "COT": _direct("cot"),
    "ASIN": _direct("asin"),
    "ACOS": _direct("acos"),
    "ATAN": _direct("atan"),
    "ATAN2": _direct("atan2", 2),
    "SINH": _direct("sinh"),
    "COSH": _direct("cosh"),
    "TANH": _direct("tanh"),
    "DEGREES": _direct("degrees"),
    "RADIANS": _direct("radians"),
    "PI": _direct("pi", 0),
    "E": Function(0, 0, "exp(1.0)"),
    "HEX": _direct("hex"),
    "BIN": _direct("bin"),
    "RAND": Function(0, 0, "random()"),
    "UUID": Function(0, 0, "CAST(uuid() AS VARCHAR)"),
    "IS_NAN": _direct("isnan"),
    # time
    "TO_TIMESTAMP": Function(1, 2, _to_timestamp),
    "TO_TIMESTAMP_LTZ": Function(1, 2, _to_timestamp_ltz),
    "TO_DATE": Function(1, 2, _to_date),
    "DATE_FORMAT": Function(2, 2, _date_format),
    "FROM_UNIXTIME": Function(1, 2, _from_unixtime),
    "UNIX_TIMESTAMP": Function(0, 2, _unix_timestamp),
    "EXTRACT": Function(2, 2, _extract),
    "TIMESTAMPDIFF": Function(3, 3, _timestamp_difference),
    "TIMESTAMPADD": Function(3, 3, _timestamp_add),
    "YEAR": _date_part("YEAR"),
    "QUARTER": _date_part("QUARTER"),
    "MONTH": _date_part("MONTH"),
    "WEEK": _date_part("WEEK"),
    "DAYOFYEAR": _date_part("DOY"),
    "DAYOFMONTH": _date_part("DAY"),
    "DAYOFWEEK": _date_part("DOW"),
    "HOUR": _date_part("HOUR"),
    "MINUTE": _date_part("MINUTE"),
    "SECOND": _date_part("SECOND"),
    "NOW": Function(0, 0, "getvariable('gureum_now')"),
    "CURRENT_TIMESTAMP": Function(0, 0, "getvariable('gureum_now')"),
    "CURRENT_ROW_TIMESTAMP": Function(0, 0, "getvariable('gureum_now')"),
    "LOCALTIMESTAMP": Function(0, 0, "CAST(getvariable('gureum_now') AS TIMESTAMP)"),
    "CURRENT_DATE": Function(0, 0, "CAST(getvariable('gureum_now') AS DATE)"),
    # JSON and collections
    "JSON_VALUE": Function(2, 2, _json("json_extract_string({0}, {1})")),
    "JSON_QUERY": Function(2, 2, _json("CAST(json_extract({0}, {1}) AS VARCHAR)")),
    "JSON_EXISTS": Function(2, 2, _json("json_exists({0}, {1})")),
    "CARDINALITY": Function(1, 1, _cardinality),
    "ARRAY_CONTAINS": _direct("list_contains", 2),
    "ARRAY_DISTINCT": _direct("list_distinct"),
    "ARRAY_REVERSE": _direct("list_reverse"),
    "ARRAY_MAX": _direct("list_max"),
    "ARRAY_MIN": _direct("list_min"),
    "ARRAY_POSITION": Function(2, 2, "CAST(coalesce(list_position({0}, {1}), 0) AS INTEGER)"),
    "ARRAY_JOIN": _direct("array_to_string", 2),
    "MAP_KEYS": _direct("map_keys"),
    "MAP_VALUES": _direct("map_values"),
    "TYPEOF": Function(1, 1, lambda call: literal(sql_type(call.type_of(0)))),
}

# The calls that may stand without parentheses.
NO_PARENTHESES = frozenset({"CURRENT_TIMESTAMP", "CURRENT_ROW_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_DATE", "NOW"})


def divided(left: str, right: str, left_type: pa.DataType, right_type: pa.DataType) -> str:
    """Flink's `/`: whole numbers divide to a whole number, and a whole division by zero fails the row."""
    if pa.types.is_integer(left_type) and pa.types.is_integer(right_type):
        return f"CASE WHEN {right} = 0 THEN {DIVISION_BY_ZERO} ELSE ({left} // {right}) END"
    return f"({left} / {right})"


def modulo(left: str, right: str, left_type: pa.DataType, right_type: pa.DataType) -> str:
    if pa.types.is_integer(left_type) and pa.types.is_integer(right_type):
        return f"CASE WHEN {right} = 0 THEN {DIVISION_BY_ZERO} ELSE ({left} % {right}) END"
    return f"({left} % {right})"


# A cast that fails: DuckDB's error() is volatile, which TRY does not take, and a bare division by zero gives NULL.
DIVISION_BY_ZERO = "CAST('division by zero' AS INTEGER)"
