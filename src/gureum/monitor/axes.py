"""The features as columns of numbers for what looks at several of them at once: joint drift and concept drift.

Called by `joint` and `concept`. A number gives two axes, its rank and how far that is from the middle, so that a dependence
that is not monotone is seen too; a category gives one for each frequent level; text, ids and clocks give none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from gureum.monitor.columns import Column
from gureum.monitor.profile import Profile
from gureum.monitor.scores import CategoryEncoder, NumberEncoder

__all__ = ["Axis", "axes", "inputs", "own_ranks", "placed"]

Floats = NDArray[np.float64]

# 400 axes are 80,000 pairs: more would cost more than it tells.
AXES_MAX = 400
LEVELS_MAX = 5
LEVEL_SHARE_MIN = 0.02
LEVEL_ROWS_MIN = 20
DISTINCT_FOR_SPREAD_MIN = 30
TIED_SHARE_MAX = 0.2


@dataclass(frozen=True)
class Axis:
    feature: str
    name: str  # "middle", "spread" or a level


def axes(profiles: Sequence[Profile]) -> tuple[Axis, ...]:
    """The axes of these features, in their order; at most AXES_MAX."""
    found: list[Axis] = []
    for one in profiles:
        if isinstance(one.encoder, NumberEncoder):
            _, counts = np.unique(one.encoder.sorted, return_counts=True)
            if len(counts) > 1:
                found.append(Axis(one.name, "middle"))
            # Of few values, how far a rank is from the middle jumps when the middle passes from one to the next.
            if len(counts) >= DISTINCT_FOR_SPREAD_MIN and counts.max() <= TIED_SHARE_MAX * counts.sum():
                found.append(Axis(one.name, "spread"))
        elif isinstance(one.encoder, CategoryEncoder):
            rows = max(1, len(one.column.present))
            levels = [
                score.subject
                for score in one.encoder.scores
                if score.name == "level"
                and score.count >= LEVEL_ROWS_MIN
                and LEVEL_SHARE_MIN <= score.count / rows <= 1 - LEVEL_SHARE_MIN
            ]
            found += [Axis(one.name, level) for level in levels[: 1 if len(levels) == 2 else LEVELS_MAX]]
    return tuple(found[:AXES_MAX])


def own_ranks(wanted: Sequence[Axis], columns: Mapping[str, Column]) -> Floats:
    """Rows by axes, ranked among themselves: what is left of a sample when each column's own distribution is taken away."""
    rows = len(next(iter(columns.values())))
    matrix = np.full((rows, len(wanted)), np.nan)
    ranks: dict[str, Floats] = {}
    for number, axis in enumerate(wanted):
        column = columns[axis.feature]
        if axis.name in {"middle", "spread"}:
            if axis.feature not in ranks:
                present = column.present
                ranks[axis.feature] = np.sqrt(12.0) * ((rankdata(present) - 0.5) / max(1, len(present)) - 0.5)
            middle = ranks[axis.feature]
            matrix[~column.missing, number] = middle if axis.name == "middle" else middle**2
        else:
            matrix[~column.missing, number] = column.present == axis.name
    return matrix


def placed(wanted: Sequence[Axis], profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Floats:
    """Rows by axes, by their place in the baseline, centred and scaled there; a missing value is at the centre."""
    rows = len(next(iter(columns.values())))
    matrix = np.zeros((rows, len(wanted)))
    ranks: dict[str, Floats] = {}
    for number, axis in enumerate(wanted):
        column, known = columns[axis.feature], profiles[axis.feature]
        if isinstance(known.encoder, NumberEncoder):
            if axis.feature not in ranks:
                ranks[axis.feature] = np.sqrt(12.0) * (known.encoder.ranks(column.present) - 0.5)
            middle = ranks[axis.feature]
            spread = np.sqrt(5.0) / 2 * (middle**2 - 1.0)
            matrix[~column.missing, number] = middle if axis.name == "middle" else spread
        else:
            matrix[~column.missing, number] = column.present == axis.name
            share = float(np.mean(known.column.present == axis.name))
            matrix[:, number] = np.where(
                column.missing, 0.0, (matrix[:, number] - share) / np.sqrt(share * (1 - share))
            )
    return matrix


def inputs(profiles: Sequence[Profile], columns: Mapping[str, Column]) -> NDArray[np.float32]:
    """The features as a tree model takes them: numbers as they are, categories by the rank of their frequency."""
    parts: list[NDArray[np.float32]] = []
    for one in profiles:
        column = columns[one.name]
        if isinstance(one.encoder, NumberEncoder):
            parts.append(column.values.astype(np.float32))
        elif isinstance(one.encoder, CategoryEncoder):
            codes = np.full(len(column), np.nan, dtype=np.float32)
            codes[~column.missing] = one.encoder.known.get_indexer(column.present)
            parts.append(codes)
    rows = len(next(iter(columns.values()))) if columns else 0
    return np.column_stack(parts) if parts else np.empty((rows, 0), dtype=np.float32)
