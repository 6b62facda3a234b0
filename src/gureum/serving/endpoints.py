"""Endpoints by name: deploy a model version to one, go back, ask it, look at it, delete it.

Called by the REST door, in the gateway. An endpoint is a thing of the catalog whose spec says what is wanted; the serving
process makes it so. Promise: a new version takes requests only when its worker has loaded it and answered its input
example, and what it is asked will be kept; until then the endpoint is as it was.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from gureum.catalog.catalog import SYSTEM, Catalog, Thing
from gureum.catalog.identity import Identity
from gureum.clock import Clock
from gureum.errors import Conflict, GureumError, InvalidInput, LimitExceeded, NotFound, Unavailable, from_json
from gureum.names import Kind, check_name
from gureum.serving.capture import Capture
from gureum.serving.connections import Connections
from gureum.serving.latency import Latency
from gureum.serving.registry import FoundModel, Registry
from gureum.serving.spec import EndpointSpec, Route, Shape, choose, stream_name, table_stem
from gureum.streams.readers import Readers
from gureum.streams.streams import Streams
from gureum.streams.writer import Records, Writer
from gureum.types import Actor, Permission

__all__ = ["Answer", "Endpoints"]

ENDPOINTS_MAX = 100
LABELS_MAX = 10_000
ID_CHARS_MAX = 128

# Seconds between commits of the captured rows to their table.
CAPTURE_CHECKPOINT_S = 5.0

# How long a deletion waits for the captured rows to reach their table.
DRAIN_S = 20.0


class Asker(Protocol):
    """Another process of ours: the serving process, or that of the standing queries."""

    def json(
        self, method: str, path: str, actor: Actor, *, body: Any = None, params: Mapping[str, Any] | None = None
    ) -> Awaitable[Any]: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Of one request."""

    content_type: str
    body: bytes
    deployment: str


class Endpoints:
    """The endpoints of one platform, as one gateway sees them."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        identity: Identity,
        streams: Streams,
        readers: Readers,
        writer: Writer,
        registry: Registry,
        connections: Connections,
        serving: Asker,
        queries: Asker,
        clock: Clock,
    ) -> None:
        self.registry = registry
        self._catalog = catalog
        self._identity = identity
        self._streams = streams
        self._readers = readers
        self._writer = writer
        self._connections = connections
        self._serving = serving
        self._queries = queries
        self._clock = clock
        self._specs: dict[str, tuple[int, EndpointSpec]] = {}
        self._captures: dict[str, Capture] = {}
        self._latencies: dict[tuple[str, str], Latency] = {}

    # --- asking ------------------------------------------------------------------------------------------------------

    async def invoke(
        self, thing: Thing, request_id: str, body: bytes, *, content_type: str, accept: str, deployment: str | None
    ) -> Answer:
        """The predictions for a request; when it is to be kept, it is durable before this returns.

        Raises InvalidInput that names the column, Unavailable when the model is away for long.
        """
        if not 1 <= len(request_id) <= ID_CHARS_MAX or not request_id.isprintable():
            raise InvalidInput(f"a request id has 1 to {ID_CHARS_MAX} printable characters", code="endpoint.request_id")
        spec = self.spec(thing)
        if not spec.routes:
            raise Conflict(f"endpoint {thing.name!r} serves no model", code="endpoint.empty", hint="deploy one")
        route = spec.route(deployment) if deployment else choose(spec.routes, request_id)
        started_s = self._clock.monotonic_s()
        failed = True
        try:
            header = {
                "content_type": content_type, "accept": accept, "capture": spec.capture, "id": request_id,
                "at": self._now(), "endpoint": thing.name, "deployment": route.deployment,
                "model": route.model, "version": route.version, "generation": route.generation,
                "prediction": spec.shape(route).prediction,
            }  # fmt: skip
            said, out, captured = await self._connections.ask(route.key, header, body)
            if captured and spec.capture:
                await self._capture(thing).keep(request_id, captured.split(b"\n"))
            if "error" in said:
                raise from_json(said["error"])
            failed = False
        finally:
            key = (thing.id, route.deployment)
            latency = self._latencies.get(key)
            if latency is None:
                latency = self._latencies[key] = Latency()
            latency.note(self._clock.now_ms(), (self._clock.monotonic_s() - started_s) * 1000, failed=failed)
        return Answer(said["content_type"], out, route.deployment)

    async def label(self, name: str, actor: Actor, labels: Mapping[str, Any]) -> int:
        """Say what was right, by request id (`id` or `id/row`), however late; returns how many. The newest label counts."""
        thing = self._catalog.resolve(name, actor, Permission.WRITE, kind=Kind.ENDPOINT)
        spec = self.spec(thing)
        if len(labels) > LABELS_MAX:
            raise LimitExceeded(f"at most {LABELS_MAX} labels at once", code="endpoint.labels_max", hint="send several")
        if not spec.capture:
            raise Conflict(f"endpoint {name!r} keeps no requests", code="endpoint.capture_off")
        records = []
        for request_id, label in labels.items():
            stem, slash, row = request_id.rpartition("/")
            found = (stem, int(row)) if slash and row.isdecimal() else (request_id, 0)
            number = isinstance(label, int | float) and not isinstance(label, bool)
            text = label if isinstance(label, str) else orjson.dumps(label).decode()
            body = {
                "id": found[0], "row_number": found[1], "label": label if number else None,
                "text": None if number else text, "at": self._now(),
            }  # fmt: skip
            records.append(orjson.dumps(body))
        if records:
            stream = self._streams.get(f"{stream_name(name)}.labels", SYSTEM)
            result = await self._writer.put_records(stream, Records([b"label"] * len(records), records))
            for outcome in result.placed.values():
                if isinstance(outcome, GureumError):
                    raise outcome
        return len(records)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).isoformat(timespec="milliseconds")

    # --- looking -----------------------------------------------------------------------------------------------------

    def spec(self, thing: Thing) -> EndpointSpec:
        known = self._specs.get(thing.id)
        if known is None or known[0] != thing.version:
            if len(self._specs) > 10 * ENDPOINTS_MAX:
                self._specs.clear()
            known = self._specs[thing.id] = (thing.version, EndpointSpec.from_json(thing.spec))
        return known[1]

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        things = self._catalog.list(actor, kind=Kind.ENDPOINT)
        states = await self._states(actor) if things else {}
        return [self._shown(thing, actor, states) for thing in things]

    async def show(self, name: str, actor: Actor) -> dict[str, Any]:
        thing = self._catalog.resolve(name, actor, Permission.READ, kind=Kind.ENDPOINT)
        return self._shown(thing, actor, await self._states(actor))

    async def _states(self, actor: Actor) -> dict[str, Any]:
        try:
            found: dict[str, Any] = await self._serving.json("GET", "/workers", actor)
        except Unavailable:
            return {}  # it restarts: the endpoints are shown without their workers
        return found

    def _shown(self, thing: Thing, actor: Actor, states: Mapping[str, Any]) -> dict[str, Any]:
        spec = self.spec(thing)
        now_ms = self._clock.now_ms()
        newest = spec.routes[-1] if spec.routes else None
        away: dict[str, Any] = {
            "state": "loading",
            "why": None,
            "restarts": 0,
            "memory_bytes": None,
            "way": None,
            "confined": [],
        }
        deployments = []
        for route in spec.routes:
            worker = states.get(route.key) or away
            latency = self._latencies.get((thing.id, route.deployment)) or Latency()
            deployments.append(
                {
                    "deployment": route.deployment, "model": route.model, "version": route.version,
                    "weight": route.weight, **{name: worker[name] for name in away}, **latency.summary(now_ms),
                }
            )  # fmt: skip
        return {
            "name": thing.name,
            "owner": thing.owner,
            "version": thing.version,
            "updated_at_ms": thing.updated_at_ms,
            "permission": self._catalog.permission(thing, actor) or Permission.READ,
            "capture": spec.capture,
            "columns": spec.shape(newest).columns if newest else [],
            "prediction": spec.shape(newest).prediction if newest else None,
            "stream": stream_name(thing.name) if spec.capture else None,
            "table": _requests_table(thing.name, newest.generation) if spec.capture and newest else None,
            "labels_table": f"{table_stem(thing.name)}_labels" if spec.capture else None,
            "deployments": deployments,
            "history": [
                {
                    "at_ms": entry["at_ms"], "by": entry["by"],
                    "routes": [{"deployment": r["deployment"], "weight": r["weight"]} for r in entry["routes"]],
                }
                for entry in spec.history
            ],
        }  # fmt: skip

    # --- changing ----------------------------------------------------------------------------------------------------

    async def create(self, name: str, actor: Actor, **deployment: Any) -> dict[str, Any]:
        """A new endpoint that serves one model version. Raises Conflict when the name is taken."""
        check_name(Kind.ENDPOINT, name)
        things = self._catalog.list(SYSTEM, kind=Kind.ENDPOINT)
        if any(thing.name == name for thing in things):
            raise Conflict(
                f"endpoint {name!r} exists", code="endpoint.exists", hint="deploy to it, or choose another name"
            )
        if len(things) >= ENDPOINTS_MAX:
            raise LimitExceeded(f"there are {ENDPOINTS_MAX} endpoints", code="endpoint.limit", hint="delete one")
        for thing in things:
            if table_stem(thing.name) == table_stem(name):
                raise Conflict(
                    f"endpoint {thing.name!r} writes to the same table as {name!r} would",
                    code="endpoint.table_taken",
                    hint="choose a name that differs in a letter or digit",
                )
        return await self._deploy(name, actor, None, **deployment)

    async def deploy(self, name: str, actor: Actor, **deployment: Any) -> dict[str, Any]:
        """Add a version, or change its weight. Raises InvalidInput when the model does not load, saying why."""
        thing = self._catalog.resolve(name, actor, Permission.WRITE, kind=Kind.ENDPOINT)
        return await self._deploy(name, actor, thing, **deployment)

    async def _deploy(
        self,
        name: str,
        actor: Actor,
        thing: Thing | None,
        *,
        model: str,
        version: str | None,
        alias: str | None,
        weight: int,
        deployment: str | None,
        capture: bool | None,
    ) -> dict[str, Any]:
        found = self.registry.find(model, actor, version=version, alias=alias)
        plan = await self.load(found, actor)
        spec = self.spec(thing) if thing is not None else EndpointSpec()
        called = deployment or re.sub(r"[^A-Za-z0-9_가-힣.-]", "_", f"{found.name}-{found.version}")
        check_name(Kind.ENDPOINT, called)
        spec, generation = spec.with_shape(Shape(tuple(plan["columns"]), plan["prediction"]))
        route = Route(called, found.name, found.version, found.source, found.key, weight, generation)
        spec = dataclasses.replace(
            spec.deploy(route, at_ms=self._clock.now_ms(), by=actor.user),
            capture=spec.capture if capture is None else capture,
        )
        owner = actor if thing is None else self._owner(thing)
        if spec.capture:
            await self._keep_requests(name, owner, spec)
        if thing is None:
            self._catalog.create(name, actor, kind=Kind.ENDPOINT, spec=spec.to_json())
        else:
            self._catalog.update(name, actor, kind=Kind.ENDPOINT, spec=spec.to_json(), expect_version=thing.version)
        return await self.show(name, actor)

    async def rollback(self, name: str, actor: Actor) -> dict[str, Any]:
        """As it was before the newest change; its models load first."""
        thing = self._catalog.resolve(name, actor, Permission.WRITE, kind=Kind.ENDPOINT)
        spec = self.spec(thing).rollback()
        for route in spec.routes:
            await self._serving.json("POST", "/load", actor, body={"key": route.key, "folder": None})
        self._catalog.update(name, actor, kind=Kind.ENDPOINT, spec=spec.to_json(), expect_version=thing.version)
        return await self.show(name, actor)

    async def delete(self, name: str, actor: Actor) -> None:
        """Stop serving; what was captured stays in its tables."""
        thing = self._catalog.resolve(name, actor, Permission.MANAGE, kind=Kind.ENDPOINT)
        owner = self._owner(thing)
        self._catalog.delete(name, actor, kind=Kind.ENDPOINT)
        self._captures.pop(thing.id, None)
        spec = self.spec(thing)
        for query in _queries(name, spec):
            await self._end_query(query, owner)
        for stream in (stream_name(name), f"{stream_name(name)}.labels"):
            try:
                self._streams.delete(stream, owner)
            except NotFound:
                continue

    async def load(self, found: FoundModel, actor: Actor) -> dict[str, Any]:
        """Have a worker serve a model version; it stays for some minutes even if no endpoint routes to it."""
        plan: dict[str, Any] = await self._serving.json(
            "POST", "/load", actor, body={"key": found.key, "folder": str(found.folder)}
        )
        return plan

    # --- what is kept ------------------------------------------------------------------------------------------------

    def _capture(self, thing: Thing) -> Capture:
        capture = self._captures.get(thing.id)
        if capture is None:
            name = stream_name(thing.name)
            capture = self._captures[thing.id] = Capture(
                lambda: self._streams.get(name, SYSTEM), writer=self._writer, readers=self._readers, clock=self._clock
            )
        return capture

    def _owner(self, thing: Thing) -> Actor:
        return SYSTEM if thing.owner == SYSTEM.user else self._identity.actor(thing.owner, via=f"endpoint:{thing.name}")

    async def _keep_requests(self, name: str, owner: Actor, spec: EndpointSpec) -> None:
        """The streams, and the standing queries that write them to tables; what is there already stays."""
        for stream in (stream_name(name), f"{stream_name(name)}.labels"):
            try:
                self._streams.get(stream, owner, Permission.MANAGE)
            except NotFound:
                self._streams.create(stream, owner)
        for query, sql in _queries(name, spec).items():
            body = {
                "name": query, "sql": sql, "into": None, "alert": None, "checkpoint_s": CAPTURE_CHECKPOINT_S,
                "start": True,
            }  # fmt: skip
            try:
                there = await self._queries.json("GET", f"/queries/{query}", owner)
            except NotFound:
                await self._queries.json("POST", "/queries", owner, body=body)
                continue
            if there["sql"] != sql:
                raise Conflict(
                    f"the standing query {query!r} is not what endpoint {name!r} needs",
                    code="endpoint.query",
                    hint="delete it, or choose another name for the endpoint",
                )
            if there["status"]["state"] not in {"running", "waiting"}:
                await self._queries.json("POST", f"/queries/{query}/start", owner, body={"reset": False})

    async def _end_query(self, query: str, owner: Actor) -> None:
        try:
            await self._queries.json("POST", f"/queries/{query}/stop", owner, body={"drain": True})
            deadline_s = self._clock.monotonic_s() + DRAIN_S
            while self._clock.monotonic_s() < deadline_s:
                there = await self._queries.json("GET", f"/queries/{query}", owner)
                if there["status"]["state"] in {"stopped", "failed"}:
                    break
                await asyncio.sleep(0.1)
            await self._queries.json("DELETE", f"/queries/{query}", owner)
        except NotFound:
            return


def _requests_table(name: str, generation: int) -> str:
    return f"{table_stem(name)}_requests" + (f"_v{generation}" if generation > 1 else "")


def _queries(name: str, spec: EndpointSpec) -> dict[str, str]:
    """The scripts that write an endpoint's streams to its tables, each under the name of its table."""
    stream = stream_name(name)
    labels = f"{table_stem(name)}_labels"
    scripts = {
        labels: f"""\
CREATE TABLE labelled (
  id STRING, row_number INT, at TIMESTAMP_LTZ(3), label DOUBLE, text STRING
) WITH ('stream' = '{stream}.labels', 'format' = 'json');
INSERT INTO {labels} SELECT id, row_number, at, label, text FROM labelled
"""
    }
    for generation, shape in enumerate(spec.shapes, 1):
        requests = _requests_table(name, generation)
        fields = ", ".join(f"{_quoted(column['name'])} {column['type']}" for column in shape.columns)
        scripts[requests] = f"""\
CREATE TABLE captured (
  id STRING, row_number INT, at TIMESTAMP_LTZ(3), generation INT, deployment STRING, model STRING, version STRING,
  status INT, error STRING, latency_ms DOUBLE,{f" request ROW<{fields}>," if fields else ""} prediction {shape.prediction}
) WITH ('stream' = '{stream}', 'format' = 'json');
INSERT INTO {requests}
SELECT id, row_number, at, deployment, model, version, status, error, latency_ms,{" request," if fields else ""} prediction
FROM captured WHERE generation = {generation}
"""
    return scripts


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
