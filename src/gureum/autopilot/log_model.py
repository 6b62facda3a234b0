"""The model in MLflow: with signature and input example, in the active run or in the fit's own.

Called by the result. The model is logged as scikit-learn flavour; it loads where gureum is not installed.
"""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from gureum.autopilot.model import Model

__all__ = ["log_model"]

LIBRARIES = ("numpy", "pandas", "scikit-learn", "lightgbm", "xgboost-cpu", "xgboost", "catboost", "cloudpickle")


def log_model(model: Model, example: pd.DataFrame, run_id: str | None, name: str, options: dict[str, Any]) -> Any:
    """MLflow's ModelInfo. `options` are of `mlflow.sklearn.log_model`."""
    import mlflow  # takes seconds to import
    from mlflow.models import infer_signature
    from mlflow.types import ColSpec, DataType, Schema

    example = example.copy()
    for column in example:
        if isinstance(example[column].dtype, pd.DatetimeTZDtype):  # MLflow's schemas know no zones
            example[column] = example[column].dt.tz_convert("UTC").dt.tz_localize(None)
    signature = infer_signature(example, model.predict(example))
    # Five rows show neither which columns may have gaps nor that whole numbers may.
    whole = {DataType.integer, DataType.long}
    signature.inputs = Schema([
        ColSpec(DataType.double if one.type in whole else one.type, one.name, required=False) for one in signature.inputs.inputs
    ])  # fmt: skip
    numbers = [one.name for one in signature.inputs.inputs if one.type == DataType.double]
    example = example.astype(dict.fromkeys(numbers, "float64"))
    given: dict[str, Any] = {
        "signature": signature, "input_example": example, "serialization_format": "cloudpickle",
        # MLflow would load the model in a process of its own to see what it imports, for as long as a small fit takes.
        "pip_requirements": _requirements(),
    }  # fmt: skip
    run = mlflow.start_run(run_id=run_id) if mlflow.active_run() is None else contextlib.nullcontext()
    with run:
        return mlflow.sklearn.log_model(model, name=name, **(given | options))


def _requirements() -> list[str]:
    """The libraries that a model may need, as they are here."""
    found = []
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name}=={version(name)}")
    return found
