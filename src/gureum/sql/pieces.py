"""Statements cut into pieces at their keywords, and SQL put together from pieces, with the way back to the typed text.

Called by `changes.py` (cuts) and `dml.py` (puts together). Pure. UPDATE, DELETE and MERGE run as generated SELECTs that hold
the user's own expressions, word for word: so they mean there what they mean in a SELECT.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlglot.tokenizer_core import Token, TokenType

from gureum.sql.script import Statement

__all__ = ["Cursor", "Generated", "Name", "Piece"]

_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}


@dataclass(frozen=True, slots=True)
class Piece:
    """`script[start:end]`: an expression, or what can stand after FROM."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    """A table's or column's name as typed, without its quotes, and where it stands."""

    parts: tuple[str, ...]
    start: int

    @property
    def text(self) -> str:
        return ".".join(self.parts)


class Cursor:
    """Walks over a statement's tokens; what is in parentheses or in CASE .. END counts as one."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self._tokens = statement.tokens
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._tokens)

    @property
    def start(self) -> int:
        """Where the next token stands in the script; its end after the last one."""
        return self.statement.end if self.at_end else self._tokens[self._at].start

    def peek(self, ahead: int = 0) -> str:
        """The next token in upper case; empty at the end, and for what is quoted."""
        index = self._at + ahead
        return _word(self._tokens[index]) if index < len(self._tokens) else ""

    def accept(self, *words: str) -> bool:
        """Go over these words if they come next, else stay."""
        if tuple(self.peek(ahead) for ahead in range(len(words))) != words:
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.fail(f"{' '.join(words)} is expected here")

    def fail(self, message: str, *, hint: str | None = None) -> Exception:
        found = f", not {self._tokens[self._at].text!r}" if not self.at_end else ", and the statement ends"
        at = self.start if not self.at_end else self.statement.end - 1
        return self.statement.fail(f"syntax error: {message}{found}", at=at, code="sql.syntax", hint=hint)

    def end(self) -> None:
        if not self.at_end:
            raise self.fail("nothing more is expected here")

    def name(self, what: str = "a name") -> Name:
        """A dotted name."""
        start, parts = self.start, [self._identifier(what)]
        while self.accept("."):
            parts.append(self._identifier(what))
        return Name(tuple(parts), start)

    def alias(self, stops: Collection[str]) -> str | None:
        """[AS] alias, where none of the words that may follow comes."""
        if self.accept("AS") or (not self.at_end and self.peek() not in stops and self._is_identifier()):
            return self._identifier("an alias")
        return None

    def text(self) -> str:
        """A text in single quotes."""
        if self.at_end or self._tokens[self._at].token_type is not TokenType.STRING:
            raise self.fail("a text in quotes is expected here")
        self._at += 1
        return self._tokens[self._at - 1].text

    def number(self) -> int:
        if self.at_end or not self._tokens[self._at].text.isdigit():
            raise self.fail("a whole number is expected here")
        self._at += 1
        return int(self._tokens[self._at - 1].text)

    def piece(self, stops: Collection[str] = (), *, what: str = "an expression") -> Piece:
        """What comes until one of the words (or the end, or a parenthesis that closes what is around it)."""
        first, depth = self._at, 0
        while not self.at_end:
            token, word = self._tokens[self._at], self.peek()
            if depth == 0 and (token.token_type in _CLOSE or (word in stops and not self._is_distinct_from(word))):
                break
            depth += (token.token_type in _OPEN or word == "CASE") - (token.token_type in _CLOSE or word == "END")
            self._at += 1
        if self._at == first:
            raise self.fail(f"{what} is expected here")
        return Piece(self._tokens[first].start, self._tokens[self._at - 1].end + 1)

    def _is_distinct_from(self, word: str) -> bool:
        return word == "FROM" and self._at > 0 and _word(self._tokens[self._at - 1]) == "DISTINCT"

    def _is_identifier(self) -> bool:
        token = self._tokens[self._at]
        return token.token_type is TokenType.IDENTIFIER or (
            token.token_type is not TokenType.STRING and (token.text[:1].isalpha() or token.text[:1] == "_")
        )

    def _identifier(self, what: str) -> str:
        if self.at_end or not self._is_identifier():
            raise self.fail(f"{what} is expected here")
        self._at += 1
        return self._tokens[self._at - 1].text


def _word(token: Token) -> str:
    quoted = token.token_type in {TokenType.STRING, TokenType.IDENTIFIER}
    return "" if quoted else token.text.upper()


@dataclass(slots=True)
class Generated:
    """SQL in the making; `back` says of each offset where it stands in the script, as `Statement.spliced` does."""

    anchor: int  # what to point at where nothing of the user's is near
    _parts: list[str] = field(default_factory=list)
    _length: int = 0
    back: list[tuple[int, int]] = field(default_factory=list)

    def add(self, *parts: str | tuple[str, list[tuple[int, int]]]) -> Generated:
        """Words of ours, or a piece of the user's with its way back."""
        for part in parts:
            if isinstance(part, str):
                self.back.append((self._length, self.anchor))
                text = part
            else:
                text, back = part
                # An error between two pieces points at the one that follows.
                self.back[-1:] = [(self.back[-1][0], back[0][1])] if self.back else []
                self.back += [(self._length + new, old) for new, old in back]
            self._parts.append(text)
            self._length += len(text)
        return self

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def way_back(self) -> list[tuple[int, int]]:
        return [*self.back, (self._length + 1, self.anchor)]
