"""Gradient boosting by CatBoost; an extra, used as installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from gureum.learners.features import Matrix
from gureum.learners.learner import Learner
from gureum.learners.space import Float, Int, Space
from gureum.learners.stopping import Stopping

__all__ = ["DEFAULT", "PORTFOLIO", "SPACE", "CatBoost"]

DEFAULT: dict[str, Any] = {"learning_rate": 0.08, "depth": 6, "l2_leaf_reg": 3.0}

PORTFOLIO: tuple[dict[str, Any], ...] = (
    DEFAULT,
    {"learning_rate": 0.05, "depth": 8, "l2_leaf_reg": 5.0, "random_strength": 2.0, "max_ctr_complexity": 2},
    {"learning_rate": 0.1, "depth": 4, "l2_leaf_reg": 2.0},
)

SPACE: Space = {
    "learning_rate": Float(0.02, 0.2, log=True),
    "depth": Int(4, 9),
    "l2_leaf_reg": Float(1.0, 20.0, log=True),
    "random_strength": Float(0.1, 5.0, log=True),
    "bagging_temperature": Float(0.0, 2.0),
}


class CatBoost(Learner):
    """Takes categories and gaps as they are; its trees are symmetric, which makes it unlike the other two."""

    # CatBoost hands its callback the whole curve each round: 2,000 rounds of a small table cost 2.5 s by that, 4,000 cost 10 s.
    ROUNDS_MAX = 2_000
    PATIENCE = 60

    def _fit(
        self,
        x: Matrix,
        y: np.ndarray,
        weight: np.ndarray | None,
        valid: tuple[Matrix, np.ndarray] | None,
        time_up: Callable[[], bool],
    ) -> None:
        import catboost  # an extra

        params = dict(self.params)
        rounds = int(params.pop("rounds", self.ROUNDS_MAX))
        absolute = self.metric in {"mae", "medae"}
        loss = {"binary": "Logloss", "multiclass": "MultiClass"}.get(self.task, "MAE" if absolute else "RMSE")
        if self.task == "multiclass":
            params["classes_count"] = self.classes
        params.setdefault(
            "max_ctr_complexity", 1
        )  # pairs of categories take three times as long, and cannot be interrupted
        # CatBoost's defaults of some of these depend on the number of rounds: left to it, a model that a clock stopped
        # could not be trained again.
        params |= {
            "loss_function": loss, "iterations": rounds, "random_seed": self.seed, "thread_count": self.n_jobs,
            "leaf_estimation_iterations": 1 if absolute else 3, "boosting_type": "Plain", "bootstrap_type": "Bayesian",
            "one_hot_max_size": 30, "border_count": 128, "allow_writing_files": False,
            "logging_level": "Silent", "boost_from_average": self.task == "regression",
        }  # fmt: skip
        watch = Stopping(time_up, self.PATIENCE)

        class Watch:
            def after_iteration(self, info: Any) -> bool:
                loss_now = info.metrics["validation"][loss][-1] if "validation" in info.metrics else None
                return not watch.after(loss_now)

        data = self._data(x, y, weight)
        against = None if valid is None else self._data(*valid)
        self.booster = catboost.CatBoost(params)
        # use_best_model off: which round is best is chosen over all folds together.
        more = {} if against is None else {"eval_set": against, "use_best_model": False}
        self.booster.fit(data, callbacks=[Watch()], **more)
        self.curve = watch.curve
        self.rounds = int(self.booster.tree_count_)

    def _data(self, x: Matrix, y: np.ndarray | None = None, weight: np.ndarray | None = None) -> Any:
        import catboost  # an extra

        if not x.categories:
            return catboost.Pool(x.dense, y, weight=weight, thread_count=self.n_jobs)
        frame = pd.DataFrame(x.dense, copy=False)
        for column in x.categories:
            codes = x.dense[:, column]
            frame[column] = np.where(np.isnan(codes), -1, codes).astype("int32")
        return catboost.Pool(frame, y, weight=weight, cat_features=x.categories, thread_count=self.n_jobs)

    def cut(self, rounds: int) -> None:
        self.rounds = rounds

    def _exact(self) -> dict[str, Any]:
        return {"rounds": self.rounds}

    def _predict(self, x: Matrix) -> np.ndarray:
        kind = "RawFormulaVal" if self.task == "regression" else "Probability"
        out: np.ndarray = self.booster.predict(
            self._data(x), prediction_type=kind, ntree_end=self.rounds, thread_count=self.n_jobs
        )
        return out
