"""Notebook cells, run here and now: their outputs become the notebook's.

Called by notebooks.py. A kernel of its own would take three seconds of a budget of ten, so the cells run in this process, one
after another in one namespace, as a kernel would run them. Promise: what stands in the outputs is what the cells gave; the
notebook runs again in any Jupyter.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["code", "notebook", "run_cells", "text"]

Cell = dict[str, Any]

TEXT_OUTPUT_MAX = 20_000


def text(source: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": source.strip()}


def code(source: str) -> Cell:
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source.strip()}


def notebook(cells: list[Cell]) -> dict[str, Any]:
    """A notebook of format 4.5, with ids that are the same each time."""
    return {
        "cells": [{"id": f"cell-{place}"} | cell for place, cell in enumerate(cells, 1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def run_cells(cells: list[Cell], folder: Path, time_up: Callable[[], bool]) -> None:
    """Run the code cells with `folder` as the working directory, and keep what they print and give.

    Cells that come after `time_up()` is true are left for the reader to run.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    count = itertools.count(1)
    with contextlib.chdir(folder):
        for cell in cells:
            if cell["cell_type"] == "code" and not time_up():
                _run(cell, names, next(count))


def _run(cell: Cell, names: dict[str, Any], count: int) -> None:
    tree = ast.parse(cell["source"])
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    value = None
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, "<cell>", "exec"), names)  # noqa: S102 - our own cell
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)  # noqa: S307 - the same
    except Exception as error:
        cell["outputs"].append(
            {
                "output_type": "error",
                "ename": type(error).__name__,
                "evalue": str(error),
                "traceback": [f"{type(error).__name__}: {error}"],
            }
        )
    cell["execution_count"] = count
    if printed.getvalue():
        cell["outputs"].append(
            {"output_type": "stream", "name": "stdout", "text": printed.getvalue()[:TEXT_OUTPUT_MAX]}
        )
    if value is not None:
        data = {"text/plain": repr(value)[:TEXT_OUTPUT_MAX]}
        for mime, method in (("text/html", "_repr_html_"), ("image/svg+xml", "_repr_svg_")):
            rich = getattr(value, method, lambda: None)()
            if rich:
                data[mime] = rich
        cell["outputs"].append(
            {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data}
        )
