"""The script of a standing query: CREATE TABLE and CREATE VIEW statements, and one INSERT INTO or SELECT.

Called by `planner`. Pure. Reads Flink's `CREATE TABLE` with METADATA, computed columns and WATERMARK.
Promise: a statement that this does not know is refused at its place, never carried along as an opaque command.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from gureum.errors import InvalidInput
from gureum.names import did_you_mean
from gureum.sql.streaming.dialect import (
    NODES_MAX,
    REFUSED_CLAUSES,
    StreamingDialect,
    StreamingParser,
    parse_text,
    sql_error,
)

__all__ = ["ColumnDeclaration", "Script", "TableDeclaration", "parse_script"]


@dataclass(frozen=True, slots=True)
class ColumnDeclaration:
    """One column of a CREATE TABLE: physical (`type`), from the record (`metadata`) or computed (`expression`)."""

    name: str
    at: int
    type: str | None = None
    metadata: str | None = None
    expression: exp.Expr | None = None


@dataclass(frozen=True, slots=True)
class TableDeclaration:
    name: str
    at: int
    columns: tuple[ColumnDeclaration, ...]
    rowtime: str | None
    rowtime_at: int
    watermark: exp.Expr | None
    options: dict[str, str]


@dataclass(slots=True)
class Script:
    """A whole text: what it declares, and the one query that it runs."""

    text: str
    tables: dict[str, TableDeclaration] = field(default_factory=dict)
    views: dict[str, exp.Expr] = field(default_factory=dict)
    query: exp.Expr | None = None
    into: str | None = None
    into_at: int = 0
    into_columns: tuple[str, ...] = ()


class ScriptParser(StreamingParser):
    """Reads statements into a Script."""

    script: Script
    _in_query: int = 0

    def _parse_statement(self) -> Any:
        # Never sqlglot's own list: it turns what it does not know into an opaque Command.
        start = self._curr
        if not start:
            return None
        if self._match(TokenType.SEMICOLON):
            return exp.Semicolon()  # a comment behind the last statement
        if self._in_query:  # sqlglot reads the body of a CTE as a statement
            return self._parse_query()
        script = self.script
        word = start.text.upper()
        if word == "CREATE":
            self._advance()
            temporary = self._match_text_seq("TEMPORARY")
            if self._match(TokenType.TABLE):
                self._parse_create_stream(script)
            elif self._match(TokenType.VIEW):
                self._parse_create_view(script)
            else:
                what = self._curr.text.upper() if self._curr else ""
                raise self._unsupported(start, f"CREATE {'TEMPORARY ' if temporary else ''}{what}".strip())
        elif word == "INSERT":
            self._parse_insert_into(script)
        elif word in {"SELECT", "WITH", "("}:
            self._keep_query(script, start, self._parse_query(), into=None)
        else:
            raise self._unsupported(start, word)
        if self._curr and self._curr.token_type != TokenType.SEMICOLON:
            raise self._unexpected()
        return exp.Semicolon()

    def _unsupported(self, token: Token, what: str) -> InvalidInput:
        return sql_error(
            self.sql,
            token.start,
            f"{what} is not supported in a standing query",
            code="sql.unsupported",
            hint=did_you_mean(what, ("SELECT", "INSERT", "CREATE TABLE", "CREATE VIEW", "WITH"))
            or "a standing query is CREATE TABLE and CREATE VIEW statements and one INSERT INTO ... SELECT",
        )

    def _unexpected(self) -> InvalidInput:
        word = self._curr.text
        known = REFUSED_CLAUSES.get(word.upper())
        if known:
            return sql_error(self.sql, self._curr.start, known[0], code="sql.unsupported", hint=known[1])
        return sql_error(self.sql, self._curr.start, f"unexpected {word!r}", code="sql.syntax")

    def _parse_query(self) -> exp.Expr:
        self._in_query += 1
        query = self._parse_select()
        if query is None:
            self._fail("expected SELECT")
        query = self._parse_query_modifiers(self._parse_set_operations(query))
        self._in_query -= 1
        assert isinstance(query, exp.Expr)
        return query

    def _keep_query(self, script: Script, start: Token, query: exp.Expr, into: str | None) -> None:
        if script.query is not None:
            raise sql_error(
                self.sql,
                start.start,
                "a standing query has one INSERT INTO or one SELECT, this is a second",
                code="sql.unsupported",
                hint="make a query for each",
            )
        script.query = query
        script.into = into

    def _name(self) -> tuple[str, int]:
        """A table's name, with its schema if it has one: `alerts.hot` is one name."""
        start = self._curr.start if self._curr else len(self.sql)
        parts: list[str] = []
        while True:
            part = self._parse_id_var()
            if part is None:
                self._fail("expected a name")
            parts.append(part.name)
            if not self._match(TokenType.DOT):
                return ".".join(parts), start

    def _parse_insert_into(self, script: Script) -> None:
        start = self._curr
        self._advance()
        if not self._match(TokenType.INTO):
            raise self._unsupported(start, f"INSERT {self._curr.text.upper() if self._curr else ''}".strip())
        self._match(TokenType.TABLE)
        into, at = self._name()
        columns: list[str] = []
        if (
            self._curr
            and self._curr.token_type == TokenType.L_PAREN
            and self._next.token_type
            not in {
                TokenType.SELECT,
                TokenType.WITH,
                TokenType.L_PAREN,
            }
        ):
            columns = [column.name for column in self._parse_wrapped_id_vars()]
        self._keep_query(script, start, self._parse_query(), into=into)
        script.into_at = at
        script.into_columns = tuple(columns)

    def _parse_create_view(self, script: Script) -> None:
        self._match_text_seq("IF", "NOT", "EXISTS")
        name, at = self._name()
        self._check_new(script, name, at)
        if not self._match(TokenType.ALIAS):
            self._fail("expected AS and a SELECT")
        script.views[name] = self._parse_query()

    def _check_new(self, script: Script, name: str, at: int) -> None:
        if name in script.tables or name in script.views:
            raise sql_error(self.sql, at, f"{name!r} is declared twice", code="sql.duplicate")

    def _parse_create_stream(self, script: Script) -> None:
        self._match_text_seq("IF", "NOT", "EXISTS")
        name, at = self._name()
        self._check_new(script, name, at)
        columns: list[ColumnDeclaration] = []
        rowtime: str | None = None
        rowtime_at = at
        watermark: exp.Expr | None = None
        self._expect(TokenType.L_PAREN, "(")
        while True:
            if self._match_text_seq("WATERMARK", "FOR"):
                if rowtime is not None:
                    raise sql_error(self.sql, self._prev.start, "a table has one WATERMARK", code="sql.duplicate")
                rowtime_at = self._curr.start if self._curr else at
                column = self._parse_id_var()
                if column is None or not self._match(TokenType.ALIAS):
                    self._fail("expected WATERMARK FOR column AS expression")
                rowtime = column.name
                watermark = self._parse_disjunction()
            elif self._match_text_seq("PRIMARY", "KEY"):
                # Kept for people's Flink scripts; our sinks append, so a key would promise what does not hold.
                raise sql_error(
                    self.sql,
                    self._prev.start,
                    "PRIMARY KEY is not supported: a standing query appends",
                    code="sql.unsupported",
                    hint="leave it out",
                )
            else:
                columns.append(self._parse_stream_column())
            if not self._match(TokenType.COMMA):
                break
        self._expect(TokenType.R_PAREN, ")")
        if self._match_text_seq("COMMENT"):
            self._parse_string()
        options: dict[str, str] = {}
        if self._match(TokenType.WITH):
            self._expect(TokenType.L_PAREN, "(")
            while True:
                key = self._curr
                if not key or not self._match(TokenType.STRING):
                    self._fail("expected 'option' = 'value'")
                self._expect(TokenType.EQ, "=")
                value = self._curr
                if not self._match(TokenType.STRING):
                    self._fail(f"expected a quoted value for {key.text!r}")
                options[key.text] = value.text
                if not self._match(TokenType.COMMA):
                    break
            self._expect(TokenType.R_PAREN, ")")
        script.tables[name] = TableDeclaration(name, at, tuple(columns), rowtime, rowtime_at, watermark, options)

    def _parse_stream_column(self) -> ColumnDeclaration:
        at = self._curr.start if self._curr else len(self.sql)
        column = self._parse_id_var()
        if column is None:
            self._fail("expected a column")
        name = column.name
        if self._match(TokenType.ALIAS):
            computed = ColumnDeclaration(name, at, expression=self._parse_disjunction())
            self._skip_column_comment()
            return computed
        type_text = self._type_text()
        metadata: str | None = None
        if self._match_text_seq("METADATA"):
            metadata = name
            if self._match(TokenType.FROM):
                if not self._match(TokenType.STRING):
                    self._fail("expected METADATA FROM 'key'")
                metadata = self._prev.text
            self._match_text_seq("VIRTUAL")
        if self._match(TokenType.NOT):
            self._expect(TokenType.NULL, "NULL")
        else:
            self._match(TokenType.NULL)
        self._skip_column_comment()
        return ColumnDeclaration(name, at, type=type_text, metadata=metadata)

    def _skip_column_comment(self) -> None:
        if self._match_text_seq("COMMENT"):
            self._parse_string()


def parse_script(text: str) -> Script:
    """Parse a standing query's text; InvalidInput with `line` and `column` if it is not in our subset."""
    script = Script(text)
    reader = ScriptParser(dialect=StreamingDialect(), max_nodes=NODES_MAX)
    reader.script = script
    parse_text(text, reader)
    if script.query is None:
        raise sql_error(
            text,
            len(text),
            "the text has no query",
            code="sql.no_query",
            hint="end it with INSERT INTO sink SELECT ... or a SELECT",
        )
    return script
