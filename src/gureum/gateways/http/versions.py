"""Which tables have a new version: a look at each table's log folder, without reading any table.

Read by the live events. Tables in object storage are looked at less often by the pages themselves.
"""

from __future__ import annotations

from pathlib import Path

from gureum.catalog.catalog import Catalog
from gureum.names import Kind
from gureum.types import Actor

__all__ = ["TableVersions"]


class TableVersions:
    """The newest version of local tables. One per gateway."""

    def __init__(self, catalog: Catalog, root: Path) -> None:
        self._catalog = catalog
        self._root = root
        self._known: dict[str, tuple[int, int]] = {}

    def of(self, actor: Actor) -> dict[str, int]:
        """Version by table name, of the tables that `actor` may read."""
        found = {}
        for thing in self._catalog.list(actor, kind=Kind.TABLE):
            location = str(thing.spec.get("location", ""))  # a view has none
            if location and "://" not in location:
                version = self._version(self._root / location / "_delta_log")
                if version is not None:
                    found[thing.name] = version
        return found

    def _version(self, log: Path) -> int | None:
        try:
            changed = log.stat().st_mtime_ns
        except OSError:
            return None
        known = self._known.get(str(log))
        if known is not None and known[0] == changed:
            return known[1]
        names = [path.name for path in log.glob("*.json") if path.name[:20].isdigit()]
        version = max((int(name[:20]) for name in names), default=0)
        self._known[str(log)] = (changed, version)
        return version
