"""A study's journal: one order for all who write, and no line that a crash tore."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from gureum.errors import CorruptData
from gureum.tuning.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def lines(journal: Journal, start: int = 0) -> list[int]:
    return [log["n"] for log in journal.read_logs(start)]


def test_a_reader_goes_on_where_it_stopped_even_in_the_middle(path: Path):
    writer, reader = Journal(path), Journal(path)
    writer.append_logs([{"n": n} for n in range(5)])
    assert lines(reader) == [0, 1, 2, 3, 4]
    assert lines(reader, 3) == [3, 4]
    writer.append_logs([{"n": 5}])
    assert lines(reader, 3) == [3, 4, 5]
    assert lines(reader, 6) == []
    assert lines(reader, 0) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("torn", [b'{"n": 9', b"\0" * 5000, b"x"])
def test_a_line_that_a_kill_tore_is_not_read_and_the_next_writer_cuts_it_off(path: Path, torn: bytes):
    Journal(path).append_logs([{"n": 0}])
    with path.open("ab") as file:
        file.write(torn)
    reader = Journal(path)
    assert lines(reader) == [0]
    Journal(path).append_logs([{"n": 1}])
    assert lines(reader, 1) == [1]
    assert path.read_bytes() == b'{"n":0}\n{"n":1}\n'


def test_a_first_line_that_was_torn_leaves_an_empty_journal(path: Path):
    path.write_bytes(b'{"n"')
    journal = Journal(path)
    assert lines(journal) == []
    journal.append_logs([{"n": 0}])
    assert lines(journal) == [0]


def test_a_damaged_line_in_the_middle_is_named_not_skipped(path: Path):
    path.write_bytes(b'{"n":0}\n{"n":\0}\n{"n":2}\n')
    with pytest.raises(CorruptData, match="line 2 of") as found:
        lines(Journal(path))
    assert "backup" in found.value.hint


def test_lines_longer_than_one_read_come_whole(path: Path):
    journal = Journal(path)
    journal.append_logs([{"n": 0, "text": "x" * 3_000_000}, {"n": 1}])
    assert lines(Journal(path)) == [0, 1]


def test_a_batch_is_seen_at_its_end_or_not_at_all(path: Path):
    writer, reader = Journal(path), Journal(path)
    with writer.batch(durable=True):
        writer.append_logs([{"n": 0}])
        writer.append_logs([{"n": 1}])
        assert lines(reader) == []
    assert lines(reader) == [0, 1]
    with contextlib.suppress(RuntimeError), writer.batch():
        writer.append_logs([{"n": 2}])
        raise RuntimeError
    assert lines(reader, 2) == []


def test_a_killed_holder_leaves_no_lock(path: Path):
    code = (
        "import os, signal, sys; from pathlib import Path; from gureum.tuning.journal import Journal\n"
        "with Journal(Path(sys.argv[1])).exclusive(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -9
    Journal(path).append_logs([{"n": 0}])  # Optuna's own lock would hold this up for thirty seconds
    assert lines(Journal(path)) == [0]


def test_optuna_reads_what_we_write(path: Path):
    study = optuna.create_study(storage=JournalStorage(Journal(path)), study_name="s")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    theirs = optuna.load_study(study_name="s", storage=JournalStorage(JournalFileBackend(str(path))))
    assert [trial.params for trial in theirs.trials] == [trial.params for trial in study.trials]
