"""A put's way to the writer: answers come whole, connections are used again, and what breaks is an OSError."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gureum.gateways.internal.line import Line

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def with_server(folder: Path, serve: Serve, use: Callable[[Line], Awaitable[None]]) -> int:
    """How many connections the server saw."""
    seen: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        await serve(reader, writer)

    server = await asyncio.start_unix_server(connected, folder / "s")
    try:
        await use(Line(str(folder / "s"), timeout_s=0.2))
    finally:
        server.close()
        for writer in seen:
            writer.close()
    return len(seen)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        await writer.drain()
        writer.write(body)


def test_answers_are_whole_and_connections_are_used_again(tmp_path: Path):
    async def use(line: Line) -> None:
        for size in (0, 1, 200_000):
            assert await line.post("/put", b"x" * size) == (200, b"x" * size)
        found = await asyncio.gather(*(line.post("/put", b"%d" % at) for at in range(5)))
        assert [body for _, body in found] == [b"%d" % at for at in range(5)]

    async def main() -> int:
        return await with_server(tmp_path, quiet(echo), use)

    assert asyncio.run(main()) == 5


def quiet(serve: Serve) -> Serve:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return served


async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
    writer.close()


async def nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"what?\r\n\r\n")


async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


@pytest.mark.parametrize("serve", [close, half, nonsense, silence])
def test_what_breaks_is_an_oserror(tmp_path: Path, serve: Serve):
    async def use(line: Line) -> None:
        with pytest.raises(OSError):
            await line.post("/put", b"x")

    asyncio.run(with_server(tmp_path, serve, use))


def test_nobody_there_is_an_oserror(tmp_path: Path):
    with pytest.raises(OSError):
        asyncio.run(Line(str(tmp_path / "none"), timeout_s=0.2).post("/put", b"x"))
