"""One Delta table: stage, commit once, read back whole, refuse what we would write wrongly."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field

from gureum.errors import Conflict, CorruptData, InvalidInput, LimitExceeded, NotFound
from gureum.sql.engine import delta_extension
from gureum.tables.partitions import PARTITIONS_PER_WRITE_MAX
from gureum.tables.table import StagedFile, Table
from gureum.testing.platform import clean_environment

SCHEMA = pa.schema([pa.field("n", pa.int64(), nullable=False), ("name", pa.string()), ("day", pa.date32())])


def read(location: str, sql: str = "SELECT * FROM t ORDER BY ALL") -> list[tuple]:
    connection = duckdb.connect(config={"allow_unsigned_extensions": True})
    connection.execute(f"LOAD '{delta_extension()}'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW t AS FROM delta_scan('{location}')")
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


@pytest.fixture
def location(tmp_path: Path) -> str:
    return str(tmp_path / "main" / "t")


def test_staged_rows_are_invisible_until_they_are_committed_and_then_all_there(location: str):
    table = Table.create(location, SCHEMA, user="anna", comment="c")
    staged = table.stage(pa.table({"n": [1, 2], "name": ["a", None]}))
    assert Table.open(location).size() == (0, 0, 0)
    again = [StagedFile.from_json(file.to_json()) for file in staged]
    assert table.commit(again, user="anna") == 1
    assert read(location) == [(1, "a", None), (2, None, None)]
    assert Table.open(location).size()[::2] == (1, 2)
    newest = table.history(1)[0]
    assert (newest.operation, newest.user, newest.metrics["numOutputRows"]) == ("INSERT", "anna", "2")
    assert Table.open(location, version=0).version == 0


def test_a_txn_is_applied_once_however_often_and_from_wherever_it_comes(location: str):
    one = Table.create(location, SCHEMA)
    two = Table.open(location)
    assert one.commit(one.stage(pa.table({"n": [1]})), txn=("query", 7)) == 1
    for handle in (one, two, Table.open(location)):
        assert handle.commit(handle.stage(pa.table({"n": [1]})), txn=("query", 7)) is None
        assert handle.commit(handle.stage(pa.table({"n": [0]})), txn=("query", 6)) is None
    assert two.commit(two.stage(pa.table({"n": [2]})), txn=("other", 1)) == 2
    assert read(location, "SELECT n FROM t ORDER BY n") == [(1,), (2,)]
    assert Table.open(location).transaction_version("query") == 7
    assert Table.open(location).transaction_version("nobody") is None


APPEND = """
import sys
import pyarrow as pa
from gureum.tables.table import Table
location, worker, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
table = Table.open(location)
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    print(table.append(pa.table({"n": [worker * 1000 + number], "name": [str(worker)]})), flush=True)
"""


def test_four_processes_that_append_at_once_lose_and_repeat_nothing(location: str):
    Table.create(location, SCHEMA)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND, location, str(worker), "8"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=clean_environment(),
        )
        for worker in range(4)
    ]  # fmt: skip
    versions: list[int] = []
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
        versions += map(int, said.split())
    assert sorted(versions) == list(range(1, 33)), "each append is told its own version"
    assert read(location, "SELECT n FROM t ORDER BY n") == [(w * 1000 + n,) for w in range(4) for n in range(8)]


PARTITIONS: list[tuple[pa.DataType, list[object]]] = [
    (pa.string(), ["a", "", None, "서울 1호", "a/b=c%", "..", "x" * 300, "it's", 'q"q', "é", "a b", " a", "%41"]),
    (pa.int64(), [0, -1, 2**63 - 1, -(2**63), None]),
    (pa.bool_(), [True, False, None]),
    (pa.date32(), [date(1970, 1, 1), date(1900, 2, 28), date(2999, 12, 31), None]),
    (pa.timestamp("us"), [datetime(2026, 1, 31, 12, 0, 0, 1), datetime(1969, 12, 31, 23, 59, 59, 999999), None]),
    (
        pa.timestamp("us", "UTC"),
        [datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), None],
    ),
]


@pytest.mark.parametrize(("kind", "values"), PARTITIONS, ids=[str(kind) for kind, _ in PARTITIONS])
def test_every_partition_value_comes_back_as_itself(kind: pa.DataType, values: list[object], location: str):
    table = Table.create(location, pa.schema([("p", kind), ("n", pa.int64())]), partition_by=["p"])
    table.append(pa.table({"p": pa.array(values, kind), "n": list(range(len(values)))}))
    kept = [None if value == "" else value for value in values]  # the protocol has no empty text
    assert [row[0] for row in read(location, "SELECT p FROM t ORDER BY n")] == kept
    for number, value in enumerate(kept):
        if value is not None:
            assert read(location, f"SELECT n FROM t WHERE p = (SELECT p FROM t WHERE n = {number})") == [(number,)]
    again = DeltaTable(location).to_pyarrow_table().sort_by("n")
    assert again["p"].to_pylist() == kept, "delta-rs reads them so too"


def test_rows_that_do_not_fit_are_refused_by_column(location: str):
    table = Table.create(location, SCHEMA)
    for rows, named in [
        ({"n": [1], "nmae": ["x"]}, "no column 'nmae' (did you mean 'name'?)"),
        ({"n": ["one"]}, "'n' is int64 in the table and string here"),
        ({"n": [1.5]}, "'n' is int64 in the table and double here"),
        ({"n": [1, None]}, "'n' must not be null, and row 2 is"),
        ({"name": ["x"]}, "'n' must not be null, and row 1 is"),
    ]:
        with pytest.raises(InvalidInput) as caught:
            table.stage(pa.table(rows))
        assert named in str(caught.value)
    assert table.stage(pa.table({"N": pa.array([1], pa.int8())}))[0].rows == 1, "names match whatever their case"


def test_a_schema_that_changed_after_staging_is_a_conflict_not_a_wrong_row(location: str):
    table = Table.create(location, SCHEMA)
    staged = table.stage(pa.table({"n": [1]}))
    DeltaTable(location).alter.add_columns([Field("extra", "long", nullable=True)])
    with pytest.raises(Conflict, match=r"columns of .* changed"):
        table.commit(staged)


def test_too_many_partitions_at_once_are_refused_before_anything_is_written(location: str):
    table = Table.create(location, pa.schema([("p", pa.int64()), ("n", pa.int64())]), partition_by=["p"])
    count = PARTITIONS_PER_WRITE_MAX + 1
    with pytest.raises(LimitExceeded, match=f"{count} partitions"):
        table.stage(pa.table({"p": range(count), "n": range(count)}))
    assert list(Path(location).glob("**/*.parquet")) == []


def test_what_is_no_table_says_so(tmp_path: Path, location: str):
    with pytest.raises(NotFound):
        Table.open(location)
    (tmp_path / "empty" / "_delta_log").mkdir(parents=True)
    with pytest.raises(NotFound):
        Table.open(str(tmp_path / "empty"))
    Table.create(location, SCHEMA)
    with pytest.raises(Conflict):
        Table.create(location, SCHEMA)


def test_a_time_before_the_table_is_not_found_and_a_time_after_is_its_newest_version(location: str):
    table = Table.create(location, SCHEMA)
    table.append(pa.table({"n": [1]}))
    assert table.version_at(table.history(1)[0].at_ms) == 1
    with pytest.raises(NotFound, match="no version that old"):
        table.version_at(0)


def test_a_damaged_commit_is_corrupt_data_for_the_list_too(location: str):
    table = Table.create(location, SCHEMA)
    for number in range(2):
        table.append(pa.table({"n": [number]}))
    (Path(location) / "_delta_log" / f"{1:020}.json").write_bytes(b"not json\n{}\n")
    with pytest.raises(CorruptData):
        Table.open(location)
