"""What several rules ask about boosting rounds. Called by `rules/`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gureum.debugger.recording import Recording

__all__ = ["Boosting", "boosting", "parameter"]

ROUNDS_MIN = 10
# The libraries' names for one thing.
ALIASES = {
    "learning_rate": ("learning_rate", "eta", "shrinkage_rate"),
    "max_depth": ("max_depth", "depth"),
    "num_leaves": ("num_leaves", "max_leaves", "max_leaf", "num_leaf"),
    "l2": ("lambda_l2", "reg_lambda", "lambda", "l2_leaf_reg", "l2_regularization"),
    "l1": ("lambda_l1", "reg_alpha", "alpha"),
}


@dataclass(frozen=True, slots=True)
class Boosting:
    """The training metric over the rounds, lower is better: first, last, lowest; `improvement` of the first by share."""

    rounds: int
    start: float
    end: float
    lowest: float
    finite: bool

    @property
    def improvement(self) -> float:
        return (self.start - self.end) / (abs(self.start) + 1e-12)


def boosting(recording: Recording) -> Boosting | None:
    """None when no metric was told, or too few rounds."""
    values = np.asarray(
        [
            r.train if r.train is not None else r.valid
            for r in recording.rounds
            if r.train is not None or r.valid is not None
        ],
        dtype=np.float64,
    )
    if len(values) < ROUNDS_MIN:
        return None
    good = values[np.isfinite(values)]
    if not len(good):
        return None
    return Boosting(len(values), float(good[0]), float(good[-1]), float(good.min()), len(good) == len(values))


def parameter(recording: Recording, name: str) -> float | None:
    """A booster's parameter by any of its names."""
    known: dict[str, Any] = recording.facts.get("booster_parameters") or {}
    for alias in ALIASES[name]:
        value = known.get(alias)
        if value is not None and str(value) not in ("", "None"):
            try:
                return float(value)
            except (TypeError, ValueError):
                continue
    return None
