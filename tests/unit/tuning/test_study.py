"""A study among several processes: who works on it, what happens to the trials of the dead, and that each trial ends once."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from gureum.errors import Conflict, InvalidInput, NotFound
from gureum.testing.clock import ManualClock
from gureum.tuning import choice, float_range
from gureum.tuning.lease import LEASE_S, Lease, Watch
from gureum.tuning.space import Space
from gureum.tuning.study import Definition, Study, outcome_of

SPACE = Space({"x": float_range(0, 1)})
DEFINITION = Definition(SPACE, "code", "minimize", None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Study.create(tmp_path, "s", DEFINITION)
    return tmp_path


def die(study: Study) -> None:
    """As kill -9 leaves a process: its lock is gone, its lease file stays."""
    lease = study._lease
    lease._ended.set()
    lease._thread.join()
    os.close(lease._file)


def claim(study: Study, trials_max: int | None = 10):
    return study.claim(SPACE, "w", trials_max)


def test_a_told_trial_is_told_once(folder: Path, clock: ManualClock):
    ours, theirs = Study(folder, "s", clock), Study(folder, "s", clock)
    claimed = claim(ours)
    assert theirs.tell(claimed, {"kind": "complete", "value": 1.0}) is not None
    assert ours.tell(claimed, {"kind": "complete", "value": 2.0}) is None
    assert [trial.value for trial in ours.trials()] == [1.0]
    assert ours.step(claimed, 3, 0.5), "a trial that ended elsewhere ends here too"


def test_two_processes_share_one_budget(folder: Path, clock: ManualClock):
    first, second = Study(folder, "s", clock), Study(folder, "s", clock)
    claims = [claim(first, 3), claim(second, 3), claim(first, 3)]
    assert claim(second, 3) is None
    assert [claimed.number for claimed in claims] == [0, 1, 2]
    second.tell(claims[1], {"kind": "stopped", "reason": "time"})
    assert claim(second, 3) is not None, "a stopped trial is not counted"


def test_the_trials_of_a_dead_process_are_lost_and_tried_again_once(folder: Path, clock: ManualClock):
    dead, living, other = (Study(folder, "s", clock) for _ in range(3))
    lost = claim(dead)
    assert living.reap() == []
    die(dead)
    assert [outcome_of(trial) for trial in living.reap()] == ["lost"]
    assert other.reap() == []
    again = claim(living)
    assert again.params == lost.params
    assert claim(other).params != lost.params
    assert living.trials()[again.number].user_attrs["gureum.retry_of"] == lost.number


def test_a_paused_process_loses_its_trial_and_cannot_tell_it_when_it_wakes(folder: Path, clock: ManualClock):
    paused, living = Study(folder, "s", clock), Study(folder, "s", clock)
    claimed = claim(paused)
    paused._lease._ended.set()  # it beats no more, but holds its lock: SIGSTOP, or a closed lid
    paused._lease._thread.join()
    assert living.reap() == []
    clock.advance(LEASE_S + 1)
    assert [trial.number for trial in living.reap()] == [claimed.number]
    again = claim(living)
    assert paused.tell(claimed, {"kind": "complete", "value": 0.0}) is None
    old = paused._lease.id
    assert paused.session != old, "it goes on under a new lease"
    assert living.tell(again, {"kind": "complete", "value": 7.0}).value == 7.0
    assert [outcome_of(trial) for trial in paused.trials()] == ["lost", "complete"]
    assert not living.reap()


def test_a_trial_that_kills_its_worker_twice_has_failed(folder: Path, clock: ManualClock):
    study = Study(folder, "s", clock)
    first = claim(study)
    assert outcome_of(study.tell(first, {"kind": "died", "reason": "SIGSEGV"})) == "lost"
    second = claim(study)
    assert second.params == first.params
    told = study.tell(second, {"kind": "died", "reason": "SIGSEGV"})
    assert outcome_of(told) == "failed"
    assert told.user_attrs["gureum.reason"] == "SIGSEGV"
    assert claim(study).params != first.params


def test_one_that_died_before_its_parameters_were_drawn_is_lost_and_not_repeated(
    folder: Path, clock: ManualClock, monkeypatch
):
    dead, living = Study(folder, "s", clock), Study(folder, "s", clock)
    with monkeypatch.context() as patch:
        patch.setattr(dead.optuna.sampler, "sample_independent", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            claim(dead)
    die(dead)
    assert [outcome_of(trial) for trial in living.reap()] == ["lost"]
    assert claim(living).number == 1
    assert "gureum.retry_of" not in living.trials()[1].user_attrs


def test_what_this_process_still_runs_is_stopped_and_nothing_else(folder: Path, clock: ManualClock):
    ours, theirs = Study(folder, "s", clock), Study(folder, "s", clock)
    mine, other = claim(ours), claim(theirs)
    assert [trial.number for trial in ours.stop_own("time")] == [mine.number]
    assert outcome_of(ours.trials()[other.number]) == "running"


def test_a_pruned_trial_has_the_value_of_its_last_step(folder: Path, clock: ManualClock):
    study = Study(folder, "s", clock)
    claimed = claim(study)
    study.step(claimed, 1, 0.5)
    study.step(claimed, 2, 0.25)
    assert study.tell(claimed, {"kind": "pruned"}).value == 0.25


def test_leases_on_other_hosts_are_judged_by_their_beats_alone(tmp_path: Path, clock: ManualClock):
    watch = Watch(tmp_path, clock)
    remote = tmp_path / "abc.lease"
    remote.write_text("another-kernel 77 1\n")  # nobody here holds its lock
    assert watch.alive() == {"abc"}
    clock.advance(LEASE_S - 1)
    remote.write_text("another-kernel 77 2\n")
    assert watch.alive() == {"abc"}
    clock.advance(LEASE_S - 1)
    assert watch.alive() == {"abc"}
    clock.advance(2)
    assert watch.alive() == set()
    assert not remote.exists()


def test_a_lease_appears_locked(tmp_path: Path, clock: ManualClock):
    lease = Lease(tmp_path)
    with (tmp_path / f"{lease.id}.lease").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert Watch(tmp_path, clock).alive() == {lease.id}
    lease.end()
    assert Watch(tmp_path, clock).alive() == set()


def test_a_study_that_was_begun_with_something_else_is_not_mixed(folder: Path, clock: ManualClock):
    study = Study(folder, "s", clock)
    study.check(DEFINITION)
    changed = Space({"x": float_range(0, 2), "y": choice([1, 2])})
    with pytest.raises(Conflict, match="another space: parameter 'x', 'y'"):
        study.check(Definition(changed, "code", "minimize", None))
    with pytest.raises(Conflict, match="another objective: its code has changed"):
        study.check(Definition(SPACE, "other", "minimize", None))
    with pytest.raises(Conflict, match="direction was 'minimize', is 'maximize'"):
        study.check(Definition(SPACE, "code", "maximize", None))


def test_names(folder: Path):
    with pytest.raises(Conflict, match="resume='s' goes on with it"):
        Study.create(folder, "s", DEFINITION)
    for wrong in ("", "../s", "a/b", ".hidden", "x" * 200):
        with pytest.raises(InvalidInput):
            Study.create(folder, wrong, DEFINITION)
    Study.create(folder, "churn-model", DEFINITION)
    with pytest.raises(NotFound, match="did you mean 'churn-model'"):
        Study.need(folder, "churn-modle")
