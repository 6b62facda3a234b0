"""Concept drift: the target answers to the features otherwise than in the baseline.

Called by `baseline` (fit) and `check` (when the window has labels). A small model of our own learns the target from the
features in three folds; each row of the baseline has a residual from a model that has not seen it. A window's rows are dealt
out to the same three models, so that its residuals are of the same law while nothing changes. Tested are their mean (the
target moved where the features did not), their size (it became harder to tell), and their product with every axis of the
features (which way it answers to each).

It asks about the world, not about the model that is monitored: `performance` does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from gureum.monitor.axes import Axis, axes, inputs, placed
from gureum.monitor.columns import Column, Form
from gureum.monitor.dependence import Dependence, measure
from gureum.monitor.profile import Profile

__all__ = ["Change", "Concept", "compare_concept", "fit"]

Floats = NDArray[np.float64]

FOLDS = 3
ROWS_MIN = 150
CLASSES_MAX = 10
RESIDUAL_SPREADS_MAX = 4.0
PARAMETERS = {
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.8,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS = 60


@dataclass(frozen=True)
class Change:
    """One test: of a class's (or the number's) residuals alone, of their size, or with one axis."""

    about: str  # "level", "size" or a feature's name
    axis: str
    effect: float
    p: float


@dataclass(frozen=True)
class Concept:
    """Three models and the baseline's residuals from them (reference rows by classes)."""

    task: str
    classes: tuple[str, ...]
    center: float
    scale: float
    models: tuple[str, ...] = field(repr=False)
    residuals: NDArray[np.float32] = field(repr=False)
    axes: tuple[Axis, ...]
    dependence: Dependence
    rows: int
    means: Floats = field(repr=False)
    spreads: Floats = field(repr=False)


def fit(target: Column, features: Sequence[Profile], *, task: str, dependent: bool, rows: int) -> Concept | None:
    """Learn the reference rows. None where there are too few labels, no features or a target of one value."""
    import lightgbm  # takes longer to load than the rest of the monitor; only baselines with a target need it

    columns = {one.name: one.column for one in features}
    matrix = inputs(features, columns)
    labelled = ~target.missing
    count = int(labelled.sum())
    if count < ROWS_MIN or matrix.shape[1] == 0:
        return None
    classes, center, scale = _scale(target, task)
    if task != "regression" and not 2 <= len(classes) <= CLASSES_MAX:
        return None
    answer = _answer(target, classes, center, scale)
    # A series is cut in three stretches: a neighbour in another fold would give a row's answer away.
    order = np.arange(count)
    fold = (order * FOLDS // count) if dependent else order % FOLDS
    parameters: dict[str, Any] = {**PARAMETERS, "objective": "regression"}
    if classes:
        parameters |= (
            {"objective": "binary"} if len(classes) == 2 else {"objective": "multiclass", "num_class": len(classes)}
        )
    known, label = matrix[labelled], answer[labelled]
    models, guess = [], np.zeros((count, max(1, len(classes)) if len(classes) != 2 else 1))
    for number in range(FOLDS):
        train = lightgbm.Dataset(known[fold != number], label[fold != number], params={"verbosity": -1})
        model = lightgbm.train(parameters, train, num_boost_round=ROUNDS)
        guess[fold == number] = _predict(model, known[fold == number])
        models.append(model.model_to_string())
    residuals = _residuals(label, guess, classes)
    wanted = tuple(axis for axis in axes(features))
    place = placed(wanted, {one.name: one for one in features}, columns)[labelled]
    products = _products(residuals, place)
    return Concept(
        task, classes, center, scale, tuple(models), residuals, wanted,
        measure(np.column_stack([residuals, np.abs(residuals)]).astype(np.float32)), rows,
        products.mean(axis=0), products.std(axis=0),
    )  # fmt: skip


def compare_concept(
    known: Concept, target: Column, features: Sequence[Profile], window: Mapping[str, Column], *, independent: bool
) -> list[Change]:
    """Every test, by rising p (for one test alone); empty when the window has too few labels."""
    import lightgbm  # see fit

    labelled = ~target.missing
    count = int(labelled.sum())
    if count < ROWS_MIN // FOLDS:
        return []
    matrix = inputs(features, window)[labelled]
    fold = np.arange(count) % FOLDS
    guess = np.zeros((count, known.residuals.shape[1]))
    for number, text in enumerate(known.models):
        guess[fold == number] = _predict(lightgbm.Booster(model_str=text), matrix[fold == number])
    label = _answer(target, known.classes, known.center, known.scale)[labelled]
    residuals = _residuals(label, guess, known.classes)
    place = placed(known.axes, {one.name: one for one in features}, window)[labelled]
    products = _products(residuals, place)
    means, spreads = products.mean(axis=0), products.std(axis=0)
    reference = len(known.residuals)
    wide = np.maximum(known.spreads, spreads)
    alive = wide > 1e-9
    part = reference / max(1, known.rows)
    design, base = np.ones(2), np.ones(2)
    freedom = np.inf
    if known.dependence.dependent.any() and not independent:
        ours, theirs = known.dependence.effect(count * part), known.dependence.effect(reference)
        half = len(ours) // 2
        design, base = (
            np.array([ours[:half].max(), ours[half:].max()]),
            np.array([theirs[:half].max(), theirs[half:].max()]),
        )
        freedom = float(known.dependence.freedom(count * part).min())
    width = residuals.shape[1]
    size = np.arange(len(means)) // width == 1
    rows_window = count / np.where(size, design[1], design[0])
    rows_base = reference / np.where(size, base[1], base[0])
    effect = np.where(alive, (means - known.means) / np.where(alive, wide, 1.0), 0.0)
    z = np.abs(effect) / np.sqrt(1.0 / rows_window + 1.0 / rows_base)
    p = np.minimum(1.0, 2.0 * (ndtr(-z) if np.isinf(freedom) else stdtr(freedom, -z)))
    changes = []
    for number in np.argsort(p, kind="stable"):
        block = number // width
        about = "level" if block == 0 else "size" if block == 1 else known.axes[block - 2].feature
        axis = "" if block < 2 else known.axes[block - 2].name
        changes.append(Change(about, axis, float(effect[number]), float(p[number])))
    return changes


def _scale(target: Column, task: str) -> tuple[tuple[str, ...], float, float]:
    if task != "regression":
        return tuple(sorted(set(class_names(target.present)))), 0.0, 1.0
    low, center, high = np.quantile(target.present, [0.1, 0.5, 0.9])
    return (), float(center), float(high - low) or float(target.present.std()) or 1.0


def class_names(values: NDArray[Any]) -> NDArray[Any]:
    """Present values as names of classes: 1.0 and 1 are the same one."""
    if values.dtype != object:
        distinct, places = np.unique(values, return_inverse=True)
        return np.array([f"{value:.15g}" for value in distinct], dtype=object)[places]
    return np.array([str(value) for value in values], dtype=object)


def _answer(target: Column, classes: tuple[str, ...], center: float, scale: float) -> Floats:
    """What a model learns: a class's number (-1 for one that the baseline did not have), or the scaled, clipped target."""
    if classes:
        number = {name: place for place, name in enumerate(classes)}
        answer = np.full(len(target), -1.0)
        answer[~target.missing] = [number.get(name, -1) for name in class_names(target.present)]
        return answer
    if target.form is not Form.NUMBER:
        return np.full(len(target), np.nan)
    return np.clip((target.values - center) / scale, -5.0, 5.0)


def _predict(model: Any, matrix: NDArray[np.float32]) -> Floats:
    found = np.asarray(model.predict(matrix, num_threads=1), dtype=np.float64) if len(matrix) else np.zeros(0)
    return found.reshape(len(matrix), -1)


def _residuals(label: Floats, guess: Floats, classes: tuple[str, ...]) -> NDArray[np.float32]:
    if not classes:
        return np.clip(label[:, None] - guess, -RESIDUAL_SPREADS_MAX, RESIDUAL_SPREADS_MAX).astype(np.float32)
    if len(classes) == 2:
        return (label[:, None] - guess).astype(np.float32)
    return (np.equal(label[:, None], np.arange(len(classes))[None, :]) - guess).astype(np.float32)


def _products(residuals: NDArray[np.float32], place: Floats) -> Floats:
    """Rows by (one, size, each axis) x classes."""
    blocks = [residuals, np.abs(residuals), *(residuals * axis[:, None] for axis in place.T)]
    return np.concatenate(blocks, axis=1).astype(np.float64)
