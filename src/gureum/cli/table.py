"""Delta tables: list, show, sample, history, drop."""

from __future__ import annotations

from typing import Annotated

import typer

from gureum.cli.connect import ask, open_client
from gureum.cli.options import Folder, Json, Limit, Url, Yes
from gureum.cli.show import ago, as_bytes, print_json, print_rows, show_rows

__all__ = ["table_app"]

table_app = typer.Typer(no_args_is_help=True, help="Delta tables: list, show, sample, history, drop.")


@table_app.command("list")
def table_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The tables that you may read."""
    with open_client(folder, url) as client:
        show_rows(client.tables(), as_json, name=None, rows=None, size=lambda r: as_bytes(r["bytes"]), version=None,
              changed=lambda r: ago(r["updated_at_ms"]), owner=None, problem=None)  # fmt: skip


@table_app.command("show")
def table_show(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One table: columns, size, location, who writes it."""
    with open_client(folder, url) as client:
        body = client.table(name).describe()
    if as_json:
        print_json(body)
        return
    print(
        f"{body['name']}: version {body['version']}, {body['rows']} rows, {as_bytes(body['bytes'])} in {body['files']} files"
    )
    print_rows(body["columns"], name=None, type=None, null=lambda r: "yes" if r["nullable"] else "no")
    print(f"location: {body['location']}")
    if body["written_by"]:
        print("written by: " + ", ".join(body["written_by"]))


@table_app.command("sample")
def table_sample(
    name: str,
    limit: Limit = 20,
    version: Annotated[int | None, typer.Option(help="As the table was then; the newest by default.")] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Some rows."""
    with open_client(folder, url) as client:
        show_rows(client.table(name).sample(limit, version=version), as_json)


@table_app.command("history")
def table_history(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The versions, newest first."""
    with open_client(folder, url) as client:
        show_rows(client.table(name).history(), as_json, version=None, when=lambda r: ago(r["at_ms"]), operation=None, user=None,
              rows=lambda r: r["metrics"].get("numOutputRows"))  # fmt: skip


@table_app.command("drop")
def table_drop(name: str, yes: Yes = False, folder: Folder = None, url: Url = None) -> None:
    """Drop a table and its files, for good."""
    ask(f"drop table {name} and all its rows?", yes)
    with open_client(folder, url) as client:
        client.table(name).drop()
    print(f"table {name} is dropped")
