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
from dataclasses import asdict, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import gureum
from gureum.client.client import Client
from gureum.clock import SystemClock
from gureum.demo.check import check as check_windows
from gureum.demo.loop import LOOP_DASHBOARD, LOOP_DASHBOARD_NAME, Step, clear_loop, run_loop
from gureum.demo.patience import gone, patiently, there
from gureum.demo.readings import readings
from gureum.demo.replay import Replay, kinesis_client
from gureum.demo.scene import DASHBOARD, DASHBOARD_NAME, QUERIES, STREAM, TABLES
from gureum.errors import InvalidInput, Unavailable
from gureum.processes.folder import DataFolder, holder
from gureum.settings import Settings

__all__ = ["Part", "run_demo"]


class Part(StrEnum):
    """The demo's two halves: readings to an alert, rows to a watched model."""

    READINGS = "readings"
    MODEL = "model"


SHARDS = 2
DEVICES_MAX = 50

# A live picture wants its rows soon; a commit costs some milliseconds.
CHECKPOINT_S = 1.0

UP_S = 60.0
DRAIN_S = 300.0


def run_demo(
    settings: Settings, *, part: Part | None = None, speed_h: float | None, devices: int, check: bool, as_json: bool
) -> int:
    """Run the demo, or one part of it, and return the exit code. With `check`, 0 means that all is as it must be."""
    if not 1 <= devices <= DEVICES_MAX:
        raise InvalidInput(f"1 to {DEVICES_MAX} machines can send", code="demo.devices")
    if speed_h is not None and speed_h <= 0:
        raise InvalidInput("the speed must be above 0", code="demo.speed")
    # The server that this starts ends with it, also when it is told to end and not interrupted.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    say: Callable[[str], None] = (lambda _text: None) if as_json else (lambda text: print(text, flush=True))
    body: dict[str, Any] = {}
    ok = True
    with _server(settings, temporary=check, say=say) as (client, folder):
        say(f"Studio is at {client.url}")
        key = patiently(lambda: client.request("POST", "/keys", body={"label": "demo"}))
        endpoint = patiently(client.status)["kinesis_endpoint"]
        kinesis = kinesis_client(endpoint, key["access_key_id"], key["secret_access_key"])
        if part in (None, Part.READINGS):
            ok = _readings(client, kinesis, body, devices=devices, speed_h=speed_h, check=check, say=say) and ok
        if part in (None, Part.MODEL):
            ok = _model(client, kinesis, body, check=check, say=say) and ok
        if not check:
            return _stay(client, folder, say)
    if as_json:
        print(json.dumps(body))
    return 0 if ok else 1


def _readings(
    client: Client, kinesis: Any, body: dict[str, Any], *,
    devices: int, speed_h: float | None, check: bool, say: Callable[[str], None],
) -> bool:  # fmt: skip
    _set_scene(client)
    if not check:
        _open_dashboard(client, DASHBOARD_NAME, say)
    replay = Replay(kinesis, STREAM)
    say(f"replaying {devices} machines" + (f" at {speed_h:g} hours a second" if speed_h else ""))
    started_s = time.monotonic()
    replay.run(readings(devices), speed_h=speed_h, on_batch=_progress(say))
    took_s = time.monotonic() - started_s
    say(f"{replay.sent} readings sent in {took_s:.0f} s")
    body |= {"readings": replay.sent, "doubts": replay.doubts, "replay_s": round(took_s, 1)}
    if not check:
        return True
    for name in QUERIES:
        # A drain reads what was sent, then closes the last windows.
        patiently(partial(client.query(name).stop, drain=True, timeout_s=DRAIN_S))
    result = patiently(lambda: check_windows(client, devices=devices))
    body |= result.to_json()
    for text in result.named:
        say(f"DIFFERENT  {text}")
    say(
        f"{result.windows} windows, {result.alerts} alerts and {result.requests} requests compared with DuckDB: "
        + (f"{result.differences} differ" if result.differences else "all equal")
    )
    return not result.differences


def _model(client: Client, kinesis: Any, body: dict[str, Any], *, check: bool, say: Callable[[str], None]) -> bool:
    say("machines that fail: rows to a model, the model to an endpoint, its inputs watched")
    clear_loop(client)
    there(lambda: client.request("POST", "/dashboards", body={"name": LOOP_DASHBOARD_NAME, "spec": LOOP_DASHBOARD}))
    if not check:
        _open_dashboard(client, LOOP_DASHBOARD_NAME, say)
    steps: list[Step] = []
    for step in run_loop(client, kinesis, clock=SystemClock(), say=say):
        steps.append(step)
        say(f"{'ok   ' if step.ok else 'WRONG'}  {step.name:<9} {step.seen}")
    body["steps"] = [asdict(step) for step in steps]
    return all(step.ok for step in steps)


def _set_scene(client: Client) -> None:
    """Take an earlier demo away, then make everything anew."""
    for name in QUERIES:
        gone(client.query(name).delete)
    for table in TABLES:
        gone(client.table(table).drop)
    gone(lambda: client.stream(STREAM).delete())
    gone(lambda: client.request("DELETE", f"/dashboards/{DASHBOARD_NAME}"))
    there(lambda: client.stream(STREAM).create(shards=SHARDS))
    for name, query in QUERIES.items():
        body = {"name": name, "checkpoint_s": CHECKPOINT_S, **query}
        there(partial(client.request, "POST", "/queries", body=body))
    there(lambda: client.request("POST", "/dashboards", body={"name": DASHBOARD_NAME, "spec": DASHBOARD}))


def _progress(say: Callable[[str], None]) -> Callable[[int, str], None]:
    last_s = time.monotonic()

    def on_batch(sent: int, ts: str) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= 5:
            last_s = time.monotonic()
            say(f"  {sent} readings, now at {ts}")

    return on_batch


def _open_dashboard(client: Client, name: str, say: Callable[[str], None]) -> None:
    link = patiently(lambda: client.request("POST", "/users/operator/link"))
    address = f"{link}?next=/dashboards/{name}"
    say(f"the dashboard, signed in once: {address}")
    if os.environ.get("DISPLAY") or sys.platform == "darwin" or os.environ.get("WAYLAND_DISPLAY"):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)


def _stay(client: Client, folder: Path, say: Callable[[str], None]) -> int:
    say(f"all is in; look around at {client.url} (data in {folder}). Ctrl-C stops gureum.")
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
        settings = replace(settings, folder=made / "data", port=0, kinesis_port=0, postgres_port=0)
    elif default:
        settings = replace(settings, folder=settings.folder.with_name("gureum-demo"))
    if holder(DataFolder(settings.folder)) is not None:
        with gureum.connect(folder=settings.folder) as client:
            yield client, settings.folder
        return
    say("starting gureum")
    command = [sys.executable, "-m", "gureum", "up", "--folder", str(settings.folder), "--host", settings.host,
               "--port", str(settings.port), "--kinesis-port", str(settings.kinesis_port),
               "--postgres-port", str(settings.postgres_port)]  # fmt: skip
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
