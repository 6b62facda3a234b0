"""Alerts, and where they are sent."""

from __future__ import annotations

from typing import Annotated

import typer

from gureum.cli.connect import open_client
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import ago, as_pairs, print_json, print_rows, show_done, show_rows

__all__ = ["alert_app", "destination_app"]

alert_app = typer.Typer(no_args_is_help=True, help="Alerts: what fires now, and what did.")
destination_app = typer.Typer(no_args_is_help=True, help="Where alerts are sent.")


@alert_app.command("list")
def alert_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """What fires now, and the newest crossings and recoveries."""
    with open_client(folder, url) as client:
        alerts = client.alerts()
    if as_json:
        print_json(alerts)
        return
    print("firing now:" if alerts["firing"] else "nothing is firing")
    print_rows(
        alerts["firing"],
        query=None,
        key=lambda r: as_pairs(r["key"]),
        since=lambda r: ago(r["since_ms"]),
        row=lambda r: as_pairs(r["row"]),
    )
    print_rows(
        alerts["events"][:20], when=lambda r: ago(r["at_ms"]), query=None, key=lambda r: as_pairs(r["key"]), state=None
    )


@destination_app.command("list")
def destination_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Where alerts may be sent."""
    with open_client(folder, url) as client:
        show_rows(client.request("GET", "/destinations"), as_json)


@destination_app.command("create")
def destination_create(
    name: str,
    webhook: Annotated[str, typer.Option(help="The address that gets a POST.")],
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Add a webhook under a name."""
    with open_client(folder, url) as client:
        made = client.request("POST", "/destinations", body={"name": name, "type": "webhook", "url": webhook})
    show_done(f"destination {name} is there", made, as_json)


@destination_app.command("delete")
def destination_delete(name: str, folder: Folder = None, url: Url = None) -> None:
    """Take a destination away."""
    with open_client(folder, url) as client:
        client.request("DELETE", f"/destinations/{name}")
    print(f"destination {name} is deleted")
