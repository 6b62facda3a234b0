"""The command line: every noun and act, for people and with --json for programs.

Each command asks a running server through the SDK, as a user's own program would; only those about the server itself
(up, down, doctor, link) touch the data folder. An error is one sentence on stderr and exit code 1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import gureum
from gureum.errors import GureumError, InvalidInput, NotFound, Unavailable
from gureum.settings import Settings, load_settings

__all__ = ["main"]

app = typer.Typer(
    name="gureum", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Streams, tables, SQL and machine learning that a team runs itself.",
)  # fmt: skip
stream_app = typer.Typer(no_args_is_help=True, help="Streams: create, put, read, follow.")
table_app = typer.Typer(no_args_is_help=True, help="Delta tables: list, show, sample, history, drop.")
query_app = typer.Typer(no_args_is_help=True, help="Standing queries: create, watch, start, stop.")
alert_app = typer.Typer(no_args_is_help=True, help="Alerts: what fires now, and what did.")
destination_app = typer.Typer(no_args_is_help=True, help="Where alerts are sent.")
user_app = typer.Typer(no_args_is_help=True, help="Users and who may sign in.")
token_app = typer.Typer(no_args_is_help=True, help="Personal tokens.")
key_app = typer.Typer(no_args_is_help=True, help="Access keys for Kinesis clients.")
grant_app = typer.Typer(no_args_is_help=True, help="Who may read, write or manage a thing.")
for name, group in (
    ("stream", stream_app), ("table", table_app), ("query", query_app), ("alert", alert_app),
    ("destination", destination_app), ("user", user_app), ("token", token_app), ("key", key_app), ("grant", grant_app),
):  # fmt: skip
    app.add_typer(group, name=name)

Folder = Annotated[Path | None, typer.Option("--folder", help="The data folder; ./gureum-data by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Url = Annotated[str | None, typer.Option("--url", help="A server elsewhere; GUREUM_URL by default.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

STOP_WAIT_S = 15.0

PLURALS = {"stream": "streams", "table": "tables", "query": "queries", "dashboard": "dashboards"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process."""
    try:
        # Outside of its standalone mode typer returns the code of an Exit instead of raising it.
        code = app(list(arguments) if arguments is not None else None, standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that has gone is no error
        sys.exit(code if isinstance(code, int) else 0)
    except GureumError as error:
        print(f"gureum: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(1)
    except typer.Exit as exit_:
        sys.exit(exit_.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if type(error).__module__.startswith(("typer", "click")) and hasattr(error, "show"):
            error.show()
            sys.exit(2)
        raise


# --- the server -------------------------------------------------------------------------------------------------------


@app.command()
def up(
    folder: Folder = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Studio and REST; 0 takes any free one.")] = None,
    kinesis_port: Annotated[int | None, typer.Option(help="The Kinesis door; 0 takes any free one.")] = None,
) -> None:
    """Start gureum on a data folder, until Ctrl-C or `gureum down`. Prints one line of JSON when it is ready."""
    from gureum.processes.supervisor import Ready, Supervisor

    settings = _settings(folder=folder, host=host, port=port, kinesis_port=kinesis_port)

    def ready(line: Ready) -> None:
        print(json.dumps(asdict(line)), flush=True)
        if sys.stderr.isatty():
            print(_welcome(line), file=sys.stderr, flush=True)

    raise typer.Exit(Supervisor(settings).run(ready))


@app.command()
def down(folder: Folder = None) -> None:
    """Stop the gureum that holds the folder, and wait until it has stopped."""
    from gureum.processes.folder import DataFolder, holder

    data = DataFolder(_settings(folder=folder).folder)
    found = holder(data)
    if found is None:
        print(f"nothing is running on {data.root}")
        return
    os.kill(found.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + STOP_WAIT_S
    while holder(data) is not None:
        if time.monotonic() > deadline_s:
            raise Unavailable(
                f"pid {found.pid} has not stopped after {STOP_WAIT_S:g} s",
                hint=f"kill -9 {found.pid} ends it; nothing acknowledged is lost",
            )
        time.sleep(0.05)
    print(f"stopped (pid {found.pid})")


@app.command()
def status(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """What runs and what is wrong. Exit code 1 when something is."""
    with _client(folder, url) as client:
        body = client.status()
    if as_json:
        _print_json(body)
    else:
        _print_rows(
            body["processes"],
            name=None, state=None, pid=None, restarts=None, memory=lambda r: _bytes(r["memory_bytes"]), cpu_s=None,
        )  # fmt: skip
        print(", ".join(f"{count} {kind if count == 1 else PLURALS[kind]}" for kind, count in body["counts"].items()))
        for problem in body["problems"]:
            print(f"{problem['severity']}: {problem['message']}" + (f" ({problem['hint']})" if problem["hint"] else ""))
        if not body["problems"]:
            print("nothing is wrong")
    raise typer.Exit(1 if any(problem["severity"] == "error" for problem in body["problems"]) else 0)


@app.command()
def doctor(folder: Folder = None, as_json: Json = False) -> None:
    """Check the data folder and this installation; says what is wrong and the cure. Works with and without a server."""
    from gureum.processes.doctor import examine

    findings = examine(_settings(folder=folder))
    if as_json:
        _print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.what}: {finding.found}")
            if finding.cure:
                print(f"       {finding.cure}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command()
def link(
    user: Annotated[str | None, typer.Argument(help="Whom the link signs in; the operator by default.")] = None,
    folder: Folder = None,
) -> None:
    """Print a link that signs in once, within an hour."""
    with _client(folder, None) as client:
        print(client.request("POST", f"/users/{user or 'operator'}/link"))


@app.command()
def settings(as_json: Json = False) -> None:
    """Every setting: its name, its default and what it means."""
    from gureum.settings import reference

    rows = [{"setting": name, "default": default, "meaning": about} for name, default, about in reference()]
    _show(rows, as_json)


@app.command()
def demo(
    folder: Folder = None,
    speed: Annotated[
        float | None, typer.Option(help="Hours of readings in a second: 24 to watch, all at once to check.")
    ] = None,
    devices: Annotated[int, typer.Option(help="How many machines send.")] = 5,
    check: Annotated[
        bool, typer.Option("--check", help="No browser: replay all, compare every window with DuckDB, exit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Replay real machine temperatures through a stream, a standing query, a table, an alert and a live dashboard."""
    from gureum.demo.run import run_demo

    speed_h = speed if speed is not None or check else 24.0
    raise typer.Exit(run_demo(_settings(folder=folder), speed_h=speed_h, devices=devices, check=check, as_json=as_json))


@app.command(hidden=True)
def process(name: str) -> None:
    """Run one process; only the supervisor types this."""
    from gureum.processes.run import run_process

    run_process(name)


# --- streams ----------------------------------------------------------------------------------------------------------


@stream_app.command("list")
def stream_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The streams that you may read."""
    with _client(folder, url) as client:
        _show(client.streams(), as_json, name=None, shards=None, records=None, per_s=lambda r: f"{r['records_per_s']:.0f}",
              size=lambda r: _bytes(r["bytes"]), last=lambda r: _ago(r["last_arrival_ms"]), owner=None)  # fmt: skip


@stream_app.command("create")
def stream_create(
    name: str, shards: int = 1, retention_h: int = 24, folder: Folder = None, url: Url = None, as_json: Json = False
) -> None:
    """Make a stream."""
    with _client(folder, url) as client:
        client.stream(name).create(shards=shards, retention_h=retention_h)
        _done(f"stream {name} is there", client.stream(name).describe(), as_json)


@stream_app.command("show")
def stream_show(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One stream: shards, columns, readers."""
    with _client(folder, url) as client:
        body = client.stream(name).describe()
    if as_json:
        _print_json(body)
        return
    print(
        f"{body['name']}: {body['records']} records, {_bytes(body['bytes'])}, kept {body['retention_h']} h, owner {body['owner']}"
    )
    _print_rows(
        body["stream_shards"],
        id=None,
        records=None,
        size=lambda r: _bytes(r["bytes"]),
        last=lambda r: _ago(r["last_arrival_ms"]),
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
    values = [_parse_record(text, at) for at, text in enumerate(records or sys.stdin, 1) if text.strip()]
    with _client(folder, url) as client:
        positions = client.stream(name).put_many(values, keys=[key] * len(values) if key else None)
    _done(f"{len(positions)} records stored", positions, as_json)


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
    with _client(folder, url) as client:
        for number, record in enumerate(client.stream(name).tail(from_start=from_start), 1):
            print(json.dumps(record if as_json else record["data"], ensure_ascii=False), flush=True)
            if count is not None and number >= count:
                break


@stream_app.command("delete")
def stream_delete(name: str, yes: Yes = False, folder: Folder = None, url: Url = None) -> None:
    """Delete a stream and its records, for good."""
    _ask(f"delete stream {name} and all its records?", yes)
    with _client(folder, url) as client:
        client.stream(name).delete()
    print(f"stream {name} is deleted")


# --- tables and SQL -----------------------------------------------------------------------------------------------------


@table_app.command("list")
def table_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The tables that you may read."""
    with _client(folder, url) as client:
        _show(client.tables(), as_json, name=None, rows=None, size=lambda r: _bytes(r["bytes"]), version=None,
              changed=lambda r: _ago(r["updated_at_ms"]), owner=None, problem=None)  # fmt: skip


@table_app.command("show")
def table_show(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One table: columns, size, location, who writes it."""
    with _client(folder, url) as client:
        body = client.table(name).describe()
    if as_json:
        _print_json(body)
        return
    print(
        f"{body['name']}: version {body['version']}, {body['rows']} rows, {_bytes(body['bytes'])} in {body['files']} files"
    )
    _print_rows(body["columns"], name=None, type=None, null=lambda r: "yes" if r["nullable"] else "no")
    print(f"location: {body['location']}")
    if body["written_by"]:
        print("written by: " + ", ".join(body["written_by"]))


@table_app.command("sample")
def table_sample(
    name: str,
    limit: int = 20,
    version: int | None = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Some rows."""
    with _client(folder, url) as client:
        _show(client.table(name).sample(limit, version=version), as_json)


@table_app.command("history")
def table_history(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The versions, newest first."""
    with _client(folder, url) as client:
        _show(client.table(name).history(), as_json, version=None, when=lambda r: _ago(r["at_ms"]), operation=None, user=None,
              rows=lambda r: r["metrics"].get("numOutputRows"))  # fmt: skip


@table_app.command("drop")
def table_drop(name: str, yes: Yes = False, folder: Folder = None, url: Url = None) -> None:
    """Drop a table and its files, for good."""
    _ask(f"drop table {name} and all its rows?", yes)
    with _client(folder, url) as client:
        client.table(name).drop()
    print(f"table {name} is dropped")


@app.command()
def sql(
    text: Annotated[str, typer.Argument(help="SQL, or @file, or - for standard input.")],
    timeout_s: float | None = None,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Run SQL over tables and print the last statement's rows."""
    with _client(folder, url) as client:
        rows = client.sql(_text(text), timeout_s=timeout_s)
        if as_json:
            _print_json(rows.to_pylist())
        elif rows.columns == ["affected_rows"]:
            print(f"{rows.to_pylist()[0]['affected_rows']} rows")
        elif rows.columns:
            _print_rows(rows.to_pylist(), **dict.fromkeys(rows.columns))
        else:
            print("done")


# --- standing queries and alerts ------------------------------------------------------------------------------------------


@query_app.command("list")
def query_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The standing queries that you may read, with their state."""
    with _client(folder, url) as client:
        _show(client.queries(), as_json, name=None, state=lambda r: r["status"]["state"], into=None,
              watermark=lambda r: _time(r["status"]["watermark_ms"]), behind=lambda r: r["status"]["records_behind"],
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
    with _client(folder, url) as client:
        query = client.query(
            name, _text(sql), into=into, notify=notify or None, when=when, key=key or None, checkpoint_s=checkpoint_s
        )
        if check:
            plan = query.check()
            _done(plan["plan"], plan, as_json)
            return
        try:
            query.describe()
        except NotFound:
            query.start()
        else:
            raise InvalidInput(
                f"query {name!r} exists", code="query.exists", hint=f"`gureum query start {name}` goes on with it"
            )
        _done(f"query {name} is standing", query.describe(), as_json)


@query_app.command("show")
def query_show(name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One standing query: its text, state, watermark, lag and counts."""
    with _client(folder, url) as client:
        body = client.query(name).describe()
    if as_json:
        _print_json(body)
        return
    print(body["sql"].strip() + "\n")
    for field, value in body["status"].items():
        shown = _time(value) if field.endswith("_ms") and field != "lag_ms" else value
        print(f"{field.removesuffix('_ms'):18} {'' if shown is None else shown}")
    print(
        f"{'into':18} {body['into']}\n{'late rows go to':18} {body['late_table']}\n{'bad records go to':18} {body['dead_letter_table']}"
    )


@query_app.command("rows")
def query_rows(name: str, limit: int = 20, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """The newest rows that it wrote."""
    with _client(folder, url) as client:
        _show(client.query(name).rows(limit), as_json)


@query_app.command("start")
def query_start(
    name: str,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the state and read from the beginning.")] = False,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Go on where it stopped."""
    with _client(folder, url) as client:
        query = client.query(name)
        query.describe()
        query.start(reset=reset)
        _done(f"query {name} is started", query.describe(), as_json)


@query_app.command("stop")
def query_stop(
    name: str,
    drain: Annotated[bool, typer.Option("--drain", help="First close all open windows.")] = False,
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Stop at a checkpoint."""
    with _client(folder, url) as client:
        query = client.query(name).stop(drain=drain)
        _done(f"query {name} is stopped", query.describe(), as_json)


@query_app.command("delete")
def query_delete(name: str, yes: Yes = False, folder: Folder = None, url: Url = None) -> None:
    """Stop a query and forget it; what it wrote stays."""
    _ask(f"delete query {name}? (its tables stay)", yes)
    with _client(folder, url) as client:
        client.query(name).delete()
    print(f"query {name} is deleted")


@alert_app.command("list")
def alert_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """What fires now, and the newest crossings and recoveries."""
    with _client(folder, url) as client:
        alerts = client.alerts()
    if as_json:
        _print_json(alerts)
        return
    print("firing now:" if alerts["firing"] else "nothing is firing")
    _print_rows(
        alerts["firing"],
        query=None,
        key=lambda r: _pairs(r["key"]),
        since=lambda r: _ago(r["since_ms"]),
        row=lambda r: _pairs(r["row"]),
    )
    _print_rows(
        alerts["events"][:20], when=lambda r: _ago(r["at_ms"]), query=None, key=lambda r: _pairs(r["key"]), state=None
    )


@destination_app.command("list")
def destination_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Where alerts may be sent."""
    with _client(folder, url) as client:
        _show(client.request("GET", "/destinations"), as_json)


@destination_app.command("create")
def destination_create(
    name: str,
    webhook: Annotated[str, typer.Option(help="The address that gets a POST.")],
    folder: Folder = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Add a webhook under a name."""
    with _client(folder, url) as client:
        made = client.request("POST", "/destinations", body={"name": name, "type": "webhook", "url": webhook})
    _done(f"destination {name} is there", made, as_json)


@destination_app.command("delete")
def destination_delete(name: str, folder: Folder = None, url: Url = None) -> None:
    """Take a destination away."""
    with _client(folder, url) as client:
        client.request("DELETE", f"/destinations/{name}")
    print(f"destination {name} is deleted")


# --- people ---------------------------------------------------------------------------------------------------------------


@user_app.command("list")
def user_list(folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """All users."""
    with _client(folder, url) as client:
        _show(
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
    with _client(folder, url) as client:
        client.request("POST", "/users", body={"name": name, "role": role})
        address = client.request("POST", f"/users/{name}/link")
    _done(
        f"user {name} signs in, once and within an hour, at {address}",
        {"name": name, "role": role, "link": address},
        as_json,
    )


@token_app.command("create")
def token_create(label: str, days: float = 90.0, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Make a personal token; it is shown this once."""
    with _client(folder, url) as client:
        made = client.request("POST", "/tokens", body={"label": label, "expires_in_days": days})
    _done(made["token"], made, as_json)


@key_app.command("create")
def key_create(label: str = "", folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Make an access key for boto3, the AWS CLI and other Kinesis clients; the secret is shown this once."""
    with _client(folder, url) as client:
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
    _done(text, {**made, "endpoint": endpoint}, as_json)


@grant_app.command("list")
def grant_list(kind: str, name: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Who may do what with a thing, besides its owner and administrators."""
    with _client(folder, url) as client:
        _show(client.request("GET", "/grants", params={"kind": kind, "name": name}), as_json)


@grant_app.command("give")
def grant_give(kind: str, name: str, grantee: str, permission: str, folder: Folder = None, url: Url = None) -> None:
    """Let a user, 'group:<name>' or 'group:everyone' read, write or manage a thing."""
    body = {"kind": kind, "name": name, "grantee": grantee, "permission": permission}
    with _client(folder, url) as client:
        client.request("PUT", "/grants", body=body)
    print(f"{grantee} may {permission} {kind} {name}")


@grant_app.command("take")
def grant_take(kind: str, name: str, grantee: str, folder: Folder = None, url: Url = None) -> None:
    """Take a grant away."""
    with _client(folder, url) as client:
        client.request("PUT", "/grants", body={"kind": kind, "name": name, "grantee": grantee, "permission": None})
    print(f"{grantee} has no grant on {kind} {name}")


# --- inside ---------------------------------------------------------------------------------------------------------------


def _settings(**flags: Any) -> Settings:
    return load_settings(environment=os.environ, flags=flags, working_folder=Path.cwd())


def _client(folder: Path | None, url: str | None) -> Any:
    if url or (folder is None and os.environ.get("GUREUM_URL")):
        return gureum.connect(url)
    return gureum.connect(folder=_settings(folder=folder).folder)


def _text(argument: str) -> str:
    if argument == "-":
        return sys.stdin.read()
    if argument.startswith("@"):
        path = Path(argument[1:])
        try:
            return path.read_text("utf-8")
        except OSError as error:
            raise InvalidInput(f"cannot read {path}: {error.strerror}", code="cli.file") from error
    return argument


def _parse_record(text: str, number: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"record {number} is not JSON: {error}",
            code="cli.json",
            hint="""quote it for the shell: '{"temp": 91.2}'""",
        ) from error


def _ask(question: str, yes: bool) -> None:
    if not yes and not typer.confirm(question):
        raise typer.Abort


def _done(text: str, body: Any, as_json: bool) -> None:
    if as_json:
        _print_json(body)
    else:
        print(text)


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _show(rows: list[dict[str, Any]], as_json: bool, /, **columns: Callable[[dict[str, Any]], Any] | None) -> None:
    if as_json:
        _print_json(rows)
    elif not rows:
        print("none")
    else:
        _print_rows(rows, **(columns or dict.fromkeys(rows[0])))


def _print_rows(rows: Iterable[dict[str, Any]], /, **columns: Callable[[dict[str, Any]], Any] | None) -> None:
    """A table for people: one line a row, numbers to the right, nothing wider than it must be."""
    from unicodedata import east_asian_width

    def width(text: str) -> int:
        return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)

    table = [[_cell(column(row) if column else row.get(name)) for name, column in columns.items()] for row in rows]
    if not table:
        return
    heads = list(columns)
    widths = [max(width(cell) for cell in column) for column in zip(heads, *table, strict=True)]
    right = [
        all(cell.replace(".", "").replace("-", "").isdigit() or not cell for cell in column)
        for column in zip(*table, strict=True)
    ]
    for line in [heads, *table]:
        cells = []
        for cell, room, to_right in zip(line, widths, right, strict=True):
            space = " " * (room - width(cell))
            cells.append(space + cell if to_right else cell + space)
        print("  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e15 else str(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value).replace("\n", "\\n")


def _pairs(value: dict[str, Any]) -> str:
    return ", ".join(f"{key}={item}" for key, item in value.items())


def _bytes(count: int | None) -> str:
    if count is None:
        return ""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _ago(at_ms: int | None) -> str:
    if not at_ms:
        return ""
    seconds = max(0, time.time() - at_ms / 1000)
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _time(at_ms: int | None) -> str:
    if at_ms is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_ms / 1000)) + " UTC"


def _welcome(line: Any) -> str:
    text = (
        f"\n  gureum {line.version} is up\n  Studio   {line.url}\n  Kinesis  {line.kinesis}\n  folder   {line.folder}\n"
    )
    if line.link:
        text += f"\n  First sign-in, once and within an hour:\n  {line.link}\n"
    return text + "\n  Ctrl-C stops it.\n"
