"""Serve ASGI applications on sockets that the supervisor has opened, until told to stop.

Called by each process. Promise: the listening sockets outlive this process, so a client that connects while it restarts
waits in the queue instead of being refused; on SIGTERM running requests get STOP_S to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import uvicorn

__all__ = ["Loopback", "die_with_parent", "serve"]

STOP_S = 5

# Connections that wait while a process restarts.
BACKLOG = 2048

_PR_SET_PDEATHSIG = 1


class _Server(uvicorn.Server):
    """Signals are ours: one process serves several applications."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    applications: Sequence[tuple[Any, Sequence[socket.socket]]],
    *,
    on_ready: Callable[[], None],
    on_stop: Callable[[], None] | None = None,
    tls: tuple[str, str] | None = None,
) -> None:
    """Serve each application on its sockets; returns when all have stopped after SIGTERM or SIGINT."""
    servers = []
    for app, sockets in applications:
        encrypted = tls and any(one.family in (socket.AF_INET, socket.AF_INET6) for one in sockets)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            backlog=BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=STOP_S,
            server_header=False,
            date_header=True,
            ssl_certfile=tls[0] if tls and encrypted else None,
            ssl_keyfile=tls[1] if tls and encrypted else None,
        )
        servers.append((_Server(config), list(sockets)))

    def stop() -> None:
        if on_stop is not None:
            on_stop()
        for server, _ in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    tasks = [asyncio.create_task(server.serve(sockets=sockets)) for server, sockets in servers]
    while not all(server.started for server, _ in servers):
        if any(task.done() for task in tasks):
            stop()
            break
        await asyncio.sleep(0.005)
    else:
        on_ready()
    await asyncio.gather(*tasks)
    if not all(server.started for server, _ in servers):
        logging.getLogger(__name__).error("an application did not start")
        sys.exit(1)


class Loopback:
    """An application that already runs in a loop of this process, on a port of its own that only this machine reaches."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False,
                                timeout_graceful_shutdown=STOP_S)  # fmt: skip
        self._server = _Server(config)
        self._done = asyncio.run_coroutine_threadsafe(self._server.serve(sockets=[self._socket]), loop)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def stop(self) -> None:
        """Let running requests end, for STOP_S at most."""
        self._server.should_exit = True
        self._done.result()
        self._socket.close()


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to end this process when the supervisor dies, so that no orphan keeps the folder."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:  # it died before we asked
        sys.exit(1)
