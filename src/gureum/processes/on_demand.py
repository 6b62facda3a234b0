"""A process of gureum that is started when it is first asked something: how library mode has MLflow.

Called by `embedded.py`; in a server the supervisor does the same with its own sockets. Promise: the process ends with this one.
"""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import httpx

from gureum.errors import Unavailable
from gureum.processes.child import Child, spawn
from gureum.processes.orders import Orders
from gureum.settings import Settings

__all__ = ["OnDemand"]

READY_S = 120.0
STOP_S = 8.0


class OnDemand(httpx.AsyncBaseTransport):
    """Requests to the process, which the first of them starts and a later one starts again should it have died."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._lock = threading.Lock()
        self._popen: Child | None = None
        # Unix socket paths may have 107 bytes only, and a data folder's may be longer.
        self._folder = Path(tempfile.mkdtemp(prefix="gureum-"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self._folder / "socket"))
        self._socket.listen()
        self._transport = httpx.AsyncHTTPTransport(uds=str(self._folder / "socket"))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.to_thread(self._start)
        return await self._transport.handle_async_request(request)

    def stop(self) -> None:
        """End the process, if it was started."""
        with self._lock:
            if self._popen is not None and self._popen.poll() is None:
                self._popen.terminate()
                try:
                    self._popen.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    self._popen.kill()
                    self._popen.wait()
            self._socket.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        with self._lock:
            if self._popen is not None and self._popen.poll() is None:
                return
            read_fd, write_fd = os.pipe()
            orders = Orders(self._settings, {self._name: self._socket.fileno()}, write_fd, os.getpid(), "")
            log = self._settings.folder / "logs" / f"{self._name}.stderr"
            with log.open("ab") as errors:
                self._popen = spawn(self._name, orders, errors=errors)
            os.close(write_fd)
            try:
                ready, _, _ = select.select([read_fd], [], [], READY_S)
                said = os.read(read_fd, 16) if ready else b""
            finally:
                os.close(read_fd)
            if said != b"ready":
                self._popen.kill()
                self._popen.wait()
                raise Unavailable(
                    f"the {self._name} process did not start", code=f"{self._name}.away", hint=f"see {log}"
                )
