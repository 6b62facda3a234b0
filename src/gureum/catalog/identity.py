"""Who there is: users, groups, one-time links, sessions, personal tokens, Kinesis access keys.

Called by the doors, which turn a credential into an Actor here and nowhere else. Promise: no secret is stored in a form
that a thief of the database could use (hashed, or sealed with the folder's key), and each secret is shown once.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gureum.catalog.audit import write_audit
from gureum.catalog.schema import access_keys, links, members, scram_verifiers, tokens, users
from gureum.catalog.scram import Verifier, make_verifier
from gureum.catalog.seal import Seal, check_password, hash_password, hash_secret
from gureum.clock import Clock
from gureum.errors import Conflict, InvalidInput, LimitExceeded, NotAuthenticated, NotFound, Unavailable
from gureum.names import Kind, check_name, did_you_mean
from gureum.store.database import Database
from gureum.types import Actor, Role

__all__ = ["OPERATOR", "AccessKeyEntry", "Identity", "LinkEntry", "TokenEntry", "UserEntry"]

# Whoever may read the data folder acts as this user on the command line: the folder's owner could do all of it anyway.
OPERATOR = "operator"

LINK_MINUTES = 60
SESSION_DAYS = 14
PASSWORD_CHARS_MIN = 8
PASSWORD_CHARS_MAX = 1024
TOKENS_PER_USER_MAX = 100

# A signed-in caller asks hundreds of times a minute: remember who a token is for this long. A token that was taken back
# in another process is therefore good for one second more.
ACTOR_CACHE_S = 1.0
ACTOR_CACHE_MAX = 4096

# "Last used" is for people: one write an hour is enough.
LAST_USED_EVERY_MS = 3_600_000

# Wrong passwords per user name before the door waits; a guesser gets 10 in 5 minutes.
FAILURES_MAX = 10
FAILURE_WINDOW_S = 300.0

TOKEN_PREFIX = "gureum_"  # noqa: S105 - a prefix by which people and secret scanners know our tokens


@dataclass(frozen=True, slots=True)
class UserEntry:
    name: str
    role: Role
    groups: list[str]
    active: bool
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class TokenEntry:
    id: str
    label: str
    created_at_ms: int
    expires_at_ms: int | None
    last_used_at_ms: int | None


@dataclass(frozen=True, slots=True)
class AccessKeyEntry:
    access_key_id: str
    label: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class LinkEntry:
    purpose: str
    user: str | None


class Identity:
    """Users and their credentials. Share one per process; safe between threads."""

    def __init__(self, database: Database, *, seal: Seal, clock: Clock) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._lock = threading.Lock()
        self._actors: dict[bytes, tuple[float, Actor]] = {}
        self._keys: dict[str, tuple[float, str, Actor]] = {}
        self._failures: dict[str, list[float]] = {}

    # --- users and groups --------------------------------------------------------------------------------------------

    def create_user(self, name: str, *, role: Role, password: str | None, by: Actor) -> UserEntry:
        """Add a user. Without a password the user signs in by a one-time link or a token."""
        check_name(Kind.QUERY, name)
        hashed = hash_password(_check_new_password(password)) if password is not None else None
        now_ms = self._clock.now_ms()
        try:
            with self._database.write() as connection:
                connection.execute(
                    insert(users).values(
                        name=name, role=role.value, password_hash=hashed, active=True, created_at_ms=now_ms
                    )
                )
                if password is not None:
                    self._keep_verifier(connection, name, "", password)
                self._audit(connection, by, "create", "user", name)
        except IntegrityError:
            raise Conflict(f"user {name!r} exists", code="user.exists", hint="choose another name") from None
        return UserEntry(name, role, [], True, now_ms)

    def change_user(
        self, name: str, *, by: Actor, role: Role | None = None, active: bool | None = None, password: str | None = None
    ) -> UserEntry:
        """Change what is given. Raises Conflict when it would leave no active administrator."""
        values: dict[str, object] = {}
        if role is not None:
            values["role"] = role.value
        if active is not None:
            values["active"] = active
        if password is not None:
            values["password_hash"] = hash_password(_check_new_password(password))
        if not values:
            return self.user(name)
        with self._database.write() as connection:
            if connection.execute(update(users).where(users.c.name == name).values(values)).rowcount == 0:
                raise self._no_user(connection, name)
            admins = select(func.count()).where(
                users.c.role == Role.ADMIN.value, users.c.active, users.c.name != OPERATOR
            )
            if connection.execute(admins).scalar_one() == 0:
                raise Conflict(
                    f"{name!r} is the last active administrator", code="user.last_admin", hint="make another one first"
                )
            if password is not None:
                self._keep_verifier(connection, name, "", password)
            if password is not None or active is False:
                connection.execute(delete(tokens).where(tokens.c.user_name == name, tokens.c.purpose == "session"))
            self._audit(connection, by, "change", "user", name, what=sorted(values))
        self._forget()
        return self.user(name)

    def user(self, name: str) -> UserEntry:
        found = [entry for entry in self.users() if entry.name == name]
        if not found:
            with self._database.read() as connection:
                raise self._no_user(connection, name)
        return found[0]

    def users(self) -> list[UserEntry]:
        with self._database.read() as connection:
            groups: dict[str, list[str]] = {}
            for group, user in connection.execute(select(members).order_by(members.c.group_name)):
                groups.setdefault(user, []).append(group)
            return [
                UserEntry(row.name, Role(row.role), groups.get(row.name, []), row.active, row.created_at_ms)
                for row in connection.execute(select(users).order_by(users.c.name))
            ]

    def groups(self) -> dict[str, list[str]]:
        """Each group's members. 'everyone' is not listed: it is all who sign in."""
        found: dict[str, list[str]] = {}
        with self._database.read() as connection:
            for group, user in connection.execute(select(members).order_by(members.c.group_name, members.c.user_name)):
                found.setdefault(group, []).append(user)
        return found

    def set_group(self, name: str, user_names: Sequence[str], *, by: Actor) -> None:
        """Make the group hold just these users; with none it is gone."""
        check_name(Kind.QUERY, name)
        if name == "everyone":
            raise InvalidInput("'everyone' is all who sign in", code="group.reserved", hint="choose another name")
        with self._database.write() as connection:
            known = {row[0] for row in connection.execute(select(users.c.name))}
            for user in user_names:
                if user not in known:
                    raise self._no_user(connection, user)
            connection.execute(delete(members).where(members.c.group_name == name))
            for user in sorted(set(user_names)):
                connection.execute(insert(members).values(group_name=name, user_name=user))
            self._audit(connection, by, "change", "group", name, members=sorted(set(user_names)))
        self._forget()

    def has_users(self) -> bool:
        """Whether a person has signed up; the operator of the command line is none."""
        with self._database.read() as connection:
            return connection.execute(select(users.c.name).where(users.c.name != OPERATOR).limit(1)).first() is not None

    def ensure_operator(self) -> None:
        """Make the command line's user, once."""
        with self._database.write() as connection:
            if connection.execute(select(users.c.name).where(users.c.name == OPERATOR)).first() is None:
                connection.execute(
                    insert(users).values(
                        name=OPERATOR, role=Role.ADMIN.value, active=True, created_at_ms=self._clock.now_ms()
                    )
                )
            connection.execute(delete(tokens).where(tokens.c.user_name == OPERATOR, tokens.c.purpose == "local"))

    def actor(self, name: str, *, via: str) -> Actor:
        """Act as a user whom the caller has authenticated in another way (a process of ours on the user's behalf)."""
        with self._database.read() as connection:
            return self._actor(connection, name, via)

    # --- one-time links and passwords ---------------------------------------------------------------------------------

    def make_link(self, *, purpose: str, user: str | None) -> str:
        """A code for /link/<code>: good once, for an hour."""
        code = secrets.token_urlsafe(24)
        now_ms = self._clock.now_ms()
        with self._database.write() as connection:
            connection.execute(delete(links).where(links.c.expires_at_ms < now_ms))
            if purpose == "first_admin":
                connection.execute(delete(links).where(links.c.purpose == purpose))
            connection.execute(
                insert(links).values(
                    code_hash=hash_secret(code), purpose=purpose, user_name=user,
                    expires_at_ms=now_ms + LINK_MINUTES * 60_000,
                )
            )  # fmt: skip
        return code

    def look_at_link(self, code: str) -> LinkEntry:
        """What a link is for, without using it up. Raises NotAuthenticated when it is used, old or not ours."""
        with self._database.read() as connection:
            return self._link(connection, code)

    def use_link(self, code: str, *, name: str | None = None, password: str | None = None) -> Actor:
        """Sign in by a link. The first link of all makes the administrator `name` with `password`."""
        link = self.look_at_link(code)
        if link.purpose == "first_admin":
            if not name or not password:
                raise InvalidInput("choose a name and a password", code="link.incomplete")
            check_name(Kind.QUERY, name)
            if name == OPERATOR:
                raise InvalidInput(
                    f"{OPERATOR!r} is the command line", code="user.reserved", hint="choose another name"
                )
            hashed = hash_password(_check_new_password(password))
        with self._database.write() as connection:
            link = self._link(connection, code)
            connection.execute(delete(links).where(links.c.code_hash == hash_secret(code)))
            if link.purpose != "first_admin":
                assert link.user is not None
                actor = self._actor(connection, link.user, "link")
                self._audit(connection, actor, "sign_in", "user", actor.user)
                return actor
            assert name is not None
            assert password is not None
            existing = connection.execute(select(users.c.name).where(users.c.name == name)).first()
            values = {"role": Role.ADMIN.value, "password_hash": hashed, "active": True}
            if existing:
                connection.execute(update(users).where(users.c.name == name).values(values))
            else:
                connection.execute(insert(users).values(name=name, created_at_ms=self._clock.now_ms(), **values))
            self._keep_verifier(connection, name, "", password)
            actor = self._actor(connection, name, "link")
            self._audit(connection, actor, "create", "user", name, first=True)
        return actor

    def sign_in(self, name: str, password: str) -> Actor:
        """Check a password. Raises NotAuthenticated, the same for a wrong name and a wrong password."""
        self._slow_down(name)
        with self._database.read() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).first()
        right = check_password(password[:PASSWORD_CHARS_MAX], row.password_hash if row else None)
        if row is None or not right or not row.active:
            with self._lock:
                self._failures.setdefault(name, []).append(self._clock.monotonic_s())
            raise NotAuthenticated(
                "the name or the password is wrong",
                code="auth.password",
                hint="an administrator can make you a link that signs in once",
            )
        with self._lock:
            self._failures.pop(name, None)
        self._complete_verifiers(name, password)
        return self.actor(name, via="password")

    # --- proofs of a secret (SCRAM) -----------------------------------------------------------------------------------

    def scram_salt(self, user: str) -> bytes:
        """One for all secrets of a user, so that a client's proof can be of any of them; the same for users who do not exist."""
        return hmac.digest(self._seal.derive("scram salt"), user.encode(), "sha256")[:16]

    def check_proof(self, user: str, proof: bytes, exchange: bytes) -> tuple[Actor, bytes]:
        """Who proves to know `user`'s password or one of their tokens, and our own proof for the client.

        Raises NotAuthenticated, the same whatever was wrong; LimitExceeded after too many wrong ones.
        """
        self._slow_down(user)
        now_ms = self._clock.now_ms()
        query = (
            select(
                scram_verifiers.c.token_id,
                scram_verifiers.c.sealed,
                tokens.c.expires_at_ms,
                tokens.c.id,
                tokens.c.purpose,
            )
            .outerjoin(tokens, tokens.c.id == scram_verifiers.c.token_id)
            .where(scram_verifiers.c.user_name == user)
        )
        with self._database.read() as connection:
            for row in connection.execute(query):
                if row.token_id and (row.id is None or (row.expires_at_ms is not None and row.expires_at_ms <= now_ms)):
                    continue
                verifier = Verifier.from_text(self._seal.unseal(row.sealed))
                if verifier.is_proved(proof, exchange):
                    actor = self._actor(connection, user, f"{row.purpose}:{row.id}" if row.token_id else "password")
                    with self._lock:
                        self._failures.pop(user, None)
                    return actor, verifier.signature(exchange)
        with self._lock:
            self._failures.setdefault(user, []).append(self._clock.monotonic_s())
        raise NotAuthenticated(
            f"the password for {user!r} is wrong", code="auth.proof",
            hint="it is your password or one of your personal tokens; one from before this door needs a sign-in or a new token",
        )  # fmt: skip

    def _keep_verifier(self, connection: Connection, user: str, token_id: str, secret: str) -> None:
        sealed = self._seal.seal(make_verifier(secret, self.scram_salt(user)).to_text())
        mine = scram_verifiers.c.user_name == user
        gone = (scram_verifiers.c.token_id != "") & scram_verifiers.c.token_id.not_in(select(tokens.c.id))
        connection.execute(delete(scram_verifiers).where(mine, gone | (scram_verifiers.c.token_id == token_id)))
        connection.execute(insert(scram_verifiers).values(user_name=user, token_id=token_id, sealed=sealed))

    def _complete_verifiers(self, user: str, password: str) -> None:
        """A password that is older than the verifiers gets its own when it is next typed."""
        query = select(scram_verifiers.c.token_id).where(
            scram_verifiers.c.user_name == user, scram_verifiers.c.token_id == ""
        )
        with self._database.read() as connection:
            if connection.execute(query).first() is not None:
                return
        with contextlib.suppress(Unavailable), self._database.write() as connection:
            self._keep_verifier(connection, user, "", password)

    # --- tokens ----------------------------------------------------------------------------------------------------

    def make_token(
        self, user: str, *, label: str, purpose: str = "personal", days: float | None = 90
    ) -> tuple[TokenEntry, str]:
        """A new token and its secret, which cannot be had again. `purpose`: personal, session or local."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now_ms = self._clock.now_ms()
        expires_at_ms = None if days is None else now_ms + int(days * 86_400_000)
        entry = TokenEntry(secrets.token_hex(8), label.strip()[:200] or "unnamed", now_ms, expires_at_ms, None)
        with self._database.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.expires_at_ms < now_ms))
            mine = (tokens.c.user_name == user, tokens.c.purpose == purpose)
            if connection.execute(select(func.count()).where(*mine)).scalar_one() >= TOKENS_PER_USER_MAX:
                if purpose == "personal":
                    raise LimitExceeded(
                        f"you have {TOKENS_PER_USER_MAX} tokens", code="token.limit", hint="delete some you do not use"
                    )
                oldest = select(tokens.c.id).where(*mine).order_by(tokens.c.created_at_ms).limit(1)
                connection.execute(delete(tokens).where(tokens.c.id == connection.execute(oldest).scalar_one()))
            connection.execute(
                insert(tokens).values(
                    id=entry.id, purpose=purpose, user_name=user, label=entry.label, secret_hash=hash_secret(secret),
                    created_at_ms=now_ms, expires_at_ms=expires_at_ms,
                )
            )  # fmt: skip
            if purpose != "session":  # those live in browsers, which speak no PostgreSQL
                self._keep_verifier(connection, user, entry.id, secret)
        return entry, secret

    def tokens(self, user: str) -> list[TokenEntry]:
        query = (
            select(tokens)
            .where(tokens.c.user_name == user, tokens.c.purpose == "personal")
            .order_by(tokens.c.created_at_ms)
        )
        with self._database.read() as connection:
            return [
                TokenEntry(row.id, row.label, row.created_at_ms, row.expires_at_ms, row.last_used_at_ms)
                for row in connection.execute(query)
            ]

    def delete_token(self, user: str, token_id: str) -> None:
        with self._database.write() as connection:
            gone = connection.execute(delete(tokens).where(tokens.c.id == token_id, tokens.c.user_name == user))
            if gone.rowcount == 0:
                raise NotFound(f"token {token_id!r} does not exist", code="token.not_found")
        self._forget()

    def end_session(self, secret: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.secret_hash == hash_secret(secret)))
        self._forget()

    def actor_of_token(self, secret: str) -> Actor:
        """Who a token or session belongs to. Raises NotAuthenticated when it is unknown, expired or taken back."""
        hashed = hash_secret(secret)
        now_s = self._clock.monotonic_s()
        with self._lock:
            cached = self._actors.get(hashed)
        if cached and now_s - cached[0] < ACTOR_CACHE_S:
            return cached[1]
        now_ms = self._clock.now_ms()
        with self._database.read() as connection:
            row = connection.execute(select(tokens).where(tokens.c.secret_hash == hashed)).first()
            if row is None or (row.expires_at_ms is not None and row.expires_at_ms <= now_ms):
                raise NotAuthenticated(
                    "this token is not known or has expired", code="auth.token", hint="sign in, or make a new token"
                )
            actor = self._actor(connection, row.user_name, f"{row.purpose}:{row.id}")
        if now_ms - (row.last_used_at_ms or 0) > LAST_USED_EVERY_MS:
            # On a full disk reads go on: for want of this note nobody is kept out.
            with contextlib.suppress(Unavailable), self._database.write() as connection:
                connection.execute(update(tokens).where(tokens.c.id == row.id).values(last_used_at_ms=now_ms))
        with self._lock:
            if len(self._actors) >= ACTOR_CACHE_MAX:
                self._actors.clear()
            self._actors[hashed] = (now_s, actor)
        return actor

    # --- Kinesis access keys ----------------------------------------------------------------------------------------

    def make_access_key(self, user: str, *, label: str = "") -> tuple[AccessKeyEntry, str]:
        """A new key pair for AWS clients; the secret cannot be had again."""
        entry = AccessKeyEntry("GURE" + secrets.token_hex(8).upper(), label.strip()[:200], self._clock.now_ms())
        secret = secrets.token_urlsafe(30)
        mine = select(func.count()).where(access_keys.c.user_name == user)
        with self._database.write() as connection:
            if connection.execute(mine).scalar_one() >= TOKENS_PER_USER_MAX:
                raise LimitExceeded(
                    f"you have {TOKENS_PER_USER_MAX} keys", code="key.limit", hint="delete some you do not use"
                )
            connection.execute(
                insert(access_keys).values(
                    access_key_id=entry.access_key_id, user_name=user, label=entry.label,
                    sealed_secret=self._seal.seal(secret), created_at_ms=entry.created_at_ms,
                )
            )  # fmt: skip
        return entry, secret

    def access_keys(self, user: str) -> list[AccessKeyEntry]:
        query = select(access_keys).where(access_keys.c.user_name == user).order_by(access_keys.c.created_at_ms)
        with self._database.read() as connection:
            return [
                AccessKeyEntry(row.access_key_id, row.label, row.created_at_ms) for row in connection.execute(query)
            ]

    def delete_access_key(self, user: str, access_key_id: str) -> None:
        with self._database.write() as connection:
            match = (access_keys.c.access_key_id == access_key_id, access_keys.c.user_name == user)
            if connection.execute(delete(access_keys).where(*match)).rowcount == 0:
                raise NotFound(f"access key {access_key_id!r} does not exist", code="key.not_found")
        self._forget()

    def find_key(self, access_key_id: str) -> tuple[str, Actor] | None:
        """The secret and the owner of an access key, for SigV4; None when there is no such key."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            cached = self._keys.get(access_key_id)
        if cached and now_s - cached[0] < ACTOR_CACHE_S:
            return cached[1], cached[2]
        with self._database.read() as connection:
            row = connection.execute(select(access_keys).where(access_keys.c.access_key_id == access_key_id)).first()
            if row is None:
                return None
            try:
                actor = self._actor(connection, row.user_name, f"key:{access_key_id}")
            except NotAuthenticated:
                return None
        secret = self._seal.unseal(row.sealed_secret)
        with self._lock:
            if len(self._keys) >= ACTOR_CACHE_MAX:
                self._keys.clear()
            self._keys[access_key_id] = (now_s, secret, actor)
        return secret, actor

    # --- inside ------------------------------------------------------------------------------------------------------

    def _actor(self, connection: Connection, name: str, via: str) -> Actor:
        row = connection.execute(select(users).where(users.c.name == name)).first()
        if row is None or not row.active:
            raise NotAuthenticated(f"user {name!r} is not active", code="auth.inactive", hint="ask an administrator")
        query = select(members.c.group_name).where(members.c.user_name == name)
        return Actor(name, Role(row.role), frozenset(r[0] for r in connection.execute(query)), via)

    def _link(self, connection: Connection, code: str) -> LinkEntry:
        row = connection.execute(select(links).where(links.c.code_hash == hash_secret(code))).first()
        if row is None or row.expires_at_ms <= self._clock.now_ms():
            raise NotAuthenticated(
                "this link was used, is too old, or is not whole",
                code="auth.link",
                hint="type `gureum link` in the folder where gureum runs for a new one",
            )
        return LinkEntry(row.purpose, row.user_name)

    def _slow_down(self, name: str) -> None:
        now_s = self._clock.monotonic_s()
        with self._lock:
            recent = [at for at in self._failures.get(name, []) if now_s - at < FAILURE_WINDOW_S]
            if len(self._failures) > ACTOR_CACHE_MAX:
                self._failures.clear()
            if recent:
                self._failures[name] = recent
        if len(recent) >= FAILURES_MAX:
            raise LimitExceeded(
                f"{FAILURES_MAX} wrong passwords in a row",
                code="auth.slow_down",
                hint="wait five minutes, or use a link",
            )

    def _no_user(self, connection: Connection, name: str) -> NotFound:
        known = [row[0] for row in connection.execute(select(users.c.name))]
        return NotFound(f"user {name!r} does not exist", code="user.not_found", hint=did_you_mean(name, known))

    def _audit(self, connection: Connection, by: Actor, action: str, kind: str, name: str, **detail: Any) -> None:
        write_audit(
            connection,
            at_ms=self._clock.now_ms(),
            actor=by.user,
            action=action,
            kind=kind,
            name=name,
            via=by.via,
            **detail,
        )

    def _forget(self) -> None:
        with self._lock:
            self._actors.clear()
            self._keys.clear()


def _check_new_password(password: str) -> str:
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise InvalidInput(
            f"a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters", code="password.length"
        )
    return password
