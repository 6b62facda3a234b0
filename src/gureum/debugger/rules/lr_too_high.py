"""lr_too_high: steps are so large that the loss jumps about or rises."""

from __future__ import annotations

import numpy as np

from gureum.debugger.curves import baseline, curve
from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording
from gureum.debugger.rounds import boosting, parameter

# |change| / |weight| of a step: about 0.001 in trainings that go well, 0.1 in the first steps of lively ones.
RATIO_MAX = 0.1
SHAKE_MAX = 0.5
# L2 norm of the first gradient, before any step.
EXPLODED_MIN = 1e3
# Boosting adds this share of each tree: above 1 it overshoots.
BOOSTING_RATE_MIN = 0.9


def check(recording: Recording) -> Evidence | None:
    if recording.rounds:
        return _boosting(recording)
    shape = curve(recording)
    samples = recording.samples
    if shape is None or len(samples) < 2 or recording.counts["alternating_steps"] > recording.counts["steps"] // 4:
        return None
    ratios = np.asarray(
        [
            np.median([one.update_ratio for one in s.layers.values() if one.update_ratio is not None] or [np.nan])
            for s in samples
        ]
    )
    ratios = ratios[np.isfinite(ratios)]
    if len(ratios) < (2 if shape.finite else 1):
        return None
    norms = [s.grad_norm for s in samples[:1] if s.grad_norm is not None]
    if norms and norms[0] > EXPLODED_MIN:
        return None  # the gradient was as large before the first step: its size is the cause, not the rate's
    early, peak = float(np.median(ratios[:8])), float(np.quantile(ratios, 0.9))
    base = baseline(recording)
    start = min(shape.start, base) if base is not None else shape.start
    unlearned = base is not None and shape.end > 0.9 * base
    rose = not shape.finite or shape.end > 1.5 * abs(start) + 1e-9 or shape.highest > 10 * abs(shape.start) + 1e-9
    shaking = shape.shake > SHAKE_MAX
    lively = early > RATIO_MAX  # and not only at its peak
    failed = (
        rose or (lively and unlearned and shape.improvement < 0.3) or (lively and shaking and shape.improvement < 0.5)
    )
    big = peak > RATIO_MAX
    if not (big and failed):
        return None
    return Evidence(
        {
            "update_ratio": early,
            "update_ratio_peak": peak,
            "loss_start": shape.start,
            "loss_end": shape.end,
            "loss_highest": shape.highest,
            "learning_rate": recording.rates.values[0] if len(recording.rates) else None,
        }
    )


def _boosting(recording: Recording) -> Evidence | None:
    """Each round overshoots what is left: the training metric itself gets worse."""
    shape, rate = boosting(recording), parameter(recording, "learning_rate")
    if shape is None or rate is None or rate < BOOSTING_RATE_MIN:
        return None
    if shape.finite and shape.end <= 1.2 * abs(shape.lowest) + 1e-3 and shape.end < shape.start:
        return None
    numbers = {
        "learning_rate": rate,
        "metric_first": shape.start,
        "metric_lowest": shape.lowest,
        "metric_last": shape.end,
    }
    return Evidence(numbers)


RULE = Rule(
    name="lr_too_high",
    severity="error",
    title={"en": "The learning rate is too high", "ko": "학습률이 너무 높습니다"},
    remedy={
        "en": "Divide the learning rate by ten until the loss falls steadily; then warm up or schedule it if the start is rough.",
        "ko": "손실이 꾸준히 내려갈 때까지 학습률을 10분의 1로 줄이고, 시작이 거칠면 워밍업이나 스케줄을 쓰세요.",
    },
    change=Change(
        before="optimizer = Adam(model.parameters(), lr=0.5)",
        after="optimizer = Adam(model.parameters(), lr=0.05)  # a tenth, and again until the loss falls steadily",
    ),
    change_of_trees=Change(
        before='params = {"learning_rate": 1.0}',
        after='params = {"learning_rate": 0.1}',
    ),
    source="Bengio, Practical Recommendations, 2012, section 3.1.1; Smith, Cyclical Learning Rates, WACV 2017; Karpathy, CS231n notes (update ratio about 1e-3)",
    thresholds={"ratio_max": RATIO_MAX, "shake_max": SHAKE_MAX},
    check=check,
    explains=(
        "nan_loss",
        "exploding_gradient",
        "diverging",
        "dead_relu",
        "saturated_activation",
        "vanishing_gradient",
        "over_regularised",
        "label_shuffled",
        "overfit",
        "overtraining",
        "stalled_no_splits",
    ),
)
