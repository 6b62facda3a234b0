"""overfit: the training loss falls while the validation loss, never good, rises."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

EVALUATIONS_MIN = 4
# Rise of the validation loss above its lowest, and its multiple of the training loss at the end.
RISE_MIN = 0.25
GAP_MIN = 2.0
# A lower rise counts beside a wider gap that has lasted.
WIDE_RISE_MIN = 0.02
WIDE_GAP_MIN = 3.0
WIDE_EVALUATIONS_MIN = 8
# Who stops early waits for five or ten evaluations too: only what goes on is told, or what is steep already.
LASTING_EVALUATIONS = 11
STEEP_EVALUATIONS = 6
STEEP_RISE_MIN = 0.6
STEEP_GAP_MIN = 5.0


def check(recording: Recording) -> Evidence | None:
    if recording.facts.get("overfit"):
        return Evidence(dict(recording.facts["overfit"]))
    valid, train = recording.evaluation_curve()
    if len(valid) < EVALUATIONS_MIN or recording.counts["alternating_steps"] > recording.counts["steps"] // 4:
        return None
    if not (np.isfinite(valid).all() and np.isfinite(train).all()):
        return None
    tail = max(1, len(valid) // 10)
    end, lowest, at = float(np.median(valid[-tail:])), float(valid.min()), int(valid.argmin())
    train_end = float(np.median(train[-tail:]))
    rise = (end - lowest) / (abs(lowest) + 1e-12)
    gap = end / (train_end + 1e-12) if train_end > 0 else 1.0
    after = len(valid) - 1 - at
    if after < LASTING_EVALUATIONS and not (
        after >= STEEP_EVALUATIONS and rise > STEEP_RISE_MIN and gap > STEEP_GAP_MIN
    ):
        return None
    clear = rise > RISE_MIN and gap > GAP_MIN
    wide = rise > WIDE_RISE_MIN and gap > WIDE_GAP_MIN and len(valid) - at > WIDE_EVALUATIONS_MIN
    if not ((clear or wide) and train_end < train[at]):
        return None
    return Evidence(
        {
            "validation_end": end,
            "validation_lowest": lowest,
            "training_end": train_end,
            "gap": gap,
            "rise": rise,
            "evaluations": len(valid),
        },
        step=at if recording.rounds else recording.evaluations[at].step,
    )


RULE = Rule(
    name="overfit",
    severity="warning",
    title={"en": "The model memorises the training data", "ko": "모델이 학습 데이터를 외우고 있습니다"},
    remedy={
        "en": "Fewer parameters, more data or augmentation, weight decay or dropout; stop at the lowest validation loss.",
        "ko": "파라미터를 줄이고 데이터나 증강을 늘리며 가중치 감쇠나 드롭아웃을 쓰고, 검증 손실이 가장 낮을 때 멈추세요.",
    },
    change=Change(
        before="model = nn.Sequential(nn.Linear(10, 2048), nn.ReLU(), nn.Linear(2048, 2))\noptimizer = AdamW(model.parameters(), weight_decay=0)",
        after="model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 2))\noptimizer = AdamW(model.parameters(), weight_decay=0.01)",
    ),
    change_of_trees=Change(
        before='params = {"num_leaves": 255, "min_data_in_leaf": 1}',
        after='params = {"num_leaves": 15, "min_data_in_leaf": 20, "lambda_l2": 1.0}',
    ),
    source="Prechelt, Early Stopping - But When?, 1998; SageMaker Debugger, Overfit",
    thresholds={"evaluations_min": EVALUATIONS_MIN, "rise_min": RISE_MIN, "gap_min": GAP_MIN},
    check=check,
    explains=("overtraining",),
)
