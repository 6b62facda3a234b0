"""Locked Python environments that tasks run in."""

from __future__ import annotations

import sys
from dataclasses import asdict

import typer

from gureum.cli.connect import ask, read_settings
from gureum.cli.options import Folder, Json, Yes
from gureum.cli.show import as_bytes, print_json, print_rows, show_done, show_rows

__all__ = ["runtime_app"]

runtime_app = typer.Typer(
    no_args_is_help=True, help="Locked Python environments that tasks run in: list, install, verify."
)


@runtime_app.command("list")
def runtime_list(folder: Folder = None, as_json: Json = False) -> None:
    """The runtimes, and which of them the data folder has. Works with and without a server."""
    from gureum.runtimes.install import look
    from gureum.runtimes.runtime import RUNTIMES

    root = read_settings(folder=folder).folder
    rows = [
        {"name": known.name, "state": found.state, "packages": len(known.packages), "python": known.python,
         "bytes": found.bytes, "needed_bytes": known.disk_bytes, "lock": known.hash, "about": known.about}
        for known in RUNTIMES.values() for found in [look(root, known)]
    ]  # fmt: skip
    show_rows(rows, as_json, name=None, state=None, packages=None, python=None,
          size=lambda r: as_bytes(r["bytes"] or r["needed_bytes"]), lock=None, about=None)  # fmt: skip


@runtime_app.command("install")
def runtime_install(name: str, folder: Folder = None, as_json: Json = False) -> None:
    """Install a runtime into the data folder, or find it installed. Works with and without a server."""
    from gureum.processes.folder import DataFolder
    from gureum.runtimes.install import install
    from gureum.runtimes.runtime import runtime

    wanted = runtime(name)
    data = DataFolder(read_settings(folder=folder).folder)
    data.prepare()
    done = install(data.root, wanted, lambda line: print(line, file=sys.stderr, flush=True))
    show_done(
        f"runtime {name} is installed: {len(wanted.packages)} packages, {as_bytes(done.bytes)}, in {done.seconds:g} s",
        {"name": name, "lock": wanted.hash, "packages": len(wanted.packages), **asdict(done)},
        as_json,
    )


@runtime_app.command("verify")
def runtime_verify(name: str, folder: Folder = None, as_json: Json = False) -> None:
    """Import every package of an installed runtime and compute with the big ones. Exit code 1 when one fails."""
    from gureum.runtimes.runtime import runtime
    from gureum.runtimes.verify import verify

    report = verify(
        read_settings(folder=folder).folder, runtime(name), lambda line: print(line, file=sys.stderr, flush=True)
    )
    if as_json:
        print_json({**asdict(report), "failed": [asdict(checked) for checked in report.failed]})
    else:
        print_rows([asdict(checked) for checked in report.failed], name=None, outcome=None, seconds=None, about=None)
        print(
            f"runtime {name} (lock {report.lock}, Python {report.python}): {len(report.imports)} packages, "
            f"{len(report.computations)} computations, {len(report.failed)} failed, {report.seconds:g} s"
        )
    raise typer.Exit(1 if report.failed else 0)


@runtime_app.command("remove")
def runtime_remove(name: str, yes: Yes = False, folder: Folder = None) -> None:
    """Remove a runtime from the data folder; tasks that name it then fail until it is installed again."""
    from gureum.runtimes.install import remove
    from gureum.runtimes.runtime import runtime

    wanted = runtime(name)
    ask(f"remove runtime {name}?", yes)
    remove(read_settings(folder=folder).folder, wanted, lambda line: print(line, file=sys.stderr, flush=True))
    print(f"runtime {name} is removed")
