"""A model that unpickles where gureum is not installed.

Imported by the package for its effect on `pickle` and `copy`. The classes of a model are pickled by value, by the cloudpickle
that joblib (and so scikit-learn) requires; reading one back needs that, and the libraries of its members.
"""

from __future__ import annotations

import copyreg
import importlib
import threading
from typing import Any

import cloudpickle

from gureum.autopilot.handover import FAMILY_MODULES
from gureum.autopilot.model import Model

__all__ = ["reduce_model"]

_MODULES = sorted({
    "gureum.learners.columns", "gureum.learners.features", "gureum.learners.learner", "gureum.learners.space",
    "gureum.autopilot.folds", "gureum.autopilot.model", *(module for modules, _ in FAMILY_MODULES.values() for module in modules),
})  # fmt: skip

_inside = threading.local()
_lock = threading.Lock()


def reduce_model(model: Model) -> Any:
    """As `copyreg` wants it: the function to call, and its argument."""
    if getattr(_inside, "value", False):
        return object.__reduce_ex__(model, 2)
    modules = [importlib.import_module(name) for name in _MODULES]
    with _lock:  # the registry of cloudpickle is the process's
        _inside.value = True
        try:
            for module in modules:
                cloudpickle.register_pickle_by_value(module)
            content = cloudpickle.dumps(model)
        finally:
            for module in modules:
                cloudpickle.unregister_pickle_by_value(module)
            _inside.value = False
    return cloudpickle.loads, (content,)


copyreg.pickle(Model, reduce_model)
