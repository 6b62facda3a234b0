"""Every function of the dialect, by the calls of `functions.txt`, in a standing query; the reference page shows the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streaming_kit import Bench, plain_rows

from gureum.sql.streaming.aggregate_calls import AGGREGATES, SYNONYMS
from gureum.sql.streaming.functions import FUNCTIONS
from gureum.sql.streaming.sources import MemorySource
from scripts.write_reference import FunctionExample, function_examples

EXAMPLES = function_examples()
SOURCE = """
CREATE TABLE s (n INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('stream' = 's', 'format' = 'json');
INSERT INTO found SELECT {calls} FROM {source}
"""
WINDOW = "TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end"


@pytest.mark.parametrize("group", EXAMPLES)
def test_a_call_gives_what_the_reference_says(group: str, tmp_path: Path):
    aggregates = group == "aggregates"
    examples = EXAMPLES[group]
    calls = ", ".join(f"{example.call} AS c{index}" for index, example in enumerate(examples))
    source = MemorySource("shard-0", bounded=True)
    bench = Bench(tmp_path, SOURCE.format(calls=calls, source=WINDOW if aggregates else "s"), source=source)
    query = bench.open()
    for n in range(1, 5 if aggregates else 2):
        source.put(json.dumps({"n": n, "ts": f"2024-01-01 00:00:0{n}"}).encode(), arrival_ms=bench.clock.now_ms())
    source.close_input()
    bench.run()
    (row,) = plain_rows(bench.table(query.plan.sink.name))
    for index, example in enumerate(examples):
        assert row[f"c{index}"] == example.gives, f"{example.call}: change functions.txt if this is what it should be"


def test_every_function_has_an_example():
    given: dict[str, list[FunctionExample]] = {}
    for examples in EXAMPLES.values():
        for example in examples:
            given.setdefault(example.name, []).append(example)
    cure = "give it two lines in tests/sql/streaming/functions.txt, then `make docs`"
    assert {*FUNCTIONS, *AGGREGATES, *SYNONYMS} - set(given) == set(), cure
    assert set(given) - {*FUNCTIONS, *AGGREGATES, *SYNONYMS} == set(), "functions.txt has what does not exist"
    for name, (example, *more) in given.items():
        assert not more, f"{name} is there twice"
        assert name in example.call, f"the call of {name} does not call it"
