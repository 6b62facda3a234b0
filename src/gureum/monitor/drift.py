"""Drift of each feature: which scores moved, how far, and what to show of it.

Called by `check`. A feature has drifted when one of its scores moved by at least the effect floor, and by more than chance
does given how many scores it has and how many other questions the window is asked (`holm`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gureum.monitor.columns import Column, Form
from gureum.monitor.profile import Comparison, summary
from gureum.monitor.scores import NumberEncoder
from gureum.monitor.units import UnitChange, unit_change

__all__ = ["FeatureDrift", "Moved", "describe", "holm", "moved", "severity"]

FAR_EFFECT = 4.0
BINS = 20
LEVELS_SHOWN_MAX = 12
# How much of each score's effect counts when the plainest description, and the first culprit, is chosen: a median that
# moved is plainer than a decile, though both moved.
PLAINNESS = {"middle": 1.0, "spread": 0.9, "up to": 0.55, "low tail": 0.6, "high tail": 0.6, "tails": 0.7, "beyond": 0.5, "all": 0.8, "rare": 0.7}  # fmt: skip
SEVERITIES = ((0.5, "high"), (0.2, "medium"), (0.0, "low"))


@dataclass(frozen=True)
class Moved:
    """A score that moved: `before` and `after` are its means (shares, for those that are shares)."""

    score: str
    subject: str
    before: float
    after: float
    effect: float
    p: float

    @property
    def weight(self) -> float:
        """How much it counts when one score must speak for the feature."""
        name = self.score.rsplit(": ", 1)[-1]
        factor = PLAINNESS.get(name, 1.0) * (0.9 if ": " in self.score else 1.0)
        size = abs(self.effect)
        return factor * (
            size
            if self.score == "far"
            else min(size, 3.0)
            if name in {"missing", "unseen", "value", "level"}
            else min(size, 1.8)
        )


@dataclass(frozen=True)
class FeatureDrift:
    """What happened to one feature. `distance` is Kolmogorov's (numbers) or total variation (categories), from 0 to 1.

    `effect` is in standard deviations; `p_adjusted` accounts for everything else that the window was asked.
    """

    feature: str
    role: str
    kind: str
    drifted: bool
    severity: str
    test: str
    effect: float
    distance: float
    p_adjusted: float
    moved: tuple[Moved, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    histogram: dict[str, Any] = field(repr=False)
    unit: UnitChange | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "feature": self.feature,
            "role": self.role,
            "kind": self.kind,
            "drifted": self.drifted,
            "severity": self.severity,
            "test": self.test,
            "effect": self.effect,
            "distance": self.distance,
            "p_adjusted": self.p_adjusted,
            "moved": [vars(one) for one in self.moved],
            "before": self.before,
            "after": self.after,
            "histogram": self.histogram,
            "unit": None if self.unit is None else vars(self.unit),
        }


def severity(effect: float, drifted: bool) -> str:
    """none, low, medium or high."""
    return next(word for least, word in SEVERITIES if abs(effect) >= least) if drifted else "none"


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: reject those up to alpha, and the chance of any false one is at most alpha."""
    order = np.argsort(p, kind="stable")
    adjusted, highest = [1.0] * len(p), 0.0
    for place, number in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[number]))
        adjusted[number] = highest
    return adjusted


def moved(found: Comparison, floor: float) -> list[Moved]:
    """The scores that moved by at least the floor, with p for the feature (times its scores), the plainest first."""
    tests = max(1, len(found.scores) - 1)
    encoder = found.profile.encoder
    # Of two values (0 and 1) the share of one says all; its middle and spread are the same again in other words.
    same = {"middle", "spread", "up to"} if isinstance(encoder, NumberEncoder) and encoder.two_values else set()
    changes = [
        Moved(
            score.name, score.subject, float(found.before[number]), float(found.after[number]),
            float(found.effects[number]), min(1.0, tests * float(found.p[number])),
        )
        for number, score in enumerate(found.scores)
        if abs(found.effects[number]) >= floor and score.name not in same
    ]  # fmt: skip
    stuck = found.stuck
    if stuck is not None and stuck.effect >= floor:
        changes.append(
            Moved("value", f"{stuck.value:.6g}", stuck.before, stuck.after, stuck.effect, min(1.0, tests * stuck.p))
        )
    if found.far > 0:
        changes.append(Moved("far", "", 0.0, found.far, FAR_EFFECT, 0.0))
    return sorted(changes, key=lambda one: -one.weight)


def describe(found: Comparison, role: str, changes: Sequence[Moved], p_adjusted: float, alpha: float) -> FeatureDrift:
    """Put a feature's comparison into words of numbers, given its p-value among all questions."""
    drifted = p_adjusted <= alpha
    smallest = min((one.p for one in changes), default=1.0)
    # Each score is held to what the feature as a whole was held to.
    factor = p_adjusted / smallest if smallest > 0 else 1.0
    told = tuple(one for one in changes if drifted and one.p * max(1.0, factor) <= alpha)
    lead = told[0] if told else None
    largest = float(found.effects[np.argmax(np.abs(found.effects))])
    known, window = found.profile.column, found.window
    unit = None
    if lead is not None and known.form is Form.NUMBER and {"far", "middle", "beyond"} & {one.score for one in told}:
        unit = _unit(known, window, found.far)
    effect = lead.effect if lead else largest
    return FeatureDrift(
        feature=known.name,
        role=role,
        kind=found.profile.kind,
        drifted=drifted,
        severity=severity(effect, drifted),
        test=lead.score if lead else "none",
        effect=effect,
        distance=_distance(found),
        p_adjusted=p_adjusted,
        moved=told,
        before=found.profile.summary,
        after=summary(window),
        histogram=_histogram(found),
        unit=unit,
    )


def _unit(known: Column, window: Column, far: float) -> UnitChange | None:
    present = window.present
    change = unit_change(known.present, present)
    if change is None and 0 < far < 0.9:
        # Only some of the senders changed: look at the rows that left the range.
        low, high = known.present.min(), known.present.max()
        change = unit_change(known.present, present[(present < low) | (present > high)])
    return change


def _distance(found: Comparison) -> float:
    gaps = [
        (score.name, abs(float(found.after[number] - found.before[number])))
        for number, score in enumerate(found.scores)
        if score.share and score.name != "missing"
    ]
    if found.profile.kind == "category":
        return sum(gap for name, gap in gaps if name in {"level", "rare", "unseen"}) / 2
    return max((gap for _, gap in gaps), default=0.0)


def _histogram(found: Comparison) -> dict[str, Any]:
    """Shares of the present rows before and after, over the same bins or levels."""
    encoder = found.profile.encoder
    window = found.window.present
    if isinstance(encoder, NumberEncoder) and len(window):
        rows = len(encoder.sorted) - 1
        ends = np.concatenate(
            [encoder.sorted[[int(0.005 * rows), int(0.995 * rows)]], np.quantile(window, [0.005, 0.995])]
        )
        low, high = float(ends.min()), float(ends.max())
        edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
        return {
            "edges": edges.tolist(),
            "before": (np.diff(_up_to(encoder.sorted, edges)) / len(encoder.sorted)).tolist(),
            "after": _shares(np.clip(window, edges[0], edges[-1]), edges),
        }
    levels = [
        (score.subject or f"({score.name})", float(found.before[number]), float(found.after[number]))
        for number, score in enumerate(found.scores)
        if score.name in {"level", "rare", "unseen", "word"}
    ]
    levels.sort(key=lambda level: -max(level[1], level[2]))
    shown = levels[:LEVELS_SHOWN_MAX]
    return {
        "values": [one[0] for one in shown],
        "before": [one[1] for one in shown],
        "after": [one[2] for one in shown],
    }


def _up_to(ordered: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many lie below each edge; what is beyond the last edges belongs to the last bins."""
    counts = np.searchsorted(ordered, edges, "left").astype(np.int64)
    counts[0], counts[-1] = 0, len(ordered)
    return counts


def _shares(values: NDArray[np.generic], edges: NDArray[np.float64]) -> list[float]:
    counts = np.histogram(values, edges)[0]
    return [float(count) / max(1, len(values)) for count in counts]
