"""Alerts on a standing query: one event when a key crosses the condition, one when it is fine again.

Called by `query`. Pure. The condition is a boolean over the result's row; without one, the query's last filter is lifted:
rows that fail it are still not written, but tell that their key is fine. State: the keys that are firing. Promise: events
come in the order of the rows, and an event's id depends only on query, key, time and state, so that a receiver which sees
one twice (after a crash) can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from gureum.errors import InvalidInput, LimitExceeded
from gureum.names import did_you_mean
from gureum.sql.streaming.dialect import parse_expression
from gureum.sql.streaming.duck import Duck
from gureum.sql.streaming.expressions import Compiler, Expression, Scope
from gureum.sql.streaming.pipeline import Observed
from gureum.sql.streaming.plan import MapStage, Plan

__all__ = ["AlertEvent", "AlertPlan", "AlertSpec", "Alerts", "plan_alert"]

# Keys that may be firing at once: beyond it the condition does not tell anything apart, and nobody reads the messages.
FIRING_KEYS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """`when` is SQL over the result's columns; `key` its columns that tell things apart; `notify` is not read here."""

    when: str | None = None
    key: tuple[str, ...] | None = None
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertPlan:
    when: Expression | None
    lifts_filter: bool
    key: tuple[str, ...]
    time: str | None
    notify: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertEvent:
    id: str
    query: str
    state: str  # firing | recovered
    key: dict[str, Any]
    at: str | None
    values: dict[str, Any]
    notify: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "query": self.query,
            "state": self.state,
            "key": self.key,
            "at": self.at,
            "values": self.values,
            "notify": list(self.notify),
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> AlertEvent:
        return cls(**{**body, "notify": tuple(body["notify"])})


def plan_alert(spec: AlertSpec, plan: Plan) -> AlertPlan:
    """Check an alert against its query's result. InvalidInput: no such column, not a boolean, nothing to go by."""
    names = plan.schema.names
    for column in spec.key or ():
        if column not in names:
            raise InvalidInput(
                f"the alert's key {column!r} is not a column of the result",
                code="alert.key",
                hint=did_you_mean(column, names) or f"columns: {', '.join(names)}",
            )
    key = spec.key if spec.key is not None else plan.group_keys
    when = None
    if spec.when is not None:
        duck = Duck()
        try:
            scope = Scope({item.name: item.type for item in plan.schema})
            when = Compiler(spec.when, scope, duck).condition(parse_expression(spec.when), "the alert's condition")
        finally:
            duck.close()
    elif not any(isinstance(stage, MapStage) and stage.condition is not None for stage in _tail(plan)):
        raise InvalidInput(
            "the alert has no condition, and the query has no filter behind its window that could be one",
            code="alert.condition",
            hint="give the alert a condition such as 'peak > 90', or the query a HAVING",
        )
    return AlertPlan(when, when is None, tuple(key), plan.rowtime, spec.notify)


def _tail(plan: Plan) -> Sequence[object]:
    """The stages behind the last window."""
    last = max((i for i, stage in enumerate(plan.stages) if not isinstance(stage, MapStage)), default=-1)
    return plan.stages[last + 1 :]


class Alerts:
    """The state of one alert. Not for several threads."""

    def __init__(self, plan: AlertPlan, *, query: str) -> None:
        self._plan = plan
        self._query = query
        self._firing: dict[str, str] = {}

    @property
    def firing(self) -> int:
        """How many keys are firing now."""
        return len(self._firing)

    def observe(self, observed: Observed) -> list[AlertEvent]:
        """The events of some rows, in their order."""
        rows = observed.rows
        if not rows.num_rows:
            return []
        meets = observed.meets
        indexes = self._interesting(rows, meets)
        if not indexes:
            return []
        events: list[AlertEvent] = []
        chosen = rows.take(pa.array(indexes, pa.int64()))
        for row, met in zip(chosen.to_pylist(), meets.take(pa.array(indexes, pa.int64())).to_pylist(), strict=True):
            key = {column: row[column] for column in self._plan.key}
            text = _json(key)
            if met and text not in self._firing:
                event = self._event("firing", key, row)
                self._firing[text] = event.id
                events.append(event)
            elif not met and text in self._firing:
                del self._firing[text]
                events.append(self._event("recovered", key, row))
        if len(self._firing) > FIRING_KEYS_MAX:
            raise LimitExceeded(
                f"more than {FIRING_KEYS_MAX} keys of the alert are firing",
                code="alert.keys_limit",
                hint="give the alert a key of fewer values, or a stricter condition",
            )
        return events

    def _interesting(self, rows: pa.RecordBatch, meets: pa.Array) -> list[int]:
        """The rows that could change anything: those that meet the condition, and all of keys that fire or begin to."""
        if not meets.true_count and not self._firing:
            return []
        if not self._plan.key or rows.num_rows < 1_000:
            return list(range(rows.num_rows))
        # One column is enough to leave most rows out; the others are compared one by one.
        column = rows.column(self._plan.key[0])
        firing = pa.array([orjson.loads(text)[self._plan.key[0]] for text in self._firing] or [None])
        wanted = pc.or_(meets, pc.is_in(column, value_set=column.filter(meets)))
        if self._firing:
            try:
                wanted = pc.or_(wanted, pc.is_in(column, value_set=firing.cast(column.type)))
            except pa.ArrowException:
                return list(range(rows.num_rows))
        found: list[int] = pc.indices_nonzero(wanted).to_pylist()
        return found

    def _event(self, state: str, key: dict[str, Any], row: dict[str, Any]) -> AlertEvent:
        values = orjson.loads(_json(row))
        plain_key = orjson.loads(_json(key))
        at = values.get(self._plan.time) if self._plan.time else None
        told = _json([self._query, plain_key, at if at is not None else values, state])
        return AlertEvent(
            id=hashlib.sha256(told.encode()).hexdigest()[:32],
            query=self._query,
            state=state,
            key=plain_key,
            at=at,
            values=values,
            notify=self._plan.notify,
        )

    def snapshot(self) -> dict[str, str]:
        return dict(self._firing)

    def restore(self, firing: dict[str, str]) -> None:
        self._firing = dict(firing)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()
