"""Long work in processes of its own: watch, cancel, read logs."""

from __future__ import annotations

from typing import Annotated

import typer

from gureum.cli.connect import open_client
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import as_time, print_json, show_rows

__all__ = ["task_app"]

task_app = typer.Typer(no_args_is_help=True, help="Long work in processes of its own: watch, cancel, read logs.")


@task_app.command("list")
def task_list(
    kind: Annotated[str | None, typer.Option(help="Only of this kind.")] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Your tasks, newest first."""
    with open_client(folder, url) as client:
        show_rows(client.tasks(kind=kind), as_json, id=None, kind=None, name=None, state=None,
              created=lambda r: as_time(r["created_at_ms"]), ended=lambda r: as_time(r["ended_at_ms"]),
              error=lambda r: (r["error"] or {}).get("message"))  # fmt: skip


@task_app.command("show")
def task_show(task_id: str, folder: Folder = None, url: Url = None) -> None:
    """One task as JSON: what it was told, how far it is, its result or error."""
    with open_client(folder, url) as client:
        print_json(client.task(task_id).describe())


@task_app.command("log")
def task_log(task_id: str, folder: Folder = None, url: Url = None) -> None:
    """What its process has printed."""
    with open_client(folder, url) as client:
        print(client.task(task_id).log(), end="")


@task_app.command("cancel")
def task_cancel(task_id: str, folder: Folder = None, url: Url = None) -> None:
    """Stop it down to its last child process."""
    with open_client(folder, url) as client:
        client.task(task_id).cancel()
    print(f"task {task_id} is being stopped")
