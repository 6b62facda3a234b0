"""Standing queries, alerts and destinations for our other processes: what the queries process serves on its unix socket.

Bodies are those of `gateways/http/models.py`: the gateway passes them on as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette

from gureum.catalog.catalog import Catalog, Thing
from gureum.catalog.seal import Seal
from gureum.clock import Clock
from gureum.errors import InvalidInput
from gureum.gateways.internal.server import Call, endpoint, make_internal_app
from gureum.names import Kind
from gureum.sql.alert_outbox import AlertOutbox, StoredEvent
from gureum.sql.queries import Queries, QueryEntry
from gureum.sql.streaming.alerts import AlertSpec
from gureum.sql.streaming.status import QueryStatus
from gureum.sql.values import json_value
from gureum.types import Actor, Permission

__all__ = ["make_queries_app"]

# A query this far behind is worth a word on Home.
BEHIND_RECORDS = 1_000_000

# A table's name that nobody has, for plans without a place.
NO_SINK = "gureum__unnamed"


def make_queries_app(*, queries: Queries, outbox: AlertOutbox, catalog: Catalog, seal: Seal, clock: Clock) -> Starlette:
    desk = _Desk(queries, outbox, catalog, seal, clock)
    return make_internal_app(
        [
            endpoint("GET", "/queries", desk.list_queries),
            endpoint("POST", "/queries", desk.create),
            endpoint("POST", "/queries/check", desk.check),
            endpoint("GET", "/queries/{name}", desk.show),
            endpoint("DELETE", "/queries/{name}", desk.delete),
            endpoint("POST", "/queries/{name}/start", desk.start),
            endpoint("POST", "/queries/{name}/stop", desk.stop),
            endpoint("GET", "/queries/{name}/rows", desk.rows),
            endpoint("GET", "/status", desk.status),
            endpoint("GET", "/problems", desk.problems),
            endpoint("GET", "/alerts", desk.alerts),
            endpoint("GET", "/destinations", desk.list_destinations),
            endpoint("POST", "/destinations", desk.create_destination),
            endpoint("DELETE", "/destinations/{name}", desk.delete_destination),
        ],
    )


class _Desk:
    def __init__(self, queries: Queries, outbox: AlertOutbox, catalog: Catalog, seal: Seal, clock: Clock) -> None:
        self._queries = queries
        self._outbox = outbox
        self._catalog = catalog
        self._seal = seal
        self._clock = clock

    # --- queries -----------------------------------------------------------------------------------------------------

    def list_queries(self, call: Call) -> list[dict[str, Any]]:
        return [self._query(entry, call.actor) for entry in self._queries.entries(call.actor)]

    def create(self, call: Call) -> dict[str, Any]:
        body = call.body
        entry = self._queries.create(
            body["name"], call.actor, sql=body["sql"], into=body["into"], alert=_alert(body["alert"]),
            checkpoint_s=body["checkpoint_s"], start=body["start"],
        )  # fmt: skip
        return self._query(entry, call.actor)

    def check(self, call: Call) -> dict[str, Any]:
        body = call.body
        into, alert = body["into"], _alert(body["alert"])
        try:
            plan = self._queries.check(body["sql"], call.actor, into=into, alert=alert)
            into = f"stream:{plan.sink.stream}" if plan.sink.kind == "stream" else plan.sink.name
        except InvalidInput as error:
            if error.code != "sql.no_sink":
                raise
            # While one is still writing: the plan is worth seeing before its place is chosen.
            plan = self._queries.check(body["sql"], call.actor, into=NO_SINK, alert=alert)
            into = None
        return {
            "plan": plan.explain(),
            "sources": [plan.source.stream],
            "into": into,
            "columns": [{"name": c.name, "type": c.type, "nullable": c.nullable} for c in plan.columns],
        }

    def show(self, call: Call) -> dict[str, Any]:
        return self._query(self._queries.get(call.path["name"], call.actor), call.actor)

    def delete(self, call: Call) -> None:
        self._queries.delete(call.path["name"], call.actor)

    def start(self, call: Call) -> dict[str, Any]:
        entry = self._queries.start(call.path["name"], call.actor, reset=bool((call.body or {}).get("reset")))
        return self._query(entry, call.actor)

    def stop(self, call: Call) -> dict[str, Any]:
        entry = self._queries.stop(call.path["name"], call.actor, drain=bool((call.body or {}).get("drain")))
        return self._query(entry, call.actor)

    def rows(self, call: Call) -> dict[str, Any]:
        name = call.path["name"]
        columns = self._queries.get(name, call.actor).thing.spec["columns"]
        version, rows = self._queries.rows(name, call.actor, limit=int(call.query.get("limit", 100)))
        return {
            "columns": columns,
            "rows": [[json_value(row[column["name"]]) for column in columns] for row in reversed(rows)],
            "version": version,
        }

    def _query(self, entry: QueryEntry, actor: Actor) -> dict[str, Any]:
        thing, spec = entry.thing, entry.thing.spec
        return {
            "name": thing.name,
            "owner": thing.owner,
            "sql": spec["sql"],
            "sources": spec["reads"],
            "into": spec["shown_into"],
            "late_table": spec["late_table"],
            "dead_letter_table": spec["dead_letter_table"],
            "alert": spec["alert"],
            "checkpoint_s": spec["checkpoint_s"],
            "desired": spec["desired"],
            "created_at_ms": thing.created_at_ms,
            "columns": spec["columns"],
            "permission": (self._catalog.permission(thing, actor) or Permission.READ).value,
            "status": _status(entry.status, spec["desired"]),
        }

    # --- live --------------------------------------------------------------------------------------------------------

    def status(self, call: Call) -> dict[str, Any]:
        """What changes by itself, for the live events: the queries' states and the alerts."""
        entries = self._queries.entries(call.actor)
        return {
            "queries": [
                {"name": entry.thing.name, "status": _status(entry.status, entry.thing.spec["desired"])}
                for entry in entries
            ],
            "alerts": self._alerts([entry.thing.name for entry in entries]),
        }

    def problems(self, call: Call) -> list[dict[str, Any]]:
        found = []
        for entry in self._queries.entries(call.actor):
            name, status = entry.thing.name, entry.status
            about = f"query:{name}"
            if status.state == "failed":
                found.append(_problem("error", about, f"query {name!r} stopped: {status.error}", status.hint))
            elif status.error:
                found.append(_problem("warning", about, f"query {name!r} waits: {status.error}", status.hint))
            elif sum(status.behind.values()) > BEHIND_RECORDS:
                hint = "it reads more slowly than the stream fills; a simpler query or fewer columns help"
                found.append(
                    _problem("warning", about, f"query {name!r} is {sum(status.behind.values())} records behind", hint)
                )
        if call.actor.is_admin:
            for destination, error in self._outbox.given_up():
                hint = "mend the destination: alerts to it were given up"
                found.append(
                    _problem("error", f"destination:{destination}", f"{destination} took no alerts: {error}", hint)
                )
        return found

    def alerts(self, call: Call) -> dict[str, Any]:
        return self._alerts([entry.thing.name for entry in self._queries.entries(call.actor)])

    def _alerts(self, names: Sequence[str]) -> dict[str, Any]:
        return {
            "firing": [
                {"query": e.query, "key": e.key, "since_ms": e.at_ms, "row": e.row} for e in self._outbox.firing(names)
            ],
            "events": [_event(event) for event in self._outbox.events(names)],
        }

    # --- destinations --------------------------------------------------------------------------------------------------

    def list_destinations(self, call: Call) -> list[dict[str, Any]]:
        return [_destination(thing) for thing in self._catalog.list(call.actor, kind=Kind.DESTINATION)]

    def create_destination(self, call: Call) -> dict[str, Any]:
        name, address = call.body["name"], call.body["url"]
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(
                "a webhook is an http or https address", code="destination.url", hint="https://host/path"
            )
        spec = {
            "type": "webhook",
            "url_shown": f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else ""),
            # The path and the query of a webhook's address are its password.
            "sealed_url": self._seal.seal(address).hex(),
        }
        return _destination(self._catalog.create(name, call.actor, kind=Kind.DESTINATION, spec=spec))

    def delete_destination(self, call: Call) -> None:
        self._catalog.delete(call.path["name"], call.actor, kind=Kind.DESTINATION)


def _alert(body: dict[str, Any] | None) -> AlertSpec | None:
    if body is None:
        return None
    key = body.get("key")
    return AlertSpec(body.get("when"), tuple(key) if key is not None else None, tuple(body.get("notify") or ()))


def _status(status: QueryStatus, desired: str) -> dict[str, Any]:
    behind = sum(status.behind.values())
    state = str(status.state)
    if state == "stopped" and desired == "running":
        state = "waiting"  # it is wanted and will start in a moment
    return {
        "state": state,
        "watermark_ms": status.watermark_ms,
        "lag_ms": status.lag_ms,
        "records_behind": behind,
        "rows_in": status.rows_in,
        "rows_out": status.rows_out,
        "rows_in_per_s": status.rows_in_per_s,
        "rows_out_per_s": status.rows_out_per_s,
        "late_rows": status.late,
        "dead_letters": status.dead_letters,
        "open_windows": status.open_windows,
        "state_bytes": status.state_bytes,
        "checkpoint": status.epoch or None,
        "checkpoint_at_ms": status.checkpoint_at_ms,
        "error": status.error,
        "hint": status.hint,
    }


def _problem(severity: str, about: str, message: str, hint: str | None) -> dict[str, Any]:
    return {"severity": severity, "about": about, "message": message, "hint": hint, "since_ms": None}


def _event(event: StoredEvent) -> dict[str, Any]:
    return {
        "id": event.id, "query": event.query, "key": event.key, "state": event.state, "at_ms": event.at_ms, "row": event.row,
    }  # fmt: skip


def _destination(thing: Thing) -> dict[str, Any]:
    return {"name": thing.name, "owner": thing.owner, "type": "webhook", "url_shown": thing.spec["url_shown"]}
