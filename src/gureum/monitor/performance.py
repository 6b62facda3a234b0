"""How well the monitored model does: its metrics by task with an interval, against the baseline's; and a guess without labels.

Called by `check`. Metrics are those of SageMaker's model quality monitor. The interval is the 95% percentile interval of a
bootstrap over rows. Without labels, the loss is estimated from what each prediction lost in the baseline (predictions alike
lose alike): right while the concept holds, blind to its drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gureum.monitor.columns import Column, Form
from gureum.monitor.concept import class_names
from gureum.monitor.drift import Moved, moved
from gureum.monitor.profile import Profile, compare, profile

__all__ = ["Metric", "Record", "estimated_loss", "loss_change", "losses", "metrics", "record"]

Floats = NDArray[np.float64]

BOOTSTRAPS = 100
# Beyond this many rows an interval is narrower than anybody reads it, and a smaller sample tells as much.
BOOTSTRAP_ROWS_MAX = 5_000
ROWS_MIN = 10
BINS = 20
HALF = 0.5


@dataclass(frozen=True)
class Metric:
    name: str
    value: float
    low: float
    high: float
    baseline: float | None = None
    estimated: bool = False


def losses(target: Column, prediction: Column, task: str) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """(loss of each row, key that alike predictions share, rows that have both): |error|, or wrong or not, or Brier's."""
    both = ~target.missing & ~prediction.missing
    if task == "regression":
        key = prediction.values[both].astype(np.float64)
        return np.abs(target.values[both].astype(np.float64) - key), key, both
    if _is_probability(target, prediction, task):
        key = prediction.values[both].astype(np.float64)
        return (_positive(target)[both] - key) ** 2, key, both
    said, was = class_names(prediction.values[both]), class_names(target.values[both])
    key = prediction.values[both].astype(np.float64) if prediction.form is Form.NUMBER else np.zeros(len(said))
    return (said != was).astype(np.float64), key, both


@dataclass(frozen=True)
class Record:
    """How the model did in the baseline: what each row lost, the key that alike predictions share, and the metrics."""

    losses: Floats
    keys: Floats
    profile: Profile
    metrics: dict[str, Metric]


def record(target: Column, prediction: Column, task: str) -> Record | None:
    """None where no row has both, or a regression's columns are no numbers."""
    if task == "regression" and not (target.form is Form.NUMBER and prediction.form is Form.NUMBER):
        return None
    loss, keys, both = losses(target, prediction, task)
    if both.sum() < ROWS_MIN:
        return None
    column = _loss_column(loss)
    known = profile(column, None, whole=column, rows=len(loss))
    return Record(loss, keys, known, metrics(target, prediction, task, seed=0, interval=False))


def loss_change(known: Profile, loss: Floats, floor: float) -> Moved | None:
    """How much more the window's rows lose, if they do."""
    if len(loss) < ROWS_MIN:
        return None
    changes = moved(compare(known, _loss_column(loss), len(loss)), floor)
    worse = [one for one in changes if one.effect > 0 and one.score in {"middle", "value"} and one.subject != "0"]
    return worse[0] if worse else None


def _loss_column(loss: Floats) -> Column:
    return Column("loss", Form.NUMBER, loss, np.zeros(len(loss), dtype=bool))


def metrics(target: Column, prediction: Column, task: str, *, seed: int, interval: bool = True) -> dict[str, Metric]:
    """Each metric of the rows that have a label and a prediction; empty when they are too few."""
    both = ~target.missing & ~prediction.missing
    count = int(both.sum())
    if count < ROWS_MIN:
        return {}
    random = np.random.default_rng(seed) if interval else None
    if task == "regression":
        was, said = target.values[both].astype(np.float64), prediction.values[both].astype(np.float64)
        return _with_interval(lambda rows: _regression(was[rows], said[rows]), count, random)
    if _is_probability(target, prediction, task):
        truth, score = _positive(target)[both], prediction.values[both].astype(np.float64)
        return _with_interval(lambda rows: _binary(truth[rows], score[rows] >= HALF, score[rows]), count, random)
    was_name, said_name = class_names(target.values[both]), class_names(prediction.values[both])
    names = sorted({*was_name.tolist(), *said_name.tolist()})
    if len(names) <= 2:
        positive = names[-1]
        return _with_interval(
            lambda rows: _binary(was_name[rows] == positive, said_name[rows] == positive, None), count, random
        )
    number = {name: place for place, name in enumerate(names)}
    was_at = np.array([number[name] for name in was_name])
    said_at = np.array([number[name] for name in said_name])
    return _with_interval(lambda rows: _classes(was_at[rows], said_at[rows], len(names)), count, random)


def estimated_loss(base_loss: Floats, base_key: Floats, key: Floats) -> float:
    """The mean loss of these predictions, were each to lose what its like lost in the baseline."""
    edges = np.unique(np.quantile(base_key, np.linspace(0, 1, BINS + 1)[1:-1]))
    place, of_base = np.searchsorted(edges, key), np.searchsorted(edges, base_key)
    counts = np.bincount(of_base, minlength=len(edges) + 1)
    sums = np.bincount(of_base, weights=base_loss, minlength=len(edges) + 1)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), base_loss.mean())
    return float(mean[place].mean())


def _is_probability(target: Column, prediction: Column, task: str) -> bool:
    if task == "regression" or prediction.form is not Form.NUMBER or len(set(class_names(target.present))) > 2:
        return False
    said = prediction.present
    return bool(np.all((said >= 0) & (said <= 1)) and np.any((said > 0) & (said < 1)))


def _positive(target: Column) -> Floats:
    """1 for the class that sorts last, 0 for others and for missing rows."""
    names = class_names(target.present)
    known = sorted(set(names))
    found = np.zeros(len(target))
    if len(known) > 1 or known[0] not in {"0", "False", "false", "no"}:
        found[~target.missing] = names == known[-1]
    return found


def _with_interval(of: Any, count: int, random: np.random.Generator | None) -> dict[str, Metric]:
    values: dict[str, float] = of(np.arange(count))
    if random is None:
        return {name: Metric(name, value, value, value) for name, value in values.items()}
    size = min(count, BOOTSTRAP_ROWS_MAX)
    again = [of(random.integers(0, count, size)) for _ in range(BOOTSTRAPS)]
    found = {}
    for name, value in values.items():
        spread = np.array([one.get(name, np.nan) for one in again]) - value
        spread = spread[np.isfinite(spread)] * np.sqrt(size / count)
        low, high = np.quantile(spread, [0.025, 0.975]) if len(spread) else (0.0, 0.0)
        found[name] = Metric(name, value, value + float(low), value + float(high))
    return found


def _regression(was: Floats, said: Floats) -> dict[str, float]:
    error = said - was
    spread = float(((was - was.mean()) ** 2).mean())
    square = float((error**2).mean())
    found = {"rmse": square**0.5, "mae": float(np.abs(error).mean()), "mse": square}
    return {**found, "r2": 1.0 - square / spread} if spread > 0 else found


def _binary(was: NDArray[Any], said: NDArray[Any], score: Floats | None) -> dict[str, float]:
    truth, claim = was.astype(bool), said.astype(bool)
    hit = int((truth & claim).sum())
    precision = hit / max(1, int(claim.sum()))
    recall = hit / max(1, int(truth.sum()))
    found = {
        "accuracy": float((truth == claim).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(1e-12, precision + recall),
    }
    if score is not None and 0 < truth.sum() < len(truth):
        found["auc"] = _auc(truth, score)
    return found


def _auc(truth: NDArray[np.bool_], score: Floats) -> float:
    """Mann and Whitney's: the chance that a yes is scored above a no, ties half."""
    ordered = np.sort(score[~truth])
    above = np.searchsorted(ordered, score[truth], "left") + np.searchsorted(ordered, score[truth], "right")
    return float(above.mean() / (2 * len(ordered)))


def _classes(was: NDArray[np.int64], said: NDArray[np.int64], classes: int) -> dict[str, float]:
    table = np.bincount(was * classes + said, minlength=classes**2).reshape(classes, classes).astype(float)
    hit, claimed, true = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    here = true > 0
    precision, recall = hit / np.maximum(1, claimed), hit / np.maximum(1, true)
    f1 = 2 * precision * recall / np.maximum(1e-12, precision + recall)
    return {
        "accuracy": float(hit.sum() / table.sum()),
        "precision": float(precision[here].mean()),
        "recall": float(recall[here].mean()),
        "f1": float(f1[here].mean()),
    }
