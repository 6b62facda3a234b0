"""The audit log: who did what to which thing, and whether it was allowed. Append-only.

Called by `catalog.py` and `identity.py` inside their transactions, so that a change and its entry are one commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from gureum.catalog.schema import audit
from gureum.store.database import Database

__all__ = ["AuditEntry", "read_audit", "write_audit"]

PAGE_MAX = 500


@dataclass(frozen=True, slots=True)
class AuditEntry:
    id: int
    at_ms: int
    actor: str
    action: str
    kind: str
    name: str
    outcome: str
    detail: dict[str, Any]


def write_audit(
    connection: Connection,
    *,
    at_ms: int,
    actor: str,
    action: str,
    kind: str = "",
    name: str = "",
    outcome: str = "done",
    **detail: Any,
) -> None:
    """Add one entry in the caller's transaction. `detail` must hold no secret."""
    connection.execute(
        insert(audit).values(
            at_ms=at_ms, actor=actor, action=action, kind=kind, name=name, outcome=outcome, detail=detail
        )
    )


def read_audit(database: Database, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
    """Newest first, from just before the entry `before`."""
    query = select(audit).order_by(audit.c.id.desc()).limit(min(limit, PAGE_MAX))
    if before is not None:
        query = query.where(audit.c.id < before)
    with database.read() as connection:
        return [AuditEntry(**row) for row in connection.execute(query).mappings()]
