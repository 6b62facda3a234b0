"""Streams: create, put, read, follow."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from gureum.cli.connect import ask, open_client, parse_record
from gureum.cli.options import Folder, Json, Url, Yes
from gureum.cli.show import ago, as_bytes, print_json, print_rows, show_done, show_rows

__all__ = ["stream_app"]

stream_app = typer.Typer(no_args_is_help=True, help="Streams: create, put, read, follow.")


@stream_app.command("list")
def stream_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The streams that you may read."""
    with open_client(folder, url) as client:
        show_rows(client.streams(), as_json, name=None, shards=None, records=None, per_s=lambda r: f"{r['records_per_s']:.0f}",
              size=lambda r: as_bytes(r["bytes"]), last=lambda r: ago(r["last_arrival_ms"]), owner=None)  # fmt: skip


@stream_app.command("create")
def stream_create(
    name: str,
    shards: Annotated[int, typer.Option(help="Each has its own order; more take more at once.")] = 1,
    retention_h: Annotated[int, typer.Option(help="Hours that a record is kept.")] = 24,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a stream."""
    with open_client(folder, url) as client:
        client.stream(name).create(shards=shards, retention_h=retention_h)
        show_done(f"stream {name} is there", client.stream(name).describe(), as_json)


@stream_app.command("show")
def stream_show(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One stream: shards, columns, readers."""
    with open_client(folder, url) as client:
        body = client.stream(name).describe()
    if as_json:
        print_json(body)
        return
    print(
        f"{body['name']}: {body['records']} records, {as_bytes(body['bytes'])}, kept {body['retention_h']} h, owner {body['owner']}"
    )
    print_rows(
        body["stream_shards"],
        id=None,
        records=None,
        size=lambda r: as_bytes(r["bytes"]),
        last=lambda r: ago(r["last_arrival_ms"]),
        problem=None,
    )
    if body["columns"]:
        print("columns: " + ", ".join(f"{c['name']} {c['type']}" for c in body["columns"]))
    if body["readers"]:
        print("read by: " + ", ".join(body["readers"]))


@stream_app.command("put")
def stream_put(
    name: str,
    records: Annotated[
        list[str] | None, typer.Argument(help="JSON values; none reads lines from standard input.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The partition key: records of one key stay in order.")] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Put JSON records; they are on disk when this returns."""
    values = [parse_record(text, at) for at, text in enumerate(records or sys.stdin, 1) if text.strip()]
    with open_client(folder, url) as client:
        positions = client.stream(name).put_many(values, keys=[key] * len(values) if key else None)
    show_done(f"{len(positions)} record{'s' if len(positions) != 1 else ''} stored", positions, as_json)


@stream_app.command("tail")
def stream_tail(
    name: str,
    from_start: Annotated[bool, typer.Option("--from-start", help="First what is there already.")] = False,
    count: Annotated[int | None, typer.Option(help="End after so many records.")] = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Follow a stream, one record a line; --json prints the whole record with key and sequence number."""
    with open_client(folder, url) as client:
        for number, record in enumerate(client.stream(name).tail(from_start=from_start), 1):
            print(json.dumps(record if as_json else record["data"], ensure_ascii=False), flush=True)
            if count is not None and number >= count:
                break


@stream_app.command("delete")
def stream_delete(name: str, yes: Yes = False, folder: Folder = None, url: Url = None) -> None:
    """Delete a stream and its records, for good."""
    ask(f"delete stream {name} and all its records?", yes)
    with open_client(folder, url) as client:
        client.stream(name).delete()
    print(f"stream {name} is deleted")
