"""The server itself: up, down, status, doctor, link, settings, demo; and the processes that the supervisor starts."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gureum.cli.connect import open_client, read_settings
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import as_bytes, print_json, print_rows, show_rows
from gureum.errors import InvalidInput, Unavailable

__all__ = ["server_app"]

server_app = typer.Typer()


STOP_WAIT_S = 15.0

PLURALS = {"stream": "streams", "table": "tables", "query": "queries", "dashboard": "dashboards"}


@server_app.command()
def up(
    folder: Folder = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Studio and REST; 0 takes any free one.")] = None,
    kinesis_port: Annotated[int | None, typer.Option(help="The Kinesis door; 0 takes any free one.")] = None,
    postgres_port: Annotated[int | None, typer.Option(help="The PostgreSQL door; 0 takes any free one.")] = None,
) -> None:
    """Start gureum on a data folder, until Ctrl-C or `gureum down`. Prints one line of JSON when it is ready."""
    from gureum.processes.supervisor import Ready, Supervisor

    settings = read_settings(
        folder=folder, host=host, port=port, kinesis_port=kinesis_port, postgres_port=postgres_port
    )

    def ready(line: Ready) -> None:
        print(json.dumps(asdict(line)), flush=True)
        if sys.stderr.isatty():
            print(_welcome(line), file=sys.stderr, flush=True)

    raise typer.Exit(Supervisor(settings).run(ready))


@server_app.command()
def down(folder: Folder = None) -> None:
    """Stop the gureum that holds the folder, and wait until it has stopped."""
    from gureum.processes.folder import DataFolder, holder

    data = DataFolder(read_settings(folder=folder).folder)
    found = holder(data)
    if found is None:
        print(f"nothing is running on {data.root}")
        return
    os.kill(found.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + STOP_WAIT_S
    while holder(data) is not None:
        if time.monotonic() > deadline_s:
            raise Unavailable(
                f"pid {found.pid} has not stopped after {STOP_WAIT_S:g} s",
                hint=f"kill -9 {found.pid} ends it; nothing acknowledged is lost",
            )
        time.sleep(0.05)
    print(f"stopped (pid {found.pid})")


@server_app.command()
def status(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """What runs and what is wrong. Exit code 1 when something is."""
    with open_client(folder, url) as client:
        body = client.status()
    if as_json:
        print_json(body)
    else:
        print_rows(
            body["processes"],
            name=None, state=None, pid=None, restarts=None, memory=lambda r: as_bytes(r["memory_bytes"]), cpu_s=None,
        )  # fmt: skip
        print(", ".join(f"{count} {kind if count == 1 else PLURALS[kind]}" for kind, count in body["counts"].items()))
        for problem in body["problems"]:
            print(f"{problem['severity']}: {problem['message']}" + (f" ({problem['hint']})" if problem["hint"] else ""))
        if not body["problems"]:
            print("nothing is wrong")
    raise typer.Exit(1 if any(problem["severity"] == "error" for problem in body["problems"]) else 0)


@server_app.command()
def doctor(folder: Folder = None, as_json: Json = False) -> None:
    """Check the data folder and this installation; says what is wrong and the cure. Works with and without a server."""
    from gureum.processes.doctor import examine

    findings = examine(read_settings(folder=folder))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.what}: {finding.found}")
            if finding.cure:
                print(f"       {finding.cure}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@server_app.command()
def link(
    user: Annotated[str | None, typer.Argument(help="Whom the link signs in; the operator by default.")] = None,
    folder: Folder = None,
) -> None:
    """Print a link that signs in once, within an hour."""
    with open_client(folder, None) as client:
        print(client.request("POST", f"/users/{user or 'operator'}/link"))


@server_app.command()
def settings(as_json: Json = False) -> None:
    """Every setting: its name, its default and what it means."""
    from gureum.settings import reference

    rows = [{"setting": name, "default": default, "meaning": about} for name, default, about in reference()]
    show_rows(rows, as_json)


@server_app.command()
def demo(
    folder: Folder = None,
    speed: Annotated[
        float | None, typer.Option(help="Hours of readings in a second: 24 to watch, all at once to check.")
    ] = None,
    devices: Annotated[int, typer.Option(help="How many machines send.")] = 5,
    only: Annotated[
        str | None,
        typer.Option(help="One half: 'readings' (to table, alert and dashboard) or 'model' (to a watched model)."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="No browser: do all, compare every window with DuckDB, hold every step, exit."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Real machine readings through stream, SQL, table, alert and dashboard; then rows to a model that is watched."""
    from gureum.demo.run import Part, run_demo

    if only is not None and only not in list(Part):
        raise InvalidInput(f"the demo has no part {only!r}", code="demo.part", hint="'readings' or 'model'")
    speed_h = speed if speed is not None or check else 24.0
    part = None if only is None else Part(only)
    settings = read_settings(folder=folder)
    raise typer.Exit(run_demo(settings, part=part, speed_h=speed_h, devices=devices, check=check, as_json=as_json))


@server_app.command(hidden=True)
def process(name: str) -> None:
    """Run one process; only the supervisor types this."""
    from gureum.processes.run import run_process

    run_process(name)


def _welcome(line: Any) -> str:
    text = (
        f"\n  gureum {line.version} is up\n  Studio   {line.url}\n  Kinesis  {line.kinesis}\n  SQL      {line.postgres}\n"
        f"  folder   {line.folder}\n"
    )
    if line.link:
        text += f"\n  First sign-in, once and within an hour:\n  {line.link}\n"
    return text + "\n  Ctrl-C stops it.\n"
