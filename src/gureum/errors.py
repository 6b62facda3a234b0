"""Every error that gureum raises on purpose, as one tree by what the caller can do about it.

    GureumError
    ├── InvalidInput        change what you sent
    ├── NotAuthenticated    say who you are
    ├── PermissionDenied    ask an owner for a grant
    ├── NotFound            check the name (near names are in the hint)
    ├── Conflict            look at what is there now, then decide
    ├── LimitExceeded       send less, or later
    ├── Unavailable         try again
    ├── CorruptData         restore; nothing was skipped
    └── InternalError       report it; our bug

Called by everything; knows nothing. Each gateway has one table from this tree to its own words (problem+json, Kinesis
`__type`, ...), and `tests/test_errors.py` walks them all.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "Conflict",
    "CorruptData",
    "GureumError",
    "InternalError",
    "InvalidInput",
    "LimitExceeded",
    "NotAuthenticated",
    "NotFound",
    "PermissionDenied",
    "Unavailable",
    "from_json",
]


class GureumError(Exception):
    """The root. `message` says what happened and names the thing; `hint` says what to do.

    `code` is stable and dotted (`stream.not_found`), for programs; `details` are plain JSON values, such as `line` and
    `column` of an SQL error.
    """

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def to_json(self) -> dict[str, Any]:
        """The error as every door sends it; `from_json` turns it back."""
        return {
            "error": type(self).__name__,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "details": self.details,
        }


class InvalidInput(GureumError):
    default_code = "input.invalid"


class NotAuthenticated(GureumError):
    default_code = "auth.required"


class PermissionDenied(GureumError):
    default_code = "auth.denied"


class NotFound(GureumError):
    default_code = "name.not_found"


class Conflict(GureumError):
    default_code = "state.conflict"


class LimitExceeded(GureumError):
    default_code = "limit.exceeded"


class Unavailable(GureumError):
    default_code = "service.unavailable"


class CorruptData(GureumError):
    default_code = "data.corrupt"


class InternalError(GureumError):
    default_code = "internal"


_BY_NAME: dict[str, type[GureumError]] = {
    cls.__name__: cls
    for cls in (
        InvalidInput,
        NotAuthenticated,
        PermissionDenied,
        NotFound,
        Conflict,
        LimitExceeded,
        Unavailable,
        CorruptData,
        InternalError,
    )
}


def from_json(body: dict[str, Any]) -> GureumError:
    """Rebuild the error that a server sent, so that a caller catches the same class on both sides of the wire."""
    cls = _BY_NAME.get(str(body.get("error")), InternalError)
    details = {str(key): value for key, value in (body.get("details") or {}).items()}
    error = cls(str(body.get("message") or "no message"), code=body.get("code"), hint=body.get("hint"))
    error.details = details
    return error
