"""Our subset of Flink SQL, below the statements: queries and expressions on sqlglot's tokenizer and parser.

Called by `script`. Pure. sqlglot has no Flink parser, so this dialect adds the windowing table functions and standard
intervals, and takes away what other dialects brought in. Every function call stays a plain call by name
(`exp.Anonymous`), because `functions` decides what each one means here.
Promise: whatever this does not know is refused with its line and column, never carried along as an opaque command.
"""

from __future__ import annotations

from typing import Any, NoReturn

from sqlglot import exp, parser, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.generator import Generator
from sqlglot.tokenizer_core import Token, TokenType

from gureum.errors import InvalidInput
from gureum.names import did_you_mean

__all__ = [
    "REFUSED_CLAUSES",
    "SqlType",
    "StreamingDialect",
    "StreamingParser",
    "WindowFunction",
    "parse_expression",
    "parse_text",
    "sql_error",
    "text_of",
]

# A query's text is written by a person or by Ibis; beyond this it is a mistake, and the parser is not fast.
TEXT_CHARS_MAX = 200_000
NODES_MAX = 20_000

WINDOW_FUNCTIONS = ("TUMBLE", "HOP", "CUMULATE")
UNSUPPORTED_WINDOW_FUNCTIONS = ("SESSION",)


class SqlType(exp.Expression):
    """A type's text as written, for `gureum.sql.types.arrow_type`."""

    arg_types = {"this": True}  # noqa: RUF012 - sqlglot's way to declare a node


class WindowFunction(exp.Expression):
    """`TABLE(HOP(TABLE this, DESCRIPTOR(column), intervals...))` in FROM."""

    arg_types = {  # noqa: RUF012
        "this": True,
        "kind": True,
        "column": True,
        "intervals": True,
        "alias": False,
    }


def sql_error(text: str, at: int, message: str, *, code: str, hint: str | None = None) -> InvalidInput:
    """The error at an offset of the text, with line and column (from 1) and the line itself."""
    at = max(0, min(at, len(text)))
    line = text.count("\n", 0, at) + 1
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    source = text[start : end if end >= 0 else len(text)]
    return InvalidInput(
        f"line {line}, column {at - start + 1}: {message}",
        code=code,
        hint=hint,
        line=line,
        column=at - start + 1,
        source=source[:500],
    )


class StreamingTokenizer(tokens.Tokenizer):
    IDENTIFIERS = ["`", '"']  # noqa: RUF012
    QUOTES = ["'"]  # noqa: RUF012
    STRING_ESCAPES = ["'"]  # noqa: RUF012 - a backslash is a backslash, as in standard SQL
    COMMENTS = ["--", ("/*", "*/")]  # noqa: RUF012
    KEYWORDS = {  # noqa: RUF012
        # Hints and other dialects' operators would be carried along unread: without these they are syntax errors.
        key: value
        for key, value in tokens.Tokenizer.KEYWORDS.items()
        if key not in {"/*+", "::", "?::", "||/", "|/", "|>", "->", "->>", "#>", "#>>", "<->", "&&", "~~~", "@>", "<@"}
    }
    SINGLE_TOKENS = tokens.Tokenizer.SINGLE_TOKENS


def _start_of(node: exp.Expr) -> int | None:
    """Where a node begins; some of sqlglot's shortcuts give only its identifier a place."""
    return next((int(part.meta["start"]) for part in node.walk() if "start" in part.meta), None)


class StreamingParser(parser.Parser):
    """sqlglot's parser, with Flink's statements and nothing but them."""

    FUNCTIONS = {}  # noqa: RUF012 - every call stays a call by name
    NO_PAREN_FUNCTIONS = {}  # noqa: RUF012
    FUNCTION_PARSERS = {  # noqa: RUF012
        "CAST": lambda self: self._parse_typed_cast(exp.Cast),
        "TRY_CAST": lambda self: self._parse_typed_cast(exp.TryCast),
        "EXTRACT": lambda self: self._parse_unit_call("EXTRACT", "FROM", unit_first=True),
        "FLOOR": lambda self: self._parse_unit_call("FLOOR", "TO", unit_first=False),
        "CEIL": lambda self: self._parse_unit_call("CEIL", "TO", unit_first=False),
        "CEILING": lambda self: self._parse_unit_call("CEIL", "TO", unit_first=False),
        "TRIM": lambda self: self._parse_trim_call(),
        "TIMESTAMPDIFF": lambda self: self._parse_unit_arguments("TIMESTAMPDIFF"),
        "TIMESTAMPADD": lambda self: self._parse_unit_arguments("TIMESTAMPADD"),
        "POSITION": lambda self: self._parse_position_call(),
        "SUBSTRING": lambda self: self._parse_substring_call(),
        "SUBSTR": lambda self: self._parse_substring_call(),
    }
    NO_PAREN_FUNCTION_PARSERS = {"CASE": lambda self: self._parse_case()}  # noqa: RUF012
    # Calls are kept by name, so words such as REPLACE or LEFT followed by "(" are calls too.
    FUNC_TOKENS = parser.Parser.FUNC_TOKENS | {TokenType.REPLACE, TokenType.TRUNCATE, TokenType.MOD}

    def _fail(self, message: str) -> NoReturn:
        token = self._curr or self._prev
        word = self._curr.text if self._curr else "the end"
        at = token.start if self._curr else len(self.sql)
        raise sql_error(self.sql, at, f"{message} before {word!r}", code="sql.syntax")

    def expression(self, instance: Any, token: Token | None = None, comments: list[str] | None = None) -> Any:
        # Every node knows where it begins, so that every refusal can point.
        node = super().expression(instance, token, comments)
        if "start" not in node.meta:
            starts = [start for child in node.iter_expressions() if (start := _start_of(child)) is not None]
            node.meta["start"] = min(starts) if starts else self._prev.start
        return node

    # -- types, casts and the calls with words between their arguments

    def _type_text(self) -> str:
        """The tokens of one type as they stand in the text."""
        first = self._curr
        if not first:
            self._fail("expected a type")
        depth = 0
        self._advance()
        while self._curr:
            text = self._curr.text.upper()
            depth_before = depth
            if text in {"(", "<"}:
                depth += 1
            elif text in {")", ">", ">>"}:
                if depth == 0:
                    break
                depth -= len(text)
            elif (depth == 0 and text not in {"WITH", "WITHOUT", "LOCAL", "TIME", "ZONE", "PRECISION"}) or (
                depth == 0 and text == "WITH" and self._next.text.upper() not in {"LOCAL", "TIME"}
            ):
                break
            if depth < 0:
                break
            self._advance()
            if depth_before > 0 and depth == 0 and text != ")":
                break
        return self.sql[first.start : self._prev.end + 1]

    def _parse_type_node(self) -> exp.Expr:
        start = self._curr
        return SqlType(this=self._type_text()).update_positions(start)

    def _parse_typed_cast(self, kind: Any) -> exp.Expr:
        this = self._parse_disjunction()
        if not self._match(TokenType.ALIAS):
            self._fail("expected AS and a type in the cast")
        node: exp.Expr = self.expression(kind(this=this, to=self._parse_type_node()))
        return node

    def _call(self, name: str, *arguments: exp.Expr | None) -> exp.Expr:
        node: exp.Expr = self.expression(exp.Anonymous(this=name, expressions=[a for a in arguments if a is not None]))
        return node

    def _parse_unit_word(self) -> exp.Expr:
        token = self._curr
        if not token or not token.text.isidentifier():
            self._fail("expected a unit such as HOUR")
        self._advance()
        unit: exp.Expr = exp.Var(this=token.text).update_positions(token)
        return unit

    def _parse_unit_call(self, name: str, word: str, *, unit_first: bool) -> exp.Expr:
        if unit_first:
            unit = self._parse_unit_word()
            if not self._match_text_seq(word):
                self._fail(f"expected {word} in {name}")
            return self._call(name, unit, self._parse_disjunction())
        this = self._parse_disjunction()
        if self._match_text_seq(word):
            return self._call(name, this, self._parse_unit_word())
        return self._call(name, this)

    def _parse_unit_arguments(self, name: str) -> exp.Expr:
        arguments: list[exp.Expr | None] = [self._parse_unit_word()]
        while self._match(TokenType.COMMA):
            arguments.append(self._parse_disjunction())
        return self._call(name, *arguments)

    def _parse_trim_call(self) -> exp.Expr:
        side = "BOTH"
        if self._match_texts(("LEADING", "TRAILING", "BOTH")):
            side = self._prev.text.upper()
        name = {"BOTH": "TRIM", "LEADING": "LTRIM", "TRAILING": "RTRIM"}[side]
        if self._match(TokenType.FROM):
            return self._call(name, self._parse_disjunction())
        first = self._parse_disjunction()
        if self._match(TokenType.FROM):
            return self._call(name, self._parse_disjunction(), first)
        return self._call(name, first)

    def _parse_position_call(self) -> exp.Expr:
        needle = self._parse_bitwise()
        if not self._match(TokenType.IN):
            self._fail("expected POSITION(needle IN text)")
        return self._call("POSITION", needle, self._parse_bitwise())

    def _parse_substring_call(self) -> exp.Expr:
        arguments = [self._parse_disjunction()]
        while self._match(TokenType.COMMA) or self._match(TokenType.FROM) or self._match(TokenType.FOR):
            arguments.append(self._parse_disjunction())
        return self._call("SUBSTRING", *arguments)

    def _parse_types(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        # sqlglot would read `DATE '2024-01-01'` here; anything else that looks like a type is a name of ours.
        if self._curr and self._next and self._next.token_type == TokenType.STRING:
            word = self._curr.text.upper()
            if word in {"DATE", "TIMESTAMP"} and self._curr.token_type != TokenType.IDENTIFIER:
                start = self._curr
                self._advance()
                literal = self._parse_primary()
                to = SqlType(this=word).update_positions(start)
                return self.expression(exp.Cast(this=literal, to=to)).update_positions(start)
        return None

    def _parse_interval(self, require_interval: bool = True, parse_function_unit: bool = True) -> Any:  # noqa: ARG002
        # Standard intervals only: INTERVAL '10' SECOND, with Calcite's optional precisions as Ibis prints them,
        # INTERVAL '1:30' MINUTE TO SECOND, and a plain number for people who forget the quotes.
        if not self._curr or self._curr.token_type != TokenType.INTERVAL:
            return None
        if not self._next or self._next.token_type not in {TokenType.STRING, TokenType.NUMBER}:
            return None
        start = self._curr
        self._advance()
        value = exp.Literal.string(self._curr.text).update_positions(self._curr)
        self._advance()
        units = [self._parse_interval_unit()]
        if self._match_text_seq("TO"):
            units.append(self._parse_interval_unit())
        unit = exp.Var(this=" TO ".join(units))
        return self.expression(exp.Interval(this=value, unit=unit)).update_positions(start)

    def _parse_interval_unit(self) -> str:
        unit = str(self._parse_unit_word().this).upper()
        if self._match(TokenType.L_PAREN):
            self._parse_csv(self._parse_number)
            self._match_r_paren()
        return unit

    # -- FROM

    def _parse_table(self, *args: Any, **kwargs: Any) -> Any:
        if self._curr and self._curr.token_type == TokenType.TABLE and self._next.token_type == TokenType.L_PAREN:
            self._advance(2)
            found = self._parse_window_function()
            self._match_r_paren()
        elif self._curr and self._next and self._next.token_type == TokenType.L_PAREN and self._is_window_word():
            found = self._parse_window_function()
        else:
            return super()._parse_table(*args, **kwargs)
        alias = self._parse_table_alias()
        if alias:
            found.set("alias", alias)
        return found

    def _is_window_word(self) -> bool:
        return self._curr.text.upper() in {*WINDOW_FUNCTIONS, *UNSUPPORTED_WINDOW_FUNCTIONS}

    def _parse_window_function(self) -> exp.Expr:
        start = self._curr
        kind = start.text.upper() if start else ""
        if kind not in WINDOW_FUNCTIONS:
            known = kind in UNSUPPORTED_WINDOW_FUNCTIONS
            raise sql_error(
                self.sql,
                start.start if start else len(self.sql),
                f"{kind} windows are not supported" if known else f"there is no windowing function {kind!r}",
                code="sql.unsupported" if known else "sql.unknown_function",
                hint=f"use one of {', '.join(WINDOW_FUNCTIONS)}",
            )
        self._advance()
        self._expect(TokenType.L_PAREN, "(")
        self._skip_argument_name()
        self._match(TokenType.TABLE)
        # Ibis prints `TABLE SELECT ...` without parentheses.
        if self._curr and self._curr.token_type in {TokenType.SELECT, TokenType.WITH}:
            source: exp.Expr | None = exp.Subquery(this=self._parse_select())
        else:
            source = super()._parse_table()
        self._expect(TokenType.COMMA, ",")
        self._skip_argument_name()
        if not self._match_text_seq("DESCRIPTOR"):
            self._fail("expected DESCRIPTOR(time column)")
        self._expect(TokenType.L_PAREN, "(")
        column = self._parse_id_var()
        self._expect(TokenType.R_PAREN, ")")
        intervals = []
        while self._match(TokenType.COMMA):
            self._skip_argument_name()
            interval = self._parse_interval()
            if interval is None:
                self._fail(f"expected an INTERVAL in {kind}")
            intervals.append(interval)
        self._expect(TokenType.R_PAREN, ")")
        node: exp.Expr = self.expression(WindowFunction(this=source, kind=kind, column=column, intervals=intervals))
        return node.update_positions(start)

    def _skip_argument_name(self) -> None:
        """`DATA => TABLE s`: Flink's named arguments in their usual order."""
        if self._next and self._next.token_type == TokenType.FARROW:
            self._advance(2)

    def _expect(self, token_type: TokenType, text: str) -> None:
        if not self._match(token_type):
            self._fail(f"expected {text!r}")


REFUSED_CLAUSES: dict[str, tuple[str, str]] = {
    "EMIT": ("EMIT is not supported", "windows fire once, when the watermark passes their end: leave it out"),
    "MATCH_RECOGNIZE": ("MATCH_RECOGNIZE is not supported", "use windows, filters and alerts"),
    "PIVOT": ("PIVOT is not supported", "use COUNT(*) FILTER (WHERE ...)"),
    "QUALIFY": ("QUALIFY is not supported", "use HAVING over a window aggregate"),
    "FOR": ("FOR SYSTEM_TIME (a lookup join) is not supported", "write the stream to a table and join there"),
    "FOR SYSTEM_TIME": (
        "FOR SYSTEM_TIME (a lookup join) is not supported",
        "write the stream to a table and join there",
    ),
    "FOR TIMESTAMP": ("FOR SYSTEM_TIME (a lookup join) is not supported", "write the stream to a table and join there"),
    "JOIN": ("joins are not supported", "write the stream to a table and join there"),
}


class StreamingGenerator(Generator):
    TRANSFORMS = {**Generator.TRANSFORMS, SqlType: lambda _, node: str(node.this)}  # noqa: RUF012


class StreamingDialect(Dialect):
    """Flink's words as far as `plan` gives them a meaning. Not registered as `flink`: Ibis has that name."""

    Tokenizer = StreamingTokenizer
    Parser = StreamingParser
    Generator = StreamingGenerator


def text_of(node: exp.Expr, *, qualifier: str | None = None, identify: bool = False) -> str:
    """A node as text again; with `qualifier`, `t0.a` and `a` give the same text, so that they can be compared."""
    if qualifier is not None:
        node = node.copy()
        for column in node.find_all(exp.Column):
            if column.table == qualifier and not column.args.get("db"):
                column.set("table", None)
    return node.sql(dialect=StreamingDialect(), identify=identify, comments=False)


def parse_text(text: str, reader: StreamingParser) -> None:
    """Run a parser over a text; whatever sqlglot dislikes becomes InvalidInput with line and column."""
    if len(text) > TEXT_CHARS_MAX:
        raise InvalidInput(
            f"the text has {len(text)} characters, at most {TEXT_CHARS_MAX} are read", code="sql.too_long"
        )
    try:
        found = StreamingDialect().tokenize(text)
        _refuse_by_words(text, found)
        reader.parse(found, text)
    except SqlglotError as error:
        raise _syntax_error(text, error) from None
    except RecursionError:
        raise InvalidInput("the text is nested too deeply", code="sql.too_deep") from None


class _ExpressionParser(StreamingParser):
    """Reads one expression instead of statements."""

    found: exp.Expr | None = None

    def _parse_statement(self) -> Any:
        self.found = self._parse_disjunction()
        return self.found


def parse_expression(text: str) -> exp.Expr:
    """One expression on its own, such as an alert's condition."""
    reader = _ExpressionParser(dialect=StreamingDialect(), max_nodes=NODES_MAX)
    parse_text(text, reader)
    if reader.found is None:
        raise sql_error(text, 0, "expected an expression", code="sql.syntax")
    return reader.found


def _refuse_by_words(text: str, found: list[Token]) -> None:
    """Refuse what sqlglot would read as something else: EMIT as an alias, a hint as a comment."""
    for index, token in enumerate(found):
        after = found[index + 1] if index + 1 < len(found) else None
        word = token.text.upper()
        following = after.text.upper() if after else ""
        at_words = token.token_type not in {TokenType.STRING, TokenType.IDENTIFIER}
        if at_words and any(word == first and following in then for first, then in _REFUSED_PAIRS):
            message, hint = REFUSED_CLAUSES[word]
            raise sql_error(text, token.start, message, code="sql.unsupported", hint=hint)
        if any(comment.startswith("+") for comment in token.comments or ()):
            raise sql_error(text, token.start, "hints are not supported", code="sql.unsupported", hint="leave them out")


_REFUSED_PAIRS: tuple[tuple[str, set[str]], ...] = (
    ("EMIT", {"ON", "WITH", "WITHOUT", "CHANGES"}),
    ("MATCH_RECOGNIZE", {"("}),
    ("FOR", {"SYSTEM_TIME"}),
    ("FOR SYSTEM_TIME", {"AS", "AS OF"}),
    ("FOR TIMESTAMP", {"AS", "AS OF"}),
)


def _syntax_error(text: str, error: SqlglotError) -> InvalidInput:
    details = getattr(error, "errors", None) or [{}]
    first = details[0]
    message = str(first.get("description") or error).splitlines()[0]
    highlight = str(first.get("highlight") or "")
    line, end_column = first.get("line"), first.get("col")
    at = len(text)
    if line:
        # sqlglot's column is that of the token's last character.
        starts = [0]
        for index, character in enumerate(text):
            if character == "\n":
                starts.append(index + 1)
        at = starts[min(int(line), len(starts)) - 1] + max(0, int(end_column or 1) - max(1, len(highlight)))
    word = highlight.strip()
    refused = REFUSED_CLAUSES.get(word.upper())
    if refused:
        return sql_error(text, at, refused[0], code="sql.unsupported", hint=refused[1])
    if message.startswith("Required keyword"):
        message = "something is missing"
    elif message.startswith("Error tokenizing"):
        message = "a quote or a comment is not closed"
    if word and word not in message:
        message = f"{message} near {word!r}"
    hint = did_you_mean(word.upper(), _KEYWORDS) if word and word.upper() not in _KEYWORDS else None
    return sql_error(text, at, message, code="sql.syntax", hint=hint)


_KEYWORDS = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "INSERT",
    "INTO",
    "CREATE",
    "TABLE",
    "VIEW",
    "WITH",
    "WATERMARK",
    "METADATA",
    "INTERVAL",
    "DESCRIPTOR",
    "TUMBLE",
    "HOP",
    "CUMULATE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "DISTINCT",
    "FILTER",
    "UNION",
]
