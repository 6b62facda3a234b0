"""Each file in cases/ is a query, what arrives in which order, and what must come out.

    == sql        the text                        == option into=alerts.hot, alert.when=peak > 90 ...
    == input      one record a line, in order of arrival; `@shard-1 {..}` names another shard; `---` ends a micro-batch;
                  `wait 20` lets 20 seconds pass
    == rows       the sink's rows as JSON, in any order     == late, == dead, == events     the same for those
    == error      a part of the error's text, for a query that must be refused (then there is no input)

A case without late rows is also compared with DuckDB over the whole input, unless it says `== no oracle`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streaming_kit import Bench, oracle, plain_rows, same_rows

from gureum.errors import GureumError
from gureum.sql.streaming.alerts import AlertSpec
from gureum.sql.streaming.query import QueryOptions
from gureum.sql.streaming.sources import MemorySource

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))


def read_case(path: Path) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text().splitlines():
        if line.startswith("== "):
            name = line[3:].strip()
            sections[name] = []
        elif name:
            sections[name].append(line)
    return sections


def rows_of(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.strip()]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    case = read_case(path)
    options = dict(line.split("=", 1) for line in case.get("options", []) if "=" in line)
    alert = None
    if "alert.key" in options or "alert.when" in options or "alert" in options:
        key = options.get("alert.key")
        alert = AlertSpec(options.get("alert.when"), tuple(key.split(",")) if key else None, ("ops",))
    shards = options.get("shards", "shard-0").split(",")
    source = MemorySource(*shards, bounded=True)
    bench = Bench(
        tmp_path,
        "\n".join(case["sql"]),
        source=source,
        into=options.get("into"),
        alert=alert,
        options=QueryOptions(checkpoint_s=float(options.get("checkpoint_s", "1"))),
    )
    if "error" in case:
        with pytest.raises(GureumError) as caught:
            bench.open()
        wanted = "\n".join(case["error"]).strip()
        assert wanted in str(caught.value)
        return
    query = bench.open()
    payloads: list[bytes] = []
    for line in case["input"]:
        if line == "---":
            bench.run()
        elif line.startswith("wait "):
            bench.run()
            bench.clock.advance(float(line.removeprefix("wait ")))
            bench.run()
        elif line.strip():
            shard, text = (line[1:].split(" ", 1)) if line.startswith("@") else (shards[0], line)
            payloads.append(text.encode())
            source.put(payloads[-1], shard=shard, arrival_ms=bench.clock.now_ms())
    bench.run()
    source.close_input()
    bench.run()
    assert query.finished
    sink = query.plan.sink.name
    result = plain_rows(bench.table(sink)) if query.plan.sink.kind == "table" else None
    if result is None:
        result = [json.loads(record) for _, _, data, _ in bench.written for record in data]
    same_rows(result, rows_of(case.get("rows", [])))
    late = plain_rows(bench.table(f"{sink}__late"))
    wanted_late = rows_of(case.get("late", []))
    same_rows([{key: value for key, value in row.items() if not key.startswith("_")} for row in late], wanted_late)
    assert query.status.late == len(wanted_late)
    dead = plain_rows(bench.table(f"{sink}__dead_letters"))
    wanted_dead = rows_of(case.get("dead", []))
    same_rows([{key: row[key] for key in wanted} for row, wanted in zip(dead, wanted_dead, strict=True)], wanted_dead)
    assert query.status.dead_letters == len(wanted_dead)
    events = [{"state": event.state, "key": event.key, "at": event.at} for event in bench.events]
    assert events == rows_of(case.get("events", []))
    if not wanted_late and not wanted_dead and "no oracle" not in case:
        same_rows(result, plain_rows(oracle(query.plan, payloads)))
