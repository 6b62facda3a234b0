"""Monitors: watch a table or an endpoint, learn what is normal, read what drifted."""

from __future__ import annotations

from typing import Annotated

import typer

from gureum.cli.connect import ask, open_client, read_text
from gureum.cli.options import Folder, Json, Limit, Url, Yes
from gureum.cli.show import as_time, print_json, show_done, show_rows

__all__ = ["monitor_app"]

monitor_app = typer.Typer(no_args_is_help=True, help="Monitors: watch rows for drift.")


@monitor_app.command("list")
def monitor_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Monitors and how it stands with them."""
    with open_client(folder, url) as client:
        show_rows(client.monitors(), as_json, name=None, state=None, source=None, every_s=None, baseline_rows=None)


@monitor_app.command("create")
def monitor_create(
    name: str,
    source: Annotated[
        str | None,
        typer.Argument(help="A table or a SELECT; @file or - reads it. Left out: what the endpoint is asked."),
    ] = None,
    time_column: Annotated[str | None, typer.Option(help="The column that says when each row came.")] = None,
    target: Annotated[str | None, typer.Option(help="The column with what was right.")] = None,
    prediction: Annotated[str | None, typer.Option(help="The column with what the model said.")] = None,
    every: Annotated[str, typer.Option(help="How often it looks: '5 minutes', '1 hour'.")] = "5 minutes",
    rows_min: Annotated[int, typer.Option(help="A window with fewer rows waits.")] = 100,
    rows_max: Annotated[int, typer.Option(help="More rows make several windows.")] = 50_000,
    notify: Annotated[list[str] | None, typer.Option(help="log, stream:NAME or a destination; repeat it.")] = None,
    since: Annotated[str, typer.Option(help="Only rows after this moment, ISO in UTC.")] = "",
    endpoint: Annotated[str | None, typer.Option(help="The endpoint whose requests these are.")] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Watch a table or a SELECT; it looks as soon as it has a baseline."""
    with open_client(folder, url) as client:
        made = client.monitor(name).watch(
            None if source is None else read_text(source), time_column=time_column, target=target, prediction=prediction, every=every,
            rows_min=rows_min, rows_max=rows_max, notify=notify or (), since=since, endpoint=endpoint,
        )  # fmt: skip
        show_done(f"monitor {name} is there; next: gureum monitor baseline {name}", made.describe(), as_json)


@monitor_app.command("baseline")
def monitor_baseline(
    name: str,
    source: Annotated[
        str | None,
        typer.Argument(help="A table or a SELECT of rows that are as they should be; its own, now, if left out."),
    ] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Learn what is normal, and wait until it is learned."""
    with open_client(folder, url) as client:
        about = client.monitor(name).baseline(None if source is None else read_text(source)).describe()
    show_done(f"monitor {name} knows {about['baseline_rows']} rows", about, as_json)


@monitor_app.command("show")
def monitor_show(name: str, limit: Limit = 20, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """A monitor, and what its newest windows found."""
    with open_client(folder, url) as client:
        about = client.monitor(name).describe()
        windows = client.monitor(name).windows(limit)
    if as_json:
        print_json({**about, "windows": windows})
        return
    print(f"{name}  {about['state']}  every {about['every_s']:g} s  {about['source']}")
    print(f"baseline of {about['baseline_rows']} rows; findings go to {about['stream']} and {about['table']}\n")
    show_rows(windows, False, window=None, state=None, rows=None, alarm=None, culprit=None,
              until=lambda r: r["until"], found=lambda r: _found(r), checked=lambda r: as_time(r["at_ms"]))  # fmt: skip


@monitor_app.command("window")
def monitor_window(name: str, number: int, folder: Folder = None, url: Url = None) -> None:
    """One window's whole report as JSON."""
    with open_client(folder, url) as client:
        print_json(client.monitor(name).window(number))


@monitor_app.command("start")
def monitor_start(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Go on after the last window."""
    with open_client(folder, url) as client:
        show_done(f"monitor {name} looks", client.monitor(name).start().describe(), as_json)


@monitor_app.command("stop")
def monitor_stop(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Look no more, until it is started."""
    with open_client(folder, url) as client:
        show_done(f"monitor {name} is stopped", client.monitor(name).stop().describe(), as_json)


@monitor_app.command("delete")
def monitor_delete(name: str, yes: Yes = False, folder: Folder = None, url: Url = None) -> None:
    """Forget a monitor and its baselines; its stream and table of findings stay."""
    ask(f"Delete monitor {name}?", yes)
    with open_client(folder, url) as client:
        client.monitor(name).delete()
    print(f"monitor {name} is gone")


def _found(window: dict[str, object]) -> str:
    error, findings = window["error"], window["findings"]
    if isinstance(error, dict):
        return str(error["message"])
    return str(findings[0]["text"]["en"]) if isinstance(findings, list) and findings else ""
