"""Does the target depend on the inputs, and on one of them alone? Called by the rules about data. NumPy, milliseconds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from gureum.debugger.rows import Table

__all__ = ["Relation", "relation", "single_feature_score"]

ROWS_MAX = 800
FEATURES_MAX = 1_024
NEIGHBOURS = 10
# Share of a feature's variance that lies between classes, from which the classes are clusters of it.
CLUSTERED = 0.85


@dataclass(frozen=True, slots=True)
class Relation:
    """`score` of leave-one-out models (accuracy, or correlation), what `chance` gives, and the `z` between them."""

    score: float
    chance: float
    z: float


def relation(table: Table) -> Relation | None:
    """The best of nearest neighbours and a ridge regression, against chance; None when rows cannot be compared."""
    y = table.target
    if table.x is None or y is None or len(table.x) != len(y) or table.x.shape[1] > FEATURES_MAX:
        return None
    x, y = table.x[:ROWS_MAX].astype(np.float64), y[:ROWS_MAX]
    if not np.isfinite(x).all() or len(np.unique(y)) < 2:
        return None
    deviation = x.std(0)
    x = (x[:, deviation > 0] - x.mean(0)[deviation > 0]) / deviation[deviation > 0]
    if not x.shape[1]:
        return None
    classes = table.labels is not None
    found = [_neighbours(x, y, classes=classes)]
    folds = np.arange(len(x)) % 5
    expanded = np.column_stack([x, x**2]) if x.shape[1] <= 64 else x
    found.append(_ridge(expanded, y, folds, classes=classes))
    return max(found, key=lambda one: one.z)


def _neighbours(x: Any, y: Any, *, classes: bool) -> Relation:
    square = (x * x).sum(1)
    distance = square[:, None] + square[None, :] - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    nearest = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    if not classes:
        return _correlation(y[nearest].mean(1), y)
    # Pairs of neighbours that agree, against pairs by chance: right for imbalanced classes too.
    _values, inverse = np.unique(y, return_inverse=True)
    share = np.bincount(inverse) / len(y)
    chance = float((share**2).sum())
    agree = float((y[nearest] == y[:, None]).mean())
    error = np.sqrt(max(chance * (1 - chance), 1e-9) / len(y)) / np.sqrt(NEIGHBOURS / 2)
    return Relation(agree, chance, (agree - chance) / error)


def _ridge(x: Any, y: Any, folds: Any, *, classes: bool) -> Relation:
    targets = (y[:, None] == np.unique(y)[None, :]).astype(np.float64) if classes else y[:, None]
    out = np.zeros_like(targets)
    for fold in range(5):
        inside = folds != fold
        mean = targets[inside].mean(0)
        gram = x[inside].T @ x[inside] + 0.1 * inside.sum() * np.eye(x.shape[1])
        out[~inside] = x[~inside] @ np.linalg.solve(gram, x[inside].T @ (targets[inside] - mean)) + mean
    best = max((_correlation(out[:, c], targets[:, c]) for c in range(targets.shape[1])), key=lambda one: one.z)
    return best if not classes or targets.shape[1] <= 2 else Relation(best.score, best.chance, best.z - 1.0)


def _correlation(a: Any, b: Any) -> Relation:
    if a.std() == 0 or b.std() == 0:
        return Relation(0.0, 0.0, 0.0)
    r = float(np.corrcoef(a, b)[0, 1])
    return Relation(r, 0.0, r * np.sqrt(len(a)))


def single_feature_score(x: Any, y: Any, *, classes: bool) -> Any:
    """Of each feature alone: 0.5..1 area under the ROC curve (the best class against the rest), or squared correlation."""
    scores = np.zeros(x.shape[1])
    clean = np.where(np.isfinite(x), x, np.nan)
    for column in range(x.shape[1]):
        values = clean[:, column]
        known = np.isfinite(values)
        if known.sum() < len(values) // 2 or np.ptp(values[known]) == 0:
            continue
        scores[column] = _apart(values[known], y[known]) if classes else _squared(values[known], y[known])
    return scores


def _apart(values: Any, labels: Any) -> float:
    """The order is only looked at where the classes are clusters: that is a tenth of the cost, and rarely the case."""
    clusters = _between(values, labels)
    return min(clusters, _auc(values, labels)) if clusters >= 1.0 else min(clusters, 0.9)


def _between(values: Any, labels: Any) -> float:
    """1 when the classes' values lie apart in clusters; a threshold on one broad cloud gives at most two thirds.

    A label with noise of a third of its own size still gives 0.9, which counts as apart.
    """
    total = float(values.var())
    inside = sum(float(values[labels == one].var()) * float((labels == one).mean()) for one in np.unique(labels))
    return min(1.0, (1 - inside / (total + 1e-300)) / CLUSTERED)


def _squared(a: Any, b: Any) -> float:
    if np.std(b) == 0:
        return 0.0
    return float(max(np.corrcoef(a, b)[0, 1] ** 2, np.corrcoef(_ranks(a), _ranks(b))[0, 1] ** 2))


def _ranks(values: Any) -> Any:
    """Ranks with ties shared."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[inverse]


def _auc(values: Any, labels: Any) -> float:
    """The lowest over classes would be too strict, the highest too lax: the mean over classes of a one-feature order."""
    classes = np.unique(labels)
    ranks = _ranks(values)
    areas = []
    for one in classes:
        inside = labels == one
        n, m = int(inside.sum()), int((~inside).sum())
        if n == 0 or m == 0:
            return 0.0
        area = (ranks[inside].sum() - n * (n + 1) / 2) / (n * m)
        areas.append(max(area, 1 - area))
    if len(classes) == 2:
        return float(areas[0])
    # Several classes: does the order of the feature follow the classes without overlap?
    medians = [float(np.median(values[labels == one])) for one in classes]
    order = np.argsort(medians)
    cuts = [
        (float(np.median(values[labels == classes[a]])) + float(np.median(values[labels == classes[b]]))) / 2
        for a, b in itertools.pairwise(order)
    ]
    guess = classes[order][np.searchsorted(np.asarray(cuts), values)]
    return float((guess == labels).mean())
