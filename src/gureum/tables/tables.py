"""Tables by name: create, open, list, drop, with the catalog deciding who may.

Called by `sql`, the doors and the processes. Promise: a name in the catalog has a Delta table behind it; where a folder
was lost or damaged, the table is listed with what is wrong and never shown as empty.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from gureum.catalog.catalog import SYSTEM, Catalog, Thing
from gureum.errors import Conflict, GureumError, InvalidInput, NotFound
from gureum.names import DEFAULT_SCHEMA, Kind, table_name
from gureum.store.objects import open_objects
from gureum.tables.mark import LogMark
from gureum.tables.names import full_name
from gureum.tables.table import Table
from gureum.types import Actor, Column, Permission

__all__ = ["TableEntry", "Tables", "is_view"]

# A handle keeps a table's list of files in memory; the least used are let go.
HANDLES_MAX = 256

# What a list shows of a table is kept for far more of them: some 100 bytes in place of 100 kB.
ENTRIES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table as a list shows it; `problem` says why the figures are missing."""

    thing: Thing
    version: int | None
    files: int | None
    bytes: int | None
    rows: int | None
    updated_at_ms: int | None
    comment: str | None
    problem: str | None


class Tables:
    """The catalog's tables, below one folder or s3:// URL. Share one per process; safe between threads."""

    def __init__(self, catalog: Catalog, *, root: str, storage: Mapping[str, str] | None = None) -> None:
        self._catalog = catalog
        self._root = root.rstrip("/")
        self._storage = dict(storage or {})
        self._lock = threading.Lock()
        self._handles: dict[str, Table] = {}
        self._entries: dict[str, tuple[LogMark, TableEntry]] = {}

    def resolve(self, name: str, actor: Actor, permission: Permission = Permission.READ) -> Thing:
        """The thing of a table's name. Raises NotFound, which says so when it is a stream's name."""
        try:
            return self._catalog.resolve(full_name(name), actor, permission, kind=Kind.TABLE)
        except NotFound as error:
            stream = name.removeprefix(f"{DEFAULT_SCHEMA}.")
            if any(thing.name == stream for thing in self._catalog.list(actor, kind=Kind.STREAM)):
                error.hint = (
                    f"{stream!r} is a stream: leave a standing query over it that writes a table, and select from that"
                )
            raise

    def create(
        self,
        name: str,
        actor: Actor,
        schema: pa.Schema,
        *,
        partition_by: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
        comment: str | None = None,
    ) -> Table:
        """Make an empty table that `actor` owns. Raises Conflict when the name is taken."""
        schema_name, short = table_name(name)
        thing_id = uuid.uuid4().hex
        # The folder has the id in its name: a table that is dropped and made again never meets its old files.
        location = f"{self._root}/{schema_name}/{short}-{thing_id[:8]}"
        if self._exists(full_name(name)):
            raise Conflict(f"table {name!r} exists", code="table.exists", hint="choose another name, or DROP TABLE it")
        table = Table.create(
            location, schema, partition_by=partition_by, properties=properties, comment=comment,
            storage=self._storage, user=actor.user,
        )  # fmt: skip
        try:
            self._catalog.create(
                full_name(name), actor, kind=Kind.TABLE, spec={"location": self._stored(location)}, thing_id=thing_id
            )
        except GureumError:
            self._remove(location)
            raise
        return table

    def open(self, name: str, actor: Actor, permission: Permission = Permission.READ) -> Table:
        """The table at its newest version, if `actor` may."""
        return self.handle(self.resolve(name, actor, permission))

    def handle(self, thing: Thing) -> Table:
        """The table of a thing that the caller has resolved, at its newest version."""
        if is_view(thing):
            raise InvalidInput(
                f"{thing.name!r} is a view", code="table.view", hint="a view is read by SELECT, and by no other way"
            )
        with self._lock:
            table = self._handles.pop(thing.id, None)
        if table is None:
            table = Table.open(self.location(thing), storage=self._storage)
        else:
            table.refresh()
        with self._lock:
            self._handles[thing.id] = table  # now the newest: the first key is the least used
            if len(self._handles) > HANDLES_MAX:
                self._handles.pop(next(iter(self._handles)))
        return table

    def location(self, thing: Thing) -> str:
        stored = str(thing.spec["location"])
        return stored if "://" in stored or stored.startswith("/") else f"{self._root}/{stored}"

    def list_things(self, actor: Actor, *, views: bool = False) -> Sequence[Thing]:
        """The tables' names and ids only, without a look at their files; with `views` those too."""
        return [thing for thing in self._catalog.list(actor, kind=Kind.TABLE) if views or not is_view(thing)]

    def list(self, actor: Actor) -> Sequence[TableEntry]:
        """The tables that `actor` may read, by name."""
        return [self._entry(thing) for thing in self.list_things(actor)]

    def entry(self, name: str, actor: Actor) -> TableEntry:
        return self._entry(self.resolve(name, actor))

    def create_view(self, name: str, actor: Actor, text: str, columns: Sequence[Column], *, replace: bool) -> None:
        """Keep a query under a name that `actor` owns. Raises Conflict when the name is taken (and not to be replaced)."""
        table_name(name)
        spec = {"view": text, "columns": [{"name": c.name, "type": c.type} for c in columns]}
        if replace and self._exists(full_name(name)):
            thing = self.resolve(name, actor, Permission.MANAGE)
            if not is_view(thing):
                raise Conflict(f"{name!r} is a table", code="table.exists", hint="choose another name")
            self._catalog.update(full_name(name), actor, kind=Kind.TABLE, spec=spec, expect_version=thing.version)
            return
        self._catalog.create(full_name(name), actor, kind=Kind.TABLE, spec=spec)

    def drop_view(self, name: str, actor: Actor) -> None:
        """Take a view's name away. Raises NotFound, PermissionDenied, InvalidInput for a table."""
        if not is_view(self.resolve(name, actor)):
            raise InvalidInput(f"{name!r} is a table", code="table.view", hint=f"DROP TABLE {name}")
        self._catalog.delete(full_name(name), actor, kind=Kind.TABLE)

    def drop(self, name: str, actor: Actor) -> None:
        """Take the name away, then the files. Raises NotFound, PermissionDenied, InvalidInput for a view."""
        if is_view(self.resolve(name, actor)):
            raise InvalidInput(f"{name!r} is a view", code="table.view", hint=f"DROP VIEW {name}")
        thing = self._catalog.delete(full_name(name), actor, kind=Kind.TABLE)
        with self._lock:
            self._handles.pop(thing.id, None)
            self._entries.pop(thing.id, None)
        self._remove(self.location(thing))

    def _entry(self, thing: Thing) -> TableEntry:
        location = self.location(thing)
        kept = self._entries.get(thing.id)
        if kept is not None and kept[0].holds(location):
            return replace(kept[1], thing=thing)  # its owner may be another by now
        changed_ns = LogMark.changed(location)
        try:
            table = self.handle(thing)
            files, size_bytes, rows = table.size()
            newest = table.newest()
        except GureumError as error:
            return TableEntry(thing, None, None, None, None, None, None, str(error))
        version = table.version
        entry = TableEntry(
            thing, version, files, size_bytes, rows, newest.at_ms if newest else None, table.comment, None
        )
        if changed_ns is not None and (kept is not None or len(self._entries) < ENTRIES_MAX):
            self._entries[thing.id] = LogMark(changed_ns, version), entry
        return entry

    def _stored(self, location: str) -> str:
        # Relative, so that a data folder can be moved or restored elsewhere.
        return location.removeprefix(self._root + "/")

    def _exists(self, name: str) -> bool:
        return any(thing.name == name for thing in self._catalog.list(SYSTEM, kind=Kind.TABLE))

    def _remove(self, location: str) -> None:
        if "://" not in location:
            shutil.rmtree(Path(location), ignore_errors=True)
            return
        objects = open_objects(location, options=self._storage)
        for name in objects.list():
            objects.delete(name)


def is_view(thing: Thing) -> bool:
    """Views share the tables' names and grants; a query is all there is behind one."""
    return "view" in thing.spec
