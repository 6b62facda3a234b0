"""What `gureum.connect()` and `gureum.open()` give: the nouns of one platform, as one user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from gureum.client.autopilot import Fit, start_fit, start_tuning
from gureum.client.endpoint import Endpoint
from gureum.client.experiment import Experiment
from gureum.client.monitor import Monitor
from gureum.client.query import Query
from gureum.client.result import Rows
from gureum.client.run import Run
from gureum.client.stream import Stream
from gureum.client.table import Table
from gureum.client.task import Task
from gureum.client.transport import Transport

__all__ = ["Client"]


class Client:
    """The platform's nouns by name. Cheap: nothing is asked before a method of a noun is called."""

    def __init__(
        self,
        transport: Transport,
        *,
        close: Callable[[], None] | None = None,
        reachable: Callable[[], str] | None = None,
    ) -> None:
        """`reachable` gives an address for other clients where `transport` itself has none, as in library mode."""
        self._transport = transport
        self._close = close
        self._reachable = reachable

    @property
    def url(self) -> str:
        return self._transport.url

    @property
    def tracking_uri(self) -> str:
        """Where MLflow's client finds this platform: for MLFLOW_TRACKING_URI, with a token in MLFLOW_TRACKING_TOKEN."""
        return (self._reachable() if self._reachable else self._transport.url) + "/mlflow"

    def stream(self, name: str) -> Stream:
        return Stream(self._transport, name)

    def table(self, name: str) -> Table:
        return Table(self._transport, name)

    def sql(self, sql: Any, parameters: Sequence[Any] | None = None, *, timeout_s: float | None = None) -> Rows:
        """Run SQL text, or an Ibis expression over tables, and return its rows (of a script: those of the last statement).

        Raises InvalidInput whose `details` hold line and column, NotFound, PermissionDenied, LimitExceeded.
        """
        text = sql
        if not isinstance(sql, str):
            from gureum.client.expression import table_sql  # heavy: only for those who use Ibis

            text = table_sql(sql)
        body = {"sql": text, "parameters": list(parameters) if parameters else None, "timeout_s": timeout_s}
        return Rows(self._transport.arrow("/sql", body=body))

    def query(
        self,
        name: str,
        sql: Any = None,
        *,
        into: str | None = None,
        notify: str | Sequence[str] | None = None,
        when: str | None = None,
        key: Sequence[str] | None = None,
        checkpoint_s: float = 5.0,
        watermarks: Mapping[str, str] | None = None,
    ) -> Query:
        """A standing query: `sql` is a script, or an Ibis expression over streams. `start()` leaves it standing.

        `into`: the table, or 'stream:<name>', that its rows are appended to. `notify`: 'log', 'stream:<name>' or a
        destination's name, told once when a `key` crosses into `when` and once when it is back; without `when` the query's
        last filter is the threshold, without `key` the group-by columns are.
        """
        return Query(
            self._transport, name, sql, into=into, notify=notify, when=when, key=key, checkpoint_s=checkpoint_s,
            watermarks=watermarks,
        )  # fmt: skip

    def monitor(self, name: str) -> Monitor:
        return Monitor(self._transport, name)

    def monitors(self) -> list[dict[str, Any]]:
        return self._list("/monitors")

    def autopilot(
        self,
        name: str,
        *,
        table: str,
        target: str,
        task: str = "auto",
        metric: str = "auto",
        budget_s: float = 60.0,
        runtime: str | None = None,
        **options: Any,
    ) -> Fit:
        """Find the best model for a column of a table (or a SELECT), on the server; the model is registered as `name`.

        Options are those of `gureum.autopilot.fit`. `wait()` gives the result, `leaderboard()` shows how far it is.
        """
        return start_fit(
            self._transport, name, table=table, target=target, task=task, metric=metric, budget_s=budget_s,
            runtime=runtime, options=options,
        )  # fmt: skip

    def tuning(
        self,
        name: str,
        *,
        table: str,
        target: str,
        task: str = "auto",
        metric: str | None = None,
        trials: int | None = None,
        budget_s: float | None = None,
        n_jobs: int = 1,
        runtime: str | None = None,
    ) -> Fit:
        """Search over model families and their parameters for the best on a table (or a SELECT), on the server."""
        body = {
            "table": table, "target": target, "task": task, "metric": metric, "trials": trials, "budget_s": budget_s,
            "n_jobs": n_jobs, "runtime": runtime,
        }  # fmt: skip
        return start_tuning(self._transport, name, body)

    def task(self, task_id: str) -> Task:
        return Task(self._transport, task_id)

    def tasks(self, *, kind: str | None = None, name: str | None = None) -> list[dict[str, Any]]:
        """What runs, waits or has ended of one's own long work, newest first."""
        found: list[dict[str, Any]] = self._transport.json("GET", "/tasks", params={"kind": kind, "name": name})
        return found

    def experiment(self, name: str) -> Experiment:
        """Runs that belong together; `with g.experiment("churn").run():` tracks one more."""
        return Experiment(self._transport, name, lambda: self.tracking_uri)

    def run(self, run_id: str) -> Run:
        """One run of any experiment."""
        return Run(self._transport, run_id)

    def endpoint(self, name: str) -> Endpoint:
        """A model behind an endpoint: `deploy`, `predict`, `label`, `rollback`."""
        return Endpoint(self._transport, name)

    def score(self, table: str, model: str, *, into: str) -> dict[str, Any]:
        """Predict for every row of a table, and write the rows with a column `prediction` to the new table `into`.

        `model` as in `Endpoint.deploy`. Raises InvalidInput that names the column that the model misses.
        """
        body = {"table": table, "model": model, "into": into}
        scored: dict[str, Any] = self._transport.json("POST", "/score", body=body)
        return scored

    def endpoints(self) -> list[dict[str, Any]]:
        return self._list("/endpoints")

    def runtimes(self) -> list[dict[str, Any]]:
        """The locked environments that tasks may name, and which of them are installed."""
        return self._list("/runtimes")

    def streams(self) -> list[dict[str, Any]]:
        return self._list("/streams")

    def tables(self) -> list[dict[str, Any]]:
        return self._list("/tables")

    def queries(self) -> list[dict[str, Any]]:
        return self._list("/queries")

    def dashboards(self) -> list[dict[str, Any]]:
        return self._list("/dashboards")

    def experiments(self) -> list[dict[str, Any]]:
        """The last used first."""
        return self._list("/experiments")

    def models(self) -> list[dict[str, Any]]:
        """The registered models, the last changed first."""
        return self._list("/models")

    def alerts(self) -> dict[str, Any]:
        """What fires now, and the newest crossings and recoveries."""
        alerts: dict[str, Any] = self._transport.json("GET", "/alerts")
        return alerts

    def status(self) -> dict[str, Any]:
        """Processes, problems, counts."""
        status: dict[str, Any] = self._transport.json("GET", "/status")
        return status

    def request(self, method: str, path: str, *, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """Any other route of the REST door, by its path below /api."""
        return self._transport.json(method, path, body=body, params=params)

    def upload(self, path: str, content: bytes) -> Any:
        """PUT bytes to a route below /api; its JSON answer."""
        return self._transport.put_bytes(path, content)

    def download(self, path: str) -> bytes:
        """The bytes of a route below /api."""
        return self._transport.get_bytes(path)

    def close(self) -> None:
        self._transport.close()
        if self._close is not None:
            self._close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _list(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._transport.json("GET", path)
        return found

    def __repr__(self) -> str:
        return f"<gureum at {self.url}>"
