"""The catalog's tables in the metadata database, and the numbered migrations that make them.

Called by `catalog.py`, `identity.py`, `audit.py`. A migration that was released is never changed: add the next.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from gureum.store.database import Migration

__all__ = [
    "MIGRATIONS",
    "access_keys",
    "alert_deliveries",
    "alert_events",
    "audit",
    "grants",
    "links",
    "members",
    "metadata",
    "scram_verifiers",
    "tasks",
    "things",
    "tokens",
    "users",
]

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", String(256)),
    Column("active", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("group_name", String(128), nullable=False),
    Column("user_name", String(128), ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("group_name", "user_name"),
)

# Sessions of Studio and personal tokens differ only in how they travel.
tokens = Table(
    "tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("purpose", String(16), nullable=False),  # personal, session, local
    Column("user_name", String(128), ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    Column("label", String(200), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    Column("last_used_at_ms", BigInteger),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", String(32), primary_key=True),
    Column("user_name", String(128), ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    Column("label", String(200), nullable=False),
    # SigV4 needs the secret itself, so it cannot be a hash: it is sealed with the folder's key.
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("code_hash", LargeBinary(32), primary_key=True),
    Column("purpose", String(16), nullable=False),  # first_admin, sign_in
    Column("user_name", String(128)),
    Column("expires_at_ms", BigInteger, nullable=False),
)

things = Table(
    "things",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(260), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    UniqueConstraint("kind", "name"),
)

grants = Table(
    "grants",
    metadata,
    Column("kind", String(16), nullable=False),
    Column("name", String(260), nullable=False),  # a name, 'schema.*' or '*'
    Column("grantee", String(140), nullable=False),  # a user, or 'group:<name>'
    Column("permission", String(16), nullable=False),
    PrimaryKeyConstraint("kind", "name", "grantee"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(260), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("audit_by_name", "kind", "name"),
)


# Crossings of alerts' thresholds, and for each the places it is told to: a small outbox, not a history.
alert_events = Table(
    "alert_events",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("query", String(260), nullable=False, index=True),
    Column("owner", String(128), nullable=False),
    Column("key", String(4000), nullable=False),
    Column("state", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("event_time", String(64)),
    Column("row", JSON, nullable=False),
    # A number that was taken is never given again, or the stream would take a new event for an old one.
    sqlite_autoincrement=True,
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("number", BigInteger, nullable=False),
    Column("destination", String(260), nullable=False),
    Column("state", String(16), nullable=False),  # waiting, done, failed
    Column("tries", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False, index=True),
    Column("error", String(1000)),
    PrimaryKeyConstraint("number", "destination"),
)

FIRST = tuple(metadata.sorted_tables)

# Work that a process of its own does for a user: queue and history in one.
tasks = Table(
    "tasks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("name", String(260), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("once", String(300), unique=True),  # what is to be done once has a key; the second with it is not taken
    Column("state", String(16), nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("started_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
    Column("attempt", Integer, nullable=False),  # also the fence: whoever holds an older one may write no more
    Column("lease_until_ms", BigInteger),
    Column("progress", JSON, nullable=False),
    Column("result", JSON),
    Column("error", JSON),
    Column("told", Boolean, nullable=False),  # whether its findings are in their stream
    Index("tasks_by_state", "state", "due_at_ms"),
    Index("tasks_by_name", "kind", "name", "created_at_ms"),
)


# What checks a password or a token without being sent either: PostgreSQL's clients sign in so. Sealed with the folder's key.
scram_verifiers = Table(
    "scram_verifiers",
    metadata,
    Column("user_name", String(128), ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    Column("token_id", String(32), nullable=False),  # empty: of the password
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("user_name", "token_id"),
)


def _first(connection: Connection) -> None:
    """What the first release had."""
    metadata.create_all(connection, tables=FIRST)


def _tasks(connection: Connection) -> None:
    tasks.create(connection)


def _scram(connection: Connection) -> None:
    scram_verifiers.create(connection)


MIGRATIONS = (
    Migration(1, "catalog, identity and alerts", _first),
    Migration(2, "tasks", _tasks),
    Migration(3, "SCRAM verifiers", _scram),
)
