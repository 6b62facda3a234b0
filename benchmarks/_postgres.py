"""PostgreSQL itself, where it is installed: what the BI door is measured against, and a store to test with.

Called by `benchmarks/bi.py` and the tests' `store_kit`. A server of its own folder, gone with the block.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._peers import PeerMissing
from gureum.testing.platform import wait_until

__all__ = ["Postgres", "connects", "free_port", "postgres_server"]

READY_S = 30


class Postgres:
    """A PostgreSQL server of its own folder; `new()` is the URL of an empty database in it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = itertools.count()

    def new(self) -> str:
        import psycopg

        name = f"gureum_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://gureum:secret-word@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start one. Raises PeerMissing when PostgreSQL is not installed."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("postgres") or (binaries and binaries[-1] / "postgres")
    if not found:
        raise PeerMissing("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="gureum-postgres-"))
    # PostgreSQL refuses to run as root; its package brings a user.
    user = None
    if os.getuid() == 0:
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            raise PeerMissing("PostgreSQL does not run as root, and there is no user 'postgres'") from None
        shutil.chown(folder, user)
    initdb = Path(found).with_name("initdb")
    try:
        subprocess.run(
            [initdb, "-D", folder / "data", "-U", "gureum", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"],
            user=user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        port = free_port()
        settings = ["listen_addresses=127.0.0.1", "fsync=off", f"unix_socket_directories={folder}"]
        with (folder.parent / f"{folder.name}.log").open("wb") as log:
            server = subprocess.Popen(
                [found, "-D", folder / "data", "-p", str(port), *(part for s in settings for part in ("-c", s))],
                user=user, cwd=folder, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_until(lambda: connects(port) or server.poll(), what="PostgreSQL", timeout_s=READY_S)
            assert server.poll() is None, Path(log.name).read_text()
            wait_until(lambda: _answers(Postgres(port)), what="PostgreSQL to answer", timeout_s=READY_S)
            yield Postgres(port)
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown; SIGTERM would wait for open connections
            server.wait()
            Path(log.name).unlink()
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def connects(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _answers(postgres: Postgres) -> bool:
    import psycopg

    try:
        psycopg.connect(postgres.url("postgres")).close()
    except psycopg.OperationalError:
        return False  # it listens before it takes connections
    return True
