"""What a task reads its rows from: a table's name or a SELECT, as one writes it after FROM."""

from __future__ import annotations

__all__ = ["from_clause", "is_select"]


def is_select(source: str) -> bool:
    return source.strip().lower().startswith(("select", "with"))


def from_clause(source: str) -> str:
    """`source` so that `SELECT ... FROM <it>` reads it."""
    text = source.strip().rstrip(";")
    return f"({text}) AS source" if is_select(source) else text
