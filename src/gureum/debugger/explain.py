"""Which features a model goes by: permutation importance, boosters' own SHAP values, integrated gradients.

Called by people, as `debugger.explain`. Each function gives a pandas DataFrame. Promise: the model is not changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from gureum.errors import InvalidInput

__all__ = ["integrated_gradients", "permutation_importance", "shap_values"]

# Rows that are permuted: the mean of more changes nothing that one would see.
ROWS_MAX = 5_000
# Steps of the path integral; more changes attributions by less than a per cent for common networks.
STEPS = 64


def permutation_importance(
    model: Any, X: Any, y: Any, *,  # noqa: N803 - scikit-learn's name
    score: Callable[[Any, Any, Any], float] | None = None, repeats: int = 5, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """How much the score falls when one column is shuffled: columns feature, importance, std; the most important first.

    `score(model, X, y)` is better when higher; without it, `model.score`. At most ROWS_MAX rows are used.
    """
    if score is None and not hasattr(model, "score"):
        raise InvalidInput(
            "the model has no score()", code="debugger.no_score", hint="pass score=, a function of (model, X, y)"
        )
    measure = score or (lambda m, a, b: float(m.score(a, b)))
    rng = np.random.default_rng(seed)
    count = len(X)
    keep = rng.permutation(count)[:ROWS_MAX]
    frame = isinstance(X, pd.DataFrame)
    x = X.iloc[keep].copy() if frame else np.array(np.asarray(X)[keep])
    target = y.iloc[keep] if hasattr(y, "iloc") else np.asarray(y)[keep]
    names = list(X.columns) if frame else _names(X)
    full = measure(model, x, target)
    rows = []
    for index, name in enumerate(names):
        column = x[name].copy() if frame else x[:, index].copy()
        drops = []
        for _ in range(repeats):
            order = rng.permutation(len(keep))
            if frame:
                x[name] = np.asarray(column)[order]
            else:
                x[:, index] = column[order]
            drops.append(full - measure(model, x, target))
        if frame:
            x[name] = column
        else:
            x[:, index] = column
        rows.append({"feature": str(name), "importance": float(np.mean(drops)), "std": float(np.std(drops))})
    return pd.DataFrame(rows).sort_values("importance", ascending=False, ignore_index=True)


def shap_values(model: Any, X: Any) -> pd.DataFrame:  # noqa: N803
    """A booster's own SHAP values: one row for each row of X, one column a feature, and `bias`; they add up to the raw score.

    For LightGBM, XGBoost and CatBoost, as Booster or in scikit-learn's dress. With several classes the columns are
    `class: feature`. InvalidInput for other models: they have `permutation_importance`.
    """
    kind = type(model).__module__.split(".")[0]
    names = [str(name) for name in X.columns] if hasattr(X, "columns") else _names(X)
    if kind == "lightgbm":
        booster = getattr(model, "booster_", None) or model
        values = np.asarray(booster.predict(X, pred_contrib=True))
        return _frame(values.reshape(len(values), -1, len(names) + 1), names)
    if kind == "xgboost":
        import xgboost  # an extra: the model is of it, so it is here

        booster = model.get_booster() if hasattr(model, "get_booster") else model
        matrix = X if isinstance(X, xgboost.DMatrix) else xgboost.DMatrix(X, feature_names=booster.feature_names)
        values = np.asarray(booster.predict(matrix, pred_contribs=True, strict_shape=True))
        return _frame(values, names)
    if kind == "catboost":
        import catboost  # an extra: the model is of it, so it is here

        pool = X if isinstance(X, catboost.Pool) else catboost.Pool(X, cat_features=model.get_cat_feature_indices())
        values = np.asarray(model.get_feature_importance(pool, type="ShapValues"))
        return _frame(values if values.ndim == 3 else values[:, None, :], names)
    raise InvalidInput(
        f"{type(model).__name__} has no SHAP values of its own", code="debugger.no_shap", hint="use permutation_importance",
    )  # fmt: skip


def integrated_gradients(
    model: Any,
    inputs: Any,
    *,
    target: int | None = None,
    baseline: Any = None,
    steps: int = STEPS,
    names: list[str] | None = None,
) -> pd.DataFrame:
    """Integrated gradients of a PyTorch model: one row for each input row, one column a (flattened) feature.

    `target` is the output's column (None: the only one, or the largest of each row); `baseline` the input that means
    nothing (zeros). A row's attributions add up to output(input) - output(baseline), within the integral's error.
    """
    import torch  # an extra: the model is of it, so it is here

    x = torch.as_tensor(inputs).detach()
    start = torch.zeros_like(x) if baseline is None else torch.as_tensor(baseline).detach().expand_as(x)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            out = model(x)
        picked = out.reshape(len(x), -1).argmax(1) if target is None else torch.full((len(x),), target)
        total = torch.zeros_like(x)
        for index in range(steps):
            point = (start + (x - start) * ((index + 0.5) / steps)).requires_grad_(True)
            chosen = model(point).reshape(len(x), -1).gather(1, picked[:, None]).sum()
            total += torch.autograd.grad(chosen, point)[0]
    finally:
        model.train(training)
    values = ((x - start) * total / steps).reshape(len(x), -1).cpu().numpy()
    return pd.DataFrame(values, columns=names or [f"feature {i}" for i in range(values.shape[1])])


def _names(x: Any) -> list[str]:
    width = x.num_col() if hasattr(x, "num_col") else np.shape(x)[1]
    return [f"feature {i}" for i in range(width)]


def _frame(values: Any, names: list[str]) -> pd.DataFrame:
    """(rows, outputs, features + 1) as a frame."""
    columns = [*names, "bias"]
    outputs = values.shape[1]
    if outputs == 1:
        return pd.DataFrame(values[:, 0, :], columns=columns)
    heads = [f"{output}: {name}" for output in range(outputs) for name in columns]
    return pd.DataFrame(values.reshape(len(values), -1), columns=heads)
