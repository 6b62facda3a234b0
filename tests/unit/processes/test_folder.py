"""The data folder: made once, held by one, refused when it is not ours or newer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gureum.errors import Conflict, CorruptData, Unavailable
from gureum.processes.folder import FORMAT, DataFolder, FolderLock, holder
from gureum.testing.platform import clean_environment


def test_a_new_folder_is_made_with_all_that_is_in_it(tmp_path: Path):
    folder = DataFolder(tmp_path / "a" / "b")
    folder.prepare()
    folder.prepare()
    assert json.loads((folder.root / "gureum.json").read_text()) == {"format": FORMAT}
    for path in (folder.run, folder.streams, folder.tables, folder.queries, folder.spill, folder.logs):
        assert path.is_dir()
    assert folder.run.stat().st_mode & 0o777 == 0o700, "whoever reaches the sockets in it is believed"


def test_a_prepare_that_was_cut_off_is_finished_by_the_next(tmp_path: Path):
    DataFolder(tmp_path).prepare()
    (tmp_path / "gureum.json").unlink()
    (tmp_path / "gureum.partial").write_text("{")
    DataFolder(tmp_path).prepare()
    assert json.loads((tmp_path / "gureum.json").read_text()) == {"format": FORMAT}


@pytest.mark.parametrize(
    ("content", "error", "code"),
    [
        ('{"format": 2}', Conflict, "folder.newer"),
        ("", CorruptData, "folder.format"),
        ("{}", CorruptData, "folder.format"),
        ('{"format": "new"}', CorruptData, "folder.format"),
        ("[1]", CorruptData, "folder.format"),
    ],
)
def test_a_format_that_is_not_ours_is_refused(content: str, error: type[Exception], code: str, tmp_path: Path):
    DataFolder(tmp_path).prepare()
    (tmp_path / "gureum.json").write_text(content)
    with pytest.raises(error) as caught:
        DataFolder(tmp_path).prepare()
    assert caught.value.code == code
    assert caught.value.hint


def test_somebody_elses_folder_and_a_file_are_refused(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Conflict, match="not a data folder of gureum"):
        DataFolder(tmp_path).prepare()
    with pytest.raises(Unavailable, match="cannot use the data folder"):
        DataFolder(tmp_path / "thesis.txt").prepare()


def test_a_folder_has_one_holder_and_is_free_when_it_lets_go(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.prepare()
    assert holder(folder) is None
    lock = FolderLock(folder, what="a test")
    assert (holder(folder).pid, holder(folder).what) == (os.getpid(), "a test")
    with pytest.raises(Conflict, match=f"held by a test with pid {os.getpid()}") as caught:
        FolderLock(folder, what="another")
    assert caught.value.details == {"pid": os.getpid()}
    lock.release()
    assert holder(folder) is None
    FolderLock(folder, what="another").release()


def test_a_holder_that_was_killed_holds_no_more(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.prepare()
    program = (
        "import sys; from pathlib import Path; from gureum.processes.folder import *\n"
        "lock = FolderLock(DataFolder(Path(sys.argv[1])), what='a test'); print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=clean_environment(),
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == b"held\n"
        assert holder(folder).pid == process.pid
        process.kill()
    assert holder(folder) is None
