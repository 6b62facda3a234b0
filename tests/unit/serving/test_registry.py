"""Names of models to folders: only for who may read them, and only to what lies below our own artifact root."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.errors import InvalidInput, NotFound
from gureum.names import Kind
from gureum.serving.registry import Registry
from gureum.settings import Settings
from gureum.types import Actor, Role

ANNA, BOB = Actor("anna", Role.EDITOR), Actor("bob", Role.EDITOR)

# Of MLflow's tables what is read; tests/conformance/test_serving.py reads MLflow's own.
TABLES = """
CREATE TABLE model_versions (name TEXT, version INTEGER, source TEXT, storage_location TEXT, run_id TEXT,
  current_stage TEXT, creation_time INTEGER, last_updated_time INTEGER, description TEXT);
CREATE TABLE registered_model_aliases (name TEXT, alias TEXT, version INTEGER);
CREATE TABLE logged_models (model_id TEXT, experiment_id INTEGER, name TEXT, artifact_location TEXT, source_run_id TEXT,
  creation_timestamp_ms INTEGER);
CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
CREATE TABLE runs (run_uuid TEXT, experiment_id INTEGER, artifact_uri TEXT);
INSERT INTO experiments VALUES (1, 'study');
INSERT INTO runs VALUES ('r1', 1, 'mlflow-artifacts:/1/r1/artifacts');
INSERT INTO registered_model_aliases VALUES ('churn', 'champion', 1);
"""
ID = "m-" + "0" * 32


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    platform = Platform(Settings(folder=tmp_path))
    platform.catalog.create("churn", ANNA, kind=Kind.MODEL, spec={})
    platform.catalog.create("study", ANNA, kind=Kind.EXPERIMENT, spec={})
    for below in ("1/models/a/artifacts", "1/models/b/artifacts", "1/r1/artifacts/old"):
        folder = tmp_path / "artifacts" / below
        folder.mkdir(parents=True)
        (folder / "MLmodel").touch()
    (tmp_path / "MLmodel").touch()
    with sqlite3.connect(tmp_path / "tracking.db") as database:
        database.executescript(TABLES)
        for version, below in ((1, "1/models/a/artifacts"), (2, "1/models/b/artifacts")):
            add(database, version, f"mlflow-artifacts:/{below}")
        database.execute(
            f"INSERT INTO logged_models VALUES ('{ID}', 1, 'm', 'mlflow-artifacts:/1/models/a/artifacts', 'r1', 0)"
        )
    database.close()
    yield platform.registry
    platform.close()


def add(database: sqlite3.Connection, version: int, source: str) -> None:
    database.execute(
        "INSERT INTO model_versions VALUES ('churn', ?, 'models:/m-1', ?, NULL, 'None', 0, 0, NULL)", (version, source)
    )


@pytest.mark.parametrize(
    ("reference", "version", "below"),
    [
        ("churn", "2", "1/models/b/artifacts"),
        ("churn/1", "1", "1/models/a/artifacts"),
        ("churn@champion", "1", "1/models/a/artifacts"),
        ("models:/churn/2", "2", "1/models/b/artifacts"),
        ("models:/churn@champion", "1", "1/models/a/artifacts"),
        (f"models:/{ID}", ID, "1/models/a/artifacts"),
        ("runs:/r1/m", "r1", "1/models/a/artifacts"),
        ("runs:/r1/old", "r1", "1/r1/artifacts/old"),
    ],
)
def test_every_way_to_say_a_model(registry: Registry, tmp_path: Path, reference: str, version: str, below: str):
    found = registry.find(reference, ANNA)
    assert (found.version, found.folder) == (version, tmp_path / "artifacts" / below)
    with pytest.raises(NotFound) as error:
        registry.find(reference, BOB)
    assert "study" not in str(error.value)


@pytest.mark.parametrize("reference", ["", "churn/x", "churn/1@champion", "runs:/r1", "runs:/"])
def test_what_names_no_model_says_how_to_write_one(registry: Registry, reference: str):
    with pytest.raises((InvalidInput, NotFound)):
        registry.find(reference, ANNA)


def test_what_is_not_there_is_named(registry: Registry):
    with pytest.raises(NotFound, match="no version 9"):
        registry.find("churn/9", ANNA)
    with pytest.raises(NotFound, match="did you mean 'champion'"):
        registry.find("churn@champio", ANNA)
    with pytest.raises(NotFound, match="did you mean 'churn'"):
        registry.find("chrun", ANNA)


@pytest.mark.parametrize(
    "source",
    ["file:///etc", "mlflow-artifacts:/../", "mlflow-artifacts:/", "s3://else/model", "mlflow-artifacts:/1/../.."],
)
def test_a_version_whose_files_are_not_ours_is_not_loaded(registry: Registry, tmp_path: Path, source: str):
    with sqlite3.connect(tmp_path / "tracking.db") as database:
        add(database, 3, source)
    database.close()
    with pytest.raises(InvalidInput, match="not gureum's to load"):
        registry.find("churn/3", ANNA)


def test_without_mlflows_tables_there_are_no_models(tmp_path: Path):
    platform = Platform(Settings(folder=tmp_path))
    platform.catalog.create("churn", SYSTEM, kind=Kind.MODEL, spec={})
    with pytest.raises(NotFound, match="has no versions"):
        platform.registry.find("churn", SYSTEM)
    platform.close()
