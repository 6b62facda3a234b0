"""Users, their tokens and their Kinesis keys."""

from __future__ import annotations

from typing import Annotated

import typer

from gureum.cli.connect import open_client
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import show_done, show_rows

__all__ = ["key_app", "token_app", "user_app"]

user_app = typer.Typer(no_args_is_help=True, help="Users and who may sign in.")
token_app = typer.Typer(no_args_is_help=True, help="Personal tokens.")
key_app = typer.Typer(no_args_is_help=True, help="Access keys for Kinesis clients.")


@user_app.command("list")
def user_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """All users."""
    with open_client(folder, url) as client:
        show_rows(
            client.request("GET", "/users"),
            as_json,
            name=None,
            role=None,
            groups=lambda r: ", ".join(r["groups"]),
            active=None,
        )


@user_app.command("create")
def user_create(
    name: str,
    role: Annotated[str, typer.Option(help="admin, editor or viewer.")] = "editor",
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Add a user, and print the link by which the user signs in."""
    with open_client(folder, url) as client:
        client.request("POST", "/users", body={"name": name, "role": role})
        address = client.request("POST", f"/users/{name}/link")
    show_done(
        f"user {name} signs in, once and within an hour, at {address}",
        {"name": name, "role": role, "link": address},
        as_json,
    )


@token_app.command("create")
def token_create(
    label: str,
    days: Annotated[float, typer.Option(help="Days until it ends.")] = 90.0,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a personal token; it is shown this once."""
    with open_client(folder, url) as client:
        made = client.request("POST", "/tokens", body={"label": label, "expires_in_days": days})
    show_done(made["token"], made, as_json)


@key_app.command("create")
def key_create(
    label: Annotated[str, typer.Option(help="What it is for, to tell it from others.")] = "",
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make an access key for boto3, the AWS CLI and other Kinesis clients; the secret is shown this once."""
    with open_client(folder, url) as client:
        made = client.request("POST", "/keys", body={"label": label})
        endpoint = client.status()["kinesis_endpoint"]
    text = "\n".join(
        [
            f"export AWS_ACCESS_KEY_ID={made['access_key_id']}",
            f"export AWS_SECRET_ACCESS_KEY={made['secret_access_key']}",
            "export AWS_DEFAULT_REGION=us-east-1",
            f"export AWS_ENDPOINT_URL_KINESIS={endpoint}",
        ]
    )
    show_done(text, {**made, "endpoint": endpoint}, as_json)
