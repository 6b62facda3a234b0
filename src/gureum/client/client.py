"""What `gureum.connect()` and `gureum.open()` give: the nouns of one platform, as one user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from gureum.client.query import Query
from gureum.client.result import Rows
from gureum.client.stream import Stream
from gureum.client.table import Table
from gureum.client.transport import Transport

__all__ = ["Client"]


class Client:
    """The platform's nouns by name. Cheap: nothing is asked before a method of a noun is called."""

    def __init__(self, transport: Transport, *, close: Callable[[], None] | None = None) -> None:
        self._transport = transport
        self._close = close

    @property
    def url(self) -> str:
        return self._transport.url

    def stream(self, name: str) -> Stream:
        return Stream(self._transport, name)

    def table(self, name: str) -> Table:
        return Table(self._transport, name)

    def sql(self, sql: Any, parameters: Sequence[Any] | None = None, *, timeout_s: float | None = None) -> Rows:
        """Run SQL text, or an Ibis expression over tables, and return its rows (of a script: those of the last statement).

        Raises InvalidInput whose `details` hold line and column, NotFound, PermissionDenied, LimitExceeded.
        """
        text = sql
        if not isinstance(sql, str):
            from gureum.client.expression import table_sql  # heavy: only for those who use Ibis

            text = table_sql(sql)
        body = {"sql": text, "parameters": list(parameters) if parameters else None, "timeout_s": timeout_s}
        return Rows(self._transport.arrow("/sql", body=body))

    def query(
        self,
        name: str,
        sql: Any = None,
        *,
        into: str | None = None,
        notify: str | Sequence[str] | None = None,
        when: str | None = None,
        key: Sequence[str] | None = None,
        checkpoint_s: float = 5.0,
        watermarks: Mapping[str, str] | None = None,
    ) -> Query:
        """A standing query: `sql` is a script, or an Ibis expression over streams. `start()` leaves it standing.

        `into`: the table, or 'stream:<name>', that its rows are appended to. `notify`: 'log', 'stream:<name>' or a
        destination's name, told once when a `key` crosses into `when` and once when it is back; without `when` the query's
        last filter is the threshold, without `key` the group-by columns are.
        """
        return Query(
            self._transport, name, sql, into=into, notify=notify, when=when, key=key, checkpoint_s=checkpoint_s,
            watermarks=watermarks,
        )  # fmt: skip

    def streams(self) -> list[dict[str, Any]]:
        return self._list("/streams")

    def tables(self) -> list[dict[str, Any]]:
        return self._list("/tables")

    def queries(self) -> list[dict[str, Any]]:
        return self._list("/queries")

    def dashboards(self) -> list[dict[str, Any]]:
        return self._list("/dashboards")

    def alerts(self) -> dict[str, Any]:
        """What fires now, and the newest crossings and recoveries."""
        alerts: dict[str, Any] = self._transport.json("GET", "/alerts")
        return alerts

    def status(self) -> dict[str, Any]:
        """Processes, problems, counts."""
        status: dict[str, Any] = self._transport.json("GET", "/status")
        return status

    def request(self, method: str, path: str, *, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """Any other route of the REST door, by its path below /api."""
        return self._transport.json(method, path, body=body, params=params)

    def close(self) -> None:
        self._transport.close()
        if self._close is not None:
            self._close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _list(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._transport.json("GET", path)
        return found

    def __repr__(self) -> str:
        return f"<gureum at {self.url}>"
