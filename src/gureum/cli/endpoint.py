"""Endpoints: deploy models, predict, roll back."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gureum.cli.connect import ask, open_client, parse_record
from gureum.cli.options import Folder, Json, Url, Yes
from gureum.cli.show import as_cell, as_time, print_json, print_rows, show_done, show_rows

__all__ = ["endpoint_app"]

endpoint_app = typer.Typer(no_args_is_help=True, help="Endpoints: deploy models, predict, roll back.")

DEPLOYMENT_COLUMNS: dict[str, Any] = dict.fromkeys(
    ("name", "deployment", "weight", "state", "requests", "errors", "p50_ms", "p99_ms", "restarts")
)


@endpoint_app.command("list")
def endpoint_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The endpoints that you may read, a line for each deployment."""
    with open_client(folder, url) as client:
        found = client.endpoints()
    rows = [
        {"name": one["name"], "owner": one["owner"], **deployment} for one in found for deployment in one["deployments"]
    ]
    show_rows(found if as_json else rows, as_json, **DEPLOYMENT_COLUMNS)


@endpoint_app.command("show")
def endpoint_show(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One endpoint: deployments, errors and latency of the last minutes, earlier states."""
    with open_client(folder, url) as client:
        body = client.endpoint(name).show()
    if as_json:
        print_json(body)
        return
    print_rows([{"name": name, **deployment} for deployment in body["deployments"]], **DEPLOYMENT_COLUMNS)
    for deployment in body["deployments"]:
        if deployment["why"]:
            print(f"{deployment['deployment']}: {deployment['why']}")
    if body["table"]:
        print(f"requests are kept in {body['table']}, labels in {body['labels_table']}")
    for entry in body["history"]:
        routes = ", ".join(f"{route['deployment']} {route['weight']} %" for route in entry["routes"])
        print(f"until {as_time(entry['at_ms'])}: {routes} (then changed by {entry['by']})")


@endpoint_app.command("deploy")
def endpoint_deploy(
    name: str,
    model: Annotated[
        str, typer.Argument(help="'name', 'name/3', 'name@alias', 'models:/...' or 'runs:/<run>/<path>'.")
    ],
    weight: Annotated[int, typer.Option(help="Percent of the requests; 100 replaces what was there.")] = 100,
    deployment: Annotated[
        str | None, typer.Option(help="Its name on the endpoint; '<model>-<version>' by default.")
    ] = None,
    capture: Annotated[bool | None, typer.Option(help="Whether requests are kept in a table.")] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Serve a model version; makes the endpoint when it is new, and returns when the model takes requests."""
    with open_client(folder, url) as client:
        body = client.endpoint(name).deploy(model, weight=weight, deployment=deployment, capture=capture)
    routes = ", ".join(f"{one['deployment']} {one['weight']} %" for one in body["deployments"])
    show_done(f"endpoint {name} serves {routes}", body, as_json)


@endpoint_app.command("predict")
def endpoint_predict(
    name: str,
    rows: Annotated[
        list[str] | None, typer.Argument(help="JSON objects, one a row; none reads lines from standard input.")
    ] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Predict for some rows, and print a line for each."""
    values = [parse_record(text, at) for at, text in enumerate(rows or sys.stdin, 1) if text.strip()]
    with open_client(folder, url) as client:
        found = client.endpoint(name).predict(values)
    predictions = found.to_dict("records") if hasattr(found, "to_dict") else found.tolist()
    if as_json:
        print_json(predictions)
    else:
        for prediction in predictions:
            print(as_cell(prediction))


@endpoint_app.command("rollback")
def endpoint_rollback(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Back to the deployments before the newest change."""
    with open_client(folder, url) as client:
        body = client.endpoint(name).rollback()
    routes = ", ".join(f"{one['deployment']} {one['weight']} %" for one in body["deployments"])
    show_done(f"endpoint {name} serves {routes} again", body, as_json)


@endpoint_app.command("delete")
def endpoint_delete(name: str, yes: Yes = False, folder: Folder = None, url: Url = None) -> None:
    """Stop serving; captured requests stay in their tables."""
    ask(f"delete endpoint {name}?", yes)
    with open_client(folder, url) as client:
        client.endpoint(name).delete()
    print(f"endpoint {name} is deleted")
