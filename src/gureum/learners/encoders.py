"""Codes and gaps as numbers that linear models and averaging trees can use.

Called by the learners that do not take categories or missing values themselves, and handed over with them. What looks at
the target is learned inside a fold only, and out of its own fold even there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from gureum.learners.features import Matrix

__all__ = ["Filled", "Scaled", "TargetMeans"]


class TargetMeans:
    """A category's mean of the target, drawn to the overall mean where there are few rows.

    `fit_transform` gives each row the mean of the other parts of the data, so that a row's own target is not in it.
    """

    PARTS = 5
    WEIGHT = 10.0  # rows that the overall mean counts for

    def fit_transform(self, codes: np.ndarray, targets: np.ndarray, seed: int) -> np.ndarray:
        """`codes` (rows, columns) with NaN for missing; `targets` (rows, outputs). Gives (rows, columns * outputs)."""
        part = np.random.default_rng(seed).integers(0, self.PARTS, len(codes))
        out = np.empty((len(codes), codes.shape[1] * targets.shape[1]))
        for one in range(self.PARTS):
            inside = part == one
            self._learn(codes[~inside], targets[~inside])
            out[inside] = self.transform(codes[inside])
        self._learn(codes, targets)
        return out

    def _learn(self, codes: np.ndarray, targets: np.ndarray) -> None:
        self.overall = targets.mean(axis=0) if len(targets) else np.zeros(targets.shape[1])
        self.means = []
        for column in codes.T:
            place = np.where(np.isnan(column), -1, column).astype(int) + 1
            rows = np.bincount(place, minlength=int(place.max(initial=0)) + 1)
            sums = np.column_stack([np.bincount(place, weights=target, minlength=len(rows)) for target in targets.T])
            self.means.append((sums + self.WEIGHT * self.overall) / (rows[:, None] + self.WEIGHT))

    def transform(self, codes: np.ndarray) -> np.ndarray:
        out = []
        for column, means in zip(codes.T, self.means, strict=True):
            place = np.where(np.isnan(column), -1, column).astype(int) + 1
            known = place < len(means)
            out.append(np.where(known[:, None], means[np.where(known, place, 0)], self.overall))
        return np.hstack(out) if out else np.zeros((len(codes), 0))


class Filled:
    """For averaging trees: no gaps, each category by what the target does there."""

    def fit_transform(self, x: Matrix, targets: np.ndarray, seed: int) -> np.ndarray:
        self.categories = x.categories
        self.numbers = [column for column in range(x.dense.shape[1]) if column not in set(x.categories)]
        self.encoder = TargetMeans()
        means = self.encoder.fit_transform(x.dense[:, self.categories], targets, seed)
        low = np.nanmin(np.where(np.isnan(x.dense), np.inf, x.dense), axis=0)
        # Below everything: a tree can cut the gaps off.
        self.fill = np.where(np.isfinite(low), low - 1.0 - np.abs(low) * 0.01, 0.0)
        return self._join(x, means)

    def transform(self, x: Matrix) -> np.ndarray:
        return self._join(x, self.encoder.transform(x.dense[:, self.categories]))

    def _join(self, x: Matrix, means: np.ndarray) -> np.ndarray:
        dense = np.where(np.isnan(x.dense), self.fill, x.dense)
        return np.hstack([dense, means]).astype("float32")


class Scaled:
    """For linear models: numbers of like size without long tails, one column a category, gaps told.

    Categories with more than `ONE_HOT_MAX` values come as means of the target.
    """

    ONE_HOT_MAX = 60
    GAPS_MIN = 0.005  # share of rows with a gap from which the gap has a column

    def fit_transform(self, x: Matrix, targets: np.ndarray, seed: int) -> Any:
        coded = x.dense[:, x.categories]
        sizes = [int(np.nanmax(column, initial=-1)) + 1 for column in coded.T]
        self.hot = [column for column, size in zip(x.categories, sizes, strict=True) if size <= self.ONE_HOT_MAX]
        self.sizes = [size for size in sizes if size <= self.ONE_HOT_MAX]
        self.many = [column for column in x.categories if column not in self.hot]
        self.numbers = [column for column in range(x.dense.shape[1]) if column not in set(x.categories)]
        self.encoder = TargetMeans()
        means = self.encoder.fit_transform(x.dense[:, self.many], targets, seed)
        numbers = x.dense[:, self.numbers].astype("float64")
        self.gaps = np.flatnonzero(np.isnan(numbers).mean(axis=0) >= self.GAPS_MIN)
        empty = np.isnan(numbers).all(axis=0)
        numbers[:, empty] = 0.0
        quantiles = np.zeros((3, 0)) if numbers.shape[1] == 0 else np.nanquantile(numbers, [0.005, 0.5, 0.995], axis=0)
        self.low, self.middle, self.high = quantiles[0], quantiles[1], quantiles[2]
        bent = self._bend(numbers, np.zeros(numbers.shape[1], dtype=bool))
        spread = bent.std(axis=0)
        skew = np.abs(((bent - bent.mean(axis=0)) ** 3).mean(axis=0)) / np.where(spread > 0, spread, 1.0) ** 3
        self.long = skew > 1.0
        bent = np.hstack([self._bend(numbers, self.long), means])
        self.mean = bent.mean(axis=0)
        spread = bent.std(axis=0)
        self.spread = np.where(spread > 1e-9, spread, 1.0)
        return self._join(x, means)

    def transform(self, x: Matrix) -> Any:
        return self._join(x, self.encoder.transform(x.dense[:, self.many]))

    def _bend(self, numbers: np.ndarray, long: np.ndarray) -> np.ndarray:
        filled = np.where(np.isnan(numbers), self.middle, numbers)
        width = np.maximum(self.high - self.low, 1e-12)
        kept = np.clip(filled, self.low - width, self.high + width)
        return np.where(long, np.sign(kept - self.middle) * np.log1p(10 * np.abs(kept - self.middle) / width), kept)

    def _join(self, x: Matrix, means: np.ndarray) -> Any:
        numbers = x.dense[:, self.numbers].astype("float64")
        blocks: list[Any] = [(np.hstack([self._bend(numbers, self.long), means]) - self.mean) / self.spread]
        blocks.append(np.isnan(numbers[:, self.gaps]).astype("float64"))
        hot = []
        for column, size in zip(self.hot, self.sizes, strict=True):
            codes = x.dense[:, column]
            rows = np.flatnonzero(codes < size)  # NaN compares false
            shape = (len(x), max(size, 1))
            hot.append(sp.csr_matrix((np.ones(len(rows)), (rows, codes[rows].astype(int))), shape=shape))
        if x.text is None and sum(self.sizes) <= 200:
            return np.hstack([*blocks, *(block.toarray() for block in hot)])
        text = [] if x.text is None else [x.text]
        return sp.hstack([*(sp.csr_matrix(block) for block in blocks), *hot, *text]).tocsr()
