"""lr_too_low: steps are so small that the loss hardly moves."""

from __future__ import annotations

import numpy as np

from gureum.debugger.curves import curve
from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording
from gureum.debugger.rounds import boosting, parameter

RATIO_MAX = 5e-5
# Rectified optimizers and warm-ups begin with next to nothing.
SKIP_SAMPLES = 6
STEPS_MIN = 20
# The share of the first loss that is gone at the end.
IMPROVEMENT_MAX = 0.05
BOOSTING_RATE_MAX = 0.005


def check(recording: Recording) -> Evidence | None:
    if recording.rounds:
        return _boosting(recording)
    shape = curve(recording)
    if (
        shape is None
        or not shape.finite
        or shape.steps < STEPS_MIN
        or recording.counts["alternating_steps"] > recording.counts["steps"] // 4
    ):
        return None
    ratio = recording.update_ratio(skip=min(SKIP_SAMPLES, len(recording.healthy_samples()) // 2))
    if ratio is None or not 0 < ratio < RATIO_MAX or abs(shape.drift) > IMPROVEMENT_MAX:
        return None
    rates = np.asarray(recording.rates.values)
    if len(rates) and rates[0] < rates.max() / 100:
        ratio_late = recording.update_ratio(skip=len(recording.healthy_samples()) // 2)
        if ratio_late is not None and ratio_late > RATIO_MAX:
            return None  # still warming up
    return Evidence(
        {
            "update_ratio": ratio,
            "loss_start": shape.start,
            "loss_end": shape.end,
            "learning_rate": float(rates.max()) if len(rates) else None,
        }
    )


def _boosting(recording: Recording) -> Evidence | None:
    shape, rate = boosting(recording), parameter(recording, "learning_rate")
    if shape is None or rate is None or rate > BOOSTING_RATE_MAX or abs(shape.improvement) > IMPROVEMENT_MAX:
        return None
    return Evidence(
        {"learning_rate": rate, "metric_first": shape.start, "metric_last": shape.end, "rounds": shape.rounds}
    )


RULE = Rule(
    name="lr_too_low",
    severity="warning",
    title={"en": "The learning rate is too low", "ko": "학습률이 너무 낮습니다"},
    remedy={
        "en": "Multiply the learning rate by ten until the loss falls visibly within an epoch; a range test finds the highest that holds.",
        "ko": "한 에폭 안에 손실이 눈에 띄게 내려갈 때까지 학습률을 10배씩 올리세요. 범위 테스트로 한계를 찾을 수 있습니다.",
    },
    change=Change(
        before="optimizer = Adam(model.parameters(), lr=1e-7)",
        after="optimizer = Adam(model.parameters(), lr=1e-6)  # ten times, and again until the loss falls within an epoch",
    ),
    change_of_trees=Change(
        before='params = {"learning_rate": 1e-4}',
        after='params = {"learning_rate": 0.05}',
    ),
    source="Smith, Cyclical Learning Rates, WACV 2017; Karpathy, CS231n notes (update ratio about 1e-3)",
    thresholds={"ratio_max": RATIO_MAX, "steps_min": STEPS_MIN, "improvement_max": IMPROVEMENT_MAX},
    check=check,
    explains=(
        "label_shuffled",
        "overtraining",
    ),
)
