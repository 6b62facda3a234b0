"""Experiments and their runs as pages of columns, read from MLflow's tables by plain SQL.

Called by the REST door for Studio, the SDK and the command line; loads no MLflow and does not wake it. Promise: only what
the catalog lets an actor read; an answer about 10,000 runs costs tens of milliseconds; where there are no tables yet, there
are no runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from gureum.catalog.catalog import Catalog, Thing
from gureum.errors import InvalidInput, NotFound
from gureum.names import Kind
from gureum.tracking.filters import ATTRIBUTES, conditions, parse_filter
from gureum.tracking.filters import field as parse_field
from gureum.tracking.reading import Reading
from gureum.tracking.rows import DATASETS, EXPERIMENTS, INPUTS, LATEST, METRICS, PARAMS, RUNS, TAGS
from gureum.tracking.watched import FINDINGS_TAG, Mark, mark_of
from gureum.types import Actor, Permission

__all__ = ["TABLES_TAG", "ColumnOfRuns", "Curve", "Experiment", "Leaderboard", "Page", "RunRows"]

# The tables and versions that a run read: JSON, written by the SDK.
TABLES_TAG = "gureum.tables"
# Tags of the machinery are no columns.
OWN_TAGS = ("mlflow.", "gureum.")
NOTE_TAG = "mlflow.note.content"

# One page holds what a grid shows without a second question.
PAGE_RUNS_MAX = 10_000
COLUMNS_MAX = 2_000

# The names of an experiment's columns are those of so many of its newest runs: enough to know all but the forgotten.
KNOWN_RUNS_MAX = 2_000

# Shown when nothing is chosen: those that most runs have.
COLUMNS_SHOWN = 12

# A curve has no more points than a wide chart has pixels.
POINTS_MAX = 5_000
CURVES_MAX = 200

IDS_PER_SELECT = 1_000

# MLflow stores an infinity as the largest number.
INFINITY = 1.7976931348623157e308

_TABLES = {"metrics": LATEST, "params": PARAMS, "tags": TAGS}
_INFO = (
    RUNS.c.run_uuid, RUNS.c.name, RUNS.c.user_id, RUNS.c.status, RUNS.c.start_time, RUNS.c.end_time, RUNS.c.experiment_id
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Experiment:
    id: str
    name: str
    owner: str
    permission: Permission
    runs: int
    running: int
    last_run_at_ms: int | None
    created_at_ms: int | None


@dataclass(frozen=True, slots=True)
class ColumnOfRuns:
    """One metric, parameter or tag of a page's runs. A value is None where a run has none, 'NaN' or 'Infinity' as text."""

    kind: str
    name: str
    values: list[float | str | None]


@dataclass(frozen=True, slots=True)
class RunRows:
    """What every run has, one list a column, in the page's order."""

    id: list[str]
    name: list[str | None]
    user: list[str | None]
    status: list[str]
    started_at_ms: list[int | None]
    ended_at_ms: list[int | None]
    findings: list[Mark | None]  # None where the training debugger did not watch


@dataclass(frozen=True, slots=True)
class Page:
    total: int
    offset: int
    running: int
    runs: RunRows
    columns: list[ColumnOfRuns]
    known: dict[str, list[str]]  # all metrics, params and tags of the experiment, those of most runs first


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric of a run over its steps; `points` is how many there are before thinning."""

    run: str
    metric: str
    points: int
    step: list[int] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)
    value: list[float | str] = field(default_factory=list)


class Leaderboard:
    """The reader of experiments. Share one per process; safe between threads."""

    def __init__(self, reading: Reading, catalog: Catalog) -> None:
        self._reading = reading
        self._catalog = catalog

    # --- what is meant -----------------------------------------------------------------------------------------------

    def experiment_name(self, experiment_id: str) -> str:
        """The name in the catalog of an experiment. Raises NotFound."""
        if experiment_id.isdecimal() and len(experiment_id) < 19:
            query = select(EXPERIMENTS.c.name).where(
                EXPERIMENTS.c.experiment_id == int(experiment_id), EXPERIMENTS.c.lifecycle_stage == "active"
            )
            for (name,) in self._reading.rows(query):
                return str(name)
        raise NotFound(f"experiment {experiment_id!r} does not exist", code="experiment.not_found")

    def experiment_name_of_run(self, run_id: str) -> str:
        """The same of the experiment that a run is in."""
        query = select(RUNS.c.experiment_id).where(RUNS.c.run_uuid == run_id, RUNS.c.lifecycle_stage == "active")
        for (experiment_id,) in self._reading.rows(query):
            return self.experiment_name(str(experiment_id))
        raise NotFound(f"run {run_id!r} does not exist", code="run.not_found")

    def experiments(self, actor: Actor, *, name: str | None = None) -> list[Experiment]:
        """Those that `actor` may read, the last used first; with `name` just that one, or NotFound with near names."""
        things = {thing.name: thing for thing in self._catalog.list(actor, kind=Kind.EXPERIMENT)}
        if name is not None:
            things = {name: self._catalog.resolve(name, actor, Permission.READ, kind=Kind.EXPERIMENT)}
        counts = {row.experiment_id: row for row in self._reading.rows(_counts())}
        query = select(EXPERIMENTS).where(EXPERIMENTS.c.lifecycle_stage == "active")
        if name is not None:
            query = query.where(EXPERIMENTS.c.name == name)
        found = [
            self._experiment(row, things[row.name], counts.get(row.experiment_id), actor)
            for row in self._reading.rows(query)
            if row.name in things
        ]
        if name is not None and not found:
            raise NotFound(f"experiment {name!r} does not exist", code="experiment.not_found")
        return sorted(found, key=lambda one: (-(one.last_run_at_ms or one.created_at_ms or 0), one.name))

    def experiment(self, experiment_id: str, actor: Actor) -> Experiment:
        return self.experiments(actor, name=self.experiment_name(experiment_id))[0]

    def _experiment(self, row: Any, thing: Thing, counts: Any, actor: Actor) -> Experiment:
        return Experiment(
            id=str(row.experiment_id),
            name=row.name,
            owner=thing.owner,
            permission=self._catalog.permission(thing, actor) or Permission.READ,
            runs=counts.runs if counts else 0,
            running=counts.running if counts else 0,
            last_run_at_ms=counts.last if counts else None,
            created_at_ms=row.creation_time,
        )

    # --- runs --------------------------------------------------------------------------------------------------------

    def page(
        self,
        experiment_id: str,
        *,
        filter_text: str = "",
        sort: str = "attributes.start_time",
        descending: bool = True,
        run_ids: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        offset: int = 0,
        limit: int = PAGE_RUNS_MAX,
    ) -> Page:
        """Runs in order, as columns; numbers sort as numbers, and runs without the value come last.

        `columns` are fields such as 'metrics.auc', None for those that most runs have, ['*'] for all. Raises InvalidInput.
        """
        within = [RUNS.c.experiment_id == int(experiment_id), RUNS.c.lifecycle_stage == "active"]
        matching = [*within, *conditions(parse_filter(filter_text), dialect=self._reading.dialect)]
        if run_ids is not None:
            matching.append(RUNS.c.run_uuid.in_(list(run_ids)[:PAGE_RUNS_MAX]))
        ordered = self._ordered(matching, sort, descending)
        ids = ordered[offset : offset + min(limit, PAGE_RUNS_MAX)]
        known = self._known(within, None if columns is not None and list(columns) == ["*"] else KNOWN_RUNS_MAX)
        running = self._count(select(func.count()).where(*within, RUNS.c.status == "RUNNING"))
        return Page(len(ordered), offset, running, self._infos(ids), self._columns(ids, _chosen(columns, known)), known)

    def _ordered(self, matching: list[ColumnElement[bool]], sort: str, descending: bool) -> list[str]:
        kind, name = parse_field(sort)
        if kind == "attributes":
            query = select(RUNS.c.run_uuid, RUNS.c.start_time, ATTRIBUTES[name])
        else:
            table = _TABLES[kind]
            value = case((table.c.is_nan, None), else_=table.c.value) if table is LATEST else table.c.value
            joined = RUNS.outerjoin(table, and_(table.c.run_uuid == RUNS.c.run_uuid, table.c.key == name))
            query = select(RUNS.c.run_uuid, RUNS.c.start_time, value).select_from(joined)
        # The newest first among equals, and the id last: an order that does not change between two pages.
        rows = sorted(self._reading.rows(query.where(*matching)), key=lambda row: (-(row[1] or 0), row[0]))
        there = [row for row in rows if row[2] is not None]
        there.sort(key=lambda row: _natural(row[2]), reverse=descending)
        return [row[0] for row in there] + [row[0] for row in rows if row[2] is None]

    def _known(self, within: list[ColumnElement[bool]], newest: int | None) -> dict[str, list[str]]:
        runs = select(RUNS.c.run_uuid).where(*within)
        if newest is not None:
            runs = runs.order_by(RUNS.c.start_time.desc()).limit(newest)
        found = {}
        for kind, table in _TABLES.items():
            query = select(table.c.key, func.count()).where(table.c.run_uuid.in_(runs)).group_by(table.c.key)
            names = sorted(self._reading.rows(query), key=lambda row: (-row[1], row[0]))
            found[kind] = [key for key, _ in names if kind != "tags" or not key.startswith(OWN_TAGS)][:COLUMNS_MAX]
        return found

    def _infos(self, ids: Sequence[str]) -> RunRows:
        rows = {row.run_uuid: row for row in self._of_runs(RUNS, _INFO, ids)}
        there = [rows[run_id] for run_id in ids if run_id in rows]
        marks = dict(self._of_runs(TAGS, (TAGS.c.run_uuid, TAGS.c.value), ids, TAGS.c.key == FINDINGS_TAG))
        return RunRows(
            [row.run_uuid for row in there], [row.name for row in there], [row.user_id for row in there],
            [row.status.lower() for row in there], [row.start_time for row in there], [row.end_time for row in there],
            [mark_of(marks.get(row.run_uuid)) for row in there],
        )  # fmt: skip

    def _columns(self, ids: Sequence[str], chosen: list[tuple[str, str]]) -> list[ColumnOfRuns]:
        place = {run_id: number for number, run_id in enumerate(ids)}
        made: dict[tuple[str, str], list[Any]] = {key: [None] * len(ids) for key in chosen}
        for kind, table in _TABLES.items():
            names = [name for of, name in chosen if of == kind]
            if not names:
                continue
            wanted = [table.c.run_uuid, table.c.key, table.c.value, *([table.c.is_nan] if table is LATEST else [])]
            for row in self._of_runs(table, wanted, ids, table.c.key.in_(names)):
                value = _number(row[2], row[3]) if table is LATEST else row[2]
                made[kind, row[1]][place[row[0]]] = value
        return [ColumnOfRuns(kind, name, values) for (kind, name), values in made.items()]

    def _of_runs(
        self, table: Any, columns: Sequence[Any], ids: Sequence[str], *more: ColumnElement[bool]
    ) -> Iterator[Any]:
        for start in range(0, len(ids), IDS_PER_SELECT):
            chunk = ids[start : start + IDS_PER_SELECT]
            yield from self._reading.rows(select(*columns).where(table.c.run_uuid.in_(chunk), *more))

    def run(self, run_id: str, actor: Actor) -> dict[str, Any]:
        """All of one run but its curves and files. Raises NotFound."""
        info = next(iter(self._of_runs(RUNS, _INFO, [run_id])), None)
        if info is None:
            raise NotFound(f"run {run_id!r} does not exist", code="run.not_found")
        experiment = self.experiment(str(info.experiment_id), actor)
        metrics = self._of_runs(LATEST, list(LATEST.c), [run_id])
        params = dict(self._of_runs(PARAMS, (PARAMS.c.key, PARAMS.c.value), [run_id]))
        tags = dict(self._of_runs(TAGS, (TAGS.c.key, TAGS.c.value), [run_id]))
        parent = tags.get("mlflow.parentRunId")
        return {
            "id": run_id,
            "name": info.name or tags.get("mlflow.runName"),
            "experiment_id": experiment.id,
            "experiment": experiment.name,
            "permission": experiment.permission,
            "user": info.user_id,
            "status": info.status.lower(),
            "started_at_ms": info.start_time,
            "ended_at_ms": info.end_time,
            "note": tags.pop(NOTE_TAG, None),
            "parent": parent,
            "children": self._count(_children(run_id)),
            "metrics": sorted(
                (
                    {"name": row.key, "value": _number(row.value, row.is_nan), "step": row.step, "at_ms": row.timestamp}
                    for row in metrics
                ),
                key=lambda metric: metric["name"],
            ),
            "params": dict(sorted(params.items())),
            "tags": {key: tags[key] for key in sorted(tags) if key != TABLES_TAG},
            "tables": _tables_read(tags.get(TABLES_TAG)),
            "datasets": self._datasets(run_id),
            "findings": mark_of(tags.get(FINDINGS_TAG)),
        }

    def _count(self, query: Select[Any]) -> int:
        found = self._reading.rows(query)
        return int(found[0][0]) if found else 0

    def _datasets(self, run_id: str) -> list[dict[str, Any]]:
        query = (
            select(DATASETS.c.name, DATASETS.c.digest, DATASETS.c.dataset_source_type)
            .join(INPUTS, INPUTS.c.source_id == DATASETS.c.dataset_uuid)
            .where(INPUTS.c.destination_type == "RUN", INPUTS.c.destination_id == run_id)
            .order_by(DATASETS.c.name)
        )
        return [{"name": n, "digest": d, "source_type": s} for n, d, s in self._reading.rows(query)]

    # --- curves ------------------------------------------------------------------------------------------------------

    def curves(
        self, experiment_id: str, *, run_ids: Sequence[str], metrics: Sequence[str], points_max: int = 1_000
    ) -> list[Curve]:
        """Each metric of each run over its steps, thinned evenly to about `points_max`; first and last are kept.

        Raises InvalidInput for more than CURVES_MAX curves. Runs of other experiments are left out.
        """
        if len(run_ids) * len(metrics) > CURVES_MAX:
            raise InvalidInput(
                f"at most {CURVES_MAX} curves at once", code="run.curves", hint="choose fewer runs or fewer metrics"
            )
        points_max = max(2, min(points_max, POINTS_MAX))
        inside = select(RUNS.c.run_uuid).where(
            RUNS.c.experiment_id == int(experiment_id), RUNS.c.run_uuid.in_(list(run_ids))
        )
        series = (METRICS.c.run_uuid, METRICS.c.key)
        numbered = (
            select(
                METRICS,
                func.row_number()
                .over(partition_by=series, order_by=(METRICS.c.step, METRICS.c.timestamp, METRICS.c.value))
                .label("number"),
                func.count().over(partition_by=series).label("points"),
            )
            .where(METRICS.c.run_uuid.in_(inside), METRICS.c.key.in_(list(metrics)))
            .subquery()
        )
        number, points = numbered.c.number, numbered.c.points
        stride = (points + (points_max - 1)) // points_max
        kept = select(numbered).where(or_((number - 1) % stride == 0, number == points))
        made: dict[tuple[str, str], Curve] = {}
        for row in self._reading.rows(kept.order_by(numbered.c.run_uuid, numbered.c.key, number)):
            curve = made.setdefault((row.run_uuid, row.key), Curve(row.run_uuid, row.key, row.points))
            curve.step.append(row.step)
            curve.at_ms.append(row.timestamp)
            curve.value.append(_number(row.value, row.is_nan))
        return [made[run_id, metric] for run_id in run_ids for metric in metrics if (run_id, metric) in made]


def _counts() -> Select[Any]:
    return (
        select(
            RUNS.c.experiment_id,
            func.count().label("runs"),
            func.sum(case((RUNS.c.status == "RUNNING", 1), else_=0)).label("running"),
            func.max(func.coalesce(RUNS.c.end_time, RUNS.c.start_time)).label("last"),
        )
        .where(RUNS.c.lifecycle_stage == "active")
        .group_by(RUNS.c.experiment_id)
    )


def _children(run_id: str) -> Select[Any]:
    joined = TAGS.join(RUNS, RUNS.c.run_uuid == TAGS.c.run_uuid)
    query = select(func.count()).select_from(joined).where(RUNS.c.lifecycle_stage == "active")
    return query.where(TAGS.c.key == "mlflow.parentRunId", TAGS.c.value == run_id)


def _chosen(columns: Sequence[str] | None, known: dict[str, list[str]]) -> list[tuple[str, str]]:
    if columns is None:
        return [("metrics", name) for name in known["metrics"][:COLUMNS_SHOWN]] + [
            ("params", name) for name in known["params"][:COLUMNS_SHOWN]
        ]
    if list(columns) == ["*"]:
        return [(kind, name) for kind in _TABLES for name in known[kind]]
    return [(kind, name) for kind, name in map(parse_field, columns) if kind != "attributes"][:COLUMNS_MAX]


def _natural(value: Any) -> tuple[bool, float, str]:
    """Numbers before texts, '10' after '9'."""
    try:
        number = float(value)
    except ValueError:
        return True, 0.0, str(value)
    return (True, 0.0, str(value)) if math.isnan(number) else (False, number, "")


def _number(value: float, is_nan: bool) -> float | str:
    """A metric's value as JSON can say it."""
    if is_nan:
        return "NaN"
    if abs(value) >= INFINITY:
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _tables_read(tag: str | None) -> list[dict[str, Any]]:
    """The tag is a client's to write: what is not ours in it is left out."""
    try:
        found = json.loads(tag or "[]")
        return [{"name": str(one["name"]), "version": int(one["version"])} for one in found]
    except (ValueError, TypeError, KeyError):
        return []
