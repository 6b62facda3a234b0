"""Alerts on their way out: each crossing and recovery is kept, put into the stream of all alerts, and told to its destinations.

Called by the standing queries (`take`) and run by the process that hosts them. Promise: an event is kept before its query's
checkpoint is done with it, and once, whatever is handed over twice; the stream gets it exactly once, a webhook at least
once with the same id; a destination that is down keeps nobody else waiting, and is given up after TRIES_MAX.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gureum.catalog.catalog import SYSTEM, Catalog
from gureum.catalog.schema import alert_deliveries, alert_events
from gureum.catalog.seal import Seal
from gureum.clock import Clock
from gureum.errors import GureumError, NotFound
from gureum.names import Kind
from gureum.sql.streaming.alerts import AlertEvent
from gureum.store.database import Database
from gureum.types import Permission

__all__ = ["ALERTS_STREAM", "AlertOutbox", "StoredEvent"]

ALERTS_STREAM = "gureum.alerts"

# Eight tries with doubling pauses are some ten minutes: longer outages are for people.
TRIES_MAX = 8
PAUSE_FIRST_MS = 2_000
PAUSE_LAST_MS = 300_000

WEBHOOK_TIMEOUT_S = 10.0
DELIVERIES_AT_ONCE = 100

# Events kept for the pages and for `gureum alert list`; the stream has them all, as long as it keeps records.
EVENTS_KEPT = 10_000
EVENTS_SHOWN = 200

LOOK_EVERY_S = 0.5

_log = logging.getLogger("gureum.alerts")


class Put(Protocol):
    def put(self, stream: str, keys: Sequence[bytes], data: Sequence[bytes], *, producer: tuple[str, int]) -> None:
        """Put records durably, once for each number of the producer."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    id: str
    query: str
    key: dict[str, Any]
    state: str
    at_ms: int
    row: dict[str, Any]


class AlertOutbox:
    """One per process that hosts standing queries."""

    def __init__(self, database: Database, *, catalog: Catalog, seal: Seal, writer: Put, clock: Clock) -> None:
        self._database = database
        self._catalog = catalog
        self._seal = seal
        self._writer = writer
        self._clock = clock
        self._news = threading.Event()
        self._http = httpx.Client(timeout=WEBHOOK_TIMEOUT_S, follow_redirects=False)

    def take(self, query: str, owner: str, notify: Sequence[str], events: Sequence[AlertEvent]) -> None:
        """Keep events of a query, once each, with a delivery for every destination. Raises Unavailable."""
        for event in events:
            at_ms = self._clock.now_ms()
            try:
                with self._database.write() as connection:
                    made = connection.execute(
                        insert(alert_events).values(
                            event_id=event.id, query=query, owner=owner, key=json.dumps(event.key, sort_keys=True),
                            state=event.state, at_ms=at_ms, row=event.values, event_time=event.at,
                        )
                    )  # fmt: skip
                    assert made.inserted_primary_key is not None
                    number = made.inserted_primary_key[0]
                    for destination in (f"stream:{ALERTS_STREAM}", *dict.fromkeys(notify)):
                        connection.execute(
                            insert(alert_deliveries).values(
                                number=number, destination=destination, state="waiting", tries=0, next_ms=at_ms
                            )
                        )
            except IntegrityError:
                continue  # handed over again after a crash: it is kept already
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop`."""
        while not stop.is_set():
            try:
                busy = self.deliver()
            except GureumError as error:
                _log.warning("alerts wait: %s", error)
                busy = False
            if not busy:
                self._news.wait(LOOK_EVERY_S)
                self._news.clear()

    def deliver(self) -> bool:
        """Try what is due at every destination; False when nothing was done."""
        waiting = alert_deliveries.c.state == "waiting"
        with self._database.read() as connection:
            destinations = (
                connection.execute(select(alert_deliveries.c.destination).where(waiting).distinct()).scalars().all()
            )
        busy = [self._deliver_to(destination) for destination in destinations]
        if any(busy):
            self._prune()
        return any(busy)

    def _deliver_to(self, destination: str) -> bool:
        """What waits for one destination, in order: a recovery never overtakes its crossing."""
        query = (
            select(alert_events, alert_deliveries.c.destination, alert_deliveries.c.tries, alert_deliveries.c.next_ms)
            .join(alert_deliveries, alert_events.c.number == alert_deliveries.c.number)
            .where(alert_deliveries.c.state == "waiting", alert_deliveries.c.destination == destination)
            .order_by(alert_deliveries.c.number)
            .limit(DELIVERIES_AT_ONCE)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        for index, row in enumerate(rows):
            if row["next_ms"] > self._clock.now_ms():
                return index > 0
            try:
                self._send(destination, row)
            except (GureumError, httpx.HTTPError) as error:
                self._failed(row, error)
                return index > 0
            self._set(row, state="done", tries=row["tries"] + 1, error=None)
        return bool(rows)

    def events(self, queries: Sequence[str], *, limit: int = EVENTS_SHOWN) -> list[StoredEvent]:
        """The newest events of some queries, newest first."""
        query = (
            select(alert_events)
            .where(alert_events.c.query.in_(queries))
            .order_by(alert_events.c.number.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(query).mappings()]

    def firing(self, queries: Sequence[str]) -> list[StoredEvent]:
        """The crossings of some queries that have not recovered, newest first."""
        newest = (
            select(func.max(alert_events.c.number).label("number"))
            .where(alert_events.c.query.in_(queries))
            .group_by(alert_events.c.query, alert_events.c.key)
            .subquery()
        )
        query = (
            select(alert_events)
            .join(newest, and_(newest.c.number == alert_events.c.number))
            .where(alert_events.c.state == "firing")
            .order_by(alert_events.c.number.desc())
            .limit(EVENTS_SHOWN)
        )
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(query).mappings()]

    def given_up(self) -> list[tuple[str, str]]:
        """Destinations that did not take an event however often it was tried, with the last error."""
        query = select(alert_deliveries.c.destination, func.max(alert_deliveries.c.error)).where(
            alert_deliveries.c.state == "failed", alert_deliveries.c.next_ms > self._clock.now_ms() - 86_400_000
        )
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(query.group_by(alert_deliveries.c.destination))]

    def forget(self, query: str) -> None:
        """A deleted query fires no more."""
        with self._database.write() as connection:
            numbers = select(alert_events.c.number).where(alert_events.c.query == query)
            connection.execute(alert_deliveries.delete().where(alert_deliveries.c.number.in_(numbers)))
            connection.execute(alert_events.delete().where(alert_events.c.query == query))

    def close(self) -> None:
        self._http.close()

    # --- one delivery --------------------------------------------------------------------------------------------------

    def _send(self, destination: str, row: Any) -> None:
        body = json.dumps(
            {
                "id": row["event_id"], "query": row["query"], "state": row["state"], "key": json.loads(row["key"]),
                "at_ms": row["at_ms"], "event_time": row["event_time"], "row": row["row"],
            },
            ensure_ascii=False, default=str,
        ).encode()  # fmt: skip
        kind, _, name = destination.partition(":")
        if destination == "log":
            _log.warning("alert %s of %s is %s: %s", row["key"], row["query"], row["state"], body.decode())
        elif kind == "stream" and name:
            # The event's number rises, so the stream stores each once even if this process dies before it says so.
            self._writer.put(name, [row["query"].encode()[:256]], [body], producer=(f"alerts:{name}", row["number"]))
        else:
            self._post(self._address(destination), body, row["event_id"])

    def _address(self, name: str) -> str:
        thing = self._catalog.resolve(name, SYSTEM, Permission.READ, kind=Kind.DESTINATION)
        return self._seal.unseal(bytes.fromhex(thing.spec["sealed_url"]))

    def _post(self, address: str, body: bytes, event_id: str) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": event_id, "User-Agent": "gureum"}
        response = self._http.post(address, content=body, headers=headers)
        if response.status_code >= 300:
            raise httpx.HTTPError(f"the webhook answered {response.status_code}")

    def _failed(self, row: Any, error: Exception) -> None:
        tries = row["tries"] + 1
        # An error's text may hold the address and with it a secret: only its kind is kept.
        reason = str(error) if isinstance(error, GureumError) or "answered" in str(error) else type(error).__name__
        gone = isinstance(error, NotFound)
        if gone or (tries >= TRIES_MAX and not row["destination"].startswith("stream:")):
            _log.error("alert %s is given up for %s: %s", row["event_id"], row["destination"], reason)
            self._set(row, state="failed", tries=tries, error=reason)
            return
        pause_ms = min(PAUSE_FIRST_MS * 2 ** min(tries - 1, 10), PAUSE_LAST_MS)
        self._set(row, state="waiting", tries=tries, error=reason, next_ms=self._clock.now_ms() + pause_ms)

    def _set(self, row: Any, **values: Any) -> None:
        match = (alert_deliveries.c.number == row["number"], alert_deliveries.c.destination == row["destination"])
        with self._database.write() as connection:
            connection.execute(update(alert_deliveries).where(*match).values(**values))

    def _prune(self) -> None:
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(alert_events.c.number))).scalar_one() or 0
            oldest = connection.execute(select(func.min(alert_events.c.number))).scalar_one() or 0
        if newest - oldest < EVENTS_KEPT + EVENTS_KEPT // 10:
            return
        done = select(alert_deliveries.c.number).where(alert_deliveries.c.state == "waiting")
        with self._database.write() as connection:
            old = alert_events.c.number < newest - EVENTS_KEPT
            connection.execute(alert_events.delete().where(old, alert_events.c.number.not_in(done)))
            kept = select(alert_events.c.number)
            connection.execute(alert_deliveries.delete().where(alert_deliveries.c.number.not_in(kept)))


def _event(row: Any) -> StoredEvent:
    return StoredEvent(row["event_id"], row["query"], json.loads(row["key"]), row["state"], row["at_ms"], row["row"])
