"""The full name of a table. Apart from `tables.py`, so that a door can say it without loading a table engine."""

from gureum.names import table_name

__all__ = ["full_name"]


def full_name(name: str) -> str:
    """`hot` is `main.hot`."""
    return ".".join(table_name(name))
