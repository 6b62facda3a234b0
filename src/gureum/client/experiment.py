"""An experiment, as the SDK sees it: make a run that captures by itself, find, compare and choose among the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from gureum.client.run import Run, metric_value
from gureum.client.transport import Transport
from gureum.errors import NotFound

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Experiment", "is_maximized"]

# As the door: more comes in several requests.
PAGE_RUNS_MAX = 10_000

# A metric whose name has one of these words is the better the smaller it is.
SMALLER_IS_BETTER = frozenset(
    {
        "loss", "error", "err", "mae", "mse", "rmse", "mape", "smape", "logloss", "cost", "perplexity", "brier", "deviance",
        "latency", "time", "duration", "fpr", "fnr",
    }
)  # fmt: skip


class Experiment:
    """An experiment by name; asking the server happens in the methods."""

    def __init__(self, transport: Transport, name: str, tracking_uri: Callable[[], str]) -> None:
        self._transport = transport
        self._tracking_uri = tracking_uri
        self.name = name

    def describe(self) -> dict[str, Any]:
        """Id, owner, number of runs. Raises NotFound with near names; the first `run()` makes the experiment."""
        found: dict[str, Any] = self._transport.json("GET", "/experiments", params={"name": self.name})[0]
        return found

    def run(
        self,
        name: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        autolog: bool | Mapping[str, Any] = True,
    ) -> AbstractContextManager[Any]:
        """A block in which MLflow tracks a run here: `with g.experiment("churn").run(): model.fit(...)`.

        Gives MLflow's own active run; `mlflow.log_metric` and the like work as ever. By itself it captures the installed
        packages, the git commit, the user, and the tables and versions that `g.sql` and `g.table` read; with `autolog`
        also what MLflow knows of the learner's library; a mapping is its options, such as {"log_models": False}.
        """
        from gureum.client.tracked import tracked_run  # asks git and packages: only for those who track

        return tracked_run(
            self._transport, self._tracking_uri(), self.name, name=name, tags=tags or {}, autolog=autolog
        )

    def to_pandas(self, *, filter: str = "", sort: str | None = None) -> pd.DataFrame:  # noqa: A002 - MLflow's word
        """All runs as rows: run_id, name, user, status, started_at, ended_at, then metrics.*, params.*, tags.*.

        `filter` is MLflow's, such as "metrics.auc > 0.9 and params.depth = '3'".
        """
        import pandas as pd  # heavy: only for those who want a frame

        pages = [_frame(page) for page in self._pages(filter=filter, sort=sort, columns=["*"])]
        return pd.concat(pages, ignore_index=True) if len(pages) > 1 else pages[0]

    def runs(
        self,
        *,
        filter: str = "",  # noqa: A002
        sort: str | None = None,
        descending: bool = True,
        limit: int = 100,
    ) -> list[Run]:
        """Some runs, the newest first or by a field such as 'metrics.auc'."""
        page = self._page(filter=filter, sort=sort, descending=descending, limit=limit, column=["attributes.name"])
        return [Run(self._transport, run_id) for run_id in page["runs"]["id"]]

    def compare(self, runs: Sequence[str | Run]) -> pd.DataFrame:
        """Fields as rows, runs as columns, and whether they differ, those that do first."""
        import pandas as pd  # heavy: only for those who want a frame

        ids = [run if isinstance(run, str) else run.id for run in runs]
        page = self._page(run=ids, column=["*"], limit=max(1, len(ids)))
        missing = set(ids) - set(page["runs"]["id"])
        if missing:
            raise NotFound(
                f"experiment {self.name!r} has no run {min(missing)!r}", code="run.not_found",
                hint="is it of another experiment?",
            )  # fmt: skip
        frame = _frame(page).set_index("run_id").loc[ids]
        fields = frame[[name for name in frame.columns if name.startswith(("metrics.", "params.", "tags."))]].T
        fields.columns.name = None
        differs = fields.apply(lambda row: row.nunique(dropna=False) > 1, axis=1)
        fields.insert(0, "differs", differs.astype(bool) if len(fields) else pd.Series(dtype=bool))
        return fields.sort_values("differs", ascending=False, kind="stable")

    def best(self, metric: str, *, maximize: bool | None = None, filter: str = "") -> Run:  # noqa: A002
        """The run with the best last value of a metric; a loss or an error is the better the smaller, unless you say.

        Raises NotFound when no run has the metric.
        """
        larger = is_maximized(metric) if maximize is None else maximize
        field = f"metrics.{metric}"
        page = self._page(filter=filter, sort=field, descending=larger, limit=1, column=[field])
        found = page["columns"][0]["values"] if page["columns"] else []
        if not found or found[0] is None or found[0] == "NaN":
            known = ", ".join(page["known"]["metrics"][:10]) or "none yet"
            raise NotFound(
                f"no run of experiment {self.name!r} has the metric {metric!r}", code="run.metric",
                hint=f"its metrics are {known}",
            )  # fmt: skip
        return Run(self._transport, page["runs"]["id"][0])

    def _pages(self, *, filter: str, sort: str | None, columns: list[str]) -> Iterator[dict[str, Any]]:  # noqa: A002
        experiment_id = self.describe()["id"]
        offset = 0
        while True:
            page = self._page(
                experiment_id=experiment_id,
                filter=filter,
                sort=sort,
                column=columns,
                offset=offset,
                limit=PAGE_RUNS_MAX,
            )
            yield page
            offset += PAGE_RUNS_MAX
            if offset >= page["total"]:
                return

    def _page(self, *, experiment_id: str | None = None, **params: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._transport.json(
            "GET", f"/experiments/{experiment_id or self.describe()['id']}/runs", params=params
        )
        return found

    def __repr__(self) -> str:
        return f"<experiment {self.name}>"


def is_maximized(metric: str) -> bool:
    """Whether more of a metric is better, by its name: 'val_loss' and 'eval/rmse' are not, 'auc' is."""
    words = "".join(char if char.isalnum() else " " for char in metric.lower()).split()
    return not SMALLER_IS_BETTER.intersection(words)


def _frame(page: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    runs = page["runs"]
    columns: dict[str, Any] = {
        "run_id": runs["id"], "name": runs["name"], "user": runs["user"], "status": runs["status"],
        "started_at": pd.to_datetime(pd.Series(runs["started_at_ms"], dtype="Int64"), unit="ms", utc=True),
        "ended_at": pd.to_datetime(pd.Series(runs["ended_at_ms"], dtype="Int64"), unit="ms", utc=True),
    }  # fmt: skip
    for column in page["columns"]:
        values = column["values"]
        if column["kind"] == "metrics":
            values = pd.Series([None if value is None else metric_value(value) for value in values], dtype="float64")
        columns[f"{column['kind']}.{column['name']}"] = values
    return pd.DataFrame(columns)
