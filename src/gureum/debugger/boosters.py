"""XGBoost, LightGBM and CatBoost: callbacks for their training, and what a trained booster tells of its trees.

Called by `gureum.debugger` and by `estimators`. No library is imported but the one that the booster is of. Promise: a round
costs the training one append; trees are counted when the findings are asked for.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from gureum.debugger.data import look_at_data
from gureum.debugger.judge import Verdict
from gureum.debugger.recording import Recording, Round
from gureum.debugger.session import Session

__all__ = ["BoosterSession", "leaves_by_round", "lightgbm_callback", "look_at_booster", "xgboost_callback"]

# Trees whose leaves are counted, evenly over the rounds.
TREES_MAX = 200
# Names by which people call the validation set; the first set is the training's when there are two.
TRAINING_NAMES = ("train", "training", "validation_0", "learn", "dtrain")
# Metrics of which more is better.
RISING = ("auc", "aucpr", "map", "ndcg", "average_precision", "accuracy", "f1", "r2", "recall", "precision")


class BoosterSession(Session):
    """What both callbacks share: rounds as they come, the booster itself when somebody asks."""

    def __init__(self, framework: str, *, data: Any = None, run_id: str | None = None) -> None:
        super().__init__(framework, run_id=run_id)
        look_at_data(self.recording, data)
        self.booster: Any = None
        self.recording.facts.update(scale_free=True, order_free=True)
        self._looked_at = -1

    @property
    def verdict(self) -> Verdict:
        if self.booster is not None and self._looked_at != len(self.recording.rounds):
            self._looked_at = len(self.recording.rounds)
            try:
                look_at_booster(self.recording, self.booster)
            except Exception as error:  # another version's dump: the curves still tell something
                self.troubles.append(f"booster: {type(error).__name__}: {error}")
        return super().verdict

    def told(self, number: int, results: dict[str, float]) -> None:
        """One round's metrics by name of the set."""
        names = list(results)
        train = next((n for n in names if n in TRAINING_NAMES), None)
        valid = next((n for n in names if n != train), None)
        self.recording.boosting_round(
            Round(number, results[train] if train else None, results[valid] if valid else None)
        )


class LightGBMCallback(BoosterSession):
    """`lightgbm.train(..., callbacks=[debugger.lightgbm_callback(...)])`, or `fit(..., callbacks=[...])`."""

    order = 40
    before_iteration = False

    def __init__(self, *, data: Any = None, run_id: str | None = None) -> None:
        super().__init__("lightgbm", data=data, run_id=run_id)

    def __call__(self, env: Any) -> None:
        self.booster = env.model
        facts = self.recording.facts
        facts.setdefault("rounds_wanted", env.end_iteration - env.begin_iteration)
        facts.setdefault("booster_parameters", dict(env.params))
        results: dict[str, float] = {}
        for name, metric, value, higher, *_ in env.evaluation_result_list or ():
            if name not in results:
                results[name] = -value if higher else value
                facts.setdefault("metric", metric)
        self.told(env.iteration, results)
        if env.iteration + 1 >= env.end_iteration:
            self.close()


def lightgbm_callback(*, data: Any = None, run_id: str | None = None) -> LightGBMCallback:
    return LightGBMCallback(data=data, run_id=run_id)


def xgboost_callback(*, data: Any = None, run_id: str | None = None) -> Any:
    """`xgboost.train(..., callbacks=[debugger.xgboost_callback(...)])`, or `XGBClassifier(callbacks=[...])`."""
    from xgboost.callback import TrainingCallback  # an extra: only for those who train with it

    class XGBoostCallback(BoosterSession, TrainingCallback):
        def __init__(self) -> None:
            BoosterSession.__init__(self, "xgboost", data=data, run_id=run_id)

        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
            self.booster = model
            results = {}
            for name, metrics in evals_log.items():
                metric, values = next(iter(metrics.items()))
                last = values[-1][0] if isinstance(values[-1], tuple) else values[-1]
                results[name] = -last if metric.split("@")[0] in RISING else last
                self.recording.facts.setdefault("metric", metric)
            self.told(epoch, results)
            return False

        def after_training(self, model: Any) -> Any:
            self.booster = model
            self.close()
            return model

    return XGBoostCallback()


# --- a trained booster -------------------------------------------------------------------------------------------------


def look_at_booster(recording: Recording, booster: Any) -> None:
    """Leaves by round, parameters and objective of a Booster of any of the three libraries."""
    leaves = leaves_by_round(booster)
    facts = recording.facts
    known = {one.round: one for one in recording.rounds}
    for number, count in leaves.items():
        if number in known:
            known[number].leaves = count
        elif len(recording.rounds) < TREES_MAX or not known:
            recording.boosting_round(Round(number, leaves=count))
    parameters = facts.setdefault("booster_parameters", {})
    parameters.update({k: v for k, v in _parameters(booster).items() if k not in parameters})
    objective = str(parameters.get("objective") or parameters.get("loss_function") or "")
    if any(word in objective.lower() for word in ("binary", "logistic", "multi", "softmax", "logloss", "crossentropy")):
        facts["classification"] = True
    weight = parameters.get("scale_pos_weight")
    if (
        parameters.get("is_unbalance")
        or parameters.get("unbalance")
        or (weight is not None and float(weight) not in (0.0, 1.0))
    ):
        facts["weighted"] = True
    if leaves:
        rows = len(recording.table.y) if recording.table.y is not None else None
        facts["trees"] = {
            **(facts.get("trees") or {}),
            "leaves": float(np.median(list(leaves.values()))),
            "rounds": len(recording.rounds),
        }
        if rows:
            facts["trees"].setdefault("rows", rows)


def leaves_by_round(booster: Any) -> dict[int, float]:
    """Mean leaves of a round's trees, for at most TREES_MAX rounds, evenly spaced."""
    kind = type(booster).__module__.split(".")[0]
    if kind == "lightgbm":
        return _lightgbm_leaves(booster)
    if kind == "xgboost":
        rounds = booster.num_boosted_rounds()
        picks = _picks(rounds)
        out = {}
        for one in picks:
            dump = booster[int(one) : int(one) + 1].get_dump()
            out[int(one)] = float(np.mean([len(re.findall("leaf=", tree)) for tree in dump]))
        return out
    if kind == "catboost" and booster.is_fitted():
        counts = np.asarray(booster.get_tree_leaf_counts())
        picks = _picks(len(counts))
        return {int(one): float(counts[one]) for one in picks}
    return {}


def _picks(rounds: int) -> Any:
    """At most TREES_MAX rounds, evenly spaced."""
    return (
        np.unique(np.linspace(0, rounds - 1, min(rounds, TREES_MAX)).astype(int)) if rounds else np.zeros(0, dtype=int)
    )


def _lightgbm_leaves(booster: Any) -> dict[int, float]:
    rounds = booster.current_iteration()
    if not rounds:
        return {}
    per_round = max(1, booster.num_model_per_iteration())
    text = booster.model_to_string(num_iteration=rounds) if rounds <= TREES_MAX else None
    if text is not None:
        counts = [int(n) for n in re.findall(r"^num_leaves=(\d+)$", text, flags=re.MULTILINE)]
        return {i: float(np.mean(counts[i * per_round : (i + 1) * per_round])) for i in range(len(counts) // per_round)}
    out = {}
    for one in np.unique(np.linspace(0, rounds - 1, 50).astype(int)):
        text = booster.model_to_string(start_iteration=int(one), num_iteration=1)
        counts = [int(n) for n in re.findall(r"^num_leaves=(\d+)$", text, flags=re.MULTILINE)]
        if counts:
            out[int(one)] = float(np.mean(counts))
    return out


def _parameters(booster: Any) -> dict[str, Any]:
    kind = type(booster).__module__.split(".")[0]
    if kind == "lightgbm":
        return dict(booster.params or {})
    if kind == "catboost":
        return dict(booster.get_all_params()) if booster.is_fitted() else dict(booster.get_params())
    found: dict[str, Any] = {}

    def walk(node: Any) -> None:
        for key, value in node.items():
            if isinstance(value, dict):
                walk(value)
            elif not isinstance(value, list):
                found.setdefault(key, value)

    if kind == "xgboost":
        walk(json.loads(booster.save_config()))
    return found
