"""Hyperparameter tuning: search a space of parameters for the ones that make an objective best.

    import gureum
    from gureum.tuning import choice, int_range, log_float

    result = gureum.tune(train, {"lr": log_float(1e-5, 1e-1), "layers": int_range(1, 4)}, budget=50, n_jobs=4)
    result.best_params

A library over Optuna: no server is needed. Light to import, since each worker process imports it too: what needs Optuna is
loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gureum.tuning.budget import Budget
from gureum.tuning.space import choice, float_range, int_range, log_float, log_int
from gureum.tuning.worker import Trial

if TYPE_CHECKING:
    from gureum.tuning.result import TuningResult
    from gureum.tuning.search import load, tune

__all__ = [
    "Budget",
    "Trial",
    "TuningResult",
    "choice",
    "float_range",
    "int_range",
    "load",
    "log_float",
    "log_int",
    "tune",
]


def __getattr__(name: str) -> Any:
    """Load what needs Optuna (two thirds of a second) only when it is asked for."""
    if name in {"load", "tune"}:
        from gureum.tuning import search  # loads Optuna

        return getattr(search, name)
    if name == "TuningResult":
        from gureum.tuning.result import TuningResult  # loads Optuna and pandas

        return TuningResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
