"""The space that a tuning searches, as plain data: a name for each parameter, and a range or a choice for each name.

    {
        "lr": log_float(1e-5, 1e-1),
        "layers": int_range(1, 4),
        "optimizer": choice({"adam": {}, "sgd": {"momentum": float_range(0.0, 0.99)}}),
    }

Called by users to write one, by `study` to draw from it. A space under a choice is drawn from only when its option was taken;
the objective gets all parameters in one flat dict. Promise: what is not a space is refused when the tuning starts, by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gureum.errors import InvalidInput

__all__ = [
    "Choice",
    "Draw",
    "FloatRange",
    "IntRange",
    "Space",
    "choice",
    "float_range",
    "int_range",
    "log_float",
    "log_int",
]

# A sampler looks at each parameter in each trial; a space beyond this was written by a loop gone wrong.
PARAMETERS_MAX = 1_000
OPTIONS_MAX = 10_000

Scalar = None | bool | int | float | str


@dataclass(frozen=True)
class FloatRange:
    """Numbers from low to high, both included; with `log`, each order of magnitude is as likely as the next."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        for bound in (self.low, self.high, *(() if self.step is None else (self.step,))):
            if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not math.isfinite(bound):
                raise InvalidInput(f"{self}: bounds are finite numbers, not {bound!r}", code="tuning.space")
        _check_order(self)


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from low to high, both included."""

    low: int
    high: int
    log: bool = False
    step: int | None = None

    def __post_init__(self) -> None:
        for bound in (self.low, self.high, *(() if self.step is None else (self.step,))):
            if isinstance(bound, bool) or not isinstance(bound, int):
                raise InvalidInput(f"{self}: bounds are whole numbers, not {bound!r}", code="tuning.space")
        _check_order(self)


@dataclass(frozen=True)
class Choice:
    """One of several options. `below` has a space for each option that has one, `values` what an option's name stands for."""

    options: tuple[Scalar, ...]
    below: Mapping[Scalar, Mapping[str, Any]] = field(default_factory=dict)
    values: Mapping[Scalar, Any] = field(default_factory=dict)


Spec = FloatRange | IntRange | Choice


def float_range(low: float, high: float, *, step: float | None = None) -> FloatRange:
    """Numbers from `low` to `high`, both included, in steps of `step` if given."""
    return FloatRange(low, high, step=step)


def log_float(low: float, high: float) -> FloatRange:
    """Numbers from `low` (above 0) to `high`, as many below 0.001 as above it if the ends are 1e-6 and 1."""
    return FloatRange(low, high, log=True)


def int_range(low: int, high: int, *, step: int | None = None) -> IntRange:
    """Whole numbers from `low` to `high`, both included, in steps of `step` if given."""
    return IntRange(low, high, step=step)


def log_int(low: int, high: int) -> IntRange:
    """Whole numbers from `low` (above 0) to `high`, each order of magnitude as likely as the next."""
    return IntRange(low, high, log=True)


def choice(options: Sequence[Scalar] | Mapping[str, Any]) -> Choice:
    """One of `options`: names, numbers, booleans or None.

    A mapping names what is no such value: `choice({"small": (64,), "large": (64, 64)})` hands the tuple to the objective.
    A dict in it is a space of its own, drawn from when that option is taken: `choice({"tree": {"depth": int_range(2, 9)}})`.
    """
    if isinstance(options, Mapping):
        below: dict[Scalar, Mapping[str, Any]] = {
            name: value for name, value in options.items() if isinstance(value, Mapping)
        }
        values: dict[Scalar, Any] = {name: value for name, value in options.items() if not isinstance(value, Mapping)}
    elif isinstance(options, Sequence) and not isinstance(options, str):
        below, values = {}, {}
    else:
        raise InvalidInput(f"choice({options!r}): give a list of options, or a dict of named ones", code="tuning.space")
    names = tuple(options)
    if not names:
        raise InvalidInput("a choice needs at least one option", code="tuning.space")
    if len(names) > OPTIONS_MAX:
        raise InvalidInput(f"a choice has at most {OPTIONS_MAX} options, not {len(names)}", code="tuning.space")
    for name in names:
        if name is not None and not isinstance(name, (bool, int, float, str)):
            raise InvalidInput(
                f"choice: {name!r} is neither text, number, boolean nor None",
                code="tuning.space",
                hint=f"name it: choice({{'a name': {name!r}, ...}})",
            )
    # 1 == True == 1.0 in Python: Optuna would take one for the other.
    if len(set(names)) != len(names) or any(isinstance(name, float) and math.isnan(name) for name in names):
        raise InvalidInput(f"choice({list(names)!r}): options are equal to each other", code="tuning.space")
    return Choice(names, below, values)


class Draw(Protocol):
    """What a space draws from: an Optuna trial, or a finished trial's parameters."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int: ...
    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Any: ...


class Space:
    """A checked space. Parameters under a choice are known to Optuna by their path, such as `optimizer.sgd.momentum`."""

    def __init__(self, space: Mapping[str, Any]) -> None:
        if not isinstance(space, Mapping):
            raise InvalidInput(
                f"a space is a dict of parameters, not {type(space).__name__}",
                code="tuning.space",
                hint='such as {"lr": log_float(1e-5, 1e-1)}',
            )
        if not space:
            raise InvalidInput(
                "the space is empty", code="tuning.space", hint='name a parameter: {"lr": log_float(1e-5, 1e-1)}'
            )
        _check(space, path="", outer=frozenset())
        self._space = space
        keys = self.keys
        if len(keys) > PARAMETERS_MAX:
            raise InvalidInput(f"a space has at most {PARAMETERS_MAX} parameters, not {len(keys)}", code="tuning.space")
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise InvalidInput(
                f"two parameters have the path {min(twice)!r}", code="tuning.space", hint="rename one of them"
            )

    @property
    def keys(self) -> list[str]:
        """Every parameter by its path."""
        return [path for path, _ in _walk(self._space, "")]

    def draw(self, source: Draw) -> dict[str, Any]:
        """The objective's parameters, flat, as `source` suggests them."""
        params: dict[str, Any] = {}
        _draw(self._space, "", source, params)
        return params

    def from_suggested(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        """The objective's parameters again, from what Optuna kept of a trial; what was never drawn is absent."""
        params: dict[str, Any] = {}
        _draw(self._space, "", _Kept(suggested), params)
        return {name: value for name, value in params.items() if value is not _ABSENT}

    def to_json(self) -> str:
        """One text for one space: two spaces search the same if their texts are equal."""
        return json.dumps({path: _spec_json(spec) for path, spec in _walk(self._space, "")}, sort_keys=True)


_ABSENT = object()


@dataclass(frozen=True)
class _Kept:
    """A Draw that gives what was drawn before."""

    suggested: Mapping[str, Any]

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> Any:
        del low, high, step, log
        return self.suggested.get(name, _ABSENT)

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> Any:
        del low, high, step, log
        return self.suggested.get(name, _ABSENT)

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Any:
        del choices
        return self.suggested.get(name, _ABSENT)


def _draw(space: Mapping[str, Any], prefix: str, source: Draw, params: dict[str, Any]) -> None:
    for name, spec in space.items():
        path = prefix + name
        if isinstance(spec, FloatRange):
            params[name] = source.suggest_float(path, spec.low, spec.high, step=spec.step, log=spec.log)
        elif isinstance(spec, IntRange):
            params[name] = source.suggest_int(path, spec.low, spec.high, step=spec.step or 1, log=spec.log)
        else:
            option = source.suggest_categorical(path, spec.options)
            if option is _ABSENT:
                params[name] = option
                continue
            params[name] = spec.values.get(option, option)
            _draw(spec.below.get(option, {}), f"{path}.{option}.", source, params)


def _walk(space: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Spec]]:
    for name, spec in space.items():
        yield prefix + name, spec
        if isinstance(spec, Choice):
            for option, below in spec.below.items():
                yield from _walk(below, f"{prefix}{name}.{option}.")


def _check(space: Mapping[str, Any], *, path: str, outer: frozenset[str]) -> None:
    for name, spec in space.items():
        if not isinstance(name, str) or not name:
            raise InvalidInput(f"a parameter's name is text, not {name!r}", code="tuning.space")
        if name in outer:
            raise InvalidInput(
                f"parameter {path + name!r} has the name of one around it",
                code="tuning.space",
                hint="the objective gets all parameters in one dict: each needs a name of its own",
            )
        if not isinstance(spec, Spec):
            raise InvalidInput(
                f"parameter {path + name!r} is {spec!r}, neither a range nor a choice",
                code="tuning.space",
                hint="use float_range, log_float, int_range, log_int or choice; choice([value]) fixes a value",
            )
    for name, spec in space.items():
        if isinstance(spec, Choice):
            for option, below in spec.below.items():
                # Other choices' spaces may be drawn from together with this one, so their names count as well.
                beside = frozenset(_names(other for key, other in space.items() if key != name))
                _check(below, path=f"{path}{name}.{option}.", outer=outer | set(space) | beside)


def _names(specs: Iterator[Any]) -> Iterator[str]:
    for spec in specs:
        if isinstance(spec, Choice):
            for below in spec.below.values():
                yield from below
                yield from _names(iter(below.values()))


def _check_order(spec: FloatRange | IntRange) -> None:
    if spec.low > spec.high:
        raise InvalidInput(f"{spec}: low is above high", code="tuning.space", hint="swap them")
    if spec.log and spec.low <= 0:
        raise InvalidInput(f"{spec}: a logarithmic range begins above 0", code="tuning.space")
    if spec.step is not None and spec.step <= 0:
        raise InvalidInput(f"{spec}: a step is above 0", code="tuning.space")


def _spec_json(spec: Spec) -> list[Any]:
    if isinstance(spec, Choice):
        return ["choice", list(spec.options), {str(name): repr(value) for name, value in spec.values.items()}]
    kind = "float" if isinstance(spec, FloatRange) else "int"
    return [kind, spec.low, spec.high, spec.log, spec.step]
