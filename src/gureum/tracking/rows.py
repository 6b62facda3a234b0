"""The columns of MLflow's tables that we read, as its migrations make them.

Called by `filters.py`, `leaderboard.py` and `models.py`; no MLflow is loaded. `tests/unit/tracking/test_leaderboard.py` reads
tables that MLflow itself has made by them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, String, Table

__all__ = [
    "ALIASES",
    "DATASETS",
    "EXPERIMENTS",
    "INPUTS",
    "LATEST",
    "LOGGED_MODELS",
    "METRICS",
    "PARAMS",
    "REGISTERED",
    "RUNS",
    "TAGS",
    "VERSIONS",
    "metadata",
]

metadata = MetaData()

EXPERIMENTS = Table(
    "experiments",
    metadata,
    Column("experiment_id", Integer, primary_key=True),
    Column("name", String(256)),
    Column("lifecycle_stage", String(32)),
    Column("creation_time", BigInteger),
    Column("last_update_time", BigInteger),
)
RUNS = Table(
    "runs",
    metadata,
    Column("run_uuid", String(32), primary_key=True),
    Column("name", String(250)),
    Column("user_id", String(256)),
    Column("status", String(20)),
    Column("start_time", BigInteger),
    Column("end_time", BigInteger),
    Column("lifecycle_stage", String(20)),
    Column("artifact_uri", String(200)),
    Column("experiment_id", Integer),
)
METRICS = Table(
    "metrics",
    metadata,
    Column("run_uuid", String(32), primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("timestamp", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("value", Float(53), primary_key=True),
    Column("is_nan", Boolean, primary_key=True),
)
LATEST = Table(
    "latest_metrics",
    metadata,
    Column("run_uuid", String(32), primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("timestamp", BigInteger),
    Column("step", BigInteger),
    Column("value", Float(53)),
    Column("is_nan", Boolean),
)
PARAMS = Table(
    "params",
    metadata,
    Column("run_uuid", String(32), primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", String(8000)),
)
TAGS = Table(
    "tags",
    metadata,
    Column("run_uuid", String(32), primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", String(8000)),
)
DATASETS = Table(
    "datasets",
    metadata,
    Column("dataset_uuid", String(36), primary_key=True),
    Column("name", String(500)),
    Column("digest", String(36)),
    Column("dataset_source_type", String(36)),
)
INPUTS = Table(
    "inputs",
    metadata,
    Column("source_type", String(36), primary_key=True),
    Column("source_id", String(36), primary_key=True),
    Column("destination_type", String(36), primary_key=True),
    Column("destination_id", String(36), primary_key=True),
)
REGISTERED = Table(
    "registered_models",
    metadata,
    Column("name", String(256), primary_key=True),
    Column("creation_time", BigInteger),
    Column("last_updated_time", BigInteger),
    Column("description", String(5000)),
)
VERSIONS = Table(
    "model_versions",
    metadata,
    Column("name", String(256), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("creation_time", BigInteger),
    Column("last_updated_time", BigInteger),
    Column("description", String(5000)),
    Column("user_id", String(256)),
    Column("source", String(500)),
    Column("storage_location", String(500)),
    Column("run_id", String(32)),
    Column("status", String(20)),
    Column("status_message", String(500)),
    Column("current_stage", String(20)),
)
LOGGED_MODELS = Table(
    "logged_models",
    metadata,
    Column("model_id", String(34), primary_key=True),
    Column("experiment_id", Integer),
    Column("name", String(500)),
    Column("artifact_location", String(1000)),
    Column("source_run_id", String(32)),
)
ALIASES = Table(
    "registered_model_aliases",
    metadata,
    Column("name", String(256), primary_key=True),
    Column("alias", String(256), primary_key=True),
    Column("version", Integer),
)
