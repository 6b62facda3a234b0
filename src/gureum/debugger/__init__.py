"""The training debugger: watch a training, and be told what is wrong with it, why, and what to do.

    from gureum import debugger
    with debugger.watch(model, optimizer=optimizer, loss=loss_fn) as watch:   # PyTorch
        ...                                                                   # the loop as it is
    print(watch.report())

    callback = debugger.keras_callback()                                      # model.fit(..., callbacks=[callback])
    callback = debugger.lightgbm_callback(data=(X, y))                        # lightgbm.train(..., callbacks=[callback])
    callback = debugger.xgboost_callback(data=(X, y))                         # xgboost.train(..., callbacks=[callback])
    debugger.check(estimator, X, y, X_val, y_val).findings                    # scikit-learn, and boosters in its dress

Light to import: a framework is loaded by what watches it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gureum.debugger.finding import Finding
from gureum.debugger.session import Session

if TYPE_CHECKING:
    from gureum.debugger import explain
    from gureum.debugger.boosters import LightGBMCallback
    from gureum.debugger.keras import KerasCallback
    from gureum.debugger.pytorch.watch import TorchWatch

__all__ = [
    "Finding",
    "Session",
    "check",
    "explain",
    "keras_callback",
    "lightgbm_callback",
    "record",
    "watch",
    "xgboost_callback",
]


def watch(
    model: Any,
    *,
    optimizer: Any = None,
    loss: Any = None,
    data: Any = None,
    run_id: str | None = None,
    on_finding: Callable[[Finding], None] | None = None,
) -> TorchWatch:
    """Watch a PyTorch training loop: `with debugger.watch(model, optimizer=optimizer, loss=loss_fn) as watch:`.

    `model` is a module or several. Everything else is seen by hooks, and may be given to be seen for sure: `optimizer`
    (one or several), `loss` (the loss module or function), `data` (a DataLoader, a Dataset, or arrays `(X, y)` or
    `(X, y, X_val, y_val)`). `run_id` is the MLflow run to log to at exit; without it, the active one. `on_finding` is called
    while the training runs, at each evaluation and epoch, once for each new finding.
    """
    from gureum.debugger.pytorch.watch import TorchWatch  # torch takes seconds to import

    return TorchWatch(model, optimizer=optimizer, loss=loss, data=data, run_id=run_id, on_finding=on_finding)


def keras_callback(*, data: Any = None, run_id: str | None = None) -> KerasCallback:
    """A callback for `model.fit`; `data` as for `watch`, where the backend hides batches."""
    from gureum.debugger.keras import KerasCallback  # keras takes seconds to import

    return KerasCallback(data=data, run_id=run_id)


def lightgbm_callback(*, data: Any = None, run_id: str | None = None) -> LightGBMCallback:
    """A callback for `lightgbm.train` and `LGBMModel.fit`; give `data=(X, y[, X_val, y_val])` for the rules about data."""
    from gureum.debugger.boosters import lightgbm_callback as make

    return make(data=data, run_id=run_id)


def xgboost_callback(*, data: Any = None, run_id: str | None = None) -> Any:
    """A callback for `xgboost.train` and `XGBModel(callbacks=...)`; give `data=(X, y[, X_val, y_val])` for the rules about data."""
    from gureum.debugger.boosters import xgboost_callback as make

    return make(data=data, run_id=run_id)


def check(
    estimator: Any, X: Any, y: Any = None, X_val: Any = None, y_val: Any = None, *,  # noqa: N803 - scikit-learn's names
    sample_weight: Any = None, run_id: str | None = None,
) -> Session:  # fmt: skip
    """Look at a scikit-learn estimator (or a booster) and its data; see `gureum.debugger.estimators.check`."""
    from gureum.debugger.estimators import check as look  # scikit-learn takes a second to import

    return look(estimator, X, y, X_val, y_val, sample_weight=sample_weight, run_id=run_id)


def record(*, run_id: str | None = None) -> Session:
    """A watch for a loop that no adapter knows: tell it `batch`, `loss`, `step`, `evaluation` and `epoch` yourself."""
    return Session(run_id=run_id)


def __getattr__(name: str) -> Any:
    if name == "explain":
        import importlib  # pandas and NumPy are for those who explain

        return importlib.import_module("gureum.debugger.explain")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
