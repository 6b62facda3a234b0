"""The command line: every noun and act, for people and with --json for programs."""

from __future__ import annotations

import typer

main = typer.Typer(name="gureum", no_args_is_help=True)


@main.command(hidden=True)
def process(name: str) -> None:
    """Run one process; only the supervisor types this."""
    from gureum.processes.run import run_process

    run_process(name)


@main.command()
def up(folder: str = "gureum-data") -> None:
    import json, os, dataclasses, pathlib
    from gureum.processes.supervisor import Supervisor
    from gureum.settings import load_settings

    settings = load_settings(environment=os.environ, flags={"folder": folder}, working_folder=pathlib.Path.cwd())
    Supervisor(settings).run(lambda ready: print(json.dumps(dataclasses.asdict(ready)), flush=True))
