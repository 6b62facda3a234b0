"""The model families there are, and which of them this installation can train.

Called by Autopilot and tuning. A family is a row here and a file beside this one.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from gureum.errors import InvalidInput
from gureum.learners import catboost, extra_trees, lightgbm, linear, random_forest, xgboost
from gureum.learners.learner import Learner
from gureum.learners.space import Space

__all__ = ["FAMILIES", "Family", "find_family", "installed_families"]


@dataclass(frozen=True)
class Family:
    """One kind of model. `portfolio` holds good configurations, best first; `needs` is the package that trains it."""

    name: str
    learner: type[Learner]
    needs: str
    default: dict[str, Any]
    portfolio: tuple[dict[str, Any], ...]
    space: Space

    def build(self, params: dict[str, Any] | None = None, **options: Any) -> Learner:
        """A learner with these parameters (default: the family's); options as of Learner."""
        return self.learner(self.default if params is None else params, **options)


FAMILIES: dict[str, Family] = {
    name: Family(name, learner, needs, module.DEFAULT, module.PORTFOLIO, module.SPACE)
    for name, learner, needs, module in (
        ("lightgbm", lightgbm.LightGBM, "lightgbm", lightgbm),
        ("catboost", catboost.CatBoost, "catboost", catboost),
        ("xgboost", xgboost.XGBoost, "xgboost", xgboost),
        ("extra_trees", extra_trees.ExtraTrees, "sklearn", extra_trees),
        ("random_forest", random_forest.RandomForest, "sklearn", random_forest),
        ("linear", linear.Linear, "sklearn", linear),
    )
}  # fmt: skip


def installed_families() -> tuple[str, ...]:
    """Names of the families whose package is installed, in the order in which they are worth trying."""
    return tuple(name for name, family in FAMILIES.items() if importlib.util.find_spec(family.needs) is not None)


def find_family(name: str) -> Family:
    """The family of that name. Raises InvalidInput, with near names, or with the package to install."""
    if name not in FAMILIES:
        raise InvalidInput(
            f"there is no model family '{name}'", code="learners.family", hint=f"there are {', '.join(FAMILIES)}"
        )
    if name not in installed_families():
        raise InvalidInput(
            f"model family '{name}' is not installed",
            code="learners.not_installed",
            hint="pip install 'gureum[boosters]'",
        )
    return FAMILIES[name]
