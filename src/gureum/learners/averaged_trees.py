"""What extra-trees and random forest share: trees grown in small groups, so that a clock can end it between two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gureum.learners.encoders import Filled
from gureum.learners.features import Matrix
from gureum.learners.learner import Learner, one_hot

__all__ = ["AveragedTrees"]


class AveragedTrees(Learner):
    TREES = 200
    GROUP = 10
    GROUP_CELLS = 2_000_000  # rows times columns times trees between two looks at the clock

    def _forest(self, params: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _fit(
        self,
        x: Matrix,
        y: np.ndarray,
        weight: np.ndarray | None,
        valid: tuple[Matrix, np.ndarray] | None,  # noqa: ARG002 - trees that are averaged do not overfit by their number
        time_up: Callable[[], bool],
    ) -> None:
        params = dict(self.params)
        trees = int(params.pop("rounds", self.TREES))
        self.filled = Filled()
        dense = self.filled.fit_transform(x, one_hot(y, self.classes), self.seed)
        # Grown by groups also when it is trained again: each group draws its own numbers.
        self.model = self._forest({**params, "warm_start": True, "n_jobs": self.n_jobs, "random_state": self.seed})
        group = max(1, min(self.GROUP, self.GROUP_CELLS // dense.size))
        grown = 0
        while grown < trees and not (grown and time_up()):
            grown = min(trees, grown + group)
            self.model.set_params(n_estimators=grown)
            self.model.fit(dense, y, sample_weight=weight)
        self.rounds = grown

    def _exact(self) -> dict[str, Any]:
        return {"rounds": self.rounds}

    def _predict(self, x: Matrix) -> np.ndarray:
        dense = self.filled.transform(x)
        if self.task == "regression":
            out: np.ndarray = self.model.predict(dense)
            return out
        return self._spread(self.model.classes_, self.model.predict_proba(dense))
