"""`gureum.tune` and `gureum.tuning.load`: what users call. Checks what they sent, builds the parts, gives the result.

The one place of the package that reads the environment (MLFLOW_TRACKING_URI) and makes a clock.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna

from gureum.clock import SystemClock
from gureum.errors import Conflict, InvalidInput
from gureum.names import did_you_mean
from gureum.tuning.budget import Budget, parse_budget
from gureum.tuning.crew import Crew
from gureum.tuning.loop import Loop, objective_failed
from gureum.tuning.objective import fingerprint, takes_trial
from gureum.tuning.result import TuningResult, best_trial
from gureum.tuning.runs import RunWriter
from gureum.tuning.space import Space
from gureum.tuning.study import Definition, Study, outcome_of

__all__ = ["load", "tune"]

DEFAULT_FOLDER = "gureum-tuning"
DEFAULT_EXPERIMENT = "tuning"
JOBS_MAX = 256  # processes on this machine; more machines share a folder

SAMPLERS: dict[str, Callable[[int | None], optuna.samplers.BaseSampler]] = {
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "qmc": lambda seed: optuna.samplers.QMCSampler(seed=seed),
}
# ASHA: at each rung the best third goes on. Where rungs begin, Optuna takes from the first complete trial's steps.
PRUNERS: dict[str, Callable[[], optuna.pruners.BasePruner]] = {
    "asha": lambda: optuna.pruners.SuccessiveHalvingPruner(reduction_factor=3),
    "hyperband": lambda: optuna.pruners.HyperbandPruner(),
    "median": lambda: optuna.pruners.MedianPruner(),
}


def tune(
    objective: Callable[..., Any] | None = None,
    space: Mapping[str, Any] | None = None,
    *,
    budget: Budget | int | str | timedelta,
    n_jobs: int = 1,
    direction: Literal["minimize", "maximize"] = "minimize",
    metric: str | None = None,
    early_stopping: str | optuna.pruners.BasePruner | None = None,
    sampler: str | optuna.samplers.BaseSampler = "tpe",
    resume: str | bool | None = None,
    name: str | None = None,
    seed: int | None = None,
    experiment: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    model: Literal["auto"] | None = None,
    data: Any = None,
    target: str | None = None,
    task: str = "auto",
) -> TuningResult:
    """Search `space` for the parameters that make `objective` best.

    `objective(params)` or `objective(params, trial)` runs in worker processes, `n_jobs` at a time (-1: one for each processor). It
    returns a number, or a dict of numbers of which `metric` names the one to `direction`. With `early_stopping` ("asha",
    "hyperband", "median") it calls `trial.report(step, value)`, which ends trials that do not promise much.

    `budget` is trials (`50`), time (`"60s"`, `"10m"`) or a Budget of both. Trials that fail are kept with their traceback; ten in a
    row end it with InvalidInput. Ctrl-C ends it and returns what is there.

    The study is kept in `folder` (`./gureum-tuning`) under `name`. After a crash, or from another process or machine at the same
    time, `resume=name` goes on with it: finished trials are kept, lost ones are tried again. `resume=True` begins it if it
    is not there. Raises NotFound for a name that is not there, Conflict when objective, space, direction or metric changed.

    `model="auto"` takes `data` (a pair of X and y, or a DataFrame and its `target`) in place of objective and space, and searches
    over model families and their parameters; `metric` says how to judge (log_loss, roc_auc, accuracy; rmse, mae, r2).

    Each trial is a nested run in MLflow when `experiment` is given or MLFLOW_TRACKING_URI is set. With `seed` and one worker, the
    same trials come again.
    """
    started_s = time.monotonic()
    limits = parse_budget(budget)
    identity: str | None = None
    if model is not None:
        objective, space, direction, metric, identity = _auto(model, objective, space, data, target, task, metric, seed)
    if objective is None or space is None:
        raise InvalidInput('give an objective and a space, or model="auto" and data', code="tuning.objective")
    parsed = Space(space)
    with_trial = takes_trial(objective)
    jobs = _jobs(n_jobs)
    if direction not in ("minimize", "maximize"):
        raise InvalidInput(f"direction {direction!r}", code="tuning.direction", hint="'minimize' or 'maximize'")
    if early_stopping is not None and not with_trial:
        raise InvalidInput(
            "early stopping needs an objective that reports steps",
            code="tuning.early_stopping",
            hint="write def objective(params, trial) and call trial.report(step, value) in it",
        )
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise InvalidInput(f"a seed is a whole number from 0, not {seed!r}", code="tuning.seed")
    pruner = early_stopping
    if not (pruner is None or isinstance(pruner, optuna.pruners.BasePruner)):
        pruner = _pick(PRUNERS, pruner, "early_stopping")()
    make_sampler = _sampler(sampler)
    definition = Definition(parsed, identity or fingerprint(objective), direction, metric)
    path = Path(folder or DEFAULT_FOLDER).resolve()
    name = _open_or_create(path, name, resume, definition)

    clock = SystemClock()
    study = Study(path, name, clock, pruner=pruner, sampler=make_sampler(None))
    study.check(definition)
    crew = Crew(objective, jobs, os.environ, with_trial=with_trial, pruning=pruner is not None, metric=metric)
    recorder = None
    try:
        crew.fill(limits.trials)  # they start while we read the past
        began = study.begin()
        settings = {"sampler": str(sampler), "n_jobs": str(jobs), "budget": str(limits), "direction": direction}
        recorder = _recorder(study, parsed, definition, experiment, settings)
        study.optuna.sampler = make_sampler(_seed(seed, began))
        ended = Loop(study, parsed, crew, limits, clock, recorder).run(started_s)
        _check_some_success(study, ended)
        result = _result(study, parsed, ended)
        if recorder is not None:
            result.unrecorded = recorder.finish(result)
        return result
    finally:
        crew.stop()
        if recorder is not None:
            recorder.close()
        study.end()


def load(name: str, *, folder: str | os.PathLike[str] | None = None) -> TuningResult:
    """Look at a study, also while others work on it. Raises NotFound, with near names. Parameters have their paths as names."""
    path = Path(folder or DEFAULT_FOLDER).resolve()
    Study.need(path, name)
    study = Study(path, name, SystemClock())
    return TuningResult(study.optuna, {}, ended="open")


def _auto(
    model: str,
    objective: Any,
    space: Any,
    data: Any,
    target: str | None,
    task: str,
    metric: str | None,
    seed: int | None,
) -> tuple[Callable[..., Any], Mapping[str, Any], Literal["minimize", "maximize"], str, str]:
    """Objective, space, direction, metric and identity of a search over model families."""
    if model != "auto":
        raise InvalidInput(f"model={model!r} is not known", code="tuning.model", hint="model='auto'")
    if objective is not None or space is not None:
        raise InvalidInput(
            'model="auto" brings its own objective and space', code="tuning.model", hint="leave them out"
        )
    from gureum.tuning import auto  # loads scikit-learn and the model families

    table, column = auto.read_data(data, target)
    made = auto.FamilyObjective(table, column, task, metric, seed or 0)
    direction: Literal["minimize", "maximize"] = "maximize" if made.direction == "maximize" else "minimize"
    identity = f"auto:{made.task}:{auto.data_fingerprint(table, column)}"
    return made, auto.family_space(), direction, made.metric, identity


def _open_or_create(folder: Path, name: str | None, resume: str | bool | None, definition: Definition) -> str:
    if resume is True:
        if name is None:
            raise InvalidInput("resume=True needs a name", code="tuning.resume", hint="name='...', or resume='...'")
        if not Study.exists(folder, name):
            try:
                Study.create(folder, name, definition)
            except Conflict:
                return name  # another process was a moment earlier
        return name
    if resume:
        if name not in (None, resume):
            raise InvalidInput(f"resume={resume!r} and name={name!r}", code="tuning.resume", hint="leave out name")
        Study.need(folder, resume)
        return resume
    name = name or f"tuning-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    Study.create(folder, name, definition)
    return name


def _jobs(n_jobs: int) -> int:
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if n_jobs == -1:
        return processors
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or not 1 <= n_jobs <= JOBS_MAX:
        raise InvalidInput(
            f"n_jobs is 1 to {JOBS_MAX}, or -1 for one for each processor, not {n_jobs!r}", code="tuning.n_jobs"
        )
    return n_jobs


def _pick(known: Mapping[str, Any], name: Any, argument: str) -> Any:
    if name not in known:
        raise InvalidInput(
            f"{argument}={name!r} is not known",
            code=f"tuning.{argument}",
            hint=did_you_mean(str(name), known) or f"one of {', '.join(map(repr, known))}",
        )
    return known[name]


def _sampler(sampler: str | optuna.samplers.BaseSampler) -> Callable[[int | None], optuna.samplers.BaseSampler]:
    if isinstance(sampler, optuna.samplers.BaseSampler):
        return lambda _: sampler
    make: Callable[[int | None], optuna.samplers.BaseSampler] = _pick(SAMPLERS, sampler, "sampler")
    return make


def _seed(seed: int | None, began: int) -> int | None:
    """Another one for each process that works on a study: the same one would draw the same parameters again."""
    return None if seed is None else int(np.random.SeedSequence([seed, began]).generate_state(1)[0])


def _check_some_success(study: Study, ended: str) -> None:
    """Raises InvalidInput when the objective only ever failed; one that was not given the time may still be right."""
    trials = study.trials()
    failed = [trial for trial in trials if outcome_of(trial) == "failed"]
    if ended == "trials" and failed and best_trial(trials, "minimize") is None:
        raise objective_failed(study.name, len(failed), failed[-1])


def _recorder(
    study: Study, space: Space, definition: Definition, experiment: str | None, settings: dict[str, str]
) -> RunWriter | None:
    """The writer of MLflow runs, if the user has an MLflow."""
    if experiment is None and not os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    chosen = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    return RunWriter(study, space, SystemClock(), experiment=chosen, metric=definition.metric, settings=settings)


def _result(study: Study, space: Space, ended: str) -> TuningResult:
    params = {trial.number: space.from_suggested(trial.params) for trial in study.trials()}
    return TuningResult(study.optuna, params, ended=ended)
