"""The queue of tasks in the metadata database: submitted once, claimed by one, finished once.

Called by the gateway (submit, look, cancel) and by `executor.py` (claim, renew, finish). Promise: of any number of executors
one works on a task at a time; one that was away longer than its lease can write nothing more about it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gureum.catalog.schema import tasks
from gureum.clock import Clock
from gureum.errors import Conflict, LimitExceeded, NotFound, PermissionDenied
from gureum.store.database import Database
from gureum.types import Actor, Role

__all__ = ["ENDED", "LEASE_MS", "Task", "Tasks"]

# An executor renews each second; whoever is silent for this long is taken for dead.
LEASE_MS = 15_000

# A task whose executor died is begun again so often; one that kills every executor must not do so for ever.
ATTEMPTS_MAX = 5

# More than this waiting for one user is a loop gone wrong.
WAITING_PER_USER_MAX = 1_000

# Older ended tasks of the same name are forgotten.
KEPT_PER_NAME = 500
PAGE_MAX = 1_000

ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Task:
    """`spec`, `progress` and `result` are plain JSON values that the kind of task defines. Times are in milliseconds."""

    id: str
    kind: str
    name: str
    owner: str
    spec: dict[str, Any]
    once: str | None
    state: str  # waiting, running, stopping, done, failed, cancelled
    due_at_ms: int
    created_at_ms: int
    started_at_ms: int | None
    ended_at_ms: int | None
    attempt: int
    lease_until_ms: int | None
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    told: bool


class Tasks:
    """The queue. Safe between threads, processes and machines that share the metadata database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def submit(
        self,
        kind: str,
        name: str,
        actor: Actor,
        spec: Mapping[str, Any],
        *,
        once: str | None = None,
        due_at_ms: int = 0,
        instead_of: str | None = None,
    ) -> Task:
        """Queue a task, and forget the ended one that it tries again (`instead_of`).

        Raises Conflict when one with the key `once` is there already, however it ended.
        """
        if actor.role is Role.VIEWER:
            raise PermissionDenied(
                "viewers start no tasks", code="role.viewer", hint="an administrator can change that"
            )
        now_ms = self._clock.now_ms()
        task = Task(
            secrets.token_hex(8), kind, name, actor.user, dict(spec), once, "waiting", max(due_at_ms, now_ms), now_ms,
            None, None, 0, None, {}, None, None, False,
        )  # fmt: skip
        waiting = select(func.count()).where(tasks.c.owner == actor.user, tasks.c.state == "waiting")
        try:
            with self._database.write() as connection:
                if connection.execute(waiting).scalar_one() >= WAITING_PER_USER_MAX:
                    raise LimitExceeded(
                        f"{WAITING_PER_USER_MAX} tasks of yours are waiting", code="task.limit", hint="cancel some"
                    )
                connection.execute(insert(tasks).values(_values(task)))
                if instead_of is not None:
                    connection.execute(delete(tasks).where(tasks.c.id == instead_of, tasks.c.state.in_(ENDED)))
                self._forget_old(connection, kind, name)
        except IntegrityError:
            raise Conflict(f"task {once!r} was submitted before", code="task.exists") from None
        return task

    def get(self, task_id: str) -> Task:
        with self._database.read() as connection:
            row = connection.execute(select(tasks).where(tasks.c.id == task_id)).mappings().first()
        if row is None:
            raise NotFound(f"task {task_id!r} does not exist", code="task.not_found")
        return Task(**row)

    def list(
        self,
        *,
        kind: str | None = None,
        name: str | None = None,
        state: str | None = None,
        owner: str | None = None,
        limit: int = 100,
    ) -> Sequence[Task]:
        """Newest first."""
        wanted = [
            column == value
            for column, value in (
                (tasks.c.kind, kind),
                (tasks.c.name, name),
                (tasks.c.state, state),
                (tasks.c.owner, owner),
            )
            if value is not None
        ]
        query = select(tasks).where(*wanted).order_by(tasks.c.created_at_ms.desc(), tasks.c.id)
        with self._database.read() as connection:
            return [Task(**row) for row in connection.execute(query.limit(min(limit, PAGE_MAX))).mappings()]

    def cancel(self, task_id: str) -> Task:
        """A waiting task ends now; a running one when its executor has stopped its processes."""
        now_ms = self._clock.now_ms()
        with self._database.write() as connection:
            mine = tasks.c.id == task_id
            connection.execute(
                update(tasks).where(mine, tasks.c.state == "waiting").values(state="cancelled", ended_at_ms=now_ms)
            )
            connection.execute(update(tasks).where(mine, tasks.c.state == "running").values(state="stopping"))
        return self.get(task_id)

    # --- for an executor ---------------------------------------------------------------------------------------------

    def claim(self) -> Task | None:
        """The task that is due longest, now ours for LEASE_MS; None when there is none. Begins again what was abandoned."""
        now_ms = self._clock.now_ms()
        abandoned = and_(tasks.c.state.in_(["running", "stopping"]), tasks.c.lease_until_ms < now_ms)
        due = and_(tasks.c.state == "waiting", tasks.c.due_at_ms <= now_ms)
        with self._database.read() as connection:  # most looks find nothing, and need no lock
            if connection.execute(select(tasks.c.id).where(or_(due, abandoned)).limit(1)).first() is None:
                return None
        with self._database.write() as connection:
            self._give_up(connection, and_(abandoned, tasks.c.attempt >= ATTEMPTS_MAX), now_ms)
            stopped = and_(abandoned, tasks.c.state == "stopping")
            connection.execute(update(tasks).where(stopped).values(state="cancelled", ended_at_ms=now_ms))
            found = select(tasks).where(or_(due, abandoned)).order_by(tasks.c.due_at_ms, tasks.c.created_at_ms).limit(1)
            if not self._database.is_sqlite:
                found = found.with_for_update(skip_locked=True)
            row = connection.execute(found).mappings().first()
            if row is None:
                return None
            taken: dict[str, Any] = {
                "state": "running", "attempt": row["attempt"] + 1, "lease_until_ms": now_ms + LEASE_MS,
                "started_at_ms": now_ms,
            }  # fmt: skip
            connection.execute(update(tasks).where(tasks.c.id == row["id"]).values(taken))
            return Task(**{**row, **taken})

    def renew(self, task: Task, progress: Mapping[str, Any] | None = None) -> str:
        """Keep a claimed task for another LEASE_MS; returns its state: 'running', 'stopping', or what another made of it."""
        now_ms = self._clock.now_ms()
        change: dict[str, Any] = {"lease_until_ms": now_ms + LEASE_MS}
        if progress is not None:
            change["progress"] = dict(progress)
        with self._database.write() as connection:
            held = update(tasks).where(self._held(task)).values(change)
            if connection.execute(held).rowcount == 0:
                return "lost"
            return str(connection.execute(select(tasks.c.state).where(tasks.c.id == task.id)).scalar_one())

    def finish(
        self,
        task: Task,
        state: str,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        progress: Mapping[str, Any] | None = None,
    ) -> bool:
        """End a claimed task; False when it is no longer ours, and nothing was written."""
        assert state in ENDED
        change: dict[str, Any] = {
            "state": state, "ended_at_ms": self._clock.now_ms(), "result": result, "error": error, "lease_until_ms": None,
        }  # fmt: skip
        if progress is not None:
            change["progress"] = dict(progress)
        with self._database.write() as connection:
            return connection.execute(update(tasks).where(self._held(task)).values(change)).rowcount > 0

    def untold(self, kind: str, *, limit: int = 100) -> Sequence[Task]:
        """Done tasks of a kind whose findings are still to be put into their stream, oldest first."""
        query = (
            select(tasks)
            .where(tasks.c.kind == kind, tasks.c.state == "done", tasks.c.told.is_(False))
            .order_by(tasks.c.ended_at_ms, tasks.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Task(**row) for row in connection.execute(query).mappings()]

    def mark_told(self, task_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(tasks).where(tasks.c.id == task_id).values(told=True))

    def _held(self, task: Task) -> Any:
        return and_(tasks.c.id == task.id, tasks.c.attempt == task.attempt, tasks.c.state.in_(["running", "stopping"]))

    def _give_up(self, connection: Connection, which: Any, now_ms: int) -> None:
        error = {
            "error": "InternalError", "code": "task.given_up", "details": {},
            "message": f"the process that did it died {ATTEMPTS_MAX} times", "hint": "its log says what it did last",
        }  # fmt: skip
        connection.execute(update(tasks).where(which).values(state="failed", ended_at_ms=now_ms, error=error))

    def _forget_old(self, connection: Connection, kind: str, name: str) -> None:
        mine = (tasks.c.kind == kind, tasks.c.name == name, tasks.c.state.in_(ENDED))
        newest = select(tasks.c.created_at_ms).where(*mine).order_by(tasks.c.created_at_ms.desc())
        last_kept = connection.execute(newest.offset(KEPT_PER_NAME).limit(1)).scalar()
        if last_kept is not None:
            connection.execute(delete(tasks).where(*mine, tasks.c.created_at_ms <= last_kept))


def _values(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in Task.__dataclass_fields__}
