"""MLflow's SQL store, in WAL mode, with its two slow paths done by plain SQL: searching runs and writing batches.

Built by `hosted.py`. Promise: filters, orders, page tokens and errors are MLflow's own (its parser makes the clauses), and
so is what a batch leaves in its tables; `tests/unit/tracking/test_store.py` holds both beside MLflow's store. A batch is one
transaction: all of it is written, or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from mlflow.entities import LifecycleStage, Metric, Param, Run, RunData, RunInfo, RunInputs, RunOutputs, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from mlflow.store.tracking.sqlalchemy_store import (
    SqlAlchemyStore,
    _get_orderby_clauses,
    _get_sqlalchemy_filter_clauses,
)
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from mlflow.utils.search_utils import SearchUtils
from mlflow.utils.validation import (
    _parse_experiment_ids,
    _validate_batch_log_data,
    _validate_batch_log_limits,
    _validate_param_keys_unique,
    _validate_run_id,
)
from sqlalchemy import Table, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gureum.tracking.database import use_wal

__all__ = ["TrackingStore", "make_tables"]

# Runs whose metrics, parameters and tags are read by one SELECT: long enough to be few, short enough to be compiled once.
RUNS_PER_SELECT = 500

# Rows of one INSERT: seven values each stay below PostgreSQL's 65,535 and SQLite's 250,000 variables.
ROWS_PER_INSERT = 1_000

RUNS, METRICS, LATEST, PARAMS, TAGS = (
    model.__table__ for model in (SqlRun, SqlMetric, SqlLatestMetric, SqlParam, SqlTag)
)
RUN_COLUMNS = (
    RUNS.c.run_uuid, RUNS.c.name, RUNS.c.experiment_id, RUNS.c.user_id, RUNS.c.status, RUNS.c.start_time, RUNS.c.end_time,
    RUNS.c.lifecycle_stage, RUNS.c.artifact_uri,
)  # fmt: skip


def make_tables(url: str) -> None:
    """Bring an empty database to MLflow's newest schema."""
    engine = create_sqlalchemy_engine(url)
    try:
        _initialize_tables(engine)
    finally:
        engine.dispose()


class TrackingStore(SqlAlchemyStore):
    """Runs, metrics and parameters in SQLite or PostgreSQL."""

    def __init__(self, url: str, artifact_root: str) -> None:
        super().__init__(url, artifact_root)  # type: ignore[no-untyped-call]
        use_wal(self.engine)
        self._insert: Any = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert

    # --- searching ---------------------------------------------------------------------------------------------------

    def _search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: Sequence[str] | None,
        page_token: str | None,
    ) -> tuple[list[Run], bytes | None]:
        """A page of runs and the next page's token. The ids come first, by themselves: MLflow sorts whole rows of all runs."""
        inherited: Any = self  # MLflow's methods have no types
        inherited._validate_max_results_param(max_results, allow_null=True)
        stages = set(LifecycleStage.view_type_to_stages(run_view_type))
        with self.ManagedSessionMaker() as session:
            extra, order, sorting_joins = _get_orderby_clauses(order_by, session)
            attributes, others, datasets = _get_sqlalchemy_filter_clauses(
                SearchUtils.parse_search_filter(filter_string), session, self.engine.dialect.name
            )
            # The start time is in the list because PostgreSQL wants what DISTINCT is ordered by there.
            statement: Any = select(SqlRun.run_uuid, SqlRun.start_time, *extra).select_from(SqlRun)
            for other in others:
                statement = statement.join(other)
            for dataset in datasets:
                statement = statement.join(dataset, SqlRun.run_uuid == dataset.c.destination_id)
            for joined in sorting_joins:
                statement = statement.outerjoin(joined)
            if datasets:  # only these joins can give a run twice
                statement = statement.distinct()
            offset = SearchUtils.parse_start_offset_from_page_token(page_token)
            within = inherited._filter_experiment_ids(session, _parse_experiment_ids(list(experiment_ids)))
            statement = statement.filter(
                RUNS.c.experiment_id.in_(within), RUNS.c.lifecycle_stage.in_(stages), *attributes
            ).order_by(*order)
            statement = statement.offset(offset)
            if max_results is not None:
                statement = statement.limit(max_results + 1)
            run_ids = [row[0] for row in session.execute(statement)]
            token = None
            if max_results is not None and len(run_ids) > max_results:
                run_ids = run_ids[:max_results]
                token = SearchUtils.create_page_token(offset + max_results)
            return self._runs(session, run_ids), token

    def _runs(self, session: Session, run_ids: list[str]) -> list[Run]:
        """The runs of these ids, in their order."""
        inherited: Any = self  # MLflow's methods have no types
        found: list[Run] = []
        for ids in _chunks(run_ids, RUNS_PER_SELECT):
            infos = {row.run_uuid: row for row in session.execute(select(*RUN_COLUMNS).where(RUNS.c.run_uuid.in_(ids)))}
            metrics: dict[str, list[Metric]] = defaultdict(list)
            for run_id, key, value, at_ms, step, is_nan in session.execute(
                _of_runs(LATEST, ids, "key", "value", "timestamp", "step", "is_nan")
            ):
                metrics[run_id].append(Metric(key, float("nan") if is_nan else value, at_ms, step))
            params: dict[str, list[Param]] = defaultdict(list)
            for run_id, key, value in session.execute(_of_runs(PARAMS, ids, "key", "value")):
                params[run_id].append(Param(key, value))
            tags: dict[str, list[RunTag]] = defaultdict(list)
            for run_id, key, value in session.execute(_of_runs(TAGS, ids, "key", "value")):
                tags[run_id].append(RunTag(key, value))
            inputs = inherited._get_run_inputs(session, ids)
            outputs = inherited._get_model_outputs_bulk(ids, session)
            for run_id, datasets in zip(ids, inputs, strict=True):
                data = RunData(metrics[run_id], params[run_id], tags[run_id])
                info = _info(infos[run_id], data)
                found.append(
                    Run(info, data, RunInputs(dataset_inputs=datasets), RunOutputs(model_outputs=outputs[run_id]))
                )
        return found

    # --- writing -----------------------------------------------------------------------------------------------------

    def log_batch(
        self, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
    ) -> None:
        """Add metrics, parameters and tags in one transaction. Raises MlflowException as MLflow's own store does."""
        _validate_run_id(run_id)
        metrics, params, tags = _validate_batch_log_data(metrics, params, tags)
        _validate_batch_log_limits(metrics, params, tags)
        _validate_param_keys_unique(params)
        inherited: Any = self  # MLflow's methods have no types
        inherited._run_with_deadlock_retry(self._log_batch_once, run_id, metrics, params, tags)
        of_models = [metric for metric in metrics if metric.model_id is not None]
        if of_models:
            experiment_id = inherited.get_run(run_id).info.experiment_id
            self._log_model_metrics(run_id, of_models, experiment_id=experiment_id)
        for tag in tags:
            if tag.key == MLFLOW_RUN_NAME:  # it is in the run's own row too
                inherited.set_tag(run_id, tag)

    def _log_batch_once(
        self, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
    ) -> None:
        with self.ManagedSessionMaker(read_only=False) as session:
            _check_active(session, run_id)
            self._add_params(session, run_id, params)
            self._add_metrics(session, run_id, metrics)
            self._put_tags(session, run_id, tags)

    def _log_metrics_once(self, run_id: str, metrics: Sequence[Metric]) -> None:
        """What `log_metric` comes to; it has validated nothing yet."""
        metrics, _, _ = _validate_batch_log_data(metrics, [], [])
        self._log_batch_once(run_id, metrics, [], [])

    def _add_metrics(self, session: Session, run_id: str, metrics: Sequence[Metric]) -> None:
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}  # by identity: what is there already is not there twice
        latest: dict[str, dict[str, Any]] = {}
        for metric in metrics:
            is_nan, value = self.sanitize_metric_value(metric.value)
            row = {
                "key": metric.key, "value": value, "timestamp": metric.timestamp, "step": metric.step, "is_nan": is_nan,
                "run_uuid": run_id,
            }  # fmt: skip
            rows.setdefault((metric.key, metric.timestamp, metric.step, value, is_nan), row)
            newest = latest.get(metric.key)
            if newest is None or _age(row) > _age(newest):
                latest[metric.key] = row
        for chunk in _chunks(list(rows.values()), ROWS_PER_INSERT):
            session.execute(self._insert(METRICS).on_conflict_do_nothing(), chunk)
        # By key, so that two batches at once lock the rows in one order.
        for chunk in _chunks([latest[key] for key in sorted(latest)], ROWS_PER_INSERT):
            added = self._insert(LATEST)
            new = added.excluded
            changed = {name: new[name] for name in ("value", "timestamp", "step", "is_nan")}
            newer = tuple_(new.step, new.timestamp, new.value) > tuple_(
                LATEST.c.step, LATEST.c.timestamp, LATEST.c.value
            )
            session.execute(
                added.on_conflict_do_update(index_elements=["key", "run_uuid"], set_=changed, where=newer), chunk
            )

    def _add_params(self, session: Session, run_id: str, params: Sequence[Param]) -> None:
        if not params:
            return
        rows = [{"key": param.key, "value": param.value, "run_uuid": run_id} for param in params]
        session.execute(self._insert(PARAMS).on_conflict_do_nothing(), rows)
        named = select(PARAMS.c.key, PARAMS.c.value).where(
            PARAMS.c.run_uuid == run_id, PARAMS.c.key.in_([param.key for param in params])
        )
        there: dict[str, str] = dict(session.execute(named).tuples().all())
        wrong = [
            {"key": param.key, "old_value": there[param.key], "new_value": param.value}
            for param in params
            if there[param.key] != param.value
        ]
        if wrong:
            raise MlflowException(
                f"Changing param values is not allowed. Params were already logged='{wrong}' for run ID='{run_id}'.",
                INVALID_PARAMETER_VALUE,
            )

    def _put_tags(self, session: Session, run_id: str, tags: Sequence[RunTag]) -> None:
        last = {tag.key: tag.value for tag in tags if tag.key != MLFLOW_RUN_NAME}
        if not last:
            return
        added = self._insert(TAGS)
        session.execute(
            added.on_conflict_do_update(index_elements=["key", "run_uuid"], set_={"value": added.excluded.value}),
            [{"key": key, "value": last[key], "run_uuid": run_id} for key in sorted(last)],
        )


def _check_active(session: Session, run_id: str) -> None:
    stage = session.execute(select(RUNS.c.lifecycle_stage).where(RUNS.c.run_uuid == run_id)).scalar_one_or_none()
    if stage is None:
        raise MlflowException(f"Run with id={run_id} not found", RESOURCE_DOES_NOT_EXIST)
    if stage != LifecycleStage.ACTIVE:
        raise MlflowException(
            f"The run {run_id} must be in the 'active' state. Current state is {stage}.", INVALID_PARAMETER_VALUE
        )


def _age(row: dict[str, Any]) -> tuple[int, int, float]:
    """Of two points of a metric the later one is its latest."""
    return row["step"], row["timestamp"], row["value"]


def _of_runs(table: Table, run_ids: Sequence[str], *columns: str) -> Any:
    return select(table.c.run_uuid, *(table.c[name] for name in columns)).where(table.c.run_uuid.in_(run_ids))


def _info(row: Any, data: RunData) -> RunInfo:
    return RunInfo(
        run_id=row.run_uuid,
        run_name=row.name or data.tags.get(MLFLOW_RUN_NAME) or row.name,
        experiment_id=str(row.experiment_id),
        user_id=row.user_id,
        status=row.status,
        start_time=row.start_time,
        end_time=row.end_time,
        lifecycle_stage=row.lifecycle_stage,
        artifact_uri=row.artifact_uri,
    )


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
