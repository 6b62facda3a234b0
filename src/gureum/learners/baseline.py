"""What is known without looking at a row: the mean, or how often each class occurs. Every other model has to beat it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gureum.learners.features import Matrix
from gureum.learners.learner import Learner

__all__ = ["Baseline"]


class Baseline(Learner):
    def _fit(
        self,
        x: Matrix,  # noqa: ARG002
        y: np.ndarray,
        weight: np.ndarray | None,
        valid: tuple[Matrix, np.ndarray] | None,  # noqa: ARG002
        time_up: Callable[[], bool],  # noqa: ARG002
    ) -> None:
        if self.task != "regression":
            counts = np.bincount(y.astype(int), weights=weight, minlength=self.classes) + 1e-3
            self.value = counts / counts.sum()
        else:
            self.value = np.array(
                np.median(y) if self.metric in {"mae", "medae", "mape"} else np.average(y, weights=weight)
            )

    def _predict(self, x: Matrix) -> np.ndarray:
        return np.full((len(x), *self.value.shape), self.value)
