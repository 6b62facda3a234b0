"""Registered models, their versions and where each came from, read from MLflow's tables by plain SQL.

Called by the REST door. Promise: only models that the catalog lets an actor read, and of the runs behind them no more than
their ids to those who may not read the experiment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from gureum.catalog.catalog import Catalog, Thing
from gureum.errors import NotFound
from gureum.names import Kind
from gureum.tracking.reading import Reading
from gureum.tracking.rows import ALIASES, EXPERIMENTS, REGISTERED, RUNS, VERSIONS
from gureum.types import Actor, Permission

__all__ = ["Model", "ModelVersion", "Models"]

# Newest first; MLflow's own page has the rest.
VERSIONS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    owner: str
    permission: Permission
    description: str | None
    versions: int
    latest: int | None
    aliases: dict[str, int]
    updated_at_ms: int | None


@dataclass(frozen=True, slots=True)
class ModelVersion:
    version: int
    created_at_ms: int | None
    user: str | None
    description: str | None
    status: str
    message: str | None
    aliases: list[str]
    source: str | None
    run: str | None
    run_name: str | None
    experiment: str | None


class Models:
    """The reader of registered models. Share one per process; safe between threads."""

    def __init__(self, reading: Reading, catalog: Catalog) -> None:
        self._reading = reading
        self._catalog = catalog

    def list(self, actor: Actor) -> Sequence[Model]:
        """Those that `actor` may read, the last changed first."""
        things = {thing.name: thing for thing in self._catalog.list(actor, kind=Kind.MODEL)}
        found = self._models(things, actor)
        return sorted(found, key=lambda model: (-(model.updated_at_ms or 0), model.name))

    def model(self, name: str, actor: Actor) -> Model:
        """One of them. Raises NotFound with near names."""
        thing = self._catalog.resolve(name, actor, Permission.READ, kind=Kind.MODEL)
        for found in self._models({name: thing}, actor):
            return found
        raise NotFound(f"model {name!r} does not exist", code="model.not_found")

    def versions(self, name: str, actor: Actor) -> Sequence[ModelVersion]:
        """A model's versions, newest first."""
        aliases = defaultdict(list)
        for alias, version in self._reading.rows(
            select(ALIASES.c.alias, ALIASES.c.version).where(ALIASES.c.name == name).order_by(ALIASES.c.alias)
        ):
            aliases[version].append(alias)
        joined = VERSIONS.outerjoin(RUNS, RUNS.c.run_uuid == VERSIONS.c.run_id).outerjoin(
            EXPERIMENTS, EXPERIMENTS.c.experiment_id == RUNS.c.experiment_id
        )
        query = select(VERSIONS, RUNS.c.name.label("run_name"), EXPERIMENTS.c.name.label("experiment"))
        query = query.select_from(joined).where(VERSIONS.c.name == name, VERSIONS.c.current_stage != "Deleted_Internal")
        rows = self._reading.rows(query.order_by(VERSIONS.c.version.desc()).limit(VERSIONS_MAX))
        readable = {thing.name for thing in self._catalog.list(actor, kind=Kind.EXPERIMENT)}
        return [_version(row, aliases[row.version], row.experiment in readable) for row in rows]

    def _models(self, things: dict[str, Thing], actor: Actor) -> Sequence[Model]:
        counted = select(VERSIONS.c.name, func.count(), func.max(VERSIONS.c.version))
        counted = counted.where(VERSIONS.c.current_stage != "Deleted_Internal").group_by(VERSIONS.c.name)
        counts = {name: (count, latest) for name, count, latest in self._reading.rows(counted)}
        aliases: dict[str, dict[str, int]] = defaultdict(dict)
        for row in self._reading.rows(select(ALIASES).order_by(ALIASES.c.alias)):
            aliases[row.name][row.alias] = row.version
        return [
            Model(
                name=row.name,
                owner=things[row.name].owner,
                permission=self._catalog.permission(things[row.name], actor) or Permission.READ,
                description=row.description or None,
                versions=counts.get(row.name, (0, None))[0],
                latest=counts.get(row.name, (0, None))[1],
                aliases=aliases.get(row.name, {}),
                updated_at_ms=row.last_updated_time or row.creation_time,
            )
            for row in self._reading.rows(select(REGISTERED))
            if row.name in things
        ]


def _version(row: Any, aliases: list[str], may_read_run: bool) -> ModelVersion:
    return ModelVersion(
        version=row.version,
        created_at_ms=row.creation_time,
        user=row.user_id,
        description=row.description or None,
        status=row.status.lower(),
        message=row.status_message or None,
        aliases=aliases,
        source=row.source,
        run=row.run_id or None,
        run_name=row.run_name if may_read_run else None,
        experiment=row.experiment if may_read_run else None,
    )
