"""A real server that is killed, stopped, started twice and filled up: what was acknowledged stays, and nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

import gureum
from gureum.errors import GureumError, NotFound, Unavailable
from gureum.processes.folder import DataFolder, holder
from gureum.processes.supervisor import ON_DEMAND, PROCESSES
from gureum.testing.platform import (
    KILL_S_MAX,
    MLFLOW_S_MAX,
    PlatformFailed,
    RunningPlatform,
    clean_environment,
    start_platform,
    wait_until,
)

pytestmark = pytest.mark.crash

STOP_S = 10.0

SCRIPT = """
CREATE TABLE source (n BIGINT) WITH ('stream' = 'numbers', 'format' = 'json');
INSERT INTO numbers_seen SELECT n FROM source;
"""


def gureum_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gureum", *arguments], capture_output=True, text=True, timeout=60, env=clean_environment(),
        check=False,
    )  # fmt: skip


class Prober:
    """Connects to some ports all the time, and remembers what was refused."""

    def __init__(self, *addresses: str) -> None:
        self._ports = [urlsplit(address).port for address in addresses]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.refused: list[str] = []
        self.connected = 0

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            for port in self._ports:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=5).close()
                    self.connected += 1
                except OSError as error:
                    self.refused.append(f"{port}: {error}")

    def __enter__(self) -> Prober:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.timeout(300)
def test_each_process_comes_back_by_itself_with_all_data_and_its_port_never_refuses(own_platform: RunningPlatform):
    platform, folder = own_platform, str(own_platform.folder)
    client = platform.client
    client.stream("numbers").create()
    client.query("copy", SCRIPT, checkpoint_s=0.2).start()
    client.sql("CREATE TABLE kept (n BIGINT)")

    second = gureum_command("up", "--folder", folder, "--port", "0", "--kinesis-port", "0")
    assert second.returncode == 1
    assert f"held by gureum up with pid {platform.pid}" in second.stderr
    assert "gureum down" in second.stderr

    stored: list[int] = []
    with Prober(platform.url, platform.kinesis) as prober:
        for number, name in enumerate(PROCESSES):
            client.stream("numbers").put_many([{"n": number * 10 + i} for i in range(10)])
            stored += range(number * 10, number * 10 + 10)
            client.sql(f"INSERT INTO kept VALUES ({number})")
            if name in ON_DEMAND:
                platform.wake(name)
            killed = platform.kill(name)
            pid = platform.wait_for_restart(name, killed, timeout_s=MLFLOW_S_MAX if name in ON_DEMAND else KILL_S_MAX)
            assert psutil.Process(pid).ppid() == platform.pid
            assert [row["data"]["n"] for row in client.stream("numbers").records(limit=1000)] == stored
            assert client.sql("SELECT n FROM kept ORDER BY n").to_pylist() == [{"n": n} for n in range(number + 1)]
    assert prober.refused == []
    assert prober.connected > 50

    def copied() -> bool:
        return client.sql("SELECT n FROM numbers_seen ORDER BY n").to_pylist() == [{"n": n} for n in stored]

    wait_until(copied, what="the standing query to have each record once", timeout_s=30)
    restarts = {process["name"]: process["restarts"] for process in client.status()["processes"]}
    assert restarts == {"supervisor": 0, **dict.fromkeys(PROCESSES, 1)}
    status = gureum_command("status", "--folder", folder)
    assert (status.returncode, "nothing is wrong" in status.stdout) == (0, True), status.stdout + status.stderr
    doctor = gureum_command("doctor", "--folder", folder)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "WRONG" not in doctor.stdout
    assert f"gureum up runs with pid {platform.pid}" in doctor.stdout

    all_of_it = platform.processes()
    assert len(all_of_it) >= len(PROCESSES)
    down = gureum_command("down", "--folder", folder)
    assert (down.returncode, down.stdout) == (0, f"stopped (pid {platform.pid})\n")
    assert platform.process.wait(STOP_S) == 0
    assert [process for process in all_of_it if process.is_running() and process.status() != "zombie"] == []
    assert sorted(path.name for path in (platform.folder / "run").iterdir()) == ["lock"]
    assert "nothing is running" in gureum_command("down", "--folder", folder).stdout
    asked = gureum_command("status", "--folder", folder)
    assert asked.returncode == 1
    assert "gureum up" in asked.stderr


def test_a_killed_supervisor_takes_all_with_it_and_a_new_one_starts_at_once(tmp_path: Path):
    with start_platform(tmp_path / "data") as first:
        first.client.stream("s").create().put({"n": 1})
        children = first.processes()
        first.kill("supervisor")
        # At once: the new one must not stumble over children that are still ending.
        with start_platform(tmp_path / "data") as second:
            wait_until(
                lambda: all(not child.is_running() or child.status() == "zombie" for child in children),
                what="the old children to end", timeout_s=STOP_S,
            )  # fmt: skip
            assert [r["data"] for r in second.client.stream("s").records()] == [{"n": 1}]
            second.client.stream("s").put({"n": 2})
            assert second.status()["pid"] == second.pid


def test_sigterm_ends_everything_in_ten_seconds_whatever_is_going_on(own_platform: RunningPlatform):
    platform = own_platform
    client = platform.client
    client.stream("numbers").create().put_many({"n": n} for n in range(1000))
    client.query("copy", SCRIPT, checkpoint_s=0.2).start()
    token = json.loads((platform.folder / "run" / "local.json").read_text())["token"]
    headers = {"Authorization": f"Bearer {token}"}
    statement: list[object] = []

    def long_sql() -> None:
        sql = "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range + b.range = -1"
        try:
            statement.append(httpx.post(f"{platform.url}/api/sql", json={"sql": sql}, headers=headers, timeout=60))
        except httpx.HTTPError as error:
            statement.append(error)

    thread = threading.Thread(target=long_sql)
    with httpx.stream("GET", f"{platform.url}/api/events", headers=headers, timeout=30) as events:
        lines = events.iter_lines()
        assert next(lines) == "retry: 1000"
        thread.start()
        wait_until(
            lambda: psutil.Process(platform.pid_of("sql")).cpu_percent(0.1) > 30, what="SQL at work", timeout_s=30
        )
        everything = platform.processes()
        os.kill(platform.pid, signal.SIGTERM)
        assert platform.process.wait(STOP_S) == 0
        for _ in lines:
            pass  # the live connection was ended, not cut
    thread.join(STOP_S)
    assert len(statement) == 1
    assert [process for process in everything if process.is_running() and process.status() != "zombie"] == []
    assert holder(DataFolder(platform.folder)) is None


# --- what keeps it from starting ---------------------------------------------------------------------------------------


def refused(folder: Path, *arguments: str) -> str:
    """What `up` says when it cannot start: one sentence and a cure, no traceback."""
    with pytest.raises(PlatformFailed) as caught:
        start_platform(folder, *arguments)
    assert caught.value.code == 1
    said = str(caught.value)
    assert said.startswith("gureum: ")
    assert "Traceback" not in said
    assert len(said.splitlines()) == 2, said
    return said


@pytest.mark.parametrize("option", ["--port", "--kinesis-port", "--postgres-port"])
def test_a_port_in_use_is_named_with_the_way_out(option: str, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(tmp_path / "data", option, str(port))
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert f"{option} (0 takes any free one)" in said
    assert holder(DataFolder(tmp_path / "data")) is None


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    assert "not a data folder of gureum" in refused(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_of_a_newer_version_is_left_alone(tmp_path: Path):
    DataFolder(tmp_path).prepare()
    (tmp_path / "gureum.json").write_text('{"format": 999}')
    assert "format 999, this gureum knows up to" in refused(tmp_path)


def test_a_file_in_the_folders_place_is_said(tmp_path: Path):
    (tmp_path / "data").write_text("a file")
    assert "cannot use the data folder" in refused(tmp_path / "data")


NOBODY = """
import contextlib, os, sys
from gureum import cli
import gureum.processes.supervisor, gureum.app
with open(os.devnull, "w") as sys.stdout, contextlib.suppress(SystemExit):
    cli.main(["settings"])  # what is needed later is loaded while it may be read
sys.stdout = sys.__stdout__
os.setgid(65534)
os.setuid(65534)
cli.main(["up", "--folder", sys.argv[1], "--port", "0", "--kinesis-port", "0"])
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that all may enter, other than pytest's own: what is refused is then the data folder itself."""
    folder = Path(tempfile.mkdtemp(prefix="gureum-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as somebody without permission")
@pytest.mark.parametrize("exists", [False, True])
def test_no_permission_on_the_folder_is_said_before_anything_starts(exists: bool, open_folder: Path):
    base = open_folder
    if exists:
        DataFolder(base / "data").prepare()
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, str(base / "data")], capture_output=True, text=True, timeout=60,
        env=clean_environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 1
    said = f"gureum: cannot use the data folder {base / 'data'}: "
    assert done.stderr.splitlines()[0] in {said + "Permission denied", said + "Operation not permitted"}
    assert "write permission" in done.stderr
    assert done.stdout == ""


# --- a full disk ---------------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own. Skips the test where one may not be mounted."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a small disk needs the right to mount: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_a_full_disk_refuses_writes_loses_nothing_and_works_again_when_there_is_space(tmp_path: Path):
    with small_disk(tmp_path / "disk", 48) as disk, start_platform(disk / "data") as platform:
        client = platform.client
        stream = client.stream("numbers").create()
        client.sql("CREATE TABLE kept (n BIGINT)")
        client.sql("INSERT INTO kept VALUES (0)")
        reader = platform.user("vera")
        client.request(
            "PUT", "/grants", body={"kind": "stream", "name": "numbers", "grantee": "vera", "permission": "read"}
        )
        stored = []

        def put(count: int, size: int = 2_000) -> None:
            start = len(stored)
            stream.put_many([{"n": start + i, "pad": "x" * size} for i in range(count)])
            stored.extend(range(start, start + count))

        def put_until_refused() -> None:
            for _ in range(200):
                put(50)

        put(100)
        fill(disk / "filler")
        with pytest.raises(Unavailable) as full:
            put_until_refused()
        assert full.value.hint
        with pytest.raises(GureumError) as insert:
            client.sql("INSERT INTO kept SELECT * FROM range(1000)")
        assert type(insert.value) is Unavailable, insert.value
        # Reads go on: of those who were there before, and of one whose first request this is.
        for someone in (client, reader):
            assert numbers(someone) == stored
        assert client.sql("SELECT count(*) AS c FROM kept").to_pylist() == [{"c": 1}]
        assert client.status()["processes"]
        assert {p["state"] for p in platform.status()["processes"]} <= {"running", "starting", "asleep"}

        (disk / "filler").unlink()

        def writes() -> bool:
            try:
                put(50)
            except Unavailable:
                return False
            return True

        wait_until(writes, what="writes to work again", timeout_s=30)
        client.sql("INSERT INTO kept VALUES (1)")
        assert numbers(client) == stored
        killed = platform.kill("kinesis")
        assert numbers(client) == stored
        platform.wait_for_restart("kinesis", killed)  # a put that the dying process had taken has no answer
        put(1)
        assert client.sql("SELECT n FROM kept ORDER BY n").to_pylist() == [{"n": 0}, {"n": 1}]


def numbers(client: gureum.client.client.Client) -> list[int]:
    found: list[int] = []
    after = None
    while True:
        page = client.request("GET", "/streams/numbers/records", params={"limit": 1000, "after": after})
        found += [record["data"]["n"] for record in page["records"]]
        if not page["records"]:
            return found
        after = page["next"]


def test_a_server_that_is_not_there_is_not_found(tmp_path: Path):
    with pytest.raises(NotFound, match="gureum up"):
        gureum.connect(folder=tmp_path)
