"""Experiments: their runs, and the best of them."""

from __future__ import annotations

from typing import Annotated

import typer

from gureum.cli.connect import open_client
from gureum.cli.options import Folder, Json, Limit, Url
from gureum.cli.run import show_run
from gureum.cli.show import ago, print_json, show_rows

__all__ = ["experiment_app"]

experiment_app = typer.Typer(no_args_is_help=True, help="Experiments: their runs, and the best of them.")

Filter = Annotated[str, typer.Option("--filter", help="Such as \"metrics.auc > 0.9 and params.depth = '3'\".")]


@experiment_app.command("list")
def experiment_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The experiments that you may read, the last used first."""
    with open_client(folder, url) as client:
        show_rows(client.experiments(), as_json, name=None, id=None, runs=None, running=None,
              last=lambda r: ago(r["last_run_at_ms"]), owner=None)  # fmt: skip


@experiment_app.command("show")
def experiment_show(
    name: str,
    only: Filter = "",
    sort: Annotated[str | None, typer.Option(help="A field such as metrics.auc; the newest first by default.")] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="The smallest first.")] = False,
    limit: Limit = 20,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """The leaderboard: runs with the metrics and parameters that most of them have."""
    with open_client(folder, url) as client:
        experiment_id = client.experiment(name).describe()["id"]
        page = client.request(
            "GET", f"/experiments/{experiment_id}/runs",
            params={"filter": only, "sort": sort, "descending": not ascending, "limit": limit},
        )  # fmt: skip
    if as_json:
        print_json(page)
        return
    runs = page["runs"]
    rows = [
        {"run": run_id, "name": runs["name"][i], "status": runs["status"][i], "started": ago(runs["started_at_ms"][i])}
        | {column["name"]: column["values"][i] for column in page["columns"]}
        for i, run_id in enumerate(runs["id"])
    ]
    show_rows(rows, as_json)


@experiment_app.command("best")
def experiment_best(
    name: str,
    metric: Annotated[str, typer.Argument(help="The metric's name, such as auc.")],
    minimize: Annotated[
        bool | None, typer.Option("--minimize/--maximize", help="Which is better; by the metric's name by default.")
    ] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """The run with the best value of a metric."""
    with open_client(folder, url) as client:
        best = client.experiment(name).best(metric, maximize=None if minimize is None else not minimize)
        show_run(best.describe(), as_json)
