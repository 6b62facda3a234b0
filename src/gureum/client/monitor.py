"""A monitor, as the SDK sees it: give it a baseline, let it look, read what it found."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from gureum.client.endpoint import Endpoint
from gureum.client.task import Task
from gureum.client.transport import Transport
from gureum.errors import InvalidInput, NotFound, Unavailable

__all__ = ["Monitor"]

POLL_EVERY_S = 0.3

_UNITS_S = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_EVERY = re.compile(r"\s*(\d+(?:\.\d+)?)?\s*(second|minute|hour|day)s?\s*")


class Monitor:
    """A monitor by name.

    `g.monitor("failure").watch("endpoints.failure_requests", time_column="at").baseline(df).every("5 minutes")`
    """

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self.name = name
        self._path = f"/monitors/{quote(name, safe='')}"

    def watch(
        self,
        source: str | None = None,
        *,
        time_column: str | None = None,
        target: str | None = None,
        prediction: str | None = None,
        task: str = "auto",
        every: str | float = "5 minutes",
        rows_min: int = 100,
        rows_max: int = 50_000,
        notify: str | Sequence[str] = (),
        since: str = "",
        endpoint: str | None = None,
    ) -> Monitor:
        """Make the monitor over a table or a SELECT, or, with `endpoint` alone, over what that endpoint is asked.

        Raises Conflict when there is one of this name.
        """
        if source is None:
            if endpoint is None:
                raise InvalidInput("a monitor needs a source, or an endpoint", code="monitor.source")
            source = Endpoint(self._transport, endpoint).watched()
            time_column = time_column or "at"
            prediction = prediction or "prediction"
            target = target or "label"
        elif time_column is None:
            raise InvalidInput(
                "say which column tells when each row came", code="monitor.source", hint="time_column=..."
            )
        body = {
            "name": self.name, "source": source, "time_column": time_column, "target": target, "prediction": prediction,
            "task": task, "every_s": _seconds(every), "rows_min": rows_min, "rows_max": rows_max, "since": since,
            "notify": [notify] if isinstance(notify, str) else list(notify), "endpoint": endpoint,
        }  # fmt: skip
        self._transport.json("POST", "/monitors", body=body)
        return self

    def baseline(self, data: Any = None) -> Monitor:
        """Learn what is normal: from rows at hand (pandas, polars, Arrow), or on the server from a table's name or a SELECT.

        Without `data` the monitor's own source, as it is now, is normal. Waits until it is learned.
        """
        if data is None or isinstance(data, str):
            task = self._transport.json("POST", f"{self._path}/learn", body={"sql": data})
            Task(self._transport, task["id"]).wait()
            return self
        from gureum.monitor.normal import baseline  # heavy: only where it is learned here
        from gureum.monitor.run import pack

        about = self.describe()
        names = set(getattr(data, "column_names", getattr(data, "columns", ())))  # Arrow's are its names
        learned = baseline(
            data,
            target=about["target"] if about["target"] in names else None,
            prediction=about["prediction"] if about["prediction"] in names else None,
            task=about["task"],
            time_column=about["time_column"] if about["time_column"] in names else None,
        )
        self._transport.put_bytes(f"{self._path}/baseline", pack(learned))
        return self

    def every(self, every: str | float) -> Monitor:
        """How often it looks: seconds, or words such as '5 minutes'."""
        self._transport.json("PATCH", self._path, body={"every_s": _seconds(every), "running": True})
        return self

    def stop(self) -> Monitor:
        self._transport.json("PATCH", self._path, body={"running": False})
        return self

    def start(self) -> Monitor:
        """Go on after the last window."""
        self._transport.json("PATCH", self._path, body={"running": True})
        return self

    def describe(self) -> dict[str, Any]:
        """What it watches, its state, its newest windows."""
        body: dict[str, Any] = self._transport.json("GET", self._path)
        return body

    def windows(self, limit: int = 100) -> list[dict[str, Any]]:
        """What the newest windows found, newest first."""
        found: list[dict[str, Any]] = self._transport.json("GET", f"{self._path}/windows", params={"limit": limit})
        return found

    def window(self, number: int) -> dict[str, Any]:
        """One window's whole report."""
        found: dict[str, Any] = self._transport.json("GET", f"{self._path}/windows/{int(number)}")
        return found

    def constraints(self) -> dict[str, Any]:
        """constraints.json, in SageMaker's schema; change it and give it to `set_constraints`."""
        body: dict[str, Any] = self._transport.json("GET", f"{self._path}/constraints")
        return body

    def set_constraints(self, body: dict[str, Any]) -> Monitor:
        self._transport.json("PUT", f"{self._path}/constraints", body=body)
        return self

    def wait(self, window: int = 1, *, timeout_s: float = 120.0) -> dict[str, Any]:
        """The report of a window, when it has been checked. Raises Unavailable when that takes too long."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                found = self.window(window)
            except NotFound as error:
                if error.code != "monitor.no_window":
                    raise
            else:
                if found["checked"]:
                    return found
            if time.monotonic() > deadline_s:
                raise Unavailable(
                    f"monitor {self.name!r} has not checked window {window} after {timeout_s:g} s", code="monitor.wait"
                )
            time.sleep(POLL_EVERY_S)

    def delete(self) -> None:
        """Forget it and its baselines; the stream and the table of its findings stay."""
        self._transport.json("DELETE", self._path)

    def __repr__(self) -> str:
        return f"<monitor {self.name}>"


def _seconds(every: str | float) -> float:
    if not isinstance(every, str):
        return float(every)
    match = _EVERY.fullmatch(every)
    if match is None:
        raise InvalidInput(f"{every!r} is no interval", code="monitor.every", hint="such as '5 minutes' or 300")
    return float(match[1] or 1) * _UNITS_S[match[2]]
