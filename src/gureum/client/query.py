"""A standing query, as the SDK sees it: start, watch, stop."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gureum.client.transport import Transport
from gureum.errors import Conflict, InvalidInput, NotFound, Unavailable

__all__ = ["Query"]

POLL_EVERY_S = 0.1


class Query:
    """A standing query by name, with the text that `start` leaves standing if it is new."""

    def __init__(
        self,
        transport: Transport,
        name: str,
        sql: Any = None,
        *,
        into: str | None = None,
        notify: str | Sequence[str] | None = None,
        when: str | None = None,
        key: Sequence[str] | None = None,
        checkpoint_s: float = 5.0,
        watermarks: Mapping[str, str] | None = None,
    ) -> None:
        self._transport = transport
        self.name = name
        self._path = f"/queries/{quote(name, safe='')}"
        self._sql = _text(sql, watermarks)
        self._into = into
        self._checkpoint_s = checkpoint_s
        self._alert: dict[str, Any] | None = None
        if notify is not None or when is not None:
            destinations = [notify] if isinstance(notify, str) else list(notify or ["log"])
            self._alert = {"when": when, "key": list(key) if key else None, "notify": destinations}

    @property
    def sql(self) -> str | None:
        """The script that is left standing."""
        return self._sql

    def check(self) -> dict[str, Any]:
        """What the query would do: its plan and columns. Raises InvalidInput with line and column."""
        body = {"sql": self._need_sql(), "into": self._into, "alert": self._alert}
        plan: dict[str, Any] = self._transport.json("POST", "/queries/check", body=body)
        return plan

    def start(self, *, reset: bool = False) -> Query:
        """Leave the query standing, or go on with the one of this name that stopped.

        Raises Conflict when a query of this name has another text; `delete()` it first, or choose another name.
        """
        try:
            existing = self.describe()
        except NotFound:
            body = {
                "name": self.name, "sql": self._need_sql(), "into": self._into, "alert": self._alert,
                "checkpoint_s": self._checkpoint_s, "start": True,
            }  # fmt: skip
            self._transport.json("POST", "/queries", body=body)
            return self
        if self._sql is not None and existing["sql"] != self._sql:
            raise Conflict(
                f"query {self.name!r} exists with another text",
                code="query.exists",
                hint="delete it first, or choose another name",
            )
        self._transport.json("POST", f"{self._path}/start", body={"reset": reset})
        return self

    def stop(self, *, drain: bool = False, timeout_s: float = 60.0) -> Query:
        """Stop at a checkpoint and wait until it has; with `drain`, first close all open windows."""
        self._transport.json("POST", f"{self._path}/stop", body={"drain": drain})
        self.wait(lambda status: status["state"] in {"stopped", "failed"}, timeout_s=timeout_s)
        return self

    def wait(self, condition: Any, *, timeout_s: float = 60.0) -> dict[str, Any]:
        """Wait until `condition(status)` is true, and return the status. Raises Unavailable when it takes too long."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            status = self.status()
            if condition(status):
                return status
            if time.monotonic() > deadline_s:
                raise Unavailable(
                    f"query {self.name!r} is still {status['state']} after {timeout_s:g} s", code="query.wait"
                )
            time.sleep(POLL_EVERY_S)

    def status(self) -> dict[str, Any]:
        """State, watermark, lag, rates, late rows, dead letters, checkpoint."""
        status: dict[str, Any] = self.describe()["status"]
        return status

    def describe(self) -> dict[str, Any]:
        body: dict[str, Any] = self._transport.json("GET", self._path)
        return body

    def rows(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest rows that the query wrote."""
        found = self._transport.json("GET", f"{self._path}/rows", params={"limit": limit})
        names = [column["name"] for column in found["columns"]]
        return [dict(zip(names, row, strict=True)) for row in found["rows"]]

    def delete(self) -> None:
        """Stop the query and forget it; what it wrote stays."""
        self._transport.json("DELETE", self._path)

    def _need_sql(self) -> str:
        if self._sql is None:
            raise NotFound(
                f"query {self.name!r} does not exist", code="query.not_found", hint="give its SQL to make it"
            )
        return self._sql

    def __repr__(self) -> str:
        return f"<query {self.name}>"


def _text(sql: Any, watermarks: Mapping[str, str] | None) -> str | None:
    if sql is None or isinstance(sql, str):
        return sql
    from gureum.client.expression import is_expression, standing_sql  # heavy: only for those who use Ibis

    if not is_expression(sql):
        raise InvalidInput(f"a query is SQL text or an Ibis expression, not {type(sql).__name__}", code="query.text")
    return standing_sql(sql, watermarks=watermarks)
