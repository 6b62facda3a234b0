"""What a power cut can leave of a table's newest commit, and what only other damage leaves."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from gureum.errors import CorruptData
from gureum.sql.engine import delta_extension
from gureum.tables.table import Table

NEWEST = 3


def commit(log: Path, version: int) -> Path:
    return log / f"{version:020}.json"


def cut_between_lines(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) > 1
    path.write_bytes(b"".join(lines[:-1]))


CUTS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "cut at its last byte": lambda path: path.write_bytes(path.read_bytes().rstrip()[:-1]),
    "cut between lines": cut_between_lines,
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "ends in zeros": lambda path: path.write_bytes(path.read_bytes()[:64] + bytes(64)),
    "gone": lambda path: path.unlink(),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with one row in each of the versions 1, 2 and 3."""
    location = tmp_path_factory.mktemp("whole") / "t"
    table = Table.create(str(location), pa.schema([("n", pa.int64())]))
    for number in range(NEWEST):
        table.append(pa.table({"n": [number]}))
    return location


@pytest.fixture
def location(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "t")


def rows(location: Path) -> list[int]:
    """As a reader that knows nothing of us sees the table."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": True})
    connection.execute(f"LOAD '{delta_extension()}'")
    found = connection.execute(f"SELECT n FROM delta_scan('{location}') ORDER BY n").fetchall()
    connection.close()
    return [row[0] for row in found]


@pytest.mark.parametrize("cut", CUTS)
def test_a_torn_newest_commit_is_set_aside_and_the_table_goes_on(cut: str, location: Path):
    log = location / "_delta_log"
    CUTS[cut](commit(log, NEWEST))
    table = Table.open(str(location))
    assert table.version == NEWEST - 1
    assert rows(location) == [0, 1]
    assert table.append(pa.table({"n": [7]}), operation="AGAIN") == NEWEST
    assert rows(location) == [0, 1, 7]
    assert table.history(1)[0].operation == "AGAIN"
    assert (log / f".torn-{NEWEST:020}.json").exists() == (cut != "gone"), "what was set aside can be looked at"


def test_several_torn_commits_at_the_end_go_together_with_what_belongs_to_them(location: Path):
    log = location / "_delta_log"
    for version in (2, 3):
        commit(log, version).write_bytes(b"")
        (log / f"{version:020}.crc").write_bytes(b"{}")
    assert Table.open(str(location)).version == 1
    assert rows(location) == [0]
    assert sorted(path.name for path in log.iterdir() if not path.name.startswith(".")) == [
        f"{0:020}.json", f"{1:020}.json",
    ]  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("version", [0, 1, 2])
def test_damage_under_a_whole_commit_is_reported_by_its_version_and_nothing_is_moved(
    cut: str, version: int, location: Path
):
    log = location / "_delta_log"
    CUTS[cut](commit(log, version))
    before = sorted(path.name for path in log.iterdir())
    with pytest.raises(CorruptData, match=f"commit {version} of the table") as caught:
        Table.open(str(location))
    assert caught.value.details["version"] == version
    assert sorted(path.name for path in log.iterdir()) == before


def test_a_line_in_the_middle_that_cannot_be_read_is_no_power_cut(location: Path):
    path = commit(location / "_delta_log", NEWEST)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0][:-5], *lines[1:]]))
    with pytest.raises(CorruptData, match=f"commit {NEWEST}"):
        Table.open(str(location))


@pytest.mark.parametrize("hint", [b"", b'{"vers', b'{"version":2,"size":5}', b"\0\0\0\0"])
@pytest.mark.parametrize("checkpoint", [None, b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_checkpoint_that_was_not_synced_is_no_loss(hint: bytes, checkpoint: bytes | None, location: Path):
    log = location / "_delta_log"
    (log / "_last_checkpoint").write_bytes(hint)
    if checkpoint is not None:
        (log / f"{2:020}.checkpoint.parquet").write_bytes(checkpoint)
    table = Table.open(str(location))
    assert table.version == NEWEST
    assert table.append(pa.table({"n": [7]})) == NEWEST + 1
    assert rows(location) == [0, 1, 2, 7]


def test_a_whole_checkpoint_stands_for_the_commits_before_it(location: Path):
    log = location / "_delta_log"
    DeltaTable(str(location)).create_checkpoint()
    table = Table.open(str(location))
    table.append(pa.table({"n": [7]}))
    commit(log, 1).unlink()  # cleaned up, as other engines do
    commit(log, NEWEST + 1).write_bytes(b"")
    assert Table.open(str(location)).version == NEWEST
    assert rows(location) == [0, 1, 2]


def test_a_checkpoint_whose_commit_is_lost_goes_with_it(location: Path):
    log = location / "_delta_log"
    DeltaTable(str(location)).create_checkpoint()
    commit(log, NEWEST).unlink()
    table = Table.open(str(location))
    assert table.version == NEWEST - 1
    assert table.append(pa.table({"n": [7]})) == NEWEST
    assert rows(location) == [0, 1, 7]


def test_a_live_writer_is_never_taken_for_a_power_cut(location: Path):
    """Openers look at the log all the time while another handle commits: nothing of it may be set aside."""
    stop = threading.Event()
    problems: list[object] = []

    def look() -> None:
        while not stop.is_set():
            try:
                Table.open(str(location))
            except Exception as error:
                problems.append(error)

    looker = threading.Thread(target=look)
    looker.start()
    table = Table.open(str(location))
    for number in range(20):
        table.append(pa.table({"n": [100 + number]}))
    stop.set()
    looker.join()
    assert problems == []
    assert [path.name for path in (location / "_delta_log").glob(".torn-*")] == []
    assert rows(location) == [0, 1, 2, *range(100, 120)]
