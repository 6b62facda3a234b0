"""Small values that cross layers: a column and who is asking. No I/O, nothing heavy.

`Column.type` is the SQL name of a type, in one spelling for the whole system: BOOLEAN, TINYINT, SMALLINT, INT, BIGINT,
FLOAT, DOUBLE, DECIMAL(p,s), STRING, BINARY, DATE, TIMESTAMP (no zone, microseconds), TIMESTAMP_LTZ (an instant),
ARRAY<..>, MAP<.., ..>, ROW<name type, ..>. `sql/types.py` turns it into Arrow and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Actor", "Column", "Permission", "Role"]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    nullable: bool = True


class Role(StrEnum):
    """What a user may do at all; grants then say to which things."""

    ADMIN = "admin"  # everything, users and grants too
    EDITOR = "editor"  # makes things, and owns what it makes
    VIEWER = "viewer"  # sees what it was granted


class Permission(StrEnum):
    """What a grant allows on one thing; each includes those before it."""

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"  # change, delete, grant


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a signed-in user with its role and groups. `via` names the credential, for the audit log."""

    user: str
    role: Role
    groups: frozenset[str] = field(default_factory=frozenset)
    via: str = ""

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN
