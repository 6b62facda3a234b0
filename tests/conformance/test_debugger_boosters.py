"""XGBoost, LightGBM and CatBoost, with our callbacks and their own SHAP values."""

import numpy as np
import pytest

from gureum import debugger

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 6))
Y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * RNG.normal(size=600) > 0).astype(int)
TRAIN, VALID = (X[:450], Y[:450]), (X[450:], Y[450:])


def lightgbm(rounds=30, **parameters):
    lgb = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    callback = debugger.lightgbm_callback(data=(*TRAIN, *VALID))
    train = lgb.Dataset(*TRAIN)
    options = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 8, **parameters}
    model = lgb.train(
        options,
        train,
        rounds,
        valid_sets=[train, lgb.Dataset(*VALID)],
        valid_names=["train", "valid"],
        callbacks=[callback],
    )
    assert callback.troubles == []
    return model, [one.rule for one in callback.findings]


def xgboost(rounds=30, **parameters):
    xgb = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    callback = debugger.xgboost_callback(data=(*TRAIN, *VALID))
    train = xgb.DMatrix(*TRAIN)
    options = {"objective": "binary:logistic", "nthread": 1, "max_depth": 3, "eta": 0.1, **parameters}
    model = xgb.train(
        options,
        train,
        rounds,
        evals=[(train, "train"), (xgb.DMatrix(*VALID), "valid")],
        verbose_eval=False,
        callbacks=[callback],
    )
    assert callback.troubles == []
    return model, [one.rule for one in callback.findings]


@pytest.mark.parametrize("train", [lightgbm, xgboost])
def test_a_healthy_training_is_not_flagged(train):
    assert train()[1] == []


@pytest.mark.parametrize(("train", "options"), [(lightgbm, {"min_data_in_leaf": 400}), (xgboost, {"gamma": 1e5})])
def test_trees_that_do_not_split(train, options):
    assert train(**options)[1] == ["stalled_no_splits"]


@pytest.mark.parametrize(("train", "options"), [(lightgbm, {"lambda_l2": 1e5}), (xgboost, {"lambda": 1e5})])
def test_leaves_pressed_to_zero(train, options):
    assert train(**options)[1] == ["over_regularised"]


@pytest.mark.parametrize(("train", "options"), [(lightgbm, {"learning_rate": 20.0}), (xgboost, {"eta": 30.0})])
def test_a_rate_that_overshoots(train, options):
    assert train(**options)[1] == ["lr_too_high"]


@pytest.mark.parametrize("train", [lightgbm, xgboost])
def test_shap_values_add_up_to_the_raw_score(train):
    model, _ = train()
    found = debugger.explain.shap_values(model, X[:5])
    if train is lightgbm:
        raw = model.predict(X[:5], raw_score=True)
    else:
        raw = model.predict(pytest.importorskip("xgboost").DMatrix(X[:5]), output_margin=True)
    assert found.sum(axis=1).to_numpy() == pytest.approx(raw, abs=1e-4)
    assert list(found.columns)[-1] == "bias"


def test_catboost_is_checked_and_explained():
    catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")
    model = catboost.CatBoostClassifier(iterations=20, verbose=0, thread_count=1, allow_writing_files=False).fit(*TRAIN)
    assert debugger.check(model, *TRAIN, *VALID).findings == []
    raw = model.predict(X[:5], prediction_type="RawFormulaVal")
    assert debugger.explain.shap_values(model, X[:5]).sum(axis=1).to_numpy() == pytest.approx(raw, abs=1e-4)
