"""MERGE INTO: which source row meets which row of the table decides what becomes of both.

Called by `sql.py`. The clauses' meaning is Delta's: the first that applies acts, a row of the table that several source
rows would change is an error, and the star forms go by name. Promise: as in `dml.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from gureum.names import did_you_mean
from gureum.sql.changes import Assignment, Clause, Merge
from gureum.sql.dml import Target, change_table, refuse_doubles
from gureum.sql.pieces import Generated, Name
from gureum.sql.quoting import quoted
from gureum.sql.types import duckdb_type
from gureum.sql.work import Work
from gureum.tables.change import Change
from gureum.tables.properties import protocol_for
from gureum.tables.rows import table_schema
from gureum.tables.snapshot import Layout

__all__ = ["merge"]


def merge(work: Work, command: Merge) -> int:
    """Returns the rows of the table that were updated, deleted and inserted."""
    return change_table(work, command.table.text, command.alias, lambda target: _Merge(work, command, target).compute())


class _Merge:
    """One MERGE against one version of its table."""

    def __init__(self, work: Work, command: Merge, target: Target) -> None:
        self.work = work
        self.command = command
        self.target = target
        self.source_id = target.new()
        self.which = target.new()  # the number of the clause that applies, 0 for none
        self.source, self.alias, self.source_columns = self._take_source()
        self.layout = self._evolved()
        self._pairs = ""  # all pairs of rows that meet

    def compute(self) -> tuple[Change, int]:
        target = self.target
        decided = {"matched": self._matched(), "not matched": self._not_matched(), "by source": self._by_source()}
        columns = self._columns()
        feed, added, counts = [], [], {"update": 0, "delete": 0, "insert": 0}
        for kind, table in decided.items():
            if table is None:
                continue
            for which, count in target.engine.run(
                f"SELECT {self.which}, count(*) FROM {table} WHERE {self.which} > 0 GROUP BY 1"
            ):
                counts[self.command.clauses[which - 1].act] += count
            rows = self._new_rows(kind, table)
            if rows is not None:
                added.append(f"SELECT {columns} FROM {rows}")
                word = "insert" if kind == "not matched" else "update_postimage"
                feed.append(f"SELECT {columns}, '{word}' FROM {rows}")
        ids = self._ids(decided)
        change = Change(target.snapshot, "MERGE", parameters=self._parameters())
        if self.layout is not target.snapshot.layout:
            change.metadata = target.snapshot.metadata_action(self.layout)
            protocol = protocol_for(self.layout, target.snapshot.protocol)
            change.protocol = protocol.to_action() if protocol else None
        if any(counts.values()):
            target.rewrite(change, ids, added, self.layout)
            if self.layout.has_change_feed:
                change.feed = target.stage_feed([*feed, *self._feed_before(decided)], self.layout)
        change.metrics |= {
            "numTargetRowsInserted": counts["insert"], "numTargetRowsUpdated": counts["update"],
            "numTargetRowsDeleted": counts["delete"],
            "numSourceRows": target.engine.run(f"SELECT count(*) FROM {self.source}")[0][0],
        }  # fmt: skip
        return change, sum(counts.values())

    # --- the source ----------------------------------------------------------------------------------------------------

    def _take_source(self) -> tuple[str, str, dict[str, str]]:
        """The source's rows, read once and numbered; its alias; its columns by their names in lower case."""
        piece, target = self.command.source, self.target
        tree = self.work.parsed(piece, relation=True)
        if tree.args.get("joins") or tree.args.get("laterals"):
            raise self.work.statement.fail(
                "the source is one table or one query", at=piece.start, code="sql.syntax",
                hint="USING (SELECT ... FROM a JOIN b ON ...) AS s",
            )  # fmt: skip
        alias = tree.args["from_"].this.alias_or_name or target.new()
        text = self.work.piece(target.engine, piece, relation=True)
        generated = Generated(piece.start).add(
            f"CREATE TEMP TABLE {(name := target.new())} AS SELECT *, row_number() OVER () AS {self.source_id} FROM ",
            text,
        )
        target.run(generated)
        columns = [row[0] for row in target.engine.run(f"SELECT column_name FROM (DESCRIBE {name})")]
        columns.remove(self.source_id)
        self.work.columns.extend(columns)
        return name, quoted(alias), {column.lower(): column for column in columns}

    def _evolved(self) -> Layout:
        """The table's layout, with the source's columns that it has not where WITH SCHEMA EVOLUTION says so."""
        layout = self.target.snapshot.layout
        if not self.command.evolves:
            return layout
        had = {name.lower() for name in layout.schema.names}
        wanted: set[str] = set()
        for clause in self.command.clauses:
            if clause.act != "delete" and not clause.positional and clause.kind != "by source":
                wanted |= (
                    {assignment.column.parts[-1].lower() for assignment in clause.assignments} or set(self.source_columns)
                )  # fmt: skip
        new = [column for lower, column in self.source_columns.items() if lower in wanted - had]
        if not new:
            return layout
        picked = ", ".join(quoted(name) for name in new)
        schema = table_schema(self.target.engine.query(f"SELECT {picked} FROM {self.source} LIMIT 0").schema)
        fields = [pa.field(field.name, field.type, True) for field in schema]
        return Layout(pa.schema([*layout.schema, *fields]), layout.partition_by, layout.properties)

    # --- what becomes of which row ----------------------------------------------------------------------------------------

    def _matched(self) -> str:
        """Pairs of rows that meet, with the clause that applies. Raises InvalidInput for a row that two would change."""
        target, clauses = self.target, self._clauses("matched")
        generated = Generated(self.command.on.start).add(
            f"SELECT {target.alias}.{target.file}, {target.alias}.{target.row}, {self.alias}.{self.source_id}, "
        )
        self._decide(generated, clauses)
        generated.add(f" FROM {target.scan()} JOIN {self.source} AS {self.alias} ON (")
        generated.add(self.work.piece(target.engine, self.command.on), ")")
        self._pairs = target.make(generated, [target.file, target.row, self.source_id, self.which])
        only_deletes = len(clauses) == 1 and clauses[0][1].act == "delete" and clauses[0][1].condition is None
        if not only_deletes:
            refuse_doubles(target, f"{self._pairs} WHERE {self.which} > 0", "the source's rows")
            return self._pairs
        # Whichever of them matches, the row goes, once.
        once = target.new()
        target.engine.run(
            f"CREATE TEMP TABLE {once} AS SELECT DISTINCT ON ({target.file}, {target.row}) * FROM {self._pairs}"
        )
        return once

    def _not_matched(self) -> str | None:
        clauses = self._clauses("not matched")
        if not clauses:
            return None
        generated = Generated(clauses[0][1].start).add(f"SELECT {self.alias}.{self.source_id}, ")
        self._decide(generated, clauses)
        generated.add(
            f" FROM {self.source} AS {self.alias} ANTI JOIN {self._pairs} AS met ON met.{self.source_id} = {self.alias}.{self.source_id}"
        )
        return self.target.make(generated, [self.source_id, self.which])

    def _by_source(self) -> str | None:
        target, clauses = self.target, self._clauses("by source")
        if not clauses:
            return None
        generated = Generated(clauses[0][1].start).add(
            f"SELECT * FROM (SELECT {target.alias}.{target.file}, {target.alias}.{target.row}, "
        )
        self._decide(generated, clauses)
        generated.add(
            f" FROM {target.scan()} ANTI JOIN {self._pairs} AS met ON met.{target.file} = {target.alias}.{target.file} "
            f"AND met.{target.row} = {target.alias}.{target.row}) WHERE {self.which} > 0"
        )
        return target.make(generated, [target.file, target.row, self.which])

    def _new_rows(self, kind: str, decided: str) -> str | None:
        """The new values of the rows for which a clause was decided: a table of all columns and the clause."""
        target = self.target
        clauses = [(number, clause) for number, clause in self._clauses(kind) if clause.act != "delete"]
        if not clauses:
            return None
        generated = Generated(clauses[0][1].start).add(f"SELECT {decided}.{self.which}")
        self._values(generated, clauses, decided, keep=kind != "not matched")
        numbers = ", ".join(str(number) for number, _ in clauses)
        generated.add(f" FROM {decided}")
        if kind != "not matched":
            scan = target.scan(files=target.names(f"{decided} WHERE {self.which} IN ({numbers})"))
            generated.add(
                f" JOIN {scan} ON {target.alias}.{target.file} = {decided}.{target.file} "
                f"AND {target.alias}.{target.row} = {decided}.{target.row}"
            )
        if kind != "by source":
            generated.add(
                f" JOIN {self.source} AS {self.alias} ON {self.alias}.{self.source_id} = {decided}.{self.source_id}"
            )
        generated.add(f" WHERE {decided}.{self.which} IN ({numbers})")
        return target.make(generated, [self.which, *self.layout.schema.names])

    def _decide(self, generated: Generated, clauses: Sequence[tuple[int, Clause]]) -> None:
        generated.add("CASE")
        for number, clause in clauses:
            if clause.condition is None:
                generated.add(f" WHEN true THEN {number}")
            else:
                generated.add(" WHEN (", self.work.piece(self.target.engine, clause.condition), f") THEN {number}")
        generated.add(f" {'' if clauses else 'WHEN false THEN 0 '}ELSE 0 END AS {self.which}")

    def _values(self, generated: Generated, clauses: Sequence[tuple[int, Clause]], decided: str, *, keep: bool) -> None:
        """Each column's new value, by the clause that applies."""
        had = {name.lower() for name in self.target.columns}
        given = [(number, self._assigned(clause)) for number, clause in clauses]
        for index, field in enumerate(self.layout.schema):
            name, kind = quoted(field.name), duckdb_type(field.type)
            old = f"{self.target.alias}.{name}" if keep and field.name.lower() in had else f"CAST(NULL AS {kind})"
            generated.add(f", CASE {decided}.{self.which}")
            for number, (values, positional) in given:
                value = positional[index] if positional else values.get(field.name.lower())
                if isinstance(value, Assignment):
                    piece = self.work.piece(self.target.engine, value.value)
                    generated.add(f" WHEN {number} THEN CAST((", piece, f") AS {kind})")
                elif value is not None:
                    generated.add(f" WHEN {number} THEN CAST({value} AS {kind})")
                elif not keep:
                    generated.add(f" WHEN {number} THEN CAST(NULL AS {kind})")
            generated.add(f" WHEN -1 THEN {old} ELSE {old} END AS {name}")

    def _assigned(self, clause: Clause) -> tuple[dict[str, Assignment | str], list[Assignment]]:
        """The values of a clause: by column in lower case, or one for each column where none are named."""
        fail, schema = self.work.statement.fail, self.layout.schema
        if clause.positional:
            if len(clause.positional) != len(schema):
                raise fail(
                    f"{len(clause.positional)} values are given for {len(schema)} columns", at=clause.positional[0].start,
                    code="sql.columns", hint=f"the columns are {', '.join(schema.names)}",
                )  # fmt: skip
            return {}, [Assignment(Name((), clause.start), piece) for piece in clause.positional]
        if clause.assignments:
            found: dict[str, Assignment | str] = {}
            for assignment in clause.assignments:
                lower = self._column(assignment)
                if lower in found:
                    raise fail(
                        f"column {assignment.column.text!r} is set twice",
                        at=assignment.column.start,
                        code="sql.columns",
                    )
                found[lower] = assignment
            return found, []
        stars: dict[str, Assignment | str] = {}
        for name in schema.names:
            column = self.source_columns.get(name.lower())
            if column is not None:
                stars[name.lower()] = f"{self.alias}.{quoted(column)}"
            elif not self.command.evolves:
                raise fail(
                    f"the source has no column {name!r}, which '*' needs", at=clause.start, code="table.column",
                    hint=did_you_mean(name, self.source_columns.values())
                    or "name the columns, or MERGE WITH SCHEMA EVOLUTION INTO",
                )  # fmt: skip
        return stars, []

    def _column(self, assignment: Assignment) -> str:
        last = assignment.column.parts[-1].lower()
        new = {name.lower() for name in self.layout.schema.names[len(self.target.columns) :]}
        return last if last in new else str(self.target.column(assignment.column).name.lower())

    def _clauses(self, kind: str) -> list[tuple[int, Clause]]:
        return [(number, clause) for number, clause in enumerate(self.command.clauses, 1) if clause.kind == kind]

    def _columns(self) -> str:
        return ", ".join(quoted(name) for name in self.layout.schema.names)

    def _ids(self, tables: dict[str, str | None]) -> str:
        """The rows of the table that change, by file and place."""
        file, row = self.target.file, self.target.row
        selects = [
            f"SELECT {file}, {row} FROM {table} WHERE {self.which} > 0"
            for kind, table in tables.items()
            if table is not None and kind != "not matched"
        ]
        ids = self.target.new()
        self.target.engine.run(f"CREATE TEMP TABLE {ids} AS {' UNION ALL '.join(selects)}")
        return ids

    def _feed_before(self, tables: dict[str, str | None]) -> list[str]:
        """Rows as they were, of the old columns; new ones are null."""
        found = []
        missing = "".join(
            f", CAST(NULL AS {duckdb_type(field.type)})"
            for field in list(self.layout.schema)[len(self.target.columns) :]
        )
        for act, kind in (("update", "update_preimage"), ("delete", "delete")):
            for where, table in tables.items():
                numbers = [str(n) for n, clause in self._clauses(where) if clause.act == act]
                if table is None or not numbers:
                    continue
                ids = self.target.new()
                self.target.engine.run(
                    f"CREATE TEMP TABLE {ids} AS FROM {table} WHERE {self.which} IN ({', '.join(numbers)})"
                )
                found.append(self.target.before(ids, kind, missing))
        return found

    def _parameters(self) -> dict[str, str]:
        on = self.command.on
        return {"predicate": self.work.statement.script[on.start : on.end]}
