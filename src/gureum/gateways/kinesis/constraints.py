"""What a request may hold, taken as data from botocore's installed service model, with AWS' words when it does not hold.

Called by `operations` once at import (compile) and by `app` for each request (check). Members that the model does not know
are let through unseen, as AWS does: newer clients send them.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import orjson

from gureum.gateways.kinesis.codec import Codec
from gureum.gateways.kinesis.errors import KinesisError

__all__ = ["Constraints", "load_constraints"]

MODEL = ("data", "kinesis", "2013-12-02", "service-2.json.gz")

# Values are repeated in error messages; a megabyte of them helps nobody.
SHOWN_CHARS_MAX = 256

# Appends messages to the list; raises SerializationException when the type is wrong.
_Check = Callable[[Any, str, list[str], Codec], None]


class Constraints:
    """The constraints on one operation's input, member by member."""

    def __init__(self, members: Mapping[str, _Check], required: frozenset[str]) -> None:
        self._members = members
        self._required = required

    def check(self, body: Mapping[str, Any], codec: Codec, *, skip: str | None = None) -> None:
        """Raise ValidationException with all that is wrong, or SerializationException; `skip` names a member to leave out."""
        problems: list[str] = []
        for name in self._required:
            if body.get(name) is None:
                problems.append(_problem("null", _lower(name), "Member must not be null"))  # noqa: PERF401
        for name, value in body.items():
            if value is not None and name != skip and (check := self._members.get(name)) is not None:
                check(value, _lower(name), problems, codec)
        if problems:
            count = len(problems)
            noun = "error" if count == 1 else "errors"
            raise KinesisError("ValidationException", f"{count} validation {noun} detected: {'; '.join(problems)}")


@cache
def load_constraints() -> dict[str, Constraints]:
    """The constraints of every operation in the model, by its name."""
    model = orjson.loads(gzip.decompress(resources.files("botocore").joinpath(*MODEL).read_bytes()))
    shapes = model["shapes"]
    compiled: dict[str, _Check] = {}
    found = {}
    for name, operation in model["operations"].items():
        shape = shapes[operation["input"]["shape"]] if "input" in operation else {"members": {}}
        members = {member: _compile(ref["shape"], shapes, compiled) for member, ref in shape["members"].items()}
        found[name] = Constraints(members, frozenset(shape.get("required", ())))
    return found


def _compile(name: str, shapes: dict[str, Any], compiled: dict[str, _Check]) -> _Check:
    if name not in compiled:
        compiled[name] = _COMPILERS[shapes[name]["type"]](shapes[name], shapes, compiled)
    return compiled[name]


def _compile_string(shape: dict[str, Any], _shapes: dict[str, Any], _compiled: dict[str, _Check]) -> _Check:
    shortest, longest = shape.get("min", 0), shape.get("max")
    pattern = re.compile(shape["pattern"], re.ASCII) if "pattern" in shape else None
    allowed = shape.get("enum")

    def check(value: Any, path: str, problems: list[str], _codec: Codec) -> None:
        if not isinstance(value, str):
            raise _wrong_type(value, "a String")
        too_long = longest is not None and len(value) > longest
        if len(value) < shortest:
            problems.append(
                _problem(_shown(value), path, f"Member must have length greater than or equal to {shortest}")
            )
        if too_long:
            problems.append(_problem(_shown(value), path, f"Member must have length less than or equal to {longest}"))
        # Not on a text that is too long anyway: some of the model's patterns take quadratic time.
        if pattern is not None and not too_long and not pattern.fullmatch(value):
            problems.append(
                _problem(_shown(value), path, f"Member must satisfy regular expression pattern: {pattern.pattern}")
            )
        if allowed is not None and value not in allowed:
            problems.append(
                _problem(_shown(value), path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
            )

    return check


def _compile_integer(shape: dict[str, Any], _shapes: dict[str, Any], _compiled: dict[str, _Check]) -> _Check:
    least, most = shape.get("min"), shape.get("max")

    def check(value: Any, path: str, problems: list[str], _codec: Codec) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(value, "an Integer")
        if least is not None and value < least:
            problems.append(_problem(_shown(value), path, f"Member must have value greater than or equal to {least}"))
        if most is not None and value > most:
            problems.append(_problem(_shown(value), path, f"Member must have value less than or equal to {most}"))

    return check


def _compile_boolean(_shape: dict[str, Any], _shapes: dict[str, Any], _compiled: dict[str, _Check]) -> _Check:
    def check(value: Any, _path: str, _problems: list[str], _codec: Codec) -> None:
        if not isinstance(value, bool):
            raise _wrong_type(value, "a Boolean")

    return check


def _compile_timestamp(_shape: dict[str, Any], _shapes: dict[str, Any], _compiled: dict[str, _Check]) -> _Check:
    def check(value: Any, _path: str, _problems: list[str], _codec: Codec) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_type(value, "a Timestamp")

    return check


def _compile_blob(shape: dict[str, Any], _shapes: dict[str, Any], _compiled: dict[str, _Check]) -> _Check:
    longest = shape.get("max")

    def check(value: Any, path: str, problems: list[str], codec: Codec) -> None:
        length = len(codec.blobs([value])[0])
        if longest is not None and length > longest:
            problems.append(
                _problem(f"'[{length} bytes]'", path, f"Member must have length less than or equal to {longest}")
            )

    return check


def _compile_list(shape: dict[str, Any], shapes: dict[str, Any], compiled: dict[str, _Check]) -> _Check:
    item = _compile(shape["member"]["shape"], shapes, compiled)
    least, most = shape.get("min", 0), shape.get("max")

    def check(value: Any, path: str, problems: list[str], codec: Codec) -> None:
        if not isinstance(value, list):
            raise _wrong_type(value, "a List")
        _check_count(len(value), least, most, path, problems)
        for number, one in enumerate(value, start=1):
            at = f"{path}.{number}.member"
            if one is None:
                problems.append(_problem("null", at, "Member must not be null"))
            else:
                item(one, at, problems, codec)

    return check


def _compile_map(shape: dict[str, Any], shapes: dict[str, Any], compiled: dict[str, _Check]) -> _Check:
    key_check = _compile(shape["key"]["shape"], shapes, compiled)
    value_check = _compile(shape["value"]["shape"], shapes, compiled)
    least, most = shape.get("min", 0), shape.get("max")

    def check(value: Any, path: str, problems: list[str], codec: Codec) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(value, "a Map")
        _check_count(len(value), least, most, path, problems)
        for key, one in value.items():
            key_check(key, path, problems, codec)
            value_check(one, f"{path}.{key}.member", problems, codec)

    return check


def _compile_structure(shape: dict[str, Any], shapes: dict[str, Any], compiled: dict[str, _Check]) -> _Check:
    members = {name: _compile(ref["shape"], shapes, compiled) for name, ref in shape["members"].items()}
    required = shape.get("required", ())

    def check(value: Any, path: str, problems: list[str], codec: Codec) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(value, "a Structure")
        problems.extend(
            _problem("null", f"{path}.{_lower(name)}", "Member must not be null")
            for name in required
            if value.get(name) is None
        )
        for name, one in value.items():
            if one is not None and (member := members.get(name)) is not None:
                member(one, f"{path}.{_lower(name)}", problems, codec)

    return check


_COMPILERS: dict[str, Callable[[dict[str, Any], dict[str, Any], dict[str, _Check]], _Check]] = {
    "string": _compile_string,
    "integer": _compile_integer,
    "long": _compile_integer,
    "boolean": _compile_boolean,
    "timestamp": _compile_timestamp,
    "blob": _compile_blob,
    "list": _compile_list,
    "map": _compile_map,
    "structure": _compile_structure,
}


def _check_count(count: int, least: int, most: int | None, path: str, problems: list[str]) -> None:
    if count < least:
        problems.append(
            _problem(f"'[{count} items]'", path, f"Member must have length greater than or equal to {least}")
        )
    if most is not None and count > most:
        problems.append(_problem(f"'[{count} items]'", path, f"Member must have length less than or equal to {most}"))


def _problem(shown: str, path: str, constraint: str) -> str:
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: object) -> str:
    text = str(value)
    return f"'{text}'" if len(text) <= SHOWN_CHARS_MAX else f"'{text[:SHOWN_CHARS_MAX]}...'"


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


_JSON_TYPES = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    list: "START_ARRAY",
}


def _wrong_type(value: object, wanted: str) -> KinesisError:
    found = _JSON_TYPES.get(type(value), "START_OBJECT")
    return KinesisError("SerializationException", f"{found} can not be converted to {wanted}")
