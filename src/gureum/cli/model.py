"""Registered models."""

from __future__ import annotations

from urllib.parse import quote

import typer

from gureum.cli.connect import open_client
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import ago, as_pairs, print_json, print_rows, show_rows

__all__ = ["model_app"]

model_app = typer.Typer(no_args_is_help=True, help="Registered models: list, show.")


@model_app.command("list")
def model_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The registered models that you may read."""
    with open_client(folder, url) as client:
        show_rows(client.models(), as_json, name=None, latest=None, aliases=lambda r: as_pairs(r["aliases"]),
              changed=lambda r: ago(r["updated_at_ms"]), owner=None)  # fmt: skip


@model_app.command("show")
def model_show(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One registered model: its versions, newest first."""
    with open_client(folder, url) as client:
        body = client.request("GET", f"/models/{quote(name, safe='')}")
    if as_json:
        print_json(body)
        return
    print(f"{body['name']}: {body['versions']} versions, owner {body['owner']}")
    print_rows(body["all_versions"], version=None, aliases=lambda r: ", ".join(r["aliases"]),
                made=lambda r: ago(r["created_at_ms"]), run=None)  # fmt: skip
