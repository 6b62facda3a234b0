"""`debugger.check` on estimators of scikit-learn."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from gureum import debugger
from gureum.errors import InvalidInput

pytestmark = pytest.mark.conformance

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 6))
Y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * RNG.normal(size=600) > 0).astype(int)


def found(estimator, x=X, y=Y, **options):
    session = debugger.check(estimator, x[:450], y[:450], options.get("x_val", x[450:]), options.get("y_val", y[450:]))
    assert session.verdict.troubles == ()
    return [one.rule for one in session.findings]


@pytest.mark.parametrize("estimator", [
    LogisticRegression(), RandomForestClassifier(30, random_state=0), DecisionTreeClassifier(max_depth=3),
    make_pipeline(StandardScaler(), SVC()), HistGradientBoostingClassifier(max_iter=20),
], ids=lambda one: type(one).__name__)  # fmt: skip
def test_healthy_estimators_are_not_flagged(estimator):
    assert found(estimator) == []


def test_a_tree_that_grows_to_single_rows():
    assert found(DecisionTreeClassifier(random_state=0)) == ["too_deep_tree"]


def test_a_penalty_that_lets_nothing_through():
    assert found(LogisticRegression(C=1e-6)) == ["over_regularised"]
    assert found(Ridge(alpha=1e7), y=X[:, 0] * 2 + X[:, 1]) == ["over_regularised"]


def test_distances_in_raw_units_and_in_a_pipeline_that_scales():
    assert found(SVC(), x=X * 100) == ["unnormalised_input"]
    assert found(make_pipeline(StandardScaler(), SVC()), x=X * 100) == []


def test_validation_rows_that_were_trained_on():
    assert found(RandomForestClassifier(20), x_val=X[:100], y_val=Y[:100]) == ["train_val_leakage"]


def test_nan_is_told_where_it_is_refused_and_not_where_it_is_handled():
    x = X.copy()
    x[3, 2] = np.nan
    assert found(LogisticRegression(), x=x) == ["nan_input"]
    assert found(HistGradientBoostingClassifier(max_iter=20), x=x) == []


def test_the_estimator_is_not_fitted_for_you():
    estimator = LogisticRegression()
    found(estimator)
    assert not hasattr(estimator, "coef_")


def test_permutation_importance_puts_the_cause_first():
    model = RandomForestClassifier(30, random_state=0).fit(X, Y)
    importance = debugger.explain.permutation_importance(model, X, Y)
    assert importance["feature"][0] == "feature 0"
    assert set(importance["feature"][:3]) == {"feature 0", "feature 1", "feature 2"}


def test_a_model_without_shap_values_says_what_it_has():
    with pytest.raises(InvalidInput, match="permutation_importance"):
        debugger.explain.shap_values(LogisticRegression(), X)
