"""Models by the names that people write, to the folder of files that lies behind them.

Called by `endpoints.py` and the REST door, in the gateway: plain SQL over MLflow's tables, because MLflow itself takes
seconds to load. Promise: a model is found only for an actor who may read it, and only below our own artifact root,
whatever its row in MLflow's tables says.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from gureum.catalog.catalog import Catalog
from gureum.errors import InvalidInput, NotFound
from gureum.names import Kind, did_you_mean
from gureum.types import Actor, Permission

__all__ = ["FoundModel", "Registry"]

ARTIFACT_SCHEME = "mlflow-artifacts:"
VERSIONS_MAX = 1_000

_FORMS = "'name', 'name/3', 'name@alias', 'models:/...' or 'runs:/<run id>/<path>'"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model version and where its files are. `key` is the same for the same files."""

    name: str
    version: str
    source: str
    folder: Path

    @property
    def key(self) -> str:
        return blake2b(self.source.encode(), digest_size=10).hexdigest()


class Registry:
    """MLflow's registry, for reading."""

    def __init__(self, url: str, *, artifacts: Path, catalog: Catalog) -> None:
        self._url = url
        self._artifacts = artifacts
        self._catalog = catalog

    def find(self, reference: str, actor: Actor, *, version: str | None = None, alias: str | None = None) -> FoundModel:
        """The model that a reference means. Raises InvalidInput, or NotFound with near names."""
        rest = reference.strip()
        if rest.startswith("runs:/"):
            run_id, _, path = rest.removeprefix("runs:/").strip("/").partition("/")
            return self._of_run(run_id, path, actor)
        rest = rest.removeprefix("models:/").strip("/")
        if reference.startswith("models:/") and re.fullmatch(r"m-[0-9a-f]{32}", rest):
            return self._logged(rest, actor)
        name, slash, given = rest.partition("/")
        if slash:
            version = given
        elif "@" in name:
            name, _, alias = name.rpartition("@")
        if not name or (version and alias):
            raise InvalidInput(f"{reference!r} names no model", code="model.reference", hint=f"write {_FORMS}")
        self._catalog.resolve(name, actor, Permission.READ, kind=Kind.MODEL)
        return self._registered(name, version, alias)

    def _registered(self, name: str, version: str | None, alias: str | None) -> FoundModel:
        if alias is not None:
            rows = self._rows("SELECT alias, version FROM registered_model_aliases WHERE name = :name", name=name)
            known = {row["alias"]: row["version"] for row in rows}
            if alias not in known:
                raise NotFound(
                    f"model {name!r} has no alias {alias!r}",
                    code="model.alias_not_found",
                    hint=did_you_mean(alias, known) or (f"it has {', '.join(known)}" if known else "it has none"),
                )
            version = str(known[alias])
        if version is not None and not version.isdecimal():
            raise InvalidInput(f"{version!r} is no version of a model", code="model.reference", hint=f"write {_FORMS}")
        which = "AND version = :version" if version is not None else ""
        rows = self._rows(
            "SELECT version, source, storage_location, run_id FROM model_versions WHERE name = :name "
            f"AND current_stage <> 'Deleted_Internal' {which} ORDER BY version DESC LIMIT 1",
            name=name, **({"version": int(version)} if version is not None else {}),
        )  # fmt: skip
        if not rows:
            missing = f"version {version}" if version else "versions"
            raise NotFound(f"model {name!r} has no {missing}", code="model.version_not_found")
        row = rows[0]
        return self._found(name, str(row["version"]), str(row["storage_location"] or row["source"]))

    def _logged(self, model_id: str, actor: Actor) -> FoundModel:
        rows = self._rows(
            "SELECT m.name, m.artifact_location, e.name AS experiment FROM logged_models m "
            "JOIN experiments e ON e.experiment_id = m.experiment_id WHERE m.model_id = :id",
            id=model_id,
        )
        self._check_experiment(rows, actor, f"logged model {model_id!r}")
        return self._found(str(rows[0]["name"]), model_id, str(rows[0]["artifact_location"]))

    def _of_run(self, run_id: str, path: str, actor: Actor) -> FoundModel:
        if not run_id or not path:
            raise InvalidInput("runs:/ needs a run and a path", code="model.reference", hint=f"write {_FORMS}")
        rows = self._rows(
            "SELECT r.artifact_uri, e.name AS experiment FROM runs r "
            "JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.run_uuid = :id",
            id=run_id,
        )
        self._check_experiment(rows, actor, f"run {run_id!r}")
        logged = self._rows(
            "SELECT artifact_location FROM logged_models WHERE source_run_id = :id AND name = :path "
            "ORDER BY creation_timestamp_ms DESC LIMIT 1",
            id=run_id, path=path,
        )  # fmt: skip
        source = str(logged[0]["artifact_location"]) if logged else f"{rows[0]['artifact_uri']}/{path}"
        return self._found(path.replace("/", "_"), run_id[:8], source)

    def _check_experiment(self, rows: Sequence[Any], actor: Actor, what: str) -> None:
        missing = NotFound(f"{what} does not exist", code="model.not_found")
        if not rows:
            raise missing
        try:
            self._catalog.resolve(rows[0]["experiment"], actor, Permission.READ, kind=Kind.EXPERIMENT)
        except NotFound:
            raise missing from None  # the experiment's name is not theirs to know

    def _found(self, name: str, version: str, source: str) -> FoundModel:
        below = source.removeprefix(ARTIFACT_SCHEME).strip("/")
        folder = (self._artifacts / below).resolve()
        ours = source.startswith(ARTIFACT_SCHEME) and folder.is_relative_to(self._artifacts.resolve())
        if not ours or folder == self._artifacts.resolve():
            raise InvalidInput(
                f"version {version} of model {name!r} lies at {source!r}, which is not gureum's to load",
                code="model.source",
                hint="log the model in a run here and register it from there",
            )
        if not (folder / "MLmodel").is_file():
            raise NotFound(f"version {version} of model {name!r} has no MLmodel file", code="model.files_not_found")
        return FoundModel(name, version, source, folder)

    @functools.cached_property
    def _engine(self) -> Engine:
        return create_engine(self._url)

    def _rows(self, sql: str, **parameters: Any) -> Sequence[Any]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(text(sql), parameters).mappings().all()
        except (OperationalError, ProgrammingError):
            # No tables yet: MLflow makes them when it is first asked, so nothing is registered.
            if self._has_tables():
                raise
            return []

    def _has_tables(self) -> bool:
        from sqlalchemy import inspect

        path = self._engine.url.database
        if self._engine.dialect.name == "sqlite" and (path is None or not Path(path).exists()):
            return False
        return inspect(self._engine).has_table("model_versions")
