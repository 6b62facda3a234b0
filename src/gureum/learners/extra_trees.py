"""Extremely randomised trees, by scikit-learn: cuts at random, every row in every tree."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from gureum.learners.averaged_trees import AveragedTrees
from gureum.learners.space import Choice, Int, Space

__all__ = ["DEFAULT", "PORTFOLIO", "SPACE", "ExtraTrees"]

DEFAULT: dict[str, Any] = {"min_samples_leaf": 2, "max_features": 0.5}

PORTFOLIO: tuple[dict[str, Any], ...] = (
    DEFAULT,
    {"min_samples_leaf": 5, "max_features": 0.7},
)

SPACE: Space = {
    "min_samples_leaf": Int(1, 20, log=True),
    "max_features": Choice(("sqrt", 0.3, 0.5, 0.7, 1.0)),
}


class ExtraTrees(AveragedTrees):
    def _forest(self, params: dict[str, Any]) -> Any:
        if self.task == "regression":
            return ExtraTreesRegressor(**params)
        return ExtraTreesClassifier(**params)
