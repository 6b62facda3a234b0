"""What an endpoint is: routes with weights, and the routes that it had before.

Called by `endpoints.py` and, for `choose`, by the gateway for every request. Pure functions over one JSON value, which the
catalog keeps. Promise: weights are whole percents that add up to 100; the same request id always takes the same route.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gureum.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from gureum.names import did_you_mean

__all__ = ["HISTORY_MAX", "ROUTES_MAX", "EndpointSpec", "Route", "Shape", "choose", "stream_name", "table_stem"]

# Each is a process with a model in memory.
ROUTES_MAX = 5

# Earlier states that one can go back to; the files of their models are kept.
HISTORY_MAX = 10


@dataclass(frozen=True, slots=True)
class Route:
    """One deployed model version. `key` names its worker and its files, `weight` is in percent of the requests.

    `generation` numbers the shape of what is kept of its requests: models of the same columns share a table.
    """

    deployment: str
    model: str
    version: str
    source: str
    key: str
    weight: int
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What a captured row holds: the columns of the request, and the SQL type of the prediction."""

    columns: tuple[dict[str, str], ...]
    prediction: str


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """The endpoint's JSON value. `capture` says whether requests are kept, `shapes` in which tables: one a generation."""

    routes: tuple[Route, ...] = ()
    history: tuple[dict[str, Any], ...] = ()
    capture: bool = True
    shapes: tuple[Shape, ...] = ()

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> EndpointSpec:
        routes = tuple(Route(**route) for route in body.get("routes", []))
        shapes = tuple(Shape(tuple(shape["columns"]), shape["prediction"]) for shape in body.get("shapes", []))
        return cls(routes, tuple(body.get("history", [])), bool(body.get("capture", True)), shapes)

    def to_json(self) -> dict[str, Any]:
        return {
            "routes": [asdict(route) for route in self.routes],
            "history": list(self.history),
            "capture": self.capture,
            "shapes": [asdict(shape) for shape in self.shapes],
        }

    def with_shape(self, shape: Shape) -> tuple[EndpointSpec, int]:
        """With a place for rows of this shape, and the number of that place."""
        if shape in self.shapes:
            return self, self.shapes.index(shape) + 1
        return replace(self, shapes=(*self.shapes, shape)), len(self.shapes) + 1

    def shape(self, route: Route) -> Shape:
        return self.shapes[route.generation - 1]

    def deploy(self, route: Route, *, at_ms: int, by: str) -> EndpointSpec:
        """With `route` at its weight; what was there before shares the rest as it did. At 100 it replaces all others."""
        if not 0 <= route.weight <= 100:
            raise InvalidInput(f"a weight is 0 to 100 percent, not {route.weight}", code="endpoint.weight")
        others = [old for old in self.routes if old.deployment != route.deployment]
        if any(old.key != route.key for old in self.routes if old.deployment == route.deployment):
            raise Conflict(
                f"deployment {route.deployment!r} serves another model",
                code="endpoint.deployment",
                hint="give this one a name of its own",
            )
        if route.weight == 100 or not others:
            routes = [replace(route, weight=100)]
        else:
            rest = _shared(100 - route.weight, [old.weight for old in others])
            routes = [*(replace(old, weight=w) for old, w in zip(others, rest, strict=True)), route]
        if len(routes) > ROUTES_MAX:
            raise LimitExceeded(
                f"an endpoint has at most {ROUTES_MAX} deployments",
                code="endpoint.routes_max",
                hint="deploy one of them with weight 100 first",
            )
        return self._with(routes, at_ms=at_ms, by=by)

    def rollback(self) -> EndpointSpec:
        """As it was before the newest change. Raises Conflict when there was nothing before."""
        if not self.history:
            raise Conflict("there is no earlier state to go back to", code="endpoint.no_history")
        *earlier, last = self.history
        return replace(self, routes=tuple(Route(**route) for route in last["routes"]), history=tuple(earlier))

    def route(self, deployment: str) -> Route:
        for route in self.routes:
            if route.deployment == deployment:
                return route
        names = [route.deployment for route in self.routes]
        raise NotFound(
            f"there is no deployment {deployment!r}",
            code="endpoint.deployment_not_found",
            hint=did_you_mean(deployment, names) or f"there are: {', '.join(names)}",
        )

    def models(self) -> set[str]:
        """The models whose files are needed: of all routes, now and before."""
        before = {route["key"] for entry in self.history for route in entry["routes"]}
        return before | {route.key for route in self.routes}

    def _with(self, routes: Sequence[Route], *, at_ms: int, by: str) -> EndpointSpec:
        history = self.history
        if self.routes:
            entry = {"at_ms": at_ms, "by": by, "routes": [asdict(route) for route in self.routes]}
            history = (*history, entry)[-HISTORY_MAX:]
        return replace(self, routes=tuple(routes), history=history)


def _shared(total: int, weights: Sequence[int]) -> list[int]:
    """`total` percent in the proportions of `weights`, in whole numbers that add up: largest remainders get the rest."""
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    shares = [weight * total // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda at: -(weights[at] * total % whole))
    for at in by_rest[: total - sum(shares)]:
        shares[at] += 1
    return shares


def choose(routes: Sequence[Route], request_id: str) -> Route:
    """The route of a request: by its id, so that a retry meets the same model."""
    if len(routes) == 1:
        return routes[0]
    point = zlib.crc32(request_id.encode()) % 100
    for route in routes:
        point -= route.weight
        if point < 0:
            return route
    return routes[-1]


def stream_name(endpoint: str) -> str:
    """The stream that keeps an endpoint's requests. Streams have ASCII names, endpoints may have Korean ones."""
    return "endpoints." + "".join(c if c.isascii() else f"_u{ord(c):x}" for c in endpoint)


def table_stem(endpoint: str) -> str:
    """The table of the captured requests is this and `_requests`."""
    return "endpoints." + re.sub(r"^(?=[0-9])", "_", re.sub(r"[^A-Za-z0-9_가-힣]", "_", endpoint))
