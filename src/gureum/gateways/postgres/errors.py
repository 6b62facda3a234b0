"""Our errors as PostgreSQL's: SQLSTATE, words, hint, place.

Called by `session.py`; the states are those of the manual's appendix A that clients act upon.
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

__all__ = ["SqlState", "sqlstate"]


class SqlState(InvalidInput):
    """An error that the door itself raises, with the state that PostgreSQL would give."""

    def __init__(self, state: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, code="postgres.error", hint=hint)
        self.state = state


BY_CODE = {
    "sql.syntax": "42601",
    "sql.empty": "42601",
    "sql.unsupported": "0A000",
    "sql.function": "42883",
    "sql.type": "42704",
    "sql.parameters": "08P01",
    "sql.timeout": "57014",
    "sql.cancelled": "57014",
    "sql.memory": "53200",
    "sql.busy": "53300",
    "sql.length": "54000",
    "sql.too_deep": "54001",
    "sql.not_running": "57014",
    "table.exists": "42P07",
    "table.column": "42703",
    "table.contention": "40001",
    "table.changed": "40001",
    "table.check": "23514",
    "table.not_null": "23502",
    "auth.proof": "28P01",
    "postgres.protocol": "08P01",
    "postgres.connections": "53300",
    "postgres.encoding": "22021",
    "postgres.message": "54000",
    "disk.full": "53100",
}
BY_KIND: tuple[tuple[type[GureumError], str], ...] = (
    (NotAuthenticated, "28000"),
    (PermissionDenied, "42501"),
    (NotFound, "42P01"),
    (Conflict, "40001"),
    (LimitExceeded, "54000"),
    (Unavailable, "58030"),
    (CorruptData, "XX001"),
    (InternalError, "XX000"),
    (InvalidInput, "22000"),
)

# The SQL engine has one kind of error for all that is wrong with a statement; its words tell more.
_WORDS = (
    ("not found in FROM clause", "42703"),
    ("does not have a column", "42703"),
    ("No function matches", "42883"),
    ("Scalar Function with name", "42883"),
    ("Aggregate Function with name", "42883"),
    ("does not exist!", "42704"),
    ("Could not convert", "22P02"),
    ("Conversion Error", "22P02"),
    ("Division by zero", "22012"),
    ("out of range", "22003"),
    ("Ambiguous", "42702"),
    ("must appear in the GROUP BY", "42803"),
    ("Cannot compare values", "42883"),
)


def sqlstate(error: GureumError) -> str:
    """The five characters by which programs tell errors apart."""
    if isinstance(error, SqlState):
        return error.state
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    if error.code == "sql.invalid":
        return next((state for words, state in _WORDS if words in error.message), "42000")
    return next(state for kind, state in BY_KIND if isinstance(error, kind))
