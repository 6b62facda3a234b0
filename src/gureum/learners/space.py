"""A family's search space as data: which values each parameter may take.

Called by the families' files, by Autopilot's search and by tuning, each of which draws from it in its own way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Choice", "Float", "Int", "Space", "draw"]


@dataclass(frozen=True)
class Float:
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Int:
    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Choice:
    values: tuple[Any, ...]


Space: TypeAlias = dict[str, Float | Int | Choice]


def draw(space: Space, rng: np.random.Generator) -> dict[str, Any]:
    """One random configuration, rounded so that it reads well."""
    out: dict[str, Any] = {}
    for name, domain in space.items():
        if isinstance(domain, Choice):
            out[name] = domain.values[int(rng.integers(len(domain.values)))]
            continue
        if domain.log:
            value = math.exp(rng.uniform(math.log(domain.low), math.log(domain.high)))
        else:
            value = rng.uniform(domain.low, domain.high)
        out[name] = round(value) if isinstance(domain, Int) else float(f"{value:.3g}")
    return out
