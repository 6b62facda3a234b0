"""Named things: what exists, who owns it, who may do what with it.

Called by every noun (streams, tables, queries, ...) and by nobody else. Promise: `resolve` is the one door to a named
thing; it answers from memory while the database has not changed, and never later than the last commit (SQLite) or than
CACHE_S ago (PostgreSQL).
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gureum.catalog.audit import write_audit
from gureum.catalog.schema import grants, things
from gureum.clock import Clock
from gureum.errors import Conflict, InvalidInput, NotFound, PermissionDenied
from gureum.names import Kind, check_name, did_you_mean
from gureum.store.database import Database
from gureum.types import Actor, Permission, Role

__all__ = ["EVERYONE", "SYSTEM", "Catalog", "GrantEntry", "Thing"]

# How old an answer may be where the database cannot tell us cheaply that it changed.
CACHE_S = 1.0

# One page of a list; nothing in the platform shows more at once.
LIST_MAX = 10_000

EVERYONE = "group:everyone"
SYSTEM = Actor(user="gureum", role=Role.ADMIN, via="system")

_RANK = {Permission.READ: 1, Permission.WRITE: 2, Permission.MANAGE: 3}


@dataclass(frozen=True, slots=True)
class Thing:
    """One named thing. `id` never changes and is never used again; `version` rises by one with each change."""

    id: str
    kind: Kind
    name: str
    owner: str
    spec: dict[str, Any]
    version: int
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class GrantEntry:
    kind: Kind
    name: str
    grantee: str
    permission: Permission


class Catalog:
    """Things and grants. Share one per process; safe between threads and between processes."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._things: dict[tuple[Kind, str], Thing] = {}
        self._grants: dict[tuple[Kind, str], dict[str, Permission]] = {}
        self._seen = object()
        self._loaded_s = float("-inf")
        self._watcher = _watcher(database)

    # --- reading ---------------------------------------------------------------------------------------------------

    def resolve(self, name: str, actor: Actor, permission: Permission, *, kind: Kind) -> Thing:
        """The thing of this name, if `actor` may do `permission` with it.

        Raises NotFound with near names among those that the actor may see, also when it exists but the actor may not
        even read it: names are not given away. PermissionDenied when it may be read but the rest is not granted.
        """
        snapshot, _ = self._snapshot()
        thing = snapshot.get((kind, name))
        allowed = self.permission(thing, actor) if thing else None
        if thing is None or allowed is None:
            visible = (t.name for t in snapshot.values() if t.kind is kind and self.permission(t, actor))
            raise NotFound(
                f"{kind} {name!r} does not exist", code=f"{kind}.not_found", hint=did_you_mean(name, visible)
            )
        if _RANK[allowed] < _RANK[permission]:
            raise PermissionDenied(
                f"you may {allowed} {kind} {name!r}, but not {permission} it",
                code=f"{kind}.denied",
                hint=f"ask {thing.owner}, its owner, for a grant",
            )
        return thing

    def permission(self, thing: Thing, actor: Actor) -> Permission | None:
        """The most that `actor` may do with `thing`; None when it may not know of it."""
        if actor.is_admin or thing.owner == actor.user:
            return Permission.MANAGE
        _, all_grants = self._snapshot()
        grantees = {actor.user, EVERYONE, *(f"group:{group}" for group in actor.groups)}
        patterns = [thing.name, "*"]
        if thing.kind is Kind.TABLE:
            patterns.append(thing.name.partition(".")[0] + ".*")
        found = [
            permission
            for pattern in patterns
            for grantee, permission in all_grants.get((thing.kind, pattern), {}).items()
            if grantee in grantees
        ]
        best = max(found, key=_RANK.__getitem__, default=None)
        if best is not None and actor.role is Role.VIEWER:
            return Permission.READ
        return best

    def list(self, actor: Actor, *, kind: Kind, after: str = "", limit: int = LIST_MAX) -> Sequence[Thing]:
        """The things of a kind that `actor` may read, by name, from just after the name `after`."""
        snapshot, _ = self._snapshot()
        readable = (t for t in snapshot.values() if t.kind is kind and t.name > after and self.permission(t, actor))
        return sorted(readable, key=lambda thing: thing.name)[: min(limit, LIST_MAX)]

    def grants(self, actor: Actor, *, kind: Kind, name: str) -> Sequence[GrantEntry]:
        """Who may do what with one thing, besides its owner and administrators; for those who manage it."""
        if "*" not in name:
            self.resolve(name, actor, Permission.MANAGE, kind=kind)
        elif not actor.is_admin:
            raise PermissionDenied(f"only administrators see grants on {name!r}", code="grant.denied")
        _, all_grants = self._snapshot()
        return [GrantEntry(kind, name, who, what) for who, what in sorted(all_grants.get((kind, name), {}).items())]

    # --- changing --------------------------------------------------------------------------------------------------

    def create(
        self, name: str, actor: Actor, *, kind: Kind, spec: dict[str, Any], thing_id: str | None = None
    ) -> Thing:
        """Add a thing that `actor` owns. Raises Conflict when the name is taken, PermissionDenied for viewers."""
        check_name(kind, name)
        if actor.role is Role.VIEWER:
            raise PermissionDenied(
                f"viewers make no {kind}", code="role.viewer", hint="an administrator can make you an editor"
            )
        now_ms = self._clock.now_ms()
        thing = Thing(thing_id or uuid.uuid4().hex, kind, name, actor.user, spec, 1, now_ms, now_ms)
        try:
            with self._database.write() as connection:
                connection.execute(
                    insert(things).values(
                        id=thing.id, kind=kind.value, name=name, owner=actor.user, spec=spec, version=1,
                        created_at_ms=now_ms, updated_at_ms=now_ms,
                    )
                )  # fmt: skip
                self._audit(connection, actor, "create", thing)
        except IntegrityError:
            raise Conflict(f"{kind} {name!r} exists", code=f"{kind}.exists", hint="choose another name") from None
        self._forget()
        return thing

    def update(self, name: str, actor: Actor, *, kind: Kind, spec: dict[str, Any], expect_version: int | None) -> Thing:
        """Replace a thing's spec. Raises Conflict when it is no longer at `expect_version` (None: whatever it is)."""
        thing = self.resolve(name, actor, Permission.WRITE, kind=kind)
        now_ms = self._clock.now_ms()
        with self._database.write() as connection:
            change = update(things).where(things.c.id == thing.id)
            if expect_version is not None:
                change = change.where(things.c.version == expect_version)
            changed = connection.execute(change.values(spec=spec, version=things.c.version + 1, updated_at_ms=now_ms))
            if changed.rowcount == 0:
                raise Conflict(
                    f"{kind} {name!r} was changed by somebody else", code=f"{kind}.changed", hint="look at it again"
                )
            self._audit(connection, actor, "change", thing)
        self._forget()
        return self.resolve(name, actor, Permission.WRITE, kind=kind)

    def rename(self, name: str, new_name: str, actor: Actor, *, kind: Kind) -> Thing:
        """Give a thing another name; its grants go with it. Raises Conflict when the new name is taken."""
        thing = self.resolve(name, actor, Permission.MANAGE, kind=kind)
        check_name(kind, new_name)
        try:
            with self._database.write() as connection:
                connection.execute(
                    update(things)
                    .where(things.c.id == thing.id)
                    .values(name=new_name, version=things.c.version + 1, updated_at_ms=self._clock.now_ms())
                )
                moved = update(grants).where(grants.c.kind == kind.value, grants.c.name == name)
                connection.execute(moved.values(name=new_name))
                self._audit(connection, actor, "rename", thing)
        except IntegrityError:
            raise Conflict(f"{kind} {new_name!r} exists", code=f"{kind}.exists", hint="choose another name") from None
        self._forget()
        return self.resolve(new_name, actor, Permission.READ, kind=kind)

    def delete(self, name: str, actor: Actor, *, kind: Kind) -> Thing:
        """Take a thing and its grants out of the catalog, and return what it was; its data is the noun's to remove."""
        thing = self.resolve(name, actor, Permission.MANAGE, kind=kind)
        with self._database.write() as connection:
            connection.execute(delete(things).where(things.c.id == thing.id))
            connection.execute(delete(grants).where(grants.c.kind == kind.value, grants.c.name == name))
            self._audit(connection, actor, "delete", thing)
        self._forget()
        return thing

    def grant(self, actor: Actor, *, kind: Kind, name: str, grantee: str, permission: Permission | None) -> None:
        """Allow `grantee` (a user, 'group:<name>' or 'group:everyone') `permission`; None takes the grant away.

        `name` may be '*' or, for tables, 'schema.*': then only administrators may.
        """
        if "*" in name:
            if not actor.is_admin:
                raise PermissionDenied(f"only administrators grant on {name!r}", code="grant.denied")
            if name != "*" and not (kind is Kind.TABLE and name.endswith(".*")):
                raise InvalidInput(f"{name!r} is not a pattern", code="grant.pattern", hint="use '*' or 'schema.*'")
        else:
            self.resolve(name, actor, Permission.MANAGE, kind=kind)
        match = (grants.c.kind == kind.value, grants.c.name == name, grants.c.grantee == grantee)
        with self._database.write() as connection:
            connection.execute(delete(grants).where(*match))
            if permission is not None:
                connection.execute(
                    insert(grants).values(kind=kind.value, name=name, grantee=grantee, permission=permission.value)
                )
            write_audit(
                connection, at_ms=self._clock.now_ms(), actor=actor.user, action="grant", kind=kind.value, name=name,
                grantee=grantee, permission=permission.value if permission else None, via=actor.via,
            )  # fmt: skip
        self._forget()

    def denied(self, actor: Actor, *, action: str, kind: str, name: str) -> None:
        """Record that something was refused."""
        with self._database.write() as connection:
            write_audit(
                connection, at_ms=self._clock.now_ms(), actor=actor.user, action=action, kind=kind, name=name,
                outcome="denied", via=actor.via,
            )  # fmt: skip

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()

    # --- the cache -------------------------------------------------------------------------------------------------

    def _snapshot(self) -> tuple[dict[tuple[Kind, str], Thing], dict[tuple[Kind, str], dict[str, Permission]]]:
        with self._lock:
            if self._is_stale():
                self._load()
            return self._things, self._grants

    def _is_stale(self) -> bool:
        if self._watcher is None:
            return self._clock.monotonic_s() - self._loaded_s > CACHE_S
        # Read the counter before the data: a commit in between makes the next call reload, never miss.
        counter = self._watcher.execute("PRAGMA data_version").fetchone()[0]
        stale: bool = counter != self._seen
        self._seen = counter
        return stale

    def _load(self) -> None:
        self._loaded_s = self._clock.monotonic_s()
        with self._database.read() as connection:
            rows: Iterable[Any] = connection.execute(select(things)).mappings()
            self._things = {
                (Kind(row["kind"]), row["name"]): Thing(**{**row, "kind": Kind(row["kind"])}) for row in rows
            }
            found: dict[tuple[Kind, str], dict[str, Permission]] = {}
            for row in connection.execute(select(grants)).mappings():
                found.setdefault((Kind(row["kind"]), row["name"]), {})[row["grantee"]] = Permission(row["permission"])
            self._grants = found

    def _forget(self) -> None:
        with self._lock:
            self._seen = object()
            self._loaded_s = float("-inf")

    def _audit(self, connection: Connection, actor: Actor, action: str, thing: Thing) -> None:
        write_audit(
            connection, at_ms=self._clock.now_ms(), actor=actor.user, action=action, kind=thing.kind.value,
            name=thing.name, via=actor.via,
        )  # fmt: skip


def _watcher(database: Database) -> sqlite3.Connection | None:
    """A connection of its own: `PRAGMA data_version` only tells of commits by other connections."""
    if not database.is_sqlite:
        return None
    return sqlite3.connect(str(database.engine.url.database), check_same_thread=False, isolation_level=None)
