"""Joint drift: the features depend on each other otherwise than in the baseline, whatever each does alone.

Called by `check`. Every pair of axes (see `axes`) is correlated by ranks, within the baseline and within the window, so that a
drift of one feature alone changes nothing here. The two correlations are compared by Fisher's transformation, with the
variance that the baseline's fourth moments give. In a baseline whose rows are not independent, the variance of the
correlations of its own blocks comes on top.

Not seen: a dependence of three features of which no two show anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from gureum.monitor.axes import Axis, axes, own_ranks
from gureum.monitor.columns import Column
from gureum.monitor.profile import Profile

__all__ = ["Joint", "Pair", "compare_pairs", "joint"]

Floats = NDArray[np.float64]

BLOCKS = (8, 16, 32, 64, 128, 256, 512)
BLOCK_ROWS_MIN = 20
ROWS_MIN = 30
TOGETHER_ROWS_MIN = 8.0
# Of two independent axes it is 1. A sample that says less may have too few rows to say it, and ranks add their own.
VARIANCE_MIN = 1.0
# In fewer neighbouring rows of a series any two things that rise are correlated.
DEPENDENT_ROWS_MIN = 100
# Eighty thousand pairs may have changed; the surest of them tell what did.
PAIRS_MAX = 200
# An axis that is the same in nearly all rows of a window cannot be correlated with anything.
LEVEL_ROWS_MIN = 10


@dataclass(frozen=True)
class Pair:
    """Two features whose correlation changed; `effect` is the change."""

    features: tuple[str, str]
    axes: tuple[str, str]
    before: float
    after: float
    effect: float
    p: float


@dataclass(frozen=True)
class Joint:
    """What the baseline knows of its features together."""

    axes: tuple[Axis, ...]
    correlation: Floats = field(repr=False)
    variance: Floats = field(repr=False)
    # Of each count of BLOCKS (fewest first): the variance between blocks, beyond chance. None where rows are independent.
    between: NDArray[np.float32] | None = field(repr=False)
    # Pairs of which the baseline saw enough rows.
    enough: NDArray[np.bool_] = field(repr=False)
    rows: int
    sample_rows: int

    @property
    def tests(self) -> int:
        apart = _of_two_features(self.axes)
        return int(np.count_nonzero(np.triu(apart)))


def joint(profiles: Sequence[Profile], *, rows: int, dependent: bool) -> Joint:
    """`profiles` hold the reference rows; `rows` counts the whole baseline."""
    wanted = axes(profiles)
    if len({axis.feature for axis in wanted}) < 2:
        return Joint((), np.empty((0, 0)), np.empty((0, 0)), None, np.empty((0, 0), dtype=bool), rows, 0)
    matrix = own_ranks(wanted, {one.name: one.column for one in profiles})
    correlation, variance = _correlate(matrix, moments=True)
    between = None
    if dependent and len(matrix) >= BLOCKS[0] * BLOCK_ROWS_MIN:
        between = np.array(
            [_between(matrix, blocks, variance) for blocks in BLOCKS if len(matrix) >= blocks * BLOCK_ROWS_MIN],
            dtype=np.float32,
        )
    free = np.array([_free(column) for column in matrix.T])
    enough = len(matrix) * np.outer(free, free) >= TOGETHER_ROWS_MIN
    return Joint(wanted, correlation, variance, between, enough, rows, len(matrix))


def _between(matrix: Floats, blocks: int, variance: Floats) -> Floats:
    """The variance of Fisher's z between blocks, less what chance gives; one block at a time, as pairs are many."""
    total, square, count = np.zeros_like(variance), np.zeros_like(variance), np.zeros_like(variance)
    for part in np.array_split(matrix, blocks):
        z = _fisher(_correlate(part, moments=False)[0])
        # Where a block holds one value of an axis it has no correlation, which is not one of zero.
        varies = (np.nanmax(part, axis=0, initial=-np.inf) > np.nanmin(part, axis=0, initial=np.inf)).astype(float)
        here = np.outer(varies, varies)
        total += z * here
        square += z * z * here
        count += here
    found = (square - total * total / np.maximum(1.0, count)) / np.maximum(1.0, count - 1)
    return np.maximum(0.0, found - variance / max(4.0, len(matrix) / blocks - 3))


def compare_pairs(
    known: Joint,
    window: Mapping[str, Column],
    rows: int,
    *,
    independent: bool,
    floor: float,
    memory: Mapping[str, float],
) -> list[Pair]:
    """The pairs of axes of two features whose correlation changed by the floor, by rising p (for one test alone).

    `memory` is the correlation of a feature's rows with the next in a window of a shuffled baseline, see `profile`.
    """
    dependent = known.between is not None and not independent
    if dependent and rows < DEPENDENT_ROWS_MIN:
        return []
    present = {name for name, column in window.items() if len(column.present) >= ROWS_MIN}
    kept = np.array([number for number, axis in enumerate(known.axes) if axis.feature in present], dtype=int)
    if len(kept) < 2:
        return []
    wanted = [known.axes[number] for number in kept]
    matrix = own_ranks(wanted, window)
    events = np.nansum(matrix == 1.0, axis=0)
    misses = np.nansum(matrix == 0.0, axis=0)
    full = np.array([axis.name in {"middle", "spread"} for axis in wanted]) & (np.nanstd(matrix, axis=0) > 1e-6)
    kept_in = np.flatnonzero(full | (np.minimum(events, misses) >= LEVEL_ROWS_MIN))
    if len(kept_in) < 2:
        return []
    matrix, kept = matrix[:, kept_in], kept[kept_in]
    wanted = [wanted[number] for number in kept_in]
    after, _ = _correlate(matrix, moments=False)
    square = np.ix_(kept, kept)
    before, variance = known.correlation[square], known.variance[square]
    lag = np.array([memory.get(axis.feature, 0.0) for axis in wanted])
    design = (1.0 + np.outer(lag, lag)) / (1.0 - np.outer(lag, lag))
    total = design * variance / max(4, len(matrix) - 3) + variance / max(4, known.sample_rows - 3)
    freedom = np.inf
    if dependent and known.between is not None:
        lengths = known.rows / np.array(BLOCKS[: len(known.between)], dtype=float)
        level = int(np.argmax(lengths <= rows)) if (lengths <= rows).any() else len(lengths) - 1
        excess = known.between[level][square] * max(1.0, lengths[level] / rows)
        total = total + excess * (1.0 + 1.0 / BLOCKS[level])
        freedom = 2.0 * BLOCKS[level]
    z = np.abs(_fisher(after) - _fisher(before)) / np.sqrt(total)
    p = np.minimum(1.0, 2.0 * (ndtr(-z) if np.isinf(freedom) else stdtr(freedom, -z)))
    # Two rare things are seen together by a coincidence or two: the normal law needs some such rows to be expected.
    free = np.array([_free(column) for column in matrix.T])
    enough = (len(matrix) * np.outer(free, free) >= TOGETHER_ROWS_MIN) & known.enough[square]
    first, second = np.nonzero(np.triu(_of_two_features(wanted)) & enough & (np.abs(after - before) >= floor))
    order = np.argsort(p[first, second], kind="stable")[:PAIRS_MAX]
    pairs = []
    for i, j in zip(first[order], second[order], strict=True):
        one, other = wanted[i], wanted[j]
        pairs.append(
            Pair(
                (one.feature, other.feature),
                (one.name, other.name),
                float(before[i, j]),
                float(after[i, j]),
                float(after[i, j] - before[i, j]),
                float(p[i, j]),
            )
        )
    return pairs


def _of_two_features(wanted: Sequence[Axis]) -> NDArray[np.bool_]:
    names = np.array([axis.feature for axis in wanted], dtype=object)
    return np.asarray(names[:, None] != names[None, :], dtype=bool)


def _free(column: Floats) -> float:
    """The share of rows that are not of the most frequent value; at most a half."""
    present = column[~np.isnan(column)]
    if not len(present):
        return 0.0
    _, counts = np.unique(present, return_counts=True)
    return min(0.5, 1.0 - float(counts.max()) / len(present))


def _fisher(correlation: Floats) -> Floats:
    found: Floats = np.arctanh(np.clip(correlation, -0.999, 0.999))
    return found


def _correlate(matrix: Floats, *, moments: bool) -> tuple[Floats, Floats]:
    """Correlations over the rows where both are present, and the variance of Fisher's z of one row (delta method)."""
    here = ~np.isnan(matrix)
    filled = np.where(here, matrix, 0.0)
    count = np.maximum(1.0, here.sum(axis=0))
    filled = np.where(here, filled - filled.sum(axis=0) / count, 0.0)
    scale = np.sqrt((filled * filled).sum(axis=0) / count)
    z = filled / np.where(scale > 1e-9, scale, 1.0)
    both = len(matrix) if here.all() else np.maximum(1.0, here.T.astype(np.float32) @ here.astype(np.float32))
    correlation = np.clip(z.T @ z / both, -1.0, 1.0)
    if not moments:
        return correlation, correlation
    square = z * z
    cube = square * z
    mixed, skew, fourth = square.T @ square / both, cube.T @ z / both, (square * square).sum(axis=0) / count
    variance = (
        mixed - correlation * (skew + skew.T) + correlation**2 / 4 * (fourth[:, None] + 2 * mixed + fourth[None, :])
    )
    certain = np.maximum(1e-3, (1.0 - np.minimum(correlation**2, 0.998)) ** 2)
    return correlation, np.maximum(variance, VARIANCE_MIN * certain) / certain
