"""Writes `gateways/postgres/relations.json` from a real PostgreSQL: the columns of its catalog's relations and the rows about
its built-in types, which clients ask for before they ask for anything else.

`python scripts/read_pg_catalog.py postgresql://...`; run again when the door speaks for a newer version.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg

OUT = Path(__file__).parents[1] / "src" / "gureum" / "gateways" / "postgres" / "relations.json"

COLUMNS = """
SELECT n.nspname || '.' || c.relname, array_agg(ARRAY[a.attname, format_type(a.atttypid, NULL)] ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
AND c.relname NOT LIKE 'pg_toast%%' GROUP BY 1 ORDER BY 1
"""
TYPES = [
    "bool",
    "bytea",
    "char",
    "name",
    "int8",
    "int2",
    "int4",
    "regproc",
    "text",
    "oid",
    "json",
    "float4",
    "float8",
    "varchar",
    "bpchar",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "numeric",
    "uuid",
    "jsonb",
    "unknown",
    "void",
    "record",
    "regclass",
    "regtype",
    "xid",
    "tid",
    "cid",
    "oidvector",
    "int2vector",
]
TYPE_ROWS = """
SELECT row_to_json(t) FROM (
  SELECT * FROM pg_type WHERE typname = ANY(%s) OR typname = ANY(SELECT '_' || n FROM unnest(%s::text[]) n)
  ORDER BY oid
) t
"""
PROC_ROWS = """
SELECT row_to_json(p) FROM (
  SELECT oid::bigint AS oid, proname, pronamespace::bigint AS pronamespace, prorettype::bigint AS prorettype, prokind
  FROM pg_proc WHERE oid IN (
    SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend]) FROM pg_type
    WHERE typname = ANY(%s) OR typname = ANY(SELECT '_' || n FROM unnest(%s::text[]) n)
  ) ORDER BY oid
) p
"""


def main() -> None:
    with psycopg.connect(sys.argv[1]) as connection:
        relations = dict(connection.execute(COLUMNS).fetchall())
        types = [row[0] for row in connection.execute(TYPE_ROWS, (TYPES, TYPES))]
        procs = [row[0] for row in connection.execute(PROC_ROWS, (TYPES, TYPES))]
        numbers = {
            row[0]: row[1] for row in connection.execute("SELECT proname, oid::bigint FROM pg_proc ORDER BY oid DESC")
        }
    for one in types:
        for name, value in one.items():
            if name in {
                "typinput",
                "typoutput",
                "typreceive",
                "typsend",
                "typmodin",
                "typmodout",
                "typanalyze",
                "typsubscript",
            }:
                one[name] = 0 if value == "-" else numbers[value]
    lines = [f"{json.dumps(name)}: {json.dumps(columns)}" for name, columns in relations.items()]
    body = ",\n".join(lines)
    rows = {name: ",\n".join(json.dumps(row) for row in found) for name, found in (("types", types), ("procs", procs))}
    OUT.write_text(
        f'{{"relations": {{\n{body}\n}},\n"types": [\n{rows["types"]}\n],\n"procs": [\n{rows["procs"]}\n]}}\n'
    )


if __name__ == "__main__":
    main()
