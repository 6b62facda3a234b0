"""What the supervisor tells a process at its start, on standard input.

Written by `supervisor.py`, read by `run.py`. Secrets such as a database's password are in it, hence not in the arguments.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gureum.settings import Settings

__all__ = ["Orders"]


@dataclass(frozen=True)
class Orders:
    """The settings, the sockets that the process serves, and how it says that it is ready."""

    settings: Settings
    sockets: Mapping[str, int]
    ready_fd: int
    parent_pid: int
    public_url: str
    local_url: str = ""  # of the gateway, from this machine

    def to_json(self) -> str:
        settings = {
            name: str(value) if isinstance(value := getattr(self.settings, name), Path) else value
            for name in self.settings.__dataclass_fields__
        }
        return json.dumps(
            {
                "settings": settings,
                "sockets": dict(self.sockets),
                "ready_fd": self.ready_fd,
                "parent_pid": self.parent_pid,
                "public_url": self.public_url,
                "local_url": self.local_url,
            }
        )

    @classmethod
    def read(cls) -> Orders:
        body: dict[str, Any] = json.loads(sys.stdin.buffer.read())
        settings = Settings(**{**body["settings"], "folder": Path(body["settings"]["folder"])})
        del body["settings"]
        return cls(settings, **body)

    def socket(self, name: str) -> socket.socket:
        return socket.socket(fileno=self.sockets[name])

    def say_ready(self) -> None:
        os.write(self.ready_fd, b"ready")
        os.close(self.ready_fd)

    @property
    def tls(self) -> tuple[str, str] | None:
        settings = self.settings
        return (settings.tls_certificate, settings.tls_key) if settings.tls_certificate else None
