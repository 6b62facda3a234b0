"""How a command answers: tables for people, JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["ago", "as_bytes", "as_cell", "as_pairs", "as_time", "print_json", "print_rows", "show_done", "show_rows"]


def show_done(text: str, body: Any, as_json: bool) -> None:
    if as_json:
        print_json(body)
    else:
        print(text)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def show_rows(rows: list[dict[str, Any]], as_json: bool, /, **columns: Callable[[dict[str, Any]], Any] | None) -> None:
    if as_json:
        print_json(rows)
    elif not rows:
        print("none")
    else:
        print_rows(rows, **(columns or dict.fromkeys(rows[0])))


def print_rows(rows: Iterable[dict[str, Any]], /, **columns: Callable[[dict[str, Any]], Any] | None) -> None:
    """A table for people: one line a row, numbers to the right, nothing wider than it must be."""
    from unicodedata import east_asian_width

    def width(text: str) -> int:
        return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)

    table = [[as_cell(column(row) if column else row.get(name)) for name, column in columns.items()] for row in rows]
    if not table:
        return
    heads = list(columns)
    widths = [max(width(cell) for cell in column) for column in zip(heads, *table, strict=True)]
    right = [
        all(cell.replace(".", "").replace("-", "").isdigit() or not cell for cell in column)
        for column in zip(*table, strict=True)
    ]
    for line in [heads, *table]:
        cells = []
        for cell, room, to_right in zip(line, widths, right, strict=True):
            space = " " * (room - width(cell))
            cells.append(space + cell if to_right else cell + space)
        print("  ".join(cells).rstrip())


def as_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e15 else str(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value).replace("\n", "\\n")


def as_pairs(value: dict[str, Any]) -> str:
    return ", ".join(f"{key}={item}" for key, item in value.items())


def as_bytes(count: int | None) -> str:
    if count is None:
        return ""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def ago(at_ms: int | None) -> str:
    if not at_ms:
        return ""
    seconds = max(0, time.time() - at_ms / 1000)
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def as_time(at_ms: int | None) -> str:
    if at_ms is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_ms / 1000)) + " UTC"
