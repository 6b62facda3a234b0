"""Autopilot and tuning on the server: start one on a table, watch it, take what it hands over."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gureum.cli.connect import open_client, read_text
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import as_pairs, as_time, print_json, print_rows, show_done, show_rows
from gureum.errors import InvalidInput, NotFound

__all__ = ["autopilot_app", "tuning_app"]

autopilot_app = typer.Typer(no_args_is_help=True, help="Autopilot: the best model for a column of a table.")
tuning_app = typer.Typer(no_args_is_help=True, help="Tuning: the best parameters of model families for a table.")

Source = Annotated[str, typer.Argument(help="A table or a SELECT; @file or - reads it.")]
Target = Annotated[str, typer.Argument(help="The column to predict.")]
Learning = Annotated[str, typer.Option("--task", help="auto, binary, multiclass or regression.")]
Runtime = Annotated[str | None, typer.Option(help="The runtime that it runs in.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow it until it has ended.")]
Which = Annotated[str, typer.Argument(help="The name, for the newest of it, or a task's id.")]

SHOWN_MAX = 30


@autopilot_app.command("start")
def autopilot_start(
    name: Annotated[str, typer.Argument(help="Of the model, and of the experiment with its candidates.")],
    table: Source,
    target: Target,
    budget_s: Annotated[float, typer.Option(help="Seconds that the whole may take.")] = 60.0,
    task: Learning = "auto",
    metric: Annotated[str, typer.Option(help="What is judged by; auto chooses.")] = "auto",
    option: Annotated[
        list[str] | None, typer.Option(help="name=value, as `autopilot.fit` takes them; the value as JSON or text.")
    ] = None,
    runtime: Runtime = None,
    wait: Wait = False,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Find the best model for a column of a table, and register it."""
    options = dict(map(_option, option or ()))
    with open_client(folder, url) as client:
        fit = client.autopilot(
            name, table=read_text(table), target=target, task=task, metric=metric, budget_s=budget_s, runtime=runtime,
            **options,
        )  # fmt: skip
        _started("autopilot", fit, wait=wait, tell=_tell_fit, as_json=as_json)


@autopilot_app.command("list")
def autopilot_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Your fits, newest first."""
    _list("autopilot", folder, url, as_json)


@autopilot_app.command("show")
def autopilot_show(which: Which, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """A fit: its leaderboard, what it found in the data, what it handed over."""
    with open_client(folder, url) as client:
        fit = _found(client, "autopilot", which)
        body = {**fit.describe(), "files": fit.files()}
    if as_json:
        print_json(body)
        return
    _head(body)
    for finding in body["progress"].get("findings", []):
        print(f"  {finding['column']}: {finding['reason']}" if finding["column"] else f"  {finding['reason']}")
    board = body["progress"].get("leaderboard", [])
    if board:
        print()
        print_rows(board[:SHOWN_MAX], name=None, family=None, score=None, weight=None, seconds=None)
    if body["files"]:
        print(f"\nhanded over: {', '.join(file['name'] for file in body['files'])} (gureum autopilot save)")


@autopilot_app.command("save")
def autopilot_save(
    which: Which,
    into: Annotated[Path, typer.Argument(help="The folder to write into; made when it is not there.")],
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Write what a fit handed over: the program, the notebooks, the card."""
    with open_client(folder, url) as client:
        fit = _found(client, "autopilot", which)
        files = fit.files()
        fit.save(into)
    show_done(f"{len(files)} files are in {into}", {"folder": str(into), "files": files}, as_json)


@tuning_app.command("start")
def tuning_start(
    name: Annotated[str, typer.Argument(help="Of the study; one of this name goes on where it stopped.")],
    table: Source,
    target: Target,
    trials: Annotated[int | None, typer.Option(help="How many trials in all.")] = None,
    budget_s: Annotated[float | None, typer.Option(help="Seconds that it may take.")] = None,
    task: Learning = "auto",
    metric: Annotated[str | None, typer.Option(help="What is judged by.")] = None,
    n_jobs: Annotated[int, typer.Option(help="Trials at a time.")] = 1,
    runtime: Runtime = None,
    wait: Wait = False,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Search over model families and their parameters for the best on a table; each trial is a run."""
    with open_client(folder, url) as client:
        tuning = client.tuning(
            name, table=read_text(table), target=target, task=task, metric=metric, trials=trials, budget_s=budget_s,
            n_jobs=n_jobs, runtime=runtime,
        )  # fmt: skip
        _started("tuning", tuning, wait=wait, tell=_tell_tuning, as_json=as_json)


@tuning_app.command("list")
def tuning_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Your tunings, newest first."""
    _list("tuning", folder, url, as_json)


@tuning_app.command("show")
def tuning_show(which: Which, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """A tuning: its best parameters, what mattered, its trials."""
    with open_client(folder, url) as client:
        body = _found(client, "tuning", which).describe()
    if as_json:
        print_json(body)
        return
    _head(body)
    told = {**body["progress"], **(body["result"] or {})}
    if told.get("best_params"):
        print(f"best: {told.get('best_value'):g} with {as_pairs(told['best_params'])}")
    if told.get("importance"):
        print()
        print_rows([{"parameter": name, "importance": share} for name, share in told["importance"].items()],
                   parameter=None, importance=lambda r: f"{r['importance']:.3f}")  # fmt: skip


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInput(f"{text!r} is no option", code="cli.option", hint="--option folds=5")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _started(noun: str, task: Any, *, wait: bool, tell: Callable[[dict[str, Any]], str | None], as_json: bool) -> None:
    if not wait:
        text = f"task {task.id} is on its way: gureum {noun} show {task.id}"
        show_done(text, task.describe(), as_json)
        return
    said = ""

    def progress(body: dict[str, Any]) -> None:
        nonlocal said
        line = tell(body)
        if line and line != said:
            said = line
            print(line, file=sys.stderr)

    result = task.wait(on_progress=progress)
    show_done(_ended(result), result, as_json)


def _ended(result: dict[str, Any]) -> str:
    if "best_params" in result:
        return f"best {result['best_value']:g} with {as_pairs(result['best_params'])}"
    return f"{result['candidates']} candidates, {result['metric']} {result['score']:.4f}: model {result['model']}"


def _tell_fit(progress: dict[str, Any]) -> str | None:
    board = progress.get("leaderboard") or []
    return (
        f"{len(board)} candidates, best {board[0]['name']}: {progress['metric']} {board[0]['score']:.4f}"
        if board
        else None
    )


def _tell_tuning(progress: dict[str, Any]) -> str | None:
    best = progress.get("best_value")
    return None if best is None else f"{progress['ended']} trials, best {best:g}"


def _list(kind: str, folder: Path | None, url: str | None, as_json: bool) -> None:
    with open_client(folder, url) as client:
        show_rows(client.tasks(kind=kind), as_json, id=None, name=None, state=None, table=lambda r: r["spec"]["table"],
                  target=lambda r: r["spec"]["target"], started=lambda r: as_time(r["started_at_ms"]),
                  error=lambda r: (r["error"] or {}).get("message"))  # fmt: skip


def _found(client: Any, kind: str, which: str) -> Any:
    """A task by its id, or the newest of a name."""
    for task in client.tasks(kind=kind):
        if which in {task["id"], task["name"]}:
            return client.task(task["id"])
    raise NotFound(f"there is no {kind} {which!r}", code="task.not_found", hint=f"gureum {kind} list shows yours")


def _head(body: dict[str, Any]) -> None:
    spec = body["spec"]
    print(f"{body['name']}  {body['state']}  {spec['target']} of {spec['table']}  (task {body['id']})")
    print(f"started {as_time(body['started_at_ms']) or 'not yet'}, ended {as_time(body['ended_at_ms']) or 'not yet'}")
    if body["error"]:
        print(f"error: {body['error']['message']}" + (f" ({body['error']['hint']})" if body["error"]["hint"] else ""))
    if body["result"]:
        print(_ended(body["result"]))
