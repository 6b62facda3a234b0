"""SQL, typed or from a file."""

from __future__ import annotations

from typing import Annotated

import typer

from gureum.cli.connect import open_client, read_text
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import print_json, print_rows

__all__ = ["sql_app"]

sql_app = typer.Typer()


@sql_app.command()
def sql(
    text: Annotated[str, typer.Argument(help="SQL, or @file, or - for standard input.")],
    timeout_s: Annotated[
        float | None, typer.Option(help="Seconds until it is stopped; the server's own limit holds too.")
    ] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Run SQL over tables and print the last statement's rows."""
    with open_client(folder, url) as client:
        rows = client.sql(read_text(text), timeout_s=timeout_s)
        if as_json:
            print_json(rows.to_pylist())
        elif rows.columns == ["affected_rows"]:
            print(f"{rows.to_pylist()[0]['affected_rows']} rows")
        elif rows.columns:
            print_rows(rows.to_pylist(), **dict.fromkeys(rows.columns))
        else:
            print("done")
