"""Who may read, write or manage a thing."""

from __future__ import annotations

import typer

from gureum.cli.connect import open_client
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import show_rows

__all__ = ["grant_app"]

grant_app = typer.Typer(no_args_is_help=True, help="Who may read, write or manage a thing.")


@grant_app.command("list")
def grant_list(kind: str, name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Who may do what with a thing, besides its owner and administrators."""
    with open_client(folder, url) as client:
        show_rows(client.request("GET", "/grants", params={"kind": kind, "name": name}), as_json)


@grant_app.command("give")
def grant_give(kind: str, name: str, grantee: str, permission: str, folder: Folder = None, url: Url = None) -> None:
    """Let a user, 'group:<name>' or 'group:everyone' read, write or manage a thing."""
    body = {"kind": kind, "name": name, "grantee": grantee, "permission": permission}
    with open_client(folder, url) as client:
        client.request("PUT", "/grants", body=body)
    print(f"{grantee} may {permission} {kind} {name}")


@grant_app.command("take")
def grant_take(kind: str, name: str, grantee: str, folder: Folder = None, url: Url = None) -> None:
    """Take a grant away."""
    with open_client(folder, url) as client:
        client.request("PUT", "/grants", body={"kind": kind, "name": name, "grantee": grantee, "permission": None})
    print(f"{grantee} has no grant on {kind} {name}")
