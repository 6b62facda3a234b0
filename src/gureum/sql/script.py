"""Split an SQL text into statements, each knowing where it stands, so that an error can point at line and column.

Called by `statement.py` and `sql.py`. Pure.
"""

from __future__ import annotations

import bisect
import contextlib
import re
from dataclasses import dataclass, field

import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from gureum.errors import InvalidInput, LimitExceeded
from gureum.sql.words import Words

__all__ = ["Place", "Splice", "Statement", "place", "split_script"]

# Places where an open quote is looked for, from the end.
OPENINGS_MAX = 20

# A text of a million characters is generated, not written; sqlglot would take seconds over it.
TEXT_CHARS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """A position for people: lines and columns count from 1."""

    line: int
    column: int


def place(text: str, offset: int) -> Place:
    before = text[: max(0, min(offset, len(text)))]
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


@dataclass(frozen=True, slots=True)
class Splice:
    """Replace `text[start:end]` of a statement by `new`."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement's tokens within the whole script; offsets are into `script`."""

    script: str
    tokens: tuple[Token, ...] = field(repr=False)

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end + 1

    @property
    def text(self) -> str:
        return self.script[self.start : self.end]

    def fail(self, message: str, *, at: int, code: str = "sql.invalid", hint: str | None = None) -> InvalidInput:
        """The error for something at offset `at` of the script."""
        where = place(self.script, at)
        return InvalidInput(
            f"{message} (line {where.line}, column {where.column})",
            code=code, hint=hint, line=where.line, column=where.column,
        )  # fmt: skip

    def spliced(
        self, splices: list[Splice], *, start: int | None = None, end: int | None = None
    ) -> tuple[str, list[tuple[int, int]]]:
        """The text from `start` to `end` with replacements made, and a map from its offsets back to the script's."""
        end = self.end if end is None else end
        begin = self.start if start is None else start
        parts: list[str] = []
        back: list[tuple[int, int]] = [(0, begin)]
        at, length = begin, 0
        for splice in sorted(splices, key=lambda splice: splice.start):
            if not begin <= splice.start < end:
                continue
            kept = self.script[at : splice.start]
            parts += [kept, splice.new]
            length += len(kept)
            back.append((length, splice.start))
            length += len(splice.new)
            back.append((length, splice.end))
            at = splice.end
        parts.append(self.script[at:end])
        return "".join(parts), back


def offset_in_script(back: list[tuple[int, int]], position: int) -> int:
    """Where an offset of the spliced text stands in the script."""
    index = bisect.bisect_right([new for new, _ in back], position) - 1
    new, old = back[index]
    following = back[index + 1][1] if index + 1 < len(back) else None
    moved = old + position - new
    # Inside a replacement there is no such place: point at its beginning.
    return moved if following is None or moved <= following else old


def _left_open(text: str) -> int:
    """Where the quote or comment begins that nothing ends: the last one before which the text can be read."""
    openings = [match.start() for match in re.finditer(r"['\"]|/\*|\$\w*\$", text)][-OPENINGS_MAX:]
    for at in reversed(openings):
        with contextlib.suppress(TokenError):
            sqlglot.tokenize(text[:at], dialect=Words)
            return at
    return 0


def split_script(text: str) -> list[Statement]:
    """The statements of a script, in order. Raises InvalidInput when it is empty or cannot be read at all."""
    if len(text) > TEXT_CHARS_MAX:
        raise LimitExceeded(
            f"this SQL has {len(text)} characters, at most {TEXT_CHARS_MAX} are allowed", code="sql.length"
        )
    try:
        tokens = sqlglot.tokenize(text, dialect=Words)
    except TokenError as error:
        where = place(text, _left_open(text))
        raise InvalidInput(
            f"a quote or a comment is not closed (line {where.line}, column {where.column})",
            code="sql.syntax",
            hint="a quote inside a text is written twice: 'it''s'",
            line=where.line,
            column=where.column,
        ) from error
    statements: list[Statement] = []
    current: list[Token] = []
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            if current:
                statements.append(Statement(text, tuple(current)))
            current = []
        else:
            current.append(token)
    if current:
        statements.append(Statement(text, tuple(current)))
    if not statements:
        raise InvalidInput("there is no SQL statement here", code="sql.empty", hint="type one, such as SELECT 1")
    return statements
