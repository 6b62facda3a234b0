"""Standing queries by name: leave one standing, watch it, stop it, forget it.

Called by the doors; runs the streaming engine's host. A query is a thing of the catalog whose spec says what is wanted; the
host makes it so, in this process or after the next start of it. A query acts as its owner.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gureum.catalog.catalog import SYSTEM, Catalog, Thing
from gureum.catalog.identity import Identity
from gureum.clock import Clock
from gureum.errors import Conflict, GureumError, NotFound
from gureum.names import Kind, check_name
from gureum.sql.alert_outbox import AlertOutbox
from gureum.sql.streaming.alerts import AlertEvent, AlertSpec
from gureum.sql.streaming.host import QueryHost, Surroundings, Wanted
from gureum.sql.streaming.plan import Plan
from gureum.sql.streaming.query import QueryOptions, QuerySpec, checked, written_by
from gureum.sql.streaming.sinks import CatalogTables, StreamWriter, check_table, ready_table
from gureum.sql.streaming.sources import StreamSource
from gureum.sql.streaming.status import QueryStatus
from gureum.streams.streams import Streams
from gureum.tables.names import full_name
from gureum.tables.rows import table_schema
from gureum.tables.tables import Tables
from gureum.types import Actor, Permission

__all__ = ["Queries", "QueryEntry"]

QUERIES_MAX = 200


@dataclass(frozen=True, slots=True)
class QueryEntry:
    """A query as a list shows it."""

    thing: Thing
    status: QueryStatus


class Queries:
    """The standing queries of one platform. One per platform: it owns their checkpoints."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        identity: Identity,
        streams: Streams,
        tables: Tables,
        writer: StreamWriter,
        outbox: AlertOutbox,
        streams_root: Path,
        folder: Path,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._identity = identity
        self._streams = streams
        self._tables = tables
        self._writer = writer
        self._outbox = outbox
        self._streams_root = streams_root
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.host = QueryHost(wanted=self._wanted, surroundings=self._surroundings, folder=folder, clock=clock)

    # --- running -------------------------------------------------------------------------------------------------------

    def start_host(self) -> None:
        """Run what is wanted, in threads, until `close`."""
        for name, main in (("queries", self.host.run), ("alerts", self._outbox.run), ("drains", self._finish_drains)):
            thread = threading.Thread(target=main, args=(self._stop,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop all with a checkpoint; they go on after the next start."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._outbox.close()

    # --- looking -------------------------------------------------------------------------------------------------------

    def entries(self, actor: Actor) -> Sequence[QueryEntry]:
        return [QueryEntry(thing, self.host.status(thing.id)) for thing in self._catalog.list(actor, kind=Kind.QUERY)]

    def get(self, name: str, actor: Actor) -> QueryEntry:
        thing = self._catalog.resolve(name, actor, Permission.READ, kind=Kind.QUERY)
        return QueryEntry(thing, self.host.status(thing.id))

    def check(self, sql: str, actor: Actor, *, into: str | None, alert: AlertSpec | None, name: str = "query") -> Plan:
        """The plan that a query would have. Raises InvalidInput with line and column, NotFound, PermissionDenied."""
        spec = QuerySpec("check", name, sql, into, alert)
        around = self._around(actor, name, ())
        plan, _ = checked(spec, around.lookup)
        self._streams.get(plan.source.stream, actor, Permission.READ)
        if plan.sink.kind == "table":
            table_schema(plan.schema)
            check_table(plan.sink.name, plan.schema, around.tables)
        elif plan.sink.stream is not None:
            self._streams.get(plan.sink.stream, actor, Permission.WRITE)
        return plan

    def rows(self, name: str, actor: Actor, *, limit: int) -> tuple[int, list[dict[str, Any]]]:
        """The newest rows that a query committed since this process began, oldest first, and their version."""
        thing = self._catalog.resolve(name, actor, Permission.READ, kind=Kind.QUERY)
        try:
            version, rows = self.host.tail(thing.id).rows()
        except NotFound:
            return 0, []
        return version, rows[-limit:]

    # --- changing ------------------------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        actor: Actor,
        *,
        sql: str,
        into: str | None,
        alert: AlertSpec | None,
        checkpoint_s: float,
        start: bool,
    ) -> QueryEntry:
        """Leave a query standing. Raises Conflict when the name is taken."""
        check_name(Kind.QUERY, name)
        plan = self.check(sql, actor, into=into, alert=alert, name=name)
        if alert is not None:
            self._check_destinations(alert, actor)
        if len(self._catalog.list(SYSTEM, kind=Kind.QUERY)) >= QUERIES_MAX:
            raise Conflict(
                f"{QUERIES_MAX} queries are standing", code="query.limit", hint="delete one that is not needed"
            )
        spec = {
            "sql": sql,
            "into": into,
            "alert": None if alert is None else {"when": alert.when, "key": alert.key, "notify": list(alert.notify)},
            "checkpoint_s": checkpoint_s,
            "desired": "running" if start else "stopped",
            "generation": 0,
            **_described(plan),
        }
        self._catalog.create(name, actor, kind=Kind.QUERY, spec=spec)
        if plan.sink.kind == "table":
            # From now on there is something to select from; the host would make it with the first rows.
            with contextlib.suppress(GureumError):  # which it meets too, and the query's status then says it
                ready_table(plan.sink.name, plan.schema, CatalogTables(self._tables, actor), comment=written_by(name))
        self._sync()
        return self.get(name, actor)

    def start(self, name: str, actor: Actor, *, reset: bool = False) -> QueryEntry:
        """Go on, or with `reset` begin again with empty state; what was written to its table stays there."""
        thing = self._catalog.resolve(name, actor, Permission.WRITE, kind=Kind.QUERY)
        spec = {**thing.spec, "desired": "running"}
        failed = self.host.status(thing.id).state == "failed"
        if reset or failed or thing.spec["desired"] != "running":
            spec["starts"] = int(thing.spec.get("starts", 0)) + 1
        if reset:
            spec["generation"] = int(thing.spec["generation"]) + 1
        self._catalog.update(name, actor, kind=Kind.QUERY, spec=spec, expect_version=thing.version)
        self._sync()
        return self.get(name, actor)

    def stop(self, name: str, actor: Actor, *, drain: bool) -> QueryEntry:
        """Ask it to stop at a checkpoint; with `drain` it first reads what is there and closes its open windows."""
        thing = self._catalog.resolve(name, actor, Permission.WRITE, kind=Kind.QUERY)
        desired = "drained" if drain else "stopped"
        spec = {**thing.spec, "desired": desired}
        self._catalog.update(name, actor, kind=Kind.QUERY, spec=spec, expect_version=thing.version)
        self._sync()
        return self.get(name, actor)

    def delete(self, name: str, actor: Actor) -> None:
        """Stop it and forget it and its alerts; the tables it wrote stay."""
        self._catalog.delete(name, actor, kind=Kind.QUERY)
        self._outbox.forget(name)
        self._sync()

    # --- for the host --------------------------------------------------------------------------------------------------

    def _wanted(self) -> Sequence[Wanted]:
        return [_wanted(thing) for thing in self._catalog.list(SYSTEM, kind=Kind.QUERY)]

    def _surroundings(self, spec: QuerySpec) -> Surroundings:
        things = [thing for thing in self._catalog.list(SYSTEM, kind=Kind.QUERY) if thing.id == spec.id]
        if not things:
            raise NotFound(f"query {spec.name!r} was deleted", code="query.not_found")
        owner = (
            SYSTEM
            if things[0].owner == SYSTEM.user
            else self._identity.actor(things[0].owner, via=f"query:{spec.name}")
        )
        return self._around(owner, spec.name, spec.alert.notify if spec.alert else ())

    def _around(self, actor: Actor, name: str, notify: Sequence[str]) -> Surroundings:
        def tell(events: Sequence[AlertEvent]) -> None:
            self._outbox.take(name, actor.user, notify, events)

        return Surroundings(
            lookup=lambda _name: (
                None
            ),  # a query declares its own sources; the catalog's declarations come with tables over streams
            source=lambda stream: StreamSource(self._streams_root, lambda: self._streams.get(stream, actor)),
            tables=CatalogTables(self._tables, actor),
            writer=_AsOwner(self._writer, self._streams, actor),
            notify=tell,
        )

    def _finish_drains(self, stop: threading.Event) -> None:
        """A drained query is then simply stopped: a start goes on, and a restart of this process drains it no second time."""
        while not stop.wait(0.2):
            for thing in self._catalog.list(SYSTEM, kind=Kind.QUERY):
                if thing.spec["desired"] == "drained" and self.host.is_drained(thing.id):
                    spec = {**thing.spec, "desired": "stopped"}
                    try:
                        self._catalog.update(
                            thing.name, SYSTEM, kind=Kind.QUERY, spec=spec, expect_version=thing.version
                        )
                    except GureumError:
                        continue  # changed by somebody meanwhile, or the database is away: the next look sees

    def _sync(self) -> None:
        if self._threads:
            self.host.sync()

    def _check_destinations(self, alert: AlertSpec, actor: Actor) -> None:
        for destination in alert.notify:
            kind, _, name = destination.partition(":")
            if destination == "log":
                continue
            if kind == "stream" and name:
                self._streams.get(name, actor, Permission.WRITE)
            else:
                self._catalog.resolve(destination, actor, Permission.READ, kind=Kind.DESTINATION)


class _AsOwner:
    """The writer for one owner's queries: puts only where the owner may."""

    def __init__(self, writer: StreamWriter, streams: Streams, actor: Actor) -> None:
        self._writer = writer
        self._streams = streams
        self._actor = actor

    def put(self, stream: str, keys: Sequence[bytes], data: Sequence[bytes], *, producer: tuple[str, int]) -> None:
        self._streams.get(stream, self._actor, Permission.WRITE)
        self._writer.put(stream, keys, data, producer=producer)


def _wanted(thing: Thing) -> Wanted:
    spec = thing.spec
    alert = spec.get("alert")
    return Wanted(
        spec=QuerySpec(
            id=thing.id,
            name=thing.name,
            text=spec["sql"],
            into=spec["into"],
            alert=AlertSpec(alert["when"], tuple(alert["key"]) if alert["key"] else None, tuple(alert["notify"]))
            if alert
            else None,
            options=QueryOptions(checkpoint_s=spec["checkpoint_s"]),
            generation=int(spec["generation"]),
        ),
        running=spec["desired"] == "running",
        drain=spec["desired"] == "drained",
        starts=int(spec.get("starts", 0)),
    )


def _described(plan: Plan) -> dict[str, Any]:
    """What the catalog remembers of a plan, so that lists need not plan again."""
    sink = plan.sink
    columns = [{"name": c.name, "type": c.type, "nullable": c.nullable} for c in plan.columns]
    if sink.kind == "stream":
        base, into = full_name(_table_like(sink.name)), f"stream:{sink.stream}"
        writes = [f"{base}__late", f"{base}__dead_letters"]
    else:
        base = into = full_name(sink.name)
        writes = [base, f"{base}__late", f"{base}__dead_letters"]
    return {
        "reads": [plan.source.stream],
        "writes": writes,
        "shown_into": into,
        "late_table": f"{base}__late",
        "dead_letter_table": f"{base}__dead_letters",
        "columns": columns,
    }


def _table_like(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._" else "_" for char in name)
