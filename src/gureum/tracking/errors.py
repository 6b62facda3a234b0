"""Our errors in MLflow's words: the one table from the error tree to its `error_code`.

Called by `guard.py` and `hosted.py`; `tests/test_errors.py` walks it.
"""

from __future__ import annotations

from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2

from gureum import errors

__all__ = ["ERROR_CODES", "to_mlflow"]

ERROR_CODES: dict[type[errors.GureumError], str] = {
    errors.InvalidInput: "INVALID_PARAMETER_VALUE",
    errors.NotAuthenticated: "UNAUTHENTICATED",
    errors.PermissionDenied: "PERMISSION_DENIED",
    errors.NotFound: "RESOURCE_DOES_NOT_EXIST",
    errors.Conflict: "RESOURCE_ALREADY_EXISTS",
    errors.LimitExceeded: "RESOURCE_LIMIT_EXCEEDED",
    errors.Unavailable: "TEMPORARILY_UNAVAILABLE",
    errors.CorruptData: "DATA_LOSS",
    errors.InternalError: "INTERNAL_ERROR",
}


def to_mlflow(error: errors.GureumError) -> MlflowException:
    """The exception that MLflow's handlers turn into an answer which its clients understand."""
    name = ERROR_CODES[type(error)]
    return MlflowException(str(error), error_code=databricks_pb2.ErrorCode.Value(name))
