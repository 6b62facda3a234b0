"""One model of one family on a Matrix: what all families promise.

Called by Autopilot, tuning and the program that Autopilot hands over (this file imports nothing of gureum that is not handed
over too).

Promise: after `fit`, `exact()` gives parameters with which a fit on the same rows gives the same model, however the first was
stopped: by a clock, by a validation set, or at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gureum.learners.features import Matrix

__all__ = ["Learner", "one_hot"]


class Learner:
    """The base of all families.

    `task` is binary, multiclass or regression; `classes` the number of classes (2 for binary, 0 for regression); `metric`
    what is to be good (it chooses loss and early stopping). Targets are codes 0, 1, ... or numbers.
    """

    def __init__(
        self, params: dict[str, Any], *, task: str, classes: int = 0, metric: str = "", seed: int = 0, n_jobs: int = 1
    ) -> None:
        self.params = dict(params)
        self.task = task
        self.classes = classes
        self.metric = metric
        self.seed = seed
        self.n_jobs = n_jobs
        self.rounds = 0  # how far training went, in the family's own unit; 0 where there is no such unit
        self.curve: list[float] = []  # validation loss after each round, lower is better
        self.logarithm = bool(self.params.pop("log_target", False))
        self.weighted = bool(self.params.pop("balanced", False))

    def fit(
        self,
        x: Matrix,
        y: np.ndarray,
        *,
        weight: np.ndarray | None = None,
        valid: tuple[Matrix, np.ndarray] | None = None,
        time_up: Callable[[], bool] | None = None,
    ) -> Learner:
        """Train; stop early on `valid`, or soon after `time_up()` is true (with a model that can predict)."""
        if self.weighted and self.task != "regression":
            counts = np.bincount(y.astype(int), minlength=self.classes)
            per_class = len(y) / np.maximum(counts, 1) / max(1, (counts > 0).sum())
            weight = per_class[y.astype(int)] * (1.0 if weight is None else weight)
        if self.logarithm:
            # Kept to what training had: exp of an extrapolation has no bound.
            self.base = float(np.min(y))
            self.top = float(np.max(y))
            y = np.log1p(y - self.base)
            valid = None if valid is None else (valid[0], np.log1p(np.maximum(valid[1] - self.base, 0.0)))
        self._fit(x, y, weight, valid, time_up or (lambda: False))
        return self

    def predict(self, x: Matrix) -> np.ndarray:
        """Numbers (rows,) for regression, else probabilities (rows, classes)."""
        out = self._predict(x)
        if self.task != "regression":
            out = np.column_stack([1 - out, out]) if out.ndim == 1 else out
            return np.asarray(out / np.maximum(out.sum(axis=1, keepdims=True), 1e-12))
        if self.logarithm:
            span = self.top - self.base
            return np.asarray(self.base + np.clip(np.expm1(np.minimum(out, 600.0)), -0.1 * span, 1.5 * span))
        return out

    def exact(self) -> dict[str, Any]:
        """Parameters that train this very model without a clock or a validation set."""
        out = dict(self.params)
        if self.logarithm:
            out["log_target"] = True
        if self.weighted:
            out["balanced"] = True
        return out | self._exact()

    def cut(self, rounds: int) -> None:
        """Go back to an earlier round, where the family has rounds."""

    def _fit(
        self,
        x: Matrix,
        y: np.ndarray,
        weight: np.ndarray | None,
        valid: tuple[Matrix, np.ndarray] | None,
        time_up: Callable[[], bool],
    ) -> None:
        raise NotImplementedError

    def _predict(self, x: Matrix) -> np.ndarray:
        raise NotImplementedError

    def _exact(self) -> dict[str, Any]:
        return {}

    def _spread(self, present: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Probabilities of the classes that training had, as columns among all."""
        full = np.zeros((len(out), self.classes))
        full[:, present.astype(int)] = out
        return full


def one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    """Targets as columns: one a class from the second on (the first is what is left), or the number itself."""
    if classes == 0:
        return y.reshape(-1, 1).astype("float64")
    return np.asarray(y.astype(int).reshape(-1, 1) == np.arange(1, classes), dtype="float64")
