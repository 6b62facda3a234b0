"""Real servers for the tests of the store: PostgreSQL where it is installed, and S3 as moto speaks it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from benchmarks._peers import PeerMissing, peer_python
from benchmarks._postgres import Postgres, connects, free_port
from benchmarks._postgres import postgres_server as _postgres_server
from gureum.testing.platform import wait_until

__all__ = ["free_port", "moto_server", "postgres_server"]

READY_S = 30


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start one. Skips the test where it cannot be had."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(_postgres_server())
        except PeerMissing as error:
            pytest.skip(str(error))
        yield server


@contextmanager
def moto_server() -> Iterator[str]:
    """The address of a moto server that speaks S3. Skips the test where its environment cannot be built."""
    try:
        program = peer_python("moto", "moto[server]").with_name("moto_server")
    except PeerMissing as error:
        pytest.skip(f"moto's environment cannot be built: {error}")
    port = free_port()
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: connects(port), what="moto", timeout_s=READY_S)
        with httpx.Client(trust_env=False) as client:
            client.put(f"http://127.0.0.1:{port}/gureum").raise_for_status()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()
