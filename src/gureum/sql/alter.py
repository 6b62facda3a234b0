"""ALTER TABLE: columns added, properties set, constraints added and dropped.

Called by `sql.py`. Promise: a constraint goes in only when every row there is true to it, and no row that comes meanwhile
slips by; rows are not written anew.
"""

from __future__ import annotations

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from gureum.errors import InvalidInput
from gureum.names import did_you_mean
from gureum.sql.commands import AddCheck, AddColumns, Altered, DropCheck, SetProperties, UnsetProperties
from gureum.sql.dml import Target, change_table
from gureum.sql.parse import NewCheck, NewColumn, column_of, shift, syntax_error
from gureum.sql.pieces import Piece
from gureum.sql.words import Words
from gureum.sql.work import Work
from gureum.sql.writing import new_check, new_fields
from gureum.tables.change import Change, Reads
from gureum.tables.constraints import PREFIX, checks_of
from gureum.tables.properties import check_properties, protocol_for
from gureum.tables.rows import table_schema
from gureum.tables.snapshot import Layout
from gureum.types import Permission

__all__ = ["alter"]


def alter(work: Work, command: Altered) -> None:
    """Run one ALTER TABLE."""

    def compute(target: Target) -> tuple[Change, int]:
        layout, reads = _altered(work, target, command)
        snapshot = target.snapshot
        protocol = protocol_for(layout, snapshot.protocol)
        change = Change(
            snapshot, _OPERATIONS[type(command)], reads, metadata=snapshot.metadata_action(layout),
            protocol=protocol.to_action() if protocol else None,
        )  # fmt: skip
        return change, 0

    change_table(work, command.table, None, compute, permission=Permission.MANAGE, takes_rows=False)


_OPERATIONS: dict[type, str] = {
    AddColumns: "ADD COLUMNS", SetProperties: "SET TBLPROPERTIES", UnsetProperties: "UNSET TBLPROPERTIES",
    AddCheck: "ADD CONSTRAINT", DropCheck: "DROP CONSTRAINT",
}  # fmt: skip


def _altered(work: Work, target: Target, command: Altered) -> tuple[Layout, Reads]:
    old = target.snapshot.layout
    properties = dict(old.properties)
    match command:
        case AddColumns():
            checks: list[NewCheck] = []
            columns = [_column(work, piece, checks) for piece in command.columns]
            fields = new_fields(work, target.engine, columns)
            for column in columns:
                if not column.nullable:
                    raise work.statement.fail(
                        f"column {column.name!r} would be null in the rows that are there", at=column.start,
                        code="table.not_null", hint="add it without NOT NULL",
                    )  # fmt: skip
            schema = table_schema(pa.schema([*old.schema, *fields]))
            for check in checks:
                raise work.statement.fail(
                    "a CHECK is not added with a column", at=check.start, code="sql.unsupported",
                    hint="ALTER TABLE ... ADD CONSTRAINT name CHECK (...)",
                )  # fmt: skip
            return Layout(schema, old.partition_by, properties), Reads.RULES
        case SetProperties():
            properties |= check_properties(dict(command.properties))
        case UnsetProperties():
            for key in command.keys:
                if key.lower().startswith(PREFIX):
                    raise work.statement.fail(
                        f"{key!r} is a constraint", at=work.statement.start, code="table.property",
                        hint="ALTER TABLE ... DROP CONSTRAINT",
                    )  # fmt: skip
                if key not in properties and not command.if_exists:
                    raise work.statement.fail(
                        f"the table has no property {key!r}", at=work.statement.start, code="table.property",
                        hint=did_you_mean(key, properties),
                    )  # fmt: skip
                properties.pop(key, None)
        case AddCheck():
            text = work.statement.script[command.expression.start : command.expression.end]
            added = new_check(work, old.schema, command.name, NewCheck(command.name, text, command.expression.start))
            if added.keys() & properties.keys():
                raise work.statement.fail(
                    f"there is a constraint {command.name!r}", at=command.expression.start, code="table.check",
                    hint="ALTER TABLE ... DROP CONSTRAINT it first",
                )  # fmt: skip
            (made,) = checks_of(added)
            broken = target.engine.run(
                f"SELECT {target.file}, {target.row} FROM {target.scan()} WHERE NOT coalesce(({made.duckdb}), false) LIMIT 1"
            )
            for file, row in broken:
                raise InvalidInput(
                    f"a row that is there breaks CHECK constraint {command.name!r}, {made.duckdb}: {target.shown(file, row)}",
                    code="table.check", constraint=command.name, hint="change or delete such rows first; null is not true",
                )  # fmt: skip
            # Any file that was added since was not looked at.
            return Layout(old.schema, old.partition_by, properties | dict(added)), Reads.ALL
        case DropCheck():
            key = f"{PREFIX}{command.name.lower()}"
            if key not in properties and not command.if_exists:
                names = [name.removeprefix(PREFIX) for name in properties if name.startswith(PREFIX)]
                raise work.statement.fail(
                    f"there is no constraint {command.name!r}", at=command.start, code="table.check",
                    hint=did_you_mean(command.name, names),
                )  # fmt: skip
            properties.pop(key, None)
    return Layout(old.schema, old.partition_by, properties), Reads.RULES


def _column(work: Work, piece: Piece, checks: list[NewCheck]) -> NewColumn:
    """A column's definition, read as CREATE TABLE reads it."""
    prefix = "CREATE TABLE t ("
    text = prefix + work.statement.script[piece.start : piece.end] + ")"
    try:
        tree = sqlglot.parse_one(text, dialect=Words)
    except ParseError as error:
        raise syntax_error(work.statement, error, text, piece.start - len(prefix)) from error
    shift(tree, piece.start - len(prefix))
    items = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
    if len(items) != 1:
        raise work.statement.fail("this is not a column", at=piece.start, code="sql.syntax")
    return column_of(work.statement, items[0], checks)
