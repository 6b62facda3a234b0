"""Statements that only look: SELECT, DESCRIBE, DESCRIBE HISTORY, SHOW TABLES.

Called by `sql.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from gureum.sql import parse, views
from gureum.sql.engine import Engine
from gureum.sql.types import sql_type
from gureum.sql.work import Outcome, Work
from gureum.tables.names import full_name
from gureum.tables.tables import is_view

__all__ = ["VERSIONS_METADATA", "columns", "describe", "history", "select", "show_tables", "with_versions"]

# Where an Arrow answer says what it was read from; the SDK's runs note it.
VERSIONS_METADATA = b"gureum.tables"


def select(work: Work, command: parse.Select) -> Outcome:
    """Run a query; the rows go to the statement's sink where it has one."""

    def read(engine: Engine) -> tuple[pa.Table, bool]:
        text, back = work.rewritten(engine, command.tree)
        with work.errors(back):
            reader = engine.query(text, work.parameters)
            if work.sink is not None:
                work.sink(with_versions(reader.schema, work.versions), engine.batches(reader))
                return pa.table({}), False
            if work.rows_max is None:
                return engine.read_all(reader), False
            batches, count = [], 0
            for batch in engine.batches(reader):
                batches.append(batch)
                count += batch.num_rows
                if count > work.rows_max:
                    break
            rows = pa.Table.from_batches(batches, reader.schema)
            return rows.slice(0, work.rows_max), count > work.rows_max

    rows, truncated = work.on_engine(read)
    return Outcome("SELECT", rows, truncated=truncated)


def columns(work: Work, command: parse.Select) -> pa.Schema:
    """The columns that a query would give. It is bound, not run: values of its parameters only tell their types."""

    def look(engine: Engine) -> pa.Schema:
        text, back = work.rewritten(engine, command.tree)
        with work.errors([(new + len("DESCRIBE "), old) for new, old in back]):
            found = engine.read_all(engine.query(f"DESCRIBE {text}", work.parameters)).to_pydict()
            kinds = ", ".join(f"CAST(NULL AS {kind})" for kind in found["column_type"])
            schema = engine.query(f"SELECT {kinds} LIMIT 0").schema
        return pa.schema([one.with_name(name) for one, name in zip(schema, found["column_name"], strict=True)])

    return work.on_engine(look)


def describe(work: Work, name: str) -> pa.Table:
    """The columns of a table or view."""
    with work.at_name(name):
        thing = work.tables.resolve(name, work.actor)
    schema = views.schema(work, thing) if is_view(thing) else work.target(name).schema
    work.read.append(full_name(name))
    return pa.table(
        {
            "column_name": schema.names,
            "column_type": [sql_type(f.type) for f in schema],
            "null": ["YES" if f.nullable else "NO" for f in schema],
            "comment": pa.array(
                [(f.metadata or {}).get(b"comment", b"").decode() or None for f in schema], pa.string()
            ),
        }
    )


def history(work: Work, name: str) -> pa.Table:
    """The versions of a table, newest first."""
    versions = work.target(name).history()
    work.read.append(full_name(name))
    return pa.table(
        {
            "version": pa.array([v.version for v in versions], pa.int64()),
            "timestamp": pa.array([v.at_ms * 1000 for v in versions], pa.timestamp("us", "UTC")),
            "operation": pa.array([v.operation for v in versions], pa.string()),
            "user": pa.array([v.user for v in versions], pa.string()),
            "parameters": pa.array([_json(v.parameters) for v in versions], pa.string()),
            "metrics": pa.array([_json(v.metrics) for v in versions], pa.string()),
        }
    )


def show_tables(work: Work) -> pa.Table:
    """The tables and views that the actor may read."""
    names = [thing.name for thing in work.tables.list_things(work.actor, views=True)]
    schemas, shorts = zip(*(name.split(".", 1) for name in names), strict=True) if names else ((), ())
    return pa.table({"schema": pa.array(schemas, pa.string()), "table": pa.array(shorts, pa.string())})


def with_versions(schema: pa.Schema, versions: Iterable[tuple[str, int]]) -> pa.Schema:
    """The schema, which also says which tables and versions its rows were read from."""
    read = [{"name": name, "version": version} for name, version in sorted(versions)]
    return schema.with_metadata({**(schema.metadata or {}), VERSIONS_METADATA: json.dumps(read).encode()})


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
