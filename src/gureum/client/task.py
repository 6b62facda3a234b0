"""A task, as the SDK sees it: watch, wait, cancel, read its log, take what it hands over."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gureum.client.transport import Transport
from gureum.errors import Conflict, Unavailable, from_json

__all__ = ["Task"]

POLL_EVERY_S = 0.3
ENDED = frozenset({"done", "failed", "cancelled"})


class Task:
    """Work that a process of the server does; its id is for life."""

    def __init__(self, transport: Transport, task_id: str) -> None:
        self._transport = transport
        self.id = task_id

    def describe(self) -> dict[str, Any]:
        """Kind, name, state, progress, result, error."""
        body: dict[str, Any] = self._transport.json("GET", f"/tasks/{self.id}")
        return body

    def wait(
        self, *, timeout_s: float | None = None, on_progress: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Its result, when it is done. Raises the error that it failed with; Conflict when it was cancelled."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        shown: dict[str, Any] = {}
        while True:
            body = self.describe()
            if on_progress is not None and body["progress"] != shown:
                shown = body["progress"]
                on_progress(shown)
            if body["state"] == "done":
                result: dict[str, Any] = body["result"]
                return result
            if body["state"] == "failed":
                raise from_json(body["error"])
            if body["state"] == "cancelled":
                raise Conflict(f"task {self.id} was cancelled", code="task.cancelled")
            if deadline_s is not None and time.monotonic() > deadline_s:
                raise Unavailable(f"task {self.id} is still {body['state']} after {timeout_s:g} s", code="task.wait")
            time.sleep(POLL_EVERY_S)

    def cancel(self) -> None:
        """Stop it down to its last child process."""
        self._transport.json("POST", f"/tasks/{self.id}/cancel")

    def log(self) -> str:
        """What its process has printed."""
        text: str = self._transport.json("GET", f"/tasks/{self.id}/log")
        return text

    def files(self) -> list[dict[str, Any]]:
        """What it has handed over: the program, the notebooks, the card."""
        found: list[dict[str, Any]] = self._transport.json("GET", f"/tasks/{self.id}/files")
        return found

    def save(self, folder: str | Path) -> Path:
        """Write what it has handed over into a folder, which is returned."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        for file in self.files():
            (path / file["name"]).write_bytes(self._transport.get_bytes(f"/tasks/{self.id}/files/{file['name']}"))
        return path

    def __repr__(self) -> str:
        return f"<task {self.id}>"
