"""A change of a table that replaces files or rules: what it takes away and adds, and what it may not meet on its way.

Called by `sql` (makes one) and `table.py` (commits it). Pure. Promise, as Delta's WriteSerializable: a change goes in only
when all that was committed since it was computed could as well have come after it; else it is Stale and must be computed
again. Rows that others only added, without looking at the table, may come at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gureum.errors import Conflict
from gureum.tables.log import add_action, cdc_action, remove_action
from gureum.tables.snapshot import DataFile, Snapshot

__all__ = ["Change", "Reads", "Stale"]


class Stale(Conflict):
    """The table changed in a way that the change was not computed for: compute it again."""


class Reads(Enum):
    """What a change was computed from."""

    ROWS = "rows"  # all rows: UPDATE, DELETE, MERGE
    FILES = "files"  # only the files that it takes away: OPTIMIZE
    RULES = "rules"  # only columns and properties: ALTER TABLE
    ALL = "all"  # which files there are: CREATE OR REPLACE takes all of them away


@dataclass(slots=True)
class Change:
    snapshot: Snapshot
    operation: str
    reads: Reads = Reads.ROWS
    removed: list[DataFile] = field(default_factory=list)
    added: list[Any] = field(default_factory=list)  # StagedFile
    feed: list[Any] = field(default_factory=list)  # StagedFile, of the change data feed
    restored: list[dict[str, Any]] = field(default_factory=list)  # add actions as they were
    metadata: dict[str, Any] | None = None
    protocol: dict[str, Any] | None = None
    data_change: bool = True
    parameters: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.removed or self.added or self.restored or self.metadata or self.protocol)

    def actions(self, at_ms: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if self.protocol is not None:
            found.append(self.protocol)
        if self.metadata is not None:
            found.append(self.metadata)
        found += [
            remove_action(
                file.path, size=file.bytes, partition=file.partition, at_ms=at_ms, data_change=self.data_change
            )
            for file in self.removed
        ]
        found += [
            add_action(
                file.path, size=file.bytes, partition=file.partition, at_ms=file.written_at_ms,
                statistics=file.statistics, data_change=self.data_change,
            )
            for file in self.added
        ]  # fmt: skip
        found += self.restored
        found += [cdc_action(file.path, size=file.bytes, partition=file.partition) for file in self.feed]
        return found

    def check_against(self, commit: Iterable[Mapping[str, Any]]) -> None:
        """Raises Stale when this change cannot come after a commit that was made meanwhile."""
        actions = list(commit)
        info: Mapping[str, Any] = next((a["commitInfo"] for a in actions if "commitInfo" in a), {})
        blind = info.get("isBlindAppend") in {True, "true"}
        mine = {file.path for file in self.removed}
        for action in actions:
            if "metaData" in action or "protocol" in action:
                raise _stale("its columns or rules changed")
            if "remove" in action:
                if action["remove"]["path"] in mine:
                    raise _stale("others replaced the same files")
                took = action["remove"].get("dataChange", True)
                if self.reads is Reads.ALL or (self.reads is Reads.ROWS and took):
                    raise _stale("others took rows away")
            if "add" in action:
                if action["add"]["path"] in mine:
                    raise _stale("others changed the same files")
                wrote = action["add"].get("dataChange", True) and not blind
                if self.reads is Reads.ALL or (self.reads is Reads.ROWS and wrote):
                    raise _stale("others wrote rows")


def _stale(why: str) -> Stale:
    return Stale(f"the table was changed meanwhile: {why}", code="table.changed", hint="try again")
