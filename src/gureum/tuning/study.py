"""A study: what was tried, kept in a folder so that any number of processes may work on it, and any may be killed.

    FOLDER/NAME/journal.jsonl     all that happened (see `journal`)
    FOLDER/NAME/leases/           who works on it now (see `lease`)

Called by `loop` (claim, step, tell) and `search` (create, open). One thread works on a Study.
Promise: a budget of N trials gives N, whoever dies; each trial ends once, by the first who says so in the journal; a trial whose
worker or process died is `lost`, and its parameters are tried again as a new trial that names it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from gureum.clock import Clock
from gureum.errors import Conflict, InvalidInput, NotFound
from gureum.names import NAME_CHARS_MAX, did_you_mean
from gureum.tuning.journal import Journal
from gureum.tuning.lease import Lease, Watch
from gureum.tuning.space import Space

__all__ = ["Claim", "Definition", "Study", "outcome_of"]

JOURNAL_NAME = "journal.jsonl"
LEASES_NAME = "leases"

# A worker that dies in a trial twice most likely dies of the trial.
ATTEMPTS_OF_WORKERS_MAX = 2
# A process that dies mostly dies of something else (a reboot, a closed notebook), but not for ever.
ATTEMPTS_OF_PROCESSES_MAX = 5

_NAME = re.compile(r"[A-Za-z0-9_가-힣][A-Za-z0-9_가-힣.-]*")
_COUNTED = {"complete", "pruned", "failed", "running"}
_STATES = {
    "complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL, "lost": TrialState.FAIL, "stopped": TrialState.FAIL,
}  # fmt: skip


@dataclass(frozen=True)
class Definition:
    """What makes two calls one study: change any of it, and the old trials' values mean something else."""

    space: Space
    objective: str
    direction: str
    metric: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "space": self.space.to_json(),
            "objective": self.objective,
            "direction": self.direction,
            "metric": self.metric,
        }


@dataclass(frozen=True)
class Claim:
    """A trial that this process runs now."""

    trial_id: int
    number: int
    params: dict[str, Any]


def outcome_of(trial: FrozenTrial) -> str:
    """`complete`, `pruned`, `failed`, `lost` (its process died), `stopped` (time was up, or Ctrl-C) or `running`."""
    if not trial.state.is_finished():
        return "running"
    return str(trial.user_attrs.get("gureum.outcome") or trial.state.name.lower().replace("fail", "failed"))


class Study:
    """A study that this process has opened; `end` gives it up."""

    def __init__(
        self,
        folder: Path,
        name: str,
        clock: Clock,
        *,
        sampler: optuna.samplers.BaseSampler | None = None,
        pruner: optuna.pruners.BasePruner | None = None,
    ) -> None:
        self.name = name
        self._leases = folder / name / LEASES_NAME
        self._journal = Journal(folder / name / JOURNAL_NAME)
        self._storage = JournalStorage(self._journal)
        self._watch = Watch(self._leases, clock)
        self._lease: Lease | None = None
        self.optuna = optuna.Study(name, self._storage, sampler=sampler, pruner=pruner or optuna.pruners.NopPruner())
        self._id = self._storage.get_study_id_from_name(name)

    @classmethod
    def create(cls, folder: Path, name: str, definition: Definition) -> None:
        """Make it. Raises Conflict when the name is taken."""
        if not _NAME.fullmatch(name) or len(name) > NAME_CHARS_MAX:
            raise InvalidInput(
                f"{name!r} is no study name", code="tuning.name", hint="use letters, digits, '_', '.' and '-'"
            )
        path = folder / name / JOURNAL_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = Journal(path)
        try:
            with journal.exclusive():
                storage = JournalStorage(journal)
                if storage.get_all_studies():
                    raise Conflict(
                        f"a study {name!r} is there already",
                        code="tuning.exists",
                        hint=f"resume={name!r} goes on with it",
                    )
                with _quiet():
                    directions = [optuna.study.StudyDirection[definition.direction.upper()]]
                    study_id = storage.create_new_study(directions, name)
                storage.set_study_user_attr(study_id, "gureum.definition", definition.to_json())
            _sync_folders(path.parent, folder)
        finally:
            journal.close()

    @classmethod
    def exists(cls, folder: Path, name: str) -> bool:
        path = folder / name / JOURNAL_NAME
        return bool(name) and path.is_file() and path.stat().st_size > 0

    @classmethod
    def need(cls, folder: Path, name: str) -> None:
        """Raises NotFound, with near names, when there is no such study."""
        if not cls.exists(folder, name):
            known = [path.parent.name for path in folder.glob(f"*/{JOURNAL_NAME}")]
            raise NotFound(
                f"no study {name!r} in {folder}",
                code="tuning.not_found",
                hint=did_you_mean(name, known) or "name=... begins one",
            )

    def check(self, definition: Definition) -> None:
        """Raises Conflict, which names what, when the study was begun with something else."""
        before = self.noted("definition")
        if before is None:  # killed just after it was created
            self.note("definition", definition.to_json())
            return
        changed = [part for part, now in definition.to_json().items() if before.get(part) != now]
        if changed:
            differences = "; ".join(_difference(part, before[part], definition.to_json()[part]) for part in changed)
            raise Conflict(
                f"study {self.name!r} was begun with another {' and '.join(changed)}: {differences}",
                code="tuning.changed",
                hint="its trials cannot be compared with new ones: give a new name, or go back to what it was",
            )

    @property
    def session(self) -> str:
        """The id under which this process works on the study."""
        if self._lease is None or not self._lease.held:
            if self._lease is not None:
                self._lease.end()  # we were paused; whatever ran was given to others
            self._lease = Lease(self._leases)
        return self._lease.id

    def begin(self) -> int:
        """Take a lease, and return how many processes began before: two of them must not draw the same random numbers."""
        assert self.session
        with self._journal.exclusive():
            began = int(self.optuna.user_attrs.get("gureum.sessions", 0))
            self._storage.set_study_user_attr(self._id, "gureum.sessions", began + 1)
        return began

    def trials(self) -> list[FrozenTrial]:
        """All trials as of now, by number; not copied: do not change them."""
        return list(self.optuna.get_trials(deepcopy=False))

    def claim(self, space: Space, worker: str, trials_max: int | None) -> Claim | None:
        """Begin the next trial for `worker`: a lost one's parameters again, or what the sampler suggests.

        None when the study has its `trials_max` trials, counting those that run.
        """
        session = self.session
        with self._journal.exclusive():
            trials = self.trials()
            counted = sum(outcome_of(trial) in _COUNTED for trial in trials)
            if trials_max is not None and counted >= trials_max:
                return None
            attributes: dict[str, Any] = {"gureum.session": session, "gureum.worker": worker}
            again = _to_retry(trials)
            if again is not None:
                attributes["gureum.retry_of"] = again.number
                attributes["gureum.attempt"] = again.user_attrs.get("gureum.attempt", 1) + 1
            template = create_trial(
                state=TrialState.RUNNING,
                params=again.params if again else None,
                distributions=again.distributions if again else None,
                user_attrs=attributes,
            )
            trial_id = self._storage.create_new_trial(self._id, template)
        # Sampling takes its time, so it is not done under the lock; others see the trial run, but not yet with what.
        trial = optuna.trial.Trial(self.optuna, trial_id)
        with self._journal.batch():
            params = space.draw(trial)
        return Claim(trial_id, trial.number, params)

    def step(self, claim: Claim, step: int, value: float) -> bool:
        """Note how a trial does after a step; True when it should end here."""
        try:
            self._storage.set_trial_intermediate_value(claim.trial_id, step, value)
            # Not the Trial's own should_prune: it keeps a copy, which does not know of this step.
            return bool(self.optuna.pruner.prune(self.optuna, self._storage.get_trial(claim.trial_id)))
        except UpdateFinishedTrialError:
            return True  # we were paused, and somebody gave it up for us

    def tell(self, claim: Claim, outcome: Mapping[str, Any]) -> FrozenTrial | None:
        """End a trial, durably. None when somebody else has ended it, because this process looked dead."""
        kind = str(outcome["kind"])
        if kind == "died":
            kind = self._kind_of_loss(self._storage.get_trial(claim.trial_id), ATTEMPTS_OF_WORKERS_MAX)
        return self._end(claim.trial_id, kind, outcome)

    def reap(self) -> list[FrozenTrial]:
        """End what dead processes left running, and return it. Cheap when there is none."""
        running = [trial for trial in self.trials() if trial.state is TrialState.RUNNING]
        if not running:
            return []
        alive = self._watch.alive()
        ended = []
        for trial in running:
            if trial.user_attrs.get("gureum.session") not in alive:
                kind = self._kind_of_loss(trial, ATTEMPTS_OF_PROCESSES_MAX)
                told = self._end(self._trial_id(trial), kind, {"reason": "the process that ran it died"})
                ended += [told] if told else []
        return ended

    def stop_own(self, reason: str) -> list[FrozenTrial]:
        """End as stopped whatever this process still has running."""
        if self._lease is None:
            return []
        told = [
            self._end(self._trial_id(trial), "stopped", {"reason": reason})
            for trial in self.trials()
            if trial.state is TrialState.RUNNING and trial.user_attrs.get("gureum.session") == self._lease.id
        ]
        return [trial for trial in told if trial is not None]

    def alive(self) -> set[str]:
        """The sessions that work on it now."""
        return self._watch.alive()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else changes the study meanwhile."""
        with self._journal.exclusive():
            yield

    def note(self, key: str, value: Any) -> None:
        """Keep a JSON value with the study, for all who work on it."""
        self._storage.set_study_user_attr(self._id, f"gureum.{key}", value)

    def noted(self, key: str) -> Any:
        return self.optuna.user_attrs.get(f"gureum.{key}")

    def end(self) -> None:
        """Give up the lease. The Optuna study may still be read."""
        if self._lease is not None:
            self._lease.end()
            self._lease = None

    @staticmethod
    def _kind_of_loss(trial: FrozenTrial, attempts_max: int) -> str:
        return "failed" if trial.user_attrs.get("gureum.attempt", 1) >= attempts_max else "lost"

    def _end(self, trial_id: int, kind: str, outcome: Mapping[str, Any]) -> FrozenTrial | None:
        session = self._lease.id if self._lease else ""
        attributes = {
            "gureum.outcome": kind,
            "gureum.teller": session,
            **{f"gureum.{key}": outcome[key] for key in ("reason", "traceback", "metrics") if outcome.get(key)},
        }
        values = [float(outcome["value"])] if kind == "complete" else None
        if kind == "pruned":
            steps = self._read_told(trial_id).intermediate_values
            last = steps[max(steps)] if steps else math.nan
            values = None if math.isnan(last) else [last]
        with self._journal.batch(durable=True):
            for step, value in outcome.get("steps", ()):
                self._storage.set_trial_intermediate_value(trial_id, step, value)
            for key, value in attributes.items():
                self._storage.set_trial_user_attr(trial_id, key, value)
            self._storage.set_trial_state_values(trial_id, _STATES[kind], values)
        told = self._read_told(trial_id)
        # The journal's order has decided: if another's lines came first, ours were not taken.
        return told if told.user_attrs.get("gureum.teller") == session else None

    def _trial_id(self, trial: FrozenTrial) -> int:
        return int(self._storage.get_trial_id_from_study_id_trial_number(self._id, trial.number))

    def _read_told(self, trial_id: int) -> FrozenTrial:
        while True:
            with contextlib.suppress(UpdateFinishedTrialError):  # once for each line of ours that came too late
                return self._storage.get_trial(trial_id)


def _to_retry(trials: list[FrozenTrial]) -> FrozenTrial | None:
    tried = {trial.user_attrs.get("gureum.retry_of") for trial in trials}
    for trial in trials:
        # One that was lost before its parameters were drawn has nothing to try again.
        if outcome_of(trial) == "lost" and trial.number not in tried and trial.params:
            return trial
    return None


def _difference(part: str, before: Any, now: Any) -> str:
    if part != "space":
        return "its code has changed" if part == "objective" else f"{part} was {before!r}, is {now!r}"
    was, is_ = json.loads(before), json.loads(now)
    names = [name for name in sorted({*was, *is_}) if was.get(name) != is_.get(name)]
    return "parameter " + ", ".join(repr(name) for name in names)


def _sync_folders(*folders: Path) -> None:
    """A new file is only there after a power cut if its folder was synced."""
    for folder in folders:
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's word on each new study."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
