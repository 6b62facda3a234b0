"""A stream, as the SDK sees it: create, put, read, follow, and as an Ibis expression."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gureum.client.transport import Transport
from gureum.errors import GureumError, InvalidInput

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Stream"]

# As the door: more goes in several requests.
PUT_RECORDS_MAX = 500

TAIL_EVERY_S = 0.2


class Stream:
    """A stream by name; asking the server happens in the methods."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self.name = name
        self._path = f"/streams/{quote(name, safe='')}"

    def create(self, *, shards: int = 1, retention_h: int = 24) -> Stream:
        """Make the stream. Raises Conflict when it exists."""
        self._transport.json("POST", "/streams", body={"name": self.name, "shards": shards, "retention_h": retention_h})
        return self

    def put(self, record: Any, *, key: str | None = None) -> dict[str, str]:
        """Put one record, a JSON value or bytes, and return its shard and sequence number: it is on disk then.

        Records of one key stay in order; without a key they are spread over the shards.
        """
        return self.put_many([record], keys=None if key is None else [key])[0]

    def put_many(self, records: Iterable[Any], *, keys: Sequence[str] | None = None) -> list[dict[str, str]]:
        """Put many records, in requests of 500; on return all are on disk.

        When it raises, the requests before the failed one are stored and `details["stored"]` says how many records that is.
        """
        positions: list[dict[str, str]] = []
        batch: list[dict[str, Any]] = []
        for index, record in enumerate(records):
            item: dict[str, Any] = {"data": record}
            if isinstance(record, bytes | bytearray | memoryview):
                item = {"data": base64.b64encode(record).decode(), "encoding": "base64"}
            if keys is not None:
                item["key"] = keys[index]
            batch.append(item)
            if len(batch) == PUT_RECORDS_MAX:
                positions += self._put(batch, len(positions))
                batch = []
        if batch:
            positions += self._put(batch, len(positions))
        return positions

    def records(self, *, limit: int = 100, newest: bool = False) -> list[dict[str, Any]]:
        """Some records, oldest first, or the newest ones."""
        page = self._transport.json("GET", f"{self._path}/records", params={"limit": limit, "newest": newest or None})
        records: list[dict[str, Any]] = page["records"]
        return records

    def tail(self, *, from_start: bool = False) -> Iterator[dict[str, Any]]:
        """Records as they arrive, for ever; with `from_start`, those that are there first."""
        after = None
        if not from_start:
            after = self._transport.json("GET", f"{self._path}/records", params={"limit": 1, "newest": True})["next"]
        while True:
            page = self._transport.json("GET", f"{self._path}/records", params={"after": after, "limit": 1000})
            yield from page["records"]
            after = page["next"] or after
            if not page["records"]:
                time.sleep(TAIL_EVERY_S)

    def describe(self) -> dict[str, Any]:
        """Shards, throughput, columns (inferred from the newest records), readers."""
        body: dict[str, Any] = self._transport.json("GET", self._path)
        return body

    def delete(self) -> None:
        """Delete the stream and its records, for good."""
        self._transport.json("DELETE", self._path)

    @property
    def expr(self) -> ir.Table:
        """The stream as an Ibis table, its columns inferred from the newest records."""
        columns = self.describe()["columns"]
        if not columns:
            raise InvalidInput(
                f"stream {self.name!r} has no JSON records to infer columns from",
                code="stream.no_columns",
                hint='say them: g.stream("x").table({"device": "string", "ts": "timestamp"})',
            )
        from gureum.client.expression import ibis_type  # heavy: only for those who use Ibis

        return self.table({column["name"]: ibis_type(column["type"]) for column in columns})

    def table(self, schema: Mapping[str, Any]) -> ir.Table:
        """The stream as an Ibis table with these columns: names to Ibis types."""
        import ibis  # heavy: only for those who use it

        return ibis.table(dict(schema), name=self.name)

    def _put(self, batch: list[dict[str, Any]], stored: int) -> list[dict[str, str]]:
        try:
            answer = self._transport.json("POST", f"{self._path}/records", body={"records": batch})
        except GureumError as error:
            error.details = {**error.details, "stored": stored}
            raise
        positions: list[dict[str, str]] = answer["positions"]
        return positions

    def __repr__(self) -> str:
        return f"<stream {self.name}>"
