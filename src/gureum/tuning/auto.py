"""`tune(model="auto")`: an objective and a space over the model families of `gureum.learners`, made from a table.

Called by `search`. Each trial trains one family with some parameters on three folds; boosting stops on rows of the training
part, so that the rows that judge a trial never help it. Promise: the same data and seed give the same folds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from gureum.errors import InvalidInput
from gureum.learners import space as learners_space
from gureum.learners.columns import as_names, as_numbers, tidy_names
from gureum.learners.families import FAMILIES, find_family, installed_families
from gureum.learners.features import Features, Matrix
from gureum.learners.survey import find_kinds
from gureum.names import did_you_mean
from gureum.tuning.space import FloatRange, IntRange, Spec, choice
from gureum.tuning.worker import Trial

__all__ = ["FamilyObjective", "data_fingerprint", "family_space", "read_data"]

FOLDS = 3
STOPPING_SHARE = 0.15  # of a fold's training rows, on which boosting stops
ROWS_MIN = 30
# Up to so many different whole numbers are classes; a task may be named to say otherwise.
INTEGER_CLASSES_MAX = 20

# The first of each is the default; all are kept with each trial.
METRICS = {
    "binary": ("log_loss", "roc_auc", "accuracy"),
    "multiclass": ("log_loss", "accuracy"),
    "regression": ("rmse", "mae", "r2"),
}
MAXIMIZED = {"roc_auc", "accuracy", "r2"}


class FamilyObjective:
    """Trains `params["family"]` with the rest of the parameters, and gives the metrics' means over the folds."""

    def __init__(self, table: pd.DataFrame, target: pd.Series, task: str, metric: str | None, seed: int) -> None:
        self.task, codes = _read_target(target, task)
        known = METRICS[self.task]
        self.metric = metric or known[0]
        if self.metric not in known:
            raise InvalidInput(
                f"metric {metric!r} does not judge a {self.task} task",
                code="tuning.metric",
                hint=did_you_mean(self.metric, known) or f"one of {', '.join(known)}",
            )
        self.direction = "maximize" if self.metric in MAXIMIZED else "minimize"
        present = ~np.isnan(codes)
        if present.sum() < ROWS_MIN:
            raise InvalidInput(
                f"{present.sum()} rows have a target; at least {ROWS_MIN} are needed", code="tuning.data"
            )
        self._y = codes[present] if self.task == "regression" else codes[present].astype(int)
        self._classes = 0 if self.task == "regression" else int(self._y.max()) + 1
        if self._classes and np.bincount(self._y).min() < 2 * FOLDS:
            raise InvalidInput(f"a class has fewer than {2 * FOLDS} rows", code="tuning.data", hint="leave it out")
        table = tidy_names(table[present])
        kinds, _ = find_kinds(table)
        if not kinds:
            raise InvalidInput("no column says anything about the target", code="tuning.data")
        self._matrix: Matrix = Features(kinds).fit_transform(table)
        self._seed = seed

    def __call__(self, params: Mapping[str, Any], trial: Trial) -> dict[str, float]:
        rest = dict(params)
        family = find_family(rest.pop("family"))
        found: list[dict[str, float]] = []
        for fold, (train, test) in enumerate(self._folds(), start=1):
            stratify = None if self.task == "regression" else self._y[train]
            fit, stop = train_test_split(train, test_size=STOPPING_SHARE, random_state=self._seed, stratify=stratify)
            learner = family.build(
                rest, task=self.task, classes=self._classes, metric=self.metric, seed=self._seed, n_jobs=1
            )
            learner.fit(self._matrix.take(fit), self._y[fit], valid=(self._matrix.take(stop), self._y[stop]))
            found.append(self._judge(self._y[test], learner.predict(self._matrix.take(test))))
            trial.report(fold, float(np.mean([one[self.metric] for one in found])))
        return {name: float(np.mean([one[name] for one in found])) for name in found[0]}

    def _folds(self) -> Any:
        kind = KFold if self.task == "regression" else StratifiedKFold
        return kind(FOLDS, shuffle=True, random_state=self._seed).split(self._y, self._y)

    def _judge(self, y: np.ndarray, out: np.ndarray) -> dict[str, float]:
        if self.task == "regression":
            return {
                "rmse": float(metrics.root_mean_squared_error(y, out)),
                "mae": float(metrics.mean_absolute_error(y, out)),
                "r2": float(metrics.r2_score(y, out)),
            }
        judged = {
            "log_loss": float(metrics.log_loss(y, out, labels=range(self._classes))),
            "accuracy": float(metrics.accuracy_score(y, out.argmax(axis=1))),
        }
        return judged | ({"roc_auc": float(metrics.roc_auc_score(y, out[:, 1]))} if self.task == "binary" else {})


def family_space() -> dict[str, Any]:
    """A choice of the installed families, with each one's own space below it."""
    below = {
        name: {key: _spec(domain) for key, domain in FAMILIES[name].space.items()} for name in installed_families()
    }
    return {"family": choice(below)}


def read_data(data: Any, target: str | None) -> tuple[pd.DataFrame, pd.Series]:
    """Features and target, from a table and the target's name, or from a pair. Raises InvalidInput for anything else."""
    if isinstance(data, tuple) and len(data) == 2:
        table, values = pd.DataFrame(data[0]), pd.Series(np.asarray(data[1]), name="target")
        if len(table) != len(values):
            raise InvalidInput(f"X has {len(table)} rows, y has {len(values)}", code="tuning.data")
        return table.reset_index(drop=True), values
    if not isinstance(data, pd.DataFrame):
        raise InvalidInput(
            f"data is {type(data).__name__}",
            code="tuning.data",
            hint="data=(X, y), or data=a DataFrame and target=a column",
        )
    if target not in data.columns:
        names = [str(name) for name in data.columns]
        raise InvalidInput(
            f"no column {target!r} in the data" if target else "a DataFrame needs target=",
            code="tuning.data",
            hint=did_you_mean(str(target), names) or "target= names the column to predict",
        )
    table = data.reset_index(drop=True)
    return table.drop(columns=[target]), table[target]


def data_fingerprint(table: pd.DataFrame, target: pd.Series) -> str:
    """A text that changes with any value: trials on other rows cannot be compared."""
    rows = pd.util.hash_pandas_object(table.astype(str).assign(__target__=target.astype(str)), index=False)
    return hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()[:16]


def _read_target(target: pd.Series, task: str) -> tuple[str, np.ndarray]:
    """The task, and each row's number or class code; NaN where there is none."""
    numbers = as_numbers(target)
    names = as_names(target)
    levels = sorted({name for name in names if name is not None})
    if task == "auto":
        whole = not np.isnan(numbers).all() and bool(np.nanmax(np.abs(numbers - np.round(numbers))) == 0)
        words = bool(np.isnan(numbers[np.array([name is not None for name in names])]).any())
        few = len(levels) <= INTEGER_CLASSES_MAX
        task = "regression" if not words and not (whole and few) else "binary" if len(levels) == 2 else "multiclass"
    if task not in METRICS:
        raise InvalidInput(f"task {task!r}", code="tuning.task", hint=f"auto, {', '.join(METRICS)}")
    if task == "regression":
        return task, numbers
    if len(levels) < 2 or (task == "binary" and len(levels) != 2):
        raise InvalidInput(
            f"the target has {len(levels)} classes", code="tuning.task", hint="is it the right column, and task?"
        )
    codes = {name: code for code, name in enumerate(levels)}
    return task, np.array([np.nan if name is None else codes[name] for name in names], dtype=float)


def _spec(domain: Any) -> Spec:
    """A family's own word for a range, in ours."""
    if isinstance(domain, learners_space.Float):
        return FloatRange(domain.low, domain.high, log=domain.log)
    if isinstance(domain, learners_space.Int):
        return IntRange(domain.low, domain.high, log=domain.log)
    values = domain.values
    if all(value is None or isinstance(value, (bool, int, float, str)) for value in values):
        return choice(list(values))
    return choice({repr(value): value for value in values})
