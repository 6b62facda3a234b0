"""The baseline of a monitor: statistics, constraints and what the drift tests need to know, as one value.

Called by whoever sets a monitor up: `monitor.baseline(df, target="failure", prediction="score")`. `store` knows its folder.

Promise: its size is bounded (REFERENCE_ROWS of the rows, and curves per feature); the same data and seed give the same baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gureum.errors import InvalidInput, NotFound
from gureum.monitor.columns import Column, Form, column, read_frame, thin
from gureum.monitor.concept import Concept, fit
from gureum.monitor.constraints import Constraints
from gureum.monitor.joint import Joint, joint
from gureum.monitor.performance import Record, record
from gureum.monitor.profile import Profile, profile
from gureum.monitor.statistics import statistics
from gureum.monitor.store import Stored, read, write
from gureum.monitor.suggest import suggest
from gureum.names import did_you_mean

__all__ = ["TASKS", "Baseline", "Roles", "baseline"]

TASKS = ("auto", "regression", "classification")
# More rows than this make no drift test sharper than its effect floor.
REFERENCE_ROWS = 20_000
ROWS_MIN = 20
COLUMNS_MAX = 5_000
# A whole-number target with at most this many values is a class.
CLASSES_MAX = 20


@dataclass(frozen=True)
class Roles:
    """Which columns are what. The task is regression, classification or none (no target)."""

    target: str | None
    prediction: str | None
    time: str | None
    task: str

    def of(self, name: str) -> str:
        return "target" if name == self.target else "prediction" if name == self.prediction else "feature"


@dataclass(frozen=True)
class Baseline:
    """What windows are checked against. `constraints` may be replaced: `replace(baseline, constraints=...)`."""

    roles: Roles
    rows: int
    statistics: Mapping[str, Any] = field(repr=False)
    constraints: Constraints = field(repr=False)
    suggested: Constraints = field(repr=False)
    reference: pd.DataFrame = field(repr=False)
    profiles: Mapping[str, Profile] = field(repr=False)
    joint: Joint = field(repr=False)
    concept: Concept | None = field(repr=False)
    record: Record | None = field(repr=False)

    @property
    def features(self) -> list[Profile]:
        return [one for name, one in self.profiles.items() if self.roles.of(name) == "feature"]

    @property
    def dependent(self) -> bool:
        """Whether the rows follow each other like a time series."""
        return any(one.dependence.dependent.any() for one in self.profiles.values())

    def with_constraints(self, constraints: Constraints) -> Baseline:
        return replace(self, constraints=constraints)

    def save(self, folder: str | Path) -> None:
        """Write statistics.json and constraints.json in SageMaker's schema, and our own files beside them."""
        roles = {
            "target": self.roles.target,
            "prediction": self.roles.prediction,
            "time": self.roles.time,
            "task": self.roles.task,
        }
        dependences = {name: one.dependence for name, one in self.profiles.items()}
        write(
            Stored(
                roles,
                self.rows,
                self.statistics,
                self.constraints,
                self.suggested,
                self.reference,
                dependences,
                self.concept,
            ),
            Path(folder),
        )

    @classmethod
    def load(cls, folder: str | Path) -> Baseline:
        """Read a folder that `save` wrote; constraints.json may have been edited. Raises NotFound, CorruptData."""
        stored = read(Path(folder))
        given = stored.roles
        roles = Roles(given["target"], given["prediction"], given["time"], str(given["task"]))
        profiles = {}
        for name, dependence in stored.dependences.items():
            rows = column(stored.reference[name])
            profiles[name] = profile(rows, dependence, whole=rows, rows=stored.rows, clock=name == roles.time)
        return _assemble(stored, roles, profiles)


def baseline(
    data: Any,
    target: str | None = None,
    prediction: str | None = None,
    task: str = "auto",
    *,
    time_column: str | None = None,
    seed: int = 0,
) -> Baseline:
    """Learn what is normal from `data`: pandas, polars, Arrow, a table, or a list of dictionaries.

    Rows should be in the order in which they came (or name `time_column`): a series' own ups and downs are learned from it,
    so give several of its seasons. `prediction` is the model's output: a class, a number, or the probability of the class
    that sorts last. Raises InvalidInput, NotFound.
    """
    frame = read_frame(data, what="the baseline")
    for name, what in ((target, "target"), (prediction, "prediction"), (time_column, "time_column")):
        if name is not None and name not in frame.columns:
            raise NotFound(
                f"the baseline has no column {name!r} ({what})",
                code="monitor.no_such_column",
                hint=did_you_mean(name, frame.columns) or f"columns: {', '.join(list(frame.columns)[:10])}",
            )
    if target is not None and target == prediction:
        raise InvalidInput(f"{target!r} cannot be both target and prediction", code="monitor.roles")
    if task not in TASKS:
        raise InvalidInput(
            f"there is no task {task!r}", code="monitor.task", hint=did_you_mean(task, TASKS) or ", ".join(TASKS)
        )
    if len(frame) < ROWS_MIN:
        raise InvalidInput(
            f"a baseline of {len(frame)} rows says nothing about what is normal",
            code="monitor.baseline_rows",
            hint=f"give at least {ROWS_MIN} rows, better some thousand",
        )
    if len(frame.columns) > COLUMNS_MAX:
        raise InvalidInput(
            f"{len(frame.columns)} columns; at most {COLUMNS_MAX} can be watched", code="monitor.columns_max"
        )
    if time_column is not None:
        frame = frame.sort_values(time_column, kind="stable")
    sample = thin(frame, REFERENCE_ROWS, seed)
    whole = [column(frame[name]) for name in frame.columns]
    by_name = {one.name: one for one in whole}
    for name, what in ((target, "target"), (prediction, "prediction")):
        if name is not None and by_name[name].form is Form.EMPTY:
            raise InvalidInput(
                f"{what} {name!r} has no values", code="monitor.empty_column", hint="label some rows, or leave it out"
            )
    roles = Roles(target, prediction, time_column, _task(by_name[target], task) if target else "none")
    if roles.task == "regression" and target is not None and by_name[target].form is not Form.NUMBER:
        raise InvalidInput(
            f"target {target!r} is text: it cannot be regressed on", code="monitor.task", hint='task="classification"'
        )
    reference = pd.DataFrame({name: _plain(column(sample[name])) for name in sample.columns})
    profiles = {
        one.name: profile(column(reference[one.name]), None, whole=one, rows=len(frame), clock=one.name == time_column)
        for one in whole
    }
    constraints = suggest(whole)
    stored = Stored({}, len(frame), statistics(whole, len(frame)), constraints, constraints, reference, {}, None)
    return _assemble(stored, roles, profiles)


def _assemble(stored: Stored, roles: Roles, profiles: Mapping[str, Profile]) -> Baseline:
    """Make the value from what is stored; the concept is fitted when there is none yet and there is a target."""
    features = [one for name, one in profiles.items() if roles.of(name) == "feature"]
    dependent = any(one.dependence.dependent.any() for one in features)
    concept, rows = stored.concept, stored.rows
    if concept is None and roles.target is not None:
        concept = fit(profiles[roles.target].column, features, task=roles.task, dependent=dependent, rows=rows)
    together = joint(features, rows=rows, dependent=dependent)
    done = None
    if roles.target is not None and roles.prediction is not None:
        done = record(profiles[roles.target].column, profiles[roles.prediction].column, roles.task)
    return Baseline(
        roles,
        rows,
        stored.statistics,
        stored.constraints,
        stored.suggested,
        stored.reference,
        profiles,
        together,
        concept,
        done,
    )


def _plain(given: Column) -> pd.Series:
    """A column as any parquet file can hold it, and as it is read again the same."""
    if given.form is Form.TIME:
        return pd.Series((given.values * 1e6).round(), name=given.name).astype("Int64").astype("datetime64[us]")
    if given.boolean:
        return pd.Series(given.values, name=given.name).astype("boolean")
    return pd.Series(given.values, name=given.name)


def _task(target: Column, task: str) -> str:
    if task != "auto":
        return task
    if target.form is not Form.NUMBER or target.boolean:
        return "classification"
    values = np.unique(target.present)
    return "classification" if len(values) <= CLASSES_MAX and bool(np.all(values == np.floor(values))) else "regression"
