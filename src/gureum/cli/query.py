"""Standing queries: create, watch, start, stop."""

from __future__ import annotations

from typing import Annotated

import typer

from gureum.cli.connect import ask, open_client, read_text
from gureum.cli.options import Folder, Json, Limit, Url, Yes
from gureum.cli.show import as_time, print_json, show_done, show_rows
from gureum.errors import InvalidInput, NotFound

__all__ = ["query_app"]

query_app = typer.Typer(no_args_is_help=True, help="Standing queries: create, watch, start, stop.")


@query_app.command("list")
def query_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The standing queries that you may read, with their state."""
    with open_client(folder, url) as client:
        show_rows(client.queries(), as_json, name=None, state=lambda r: r["status"]["state"], into=None,
              watermark=lambda r: as_time(r["status"]["watermark_ms"]), behind=lambda r: r["status"]["records_behind"],
              rows_in=lambda r: r["status"]["rows_in"], rows_out=lambda r: r["status"]["rows_out"],
              late=lambda r: r["status"]["late_rows"], dead=lambda r: r["status"]["dead_letters"])  # fmt: skip


@query_app.command("create")
def query_create(
    name: str,
    sql: Annotated[str, typer.Option("--sql", help="The script, or @file, or - for standard input.")],
    into: Annotated[
        str | None, typer.Option(help="The table or 'stream:<name>' to append to, for a bare SELECT.")
    ] = None,
    notify: Annotated[
        list[str] | None, typer.Option(help="'log', 'stream:<name>' or a destination; may come again.")
    ] = None,
    when: Annotated[
        str | None, typer.Option(help="The alert's condition over an output row; else the last filter.")
    ] = None,
    key: Annotated[list[str] | None, typer.Option(help="Alert for each value of this column; may come again.")] = None,
    checkpoint_s: Annotated[float, typer.Option(help="Seconds between checkpoints, and so between commits.")] = 5.0,
    check: Annotated[bool, typer.Option("--check", help="Only say what it would do.")] = False,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Leave a query standing."""
    with open_client(folder, url) as client:
        query = client.query(
            name,
            read_text(sql),
            into=into,
            notify=notify or None,
            when=when,
            key=key or None,
            checkpoint_s=checkpoint_s,
        )
        if check:
            plan = query.check()
            show_done(plan["plan"], plan, as_json)
            return
        try:
            query.describe()
        except NotFound:
            query.start()
        else:
            raise InvalidInput(
                f"query {name!r} exists", code="query.exists", hint=f"`gureum query start {name}` goes on with it"
            )
        show_done(f"query {name} is standing", query.describe(), as_json)


@query_app.command("show")
def query_show(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One standing query: its text, state, watermark, lag and counts."""
    with open_client(folder, url) as client:
        body = client.query(name).describe()
    if as_json:
        print_json(body)
        return
    print(body["sql"].strip() + "\n")
    for field, value in body["status"].items():
        shown = as_time(value) if field.endswith("_ms") and field != "lag_ms" else value
        print(f"{field.removesuffix('_ms'):18} {'' if shown is None else shown}")
    print(
        f"{'into':18} {body['into']}\n{'late rows go to':18} {body['late_table']}\n{'bad records go to':18} {body['dead_letter_table']}"
    )


@query_app.command("rows")
def query_rows(name: str, limit: Limit = 20, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The newest rows that it wrote."""
    with open_client(folder, url) as client:
        show_rows(client.query(name).rows(limit), as_json)


@query_app.command("start")
def query_start(
    name: str,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the state and read from the beginning.")] = False,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Go on where it stopped."""
    with open_client(folder, url) as client:
        query = client.query(name)
        query.describe()
        query.start(reset=reset)
        show_done(f"query {name} is started", query.describe(), as_json)


@query_app.command("stop")
def query_stop(
    name: str,
    drain: Annotated[bool, typer.Option("--drain", help="First close all open windows.")] = False,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Stop at a checkpoint."""
    with open_client(folder, url) as client:
        query = client.query(name).stop(drain=drain)
        show_done(f"query {name} is stopped", query.describe(), as_json)


@query_app.command("delete")
def query_delete(name: str, yes: Yes = False, folder: Folder = None, url: Url = None) -> None:
    """Stop a query and forget it; what it wrote stays."""
    ask(f"delete query {name}? (its tables stay)", yes)
    with open_client(folder, url) as client:
        client.query(name).delete()
    print(f"query {name} is deleted")
