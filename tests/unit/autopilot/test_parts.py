"""The parts of Autopilot: folds, weights, leaks, metrics and the program."""

from __future__ import annotations

import ast

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from gureum.autopilot.ensemble import choose_scale, choose_weights, honest_score
from gureum.autopilot.folds import make_folds
from gureum.autopilot.handover import FAMILY_MODULES, write_pieces
from gureum.autopilot.leaks import find_leaks
from gureum.autopilot.metrics import METRICS, find_metric
from gureum.autopilot.portfolio import first_wave, further_draw
from gureum.learners.families import FAMILIES

RNG = np.random.default_rng(11)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order():
    RNG.bit_generator.state = START


def never() -> bool:
    return False


def folds(y, **options):
    given = {"classes": 0, "folds": 5, "share": 0.2, "seed": 1}
    return make_folds(np.asarray(y, dtype=float), **(given | options))


def test_folds_keep_classes_in_proportion():
    y = np.repeat([0, 1], [90, 10])
    fold = folds(y, classes=2)
    assert [int((y[fold == k] == 1).sum()) for k in range(5)] == [2] * 5


def test_a_class_with_one_row_is_only_trained_on():
    fold = folds([0] * 50 + [1], classes=2)
    assert fold[-1] == -1
    assert (fold[:-1] >= 0).all()


@pytest.mark.parametrize("count", [1, 4])
def test_a_group_stays_on_one_side(count):
    groups = RNG.integers(0, 20, 200)
    fold = folds(RNG.normal(size=200), folds=count, groups=groups)
    assert all(len(set(fold[groups == g])) == 1 for g in range(20))
    assert 0 < (fold == 0).mean() < 0.5


def test_later_rows_judge_earlier_ones():
    times = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.permutation(100) // 2, unit="D"))
    fold = folds(RNG.normal(size=100), folds=1, times=times)
    assert times[fold == -1].max() < times[fold == 0].min()
    assert 15 <= (fold == 0).sum() <= 25


def test_a_holdout_of_a_regression_has_its_share():
    fold = folds(RNG.exponential(size=1_000), folds=1, share=0.2)
    assert (fold == 0).sum() == 200
    assert set(fold) == {-1, 0}


def test_the_ensemble_is_no_worse_than_its_best_member():
    y = RNG.normal(size=500)
    predictions = [y + RNG.normal(size=500) * noise for noise in (0.5, 0.5, 2.0)]
    metric = METRICS["rmse"]
    weights = choose_weights(y, predictions, metric)
    mixed = sum(w * p for w, p in zip(weights, predictions, strict=True))
    assert weights.sum() == pytest.approx(1.0)
    assert metric.score(y, mixed) > max(metric.score(y, p) for p in predictions) + 0.05
    assert weights[2] < 0.15


def test_the_honest_score_of_noise_is_no_better_than_noise():
    y = RNG.integers(0, 2, 300)
    predictions = []
    for _ in range(40):
        p = RNG.random(300)
        predictions.append(np.column_stack([1 - p, p]))
    metric = METRICS["roc_auc"]
    weights = choose_weights(y, predictions, metric)
    flattered = metric.score(y, sum(w * p for w, p in zip(weights, predictions, strict=True)))
    assert flattered > 0.6
    assert honest_score(y, predictions, metric, seed=0) < 0.57


def test_a_threshold_is_chosen_for_metrics_of_labels():
    y = np.repeat([0, 1], [900, 100])
    p = np.where(y == 1, 0.3, 0.1) + RNG.normal(size=1_000) * 0.02
    scores = np.column_stack([1 - p, p])
    scale = choose_scale(y, scores, METRICS["f1"])
    assert METRICS["f1"].score(y, scores) == 0
    assert METRICS["f1"].score(y, scores * scale) > 0.95
    assert (choose_scale(y, scores, METRICS["log_loss"]) == 1).all()


@pytest.mark.parametrize(
    "name", ["roc_auc", "average_precision", "log_loss", "brier", "balanced_accuracy", "f1", "mcc"]
)
def test_metrics_agree_with_scikit_learn(name):
    y = RNG.integers(0, 2, 400)
    p = np.round(np.clip(0.3 * y + RNG.random(400) * 0.7, 0.001, 0.999), 2)
    p = np.clip(p, 0.01, 0.99)
    scores, labels = np.column_stack([1 - p, p]), (p > 0.5).astype(int)
    theirs = {
        "roc_auc": sk.roc_auc_score(y, p), "average_precision": sk.average_precision_score(y, p), "log_loss": sk.log_loss(y, p),
        "brier": sk.brier_score_loss(y, p), "balanced_accuracy": sk.balanced_accuracy_score(y, labels), "f1": sk.f1_score(y, labels),
        "mcc": sk.matthews_corrcoef(y, labels),
    }  # fmt: skip
    metric = find_metric(name, "binary")
    assert metric.shown(metric.score(y, scores)) == pytest.approx(theirs[name])


def leaks(columns, target, classes=0):
    table = pd.DataFrame(columns)
    kinds = {name: "number" if table[name].dtype.kind in "if" else "category" for name in table}
    return find_leaks(table, kinds, np.asarray(target, dtype=float), classes, never)


def test_a_copy_of_the_target_is_a_leak():
    y = RNG.normal(size=400)
    (found,) = leaks({"x": y + RNG.normal(size=400), "copy": np.exp(y)}, y)
    assert (found.column, found.left_out) == ("copy", True)
    assert "gives the target away" in found.reason


def test_a_code_for_the_class_is_a_leak():
    y = RNG.integers(0, 3, 400)
    (found,) = leaks({"x": RNG.normal(size=400), "code": np.array(["A", "B", "C"])[y]}, y, classes=3)
    assert found.column == "code"


def test_a_total_that_contains_the_target_is_a_leak():
    fare, tip = RNG.exponential(10, 500).round(2), RNG.exponential(2, 500).round(2)
    total = fare + tip + RNG.choice([0.3, 0.8, 3.3], 500)
    (found,) = leaks({"fare": fare, "miles": fare / 3 + RNG.random(500), "total": total}, tip)
    assert found.column == "total"
    assert "contains the target" in found.reason


def test_the_parts_of_a_sum_are_leaks():
    casual, registered = RNG.integers(0, 300, 500), RNG.integers(50, 900, 500)
    found = leaks(
        {"casual": casual, "registered": registered, "warm": registered + RNG.normal(size=500) * 300},
        casual + registered,
    )
    assert {one.column for one in found if one.left_out} == {"casual", "registered"}


def test_a_good_column_is_no_leak():
    x = RNG.normal(size=600)
    assert leaks({"x": x, "z": RNG.normal(size=600)}, 2 * x + RNG.normal(size=600) * 0.7) == []
    assert leaks({"n": RNG.integers(0, 5, 600), "m": RNG.integers(0, 9, 600)}, RNG.integers(0, 4, 600)) == []


def test_candidates_are_unlike_each_other_and_the_same_each_time():
    def wave():
        return list(first_wave(tuple(FAMILIES), text=False, hurry=1.0, logarithm="also", seed=4))

    first = wave()
    assert first == wave()
    assert len({one.name for one in first}) == len({one.seed for one in first}) == len(first)
    assert len({one.family for one in first[:6]}) >= 3
    ranking = [(one.family, one.params) for one in first]
    drawn = [further_draw(number, ranking, hurry=1.0, seed=4) for number in range(20)]
    assert drawn == [further_draw(number, ranking, hurry=1.0, seed=4) for number in range(20)]
    assert len({str(one.params) for one in drawn}) > 15


def test_the_pieces_of_the_program_name_nothing_that_is_not_there():
    text = write_pieces(sorted(FAMILY_MODULES), set())
    tree = ast.parse(text)
    assert "gureum" not in text
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    assert len(names) == len(set(names)), "two modules that are handed over define the same name"
    constants = [
        t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
    ]
    assert len(constants) == len(set(constants))
