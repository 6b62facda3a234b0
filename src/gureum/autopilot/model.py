"""An ensemble as one model: takes tables as they come, gives labels or numbers.

Built by Autopilot's search from models that it has, and by the program that is handed over by `fit`; both are this class, so
they cannot differ. Imports nothing of gureum that is not handed over with it. Promise: `fit` on the same rows gives the same
predictions again.
"""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import pandas as pd

from gureum.autopilot.folds import make_folds
from gureum.learners.columns import as_numbers, as_times, tidy_names
from gureum.learners.features import Features, Matrix

__all__ = ["Model", "class_codes", "row_weights", "stack_columns"]


class Model:
    """`spec` is plain data: target, task, classes, kinds of the columns, folds, and the members with their weights.

    Each member is several fits of one family, each on the rows outside one fold or on all rows; its prediction is their mean.
    """

    def __init__(self, spec: dict[str, Any], learners: dict[str, Any]) -> None:
        self.spec = spec
        self.learners = learners
        self.features: Features | None = None
        self.members: list[list[Any]] = []

    @property
    def classes_(self) -> np.ndarray:
        """Labels in the order of predict_proba's columns."""
        return np.array(self.spec["classes"])

    def fit(self, table: pd.DataFrame) -> Model:
        """Train all members on a table with the target in it."""
        spec = self.spec
        table, y = self.labelled(tidy_names(table))
        self.features = Features(spec["kinds"])
        x = self.features.fit_transform(table)
        fold = self.folds(table, y)
        weight = row_weights(y, spec["class_weights"])
        held_out: dict[str, np.ndarray] = {}
        self.members = []
        for member in spec["members"]:
            seen = self._inputs(member, x, held_out)
            fits = []
            for fit in member["fits"]:
                rows = np.flatnonzero(fold != fit["fold"]) if fit["fold"] is not None else np.arange(len(y))
                learner = self.build(member, fit["params"], fit["fold"])
                fits.append(learner.fit(seen.take(rows), y[rows], weight=None if weight is None else weight[rows]))
            self.members.append(fits)
            if any(member["name"] in other["stacks"] for other in spec["members"]):
                held_out[member["name"]] = _held_out(member, fits, seen, fold)
        return self

    def build(self, member: dict[str, Any], params: dict[str, Any], fold: int | None) -> Any:
        """An untrained learner of one fit."""
        spec = self.spec
        return self.learners[member["family"]](
            params, task=spec["task"], classes=len(spec["classes"]), metric=spec["metric"],
            seed=member["seed"] + (fold or 0), n_jobs=spec["n_jobs"],
        )  # fmt: skip

    def labelled(self, table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
        """The rows that can teach: those with a target, and of a very large table a sample."""
        y = self.targets(table[self.spec["target"]])
        rows = np.flatnonzero(~np.isnan(y))
        if self.spec["rows"] is not None and len(rows) > self.spec["rows"]:
            rows = np.sort(np.random.default_rng(self.spec["seed"]).permutation(rows)[: self.spec["rows"]])
        return table.iloc[rows].reset_index(drop=True), y[rows]

    def folds(self, table: pd.DataFrame, y: np.ndarray) -> np.ndarray:
        """The fold of each row, as make_folds gives it."""
        plan = self.spec["folds"]
        return make_folds(
            y, classes=len(self.spec["classes"]), folds=plan["folds"], share=plan["share"], seed=self.spec["seed"],
            groups=table[plan["group"]] if plan["group"] else None,
            times=as_times(table[plan["time"]]) if plan["time"] else None,
        )  # fmt: skip

    def targets(self, column: pd.Series) -> np.ndarray:
        """The target as codes or numbers, NaN where there is none."""
        if self.spec["task"] == "regression":
            return as_numbers(column)
        return class_codes(column, self.spec["classes"])

    def _inputs(self, member: dict[str, Any], x: Matrix, predicted: dict[str, np.ndarray]) -> Matrix:
        if not member["stacks"]:
            return x
        columns = [stack_columns(predicted[name]) for name in member["stacks"]]
        return x.with_columns(np.hstack(columns), [f"model {i}" for i in range(sum(c.shape[1] for c in columns))])

    def _scores(self, table: pd.DataFrame) -> np.ndarray:
        if self.features is None:
            raise ValueError("the model is not trained: call fit(table) first")
        if not isinstance(table, pd.DataFrame):
            table = table.to_pandas() if hasattr(table, "to_pandas") else pd.DataFrame(table)
        table = tidy_names(table)
        for name in self.spec["kinds"]:
            if name not in table.columns:
                near = difflib.get_close_matches(name, list(table.columns), 1)
                hint = f" (it has '{near[0]}')" if near else ""
                raise ValueError(f"the table lacks the column '{name}' that the model was trained with{hint}")
        doubled = table.columns[table.columns.duplicated()]
        for name in doubled:
            if name in self.spec["kinds"]:
                raise ValueError(f"the table has two columns named '{name}'")
        if len(table) == 0:
            return np.zeros((0, len(self.spec["classes"]))) if self.spec["classes"] else np.zeros(0)
        x = self.features.transform(table)
        predicted: dict[str, np.ndarray] = {}
        total: Any = 0.0
        for member, fits in zip(self.spec["members"], self.members, strict=True):
            seen = self._inputs(member, x, predicted)
            out = np.mean([learner.predict(seen) for learner in fits], axis=0)
            predicted[member["name"]] = out
            total = total + member["weight"] * out
        return np.asarray(total, dtype="float64")

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities, rows by classes, in the order of `classes_`."""
        if self.spec["task"] == "regression":
            raise ValueError("a regression has no probabilities: call predict")
        return self._scores(table)

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """Labels, or numbers for a regression."""
        scores = self._scores(table)
        if self.spec["task"] == "regression":
            return scores
        return (
            self.classes_[np.argmax(scores * np.array(self.spec["class_scale"]), axis=1)]
            if len(scores)
            else self.classes_[:0]
        )

    def __repr__(self) -> str:
        return f"<Model of '{self.spec['target']}': {len(self.members)} members>"


def stack_columns(scores: np.ndarray) -> np.ndarray:
    """What a member of the second layer sees of one of the first."""
    return scores.reshape(-1, 1) if scores.ndim == 1 else scores[:, 1:]


def _held_out(member: dict[str, Any], fits: list[Any], x: Matrix, fold: np.ndarray) -> np.ndarray:
    out: np.ndarray | None = None
    for fit, learner in zip(member["fits"], fits, strict=True):
        rows = np.flatnonzero(fold == fit["fold"])
        scores = learner.predict(x.take(rows))
        if out is None:
            out = np.full((len(x), *scores.shape[1:]), np.nan)
        out[rows] = scores
    assert out is not None
    return out


def class_codes(column: pd.Series, classes: list[Any]) -> np.ndarray:
    """0, 1, ... by the place in `classes`; NaN for what is not among them."""
    places = {label: place for place, label in enumerate(classes)}
    text = bool(classes) and isinstance(classes[0], str)

    def place(value: Any) -> float:
        return places.get(str(value).strip() if text else value, np.nan)

    return np.asarray(column.astype(object).map(place, na_action="ignore"), dtype="float64")


def row_weights(y: np.ndarray, class_weights: list[float] | None) -> np.ndarray | None:
    """How much each row counts in training, by its class."""
    return None if class_weights is None else np.array(class_weights)[y.astype(int)]
