"""`gureum doctor`: each kind of damage is found, named and has a cure; a healthy folder has none."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pyarrow as pa
import pytest

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.processes.doctor import Finding, examine
from gureum.processes.folder import DataFolder, FolderLock
from gureum.settings import Settings
from gureum.streams.writer import Records


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A folder with a stream of 500 records and a table of three versions, and nobody who works on it."""
    settings = Settings(folder=tmp_path / "data", port=0, postgres_port=0, kinesis_port=0)
    DataFolder(settings.folder).prepare()
    platform = Platform(settings)
    spec = platform.streams.create("readings", SYSTEM)
    writer = platform.open_writer()
    writer.recover()
    for _ in range(5):
        data = [b'{"temp": 91.5, "device": "m1"}'] * 100
        asyncio.run(writer.put_records(spec, Records([b"k"] * 100, data)))
    writer.close()
    table = platform.tables.create("kept", SYSTEM, pa.schema([("n", pa.int64())]))
    for n in range(2):
        table.append(pa.table({"n": [n]}))
    platform.close()
    return settings


def wrong(settings: Settings) -> list[Finding]:
    return [finding for finding in examine(settings) if not finding.ok and finding.what != "disk"]


def test_a_healthy_folder_has_nothing_wrong_and_says_what_was_looked_at(settings: Settings):
    findings = {finding.what: finding for finding in examine(settings)}
    assert wrong(settings) == []
    assert {
        "python",
        "libraries",
        "folder",
        "disk",
        "server",
        "port",
        "kinesis_port",
        "postgres_port",
        "metadata",
        "streams",
        "tables",
    } == set(findings)
    assert (findings["streams"].found, findings["tables"].found) == ("1 looked at", "1 looked at")
    assert findings["server"].found == "not running"


def test_a_folder_that_is_not_there_yet_is_fine_and_is_not_made(tmp_path: Path):
    settings = Settings(folder=tmp_path / "new", port=0, postgres_port=0, kinesis_port=0)
    assert wrong(settings) == []
    assert not (tmp_path / "new").exists()


def test_a_damaged_segment_is_named_with_its_stream(settings: Settings):
    (segment,) = settings.folder.glob("streams/*/*/*.seg")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(data)
    (finding,) = wrong(settings)
    assert finding.what == "streams"
    assert "stream readings" in finding.found
    assert finding.cure


def test_a_damaged_table_is_named_with_its_commit(settings: Settings):
    (commit,) = settings.folder.glob(f"tables/main/kept-*/_delta_log/{1:020}.json")
    commit.write_bytes(b"")
    (finding,) = wrong(settings)
    assert finding.what == "tables"
    assert "table main.kept" in finding.found
    assert "commit 1" in finding.found
    assert finding.cure


def test_a_lost_table_folder_is_named(settings: Settings):
    (folder,) = settings.folder.glob("tables/main/kept-*")
    folder.rename(folder.with_name("elsewhere"))
    (finding,) = wrong(settings)
    assert finding.found.startswith("table main.kept: there is no Delta table")


def test_a_missing_data_file_is_named(settings: Settings):
    """The log alone says that all is well: the files that it names are looked for too."""
    file = next(settings.folder.glob("tables/main/kept-*/*.parquet"))
    file.unlink()
    (finding,) = wrong(settings)
    assert finding.what == "tables"
    assert file.name in finding.found


def test_a_damaged_metadata_database_is_named(settings: Settings):
    path = settings.folder / "metadata.db"
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 3] = bytes(4096 * 2)
    path.write_bytes(data)
    for name in ("metadata.db-wal", "metadata.db-shm"):
        (settings.folder / name).unlink(missing_ok=True)
    findings = {finding.what: finding for finding in wrong(settings)}
    assert "metadata" in findings
    assert "backup" in (findings["metadata"].cure or "")


def test_a_port_in_use_is_named_with_the_setting(settings: Settings):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (finding,) = wrong(Settings(folder=settings.folder, port=0, postgres_port=0, kinesis_port=port))
    assert (finding.what, f"{port} is in use" in finding.found) == ("kinesis_port", True)
    assert "set kinesis_port" in finding.cure


def test_a_folder_of_somebody_else_and_one_that_is_newer_are_named(settings: Settings, tmp_path: Path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    found = wrong(Settings(folder=tmp_path / "foreign", port=0, postgres_port=0, kinesis_port=0))
    assert [(f.what, "not a data folder" in f.found) for f in found] == [("folder", True)]
    (settings.folder / "gureum.json").write_text('{"format": 999}')
    assert [(f.what, "format 999" in f.found) for f in wrong(settings)] == [("folder", True)]


def test_beside_a_server_it_asks_for_no_ports(settings: Settings):
    lock = FolderLock(DataFolder(settings.folder), what="gureum up")
    findings = {finding.what: finding.found for finding in examine(settings)}
    lock.release()
    assert "gureum up runs with pid" in findings["server"]
    assert "port" not in findings


def test_looking_changes_nothing(settings: Settings):
    def state() -> dict[str, bytes]:
        return {
            str(path): path.read_bytes()
            for path in settings.folder.rglob("*")
            if path.is_file() and not path.name.startswith("metadata.db")
        }

    before = state()
    examine(settings)
    assert state() == before
