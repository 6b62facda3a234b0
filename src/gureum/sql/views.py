"""CREATE VIEW, DROP VIEW: a query under a table's name, run for whoever reads it.

Called by `sql.py`. Promise: a view gives nobody what they may not read themselves: its names are checked for its reader, not
for its owner.
"""

from __future__ import annotations

import pyarrow as pa

from gureum.catalog.catalog import Thing
from gureum.sql import parse
from gureum.sql.commands import CreateView, DropView
from gureum.sql.engine import Engine
from gureum.sql.script import split_script
from gureum.sql.types import columns_of
from gureum.sql.work import Work

__all__ = ["create", "drop", "schema"]


def create(work: Work, command: CreateView) -> None:
    """CREATE [OR REPLACE] VIEW v AS SELECT ...; the query must run for its owner."""
    if command.if_not_exists and work.exists(command.view):
        return
    if work.parameters:
        raise work.statement.fail(
            "a view takes no parameters",
            at=work.statement.start,
            code="sql.parameters",
            hint="write the values into it",
        )
    text = work.statement.script[command.body.start : command.body.end]
    (statement,) = split_script(text)
    body = parse.parse_statement(statement)
    if not isinstance(body, parse.Select):
        raise work.statement.fail(
            "a view is a SELECT", at=command.body.start, code="sql.unsupported", hint="CREATE VIEW v AS SELECT ..."
        )
    parse.shift(body.tree, command.body.start)

    def columns(engine: Engine) -> pa.Schema:
        rewritten, back = work.rewritten(engine, body.tree, start=command.body.start)
        prefix = "SELECT * FROM ("
        with work.errors([(new + len(prefix), old) for new, old in back]):
            return engine.query(f"{prefix}{rewritten}\n) LIMIT 0").schema

    found = columns_of(work.on_engine(columns))
    with work.at_name(command.view):
        work.tables.create_view(command.view, work.actor, text, found, replace=command.replace)


def drop(work: Work, command: DropView) -> None:
    """DROP VIEW [IF EXISTS]."""
    if command.if_exists and not work.exists(command.view):
        return
    with work.at_name(command.view):
        work.tables.drop_view(command.view, work.actor)


def schema(work: Work, thing: Thing) -> pa.Schema:
    """The columns of a view as it is now."""

    def look(engine: Engine) -> pa.Schema:
        engine.trim()
        text = work.view_text(engine, thing)
        with work.errors([(0, work.statement.start)]):
            return engine.query(f"SELECT * FROM {text} LIMIT 0").schema

    return work.on_engine(look)
