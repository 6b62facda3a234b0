"""What Ibis prints in Flink's dialect runs here, and gives what Ibis gives by its DuckDB compiler over the same rows."""

from __future__ import annotations

import json
import math
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pytest
from ibis import _
from streaming_kit import Bench, plain_rows, same_rows

from gureum.sql.streaming.plan import SourceSchema
from gureum.sql.streaming.sources import MemorySource
from gureum.types import Column

COLUMNS = {"device": "STRING", "temp": "DOUBLE", "n": "BIGINT", "ok": "BOOLEAN", "ts": "TIMESTAMP", "d": "DATE"}
STREAM = SourceSchema(
    "sensors", tuple(Column(name, kind) for name, kind in COLUMNS.items()), rowtime="ts", delay_us=1_000_000
)
t = ibis.table(
    {"device": "string", "temp": "float64", "n": "int64", "ok": "boolean", "ts": "timestamp", "d": "date"},
    name="sensors",
)
w = t.window_by("ts").tumble(size=ibis.interval(seconds=10))

ROW_WISE: dict[str, Callable[[], Any]] = {
    "filter": lambda: t.filter(_.temp > 50),
    "filters": lambda: t.filter((_.temp > 1) & (_.ok | ~_.ok) & _.device.isin(["m1-x", "m2-x"]) & _.n.notin([3])),
    "between": lambda: t.filter(_.n.between(1, 3)),
    "xor": lambda: t.filter(_.ok ^ (_.temp > 3)),
    "identical": lambda: t.filter(_.device.identical_to("m1-x")),
    "select": lambda: t.select("device", x=_.n + 1),
    "mutate": lambda: t.mutate(f=_.temp * 9 / 5 + 32, u=_.device.upper()),
    "rename": lambda: t.rename(dev="device").drop("d"),
    "drop null": lambda: t.drop_null("temp"),
    "cases": lambda: t.select(c=ibis.cases((_.temp > 90, "hot"), (_.temp < 0, "cold"), else_="ok"), e=_.ok.ifelse(1, 2)),
    "casts": lambda: t.select(a=_.n.cast("string"), d=_.ts.cast("date"), g=_.device.try_cast("int64"), h=_.n.cast("int8")),
    "decimal": lambda: t.select(a=_.n.cast("decimal(10,2)")),
    "strings": lambda: t.select(
        a=_.device.lower(), b=_.device.length(), c=_.device.substr(1, 2), d=_.device.replace("m", "b"),
        e=_.device.contains("m"), f=_.device.startswith("m"), g=_.device.endswith("x"), h=_.device.strip(),
        i=_.device + "y", j=_.device.like("m%"), k=_.device.re_search("m[0-9]+"), left=_.device.left(2), r=_.device.right(2),
    ),
    "more strings": lambda: t.select(
        a=_.device.re_extract("m([0-9]+)", 1), b=_.device.re_replace("[mx]", "y"), c=_.device.lpad(7, "0"),
        e=_.device.find("x"), f=_.device.reverse(), g=_.device.repeat(2), j=_.device.ascii_str(), k=_.device.capitalize(),
    ),
    "backslash": lambda: t.select(a=_.device.re_search(r"m\d-x")),
    "split": lambda: t.select(a=_.device.split("-")),
    "dates": lambda: t.select(
        y=_.ts.year(), mo=_.ts.month(), d=_.ts.day(), h=_.ts.hour(), mi=_.ts.minute(), s=_.ts.second(),
        q=_.ts.quarter(), w=_.ts.day_of_week.index(), dt=_.ts.date(), dy=_.ts.day_of_year(),
        wk=_.ts.week_of_year(), ms=_.ts.millisecond(), nm=_.ts.day_of_week.full_name(),
    ),
    "truncate": lambda: t.select(h=_.ts.truncate("h"), d=_.ts.truncate("D"), m=_.ts.truncate("M"), mi=_.ts.truncate("m")),
    "intervals": lambda: t.select(a=_.ts + ibis.interval(seconds=5), b=_.ts - ibis.interval(days=1)),
    "date format": lambda: t.select(f=_.ts.strftime("%Y-%m-%d")),
    "time literal": lambda: t.filter(_.ts > ibis.timestamp("2024-01-01 00:00:30")),
    "date literal": lambda: t.filter(_.d == ibis.date("2024-01-02")),
    "numbers": lambda: t.select(
        a=_.temp.abs(), c=_.temp.floor().cast("float64"), d=_.temp.ceil().cast("float64"), f=_.n / 2, g=_.n % 3, i=-_.n,
        j=_.temp.sign().cast("float64"), k=_.temp.exp(), m=(_.temp.abs() + 1).ln(), o=_.temp.sin(),
    ),
    "bits": lambda: t.select(a=_.n & 3, b=_.n | 3, c=_.n ^ 3, d=_.n << 1, e=_.n >> 1),
    "nulls": lambda: t.select(
        a=_.temp.isnull(), b=_.temp.notnull(), c=_.temp.fill_null(0), d=_.n.nullif(3), e=ibis.coalesce(_.temp, 0.0)
    ),
    "literals": lambda: t.select(a=ibis.literal(1), b=ibis.literal("it's"), c=ibis.literal(True), d=ibis.null("string")),
}  # fmt: skip

WINDOWED: dict[str, tuple[Callable[[], Any], str]] = {
    "readme": (lambda: w.group_by("device").agg(peak=_.temp.max()).filter(_.peak > 90), "max(temp) AS peak HAVING peak > 90"),
    "aggregates": (
        lambda: w.group_by("device").agg(
            a=_.temp.std(), b=_.temp.var(), c=_.temp.std(how="pop"), d=_.n.mean(), e=_.n.min(), f=_.ok.sum(),
            g=_.temp.count(where=_.ok), h=_.temp.sum(where=_.n > 3), i=_.count(), j=_.device.nunique(),
            k=_.ok.any(), m=_.ok.all(),
        ),
        "stddev_samp(temp) AS a, var_samp(temp) AS b, stddev_pop(temp) AS c, avg(n) AS d, min(n) AS e, sum(ok::INT)::BIGINT AS f,"
        " count(temp) FILTER (ok) AS g, sum(temp) FILTER (n > 3) AS h, count(*) AS i, count(DISTINCT device) AS j,"
        " max(ok) AS k, min(ok) AS m",
    ),
}  # fmt: skip


def records() -> list[bytes]:
    chance = random.Random(7)
    out = []
    for i in range(400):
        second = i * 0.2
        out.append(
            {
                "device": f"m{i % 5}-x",
                "temp": round(chance.uniform(-5, 120), 3) if i % 17 else None,
                "n": i % 7,
                "ok": bool(i % 3) if i % 11 else None,
                "ts": f"2024-01-01 00:{int(second) // 60:02d}:{second % 60:06.3f}",
                "d": f"2024-01-{i % 3 + 1:02d}",
            }
        )
    return [json.dumps(row).encode() for row in out]


def run(expression: Any, folder: Path) -> tuple[Bench, list[dict[str, Any]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = str(ibis.to_sql(expression, dialect="flink"))
    source = MemorySource(bounded=True)
    for record in records():
        source.put(record)
    source.close_input()
    bench = Bench(folder, text, source=source, lookup={"sensors": STREAM}.get, into="result")
    query = bench.run()
    assert query.status.dead_letters == 0, plain_rows(bench.table("result__dead_letters"))[:2]
    return bench, plain_rows(bench.table("result"))


def duck(folder: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    path = folder / "events.json"
    path.write_bytes(b"\n".join(records()))
    columns = ", ".join(f"{name}: '{kind.replace('STRING', 'VARCHAR')}'" for name, kind in COLUMNS.items())
    con.execute(f"CREATE TABLE sensors AS SELECT * FROM read_json('{path}', columns={{{columns}}})")
    return con


def loose(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers as doubles: the two compilers choose other widths."""

    def value(item: Any) -> Any:
        if isinstance(item, bool) or item is None:
            return item
        if isinstance(item, (int, float)):
            return float(item) if math.isfinite(item) else str(item)
        return item

    return [{key: value(item) for key, item in row.items()} for row in rows]


@pytest.mark.parametrize("name", ROW_WISE)
def test_expressions_give_what_ibis_gives_by_duckdb(name: str, tmp_path: Path) -> None:
    expression = ROW_WISE[name]()
    _bench, rows = run(expression, tmp_path)
    wanted = plain_rows(duck(tmp_path).execute(str(ibis.to_sql(expression, dialect="duckdb"))).to_arrow_table())
    assert wanted, "the case must have rows"
    same_rows(loose(rows), loose(wanted))


@pytest.mark.parametrize("name", WINDOWED)
def test_windows_give_what_duckdb_gives(name: str, tmp_path: Path) -> None:
    make, aggregates = WINDOWED[name]
    _bench, rows = run(make(), tmp_path)
    selected, _sep, having = aggregates.partition(" HAVING ")
    wanted = duck(tmp_path).execute(
        f"SELECT time_bucket(INTERVAL 10 SECOND, ts) AS window_start, window_start + INTERVAL 10 SECOND AS window_end, "
        f"device, {selected} FROM sensors GROUP BY ALL" + (f" HAVING {having}" if having else "")
    )
    same_rows(loose(rows), loose(plain_rows(wanted.to_arrow_table())))
