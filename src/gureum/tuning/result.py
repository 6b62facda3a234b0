"""What a tuning found: the best parameters, every trial, and which parameters mattered.

Made by `search`. It is how things were at that moment, also when others still work on the study; `study` goes on with it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial

from gureum.errors import InvalidInput, NotFound
from gureum.tuning.study import outcome_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["IMPORTANCE_TRIALS_MIN", "TuningResult", "best_trial", "value_of"]

# Below it an importance is an accident: the best tenth would be a single trial of a handful.
IMPORTANCE_TRIALS_MIN = 10


def best_trial(trials: list[FrozenTrial], direction: str) -> FrozenTrial | None:
    """The complete trial with the best value, the earliest of equals; None when none is complete."""
    complete = [trial for trial in trials if outcome_of(trial) == "complete"]
    sign = -1 if direction == "maximize" else 1
    return min(complete, key=lambda trial: (sign * value_of(trial), trial.number), default=None)


def value_of(trial: FrozenTrial) -> float:
    """A complete trial's value."""
    assert trial.value is not None, "complete trials have one"
    return float(trial.value)


class TuningResult:
    """The outcome of `gureum.tune`, and of `gureum.tuning.load`."""

    def __init__(
        self, study: optuna.Study, params: dict[int, dict[str, Any]], *, ended: str, unrecorded: int = 0
    ) -> None:
        self.study = study
        """The Optuna study, for its plots and all else that takes one."""
        self.name: str = study.study_name
        self.ended = ended
        """What ended it: `trials`, `time`, `interrupted`, or `open` for one that was only looked at."""
        self.unrecorded = unrecorded
        """How many trials MLflow did not take; resume it to send them again."""
        self._params = params
        self._kept: list[FrozenTrial] = list(study.get_trials(deepcopy=False))  # replaced by Optuna, never changed

    @property
    def direction(self) -> str:
        return str(self.study.direction.name.lower())

    @property
    def metric(self) -> str | None:
        """What the objective's value is, when it has a name."""
        definition: dict[str, Any] = self.study.user_attrs.get("gureum.definition", {})
        return definition.get("metric")

    @property
    def run_id(self) -> str | None:
        """The study's run in MLflow, once there is one."""
        noted: dict[str, Any] = self.study.user_attrs.get("gureum.mlflow_run", {})
        return noted.get("run")

    @property
    def best_params(self) -> dict[str, Any]:
        """What the objective got in the best trial. Raises NotFound when no trial is complete."""
        best = self._best()
        return dict(self._params.get(best.number, best.params))

    @property
    def best_value(self) -> float:
        """The objective's value in the best trial. Raises NotFound when no trial is complete."""
        return value_of(self._best())

    @property
    def trials(self) -> pd.DataFrame:
        """A row for each trial: number, state, value, params (a dict), duration (seconds), worker, reason, traceback.

        `state` is complete, pruned, failed, lost (its process died; tried again), stopped (at the end) or running.
        """
        import pandas as pd  # half a second, for those who look at the table

        rows = [
            {
                "number": trial.number,
                "state": outcome_of(trial),
                "value": math.nan if trial.value is None else trial.value,
                "params": self._params.get(trial.number, trial.params),
                "duration": trial.duration.total_seconds() if trial.duration else math.nan,
                "worker": trial.user_attrs.get("gureum.worker"),
                "reason": trial.user_attrs.get("gureum.reason"),
                "traceback": trial.user_attrs.get("gureum.traceback"),
            }
            for trial in self._kept
        ]
        columns = ["number", "state", "value", "params", "duration", "worker", "reason", "traceback"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def curve(self) -> pd.DataFrame:
        """The best value so far after each complete trial, in the order in which they ended: number, value, best."""
        import pandas as pd  # as above

        complete = [trial for trial in self._kept if outcome_of(trial) == "complete"]
        complete.sort(key=lambda trial: (trial.datetime_complete, trial.number))
        frame = pd.DataFrame({"number": [t.number for t in complete], "value": [value_of(t) for t in complete]})
        frame["best"] = frame["value"].cummax() if self.direction == "maximize" else frame["value"].cummin()
        return frame

    def importance(self, method: str = "ped_anova") -> dict[str, float]:
        """How much each parameter mattered, greatest first; the sum is 1. A parameter under a choice has its path as a name.

        `ped_anova` asks what the best tenth has in common; `fanova` what explains the whole variance (without parameters
        under a choice). Raises InvalidInput with fewer than IMPORTANCE_TRIALS_MIN complete trials.
        """
        evaluators: dict[str, Callable[[], optuna.importance.BaseImportanceEvaluator]] = {
            "ped_anova": optuna.importance.PedAnovaImportanceEvaluator,
            # Its forest is random: the same study, the same answer.
            "fanova": lambda: optuna.importance.FanovaImportanceEvaluator(seed=0),
        }
        if method not in evaluators:
            raise InvalidInput(
                f"no importance {method!r}", code="tuning.importance", hint=f"one of {', '.join(evaluators)}"
            )
        complete = sum(outcome_of(trial) == "complete" for trial in self._kept)
        if complete < IMPORTANCE_TRIALS_MIN:
            raise InvalidInput(
                f"importance needs {IMPORTANCE_TRIALS_MIN} complete trials, there are {complete}",
                code="tuning.importance",
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # equal values in all trials are no news: all parameters matter alike
            found = optuna.importance.get_param_importances(self.study, evaluator=evaluators[method]())
        return {name: float(share) for name, share in sorted(found.items(), key=lambda item: -item[1])}

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for trial in self._kept:
            counts[outcome_of(trial)] = counts.get(outcome_of(trial), 0) + 1
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        best = best_trial(self._kept, self.direction)
        return f"<TuningResult {self.name!r}: {told or 'no trials'}; best {best.value if best else None}>"

    def _best(self) -> FrozenTrial:
        best = best_trial(self._kept, self.direction)
        if best is None:
            raise NotFound(
                f"no trial of study {self.name!r} is complete",
                code="tuning.no_trial",
                hint="`trials` says how they ended",
            )
        return best
