"""What stands in pg_catalog and information_schema for one user: rows made from our catalog when a statement names a relation.

Called by `system.py`. The columns of the relations, and the rows about built-in types, are a real PostgreSQL's
(`relations.json`, written by `scripts/read_pg_catalog.py`). Promise: only what the user may read is listed; a table's number
(OID) is the same in every session.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from gureum.catalog.catalog import Thing
from gureum.errors import GureumError
from gureum.gateways.postgres.types import BY_OID, PgType, modifier, pg_type, pg_type_of_sql
from gureum.tables.mark import LogMark
from gureum.tables.tables import Tables, is_view
from gureum.types import Actor

__all__ = [
    "DATABASE_OID",
    "FORMATS",
    "Facts",
    "Relations",
    "arrow_schema",
    "column_types",
    "namespace_oid",
    "oid_of",
    "relation_names",
]

Row = dict[str, Any]

# As PostgreSQL numbers its own; ours begin where its users' begin.
_PG_CATALOG, _INFORMATION_SCHEMA, _OWNER = 11, 13_000, 10
DATABASE_OID = 5
_FIRST_OID = 16_384

# Columns of a table are remembered while its log is as it was; the least used of more are let go.
_COLUMNS_MAX = 20_000

FORMATS = {
    "bool": "boolean", "int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision",
    "varchar": "character varying", "bpchar": "character", "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone", "time": "time without time zone", "char": '"char"',
}  # fmt: skip

_ARROW = {
    "oid": pa.uint32(), "xid": pa.uint32(), "cid": pa.uint32(), "regproc": pa.uint32(), "regclass": pa.uint32(),
    "boolean": pa.bool_(), "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(), "real": pa.float32(),
    "double precision": pa.float64(), "timestamp with time zone": pa.timestamp("us", "UTC"), "bytea": pa.binary(),
    "oidvector": pa.list_(pa.uint32()), "oid[]": pa.list_(pa.uint32()), "int2vector": pa.list_(pa.int16()),
    "smallint[]": pa.list_(pa.int16()), "text[]": pa.list_(pa.string()), "name[]": pa.list_(pa.string()),
    "real[]": pa.list_(pa.float32()), '"char"[]': pa.list_(pa.string()), "integer[]": pa.list_(pa.int32()),
    "information_schema.cardinal_number": pa.int32(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What a session knows of itself."""

    user: str
    database: str
    pid: int
    started_us: int
    settings: Mapping[str, str] = field(default_factory=dict)
    version: str = ""


@cache
def _known() -> dict[str, Any]:
    body: dict[str, Any] = json.loads(Path(__file__).with_name("relations.json").read_text("utf-8"))
    return body


def relation_names() -> Iterable[str]:
    """`pg_catalog.pg_class`, ..."""
    names: dict[str, Any] = _known()["relations"]
    return names.keys()


def column_types(relation: str) -> dict[str, str]:
    return dict(_known()["relations"][relation])


def arrow_schema(relation: str) -> pa.Schema:
    return pa.schema([(column, _ARROW.get(kind, pa.string())) for column, kind in column_types(relation).items()])


def oid_of(key: str) -> int:
    """A number for a thing's id: the same for ever, and different for all but one pair in millions."""
    return _FIRST_OID + zlib.crc32(key.encode()) % (2**31 - _FIRST_OID)


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: PgType
    modifier: int
    nullable: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class _Columns:
    """Of one table, as of one state of its log."""

    state: object
    columns: tuple[_Column, ...]
    comment: str | None


class Relations:
    """Makes relations' rows. Share one per process; safe between threads."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._lock = threading.Lock()
        self._seen: dict[str, _Columns] = {}

    def table(self, name: str, actor: Actor, facts: Facts) -> pa.Table:
        """One relation, with all columns that PostgreSQL gives it; those that we have nothing for are NULL."""
        rows = list(_ROWS[name](_Look(self, actor, facts))) if name in _ROWS else []
        return pa.table(
            [pa.array([row.get(one.name) for row in rows], one.type) for one in arrow_schema(name)], arrow_schema(name)
        )

    def things(self, actor: Actor) -> list[Thing]:
        return sorted(self._tables.list_things(actor, views=True), key=lambda thing: thing.name)

    def columns(self, thing: Thing) -> _Columns:
        """A table's columns; none of one that cannot be read, which its own page reports."""
        if is_view(thing):
            found = tuple(
                _Column(one["name"], pg_type_of_sql(one["type"]) or BY_OID[25], -1, True, None)
                for one in thing.spec["columns"]
            )
            return _Columns(None, found, None)
        state = LogMark.changed(self._tables.location(thing))
        with self._lock:
            seen = self._seen.get(thing.id)
        if seen is not None and state is not None and seen.state == state:
            return seen
        try:
            table = self._tables.handle(thing)
            schema, comment = table.schema, table.comment
        except GureumError:
            return _Columns(None, (), None)
        found = tuple(
            _Column(
                one.name, pg_type(one.type), modifier(one.type), one.nullable,
                (one.metadata or {}).get(b"comment", b"").decode() or None,
            )
            for one in schema
        )  # fmt: skip
        made = _Columns(state, found, comment)
        with self._lock:
            self._seen.pop(thing.id, None)
            self._seen[thing.id] = made
            if len(self._seen) > _COLUMNS_MAX:
                self._seen.pop(next(iter(self._seen)))
        return made


@dataclass(slots=True)
class _Look:
    """One statement's look at the catalog."""

    relations: Relations
    actor: Actor
    facts: Facts

    def things(self) -> Iterator[tuple[int, str, str, Thing]]:
        """Number, schema, name."""
        for thing in self.relations.things(self.actor):
            schema, _, name = thing.name.partition(".")
            yield oid_of(thing.id), schema, name, thing

    def schemas(self) -> list[str]:
        return sorted({"main", *(schema for _, schema, _, _ in self.things())})

    def roles(self) -> list[str]:
        return sorted({self.facts.user, *(thing.owner for *_, thing in self.things())})


def namespace_oid(schema: str) -> int:
    return {"pg_catalog": _PG_CATALOG, "information_schema": _INFORMATION_SCHEMA}.get(schema) or oid_of(
        f"schema {schema}"
    )


def role_oid(name: str) -> int:
    return oid_of(f"role {name}")


# --- pg_catalog -----------------------------------------------------------------------------------------------------------


def _pg_namespace(look: _Look) -> Iterator[Row]:
    for schema in ("pg_catalog", "information_schema", *look.schemas()):
        owner = _OWNER if schema.startswith(("pg_", "information_")) else role_oid(look.facts.user)
        yield {"oid": namespace_oid(schema), "nspname": schema, "nspowner": owner}


def _pg_class(look: _Look) -> Iterator[Row]:
    for place, name in enumerate(relation_names()):
        schema, _, short = name.partition(".")
        yield _class_row(
            1_000 + place,
            short,
            namespace_oid(schema),
            _OWNER,
            "r" if schema == "pg_catalog" else "v",
            len(column_types(name)),
        )
    for oid, schema, name, thing in look.things():
        columns = len(look.relations.columns(thing).columns) if is_view(thing) else 0
        yield _class_row(
            oid, name, namespace_oid(schema), role_oid(thing.owner), "v" if is_view(thing) else "r", columns
        )


def _class_row(oid: int, name: str, schema: int, owner: int, kind: str, columns: int) -> Row:
    return {
        "oid": oid, "relname": name, "relnamespace": schema, "reltype": 0, "reloftype": 0, "relowner": owner,
        "relam": 2 if kind == "r" else 0, "relfilenode": oid, "reltablespace": 0, "relpages": 0, "reltuples": -1.0,
        "relallvisible": 0, "reltoastrelid": 0, "relhasindex": False, "relisshared": False, "relpersistence": "p", "relkind": kind,
        "relnatts": columns, "relchecks": 0, "relhasrules": False, "relhastriggers": False, "relhassubclass": False,
        "relrowsecurity": False, "relforcerowsecurity": False, "relispopulated": True, "relreplident": "d",
        "relispartition": False, "relrewrite": 0, "relfrozenxid": 0, "relminmxid": 0,
    }  # fmt: skip


def _pg_attribute(look: _Look) -> Iterator[Row]:
    types = {int(one["oid"]): one for one in _known()["types"]}
    for oid, _, _, thing in look.things():
        for number, column in enumerate(look.relations.columns(thing).columns, start=1):
            built = types[column.type.oid]
            yield {
                "attrelid": oid, "attname": column.name, "atttypid": column.type.oid, "attstattarget": -1,
                "attlen": column.type.size, "attnum": number, "attndims": int(bool(column.type.element)), "attcacheoff": -1,
                "atttypmod": column.modifier, "attbyval": built["typbyval"], "attalign": built["typalign"],
                "attstorage": built["typstorage"], "attcompression": "", "attnotnull": not column.nullable, "atthasdef": False,
                "atthasmissing": False, "attidentity": "", "attgenerated": "", "attisdropped": False, "attislocal": True,
                "attinhcount": 0, "attcollation": int(built["typcollation"]),
            }  # fmt: skip


def _numbers(row: Row, kinds: Mapping[str, str]) -> Row:
    """JSON has a type's own numbers as text."""
    return {
        name: int(value) if kinds.get(name) in {"oid", "regproc"} and value is not None else value
        for name, value in row.items()
    }


def _pg_type(_look: _Look) -> Iterator[Row]:
    kinds = column_types("pg_catalog.pg_type")
    yield from (_numbers(row, kinds) for row in _known()["types"])


def _pg_proc(_look: _Look) -> Iterator[Row]:
    for row in _known()["procs"]:
        yield {
            **row,
            "proowner": _OWNER,
            "prolang": 12,
            "pronargs": 1,
            "proretset": False,
            "proargtypes": [],
            "provariadic": 0,
        }


def _pg_description(look: _Look) -> Iterator[Row]:
    relation = 1_000 + list(relation_names()).index("pg_catalog.pg_class")
    for oid, _, _, thing in look.things():
        known = look.relations.columns(thing)
        comments = [(0, known.comment), *((at, one.comment) for at, one in enumerate(known.columns, start=1))]
        for number, comment in comments:
            if comment:
                yield {"objoid": oid, "classoid": relation, "objsubid": number, "description": comment}


def _pg_database(look: _Look) -> Iterator[Row]:
    yield {
        "oid": DATABASE_OID, "datname": look.facts.database, "datdba": role_oid(look.facts.user), "encoding": 6,
        "datlocprovider": "c", "datistemplate": False, "datallowconn": True, "datconnlimit": -1, "datfrozenxid": 0,
        "datminmxid": 0, "dattablespace": 1663, "datcollate": "C.UTF-8", "datctype": "C.UTF-8",
    }  # fmt: skip


def _pg_roles(look: _Look) -> Iterator[Row]:
    for name in look.roles():
        admin = name == look.facts.user and look.actor.is_admin
        yield {
            "oid": role_oid(name), "rolname": name, "rolsuper": admin, "rolinherit": True, "rolcreaterole": admin,
            "rolcreatedb": False, "rolcanlogin": True, "rolreplication": False, "rolconnlimit": -1, "rolbypassrls": admin,
            "usename": name, "usesysid": role_oid(name), "usecreatedb": False, "usesuper": admin, "userepl": False,
            "usebypassrls": admin,
        }  # fmt: skip


def _pg_settings(look: _Look) -> Iterator[Row]:
    for name, value in sorted(look.facts.settings.items()):
        yield {
            "name": name, "setting": value, "category": "Session", "short_desc": "", "context": "user", "vartype": "string",
            "source": "session", "boot_val": value, "reset_val": value, "pending_restart": False,
        }  # fmt: skip


def _pg_tables(look: _Look) -> Iterator[Row]:
    for _, schema, name, thing in look.things():
        if not is_view(thing):
            yield {
                "schemaname": schema, "tablename": name, "tableowner": thing.owner, "hasindexes": False, "hasrules": False,
                "hastriggers": False, "rowsecurity": False,
            }  # fmt: skip


def _pg_views(look: _Look) -> Iterator[Row]:
    for _, schema, name, thing in look.things():
        if is_view(thing):
            yield {
                "schemaname": schema,
                "viewname": name,
                "viewowner": thing.owner,
                "definition": str(thing.spec["view"]),
            }


def _pg_am(_look: _Look) -> Iterator[Row]:
    yield {"oid": 2, "amname": "heap", "amhandler": 3, "amtype": "t"}
    yield {"oid": 403, "amname": "btree", "amhandler": 330, "amtype": "i"}


def _pg_tablespace(look: _Look) -> Iterator[Row]:
    yield {"oid": 1663, "spcname": "pg_default", "spcowner": role_oid(look.facts.user)}


def _pg_collation(_look: _Look) -> Iterator[Row]:
    for oid, name in ((100, "default"), (950, "C")):
        yield {"oid": oid, "collname": name, "collnamespace": _PG_CATALOG, "collowner": _OWNER, "collprovider": "c",
               "collisdeterministic": True, "collencoding": -1}  # fmt: skip


def _pg_language(_look: _Look) -> Iterator[Row]:
    yield {"oid": 12, "lanname": "internal", "lanowner": _OWNER, "lanispl": False, "lanpltrusted": False}
    yield {"oid": 14, "lanname": "sql", "lanowner": _OWNER, "lanispl": False, "lanpltrusted": True}


def _pg_stat_activity(look: _Look) -> Iterator[Row]:
    yield {
        "datid": DATABASE_OID, "datname": look.facts.database, "pid": look.facts.pid, "usesysid": role_oid(look.facts.user),
        "usename": look.facts.user, "application_name": look.facts.settings.get("application_name", ""), "state": "active",
        "backend_type": "client backend",
    }  # fmt: skip


# --- information_schema -----------------------------------------------------------------------------------------------------


def _schemata(look: _Look) -> Iterator[Row]:
    for schema in (*look.schemas(), "information_schema", "pg_catalog"):
        yield {"catalog_name": look.facts.database, "schema_name": schema, "schema_owner": look.facts.user}


def _tables(look: _Look) -> Iterator[Row]:
    for _, schema, name, thing in look.things():
        view = is_view(thing)
        yield {
            "table_catalog": look.facts.database, "table_schema": schema, "table_name": name,
            "table_type": "VIEW" if view else "BASE TABLE", "is_insertable_into": "NO" if view else "YES", "is_typed": "NO",
        }  # fmt: skip
    for full in relation_names():
        schema, _, name = full.partition(".")
        yield {
            "table_catalog": look.facts.database, "table_schema": schema, "table_name": name,
            "table_type": "BASE TABLE" if schema == "pg_catalog" else "VIEW", "is_insertable_into": "NO", "is_typed": "NO",
        }  # fmt: skip


def _columns(look: _Look) -> Iterator[Row]:
    bits = {"int2": 16, "int4": 32, "int8": 64, "float4": 24, "float8": 53}
    for _, schema, name, thing in look.things():
        for number, column in enumerate(look.relations.columns(thing).columns, start=1):
            kind = column.type
            decimal = kind.name == "numeric" and column.modifier >= 4
            yield {
                "table_catalog": look.facts.database, "table_schema": schema, "table_name": name, "column_name": column.name,
                "ordinal_position": number, "is_nullable": "YES" if column.nullable else "NO",
                "data_type": "ARRAY" if kind.element else FORMATS.get(kind.name, kind.name),
                "character_octet_length": 1 << 30 if kind.name in {"text", "varchar"} else None,
                "numeric_precision": (column.modifier - 4) >> 16 if decimal else bits.get(kind.name),
                "numeric_precision_radix": 10 if kind.name == "numeric" else 2 if kind.name in bits else None,
                "numeric_scale": (column.modifier - 4) & 0xFFFF if decimal else 0 if kind.name.startswith("int") else None,
                "datetime_precision": 6 if kind.name.startswith("time") else 0 if kind.name == "date" else None,
                "udt_catalog": look.facts.database, "udt_schema": "pg_catalog", "udt_name": kind.name,
                "dtd_identifier": str(number), "is_self_referencing": "NO", "is_identity": "NO", "identity_cycle": "NO",
                "is_generated": "NEVER", "is_updatable": "NO" if is_view(thing) else "YES",
            }  # fmt: skip


def _views(look: _Look) -> Iterator[Row]:
    for _, schema, name, thing in look.things():
        if is_view(thing):
            yield {
                "table_catalog": look.facts.database, "table_schema": schema, "table_name": name,
                "view_definition": str(thing.spec["view"]), "check_option": "NONE", "is_updatable": "NO",
                "is_insertable_into": "NO",
            }  # fmt: skip


def _table_privileges(look: _Look) -> Iterator[Row]:
    for _, schema, name, thing in look.things():
        yield {
            "grantor": thing.owner, "grantee": look.facts.user, "table_catalog": look.facts.database, "table_schema": schema,
            "table_name": name, "privilege_type": "SELECT", "is_grantable": "NO", "with_hierarchy": "YES",
        }  # fmt: skip


def _roles(look: _Look) -> Iterator[Row]:
    yield {"role_name": look.facts.user, "grantee": look.facts.user, "is_grantable": "NO"}


def _character_sets(look: _Look) -> Iterator[Row]:
    yield {"character_set_name": "UTF8", "character_repertoire": "UCS", "form_of_use": "UTF8",
           "default_collate_catalog": look.facts.database, "default_collate_schema": "pg_catalog",
           "default_collate_name": "C.UTF-8"}  # fmt: skip


_ROWS: dict[str, Callable[[_Look], Iterable[Row]]] = {
    "pg_catalog.pg_namespace": _pg_namespace,
    "pg_catalog.pg_class": _pg_class,
    "pg_catalog.pg_attribute": _pg_attribute,
    "pg_catalog.pg_type": _pg_type,
    "pg_catalog.pg_proc": _pg_proc,
    "pg_catalog.pg_description": _pg_description,
    "pg_catalog.pg_database": _pg_database,
    "pg_catalog.pg_roles": _pg_roles,
    "pg_catalog.pg_authid": _pg_roles,
    "pg_catalog.pg_user": _pg_roles,
    "pg_catalog.pg_shadow": _pg_roles,
    "pg_catalog.pg_settings": _pg_settings,
    "pg_catalog.pg_tables": _pg_tables,
    "pg_catalog.pg_views": _pg_views,
    "pg_catalog.pg_am": _pg_am,
    "pg_catalog.pg_tablespace": _pg_tablespace,
    "pg_catalog.pg_collation": _pg_collation,
    "pg_catalog.pg_language": _pg_language,
    "pg_catalog.pg_stat_activity": _pg_stat_activity,
    "information_schema.schemata": _schemata,
    "information_schema.tables": _tables,
    "information_schema.columns": _columns,
    "information_schema.views": _views,
    "information_schema.table_privileges": _table_privileges,
    "information_schema.role_table_grants": _table_privileges,
    "information_schema.enabled_roles": _roles,
    "information_schema.applicable_roles": _roles,
    "information_schema.character_sets": _character_sets,
}
