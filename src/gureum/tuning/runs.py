"""Trials as MLflow runs: one parent for the study, one nested run for each trial, written once, when the trial has ended.

Called by `loop` (ended, poll) and `search` (finish). A thread does the writing, so that no worker waits for MLflow; the study's
journal is the truth, and what MLflow did not take is sent again by whoever resumes the study. Promise: no trial has two runs,
because each run is tagged with study and number, and only one process at a time writes a given trial: the one that told it, or,
when that is dead, the one that adopted its trials.
"""

from __future__ import annotations

import queue
import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from gureum.clock import Clock
from gureum.errors import InvalidInput
from gureum.tuning.result import TuningResult, best_trial, value_of
from gureum.tuning.space import Space
from gureum.tuning.study import Study, outcome_of

__all__ = ["RunWriter"]

QUEUE_MAX = 1_000  # what is beyond waits in the journal and is sent at the end
TRIES_MAX = 4
FIRST_WAIT_S = 0.5
FLUSH_S_MAX = 60.0  # at the end of a tuning; MLflow's import alone may take twenty seconds on a cold disk

# MLflow's limits of one request.
METRICS_A_REQUEST_MAX = 900  # 1,000 entities of all kinds
PARAMS_A_REQUEST_MAX = 100
VALUE_CHARS_MAX = 6_000
TAG_CHARS_MAX = 5_000

_STATUS = {"complete": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "lost": "KILLED", "stopped": "KILLED"}
_NOT_IN_KEYS = re.compile(r"[^\w./ -]")


@dataclass(frozen=True)
class _Ended:
    trial: FrozenTrial
    params: Mapping[str, Any]


class RunWriter:
    """The writer of one process' trials."""

    def __init__(
        self,
        study: Study,
        space: Space,
        clock: Clock,
        *,
        experiment: str,
        metric: str | None,
        settings: Mapping[str, str],
    ) -> None:
        self._study = study
        self._space = space
        self._clock = clock
        self._experiment = experiment
        self._metric = _key(metric or "objective")
        self._settings = dict(settings)
        self._queue: queue.Queue[_Ended | None] = queue.Queue(QUEUE_MAX)
        self._overflow: list[_Ended] = []
        self._backlog: list[_Ended] = []
        self._sent = 0
        self._to_send = 0
        self._closing: dict[str, Any] | None = None
        self._failure: Exception | None = None
        self._stop = threading.Event()
        self._created: str | None = None  # a parent run that the thread made, for `poll` to make known
        self._parent: str = (study.noted("mlflow_run") or {}).get("run", "")
        self._resumed = self._parent != ""
        self._ready = threading.Event()  # the thread has a parent run
        self._attached = threading.Event()  # and this one is the study's
        self._thread = threading.Thread(target=self._work, name="gureum-tuning-runs", daemon=True)
        self._thread.start()

    # What the loop's thread calls: it alone touches the study.

    def ended(self, trial: FrozenTrial) -> None:
        """Send this trial, some time."""
        item = _Ended(trial, self._space.from_suggested(trial.params))
        self._to_send += 1
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._overflow.append(item)

    def poll(self) -> None:
        """Once MLflow is there: agree with other processes on the parent run, and adopt dead processes' trials."""
        if self._attached.is_set() or not self._ready.is_set():
            return
        with self._study.exclusive():
            known = self._study.noted("mlflow_run")
            if known is None:
                self._study.note("mlflow_run", {"run": self._created})
            elif self._created is not None:
                self._parent, self._resumed = known["run"], True  # another process was first; the thread deletes ours
            self._adopt()
        self._attached.set()

    def finish(self, result: TuningResult | None) -> int:
        """Send the rest, close the parent run, and return how many trials MLflow did not take; a warning says so too."""
        trials = self._study.trials()
        deadline_s = time.monotonic() + FLUSH_S_MAX
        self._closing = self._summary(trials, result)
        while not self._attached.is_set() and self._thread.is_alive() and time.monotonic() < deadline_s:
            self._ready.wait(0.1)
            self.poll()
        for item in [*self._overflow, None]:
            try:
                self._queue.put(item, timeout=max(0.1, deadline_s - time.monotonic()))
            except queue.Full:
                break
        self._thread.join(max(0.1, deadline_s - time.monotonic()))
        self._stop.set()
        missing = self._to_send - self._sent
        if missing or self._thread.is_alive() or self._failure is not None:
            warnings.warn(
                f"MLflow did not take {missing} trials of study {self._study.name!r} ({self._failure or 'too slow'}); "
                f"resume={self._study.name!r} sends them again",
                RuntimeWarning,
                stacklevel=3,
            )
        return missing

    def close(self) -> None:
        """After an error: send what there is. Nothing to do after `finish`."""
        if self._closing is None:
            self.finish(None)

    def _adopt(self) -> None:
        alive = self._study.alive()
        mine = self._study.session
        trials = [trial for trial in self._study.trials() if trial.state.is_finished()]
        for teller in {str(trial.user_attrs.get("gureum.teller", "")) for trial in trials} - alive:
            if self._study.noted(f"adopted.{teller}") in alive - {mine}:
                continue
            self._study.note(f"adopted.{teller}", mine)
            self._backlog += [
                _Ended(trial, self._space.from_suggested(trial.params))
                for trial in trials
                if trial.user_attrs.get("gureum.teller", "") == teller
            ]
        self._to_send += len(self._backlog)

    def _summary(self, trials: Sequence[FrozenTrial], result: TuningResult | None) -> dict[str, Any]:
        counts: dict[str, float] = {}
        for trial in trials:
            counts[f"trials.{outcome_of(trial)}"] = counts.get(f"trials.{outcome_of(trial)}", 0) + 1
        metrics, tags = dict(counts), {"gureum.ended": result.ended if result else "error"}
        best = best_trial(list(trials), result.direction) if result else None
        if result is not None and best is not None:
            metrics[f"best.{self._metric}"] = value_of(best)
            tags["gureum.best_trial"] = str(best.number)
            for name, value in result.best_params.items():
                tags[f"gureum.best.{_key(name)}"] = str(value)[:TAG_CHARS_MAX]
            try:
                metrics |= {f"importance.{_key(name)}": share for name, share in result.importance().items()}
            except InvalidInput:
                tags["gureum.importance"] = "too few complete trials"
        return {"metrics": metrics, "tags": tags, "status": "FINISHED" if result else "FAILED"}

    # What the thread does: it alone talks to MLflow.

    def _work(self) -> None:
        try:
            from mlflow import MlflowClient  # seconds of imports: only when there is an MLflow to write to

            self._client = MlflowClient()
            self._experiment_id = self._try(self._find_experiment)
            if not self._parent:
                self._parent = self._created = self._try(self._create_parent)
            self._ready.set()
            while not self._attached.wait(1.0):
                if self._stop.is_set():
                    return
            created, parent = self._created, self._parent
            if created is not None and created != parent:
                self._try(lambda: self._client.delete_run(created))
            if self._resumed:
                self._try(lambda: self._client.update_run(parent, status="RUNNING"))
            self._send_backlog()
            while (item := self._queue.get()) is not None:
                self._send(item)
            self._close_parent()
        except Exception as error:
            self._failure = error  # `finish` tells

    def _try(self, act: Callable[[], Any]) -> Any:
        for attempt in range(TRIES_MAX):
            try:
                return act()
            except Exception:
                if attempt == TRIES_MAX - 1 or self._stop.wait(FIRST_WAIT_S * 2**attempt):
                    raise
        raise AssertionError("the last try returns or raises")

    def _find_experiment(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(self._experiment))
        except Exception:
            found = self._client.get_experiment_by_name(self._experiment)  # another process was a moment earlier
            if found is None:
                raise
            return str(found.experiment_id)

    def _create_parent(self) -> str:
        from mlflow.entities import Param  # loaded already

        tags: dict[str, Any] = {
            "gureum.study": self._study.name,
            "mlflow.source.name": "gureum.tune",
            "gureum.space": self._space.to_json()[:TAG_CHARS_MAX],
        }
        run_id = str(self._client.create_run(self._experiment_id, tags=tags, run_name=self._study.name).info.run_id)
        self._client.log_batch(run_id, params=[Param(name, value) for name, value in self._settings.items()])
        return run_id

    def _send_backlog(self) -> None:
        if not self._backlog:
            return
        known = self._try(lambda: self._known_runs(f"tags.`mlflow.parentRunId` = '{self._parent}'"))
        for item in self._backlog:
            run_id, status = known.get(self._tag(item.trial), (None, None))
            if status in (None, "RUNNING"):
                self._send(item, run_id)
            else:
                self._sent += 1

    def _send(self, item: _Ended, run_id: str | None = None) -> None:
        lookup = False

        def write() -> None:
            nonlocal lookup, run_id
            if lookup and run_id is None:  # the answer of an earlier try may have been lost after the run was made
                found = self._known_runs(f"tags.`gureum.trial` = '{self._tag(item.trial)}'")
                run_id = next((known for known, _ in found.values()), None)
            lookup = True
            if run_id is None:
                run_id = self._create_run(item.trial)
            self._fill_run(run_id, item)

        try:
            self._try(write)
            self._sent += 1
        except Exception as error:
            self._failure = error  # the next trial may have more luck; the resumed study sends this one again

    def _tag(self, trial: FrozenTrial) -> str:
        return f"{self._study.name}:{trial.number}"

    def _known_runs(self, wanted: str) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        token = None
        while True:
            page = self._client.search_runs([self._experiment_id], wanted, page_token=token)
            for run in page:
                if "gureum.trial" in run.data.tags:
                    found[run.data.tags["gureum.trial"]] = (run.info.run_id, run.info.status)
            token = page.token
            if not token:
                return found

    def _create_run(self, trial: FrozenTrial) -> str:
        tags: dict[str, Any] = {
            "mlflow.parentRunId": self._parent,
            "mlflow.source.name": "gureum.tune",
            "gureum.trial": self._tag(trial),
            "gureum.state": outcome_of(trial),
            **{
                key: str(trial.user_attrs[key])[-TAG_CHARS_MAX:]
                for key in ("gureum.worker", "gureum.reason", "gureum.traceback", "gureum.retry_of")
                if key in trial.user_attrs
            },
        }
        run = self._client.create_run(
            self._experiment_id,
            start_time=_ms(trial.datetime_start),
            tags=tags,
            run_name=f"{self._study.name}-{trial.number}",
        )
        return str(run.info.run_id)

    def _fill_run(self, run_id: str, item: _Ended) -> None:
        from mlflow.entities import Metric, Param  # loaded already

        trial = item.trial
        at_ms = _ms(trial.datetime_complete)  # the same at each try: a point that is written twice is one point
        metrics = [
            Metric(f"{self._metric}.by_step", value, at_ms, step)
            for step, value in sorted(trial.intermediate_values.items())
        ]
        numbers = {_key(name): value for name, value in (trial.user_attrs.get("gureum.metrics") or {}).items()}
        if trial.value is not None:
            numbers[self._metric] = trial.value
        metrics += [Metric(name, value, at_ms, 0) for name, value in numbers.items()]
        params = [Param(_key(name), str(value)[:VALUE_CHARS_MAX]) for name, value in item.params.items()]
        while metrics or params:  # mostly one request
            self._client.log_batch(run_id, metrics[:METRICS_A_REQUEST_MAX], params[:PARAMS_A_REQUEST_MAX])
            del metrics[:METRICS_A_REQUEST_MAX], params[:PARAMS_A_REQUEST_MAX]
        self._client.set_terminated(run_id, _STATUS[outcome_of(trial)], at_ms)

    def _close_parent(self) -> None:
        from mlflow.entities import Metric, RunTag  # loaded already

        closing = self._closing
        assert closing is not None, "the queue is closed by finish"
        at_ms = self._clock.now_ms()
        metrics = [Metric(name, value, at_ms, 0) for name, value in closing["metrics"].items()]
        tags = [RunTag(name, value) for name, value in closing["tags"].items()]
        self._try(
            lambda: self._client.log_batch(
                self._parent, metrics[:METRICS_A_REQUEST_MAX], tags=tags[:PARAMS_A_REQUEST_MAX]
            )
        )
        self._try(lambda: self._client.set_terminated(self._parent, closing["status"]))


def _key(name: str) -> str:
    """A name that MLflow takes."""
    return _NOT_IN_KEYS.sub("_", name)[:250]


def _ms(moment: Any) -> int:
    return int(moment.timestamp() * 1000)
