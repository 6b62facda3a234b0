"""Logistic and ridge regression, by scikit-learn: for text, for few rows, and unlike trees in an ensemble."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from gureum.learners.encoders import Scaled
from gureum.learners.features import Matrix
from gureum.learners.learner import Learner, one_hot
from gureum.learners.space import Float, Space

__all__ = ["DEFAULT", "PORTFOLIO", "SPACE", "Linear"]

DEFAULT: dict[str, Any] = {"strength": 1.0}

PORTFOLIO: tuple[dict[str, Any], ...] = (DEFAULT, {"strength": 0.05}, {"strength": 10.0})

SPACE: Space = {"strength": Float(1e-3, 100.0, log=True)}


class Linear(Learner):
    """`strength` is how much the model may bend to the data: C of the logistic, 1 / alpha of the ridge regression."""

    STEPS = 300  # of the solver in all
    STEPS_AT_ONCE = 20  # between two looks at the clock

    def _fit(
        self,
        x: Matrix,
        y: np.ndarray,
        weight: np.ndarray | None,
        valid: tuple[Matrix, np.ndarray] | None,  # noqa: ARG002 - nothing to stop early
        time_up: Callable[[], bool],
    ) -> None:
        self.scaled = Scaled()
        data = self.scaled.fit_transform(x, one_hot(y, self.classes), self.seed)
        strength = float(self.params.get("strength", 1.0))
        if self.task == "regression":
            self.shift, self.scale = float(np.mean(y)), float(np.std(y)) or 1.0
            self.model = Ridge(
                alpha=1.0 / strength, solver="auto" if data.shape[1] <= 3_000 else "sparse_cg", random_state=self.seed
            )
            with threadpool_limits(1):  # the same sums on every machine
                self.model.fit(data, (y - self.shift) / self.scale, sample_weight=weight)
            return
        rounds = int(self.params.get("rounds", self.STEPS // self.STEPS_AT_ONCE))
        self.model = LogisticRegression(C=strength, max_iter=self.STEPS_AT_ONCE, warm_start=True, tol=1e-4)
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)  # it goes on in the next turn
            for turn in range(rounds):
                self.model.fit(data, y, sample_weight=weight)
                self.rounds = turn + 1
                if time_up() or int(np.max(self.model.n_iter_)) < self.STEPS_AT_ONCE:
                    break

    def _exact(self) -> dict[str, Any]:
        return {"rounds": self.rounds} if self.task != "regression" else {}

    def _predict(self, x: Matrix) -> np.ndarray:
        data = self.scaled.transform(x)
        if self.task == "regression":
            out: np.ndarray = self.model.predict(data) * self.scale + self.shift
            return out
        return self._spread(self.model.classes_, self.model.predict_proba(data))
