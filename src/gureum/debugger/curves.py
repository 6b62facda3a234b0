"""What several rules ask about the loss curve. Called by `rules/`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gureum.debugger.recording import Array, Recording

__all__ = ["Curve", "baseline", "curve"]

# Below this many steps a curve says nothing.
STEPS_MIN = 12


@dataclass(frozen=True, slots=True)
class Curve:
    """A training loss in few numbers: medians of its first and last tenth, its lowest tenth, its highest three steps in a row,
    and how it shakes.

    `shake` is the median |change| from step to step in the last third, relative to the loss there. `drift` is the share of
    the first third's mean that is gone in the last third."""

    steps: int
    start: float
    end: float
    lowest: float
    highest: float
    shake: float
    finite: bool
    drift: float

    @property
    def improvement(self) -> float:
        """The share of the first loss that is gone: 1 is all of it, negative when it rose."""
        return (self.start - self.end) / (abs(self.start) + 1e-12)


def curve(recording: Recording) -> Curve | None:
    """None when too few steps were seen."""
    losses = recording.losses.finite()
    whole = len(losses) == len(recording.losses)
    if (len(losses) < STEPS_MIN and whole) or len(losses) < 2:
        return None
    tenth = max(1, min(len(losses) // 10, 50))
    first = max(1, min(tenth, 5))
    kernel = np.ones(tenth) / tenth
    smooth = np.convolve(losses, kernel, mode="valid")
    third = max(1, len(losses) // 3)
    drift = float((losses[:third].mean() - losses[-third:].mean()) / (abs(float(losses[:third].mean())) + 1e-12))
    last = losses[-max(2, len(losses) // 3) :]
    shake = float(np.median(np.abs(np.diff(last))) / (abs(float(np.median(last))) + 1e-12)) if len(last) > 1 else 0.0
    return Curve(
        steps=len(recording.losses), start=float(min(losses[0], np.median(losses[:first]))), end=float(np.median(losses[-tenth:])),
        lowest=float(smooth.min()), highest=_highest(losses), shake=shake, finite=whole, drift=drift,
    )  # fmt: skip


def _highest(losses: Array) -> float:
    """The highest that three steps in a row stayed around: one batch with an outlier is no rise."""
    if len(losses) < 3:
        return float(losses.max())
    return float(np.median(np.lib.stride_tricks.sliding_window_view(losses, 3), axis=1).max())


def baseline(recording: Recording, *, validation: bool = False) -> float | None:
    """The loss of a model that knows only the targets' distribution; None where loss or targets are unknown.

    Of the training rows, or of the validation rows where these were seen.
    """
    table, kind = recording.table, recording.loss_facts.kind
    y = table.y_valid if validation and table.y_valid is not None else table.y
    if y is None or y.dtype.kind not in "fiub" or not len(y):
        return None
    values: Array = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    if not np.isfinite(values).all():
        return None
    if kind in ("cross_entropy", "nll_loss"):
        if table.labels is None:
            return None
        labels = values.argmax(1) if values.shape[1] > 1 else values[:, 0]
        share = np.unique(labels, return_counts=True)[1] / len(labels)
        return float(-(share * np.log(share)).sum())
    if kind.startswith("binary_cross_entropy"):
        positive = values.mean(0)
        positive = positive[(positive > 0) & (positive < 1)]
        if not len(positive):
            return None
        return float(np.mean(-(positive * np.log(positive) + (1 - positive) * np.log(1 - positive))))
    distance = values - values.mean(0)
    if kind == "mse_loss":
        return float((distance**2).mean())
    if kind == "l1_loss":
        return float(np.abs(values - np.median(values, axis=0)).mean())
    if kind in ("smooth_l1_loss", "huber_loss"):
        far = np.abs(distance)
        return float(np.where(far < 1, 0.5 * far**2, far - 0.5).mean())
    return None
