"""The demo itself: start gureum if need be, set the scene, replay, and watch or check.

Called by the command line. Everything goes through the doors that a user has: the SDK, boto3, the browser.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import gureum
from gureum.client.client import Client
from gureum.demo.check import check as check_windows
from gureum.demo.readings import readings
from gureum.demo.replay import Replay, kinesis_client
from gureum.demo.scene import DASHBOARD, DASHBOARD_NAME, QUERIES, STREAM, TABLES
from gureum.errors import Conflict, InvalidInput, NotFound, Unavailable
from gureum.processes.folder import DataFolder, holder
from gureum.settings import Settings

__all__ = ["run_demo"]

SHARDS = 2
DEVICES_MAX = 50

# A live picture wants its rows soon; a commit costs some milliseconds.
CHECKPOINT_S = 1.0

UP_S = 60.0
DRAIN_S = 300.0

# A call that met a restarting process is made again for so long.
PATIENCE_S = 60.0

_T = TypeVar("_T")


def run_demo(settings: Settings, *, speed_h: float | None, devices: int, check: bool, as_json: bool) -> int:
    """Run the demo and return the exit code. With `check`, 0 means that not one window or alert differs."""
    if not 1 <= devices <= DEVICES_MAX:
        raise InvalidInput(f"1 to {DEVICES_MAX} machines can send", code="demo.devices")
    if speed_h is not None and speed_h <= 0:
        raise InvalidInput("the speed must be above 0", code="demo.speed")
    # The server that this starts ends with it, also when it is told to end and not interrupted.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    say: Callable[[str], None] = (lambda _text: None) if as_json else (lambda text: print(text, flush=True))
    with _server(settings, temporary=check, say=say) as (client, folder):
        say(f"Studio is at {client.url}")
        _set_scene(client)
        key = _patiently(lambda: client.request("POST", "/keys", body={"label": "demo"}))
        endpoint = _patiently(client.status)["kinesis_endpoint"]
        replay = Replay(kinesis_client(endpoint, key["access_key_id"], key["secret_access_key"]), STREAM)
        if not check:
            _open_dashboard(client, say)
        say(f"replaying {devices} machines" + (f" at {speed_h:g} hours a second" if speed_h else ""))
        started_s = time.monotonic()
        replay.run(readings(devices), speed_h=speed_h, on_batch=_progress(say))
        took_s = time.monotonic() - started_s
        say(f"{replay.sent} readings sent in {took_s:.0f} s")
        if not check:
            return _stay(client, folder, say)
        return _check(client, devices, replay, took_s, as_json=as_json)


def _check(client: Client, devices: int, replay: Replay, took_s: float, *, as_json: bool) -> int:
    for name in QUERIES:
        # A drain reads what was sent, then closes the last windows.
        _patiently(partial(client.query(name).stop, drain=True, timeout_s=DRAIN_S))
    result = _patiently(lambda: check_windows(client, devices=devices))
    body = {"readings": replay.sent, "doubts": replay.doubts, "replay_s": round(took_s, 1), **result.to_json()}
    if as_json:
        print(json.dumps(body))
    else:
        for text in result.named:
            print(f"DIFFERENT  {text}")
        print(
            f"{result.windows} windows, {result.alerts} alerts and {result.requests} requests compared with DuckDB: "
            + (f"{result.differences} differ" if result.differences else "all equal")
        )
    return 1 if result.differences else 0


def _set_scene(client: Client) -> None:
    """Take an earlier demo away, then make everything anew."""
    for name in QUERIES:
        _gone(client.query(name).delete)
    for table in TABLES:
        _gone(client.table(table).drop)
    _gone(lambda: client.stream(STREAM).delete())
    _gone(lambda: client.request("DELETE", f"/dashboards/{DASHBOARD_NAME}"))
    _there(lambda: client.stream(STREAM).create(shards=SHARDS))
    for name, query in QUERIES.items():
        body = {"name": name, "checkpoint_s": CHECKPOINT_S, **query}
        _there(partial(client.request, "POST", "/queries", body=body))
    _there(lambda: client.request("POST", "/dashboards", body={"name": DASHBOARD_NAME, "spec": DASHBOARD}))


def _gone(act: Callable[[], Any]) -> None:
    with contextlib.suppress(NotFound):
        _patiently(act)


def _there(act: Callable[[], Any]) -> None:
    # When the answer to the first try was lost, the second finds what the first made.
    with contextlib.suppress(Conflict):
        _patiently(act)


def _patiently(act: Callable[[], _T]) -> _T:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except Unavailable:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.2)


def _progress(say: Callable[[str], None]) -> Callable[[int, str], None]:
    last_s = time.monotonic()

    def on_batch(sent: int, ts: str) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= 5:
            last_s = time.monotonic()
            say(f"  {sent} readings, now at {ts}")

    return on_batch


def _open_dashboard(client: Client, say: Callable[[str], None]) -> None:
    link = _patiently(lambda: client.request("POST", "/users/operator/link"))
    address = f"{link}?next=/dashboards/{DASHBOARD_NAME}"
    say(f"the dashboard, signed in once: {address}")
    if os.environ.get("DISPLAY") or sys.platform == "darwin" or os.environ.get("WAYLAND_DISPLAY"):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)


def _stay(client: Client, folder: Path, say: Callable[[str], None]) -> int:
    say(f"all readings are in; look around at {client.url} (data in {folder}). Ctrl-C stops gureum.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return 0


@contextlib.contextmanager
def _server(settings: Settings, *, temporary: bool, say: Callable[[str], None]) -> Iterator[tuple[Client, Path]]:
    """The server that holds the folder, or one of our own that ends with the demo."""
    default = settings.folder.name == "gureum-data" and holder(DataFolder(settings.folder)) is None
    made: Path | None = None
    if default and temporary:
        made = Path(tempfile.mkdtemp(prefix="gureum-demo-"))
        settings = replace(settings, folder=made / "data", port=0, kinesis_port=0)
    elif default:
        settings = replace(settings, folder=settings.folder.with_name("gureum-demo"))
    if holder(DataFolder(settings.folder)) is not None:
        with gureum.connect(folder=settings.folder) as client:
            yield client, settings.folder
        return
    say("starting gureum")
    command = [sys.executable, "-m", "gureum", "up", "--folder", str(settings.folder), "--host", settings.host,
               "--port", str(settings.port), "--kinesis-port", str(settings.kinesis_port)]  # fmt: skip
    # In a group of its own: a Ctrl-C ends the demo first, which then stops the server.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Unavailable("gureum did not start", code="demo.up", hint="its message is above")
        with gureum.connect(folder=settings.folder) as client:
            yield client, settings.folder
    finally:
        process.terminate()
        try:
            process.wait(UP_S)
        except subprocess.TimeoutExpired:
            process.kill()
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
