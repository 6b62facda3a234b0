"""Who comes to the door without an invitation: too many at once, and those who do not speak its protocol."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gureum.app import Platform
from gureum.gateways.postgres.door import CONNECTIONS_MAX, REFUSED_AT_ONCE_MAX, PostgresDoor
from gureum.settings import Settings
from gureum.testing.platform import wait_until

HEAD = struct.Struct("!ci")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    platform = Platform(Settings(folder=tmp_path), environment={})
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    door = PostgresDoor(
        listening, sql=platform.sql, tables=platform.tables, identity=platform.identity, clock=platform.clock,
        timeout_s=60, tls=None,
    )  # fmt: skip
    door.start()
    yield listening.getsockname()
    door.stop()
    listening.close()
    platform.close()


def answer(address: tuple[str, int], first: bytes) -> dict[str, str]:
    """What the door says to a client's first SCRAM message: the fields of its error."""
    with socket.create_connection(address, timeout=30) as client, client.makefile("rb") as said:
        start = b"user\0anna\0database\0gureum\0\0"
        client.sendall(struct.pack("!ii", 8 + len(start), 3 << 16) + start)
        kind, size = HEAD.unpack(said.read(HEAD.size))
        assert kind == b"R"
        said.read(size - 4)
        body = b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first
        client.sendall(HEAD.pack(b"p", 4 + len(body)) + body)
        kind, size = HEAD.unpack(said.read(HEAD.size))
        assert kind == b"E"
        return {part[:1].decode(): part[1:].decode() for part in said.read(size - 4).split(b"\0") if part}


@pytest.mark.parametrize("first", [b"", b"n,", b"n,nothing", b"y,", b"p=tls-unique,,n=,r=x"])
def test_what_is_no_scram_is_told_so(address: tuple[str, int], first: bytes):
    assert answer(address, first)["C"] == "08P01"


def test_too_many_are_told_or_closed_and_the_next_is_let_in_when_some_have_gone(address: tuple[str, int]):
    dsn = (
        f"host={address[0]} port={address[1]} user=anna password=none dbname=gureum sslmode=disable gssencmode=disable"
    )

    def state() -> str:
        try:
            psycopg.connect(dsn, connect_timeout=10).close()
        except psycopg.OperationalError as error:
            return str(error)
        return ""

    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(address)) for _ in range(CONNECTIONS_MAX)]
        wait_until(lambda: f"{CONNECTIONS_MAX} clients are connected" in state(), what="a refusal", timeout_s=30)
        silent += [stack.enter_context(socket.create_connection(address)) for _ in range(2 * REFUSED_AT_ONCE_MAX)]
        silent[-1].settimeout(30)
        assert silent[-1].recv(1) == b"", "closed, no thread waits for what it might say"
    wait_until(lambda: "password" in state(), what="a place", timeout_s=30)
