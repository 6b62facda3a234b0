"""How far means of neighbouring rows scatter: the null of the drift tests when rows are not independent.

Called by `profile`. In a time series ten thousand rows may say as little as a hundred independent ones, so a clean window
differs from its baseline by far more than chance allows. The baseline itself shows by how much: cut it into blocks of 1, 2,
4, ... rows in their order and look at the variance of the blocks' means. Times the block's length, over the variance of a
row, this is the design effect: 1 for independent rows at every length; it grows and levels off for a series that forgets; it
keeps growing while blocks are shorter than a season.

Promise: when no length shows more scatter than chance does, the design effect is exactly 1: a test of independent rows loses
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

__all__ = ["Dependence", "measure", "neighbours", "runs"]

Floats = NDArray[np.float64]

# With fewer blocks than this a variance says little.
BLOCKS_MIN = 8
# A score is taken as dependent when its block variance would come up once in this many independent baselines.
CHANCE = 1e-4
# Rows looked at: whole runs of this many, evenly spaced, when there are more.
ROWS_MAX = 131_072
RUN_ROWS = 8_192


@dataclass(frozen=True)
class Dependence:
    """`effects[level, score]` is the design effect of means of 2**level rows; `dependent[score]`; `lag_one[score]`."""

    effects: Floats
    dependent: NDArray[np.bool_]
    lag_one: Floats
    rows: int

    def effect(self, rows: float) -> Floats:
        """The design effect of a mean of this many rows, for each score."""
        levels = len(self.effects)
        if levels == 0 or not self.dependent.any():
            return np.ones(len(self.dependent))
        at = np.log2(max(1.0, rows))
        logs = np.log(self.effects)
        if at <= levels - 1:
            low = int(at)
            high = min(low + 1, levels - 1)
            found = logs[low] + (at - low) * (logs[high] - logs[low])
        else:
            # Beyond the longest block: it goes on growing as it did, at most in step with the rows.
            back = max(0, levels - 3)
            slope = (logs[-1] - logs[back]) / max(1, levels - 1 - back)
            found = logs[-1] + np.clip(slope, 0.0, np.log(2.0)) * (at - levels + 1)
        return np.where(self.dependent, np.exp(found), 1.0)

    def freedom(self, rows: float) -> Floats:
        """Degrees of freedom of that design effect; infinite for an independent score."""
        blocks = max(float(BLOCKS_MIN), self.rows / max(1.0, rows))
        return np.where(self.dependent, 2.0 * blocks, np.inf)


def measure(scores: NDArray[np.float32]) -> Dependence:
    """The design effects of scores (rows by scores), in the order of the rows; see `runs` for many of them."""
    rows, width = scores.shape
    centred = scores - scores.mean(axis=0, dtype=np.float64)
    variance = centred.var(axis=0)
    alive = variance > 0
    effects, dependent = [], np.zeros(width, dtype=bool)
    means, length = centred.astype(np.float64), 1
    lag_one = np.zeros(width)
    if rows > 1:
        lag_one = (means[1:] * means[:-1]).mean(axis=0) / np.where(alive, variance, 1.0)
    while len(means) >= BLOCKS_MIN:
        effect = np.where(alive, length * means.var(axis=0, ddof=1) / np.where(alive, variance, 1.0), 1.0)
        # A mean of few rare events is far from normal: the chi-square bound holds where a block has several of them.
        enough = length * np.minimum(variance, 0.25) >= 5.0
        freedom = len(means) - 1
        dependent |= enough & (effect * freedom > chi2.isf(CHANCE, freedom))
        effects.append(effect)
        even = len(means) - len(means) % 2
        means = (means[0:even:2] + means[1:even:2]) / 2
        length *= 2
    found = np.maximum(np.maximum.accumulate(np.array(effects), axis=0), 1.0) if effects else np.ones((0, width))
    return Dependence(np.where(dependent, found, 1.0), dependent, lag_one, rows)


def neighbours(scores: NDArray[np.float32]) -> Floats:
    """The correlation of each score with itself one row later."""
    if len(scores) < 3:
        return np.zeros(scores.shape[1])
    centred = scores - scores.mean(axis=0, dtype=np.float64)
    variance = centred.var(axis=0)
    products: Floats = (centred[1:] * centred[:-1]).mean(axis=0)
    return np.where(variance > 0, products / np.where(variance > 0, variance, 1.0), 0.0)


def runs(rows: int) -> NDArray[np.int64] | None:
    """Which rows to measure: None for all, else whole runs of neighbours, evenly spaced."""
    if rows <= ROWS_MAX:
        return None
    starts = np.linspace(0, rows - RUN_ROWS, ROWS_MAX // RUN_ROWS).astype(np.int64)
    return (starts[:, None] + np.arange(RUN_ROWS)[None, :]).ravel()
