"""The PostgreSQL door: takes connections and gives each a thread.

Built by `processes/run.py` in the sql process. Promise: at most CONNECTIONS_MAX clients; one that goes, dies or sends nonsense
leaves the others alone; a cancel request reaches only the session whose secret it knows.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator

from gureum.catalog.identity import Identity
from gureum.clock import Clock
from gureum.errors import GureumError, LimitExceeded, Unavailable
from gureum.gateways.postgres.errors import SqlState, sqlstate
from gureum.gateways.postgres.functions import VERSION
from gureum.gateways.postgres.messages import error_fields, message
from gureum.gateways.postgres.relations import Facts, Relations
from gureum.gateways.postgres.session import Session
from gureum.gateways.postgres.start import Cancel, Start, authenticate, read_start
from gureum.gateways.postgres.system import SystemCatalog
from gureum.sql.sql import Sql
from gureum.tables.tables import Tables
from gureum.version import __version__

__all__ = ["DATABASES", "PostgresDoor"]

CONNECTIONS_MAX = 200

# Above it a few are heard out, so that each can be told why; what comes beyond them is closed.
REFUSED_AT_ONCE_MAX = 20

# The name to connect to; the second is what clients try when they are told none.
DATABASES = ("gureum", "postgres")

_log = logging.getLogger(__name__)


class PostgresDoor:
    def __init__(
        self, listening: socket.socket, *, sql: Sql, tables: Tables, identity: Identity, clock: Clock, timeout_s: float,
        tls: tuple[str, str] | None,
    ) -> None:  # fmt: skip
        self._listening = listening
        self._sql = sql
        self._identity = identity
        self._clock = clock
        self._timeout_s = timeout_s
        self._system = SystemCatalog(Relations(tables))
        self._tls = _context(tls) if tls is not None else None
        self._lock = threading.Lock()
        self._sessions: dict[int, tuple[int, Session]] = {}
        self._sockets: set[socket.socket] = set()
        self._next_pid = secrets.randbelow(1 << 20) + 1
        self._started_us = clock.now_ms() * 1000
        self._stopping = False
        # A restarted process must not wait here for ever when it is told to stop.
        self._listening.settimeout(0.5)

    def start(self) -> None:
        threading.Thread(target=self._accept, name="postgres", daemon=True).start()

    def stop(self) -> None:
        """Let nobody in any more, and end the sessions."""
        self._stopping = True
        with self._lock:
            sockets, sessions = list(self._sockets), [session for _, session in self._sessions.values()]
        for session in sessions:
            session.cancel()
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                continue
            except OSError as error:
                if not self._stopping:
                    _log.warning("cannot take a connection: %s", error)
                    threading.Event().wait(0.1)
                continue
            with self._lock:
                already = len(self._sockets)
                if already < CONNECTIONS_MAX + REFUSED_AT_ONCE_MAX:
                    self._sockets.add(connection)
            if already >= CONNECTIONS_MAX + REFUSED_AT_ONCE_MAX:
                connection.close()
                continue
            threading.Thread(
                target=self._serve, args=(connection, already < CONNECTIONS_MAX), name="postgres-client", daemon=True
            ).start()

    def _serve(self, connection: socket.socket, fits: bool) -> None:
        with self._ended(connection), contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            start: Start | Cancel | None = None
            try:
                start = read_start(connection, self._tls)
                if isinstance(start, Cancel):
                    self._cancel(start)
                    return
                if start is None:
                    return
                if not fits:
                    raise LimitExceeded(f"{CONNECTIONS_MAX} clients are connected", code="postgres.connections")
                self._session(start)
            except GureumError as error:
                where = start.socket if isinstance(start, Start) else connection
                where.sendall(message(b"E", error_fields("FATAL", sqlstate(error), error.message, hint=error.hint)))
            finally:
                if isinstance(start, Start):
                    start.socket.close()

    def _session(self, start: Start) -> None:
        actor = authenticate(start, self._identity)
        database = start.options.get("database") or actor.user
        if database not in (*DATABASES, actor.user):
            raise SqlState("3D000", f'database "{database}" does not exist', hint=f"connect to {DATABASES[0]!r}")
        if start.options.get("replication", "false") not in {"false", "off", "no", "0"}:
            raise SqlState("0A000", "replication is not available")
        start.socket.settimeout(None)
        key = secrets.randbits(32)
        with self._lock:
            pid, self._next_pid = self._next_pid, self._next_pid % 0x7FFF_FFFF + 1
        facts = Facts(actor.user, database, pid, self._started_us, {}, __version__)
        session = Session(
            start, actor, facts, sql=self._sql, system=self._system, key=key, version=VERSION, timeout_s=self._timeout_s
        )
        with self._lock:
            self._sessions[pid] = (key, session)
        try:
            session.run()
            if self._stopping:
                session.tell(Unavailable("gureum is stopping", code="postgres.stopping"), fatal=True)
        finally:
            with self._lock:
                self._sessions.pop(pid, None)
            session.cancel()

    def _cancel(self, request: Cancel) -> None:
        with self._lock:
            found = self._sessions.get(request.pid)
        if found is not None and hmac.compare_digest(found[0].to_bytes(4, "big"), request.key.to_bytes(4, "big")):
            found[1].cancel()

    @contextlib.contextmanager
    def _ended(self, connection: socket.socket) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(connection)
            connection.close()


def _context(tls: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*tls)
    return context
