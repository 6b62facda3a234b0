"""How a connection begins: encryption, who it is, or that it only wants to cancel another.

Called by `session.py`. Promise: nothing is told to a client before it has proved who it is, and it has START_S_MAX for that.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import socket
import ssl
from dataclasses import dataclass, field
from typing import BinaryIO

from gureum.catalog.identity import Identity
from gureum.catalog.scram import ITERATIONS
from gureum.errors import NotAuthenticated
from gureum.gateways.postgres.errors import SqlState
from gureum.gateways.postgres.messages import Fields, ProtocolError, message, read_message, text
from gureum.types import Actor

__all__ = ["START_S_MAX", "Cancel", "Start", "authenticate", "read_start"]

START_S_MAX = 60.0
START_BYTES_MAX = 10_000

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_MECHANISM = "SCRAM-SHA-256"


@dataclass(frozen=True, slots=True)
class Cancel:
    pid: int
    key: int


@dataclass(slots=True)
class Start:
    """What the client says first: `user`, `database`, settings; and the socket, encrypted by now if it asked for that."""

    socket: socket.socket
    stream: BinaryIO
    options: dict[str, str] = field(default_factory=dict)


def read_start(connection: socket.socket, tls: ssl.SSLContext | None) -> Start | Cancel | None:
    """Read up to the startup message. None when the client went away. Raises GureumError, OSError."""
    connection.settimeout(START_S_MAX)
    stream: BinaryIO = connection.makefile("rb")
    encrypted = False
    while True:
        head = stream.read(4)
        if len(head) < 4:
            return None
        size = int.from_bytes(head, "big", signed=True) - 4
        if not 4 <= size <= START_BYTES_MAX:
            raise ProtocolError("this is not the beginning of a PostgreSQL connection")
        body = stream.read(size)
        if len(body) < size:
            return None
        fields = Fields(body)
        code = fields.int32()
        if code in (_SSL, _GSS):
            if code == _SSL and tls is not None and not encrypted:
                connection.sendall(b"S")
                connection = tls.wrap_socket(connection, server_side=True)
                stream, encrypted = connection.makefile("rb"), True
            else:
                connection.sendall(b"N")
            continue
        if code == _CANCEL:
            return Cancel(fields.int32(), fields.uint32())
        if code >> 16 != 3:
            raise SqlState("0A000", f"protocol {code >> 16}.{code & 0xFFFF} is not spoken here, 3.0 is")
        if tls is not None and not encrypted:
            raise SqlState("28000", "this server wants an encrypted connection", hint="connect with sslmode=require")
        return _options(Start(connection, stream), fields, minor=code & 0xFFFF)


def _options(start: Start, fields: Fields, *, minor: int) -> Start:
    while not fields.is_empty:
        name = fields.string()
        if not name:
            break
        start.options[name] = fields.string()
    unknown = [name for name in start.options if name.startswith("_pq_.")]
    if minor or unknown:
        # Newer clients ask for more than 3.0 and go on with it.
        start.socket.sendall(
            message(b"v", (0).to_bytes(4, "big"), len(unknown).to_bytes(4, "big"), *(text(name) for name in unknown))
        )
    return start


def authenticate(start: Start, identity: Identity) -> Actor:
    """SCRAM-SHA-256 with the user's password or one of their tokens. Raises NotAuthenticated, LimitExceeded."""
    user = start.options.get("user", "")
    if not user:
        raise SqlState("28000", "no user name was given")
    send = start.socket.sendall
    send(message(b"R", (10).to_bytes(4, "big"), text(_MECHANISM), b"\0"))
    fields = _answer(start)
    mechanism = fields.string()
    if mechanism != _MECHANISM:
        raise ProtocolError(f"{mechanism} was not offered")
    first = (fields.value() or b"").decode("utf-8", "replace")
    # n: the client has no channel binding; y: it has, and saw that we offered none.
    if not first.startswith(("n,", "y,")):
        raise ProtocolError("channel binding was not offered")
    name_end = first.find(",", 2) + 1  # of the name to act as, which is empty
    if not name_end:
        raise ProtocolError("this is not the beginning of a SCRAM exchange")
    header, bare = first[:name_end], first[name_end:]
    client_nonce = _attributes(bare).get("r", "")
    nonce = client_nonce + secrets.token_urlsafe(18)
    salt = base64.b64encode(identity.scram_salt(user)).decode()
    server_first = f"r={nonce},s={salt},i={ITERATIONS}"
    send(message(b"R", (11).to_bytes(4, "big"), server_first.encode()))
    final = _answer(start).rest().decode("utf-8", "replace")
    without_proof, _, proof = final.rpartition(",p=")
    told = _attributes(without_proof)
    if not client_nonce or told.get("r") != nonce or told.get("c") != base64.b64encode(header.encode()).decode():
        raise ProtocolError("this proof belongs to another exchange")
    exchange = f"{bare},{server_first},{without_proof}".encode()
    try:
        actor, signature = identity.check_proof(user, base64.b64decode(proof, validate=True), exchange)
    except binascii.Error:
        raise ProtocolError("the proof is not base64") from None
    send(message(b"R", (12).to_bytes(4, "big"), b"v=" + base64.b64encode(signature)))
    return actor


def _answer(start: Start) -> Fields:
    found = read_message(start.stream)
    if found is None:
        raise NotAuthenticated("the client went away")
    if found[0] != b"p":
        raise ProtocolError("a password was expected")
    return found[1]


def _attributes(words: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in words.split(",") if part[1:2] == "="}
