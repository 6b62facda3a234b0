"""The one place that builds things: from settings to components, each made when it is first asked for.

Called by the processes, by `gureum.open` and by the command line. Nothing below it reads a setting or the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gureum.catalog.catalog import Catalog
from gureum.catalog.identity import Identity
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.catalog.seal import Seal
from gureum.clock import Clock, SystemClock
from gureum.jobs.tasks import Tasks
from gureum.monitor.monitors import Monitors
from gureum.settings import Settings
from gureum.store.database import Database, open_database
from gureum.streams.readers import Readers
from gureum.streams.streams import Streams
from gureum.streams.writer import LogWriter
from gureum.tracking.artifacts import Artifacts
from gureum.tracking.database import tracking_url
from gureum.tracking.leaderboard import Leaderboard
from gureum.tracking.models import Models
from gureum.tracking.reading import Reading

if TYPE_CHECKING:
    from gureum.serving.registry import Registry
    from gureum.sql.alert_outbox import AlertOutbox
    from gureum.sql.queries import Queries
    from gureum.sql.sql import Sql
    from gureum.sql.streaming.sinks import StreamWriter
    from gureum.tables.tables import Tables
    from gureum.tracking.hosted import MlflowApp

__all__ = ["Platform"]

AWS_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")


class Platform:
    """The components over one data folder. A process builds only those that it uses: idle memory counts."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.settings = settings
        self._environment = os.environ if environment is None else environment
        self.clock: Clock = clock or SystemClock()
        self.root: Path = settings.folder

    @cached_property
    def database(self) -> Database:
        return open_database(self.settings.metadata_url, folder=self.root, migrations=MIGRATIONS, metadata=metadata)

    @cached_property
    def seal(self) -> Seal:
        return Seal.open(self.root / "secret.key")

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog(self.database, clock=self.clock)

    @cached_property
    def identity(self) -> Identity:
        return Identity(self.database, seal=self.seal, clock=self.clock)

    @cached_property
    def streams(self) -> Streams:
        return Streams(self.catalog, clock=self.clock)

    @cached_property
    def readers(self) -> Readers:
        return Readers(self.root / "streams")

    @cached_property
    def tables(self) -> Tables:
        from gureum.tables.tables import Tables  # heavy (delta-rs, Arrow): only for processes that touch tables

        return Tables(self.catalog, root=self.tables_root, storage=self.storage)

    @cached_property
    def sql(self) -> Sql:
        from gureum.sql.engine import EnginePool  # heavy (DuckDB): only for processes that run SQL
        from gureum.sql.sql import Sql

        settings = self.settings
        pool = EnginePool(
            tables_root=self.tables_root,
            spill_folder=self.root / "spill",
            memory_mb=settings.sql_memory_mb,
            engines=settings.sql_statements_max,
            storage=self.storage,
        )
        return Sql(self.tables, pool, timeout_s=settings.sql_timeout_s)

    @cached_property
    def tasks(self) -> Tasks:
        return Tasks(self.database, clock=self.clock)

    @cached_property
    def monitors(self) -> Monitors:
        return Monitors(self.catalog, self.tasks, folder=self.root / "monitors", clock=self.clock)

    @cached_property
    def storage(self) -> dict[str, str]:
        """How object storage is reached, by the variables that AWS' own tools read. Empty for a local disk."""
        if not self.settings.objects_url:
            return {}
        given = {name: self._environment[name] for name in AWS_VARIABLES if self._environment.get(name)}
        endpoint = self._environment.get("AWS_ENDPOINT_URL_S3") or given.get("AWS_ENDPOINT_URL")
        region = given.get("AWS_REGION") or self._environment.get("AWS_DEFAULT_REGION") or "us-east-1"
        if endpoint:
            given |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower()}
        return {**given, "AWS_REGION": region}

    @property
    def tables_root(self) -> str:
        return (
            f"{self.settings.objects_url.rstrip('/')}/tables"
            if self.settings.objects_url
            else str(self.root / "tables")
        )

    def open_queries(self, writer: StreamWriter) -> tuple[Queries, AlertOutbox]:
        """The standing queries and the outbox of their alerts: only one process may have them."""
        from gureum.sql.alert_outbox import AlertOutbox  # heavy, as `tables`
        from gureum.sql.queries import Queries

        outbox = AlertOutbox(self.database, catalog=self.catalog, seal=self.seal, writer=writer, clock=self.clock)
        queries = Queries(
            catalog=self.catalog,
            identity=self.identity,
            streams=self.streams,
            tables=self.tables,
            writer=writer,
            outbox=outbox,
            streams_root=self.root / "streams",
            folder=self.root / "queries",
            clock=self.clock,
        )
        return queries, outbox

    @property
    def tracking_url(self) -> str:
        return tracking_url(self.settings.metadata_url, self.root)

    def open_mlflow(self) -> MlflowApp:
        """MLflow's application; once in a process, for MLflow keeps its stores in module variables."""
        from gureum.tracking.hosted import open_mlflow  # heavy (MLflow): only for the process that hosts it

        return open_mlflow(url=self.tracking_url, artifacts=self.artifacts_folder, catalog=self.catalog)

    @cached_property
    def tracking_rows(self) -> Reading:
        return Reading(self.tracking_url)

    @cached_property
    def leaderboard(self) -> Leaderboard:
        return Leaderboard(self.tracking_rows, self.catalog)

    @cached_property
    def models(self) -> Models:
        return Models(self.tracking_rows, self.catalog)

    @property
    def artifacts(self) -> Artifacts:
        return Artifacts(self.artifacts_folder)

    @property
    def artifacts_folder(self) -> Path:
        return self.root / "artifacts"

    @cached_property
    def registry(self) -> Registry:
        from gureum.serving.registry import Registry  # only for the process that deploys models

        return Registry(self.tracking_url, artifacts=self.root / "artifacts", catalog=self.catalog)

    def open_writer(self) -> LogWriter:
        """The writer of the streams' logs: only one process may have it."""
        return LogWriter(self.root / "streams", clock=self.clock)

    def close(self) -> None:
        """Let go of what was opened."""
        if "tracking_rows" in self.__dict__:
            self.tracking_rows.close()
        if "catalog" in self.__dict__:
            self.catalog.close()
        if "database" in self.__dict__:
            self.database.close()
