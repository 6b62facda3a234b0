"""A model's files as something that predicts: by the library's own predict where that gives the same, else by MLflow's pyfunc.

Called by the worker, which is the only process that may load a model: a pickle runs whatever its author wrote. MLflow takes
seconds and 250 MB and checks each request with pandas, so `examine` compares once, on the input example that was logged
with the model, and the plan says which way is taken. Without an example it is always pyfunc.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gureum.errors import InvalidInput
from gureum.serving.bodies import Asked
from gureum.serving.signature import SQL_TYPES, Rows, Signature, stored_name

__all__ = ["Model", "Plan", "examine", "load", "plain"]

# Relative; boosters add 32-bit numbers in another order when they get another batch.
SAME_WITHIN = 1e-6

EXAMPLE_ROWS_MAX = 100


@dataclass(frozen=True)
class Plan:
    """How a model is run. `way`: 'matrix', 'tensor' or 'frame' (the library itself, on numpy or pandas), or 'pyfunc'."""

    way: str
    flavor: str
    why: str
    prediction: str
    signature: list[dict[str, Any]]
    columns: list[dict[str, str]]

    def to_json(self) -> dict[str, Any]:
        return dict(self.__dict__)


@dataclass
class Model:
    """A loaded model."""

    signature: Signature
    predict: Callable[[Asked], Any]
    example: Asked | None


def load(folder: Path, way: str) -> Model:
    """Load a model from its own folder. Raises whatever its library raises."""
    mlmodel = _mlmodel(folder)
    signature = Signature.of_mlmodel(mlmodel)
    predict = _pyfunc(folder, signature) if way == "pyfunc" else _native(folder, mlmodel, way)
    return Model(signature, predict, _example(folder, mlmodel, signature))


def examine(folder: Path) -> Plan:
    """Load a new model every way there is and choose the quickest that gives what MLflow gives."""
    mlmodel = _mlmodel(folder)
    signature = Signature.of_mlmodel(mlmodel)
    example = _example(folder, mlmodel, signature)
    flavor = next((name for name in mlmodel["flavors"] if name != "python_function"), "python_function")
    if mlmodel["flavors"][flavor].get("serialization_format") == "skops":
        _skops()
    reference = _pyfunc(folder, signature)
    if example is None:
        return _plan("pyfunc", flavor, "it was logged without an input example", signature, None)
    wanted = plain(reference(example))
    why = "its library gives something else than MLflow"
    ways = ("tensor",) if signature.tensor else ("matrix", "frame") if signature.numeric else ("frame",)
    for way in ways:
        if flavor not in _NATIVE or not (signature.inputs or signature.tensor) or example.params:
            why = f"gureum knows no shorter way for {flavor}"
            break
        try:
            given = plain(_native(folder, mlmodel, way)(example))
        except Exception as error:  # a stranger's library: whatever it raises, the long way is there
            why = f"{type(error).__name__}: {error}"[:300]
            continue
        if _same(given, wanted):
            return _plan(way, flavor, "it gives what MLflow gives on the input example", signature, wanted)
    return _plan("pyfunc", flavor, why, signature, wanted)


def _plan(way: str, flavor: str, why: str, signature: Signature, predictions: Sequence[Any] | None) -> Plan:
    columns = [{"name": stored_name(one.name), "type": SQL_TYPES.get(one.type, "STRING")} for one in signature.inputs]
    prediction = "STRING"
    if predictions and all(isinstance(one, int | float) for one in predictions):
        prediction = "DOUBLE"
    return Plan(way, flavor, why, prediction, signature.to_json(), columns)


def _same(given: Sequence[Any], wanted: Sequence[Any]) -> bool:
    if len(given) != len(wanted):
        return False
    try:
        return bool(np.allclose(np.array(given, float), np.array(wanted, float), rtol=SAME_WITHIN, equal_nan=True))
    except (ValueError, TypeError):
        return list(given) == list(wanted)


def plain(predictions: Any) -> list[Any]:
    """What a model returned, as one plain value a row: a number, a text, a list or a dict."""
    if hasattr(predictions, "to_dict") and hasattr(predictions, "columns"):  # a DataFrame
        rows: list[Any] = predictions.to_dict("records")
        return [next(iter(row.values())) for row in rows] if len(predictions.columns) == 1 else rows
    if hasattr(predictions, "tolist"):
        made = predictions.tolist()
        if isinstance(made, list):
            # CatBoost gives classes as a column.
            column = getattr(predictions, "ndim", 1) == 2 and predictions.shape[1] == 1
            return [one[0] for one in made] if column else made
        return [made]
    if isinstance(predictions, dict):
        names = list(predictions)
        columns = [plain(predictions[name]) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return list(predictions)


# --- files -----------------------------------------------------------------------------------------------------------


def _mlmodel(folder: Path) -> dict[str, Any]:
    import yaml

    try:
        body = yaml.safe_load((folder / "MLmodel").read_text("utf-8"))
        if not isinstance(body["flavors"], dict):
            raise TypeError
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError):
        raise InvalidInput("the model has no MLmodel file that can be read", code="model.damaged") from None
    assert isinstance(body, dict)
    return body


def _example(folder: Path, mlmodel: dict[str, Any], signature: Signature) -> Asked | None:
    """The input example that was logged with the model, as an endpoint would be asked it."""
    from gureum.serving.bodies import asked

    info = mlmodel.get("saved_input_example_info") or {}
    path = folder / str(info.get("serving_input_path") or "serving_input_example.json")
    try:
        path.resolve().relative_to(folder.resolve())
        body = path.read_bytes()
        found = asked("application/json", body, signature)
        if found.tensor is None:
            found.rows = signature.enforced(found.rows)
    except (OSError, ValueError, InvalidInput):
        return None
    return found if found.rows.count <= EXAMPLE_ROWS_MAX else None


def _inside(folder: Path, name: str) -> Path:
    """A file that MLmodel names: of the model's own folder, whatever it says."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InvalidInput(f"MLmodel names a file outside of the model: {name!r}", code="model.damaged")
    return path


# --- ways to predict -------------------------------------------------------------------------------------------------


def frame_of(rows: Rows) -> Any:
    """The rows as pandas has them."""
    import pandas as pd

    if not rows.columns and rows.matrix is not None:
        names = rows.names if rows.names is not None else list(range(rows.matrix.shape[1]))
        return pd.DataFrame(rows.matrix, columns=names)
    names = rows.names if rows.names is not None else list(range(len(rows.columns)))
    return pd.DataFrame(dict(zip(names, rows.columns, strict=True)))


def _pyfunc(folder: Path, signature: Signature) -> Callable[[Asked], Any]:
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(folder))

    def predict(given: Asked) -> Any:
        data = given.tensor
        if data is None:
            data = frame_of(_typed(given.rows, signature))
        return model.predict(data, params=given.params) if given.params else model.predict(data)

    return predict


def _typed(rows: Rows, signature: Signature) -> Rows:
    """A matrix as columns of the signature's own types: MLflow refuses 3.0 for a whole number."""
    if rows.matrix is None or rows.columns or not signature.inputs:
        return rows
    return signature.enforced(Rows([one.name for one in signature.inputs], list(rows.matrix.T), rows.count))


def _native(folder: Path, mlmodel: dict[str, Any], way: str) -> Callable[[Asked], Any]:
    flavor = next(name for name in mlmodel["flavors"] if name in _NATIVE)
    predict = _NATIVE[flavor](folder, mlmodel["flavors"][flavor])
    signature = Signature.of_mlmodel(mlmodel)
    if way == "tensor":
        return lambda given: predict(given.tensor)
    if way == "matrix":
        return lambda given: predict(given.rows.matrix)
    return lambda given: predict(frame_of(_typed(given.rows, signature)))


def _lightgbm(folder: Path, flavor: dict[str, Any]) -> Callable[[Any], Any]:
    import lightgbm

    path = _inside(folder, flavor["data"])
    if str(flavor.get("model_class", "")).endswith(".Booster"):
        booster = lightgbm.Booster(model_file=str(path))
        return lambda data: booster.predict(data)
    return _unpickled(path, flavor).predict  # type: ignore[no-any-return]  # a stranger's object


def _xgboost(folder: Path, flavor: dict[str, Any]) -> Callable[[Any], Any]:
    import xgboost

    name = str(flavor.get("model_class", "xgboost.core.Booster")).rpartition(".")[2]
    model = getattr(xgboost, name)()
    model.load_model(str(_inside(folder, flavor["data"])))
    if name == "Booster":
        return lambda data: model.inplace_predict(data)
    return model.predict  # type: ignore[no-any-return]  # as above


def _catboost(folder: Path, flavor: dict[str, Any]) -> Callable[[Any], Any]:
    catboost = importlib.import_module("catboost")
    model = getattr(catboost, str(flavor["model_type"]))()
    model.load_model(str(_inside(folder, flavor["data"])), format=flavor.get("save_format", "cbm"))
    return model.predict  # type: ignore[no-any-return]  # as above


def _sklearn(folder: Path, flavor: dict[str, Any]) -> Callable[[Any], Any]:
    return _unpickled(_inside(folder, flavor["pickled_model"]), flavor).predict  # type: ignore[no-any-return]  # as above


def _unpickled(path: Path, flavor: dict[str, Any]) -> Any:
    """Runs what the pickle says: this is the worker, which may do little."""
    kind = flavor.get("serialization_format")
    if kind == "skops":
        return _skops().load(path, trusted=flavor.get("skops_trusted_types") or [])
    library = importlib.import_module("cloudpickle" if kind == "cloudpickle" else "pickle")
    with path.open("rb") as file:
        return library.load(file)


def _skops() -> Any:
    """skops.io, whose import looks at every module of scikit-learn and thereby loads PyTorch where it is installed: ten seconds
    and 600 MB for nothing.
    """
    # What would load it; as Python says that there is no such module.
    sys.modules.setdefault(_LOADS_TORCH, None)  # type: ignore[arg-type]  # None is how it is said
    try:
        return importlib.import_module("skops.io")
    finally:
        if sys.modules[_LOADS_TORCH] is None:
            del sys.modules[_LOADS_TORCH]


_LOADS_TORCH = "sklearn.externals.array_api_compat.torch"

_NATIVE: dict[str, Callable[[Path, dict[str, Any]], Callable[[Any], Any]]] = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
    "sklearn": _sklearn,
}


def read_plan(path: Path) -> Plan:
    return Plan(**json.loads(path.read_text()))
