"""What happened in a training: the plain events, and the bounded memory of them that the rules look at.

Called by the adapters (`pytorch`, `keras`, `boosters`, `estimators`) and by people with a loop of their own; knows NumPy and
no framework. Promise: memory does not grow with the length of the training. Series are thinned (every second point goes
when one is full), rows are kept up to a limit.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gureum.debugger.rows import Rows

__all__ = [
    "Activation",
    "Evaluation",
    "LayerInfo",
    "LayerStep",
    "LossFacts",
    "Recording",
    "Round",
    "Series",
    "StepSample",
]

# Points of one curve: more than a chart has pixels.
SERIES_POINTS_MAX = 2_000
# Steps whose layers are kept, and layers that are looked at: a heat map of 400 x 200 cells is as fine as a screen.
SAMPLES_MAX = 400
LAYERS_MAX = 200
# Evaluations and boosting rounds.
EVALUATIONS_MAX = 5_000
# Epochs whose ends are kept.
EPOCHS_MAX = 10_000
# When somebody looks while the training runs: after so many steps, then each time after as many again. A look costs some
# milliseconds (rules that read the rows are not asked), and a million steps have 17 of them.
FIRST_LOOK = 8
LOOK_GROWTH = 2

Array = NDArray[np.float64]


class Series:
    """A curve of (step, value), thinned to SERIES_POINTS_MAX points; the last and all first points are kept as they come."""

    def __init__(self, points_max: int = SERIES_POINTS_MAX) -> None:
        self.steps: list[int] = []
        self.values: list[float] = []
        self._points_max = points_max
        self._stride = 1
        self._skipped = 0

    def add(self, step: int, value: float) -> None:
        self._skipped += 1
        if self._skipped < self._stride and math.isfinite(value):
            return
        self._skipped = 0
        self.steps.append(step)
        self.values.append(value)
        if len(self.steps) >= self._points_max:
            self.steps = self.steps[::2]
            self.values = self.values[::2]
            self._stride *= 2

    def __len__(self) -> int:
        return len(self.values)

    @property
    def array(self) -> Array:
        return np.asarray(self.values, dtype=np.float64)

    def finite(self) -> Array:
        """The values before the first that is not finite."""
        values = self.array
        bad = np.flatnonzero(~np.isfinite(values))
        return values[: bad[0]] if len(bad) else values


@dataclass(slots=True)
class LayerInfo:
    """A layer with weights as it was when the watch began. `fan_in` inputs of one unit; standard deviations of weights."""

    name: str
    kind: str
    parameters: int = 0
    trainable: int = 0
    fan_in: int = 0
    fan_out: int = 0
    weight_mean: float = 0.0
    weight_std: float = 0.0
    unit_spread: float | None = None  # mean standard deviation over units: 0 when all units are the same
    bias_mean: float = 0.0
    groups: int = 1
    activation: str | None = None
    order: int | None = None  # in which forward runs the layers


@dataclass(slots=True)
class LayerStep:
    """One layer at one sampled step. Norms are L2 over the layer's weights; `update_ratio` is |change| / |weight|."""

    grad_norm: float | None = None
    weight_norm: float | None = None
    update_ratio: float | None = None


@dataclass(slots=True)
class Activation:
    """What came out of an activation function at one sampled step.

    Shares are of values (`zero_share`, `saturated_share`) or of units over the whole batch (`dead_share`)."""

    kind: str
    mean: float
    std: float
    zero_share: float = 0.0
    dead_share: float = 0.0
    saturated_share: float = 0.0


@dataclass(slots=True)
class StepSample:
    step: int
    layers: dict[str, LayerStep] = field(default_factory=dict)
    activations: dict[str, Activation] = field(default_factory=dict)
    grad_norm: float | None = None  # over all parameters, as the optimizer saw it
    learning_rate: float | None = None


@dataclass(slots=True)
class Evaluation:
    step: int
    loss: float | None
    accuracy: float | None = None
    name: str = "validation"
    train_loss: float | None = None


@dataclass(slots=True)
class Round:
    """One boosting round: metrics of train and validation, and the shape of its trees."""

    round: int
    train: float | None = None
    valid: float | None = None
    leaves: float | None = None


@dataclass(slots=True)
class LossFacts:
    """What the loss function was given, from the first batches: its kind (`cross_entropy`, `mse`...) and shapes."""

    kind: str = "unknown"
    output_shape: tuple[int, ...] = ()
    target_shape: tuple[int, ...] = ()
    target_integer: bool = False
    weighted: bool = False
    reduced: bool = True
    calls: int = 0
    last_function: str | None = None  # the function that made the output, when it was seen
    output_probability: int = 0  # calls whose output was a distribution over classes, or lay within 0..1
    output_positive: int = 0  # calls of nll_loss whose output was no log probability
    target_binary: int = 0  # calls whose targets were only 0 and 1
    target_constant: int = 0  # calls whose targets were all one value, as a discriminator is given them
    target_fraction: int = 0  # calls whose targets were not whole numbers
    target_out_of_range: int = 0
    target_is_input: int = 0
    shape_mismatch: int = 0
    tokens: bool = False

    @property
    def classifies(self) -> bool:
        return self.kind in ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")

    @property
    def regresses(self) -> bool:
        return self.kind in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


Mode = Literal["train", "eval"]


class Recording:
    """The events of one training, told by `loss`, `step`, ... in the order in which they happen."""

    def __init__(self, framework: str = "plain") -> None:
        self.framework = framework
        self.layers: dict[str, LayerInfo] = {}
        self.losses = Series()
        self.objectives = Series()  # what backward was called on, where it is not the loss itself
        self.samples: list[StepSample] = []
        self.evaluations: list[Evaluation] = []
        self.rounds: list[Round] = []
        self.rates = Series()
        self.loss_facts = LossFacts()
        self.counts: Counter[str] = Counter()
        self.facts: dict[str, Any] = {}
        self.rows = Rows()
        self.step_now = 0
        self.epoch_ends: list[int] = []
        self.look: Callable[[], object] | None = None  # called ever more seldom while the training runs
        self._next_look = FIRST_LOOK
        self._sample_stride = 1
        self._samples_skipped = 0

    # --- events ---

    def batch(self, inputs: Any = None, targets: Any = None, *, mode: Mode = "train") -> None:
        """One batch as NumPy arrays, rows first."""
        self.counts[f"{mode}_batches"] += 1
        self.rows.add(inputs, targets, mode=mode)
        self.__dict__.pop("table", None)

    def loss(self, value: float, *, objective: float | None = None) -> None:
        """The training loss of this step, and the value that backward was called on when it is another."""
        self.losses.add(self.step_now, float(value))
        if not math.isfinite(value):
            self.counts["loss_not_finite"] += 1
            self.facts.setdefault("first_not_finite_step", self.step_now)
        if objective is not None:
            self.objectives.add(self.step_now, float(objective))

    def backward(self) -> None:
        self.counts["backward"] += 1

    def step(self, sample: StepSample | None = None, *, learning_rate: float | None = None) -> None:
        """An optimizer's step, with its layers' statistics when this step was sampled."""
        self.counts["steps"] += 1
        self.step_now += 1
        if learning_rate is not None:
            self.rates.add(self.step_now, learning_rate)
        if sample is not None:
            self._keep(sample)
        self._look()

    def evaluation(
        self, *, loss: float | None = None, accuracy: float | None = None, name: str = "validation",
        train_loss: float | None = None,
    ) -> None:  # fmt: skip
        if len(self.evaluations) < EVALUATIONS_MAX:
            self.evaluations.append(Evaluation(self.step_now, loss, accuracy, name, train_loss))

    def epoch(self) -> None:
        self.counts["epochs"] += 1
        if len(self.epoch_ends) < EPOCHS_MAX:
            self.epoch_ends.append(self.step_now)

    def boosting_round(self, record: Round) -> None:
        if len(self.rounds) < EVALUATIONS_MAX:
            self.rounds.append(record)
            self._look()

    @property
    def moment(self) -> int:
        """Steps or boosting rounds that are done."""
        return len(self.rounds) or self.step_now

    def epoch_of(self, step: int) -> int | None:
        """The epoch, from 1, that a step is in; None where no epoch was told."""
        return min(bisect_left(self.epoch_ends, step) + 1, len(self.epoch_ends)) if self.epoch_ends else None

    def _look(self) -> None:
        if self.look is not None and self.moment >= self._next_look:
            self._next_look = int(self.moment * LOOK_GROWTH)
            self.look()

    def _keep(self, sample: StepSample) -> None:
        self._samples_skipped += 1
        if self._samples_skipped < self._sample_stride:
            return
        self._samples_skipped = 0
        self.samples.append(sample)
        if len(self.samples) >= SAMPLES_MAX:
            # The first steps tell of the initialisation: they stay.
            self.samples = self.samples[: SAMPLES_MAX // 8] + self.samples[SAMPLES_MAX // 8 :: 2]
            self._sample_stride *= 2

    # --- what rules ask ---

    @cached_property
    def table(self) -> Any:
        """The rows that were seen, as `gureum.debugger.rows.Table`; made when the first rule asks."""
        return self.rows.table()

    @property
    def trained_layers(self) -> list[LayerInfo]:
        """Layers with weights in the order in which forward runs them."""
        layers = [layer for layer in self.layers.values() if layer.trainable and layer.fan_in]
        return sorted(layers, key=lambda layer: (layer.order is None, layer.order or 0))

    def healthy_samples(self) -> list[StepSample]:
        """Sampled steps before the first loss that is not finite."""
        first = self.facts.get("first_not_finite_step")
        return [s for s in self.samples if first is None or s.step < first]

    def column(self, layer: str, name: str) -> Array:
        """One statistic of one layer over the healthy sampled steps; missing values are left out."""
        out = [getattr(s.layers[layer], name) for s in self.healthy_samples() if layer in s.layers]
        return np.asarray([v for v in out if v is not None and math.isfinite(v)], dtype=np.float64)

    def activations(self) -> Iterator[tuple[str, list[Activation]]]:
        """Each activation with its healthy samples, in time's order."""
        names: dict[str, list[Activation]] = {}
        for sample in self.healthy_samples():
            for name, activation in sample.activations.items():
                names.setdefault(name, []).append(activation)
        yield from names.items()

    def update_ratio(self, *, skip: int = 0) -> float | None:
        """The median over steps of the median layer's |change| / |weight|."""
        per_step = []
        for sample in self.healthy_samples()[skip:]:
            ratios = [
                each.update_ratio
                for each in sample.layers.values()
                if each.update_ratio is not None and math.isfinite(each.update_ratio)
            ]
            if ratios:
                per_step.append(float(np.median(ratios)))
        return float(np.median(per_step)) if per_step else None

    def evaluation_curve(self) -> tuple[Array, Array]:
        """Validation losses and the training loss beside each: the mean of the steps since the evaluation before."""
        steps = np.asarray(self.losses.steps)
        losses = self.losses.array
        told = [r for r in self.rounds if r.valid is not None]
        if told:
            return (
                np.asarray([r.valid for r in told], dtype=np.float64),
                np.asarray([math.nan if r.train is None else r.train for r in told], dtype=np.float64),
            )
        valid, train = [], []
        before = -1
        for one in self.evaluations:
            if one.loss is None or one.name == "train":
                continue
            if one.train_loss is not None:
                beside = one.train_loss
            else:
                window = losses[(steps >= max(before, 0)) & (steps < one.step)] if len(steps) else losses
                window = window[np.isfinite(window)]
                beside = float(window.mean()) if len(window) else math.nan
            valid.append(one.loss)
            train.append(beside)
            before = one.step
        return np.asarray(valid, dtype=np.float64), np.asarray(train, dtype=np.float64)
