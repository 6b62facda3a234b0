"""Which candidates to try, in which order: good configurations first, each unlike the one before, then draws around the best.

Called by the search, which asks for the next one as long as there is time. Pure: the same results give the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gureum.learners.families import FAMILIES
from gureum.learners.space import draw

__all__ = ["Candidate", "first_wave", "further_draw", "second_layer"]


@dataclass(frozen=True)
class Candidate:
    """A configuration to judge. `stacks` names the candidates whose predictions it sees beside the columns."""

    name: str
    family: str
    params: dict[str, Any]
    seed: int
    stacks: tuple[str, ...] = field(default=())


# Families in turn: what an ensemble gains comes from models that err differently.
ORDER = (
    ("lightgbm", 0), ("linear", 0), ("catboost", 0), ("extra_trees", 0), ("xgboost", 0), ("lightgbm", 1), ("catboost", 1),
    ("random_forest", 0), ("lightgbm", 2), ("xgboost", 1), ("lightgbm", 3), ("linear", 1), ("catboost", 2),
    ("extra_trees", 1), ("lightgbm", 4), ("xgboost", 2), ("linear", 2), ("random_forest", 1),
)  # fmt: skip

RATES = ("learning_rate", "eta")
RATE_MAX = 0.12  # with more, boosting of many classes runs away
STACK_FAMILIES = ("lightgbm", "linear", "catboost", "extra_trees")


def first_wave(families: Sequence[str], *, text: bool, hurry: float, logarithm: str, seed: int) -> Iterator[Candidate]:
    """The portfolio. `hurry` multiplies learning rates when there is time for few rounds; `logarithm` is never, also or always."""
    order = [(family, rank) for family, rank in ORDER if family in families]
    if text:  # nothing is as good for its time
        order.sort(key=lambda entry: entry != ("linear", 0))
    counts: dict[str, int] = {}
    for family, rank in order:
        params = hurried(FAMILIES[family].portfolio[rank], hurry)
        variants = [params] if logarithm == "never" else [params | {"log_target": True}]
        if logarithm == "also" and rank == 0:
            variants.insert(0, params)
        for variant in variants:
            counts[family] = counts.get(family, 0) + 1
            # A hundred apart: each fold adds its number.
            yield Candidate(f"{family} {counts[family]}", family, variant, seed + 100 * sum(counts.values()))


def second_layer(inputs: tuple[str, ...], families: Sequence[str], *, hurry: float, seed: int) -> Iterator[Candidate]:
    """Models that see the columns and what the first layer says."""
    for place, family in enumerate(family for family in STACK_FAMILIES if family in families):
        params = hurried(FAMILIES[family].portfolio[0], hurry)
        yield Candidate(f"{family} on models", family, params, seed + 50_000 + 100 * place, inputs)


def further_draw(number: int, ranking: Sequence[tuple[str, dict[str, Any]]], *, hurry: float, seed: int) -> Candidate:
    """One more: half of the time something new, half of the time the best of a family with some parameters changed.

    `ranking` holds family and parameters of what was judged, best first.
    """
    rng = np.random.default_rng([seed, number])
    ranked = [entry for entry in ranking if entry[0] in FAMILIES]
    place = min(int(rng.exponential(2.0)), len(ranked) - 1)
    family, params = ranked[place]
    drawn = draw(FAMILIES[family].space, rng)
    kept = {name: value for name, value in params.items() if name != "rounds"}
    if rng.random() < 0.5:
        changed = [name for name in drawn if rng.random() < 0.4] or [next(iter(drawn))]
        params = kept | {name: drawn[name] for name in changed}
    else:
        params = hurried(drawn, hurry) | {name: value for name, value in kept.items() if name == "log_target"}
    return Candidate(f"{family} draw {number + 1}", family, params, seed + 100_000 + 100 * number)


def hurried(params: dict[str, Any], hurry: float) -> dict[str, Any]:
    """The same with a learning rate for fewer rounds."""
    return {
        name: float(f"{min(value * hurry, max(value, RATE_MAX)):.3g}") if name in RATES else value
        for name, value in params.items()
    }
