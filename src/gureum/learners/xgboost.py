"""Gradient boosting by XGBoost; an extra, used as installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gureum.learners.features import Matrix
from gureum.learners.learner import Learner
from gureum.learners.space import Float, Int, Space
from gureum.learners.stopping import Stopping

__all__ = ["DEFAULT", "PORTFOLIO", "SPACE", "XGBoost"]

DEFAULT: dict[str, Any] = {"eta": 0.05, "max_depth": 6, "subsample": 0.9, "colsample_bytree": 0.8}

PORTFOLIO: tuple[dict[str, Any], ...] = (
    DEFAULT,
    {"eta": 0.03, "max_depth": 9, "min_child_weight": 2.0, "colsample_bytree": 0.5, "subsample": 0.8},
    {"eta": 0.05, "max_depth": 3, "subsample": 0.8, "colsample_bytree": 0.7},
)

SPACE: Space = {
    "eta": Float(0.01, 0.2, log=True),
    "max_depth": Int(3, 10),
    "min_child_weight": Float(0.5, 20.0, log=True),
    "subsample": Float(0.5, 1.0),
    "colsample_bytree": Float(0.3, 1.0),
    "reg_lambda": Float(1e-3, 30.0, log=True),
    "reg_alpha": Float(1e-4, 10.0, log=True),
}


class XGBoost(Learner):
    """Takes categories and gaps as they are."""

    ROUNDS_MAX = 5_000
    PATIENCE = 60
    METRICS = {"roc_auc": "auc", "average_precision": "aucpr"}  # noqa: RUF012

    def _fit(
        self,
        x: Matrix,
        y: np.ndarray,
        weight: np.ndarray | None,
        valid: tuple[Matrix, np.ndarray] | None,
        time_up: Callable[[], bool],
    ) -> None:
        import xgboost  # an extra

        params = dict(self.params)
        rounds = int(params.pop("rounds", self.ROUNDS_MAX))
        absolute = self.metric in {"mae", "medae"}
        losses = {"binary": ("binary:logistic", "logloss"), "multiclass": ("multi:softprob", "mlogloss")}
        loss, measure = losses.get(
            self.task, ("reg:absoluteerror", "mae") if absolute else ("reg:squarederror", "rmse")
        )
        if self.task == "multiclass":
            params["num_class"] = self.classes
        if self.task == "binary":
            measure = self.METRICS.get(self.metric, measure)
        params |= {
            "objective": loss, "eval_metric": measure, "seed": self.seed, "nthread": self.n_jobs, "tree_method": "hist",
            "max_cat_to_onehot": 8, "verbosity": 0,
        }  # fmt: skip
        watch = Stopping(time_up, self.PATIENCE)

        class Watch(xgboost.callback.TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
                loss = None
                if evals_log:
                    value = evals_log["valid"][measure][-1]
                    loss = -value if measure in {"auc", "aucpr"} else value
                return watch.after(loss)

        data = self._data(x, y, weight)
        sets = [] if valid is None else [(self._data(*valid), "valid")]
        self.booster = xgboost.train(params, data, rounds, evals=sets, callbacks=[Watch()], verbose_eval=False)
        self.curve = watch.curve
        self.rounds = watch.rounds

    def _data(self, x: Matrix, y: np.ndarray | None = None, weight: np.ndarray | None = None) -> Any:
        import xgboost  # an extra

        coded = set(x.categories)
        types = ["c" if column in coded else "float" for column in range(x.dense.shape[1])]
        return xgboost.DMatrix(
            x.dense, y, weight=weight, feature_types=types, enable_categorical=True, nthread=self.n_jobs
        )

    def cut(self, rounds: int) -> None:
        self.rounds = rounds

    def _exact(self) -> dict[str, Any]:
        return {"rounds": self.rounds}

    def _predict(self, x: Matrix) -> np.ndarray:
        out: np.ndarray = self.booster.predict(self._data(x), iteration_range=(0, self.rounds))
        return out.astype("float64")
