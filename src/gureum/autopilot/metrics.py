"""The metrics that Autopilot can aim at, each with its sign and what it is computed from.

Called by the search, the ensemble and the card. Promise: `score` is greater-is-better for all (errors are negative inside,
and shown positive to people); it never raises for a fold that lacks a class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics as sk

from gureum.errors import InvalidInput
from gureum.names import near_names

__all__ = ["METRICS", "Metric", "find_metric"]

PROBABILITY_MIN = 1e-15


@dataclass(frozen=True)
class Metric:
    """`needs`: `probability`, `label` or `number`. `error`: smaller is better, as people see it."""

    name: str
    tasks: tuple[str, ...]
    needs: str
    function: Callable[..., float]
    error: bool = False

    def score(self, y: np.ndarray, scores: np.ndarray) -> float:
        """Of codes and probabilities (rows, classes), or of numbers and numbers; greater is better."""
        value = self.function(y, scores if self.needs != "label" else np.argmax(scores, axis=1))
        return -float(value) if self.error else float(value)

    def shown(self, score: float) -> float:
        return -score if self.error else score


def _roc_auc(y: np.ndarray, scores: np.ndarray) -> float:
    if scores.shape[1] == 2:
        positive = y == 1
        n, p = len(y), int(positive.sum())
        if p in {0, n}:
            return 0.5
        # Mann-Whitney: an order of magnitude faster than sklearn's, and Caruana asks thousands of times.
        order = np.argsort(scores[:, 1], kind="stable")
        ordered = scores[order, 1]
        _, first, counts = np.unique(ordered, return_index=True, return_counts=True)
        ranks = np.repeat(first + (counts + 1) / 2.0, counts)
        return float((ranks[positive[order]].sum() - p * (p + 1) / 2.0) / (p * (n - p)))
    values = [
        _roc_auc((y == label).astype(int), np.column_stack([1 - scores[:, label], scores[:, label]]))
        for label in range(scores.shape[1])
        if 0 < (y == label).sum() < len(y)
    ]
    return float(np.mean(values)) if values else 0.5


def _average_precision(y: np.ndarray, scores: np.ndarray) -> float:
    if not (y == 1).any():
        return 0.0
    return float(sk.average_precision_score(y == 1, scores[:, 1]))


def _log_loss(y: np.ndarray, scores: np.ndarray) -> float:
    chosen = scores[np.arange(len(y)), y.astype(int)] / scores.sum(axis=1)
    return float(-np.log(np.clip(chosen, PROBABILITY_MIN, 1.0)).mean())


def _brier(y: np.ndarray, scores: np.ndarray) -> float:
    return float(((scores[:, 1] - (y == 1)) ** 2).mean())


def _balanced(y: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean([(labels[y == label] == label).mean() for label in np.unique(y)]))


def _f1(y: np.ndarray, labels: np.ndarray) -> float:
    both = float(((y == 1) & (labels == 1)).sum())
    return 2 * both / max(1.0, float((y == 1).sum() + (labels == 1).sum()))


def _rmsle(y: np.ndarray, values: np.ndarray) -> float:
    return float(np.sqrt(((np.log1p(np.maximum(values, 0)) - np.log1p(np.maximum(y, 0))) ** 2).mean()))


def _r2(y: np.ndarray, values: np.ndarray) -> float:
    return float(1 - ((y - values) ** 2).sum() / max(((y - y.mean()) ** 2).sum(), 1e-300))


_CLASSES = ("binary", "multiclass")
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", _CLASSES, "probability", _roc_auc),
        Metric("average_precision", ("binary",), "probability", _average_precision),
        Metric("log_loss", _CLASSES, "probability", _log_loss, error=True),
        Metric("brier", ("binary",), "probability", _brier, error=True),
        Metric("accuracy", _CLASSES, "label", lambda y, labels: (y == labels).mean()),
        Metric("balanced_accuracy", _CLASSES, "label", _balanced),
        Metric("f1", ("binary",), "label", _f1),
        Metric("f1_macro", _CLASSES, "label", lambda y, labels: sk.f1_score(y, labels, average="macro", zero_division=0)),
        Metric("mcc", _CLASSES, "label", lambda y, labels: sk.matthews_corrcoef(y, labels)),
        Metric("rmse", ("regression",), "number", lambda y, values: np.sqrt(((y - values) ** 2).mean()), error=True),
        Metric("mse", ("regression",), "number", lambda y, values: ((y - values) ** 2).mean(), error=True),
        Metric("mae", ("regression",), "number", lambda y, values: np.abs(y - values).mean(), error=True),
        Metric("medae", ("regression",), "number", lambda y, values: np.median(np.abs(y - values)), error=True),
        Metric("mape", ("regression",), "number", lambda y, values: (np.abs(y - values) / np.maximum(np.abs(y), 1e-9)).mean(), error=True),
        Metric("rmsle", ("regression",), "number", _rmsle, error=True),
        Metric("r2", ("regression",), "number", _r2),
    )
}  # fmt: skip

_DEFAULTS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_OTHER_NAMES: dict[str, str] = {
    "auc": "roc_auc", "ap": "average_precision", "logloss": "log_loss", "neg_log_loss": "log_loss", "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse", "mean_absolute_error": "mae", "acc": "accuracy", "macro_f1": "f1_macro",
    "roc_auc_ovr": "roc_auc", "average_precision_score": "average_precision",
}  # fmt: skip


def find_metric(name: str, task: str) -> Metric:
    """By name, or the task's own for "auto". Raises InvalidInput for a metric that is unknown or of another task."""
    name = _DEFAULTS[task] if name == "auto" else name.lower()
    metric = METRICS.get(_OTHER_NAMES.get(name, name))
    fitting = [other.name for other in METRICS.values() if task in other.tasks]
    if metric is None:
        near: Any = near_names(name, fitting) or fitting
        raise InvalidInput(
            f"there is no metric '{name}'", code="autopilot.metric", hint=f"for {task}: {', '.join(near)}"
        )
    if task not in metric.tasks:
        raise InvalidInput(
            f"metric '{name}' does not judge a {task} task",
            code="autopilot.metric",
            hint=f"choose from {', '.join(fitting)}",
        )
    return metric
