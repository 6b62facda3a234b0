"""Weights for many models' predictions, chosen greedily on rows that none of them was trained on (Caruana et al., 2004).

Called by the search after each candidate. Promise: the weighted mean is at least as good as the best single model on those
rows; `honest_score` is not flattered by the choice, because it judges weights on rows that did not choose them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gureum.autopilot.metrics import Metric

__all__ = ["choose_scale", "choose_weights", "honest_score"]

STEPS_MAX = 40
# Members that came by less than this share are dropped: each costs time at every prediction.
WEIGHT_MIN = 0.03
ROWS_MAX = 30_000  # the greedy choice looks at no more rows than this
PARTS = 5


def choose_weights(
    y: np.ndarray,
    predictions: list[np.ndarray],
    metric: Metric,
    *,
    steps: int = STEPS_MAX,
    time_up: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """One weight a model, summing to 1."""
    if len(y) > ROWS_MAX:
        rows = np.random.default_rng(0).choice(len(y), ROWS_MAX, replace=False)
        y, predictions = y[rows], [values[rows] for values in predictions]
    counts = np.zeros(len(predictions))
    singles = [metric.score(y, values) for values in predictions]
    total = np.zeros_like(predictions[0])
    best, kept = -np.inf, counts.copy()
    # After the first, which is the best single model, each step adds the model that helps most, again and again.
    for step in range(steps):
        if step == 0:
            scores = singles
        else:
            scores = [metric.score(y, (total + values) / (step + 1)) for values in predictions]
        chosen = int(np.nanargmax(scores))
        counts[chosen] += 1
        total = total + predictions[chosen]
        if scores[chosen] > best + 1e-7 * max(1.0, abs(best) if np.isfinite(best) else 1.0):
            best, kept = scores[chosen], counts.copy()
        elif step - kept.sum() >= 8:
            break
        if time_up():
            break
    kept[kept < WEIGHT_MIN * kept.sum()] = 0
    weights: np.ndarray = kept / kept.sum()
    return weights


def honest_score(
    y: np.ndarray,
    predictions: list[np.ndarray],
    metric: Metric,
    *,
    seed: int,
    time_up: Callable[[], bool] = lambda: False,
) -> float:
    """The ensemble's score with each part of the rows predicted by weights from the other parts."""
    part = np.random.default_rng(seed).integers(0, PARTS, len(y))
    out = np.zeros_like(predictions[0])
    for one in range(PARTS):
        inside = part == one
        if not inside.any():
            continue
        weights = choose_weights(
            y[~inside], [values[~inside] for values in predictions], metric, steps=20, time_up=time_up
        )
        scale = choose_scale(y[~inside], _mix(predictions, weights, ~inside), metric)
        out[inside] = _mix(predictions, weights, inside) * (scale if scale is not None else 1.0)
    return metric.score(y, out)


def _mix(predictions: list[np.ndarray], weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    out: np.ndarray = sum(weight * values[rows] for weight, values in zip(weights, predictions, strict=True) if weight)
    return out


def choose_scale(y: np.ndarray, scores: np.ndarray, metric: Metric) -> np.ndarray | None:
    """What to multiply each class's probability with before the largest wins, for metrics of labels; None for the others.

    Accuracy is left alone: there the probabilities themselves decide best.
    """
    if metric.needs == "number":
        return None
    ones = np.ones(scores.shape[1])
    if metric.needs == "probability" or metric.name == "accuracy":
        return ones
    best, scale = metric.score(y, scores), ones
    for label in range(scores.shape[1]):
        if scores.shape[1] == 2 and label == 0:
            continue
        for factor in np.geomspace(0.1, 30.0, 41):
            tried = scale.copy()
            tried[label] = scale[label] * factor
            score = metric.score(y, scores * tried)
            if score > best + 1e-4:
                best, scale = score, tried
    return scale
