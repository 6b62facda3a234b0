"""What a client asks for, statement by statement: a query for the engine, or one of the things that a PostgreSQL session has.

Called by `session.py`. Pure: it reads the words, `session.py` acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from gureum.gateways.postgres.errors import SqlState
from gureum.sql.script import Statement
from gureum.sql.words import Words

__all__ = [
    "Begin",
    "CloseCursor",
    "Commit",
    "CopyOut",
    "Deallocate",
    "Declare",
    "Discard",
    "Fetch",
    "Ignored",
    "Query",
    "Request",
    "Reset",
    "Rollback",
    "Set",
    "Show",
    "parameter_numbers",
    "query_of",
    "read_request",
]


@dataclass(frozen=True, slots=True)
class Query:
    """For the SQL service or the catalog; `text` is what the client wrote from `start` on."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Begin:
    read_only: bool


@dataclass(frozen=True, slots=True)
class Commit:
    pass


@dataclass(frozen=True, slots=True)
class Rollback:
    to_savepoint: bool


@dataclass(frozen=True, slots=True)
class Set:
    name: str
    value: str | None  # None: back to the default


@dataclass(frozen=True, slots=True)
class Show:
    name: str


@dataclass(frozen=True, slots=True)
class Reset:
    name: str


@dataclass(frozen=True, slots=True)
class Discard:
    what: str


@dataclass(frozen=True, slots=True)
class Deallocate:
    name: str | None  # None: all


@dataclass(frozen=True, slots=True)
class Declare:
    cursor: str
    query: Query
    hold: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """`count` rows forward, None for all; `move` tells nothing of them."""

    cursor: str
    count: int | None
    move: bool


@dataclass(frozen=True, slots=True)
class CloseCursor:
    cursor: str | None


@dataclass(frozen=True, slots=True)
class CopyOut:
    """COPY (query) TO STDOUT."""

    query: Query
    csv: bool
    header: bool
    null: str
    delimiter: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Taken and not acted upon: savepoints, LISTEN, LOCK. `tag` is what the client is told."""

    tag: str


Request = (
    Query
    | Begin
    | Commit
    | Rollback
    | Set
    | Show
    | Reset
    | Discard
    | Deallocate
    | Declare
    | Fetch
    | CloseCursor
    | CopyOut
    | Ignored
)

# Of Redshift and Hive, which DuckDB has under another name: what follows is read by the SQL service.
_OURS_TO_SHOW = {"TABLES", "CREATE"}


def read_request(statement: Statement) -> Request:
    """What one statement of a script asks for. Raises SqlState for what a session here has not."""
    words = _Words(statement)
    first = words.take()
    match first:
        case "BEGIN" | "START":
            return Begin("READ ONLY" in " ".join(words.rest()))
        case "COMMIT" | "END":
            if words.accept("PREPARED"):
                raise SqlState("0A000", "two-phase commit is not available")
            return Commit()
        case "ROLLBACK" | "ABORT":
            rest = words.rest()
            return Rollback("TO" in rest)
        case "SAVEPOINT" | "RELEASE" | "LISTEN" | "UNLISTEN" | "LOCK" | "CHECKPOINT":
            return Ignored({"LOCK": "LOCK TABLE"}.get(first, first))
        case "SET":
            return _set(words)
        case "SHOW" if words.peek() not in _OURS_TO_SHOW:
            return Show(_setting(words))
        case "RESET":
            return Reset(_setting(words))
        case "DISCARD":
            return Discard(words.take())
        case "DEALLOCATE":
            words.accept("PREPARE")
            name = words.name()
            return Deallocate(None if name.upper() == "ALL" else name)
        case "DECLARE":
            return _declare(words)
        case "FETCH" | "MOVE":
            return _fetch(words, move=first == "MOVE")
        case "CLOSE":
            name = words.name()
            return CloseCursor(None if name.upper() == "ALL" else name)
        case "COPY":
            return _copy(words)
        case "PREPARE" | "EXECUTE":
            raise SqlState(
                "0A000", f"{first} as a statement is not available", hint="clients prepare by the protocol itself"
            )
        case "NOTIFY" | "GRANT" | "REVOKE" | "DO" | "CALL":
            raise SqlState(
                "0A000", f"{first} is not available here", hint="grants are made in Studio or by `gureum grant`"
            )
    return Query(statement.script[statement.start : statement.end], statement.start)


class _Words:
    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self._tokens = statement.tokens
        if len(self._tokens) == 2 and self._tokens[1].token_type is TokenType.STRING and not _is_quoted(statement):
            # sqlglot takes what follows some words (FETCH, SHOW) for one text.
            self._tokens = (self._tokens[0], *sqlglot.tokenize(self._tokens[1].text, dialect=Words))
        self._at = 0

    @property
    def token(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def peek(self) -> str:
        return self.token.text.upper() if self.token is not None else ""

    def take(self) -> str:
        word = self.peek()
        self._at += 1
        return word

    def accept(self, *words: str) -> bool:
        if self.peek() in words and self.peek():
            self._at += 1
            return True
        return False

    def name(self) -> str:
        token = self.token
        if token is None:
            raise SqlState("42601", "syntax error at end of input")
        self._at += 1
        return token.text if token.token_type in (TokenType.IDENTIFIER, TokenType.STRING) else token.text.lower()

    def rest(self) -> list[str]:
        found = [one.text.upper() for one in self._tokens[self._at :]]
        self._at = len(self._tokens)
        return found

    def rest_tokens(self) -> list[Token]:
        found = list(self._tokens[self._at :])
        self._at = len(self._tokens)
        return found

    def query(self) -> Query:
        token = self.token
        if token is None:
            raise SqlState("42601", "syntax error at end of input")
        self._at = len(self._tokens)
        return Query(self.statement.script[token.start : self.statement.end], token.start)

    def in_parentheses(self) -> Query | None:
        """What is between the parentheses that open here."""
        if self.peek() != "(":
            return None
        depth = 0
        for place in range(self._at, len(self._tokens)):
            depth += {"(": 1, ")": -1}.get(self._tokens[place].text, 0)
            if depth == 0:
                start, end = self._tokens[self._at].end + 1, self._tokens[place].start
                self._at = place + 1
                return Query(self.statement.script[start:end], start)
        raise SqlState("42601", "a parenthesis is not closed")


def _is_quoted(statement: Statement) -> bool:
    return statement.script[statement.tokens[1].start] in "'$"


def _setting(words: _Words) -> str:
    if words.accept("TIME"):
        words.accept("ZONE")
        return "timezone"
    if words.accept("SESSION"):
        words.accept("AUTHORIZATION")
        return "session_authorization"
    if words.accept("TRANSACTION"):
        words.accept("ISOLATION")
        words.accept("LEVEL")
        return "transaction_isolation"
    return ".".join(part for part in (one.lower() for one in words.rest()) if part != ".")


def _set(words: _Words) -> Set | Ignored:
    words.accept("LOCAL") or words.accept("SESSION")
    if words.accept("TRANSACTION", "CHARACTERISTICS", "CONSTRAINTS"):
        return Ignored("SET")
    if words.accept("NAMES"):
        return Set("client_encoding", _value(words))
    if words.accept("ROLE", "AUTHORIZATION"):
        if _value(words) in (None, "none", "NONE"):
            return Ignored("SET")
        raise SqlState("0A000", "another role is not available", hint="sign in as that user")
    if words.accept("TIME"):
        words.accept("ZONE")
        return Set("timezone", _value(words))
    parts = [words.name()]
    while words.accept("."):
        parts.append(words.name())
    words.accept("TO", "=")
    return Set(".".join(parts), _value(words))


def _value(words: _Words) -> str | None:
    found = []
    while (token := words.token) is not None:
        if token.text != ",":
            found.append(token.text)
        words.take()
    if not found:
        raise SqlState("42601", "a setting needs a value")
    if len(found) == 1 and found[0].upper() in {"DEFAULT", "LOCAL"}:
        return None
    if found[0] == "-" and len(found) == 2:
        return "".join(found)
    return ", ".join(found)


def _declare(words: _Words) -> Declare:
    cursor, hold = words.name(), False
    while (word := words.take()) != "FOR":
        if not word:
            raise SqlState("42601", "syntax error at end of input", hint="DECLARE c CURSOR FOR SELECT ...")
        if word == "HOLD":
            hold = True
        elif word == "WITHOUT":
            words.accept("HOLD")
        elif word == "SCROLL":
            pass  # forward is what there is; FETCH says so when asked for more
    return Declare(cursor, words.query(), hold)


def _fetch(words: _Words, *, move: bool) -> Fetch:
    count: int | None = 1
    if words.accept("ALL"):
        count = None
    elif words.accept("NEXT"):
        pass
    elif words.accept("FORWARD"):
        if words.accept("ALL"):
            count = None
        elif words.peek().isdigit():
            count = int(words.take())
    elif words.peek().isdigit():
        count = int(words.take())
    elif words.peek() in {"PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE", "BACKWARD", "-"}:
        raise SqlState("55000", "cursor can only scan forward", hint="declare it again to read from its beginning")
    words.accept("FROM", "IN")
    return Fetch(words.name(), count, move)


def _copy(words: _Words) -> CopyOut:
    query = words.in_parentheses()
    if query is None:
        start = words.token
        name = [words.name()]
        while words.accept("."):
            name.append(words.name())
        columns = words.in_parentheses()
        table = ".".join(f'"{part}"' for part in name)
        query = Query(f"SELECT {columns.text if columns else '*'} FROM {table}", start.start if start else 0)
    if not words.accept("TO"):
        raise SqlState("0A000", "COPY FROM is not available here", hint="upload the file in Studio, or INSERT")
    if not words.accept("STDOUT"):
        raise SqlState("0A000", "COPY writes to STDOUT only", hint="the server's files are out of reach")
    return _copy_options(query, words.rest_tokens())


def _copy_options(query: Query, tokens: list[Token]) -> CopyOut:
    csv = header = False
    options: dict[str, str | None] = {"NULL": None, "DELIMITER": None}
    values = iter(tokens)
    for token in values:
        word = token.text.upper()
        if word == "CSV":
            csv = True
        elif word == "BINARY":
            raise SqlState("0A000", "COPY in binary is not available", hint="FORMAT csv, or text")
        elif word == "HEADER":
            header = True
        elif word == "FALSE":
            header = False
        elif word in options:
            value = next((one for one in values if one.text.upper() != "AS"), None)
            options[word] = value.text if value is not None else None
    null, delimiter = options["NULL"], options["DELIMITER"]
    return CopyOut(
        query, csv, header,
        null=null if null is not None else ("" if csv else "\\N"),
        delimiter=delimiter if delimiter is not None else ("," if csv else "\t"),
    )  # fmt: skip


def query_of(request: Request) -> Query | None:
    """The query inside, if there is one."""
    match request:
        case Query():
            return request
        case Declare(_, query) | CopyOut(query):
            return query
    return None


def parameter_numbers(statement: Statement) -> Iterator[int]:
    """The numbers of the parameters that are named, and 0."""
    yield 0
    tokens = statement.tokens
    for token, following in pairwise(tokens):
        if token.text == "$" and following.text.isdigit() and following.start == token.end + 1:
            yield int(following.text)
