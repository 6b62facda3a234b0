"""What is to be predicted: the task, its classes, and the rows that can teach it.

Called by fit. Raises InvalidInput where nothing can be learned, naming the target and the cure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gureum.errors import InvalidInput
from gureum.learners.columns import as_numbers
from gureum.learners.survey import Finding

__all__ = ["TASKS", "Task", "read_target"]

TASKS = ("binary", "multiclass", "regression")

ROWS_MIN = 10
CLASSES_MAX = 200
# Whole numbers with up to this many values, each seen often, are classes.
INTEGER_CLASSES_MAX = 20


@dataclass(frozen=True)
class Task:
    """`classes` are labels in the order of their codes (empty for regression); the positive one of two comes last."""

    name: str
    classes: list[Any]
    findings: list[Finding]


def read_target(column: pd.Series, task: str, positive: Any = None) -> Task:
    """`task` may be "auto". Rows without a target are told in the findings; the caller leaves them out."""
    name = str(column.name)
    if task not in {"auto", *TASKS}:
        raise InvalidInput(f"there is no task '{task}'", code="autopilot.task", hint=f"auto, {', '.join(TASKS)}")
    findings = []
    missing = int(column.isna().sum())
    if missing == len(column):
        raise InvalidInput(f"the target '{name}' has no value in any row", code="autopilot.target",
            hint="choose another column, or bring rows of which the answer is known",
        )  # fmt: skip
    if len(column) - missing < ROWS_MIN:
        raise InvalidInput(
            f"{len(column) - missing} rows have a target; at least {ROWS_MIN} are needed",
            code="autopilot.rows",
            hint="bring more rows of which the answer is known",
        )
    labels = _labels(column)
    numbers = as_numbers(column)
    endless = int((np.isnan(numbers) & ~column.isna().to_numpy()).sum())
    numeric = not isinstance(labels[0], bool | str) or endless == 0
    counts = pd.Series(labels, dtype=object).value_counts()
    if task == "auto":
        task, why = _guess(name, labels, numbers, counts)
        findings.append(Finding("target", name, why))
    if task == "regression":
        if not numeric or np.isnan(numbers).all():
            sample = str(labels[0])[:40]
            raise InvalidInput(
                f"the target '{name}' is not a number (such as '{sample}')",
                code="autopilot.target",
                hint="task='multiclass'?",
            )
        if endless:
            findings.append(
                Finding("target", name, f"{endless:,} rows are left out: their '{name}' is not a finite number")
            )
        classes: list[Any] = []
        if np.nanmin(numbers) == np.nanmax(numbers):
            raise InvalidInput(
                f"the target '{name}' is {np.nanmin(numbers):g} in every row: there is nothing to learn",
                code="autopilot.target",
                hint="choose another column, or rows in which it differs",
            )
    else:
        classes = _order(list(counts.index))
        if len(classes) == 1:
            raise InvalidInput(
                f"the target '{name}' has a single class, '{classes[0]}': there is nothing to learn",
                code="autopilot.target",
                hint="choose another column, or bring rows of another class",
            )
        if len(classes) > CLASSES_MAX:
            raise InvalidInput(
                f"the target '{name}' has {len(classes):,} classes, more than {CLASSES_MAX}", code="autopilot.target",
                hint="is it an id, or a number (task='regression')?",
            )  # fmt: skip
        if task == "binary" and len(classes) != 2:
            raise InvalidInput(
                f"the target '{name}' has {len(classes)} classes, not two",
                code="autopilot.target",
                hint="task='multiclass'",
            )
        if positive is not None:
            classes = _positive_last(name, classes, positive)
        for label, count in counts.items():
            if count < 5:
                findings.append(
                    Finding(
                        "rare class",
                        name,
                        f"class '{label}' has only {count} row{'s' if count > 1 else ''}: it can hardly be learned or judged",
                    )
                )
        share = counts.min() / counts.sum()
        if share < 0.1 and len(classes) == 2:
            findings.append(
                Finding(
                    "imbalance", name, f"'{counts.idxmin()}' is {share:.1%} of the rows: accuracy would be blind to it"
                )
            )
    if missing:
        findings.append(Finding("target", name, f"{missing:,} rows are left out: they have no '{name}'"))
    return Task(task, classes, findings)


def _labels(column: pd.Series) -> list[Any]:
    """Present values as plain Python; mixed kinds become text."""
    values = column.dropna().astype(object).tolist()
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    kinds = {type(value) for value in values}
    if kinds <= {int, float, bool}:
        return [value for value in values if value == value and abs(value) != float("inf")] or values
    if kinds == {str} or len(kinds) > 1 or not kinds <= {int, float, bool}:
        return [str(value).strip() for value in values]
    return values


def _guess(name: str, labels: list[Any], numbers: np.ndarray, counts: pd.Series) -> tuple[str, str]:
    distinct, rows = len(counts), len(labels)
    if distinct == 2:
        return "binary", f"'{name}' has two values, so this is a binary task"
    readable = (~np.isnan(numbers)).sum() >= 0.98 * rows
    if isinstance(labels[0], str) and (not readable or distinct <= INTEGER_CLASSES_MAX):
        return "multiclass", f"'{name}' has {distinct} names, so this is a multiclass task"
    present = numbers[~np.isnan(numbers)]
    if (present == np.round(present)).all() and distinct <= INTEGER_CLASSES_MAX and rows / distinct >= 10:
        return (
            "multiclass",
            f"'{name}' has {distinct} whole numbers, each seen often, so this is a multiclass task (task='regression' if they are amounts)",
        )
    return "regression", f"'{name}' has {distinct:,} different numbers, so this is a regression"


def _order(labels: list[Any]) -> list[Any]:
    """Ascending, so that of 0/1, no/yes and False/True the second is the positive one."""
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=str)


def _positive_last(name: str, classes: list[Any], positive: Any) -> list[Any]:
    found = [label for label in classes if label == positive or str(label) == str(positive)]
    if len(classes) != 2 or not found:
        raise InvalidInput(
            f"'{positive}' is not one of two classes of '{name}'",
            code="autopilot.positive",
            hint=f"they are {', '.join(map(str, classes[:10]))}",
        )
    return [label for label in classes if label != found[0]] + found[:1]
