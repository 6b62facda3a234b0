"""What goes wrong, in Kinesis' words: one table from gureum's errors to `__type` and HTTP status.

Called by `app` for every failed request and by `put_records` for every failed record.
"""

from __future__ import annotations

from gureum.errors import (
    Conflict,
    CorruptData,
    GureumError,
    InternalError,
    InvalidInput,
    LimitExceeded,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    Unavailable,
)

__all__ = ["BY_CLASS", "BY_CODE", "KinesisError", "kinesis_type", "translate"]


class KinesisError(Exception):
    """An error as a Kinesis client knows it."""

    def __init__(self, type_: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.type = type_
        self.message = message
        self.status = status


# Clients retry on status 500 and 503 and on the throughput error, and on nothing else that is here.
BY_CLASS: dict[type[GureumError], tuple[str, int]] = {
    InvalidInput: ("InvalidArgumentException", 400),
    NotAuthenticated: ("UnrecognizedClientException", 400),
    PermissionDenied: ("AccessDeniedException", 400),
    NotFound: ("ResourceNotFoundException", 400),
    Conflict: ("ResourceInUseException", 400),
    LimitExceeded: ("LimitExceededException", 400),
    Unavailable: ("ServiceUnavailable", 503),
    CorruptData: ("InternalFailure", 500),
    InternalError: ("InternalFailure", 500),
}

# Where the code says more than the class.
BY_CODE: dict[str, tuple[str, int]] = {
    "stream.throughput": ("ProvisionedThroughputExceededException", 400),
}


def kinesis_type(error: GureumError) -> tuple[str, int]:
    """The `__type` and the HTTP status of an error."""
    found = BY_CODE.get(error.code)
    if found is not None:
        return found
    for cls in type(error).__mro__:
        if cls in BY_CLASS:
            return BY_CLASS[cls]
    return BY_CLASS[InternalError]


def translate(error: GureumError) -> KinesisError:
    type_, status = kinesis_type(error)
    return KinesisError(type_, str(error), status=status)
