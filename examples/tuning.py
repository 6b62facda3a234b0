"""Tune a LightGBM model on scikit-learn's breast cancer data, without a server: `python examples/tuning.py [FOLDER]`."""

import sys
import tempfile
from typing import Any

import lightgbm
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold

import gureum.tuning
from gureum.tuning import Trial, choice, float_range, int_range, log_float

X, y = load_breast_cancer(return_X_y=True)


def objective(params: dict[str, Any], trial: Trial) -> float:
    """Mean log loss over three folds; after each one, a trial that does not promise much is ended."""
    losses = []
    folds = StratifiedKFold(3, shuffle=True, random_state=0).split(X, y)
    for fold, (train, test) in enumerate(folds, start=1):
        model = lightgbm.LGBMClassifier(n_estimators=30, verbose=-1, n_jobs=1, **params)
        model.fit(X[train], y[train], eval_X=X[test], eval_y=y[test])
        losses.append(model.best_score_["valid_0"]["binary_logloss"])
        trial.report(fold, sum(losses) / fold)
    return sum(losses) / len(losses)


space = {
    "learning_rate": log_float(0.01, 0.5),
    "num_leaves": int_range(4, 64),
    # A space of its own for an option: bagging has a fraction only where there is bagging.
    "boosting_type": choice(
        {"gbdt": {"subsample": float_range(0.5, 1.0)}, "dart": {"drop_rate": float_range(0.05, 0.5)}}
    ),
}

folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
result = gureum.tuning.tune(
    objective, space, budget=20, n_jobs=2, early_stopping="median", seed=1, name="cancer", resume=True, folder=folder
)

print(f"{len(result.trials)} trials, ended by {result.ended}")
print(f"best log loss {result.best_value:.3f} with {result.best_params}")
for name, share in result.importance().items():
    print(f"  {name}: {share:.0%}")
