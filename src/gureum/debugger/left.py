"""What a watched run leaves with its MLflow run: findings, curves and layers by step, thinned until they fit a page.

Called by `session`; `gureum.tracking.findings` has the shape, its limits and the reading side. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from gureum.debugger.finding import Finding
from gureum.debugger.judge import Verdict
from gureum.debugger.recording import LayerStep, Recording, Series
from gureum.debugger.registry import RULES
from gureum.tracking.watched import (
    CURVES_MAX,
    FORMAT,
    ITEMS_MAX,
    LAYERS_MAX,
    NAME_CHARS_MAX,
    POINTS_MAX,
    STEPS_MAX,
    TEXT_CHARS_MAX,
    TROUBLES_MAX,
    VERSION,
)  # fmt: skip

__all__ = ["left"]

# The first of the sampled steps stay: they tell of the initialisation.
FIRST_STEPS = STEPS_MAX // 8

# The measures of the heat map: of layers with weights, and of activation functions.
OF_LAYERS = ("gradient_norm", "update_ratio")
OF_ACTIVATIONS = ("zero_share", "dead_share", "saturated_share")
_FIELDS = {"gradient_norm": "grad_norm"}


def left(verdict: Verdict, recording: Recording, *, troubles: Sequence[str] = ()) -> dict[str, Any]:
    """The artifact as plain JSON values. A healthy run's says how many rules looked and found nothing."""
    counts = recording.counts
    named = [one.layer for one in (*verdict.findings, *verdict.symptoms) if one.layer]
    return {
        "format": FORMAT,
        "version": VERSION,
        "framework": recording.framework,
        "rules": len(RULES),
        "unit": "round" if recording.rounds else "step",
        "steps": recording.moment,
        "epochs": counts["epochs"],
        "evaluations": len(recording.evaluations),
        "findings": [_finding(one) for one in verdict.findings],
        "symptoms": [_finding(one) for one in verdict.symptoms],
        "troubles": [_cut(one, TEXT_CHARS_MAX) for one in islice((*troubles, *verdict.troubles), TROUBLES_MAX)],
        "curves": _curves(recording),
        "heat": _heat(recording, named),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    body = finding.to_json()
    body["explains"] = body.pop("root_cause_of")
    body["layer"] = body["layer"] and _cut(body["layer"], NAME_CHARS_MAX)
    body["evidence"] = {_cut(k, NAME_CHARS_MAX): _value(v) for k, v in islice(finding.evidence.items(), ITEMS_MAX)}
    return body


def _value(value: Any) -> float | str | bool | None:
    """A number, a word or a list of them in words."""
    if value is None or isinstance(value, bool | str):
        return _cut(value, TEXT_CHARS_MAX) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return _cut(", ".join(f"{key}: {_value(one)}" for key, one in islice(value.items(), ITEMS_MAX)), TEXT_CHARS_MAX)
    if hasattr(value, "tolist"):
        return _value(value.tolist())
    if isinstance(value, Iterable):
        return _cut(", ".join(str(_value(one)) for one in islice(value, ITEMS_MAX)), TEXT_CHARS_MAX)
    return _number(value) if isinstance(value, int | float) else _cut(str(value), TEXT_CHARS_MAX)


def _number(value: float | None) -> float | str | None:
    """With four digits; what JSON cannot say is a word."""
    if value is None:
        return None
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return int(value) if isinstance(value, int) and abs(value) < 1 << 53 else float(f"{number:.4g}")


def _cut(text: str, chars: int) -> str:
    # What is half of a character pair cannot be written as UTF-8.
    text = str(text).encode("utf-8", "replace").decode()
    return text if len(text) <= chars else text[: chars - 1] + "…"


def _curves(recording: Recording) -> list[dict[str, Any]]:
    """Of losses first; at most CURVES_MAX, each of at most POINTS_MAX points."""
    curves = [_series("loss", "loss", recording.losses), _series("objective", "loss", recording.objectives)]
    for name in dict.fromkeys(one.name for one in recording.evaluations):
        told = [one for one in recording.evaluations if one.name == name]
        curves.append(_curve(f"{name}_loss", "loss", [(one.step, one.loss) for one in told]))
        curves.append(_curve(f"{name}_accuracy", "accuracy", [(one.step, one.accuracy) for one in told]))
    for side in ("train", "valid", "leaves"):
        points = [(one.round, getattr(one, side)) for one in recording.rounds]
        curves.append(_curve(side, "leaves" if side == "leaves" else "loss", points))
    curves.append(_curve("gradient_norm", "norm", [(one.step, one.grad_norm) for one in recording.samples]))
    curves.append(_series("learning_rate", "rate", recording.rates))
    return [curve for curve in curves if curve["steps"]][:CURVES_MAX]


def _series(name: str, role: str, series: Series) -> dict[str, Any]:
    return _curve(name, role, list(zip(series.steps, series.values, strict=True)))


def _curve(name: str, role: str, points: Sequence[tuple[int, float | None]]) -> dict[str, Any]:
    there = [(step, value) for step, value in points if value is not None]
    broken = next((place for place, (_, value) in enumerate(there) if not math.isfinite(value)), None)
    kept = [there[place] for place in _spread(len(there), POINTS_MAX, also=() if broken is None else (broken,))]
    return {
        "name": _cut(name, NAME_CHARS_MAX),
        "role": role,
        "points": len(there),
        "steps": [step for step, _ in kept],
        "values": [_number(value) for _, value in kept],
    }


def _spread(length: int, most: int, *, first: int = 1, also: Sequence[int] = ()) -> list[int]:
    """At most `most` places of a list: its `first` ones, the last, `also`, and others evenly between. In order."""
    if length <= most:
        return list(range(length))
    head = list(range(first))
    room = most - first - len(also)
    tail = [first + round(k * (length - 1 - first) / (room - 1)) for k in range(room)]
    return sorted({*head, *also, *tail})


def _heat(recording: Recording, named: Sequence[str]) -> dict[str, Any]:
    """Layers by sampled step, a matrix for each measure that was seen; layers that a finding names are always there."""
    samples = recording.samples
    samples = [samples[place] for place in _spread(len(samples), STEPS_MAX, first=FIRST_STEPS)]
    weighted = [name for name in recording.layers if any(name in sample.layers for sample in samples)]
    bent = list(dict.fromkeys(name for sample in samples for name in sample.activations))
    empty = LayerStep()

    def of_layer(measure: str) -> Callable[[str], list[float | None]]:
        field = _FIELDS.get(measure, measure)
        return lambda name: [getattr(sample.layers.get(name, empty), field) for sample in samples]

    def of_activation(measure: str) -> Callable[[str], list[float | None]]:
        def row(name: str) -> list[float | None]:
            there = [sample.activations.get(name) for sample in samples]
            return [None if one is None else getattr(one, measure) for one in there]

        return row

    made = [_measure(m, weighted, of_layer(m), named) for m in OF_LAYERS]
    made += [_measure(m, bent, of_activation(m), named) for m in OF_ACTIVATIONS]
    return {"steps": [sample.step for sample in samples], "measures": [one for one in made if one is not None]}


def _measure(
    name: str, layers: Sequence[str], row: Callable[[str], list[float | None]], named: Sequence[str]
) -> dict[str, Any] | None:
    rows = [(layer, row(layer)) for layer in layers]
    rows = [(layer, values) for layer, values in rows if any(value is not None for value in values)]
    if not rows:
        return None
    wanted = [place for place, (layer, _) in enumerate(rows) if layer in named][: LAYERS_MAX // 2]
    kept = [rows[place] for place in _spread(len(rows), LAYERS_MAX, also=wanted)]
    return {
        "name": name,
        "layers": [_cut(layer, NAME_CHARS_MAX) for layer, _ in kept],
        "layers_seen": len(rows),
        "values": [[_number(value) for value in values] for _, values in kept],
    }
