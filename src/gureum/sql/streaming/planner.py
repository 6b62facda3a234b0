"""From the text of a standing query to its plan.

Called by `query`, by the SQL editor (to check a text as it is typed) and by the SDK. Pure: what the catalog knows of a
stream comes through `lookup`. Every refusal has a line and a column, and near names where there are some.

A query is read from the inside out: FROM gives a relation (columns, stages so far), WHERE, window and GROUP BY add
stages to it, and the list after SELECT makes the next relation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

import pyarrow as pa
from sqlglot import exp

from gureum.errors import InvalidInput
from gureum.names import Kind, check_name, did_you_mean
from gureum.sql.quoting import quoted
from gureum.sql.streaming.aggregate_calls import AGGREGATES, AggregateCalls
from gureum.sql.streaming.dialect import WindowFunction, sql_error
from gureum.sql.streaming.duck import Duck
from gureum.sql.streaming.expressions import Compiler, Expression, Scope, interval_us, place_of
from gureum.sql.streaming.plan import (
    AggregateStage,
    AssignStage,
    MapStage,
    Plan,
    SinkPlan,
    SourcePlan,
    SourceSchema,
    Stage,
    WindowSpec,
)
from gureum.sql.streaming.script import Script, parse_script
from gureum.sql.streaming.source_plan import read_options, source_of_declaration, source_of_schema
from gureum.sql.types import sql_type

__all__ = ["REFUSED", "Lookup", "plan_query"]

Lookup = Callable[[str], SourceSchema | None]

# A row of overlapping windows is given to each of them; more than this is a mistyped slide.
WINDOWS_PER_ROW_MAX = 1_000

BOUNDS = ("window_start", "window_end", "window_time")


@dataclass(frozen=True, slots=True)
class _Relation:
    """What FROM gives: columns, the stages that make them, and what is known of time in them."""

    source: SourcePlan
    columns: Mapping[str, pa.DataType]
    stages: tuple[Stage, ...]
    rowtimes: frozenset[str]
    window: WindowSpec | None = None  # a windowing function whose rows are not assigned yet
    window_rowtime: str | None = None
    group_keys: tuple[str, ...] = ()
    keys_known: bool = False
    rowtime_out: str | None = None


@dataclass(slots=True)
class _Planner:
    script: Script
    lookup: Lookup
    duck: Duck
    views: list[dict[str, exp.Expr]] = field(default_factory=list)
    open_views: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.script.text

    def fail(self, node: exp.Expr, message: str, code: str, hint: str | None = None) -> NoReturn:
        raise sql_error(self.text, place_of(node), message, code=code, hint=hint)

    # -- FROM

    def query(self, node: exp.Expr) -> _Relation:
        if isinstance(node, exp.Subquery):
            _only(self, node, {"this", "alias"})
            return self.query(node.this)
        if isinstance(node, exp.SetOperation):
            word = type(node).__name__.upper()
            self.fail(node, f"{word} is not supported", "sql.unsupported", "make a query for each part, into one table")
        if not isinstance(node, exp.Select):
            self.fail(node, "expected SELECT", "sql.syntax")
        common = node.args.get("with_")
        if common is not None:
            if common.args.get("recursive"):
                self.fail(common, "WITH RECURSIVE is not supported", "sql.unsupported")
            self.views.append({cte.alias: cte.this for cte in common.expressions})
        try:
            return self.select(node)
        finally:
            if common is not None:
                self.views.pop()

    def relation(self, node: exp.Expr) -> tuple[_Relation, str | None]:
        """A relation of FROM and the name by which its columns may be qualified."""
        alias = node.alias or None
        if isinstance(node, WindowFunction):
            return self.windowed(node), alias
        if isinstance(node, exp.Subquery):
            return self.query(node), alias
        if not isinstance(node, exp.Table):
            self.fail(node, "FROM takes a stream, a windowing function or a subquery", "sql.unsupported")
        _only(self, node, {"this", "db", "catalog", "alias"})
        if not isinstance(node.this, exp.Identifier):
            self.fail(
                node,
                "FROM takes no function but a windowing one",
                "sql.unsupported",
                "write TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))",
            )
        name = ".".join(part.name for part in node.parts)
        return self.named(node, name), alias or name

    def named(self, node: exp.Expr, name: str) -> _Relation:
        for views in (*reversed(self.views), self.script.views):
            if name in views:
                if name in self.open_views:
                    self.fail(node, f"{name!r} is defined by itself", "sql.unsupported")
                self.open_views.append(name)
                try:
                    return self.query(views[name])
                finally:
                    self.open_views.pop()
        if name in self.script.tables:
            source = source_of_declaration(self.text, self.script.tables[name], self.duck)
        else:
            schema = self.lookup(name)
            if schema is None:
                known = [*self.script.tables, *self.script.views, *(key for views in self.views for key in views)]
                self.fail(
                    node,
                    f"there is no stream {name!r}",
                    "sql.unknown_table",
                    did_you_mean(name, known) or "declare it with CREATE TABLE ... WITH ('stream'='...')",
                )
            source = source_of_schema(self.text, name, schema, self.duck)
        rowtimes = frozenset({source.rowtime}) if source.rowtime else frozenset()
        columns = {item: source.types[item] for item in source.order}
        return _Relation(source, columns, (), rowtimes, rowtime_out=source.rowtime)

    def windowed(self, node: WindowFunction) -> _Relation:
        relation, _ = self.relation(node.this)
        if relation.window is not None:
            relation = self.assigned(relation)
        kind = str(node.args["kind"])
        column = node.args["column"]
        name = column.name
        if name not in relation.columns:
            self.fail(
                column, f"there is no column {name!r}", "sql.unknown_column", did_you_mean(name, relation.columns)
            )
        if name not in relation.rowtimes:
            hint = f"declare the stream with WATERMARK FOR {name} AS {name} - INTERVAL '5' SECOND"
            if relation.rowtimes:
                hint = f"the time column here is {' or '.join(sorted(map(repr, relation.rowtimes)))}"
            self.fail(column, f"{name!r} has no watermark, so its windows would never end", "sql.watermark", hint)
        window = self.window_spec(node, kind)
        columns = {item: arrow for item, arrow in relation.columns.items() if item not in BOUNDS}
        # Instants stay instants in the bounds, as in Flink.
        columns |= dict.fromkeys(BOUNDS, relation.columns[name])
        if name in BOUNDS:
            relation, name = self._renamed(relation, name)
            columns[name] = relation.columns[name]
        return replace(relation, columns=columns, window=window, window_rowtime=name)

    def _renamed(self, relation: _Relation, name: str) -> tuple[_Relation, str]:
        """A window over window_time: keep the old bound under another name, since the new window brings its own."""
        kept = f"inner_{name}"
        columns = {(kept if item == name else item): arrow for item, arrow in relation.columns.items()}
        picks = tuple((kept if item == name else item, _pick(item, arrow)) for item, arrow in relation.columns.items())
        return replace(relation, columns=columns, stages=(*relation.stages, MapStage(None, picks))), kept

    def window_spec(self, node: WindowFunction, kind: str) -> WindowSpec:
        lengths = [interval_us(self.text, interval) for interval in node.args["intervals"]]
        wanted = 1 if kind == "TUMBLE" else 2
        if len(lengths) not in {wanted, wanted + 1}:
            forms = {
                "TUMBLE": "TUMBLE(TABLE s, DESCRIPTOR(ts), size)",
                "HOP": "HOP(TABLE s, DESCRIPTOR(ts), slide, size)",
                "CUMULATE": "CUMULATE(TABLE s, DESCRIPTOR(ts), step, size)",
            }
            self.fail(node, f"{kind} takes {wanted} intervals", "sql.arguments", forms[kind])
        size, slide = (lengths[0], lengths[0]) if kind == "TUMBLE" else (lengths[1], lengths[0])
        offset = lengths[wanted] if len(lengths) > wanted else 0
        if size <= 0 or slide <= 0:
            self.fail(node, "a window must be longer than nothing", "sql.interval")
        if kind == "CUMULATE" and size % slide:
            self.fail(node, "the size of CUMULATE must be a multiple of its step", "sql.interval")
        if slide > size:
            self.fail(
                node,
                "the slide of HOP is longer than its windows, which would drop rows",
                "sql.interval",
                "the order is HOP(TABLE s, DESCRIPTOR(ts), slide, size)",
            )
        if size // slide > WINDOWS_PER_ROW_MAX:
            self.fail(node, f"each row would be in more than {WINDOWS_PER_ROW_MAX} windows", "sql.interval")
        return WindowSpec(kind, size, slide, offset % slide)

    def assigned(self, relation: _Relation) -> _Relation:
        """The relation with its window's bounds as ordinary columns of its rows."""
        assert relation.window is not None
        assert relation.window_rowtime is not None
        stage = AssignStage(relation.window, relation.window_rowtime, pa.schema(list(relation.columns.items())))
        rowtimes = relation.rowtimes | {"window_time"}
        return replace(relation, stages=(*relation.stages, stage), window=None, rowtimes=rowtimes)

    # -- SELECT

    def select(self, node: exp.Select) -> _Relation:
        if node.args.get("joins") or node.args.get("laterals"):
            join = (node.args.get("joins") or node.args.get("laterals") or [node])[0]
            self.fail(join, "joins are not supported", "sql.unsupported", "write the stream to a table and join there")
        for key, words in REFUSED.items():
            if node.args.get(key):
                part = node.args[key]
                at = part[0] if isinstance(part, list) else part
                self.fail(at if isinstance(at, exp.Expr) else node, words[0], "sql.unsupported", words[1])
        _only(self, node, {"with_", "expressions", "from_", "where", "group", "having"})
        over = next((part for item in node.expressions for part in item.find_all(exp.Window)), None)
        if over is not None:
            hint = "use a window and its aggregates: TABLE(TUMBLE(...)), MAX, FIRST_VALUE, LAST_VALUE"
            self.fail(over, "OVER is not supported", "sql.unsupported", hint)
        start = node.args.get("from_")
        if start is None:
            self.fail(node, "a standing query reads FROM a stream", "sql.syntax")
        relation, qualifier = self.relation(start.this)
        calls = AggregateCalls(self.text)
        having = node.args.get("having")
        grouped = bool(node.args.get("group")) or having is not None
        if grouped or any(calls.find(item) for item in node.expressions):
            return self.grouped(node, relation, qualifier)
        if relation.window is not None:
            relation = self.assigned(relation)
        compiler = Compiler(self.text, Scope(relation.columns, qualifier), self.duck)
        where = node.args.get("where")
        condition = compiler.condition(where.this, "WHERE") if where is not None else None
        columns = self.projection(node, compiler, relation.columns, qualifier)
        return self.projected(relation, condition, columns)

    def projected(
        self, relation: _Relation, condition: Expression | None, columns: tuple[tuple[str, Expression], ...]
    ) -> _Relation:
        stage = MapStage(condition, columns)
        picks = {expression.pick: name for name, expression in reversed(columns) if expression.pick}
        rowtimes = frozenset(name for name, item in columns if item.pick in relation.rowtimes)
        rowtime_out = picks.get(relation.rowtime_out or "")
        kept = tuple(picks[key] for key in relation.group_keys if key in picks)
        return replace(
            relation,
            columns={name: item.type for name, item in columns},
            stages=(*relation.stages, stage),
            rowtimes=rowtimes,
            group_keys=kept,
            keys_known=relation.keys_known and len(kept) == len(relation.group_keys),
            rowtime_out=rowtime_out,
        )

    def projection(
        self, node: exp.Select, compiler: Compiler, star: Mapping[str, pa.DataType], qualifier: str | None
    ) -> tuple[tuple[str, Expression], ...]:
        columns: list[tuple[str, Expression]] = []
        for index, item in enumerate(node.expressions):
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                if any(item.args.get(key) for key in ("except_", "replace", "rename", "except")):
                    self.fail(item, "* EXCEPT and * REPLACE are not supported", "sql.unsupported")
                table = item.args.get("table")
                if table is not None and table.name != qualifier:
                    self.fail(item, f"there is no table {table.name!r} here", "sql.unknown_table")
                columns.extend((name, _pick(name, arrow)) for name, arrow in star.items() if not name.startswith("$"))
                continue
            name, inner = _named(item, index)
            if isinstance(item, exp.Alias) and not isinstance(item.args.get("alias"), exp.Identifier):
                self.fail(item, "expected a name after AS", "sql.syntax")
            expression = compiler.compile(inner)
            try:
                sql_type(expression.type)
            except InvalidInput:
                self.fail(item, f"column {name!r} would be an interval, which no table holds", "sql.type", "CAST it")
            columns.append((name, expression))
        seen: set[str] = set()
        for (name, _), item in zip(columns, [*node.expressions, *[node] * len(columns)], strict=False):
            if name in seen:
                self.fail(item, f"two columns are called {name!r}", "sql.duplicate", "give one another name with AS")
            seen.add(name)
        return tuple(columns)

    # -- GROUP BY

    def grouped(self, node: exp.Select, relation: _Relation, qualifier: str | None) -> _Relation:
        window, rowtime = relation.window, relation.window_rowtime
        if window is None or rowtime is None:
            self.fail(
                node.args.get("group") or node,
                "an aggregate over a stream needs windows, or it would never be finished",
                "sql.unbounded",
                "FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND)) ... GROUP BY window_start, window_end",
            )
        inner_columns = {name: arrow for name, arrow in relation.columns.items() if name not in BOUNDS}
        bounds_inside = window.kind == "TUMBLE"
        compiler = Compiler(
            self.text, Scope(relation.columns if bounds_inside else inner_columns, qualifier), self.duck
        )
        bound_type = relation.columns[rowtime]
        keys, bounds = self.group_keys(node, relation, qualifier)
        where = node.args.get("where")
        condition = self._condition(where, compiler, inner_columns, bounds_inside)
        calls = AggregateCalls(self.text, qualifier)
        replaced: dict[str, exp.Expr] = {
            calls.text_of(key): exp.column(f"$key{index}", quoted=True) for index, key in enumerate(keys)
        }
        items = [calls.replace(item, replaced) for item in node.expressions]
        having = node.args.get("having")
        having_node = calls.replace(having.this, replaced) if having is not None else None

        # Stage one: the keys, the aggregates' arguments and the time, as plain columns.
        before: dict[str, Expression] = {"$time": _pick(rowtime, bound_type)}
        for index, key in enumerate(keys):
            before[f"$key{index}"] = compiler.compile(key)
            if pa.types.is_nested(before[f"$key{index}"].type):
                self.fail(key, "GROUP BY takes no ARRAY, MAP or ROW", "sql.type", "group by one of its elements")
        aggregates = calls.compile(compiler, before)
        stages: tuple[Stage, ...] = relation.stages
        used = set().union(*(item.columns for item in before.values()), condition.columns if condition else set())
        if used & set(BOUNDS):
            stages = (*stages, AssignStage(window, rowtime, pa.schema(list(relation.columns.items()))))
        stages = (*stages, MapStage(condition, tuple(before.items())))

        # Stage two: the window; stage three: HAVING and the list after SELECT, over keys, bounds and aggregates.
        after: dict[str, pa.DataType] = {f"$key{i}": before[f"$key{i}"].type for i in range(len(keys))}
        after |= dict.fromkeys(BOUNDS, bound_type)
        after |= {aggregate.name: aggregate.type for aggregate in aggregates}
        key_names = tuple(f"$key{index}" for index in range(len(keys)))
        stages = (
            *stages,
            AggregateStage(window, "$time", key_names, tuple(aggregates), pa.schema(list(after.items()))),
        )
        result = _Grouped(self.text, Scope(after, qualifier), self.duck, set(inner_columns))
        condition_after = result.condition(having_node, "HAVING") if having_node is not None else None
        select = exp.Select(expressions=items)
        for original in node.expressions:
            if isinstance(original, exp.Star):
                self.fail(original, "* does not go with GROUP BY", "sql.group")
        visible = {name: arrow for name, arrow in after.items() if not name.startswith("$")}
        names = [_named(original, index)[0] for index, original in enumerate(node.expressions)]
        columns = self.projection(select, result, visible, qualifier)
        columns = tuple((name, expression) for name, (_, expression) in zip(names, columns, strict=True))
        grouped = replace(
            relation,
            columns=after,
            stages=stages,
            rowtimes=frozenset({"window_time"}),
            window=None,
            group_keys=key_names,
            keys_known=True,
            rowtime_out="window_time" if "window_time" in bounds else None,
        )
        projected = self.projected(grouped, condition_after, columns)
        outs = {item.pick: name for name, item in reversed(columns) if item.pick in BOUNDS}
        # A window over windows may go by their end or last moment, which are not before the watermark that fired them;
        # by their start, rows would come for windows that are gone.
        times = frozenset(name for bound, name in outs.items() if bound != "window_start")
        time = outs.get("window_end") or outs.get("window_time") or outs.get("window_start")
        return replace(projected, rowtimes=times, rowtime_out=time)

    def _condition(
        self, where: exp.Expr | None, compiler: Compiler, inner: Mapping[str, pa.DataType], bounds_inside: bool
    ) -> Expression | None:
        if where is None:
            return None
        if not bounds_inside:
            for column in where.find_all(exp.Column):
                if column.name in BOUNDS and column.name not in inner:
                    self.fail(
                        column, f"WHERE cannot use {column.name} of overlapping windows", "sql.group", "use HAVING"
                    )
        return compiler.condition(where.this, "WHERE")

    def group_keys(
        self, node: exp.Select, relation: _Relation, qualifier: str | None
    ) -> tuple[list[exp.Expr], set[str]]:
        """The keys without the window's bounds, and which bounds were named. One bound is enough: it implies the others."""
        group = node.args.get("group")
        if group is None:
            self.fail(
                node,
                "an aggregate over windows needs GROUP BY window_start, window_end",
                "sql.group",
                "add GROUP BY window_start, window_end",
            )
        _only(self, group, {"expressions"})
        keys: list[exp.Expr] = []
        bounds: set[str] = set()
        aliases = {item.alias: item.this for item in node.expressions if isinstance(item, exp.Alias)}
        for item in group.expressions:
            if isinstance(item, exp.Column) and item.name in BOUNDS and item.table in {"", qualifier}:
                bounds.add(item.name)
                continue
            if isinstance(item, exp.Literal):
                self.fail(item, "GROUP BY takes columns, not positions", "sql.unsupported", "write the column's name")
            if isinstance(item, (exp.Tuple, exp.Cube, exp.Rollup, exp.GroupingSets)):
                self.fail(item, "GROUPING SETS, ROLLUP and CUBE are not supported", "sql.unsupported")
            if isinstance(item, exp.Column) and item.name not in relation.columns and item.name in aliases:
                item = aliases[item.name]  # GROUP BY may name a column of the result
            keys.append(item)
        if not bounds:
            self.fail(group, "GROUP BY lacks the window", "sql.group", "add window_start, window_end to GROUP BY")
        return keys, bounds


class _Grouped(Compiler):
    """Expressions over groups: a column of the input that is not a key has no single value here."""

    def __init__(self, text: str, scope: Scope, duck: Duck, inner: set[str]) -> None:
        super().__init__(text, scope, duck)
        self._inner = inner

    def resolve(self, column: exp.Column) -> tuple[str, tuple[str, ...]]:
        names = [part.name for part in column.parts]
        name = names[1] if len(names) > 1 and names[0] == self.scope.qualifier else names[0]
        if name not in self.scope.columns and name in self._inner:
            self.fail(
                column,
                f"column {name!r} is neither in GROUP BY nor in an aggregate",
                code="sql.group",
                hint=f"add it to GROUP BY, or use MAX({name})",
            )
        return super().resolve(column)


def _named(item: exp.Expr, index: int) -> tuple[str, exp.Expr]:
    """A column's name and its expression; without AS, a column keeps its name, the rest is EXPR$n as in Flink."""
    if isinstance(item, exp.Alias):
        return item.alias, item.this
    if isinstance(item, exp.Column):
        return item.name, item
    return f"EXPR${index}", item


def _pick(name: str, arrow: pa.DataType) -> Expression:
    return Expression(quoted(name), arrow, frozenset({name}), name, 0, pick=name)


def _only(planner: _Planner, node: exp.Expr, known: set[str]) -> None:
    """Refuse any part of a node that we would otherwise not read."""
    for key, value in node.args.items():
        if value and key not in known and not key.startswith("_"):
            at = value[0] if isinstance(value, list) else value
            word = _WORDS.get(key, key.upper().strip("_"))
            planner.fail(at if isinstance(at, exp.Expr) else node, f"{word} is not supported", "sql.unsupported")


_WORDS = {
    "sample": "TABLESAMPLE",
    "order": "ORDER BY",
    "cube": "CUBE",
    "rollup": "ROLLUP",
    "grouping_sets": "GROUPING SETS",
}
REFUSED: dict[str, tuple[str, str | None]] = {
    "distinct": ("SELECT DISTINCT over a stream would never be finished", "group by the columns in a window"),
    "order": ("ORDER BY over a stream would never be finished", "order when you read the table"),
    "limit": ("LIMIT is not supported: a standing query does not end", "limit when you read the table"),
    "offset": ("OFFSET is not supported: a standing query does not end", "limit when you read the table"),
    "qualify": ("QUALIFY is not supported", "use HAVING over a window aggregate"),
    "windows": ("WINDOW clauses are not supported", "use TABLE(TUMBLE(...))"),
    "match": ("MATCH_RECOGNIZE is not supported", "use windows, filters and alerts"),
}


# Where a query's rows go, beside its text: a table's name, or a stream's behind this.
STREAM_PREFIX = "stream:"


def plan_query(text: str, lookup: Lookup, *, into: str | None = None) -> Plan:
    """Plan a script, or a bare SELECT whose sink is `into`.

    Raises InvalidInput with `line` and `column` in its details. The plan holds no resource.
    """
    script = parse_script(text)
    duck = Duck()
    try:
        planner = _Planner(script, lookup, duck)
        assert script.query is not None
        relation = planner.query(script.query)
        if relation.window is not None:
            relation = planner.assigned(relation)
        return _finish(planner, relation, into)
    except RecursionError:
        raise InvalidInput("the query is nested too deeply", code="sql.too_deep") from None
    finally:
        duck.close()


def _finish(planner: _Planner, relation: _Relation, into: str | None) -> Plan:
    script = planner.script
    name, at = script.into or into, script.into_at
    if script.into and into and script.into != into:
        raise sql_error(script.text, at, f"the text inserts into {script.into!r}, not {into!r}", code="sql.into")
    if not name:
        raise sql_error(
            script.text,
            0,
            "the query has no sink",
            code="sql.no_sink",
            hint="begin with INSERT INTO table, or give a table beside the text",
        )
    declared = script.tables.get(name)
    stages = relation.stages
    columns = dict(relation.columns)
    if declared is None and name.startswith(STREAM_PREFIX):
        sink = SinkPlan(name, "stream", name.removeprefix(STREAM_PREFIX), None)
        if sink.stream == relation.source.stream:
            raise sql_error(script.text, at, "the query would read its own output", code="sql.into")
        targets = tuple(columns)
    elif declared is None:
        try:
            check_name(Kind.TABLE, name)
        except InvalidInput as error:
            raise sql_error(script.text, at, error.message, code=error.code, hint=error.hint) from None
        sink = SinkPlan(name, "table")
        targets = script.into_columns or tuple(columns)
        _check_table_columns(script, at, targets)
    else:
        options = read_options(declared.options, name, script.text, declared.at)
        if options.stream == relation.source.stream:
            raise sql_error(script.text, at, "the query would read its own output", code="sql.into")
        target = source_of_declaration(script.text, declared, planner.duck)
        if options.partition_key is not None and options.partition_key not in target.data.names:
            raise sql_error(
                script.text,
                declared.at,
                f"there is no column {options.partition_key!r} for 'sink.partition-key'",
                code="sql.unknown_column",
                hint=did_you_mean(options.partition_key, target.data.names),
            )
        sink = SinkPlan(name, "stream", options.stream, options.partition_key)
        targets = script.into_columns or tuple(target.data.names)
        for name_, arrow in zip(targets, columns.values(), strict=False):
            wanted = target.types.get(name_)
            if wanted is not None and sql_type(wanted) != sql_type(arrow) and not _fits(arrow, wanted):
                raise sql_error(
                    script.text,
                    at,
                    f"column {name_!r} of {name!r} is {sql_type(wanted)}, the query gives {sql_type(arrow)}",
                    code="sql.type",
                    hint=f"CAST(... AS {sql_type(wanted)})",
                )
    if len(targets) != len(columns):
        raise sql_error(
            script.text,
            at,
            f"{name!r} takes {len(targets)} columns, the query gives {len(columns)}",
            code="sql.arguments",
        )
    renames = dict(zip(columns, targets, strict=True))
    if any(old != new for old, new in renames.items()):
        picks = tuple((renames[old], _pick(old, arrow)) for old, arrow in columns.items())
        stages = (*stages, MapStage(None, picks))
    keys = relation.group_keys if relation.keys_known else ()
    return Plan(
        text=script.text,
        source=relation.source,
        stages=stages,
        sink=sink,
        schema=pa.schema([(renames[old], arrow) for old, arrow in columns.items()]),
        group_keys=tuple(renames[key] for key in keys),
        rowtime=renames.get(relation.rowtime_out) if relation.rowtime_out else None,
    )


# What Delta does not take in a column's name.
_REFUSED_CHARACTERS = " ,;{}()\n\t="


def _check_table_columns(script: Script, at: int, names: Sequence[str]) -> None:
    """A table's columns differ by more than case, and have no characters that Delta refuses."""
    seen: dict[str, str] = {}
    for name in names:
        if any(character in _REFUSED_CHARACTERS for character in name) or not name:
            raise sql_error(
                script.text,
                at,
                f"a table has no column called {name!r}",
                code="sql.column_name",
                hint="give it a name of letters, digits and '_' with AS",
            )
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise sql_error(
                script.text,
                at,
                f"columns {other!r} and {name!r} differ by case only",
                code="sql.duplicate",
                hint="give one another name with AS",
            )


def _fits(given: pa.DataType, wanted: pa.DataType) -> bool:
    kind = pa.types
    if kind.is_integer(given):
        return bool(kind.is_integer(wanted) and wanted.bit_width >= given.bit_width) or bool(kind.is_floating(wanted))
    if kind.is_timestamp(given):
        return bool(kind.is_timestamp(wanted))
    return bool(kind.is_floating(given) and kind.is_float64(wanted))


assert AGGREGATES, "the aggregate table is what makes a query grouped"
