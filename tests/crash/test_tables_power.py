"""Power cuts: whatever was never synced is gone or torn, yet acknowledged rows are there and the table works on.

A writer runs in a process of its own that notes, at each sync that really happened, the file's bytes or the folder's names
as the disk then has them. After a cut at any moment the disk is put back to that, with chance deciding what of the rest
arrived all the same: nothing, all, the beginning, or zeros, as file systems do.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from gureum.tables.table import Table
from gureum.testing.platform import clean_environment

pytestmark = pytest.mark.crash

CUTS = 60
APPENDS = 12

# Appends numbered rows. Each line that it writes is one moment: a sync, with what it made safe, or an acknowledgement.
WRITER = f"""
import json, os, sys
from pathlib import Path
import pyarrow as pa

root, journal = Path(sys.argv[1]), open(sys.argv[2], "w")

def note(**what):
    journal.write(json.dumps(what) + "\\n")
    journal.flush()

def watched(real):
    def sync(descriptor):
        real(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{{descriptor}}"))
        if path.is_dir():
            note(folder=str(path), names=sorted(p.name for p in path.iterdir()))
        else:
            note(file=str(path), size=path.stat().st_size)
    return sync

os.fsync, os.fdatasync = watched(os.fsync), watched(os.fdatasync)

from gureum.tables.table import Table

two = None
table = Table.create(str(root / "main" / "t"), pa.schema([("p", pa.string()), ("n", pa.int64())]), partition_by=["p"],
                     properties={{"delta.checkpointInterval": "5"}})
note(acknowledged=-1)
other = Table.open(str(root / "main" / "t"))
for n in range({APPENDS}):
    handle = table if n % 3 else other
    staged = handle.stage(pa.table({{"p": [str(n % 4)], "n": [n]}}))
    note(staged=n)
    handle.commit(staged, txn=("writer", n))
    note(acknowledged=n)
"""


class Disk:
    """The files as a disk has them after a cut, from what was synced before it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def cut(self, whole: Path, moments: list[dict], target: Path, *, source: Path) -> None:
        synced_files = {moment["file"] for moment in moments if "file" in moment}
        names: dict[str, set[str]] = {}
        for moment in moments:
            if "folder" in moment:
                names.setdefault(moment["folder"], set()).update(moment["names"])
        last = {moment["file"]: moment["size"] for moment in moments if "file" in moment}
        # Names that never reached the disk: of files and folders alike. The data folder itself was there before.
        for path in sorted(whole.rglob("*")):
            inside = path.relative_to(whole)
            to = target / inside
            origin = str(source / inside)
            known = path.name in names.get(str(Path(origin).parent), set())
            if not to.parent.exists() or (not known and self.chance.random() < 0.5):
                continue
            if path.is_dir():
                to.mkdir()
                continue
            data = path.read_bytes()
            # The hint is replaced again and again: it may be as of any moment, torn or gone.
            if origin in synced_files and path.name != "_last_checkpoint":
                assert len(data) == last[origin], "a synced file does not change any more"
            else:
                data = self.chance.choice(
                    [
                        data,
                        b"",
                        data[: self.chance.randrange(len(data) + 1)],
                        bytes(len(data)),
                        _lines(data, self.chance),
                    ]
                )
            to.write_bytes(data)


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[: chance.randrange(len(lines) + 1)])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """All that the writer wrote, and its moments in order."""
    folder = tmp_path_factory.mktemp("power")
    data = folder / "data"
    data.mkdir()
    subprocess.run(
        [sys.executable, "-c", WRITER, str(data), str(folder / "journal")], check=True, env=clean_environment()
    )
    return data, [json.loads(line) for line in (folder / "journal").read_text().splitlines()]


def test_what_was_acknowledged_survives_a_power_cut_at_any_moment(written: tuple[Path, list[dict]], tmp_path: Path):
    source, moments = written
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    created = next(i for i, moment in enumerate(moments) if "acknowledged" in moment)
    for number in range(CUTS):
        at = chance.randrange(created + 1, len(moments) + 1)
        before = moments[:at]
        acknowledged = max(moment["acknowledged"] for moment in before if "acknowledged" in moment)
        whole = tmp_path / f"whole{number}"
        _as_of(source, whole, before)
        disk = tmp_path / f"disk{number}"
        disk.mkdir()
        Disk(chance).cut(whole, before, disk, source=source)
        location = str(disk / "main" / "t")
        why = f"seed {seed}, cut {number} after {before[-1]}"
        table = Table.open(location)
        rows = sorted(row["n"] for row in DeltaTable(location).to_pyarrow_table().to_pylist())
        assert rows in (list(range(acknowledged + 1)), list(range(acknowledged + 2))), why
        # It goes on as a query does: what it is not sure of comes again with the same txn.
        for n in range(acknowledged + 1, acknowledged + 3):
            table.commit(table.stage(pa.table({"p": [str(n % 4)], "n": [n]})), txn=("writer", n))
        rows = sorted(row["n"] for row in DeltaTable(location).to_pyarrow_table().to_pylist())
        assert rows == list(range(acknowledged + 3)), why
        shutil.rmtree(whole)
        shutil.rmtree(disk)


def _as_of(source: Path, target: Path, moments: list[dict]) -> None:
    """What the writer had written by then: the commits that it had made, and the data files that they need."""
    made = max([-1, *(moment["acknowledged"] for moment in moments if "acknowledged" in moment)])
    staged = max([-1, *(moment["staged"] for moment in moments if "staged" in moment)])
    # Between staging and acknowledging, the commit may be in the page cache already.
    newest = staged + 1 if staged > made else made + 1

    def later(folder: str, names: list[str]) -> list[str]:
        if Path(folder).name != "_delta_log":
            return []
        return [name for name in names if name[:20].isdigit() and int(name[:20]) > newest]

    shutil.copytree(source, target, ignore=later)
    hint = target / "main" / "t" / "_delta_log" / "_last_checkpoint"
    checkpoints = sorted(path.name for path in hint.parent.glob("*.checkpoint.parquet"))
    if not checkpoints:
        hint.unlink(missing_ok=True)
    elif hint.exists():
        body = json.loads(hint.read_bytes())
        hint.write_text(json.dumps({**body, "version": int(checkpoints[-1][:20])}))


def test_the_writer_has_synced_what_it_says(written: tuple[Path, list[dict]]):
    source, moments = written
    assert sum("acknowledged" in moment for moment in moments) == APPENDS + 1
    assert any("checkpoint" in moment.get("file", "") for moment in moments), "checkpoints are on the way"
    assert str(source / "main" / "t" / "p=3") in {moment.get("folder") for moment in moments}
