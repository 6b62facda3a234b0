"""Each family keeps what all promise: a model that was stopped can be trained again, exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gureum.errors import InvalidInput
from gureum.learners.families import FAMILIES, find_family, installed_families
from gureum.learners.features import Features
from gureum.learners.space import draw

KINDS = {"a": "number", "b": "number", "c": "category", "d": "category"}
TASKS = {"binary": 2, "multiclass": 3, "regression": 0}


def data(task: str, rows: int = 300):
    rng = np.random.default_rng(3)
    a, c = rng.normal(size=rows), rng.integers(0, 5, rows)
    table = pd.DataFrame({
        "a": np.where(rng.random(rows) < 0.1, np.nan, a), "b": rng.exponential(size=rows), "c": np.array(list("uvwxy"))[c],
        "d": rng.integers(0, 80, rows).astype(str),
    })  # fmt: skip
    value = a + 0.7 * (c == 2) + 0.3 * rng.normal(size=rows)
    y = {"binary": value > 0, "multiclass": np.digitize(value, [-0.5, 0.7]), "regression": value}[task].astype(float)
    return Features(KINDS).fit_transform(table), y


def error(task: str, y: np.ndarray, out: np.ndarray) -> float:
    if task == "regression":
        return float(((y - out) ** 2).mean() / y.var())
    return float((out.argmax(axis=1) != y).mean() / (y != np.bincount(y.astype(int)).argmax()).mean())


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", installed_families())
def test_a_stopped_model_is_trained_again_exactly(name, task):
    x, y = data(task)
    learn, judge = np.arange(200), np.arange(200, 300)
    options = {"task": task, "classes": TASKS[task], "seed": 5, "n_jobs": 1, "metric": "log_loss"}
    looks = iter(range(10_000))
    first = find_family(name).build(**options)
    first.fit(x.take(learn), y[learn], valid=(x.take(judge), y[judge]), time_up=lambda: next(looks) >= 40)
    if first.curve:
        first.cut(int(np.argmin(first.curve)) + 1)
    out = first.predict(x.take(judge))
    assert out.shape == ((100,) if task == "regression" else (100, TASKS[task]))
    assert error(task, y[judge], out) < 0.75, "it learned something"

    again = find_family(name).build(first.exact(), **options).fit(x.take(learn), y[learn])
    np.testing.assert_array_equal(again.predict(x.take(judge)), out)


@pytest.mark.parametrize("name", installed_families())
def test_a_class_that_the_fold_lacks_has_a_column(name):
    x, y = data("multiclass")
    rows = np.flatnonzero(y != 1)
    learner = find_family(name).build(task="multiclass", classes=3).fit(x.take(rows), y[rows], time_up=lambda: True)
    out = learner.predict(x)
    assert out.shape == (300, 3)
    np.testing.assert_allclose(out.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_search_space_holds_what_the_family_takes(name):
    family = FAMILIES[name]
    rng = np.random.default_rng(0)
    assert family.default in family.portfolio
    known = set(family.space) | {key for entry in family.portfolio for key in entry}
    assert set(draw(family.space, rng)) <= known
    if name in installed_families():
        x, y = data("binary")
        family.build(draw(family.space, rng), task="binary", classes=2).fit(x, y, time_up=lambda: True).predict(x)


def test_a_logarithm_of_the_target_stays_near_what_training_had():
    x, y = data("regression")
    y = np.expm1(y - y.min())
    learner = find_family("linear").build({"log_target": True}, task="regression").fit(x, y)
    assert learner.exact()["log_target"] is True
    assert learner.predict(x).max() <= y.min() + 1.5 * (y.max() - y.min())


def test_an_unknown_family_is_refused_by_name():
    with pytest.raises(InvalidInput, match=r"'lightbgm'.*lightgbm"):
        find_family("lightbgm")
