"""`debugger.check`: a scikit-learn estimator (or a booster in its dress) and the data it was fitted on.

Called by `gureum.debugger`. An estimator that is not fitted is cloned and fitted; without validation rows, three-fold
cross-validation stands for them. Promise: the estimator itself is not changed.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from gureum.debugger.boosters import look_at_booster
from gureum.debugger.data import look_at_data, rows_of
from gureum.debugger.recording import Recording, Round
from gureum.debugger.session import Session

__all__ = ["check"]

# Estimators that measure distances or penalise coefficients, so that a feature's unit matters.
SCALE_MATTERS = (
    "SVC", "SVR", "NuSVC", "NuSVR", "LinearSVC", "LinearSVR", "KNeighborsClassifier", "KNeighborsRegressor", "MLPClassifier",
    "MLPRegressor", "LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "SGDRegressor", "Ridge", "RidgeClassifier",
    "Lasso", "ElasticNet", "Perceptron", "KMeans", "GaussianProcessClassifier", "GaussianProcessRegressor", "OneClassSVM",
)  # fmt: skip
TARGET_SCALE_MATTERS = ("MLPRegressor", "SVR", "LinearSVR", "NuSVR", "SGDRegressor", "GaussianProcessRegressor")
SCALERS = (
    "StandardScaler",
    "MinMaxScaler",
    "RobustScaler",
    "MaxAbsScaler",
    "Normalizer",
    "PowerTransformer",
    "QuantileTransformer",
    "ColumnTransformer",
)
# Trees grown to the end are how these are meant: bagging takes their variance away.
BAGGED = (
    "RandomForestClassifier",
    "RandomForestRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "BaggingClassifier",
    "BaggingRegressor",
)
SINGLE_TREES = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
BOOSTERS = ("lightgbm", "xgboost", "catboost")
# By how much each knob is loosened to see whether regularisation is what holds the model back.
LOOSER: dict[str, Any] = {
    "C": lambda v: v * 1e4, "alpha": lambda v: v * 1e-4, "reg_lambda": lambda _: 1.0, "reg_alpha": lambda _: 0.0, "l2_leaf_reg": lambda _: 3.0,
    "min_samples_leaf": lambda _: 1, "min_child_weight": lambda _: 1e-3, "min_child_samples": lambda _: 5, "ccp_alpha": lambda _: 0.0,
    "gamma": lambda v: 0.0 if isinstance(v, float | int) else v, "l2_regularization": lambda _: 0.0, "min_samples_split": lambda _: 2,
    "min_split_gain": lambda _: 0.0, "min_impurity_decrease": lambda _: 0.0, "lambda_l2": lambda _: 0.0, "lambda_l1": lambda _: 0.0,
}  # fmt: skip
# The score that looser knobs must win back, and rows on which this is tried.
LOOSER_GAIN_MIN = 0.1
ROWS_MAX = 20_000
# Training score above validation score, for anything but bagged trees.
GAP_MIN = 0.2
TRAIN_SCORE_MIN = 0.9


def check(
    estimator: Any, X: Any, y: Any = None, X_val: Any = None, y_val: Any = None, *,  # noqa: N803 - scikit-learn's names
    sample_weight: Any = None, run_id: str | None = None,
) -> Session:  # fmt: skip
    """Look at an estimator and its data; the result has `findings`, `report()` and `record()`.

    `estimator`: of scikit-learn (or its pipelines), XGBoost, LightGBM, CatBoost, also a raw Booster. `sample_weight` as
    given to `fit`. Raises what `fit` raises when the estimator is not fitted and cannot be.
    """
    session = Session(_framework(estimator), run_id=run_id)
    recording = session.recording
    look_at_data(recording, (X, y) if X_val is None else (X, y, X_val, y_val))
    facts = recording.facts
    final = _final(estimator)
    name = type(final).__name__
    facts.update(
        order_free=True,
        scale_free=_scale_free(estimator, final),
        classification=bool(_is(is_classifier, final)),
        regression=_is(is_regressor, final)
        and name in TARGET_SCALE_MATTERS
        and type(estimator).__name__ != "TransformedTargetRegressor",
        weighted=sample_weight is not None or _weighted(final),
    )
    if name not in TARGET_SCALE_MATTERS and not facts["classification"]:
        recording.loss_facts.kind = "unknown"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _look(recording, estimator, final, X, y, X_val, y_val)
    except ValueError as error:
        if "NaN" not in str(error) and "infinity" not in str(error):
            raise
        facts["nan_refused"] = True
        recording.counts["input_not_finite"] += 1
    session.close()
    return session


def _look(recording: Recording, estimator: Any, final: Any, x: Any, y: Any, xv: Any, yv: Any) -> None:
    if not isinstance(estimator, BaseEstimator) and not hasattr(estimator, "get_params"):
        look_at_booster(recording, estimator)  # a raw Booster
        return
    if y is None:
        return
    model = estimator if _fitted(estimator) else clone(estimator).fit(x, y)
    fitted = _final(model)
    train = float(model.score(x, y))
    if xv is not None and yv is not None:
        valid = float(model.score(xv, yv))
    elif len(y) <= ROWS_MAX:
        valid = float(np.mean(cross_val_score(clone(estimator), x, y, cv=3)))
    else:
        return
    facts = recording.facts
    chance = _chance(recording, yv if yv is not None else y)
    facts["valid_score_known"] = True
    facts["valid_score_above_chance"] = valid > chance + 0.05
    facts["scores"] = {"train_score": train, "validation_score": valid, "chance": chance}
    recording.evaluation(accuracy=valid if facts["classification"] else None, loss=None)
    _trees(recording, fitted, len(y), train - valid)
    name = type(final).__name__
    if train - valid > GAP_MIN and train > TRAIN_SCORE_MIN and name not in BAGGED:
        facts["overfit"] = {"train_score": train, "validation_score": valid}
    if train - chance < 0.5 * (1 - chance) and len(y) <= ROWS_MAX:
        _loosen(recording, estimator, x, y, xv, yv, valid)


def _trees(recording: Recording, fitted: Any, rows: int, gap: float) -> None:
    """What the trees look like, when there are any."""
    name, facts = type(fitted).__name__, recording.facts
    base = {"rows": rows, "gap": gap, "bagged": name in BAGGED}
    if type(fitted).__module__.split(".")[0] in BOOSTERS:
        booster = getattr(fitted, "booster_", None) or (
            fitted.get_booster() if hasattr(fitted, "get_booster") else fitted
        )
        facts["trees"] = {**base, "single": False}
        _evaluations(recording, fitted)
        look_at_booster(recording, booster)
    elif name in SINGLE_TREES:
        facts["trees"] = {
            **base,
            "single": True,
            "leaves": int(fitted.get_n_leaves()),
            "depth": int(fitted.get_depth()),
        }
        if fitted.get_n_leaves() <= 1:
            recording.boosting_round(Round(0, leaves=1))
            facts["rounds_wanted"] = 3
    elif hasattr(fitted, "_predictors"):  # histogram gradient boosting
        leaves = [float(np.mean([tree.get_n_leaf_nodes() for tree in round_])) for round_ in fitted._predictors]
        _rounds(recording, leaves, base)
    elif hasattr(fitted, "estimators_") and name.startswith("GradientBoosting"):
        leaves = [
            float(np.mean([tree.get_n_leaves() for tree in np.atleast_1d(round_)])) for round_ in fitted.estimators_
        ]
        _rounds(recording, leaves, base)
    elif name in BAGGED and hasattr(fitted, "estimators_"):
        leaves = [float(tree.get_n_leaves()) for tree in fitted.estimators_ if hasattr(tree, "get_n_leaves")]
        if leaves and max(leaves) <= 1:
            _rounds(recording, leaves, base)


def _rounds(recording: Recording, leaves: list[float], base: dict[str, Any]) -> None:
    for number, count in enumerate(leaves):
        recording.boosting_round(Round(number, leaves=count))
    if leaves:
        recording.facts["trees"] = {**base, "single": False, "leaves": float(np.median(leaves)), "rounds": len(leaves)}


def _evaluations(recording: Recording, fitted: Any) -> None:
    """Curves that the booster kept of its evaluation sets."""
    results = getattr(fitted, "evals_result_", None)
    if callable(results):
        results = results()
    if not results or recording.rounds:
        return
    curves = [next(iter(metrics.values())) for metrics in results.values()]
    train = curves[0] if len(curves) > 1 else None
    valid = curves[-1]
    for number in range(len(valid)):
        recording.boosting_round(Round(number, train[number] if train else None, valid[number]))


def _loosen(recording: Recording, estimator: Any, x: Any, y: Any, xv: Any, yv: Any, valid: float) -> None:
    """Does the same estimator with looser regularisation do better?"""
    parameters = estimator.get_params(deep=True)
    changed = {}
    for key, value in parameters.items():
        knob = LOOSER.get(key.rsplit("__", 1)[-1])
        if knob is None or value is None or isinstance(value, str | bool):
            continue
        looser = knob(value)
        if looser != value:
            changed[key] = looser
    if not changed:
        return
    other = clone(estimator).set_params(**changed)
    if xv is not None and yv is not None:
        score = float(other.fit(x, y).score(xv, yv))
    else:
        score = float(np.mean(cross_val_score(other, x, y, cv=3)))
    if score - valid > LOOSER_GAIN_MIN:
        shown = {key: parameters[key] for key in changed}
        recording.facts["over_regularised"] = {
            "validation_score": valid,
            "with_looser_settings": score,
            "settings": str(shown),
        }


def _final(estimator: Any) -> Any:
    """The estimator at the end of pipelines, searches and target transformers."""
    for _ in range(8):  # nobody nests deeper
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif type(estimator).__name__ == "TransformedTargetRegressor":
            estimator = getattr(estimator, "regressor_", estimator.regressor)
        else:
            break
    return estimator


def _scale_free(estimator: Any, final: Any) -> bool:
    if type(final).__name__ not in SCALE_MATTERS:
        return True
    steps = [type(step).__name__ for _, step in estimator.steps] if isinstance(estimator, Pipeline) else []
    inner = getattr(estimator, "best_estimator_", None) or getattr(estimator, "regressor", None)
    if inner is not None and inner is not final:
        return _scale_free(inner, final)
    return any(step in SCALERS for step in steps)


def _weighted(final: Any) -> bool:
    parameters = final.get_params() if hasattr(final, "get_params") else {}
    weight = parameters.get("scale_pos_weight")
    return bool(
        parameters.get("class_weight") or parameters.get("is_unbalance") or parameters.get("auto_class_weights")
        or parameters.get("class_weights") or (weight not in (None, 1, 1.0))
    )  # fmt: skip


def _chance(recording: Recording, y: Any) -> float:
    if not recording.facts["classification"]:
        return 0.0
    values = rows_of(y)
    _, counts = np.unique(values.astype(str), return_counts=True)
    return float(counts.max() / counts.sum())


def _fitted(estimator: Any) -> bool:
    if type(estimator).__module__.startswith("catboost"):
        return bool(estimator.is_fitted())
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def _is(question: Any, estimator: Any) -> bool:
    try:
        return bool(question(estimator))
    except (AttributeError, TypeError):
        return (
            "Classifier" in type(estimator).__name__
            if question is is_classifier
            else "Regressor" in type(estimator).__name__
        )


def _framework(estimator: Any) -> str:
    module = type(_final(estimator)).__module__.split(".")[0]
    return module if module in BOOSTERS else "sklearn"
