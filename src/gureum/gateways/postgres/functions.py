"""PostgreSQL's functions about the catalog and the session, for `system.py`: as macros of DuckDB, or as what a session knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from gureum.gateways.postgres.relations import Facts

__all__ = ["MACROS", "NEEDS", "VERSION", "session_functions"]

# The version that the catalog's relations are of; what follows tells a person who really answers.
VERSION = "15.0"

_CLASS, _NAMESPACE, _ROLES = "sys_pg_catalog_pg_class", "sys_pg_catalog_pg_namespace", "sys_pg_catalog_pg_roles"
_DESCRIPTION, _VIEWS = "sys_pg_catalog_pg_description", "sys_pg_catalog_pg_views"

# Names inside begin with z: an argument takes the place of its name, and `c.oid` of a caller is not to be caught here.
MACROS = (
    """format_type(number, more) AS CASE
       WHEN number = 1700 AND more >= 4 THEN format('numeric({},{})', (more - 4) >> 16, (more - 4) & 65535)
       WHEN number = 1043 AND more >= 4 THEN format('character varying({})', more - 4)
       WHEN number IS NOT NULL THEN coalesce((SELECT zf.name FROM sys_formats zf WHERE zf.oid = number), '???') END""",
    f"pg_get_userbyid(number) AS coalesce((SELECT zr.rolname FROM {_ROLES} zr WHERE zr.oid = number), 'unknown')",
    f"""obj_description(number, catalog := 'pg_class') AS
        (SELECT zd.description FROM {_DESCRIPTION} zd WHERE zd.objoid = number AND zd.objsubid = 0)""",
    f"col_description(number, place) AS (SELECT zd.description FROM {_DESCRIPTION} zd WHERE zd.objoid = number AND zd.objsubid = place)",
    f"""pg_get_viewdef(number, pretty := false) AS
        (SELECT zv.definition FROM {_VIEWS} zv, {_CLASS} zc, {_NAMESPACE} zn
         WHERE zc.oid = number AND zn.oid = zc.relnamespace AND zv.schemaname = zn.nspname AND zv.viewname = zc.relname)""",
    f"regclass_text(number) AS (SELECT CASE WHEN zn.nspname IN ('main', 'pg_catalog') THEN zc.relname "
    f"ELSE zn.nspname || '.' || zc.relname END FROM {_CLASS} zc, {_NAMESPACE} zn WHERE zc.oid = number AND zn.oid = zc.relnamespace)",
    f"""regclass_number(word) AS (SELECT zc.oid FROM {_CLASS} zc, {_NAMESPACE} zn WHERE zn.oid = zc.relnamespace
        AND (zn.nspname || '.' || zc.relname = replace(word, '"', '') OR (zc.relname = replace(word, '"', '')
        AND zn.nspname IN ('main', 'pg_catalog'))))""",
    "regtype_text(number) AS (SELECT zf.name FROM sys_formats zf WHERE zf.oid = number)",
    "regtype_number(word) AS (SELECT zf.oid FROM sys_formats zf WHERE zf.name = word)",
    f"regnamespace_text(number) AS (SELECT zn.nspname FROM {_NAMESPACE} zn WHERE zn.oid = number)",
    f"regnamespace_number(word) AS (SELECT zn.oid FROM {_NAMESPACE} zn WHERE zn.nspname = word)",
    f"regrole_text(number) AS (SELECT zr.rolname FROM {_ROLES} zr WHERE zr.oid = number)",
    f"regrole_number(word) AS (SELECT zr.oid FROM {_ROLES} zr WHERE zr.rolname = word)",
    "regproc_text(number) AS CASE WHEN number = 0 THEN '-' ELSE CAST(number AS VARCHAR) END",
    "regproc_number(word) AS 0",
    "regprocedure_text(number) AS CAST(number AS VARCHAR)",
    "regprocedure_number(word) AS 0",
    f"to_regclass(word) AS (SELECT zc.oid FROM {_CLASS} zc, {_NAMESPACE} zn WHERE zn.oid = zc.relnamespace AND "
    f"(zn.nspname || '.' || zc.relname = word OR (zc.relname = word AND zn.nspname IN ('main', 'pg_catalog'))))",
    "to_regtype(word) AS (SELECT zf.oid FROM sys_formats zf WHERE zf.name = word)",
    "shobj_description(number, catalog) AS NULL::VARCHAR",
    f"pg_table_is_visible(number) AS EXISTS (SELECT 1 FROM {_CLASS} zc, {_NAMESPACE} zn WHERE zc.oid = number AND zn.oid = zc.relnamespace AND zn.nspname IN ('main', 'pg_catalog'))",
    "pg_type_is_visible(number) AS true",
    "pg_function_is_visible(number) AS true",
    "pg_operator_is_visible(number) AS true",
    "pg_opclass_is_visible(number) AS true",
    "pg_collation_is_visible(number) AS true",
    "pg_ts_config_is_visible(number) AS true",
    "pg_statistics_obj_is_visible(number) AS true",
    "pg_get_expr(tree, relation, pretty := false) AS NULL::VARCHAR",
    "pg_get_indexdef(number, place := 0, pretty := false) AS NULL::VARCHAR",
    "pg_get_constraintdef(number, pretty := false) AS NULL::VARCHAR",
    "pg_get_triggerdef(number, pretty := false) AS NULL::VARCHAR",
    "pg_get_ruledef(number, pretty := false) AS NULL::VARCHAR",
    "pg_get_partkeydef(number) AS NULL::VARCHAR",
    "pg_get_functiondef(number) AS NULL::VARCHAR",
    "pg_get_function_sqlbody(number) AS NULL::VARCHAR",
    "pg_get_function_arg_default(number, place) AS NULL::VARCHAR",
    "pg_sequence_last_value(number) AS NULL::BIGINT",
    "pg_get_function_result(number) AS NULL::VARCHAR",
    "pg_get_function_arguments(number) AS NULL::VARCHAR",
    "pg_get_function_identity_arguments(number) AS NULL::VARCHAR",
    "pg_get_statisticsobjdef_columns(number) AS NULL::VARCHAR",
    "pg_get_serial_sequence(relation, name) AS NULL::VARCHAR",
    "pg_relation_size(number, fork := 'main') AS 0::BIGINT",
    "pg_table_size(number) AS 0::BIGINT",
    "pg_indexes_size(number) AS 0::BIGINT",
    "pg_total_relation_size(number) AS 0::BIGINT",
    "pg_database_size(number) AS 0::BIGINT",
    "pg_tablespace_size(number) AS 0::BIGINT",
    "pg_size_pretty(size) AS CAST(size AS VARCHAR) || ' bytes'",
    "pg_tablespace_location(number) AS ''",
    "pg_encoding_to_char(number) AS 'UTF8'",
    "pg_char_to_encoding(name) AS 6",
    "pg_relation_is_publishable(number) AS false",
    "pg_relation_is_updatable(number, triggers := false) AS 0",
    "pg_is_other_temp_schema(number) AS false",
    "pg_stat_get_numscans(number) AS 0::BIGINT",
    "has_table_privilege(a, b, c := NULL) AS lower(coalesce(c, b)) LIKE '%select%'",
    "has_any_column_privilege(a, b, c := NULL) AS lower(coalesce(c, b)) LIKE '%select%'",
    "has_column_privilege(a, b, c, d := NULL) AS lower(coalesce(d, c)) LIKE '%select%'",
    "has_schema_privilege(a, b, c := NULL) AS lower(coalesce(c, b)) LIKE '%usage%'",
    "has_database_privilege(a, b, c := NULL) AS lower(coalesce(c, b)) LIKE '%connect%'",
    "has_function_privilege(a, b, c := NULL) AS true",
    "has_sequence_privilege(a, b, c := NULL) AS false",
    "has_tablespace_privilege(a, b, c := NULL) AS false",
    "has_type_privilege(a, b, c := NULL) AS true",
    "has_language_privilege(a, b, c := NULL) AS true",
    "has_foreign_data_wrapper_privilege(a, b, c := NULL) AS false",
    "has_server_privilege(a, b, c := NULL) AS false",
    "pg_has_role(a, b, c := NULL) AS true",
    "row_security_active(number) AS false",
    "quote_ident(word) AS CASE WHEN regexp_full_match(word, '[a-z_][a-z0-9_$]*') THEN word ELSE '\"' || replace(word, '\"', '\"\"') || '\"' END",
    "quote_literal(word) AS '''' || replace(word, '''', '''''') || ''''",
    "age(number) AS 0",
    "array_remove(cells, gone) AS list_filter(cells, lambda one: one <> gone)",
    "array_upper(cells, dimension) AS nullif(len(cells), 0)",
    "array_lower(cells, dimension) AS CASE WHEN len(cells) > 0 THEN 1 END",
    "pg_get_keywords() AS TABLE SELECT NULL::VARCHAR AS word, NULL::VARCHAR AS catcode, NULL::VARCHAR AS catdesc LIMIT 0",
)

# The relations behind a macro, which must be there when it is called.
NEEDS: dict[str, tuple[str, ...]] = {
    "pg_get_userbyid": ("pg_catalog.pg_roles",),
    "obj_description": ("pg_catalog.pg_description",),
    "col_description": ("pg_catalog.pg_description",),
    "pg_get_viewdef": ("pg_catalog.pg_views", "pg_catalog.pg_class", "pg_catalog.pg_namespace"),
    "pg_table_is_visible": ("pg_catalog.pg_class", "pg_catalog.pg_namespace"),
    "regclass_text": ("pg_catalog.pg_class", "pg_catalog.pg_namespace"),
    "regclass_number": ("pg_catalog.pg_class", "pg_catalog.pg_namespace"),
    "to_regclass": ("pg_catalog.pg_class", "pg_catalog.pg_namespace"),
    "regnamespace_text": ("pg_catalog.pg_namespace",),
    "regnamespace_number": ("pg_catalog.pg_namespace",),
    "regrole_text": ("pg_catalog.pg_roles",),
    "regrole_number": ("pg_catalog.pg_roles",),
    **{
        name.split("(")[0]: ()
        for name in MACROS
        if name.startswith(("format_type", "has_", "pg_encoding", "pg_size", "quote_"))
    },
}


def session_functions(facts: Facts) -> dict[str, Callable[[list[exp.Expr]], exp.Expr]]:
    """What each function gives in a session, by name; `set_config` is the session's own to do."""

    def always(value: Any) -> Callable[[list[exp.Expr]], exp.Expr]:
        node = exp.convert(value) if value is not None else exp.cast(exp.null(), "VARCHAR")
        return lambda _: node.copy()

    def setting(arguments: list[exp.Expr]) -> exp.Expr:
        name = arguments[0].name.lower() if arguments else ""
        return exp.cast(exp.convert(facts.settings.get(name)), "VARCHAR")

    def schemas(arguments: list[exp.Expr]) -> exp.Expr:
        implicit = bool(arguments) and arguments[0].sql().upper() == "TRUE"
        return exp.Array(expressions=[exp.convert(one) for one in (["pg_catalog"] if implicit else []) + ["main"]])

    return {
        **dict.fromkeys(("current_user", "session_user", "user", "current_role"), always(facts.user)),
        **dict.fromkeys(("current_database", "current_catalog"), always(facts.database)),
        "current_schema": always("main"),
        "current_schemas": schemas,
        "version": always(f"PostgreSQL {VERSION} (gureum {facts.version})"),
        "pg_backend_pid": always(facts.pid),
        "current_setting": setting,
        "pg_is_in_recovery": always(False),
        "pg_is_wal_replay_paused": always(False),
        "txid_current": always(1),
        "pg_my_temp_schema": always(0),
        "pg_client_encoding": always("UTF8"),
        "inet_server_addr": always(None),
        "inet_client_addr": always(None),
        "inet_server_port": always(None),
        "pg_postmaster_start_time": lambda _: exp.cast(
            exp.Anonymous(this="make_timestamp", expressions=[exp.convert(facts.started_us)]), "TIMESTAMPTZ"
        ),
        "pg_conf_load_time": lambda _: exp.cast(
            exp.Anonymous(this="make_timestamp", expressions=[exp.convert(facts.started_us)]), "TIMESTAMPTZ"
        ),
    }
