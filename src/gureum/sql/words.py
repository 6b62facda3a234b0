"""SQL as sqlglot reads it for us: DuckDB's without the keywords of other dialects (`force` is a column of many a machine), and
PostgreSQL's, both with parameters that are never taken for quotes.

Used wherever SQL is read; what is written is DuckDB's own dialect.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

__all__ = ["PostgresWords", "Words"]

# Found by asking DuckDB and sqlglot for a column of each keyword's name; those that begin a statement stay.
NOT_DUCKDB = frozenset({"FORCE", "PARTITIONED_BY", "REGEXP", "RLIKE", "UNCACHE", "XOR"})


# sqlglot would hand over the rest of such a statement as one text.
COMMANDS = frozenset({"OPTIMIZE", "VACUUM"})

# Stands for the `$` of a parameter while a text is taken apart; it is in no alphabet.
_DOLLAR = "\ue024"
_PARAMETER = re.compile(r"\$(?=\d)")


class _Parameters(Tokenizer):
    """sqlglot takes `$1,$2` for the opening of a text that is quoted by `$1,$`: what follows would be hidden from every check."""

    def tokenize(self, sql: str) -> list[Token]:
        if _DOLLAR in sql:
            raise TokenError("a character that no text has")
        marked = _PARAMETER.sub(_DOLLAR, sql)
        tokens: list[Token] = super().tokenize(marked)
        if marked is not sql:
            for token in tokens:
                if _DOLLAR in token.text:
                    token.text = token.text.replace(_DOLLAR, "$")
        return tokens


class Words(DuckDB):
    """The dialect to read with."""

    class Tokenizer(_Parameters, DuckDB.Tokenizer):
        """Knows fewer keywords."""

        SINGLE_TOKENS: ClassVar[dict[str, Any]] = {**DuckDB.Tokenizer.SINGLE_TOKENS, _DOLLAR: TokenType.PARAMETER}
        KEYWORDS: ClassVar = {
            word: kind for word, kind in DuckDB.Tokenizer.KEYWORDS.items() if word not in NOT_DUCKDB | COMMANDS
        }


class PostgresWords(Postgres):
    """What PostgreSQL's clients send about its catalog."""

    class Tokenizer(_Parameters, Postgres.Tokenizer):
        """Knows all keywords."""

        SINGLE_TOKENS: ClassVar[dict[str, Any]] = {**Postgres.Tokenizer.SINGLE_TOKENS, _DOLLAR: TokenType.PARAMETER}
