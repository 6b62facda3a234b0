"""diverging: the training loss rises, and no other cause is seen."""

from __future__ import annotations

import numpy as np

from gureum.debugger.curves import curve
from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

# The share by which the loss has risen, and its correlation with time in standard errors.
RISE_MIN = 0.15
TREND_MIN = 2.5
STEPS_MIN = 20


def check(recording: Recording) -> Evidence | None:
    shape = curve(recording)
    if (
        shape is None
        or shape.steps < STEPS_MIN
        or recording.counts["alternating_steps"] > recording.counts["steps"] // 4
    ):
        return None
    losses = recording.losses.finite()
    if np.std(losses) == 0:
        return None
    trend = float(np.corrcoef(losses, np.arange(len(losses)))[0, 1]) * len(losses) ** 0.5
    if not (
        shape.end - shape.start > RISE_MIN * abs(shape.start)
        and shape.end - shape.lowest > RISE_MIN * abs(shape.lowest)
    ):
        return None
    if trend < TREND_MIN:
        return None
    return Evidence(
        {"trend": trend, "loss_start": shape.start, "loss_lowest": shape.lowest, "loss_end": shape.end},
        step=recording.losses.steps[int(np.argmin(losses))],
    )


RULE = Rule(
    name="diverging",
    severity="error",
    title={"en": "The training loss rises", "ko": "학습 손실이 올라갑니다"},
    remedy={
        "en": "Check the sign of the loss and that what is minimised is what you measure; then lower the learning rate.",
        "ko": "손실의 부호와 최소화하는 값이 측정하는 값과 같은지 확인하고, 학습률을 낮추세요.",
    },
    change=Change(
        before="loss = -loss_fn(model(x), y)",
        after="loss = loss_fn(model(x), y)",
    ),
    source="Bengio, Practical Recommendations, 2012, section 3.1.1; SageMaker Debugger, LossNotDecreasing",
    thresholds={"rise_min": RISE_MIN, "steps_min": STEPS_MIN},
    check=check,
    explains=(
        "label_shuffled",
        "nan_loss",
        "overfit",
        "overtraining",
        "saturated_activation",
        "dead_relu",
    ),
)
