"""Gradient boosting by LightGBM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np

from gureum.learners.features import Matrix
from gureum.learners.learner import Learner
from gureum.learners.space import Choice, Float, Int, Space
from gureum.learners.stopping import Stopping

__all__ = ["DEFAULT", "PORTFOLIO", "SPACE", "LightGBM"]

DEFAULT: dict[str, Any] = {"learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 20}

PORTFOLIO: tuple[dict[str, Any], ...] = (
    DEFAULT,
    {
        "learning_rate": 0.03,
        "num_leaves": 127,
        "feature_fraction": 0.6,
        "min_data_in_leaf": 10,
        "bagging_fraction": 0.9,
    },
    {"learning_rate": 0.05, "num_leaves": 64, "extra_trees": True, "feature_fraction": 0.8, "min_data_in_leaf": 5},
    {"learning_rate": 0.03, "num_leaves": 16, "feature_fraction": 0.5, "lambda_l2": 5.0, "bagging_fraction": 0.8},
    {"learning_rate": 0.02, "num_leaves": 8, "feature_fraction": 0.4, "lambda_l1": 1.0, "min_data_in_leaf": 40},
)

SPACE: Space = {
    "learning_rate": Float(0.01, 0.2, log=True),
    "num_leaves": Int(4, 256, log=True),
    "min_data_in_leaf": Int(2, 100, log=True),
    "feature_fraction": Float(0.3, 1.0),
    "bagging_fraction": Float(0.5, 1.0),
    "lambda_l1": Float(1e-4, 10.0, log=True),
    "lambda_l2": Float(1e-4, 30.0, log=True),
    "extra_trees": Choice((False, True)),
}


class LightGBM(Learner):
    """Takes categories and gaps as they are."""

    ROUNDS_MAX = 5_000
    PATIENCE = 60
    METRICS = {"roc_auc": "auc", "average_precision": "average_precision"}  # noqa: RUF012

    def _fit(
        self,
        x: Matrix,
        y: np.ndarray,
        weight: np.ndarray | None,
        valid: tuple[Matrix, np.ndarray] | None,
        time_up: Callable[[], bool],
    ) -> None:
        params = dict(self.params)
        rounds = int(params.pop("rounds", self.ROUNDS_MAX))
        loss = {"binary": "binary", "multiclass": "multiclass"}.get(
            self.task, "l1" if self.metric in {"mae", "medae"} else "l2"
        )
        if self.task == "multiclass":
            params["num_class"] = self.classes
            params.setdefault("lambda_l2", 3.0)  # leaves of a rare class have hardly any second derivative
        params |= {
            "objective": loss, "metric": "None" if valid is None else self._metric(), "verbosity": -1, "seed": self.seed,
            "num_threads": self.n_jobs, "deterministic": True, "force_col_wise": True, "max_bin": params.get("max_bin", 255),
            "bagging_freq": 1 if params.get("bagging_fraction", 1.0) < 1.0 else 0, "max_cat_to_onehot": 8,
            "min_data_in_leaf": min(int(params.get("min_data_in_leaf", 20)), max(1, len(y) // 20)),
            "cat_smooth": params.get("cat_smooth", 20.0), "feature_pre_filter": False,
        }  # fmt: skip
        data = lightgbm.Dataset(
            x.dense, y, weight=weight, categorical_feature=x.categories, free_raw_data=True, params=params
        )
        watch = Stopping(time_up, self.PATIENCE)
        flip = self.METRICS.get(self.metric) == params["metric"]

        def after(env: Any) -> None:
            loss = None
            if env.evaluation_result_list:
                value = env.evaluation_result_list[0][2]
                loss = -value if flip else value
            if watch.after(loss):
                raise lightgbm.callback.EarlyStopException(env.iteration, [])

        sets = [] if valid is None else [data.create_valid(valid[0].dense, valid[1])]
        self.booster = lightgbm.train(params, data, rounds, valid_sets=sets, callbacks=[after])
        self.curve = watch.curve
        self.rounds = watch.rounds

    def _metric(self) -> str:
        if self.task == "binary":
            return self.METRICS.get(self.metric, "binary_logloss")
        if self.task == "multiclass":
            return "multi_logloss"
        return "l1" if self.metric in {"mae", "medae"} else "l2"

    def cut(self, rounds: int) -> None:
        self.rounds = rounds

    def _exact(self) -> dict[str, Any]:
        return {"rounds": self.rounds}

    def _predict(self, x: Matrix) -> np.ndarray:
        return np.asarray(self.booster.predict(x.dense, num_iteration=self.rounds, num_threads=self.n_jobs))
