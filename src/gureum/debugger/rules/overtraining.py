"""overtraining: training went on long after the validation loss was at its best."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

EVALUATIONS_MIN = 20
# Evaluations since the best one, of all.
AFTER_SHARE_MIN = 0.5
PATIENCE = 15
RISE_MIN = 0.02
# Boosting without early stopping creeps past its best round as a rule; only a lasting loss is told.
BOOSTING_PATIENCE = 50
BOOSTING_RISE_MIN = 0.05


def check(recording: Recording) -> Evidence | None:
    valid, _train = recording.evaluation_curve()
    if len(valid) < EVALUATIONS_MIN or recording.counts["alternating_steps"] > recording.counts["steps"] // 4:
        return None
    if not np.isfinite(valid).all():
        return None
    best = int(valid.argmin())
    after = len(valid) - 1 - best
    end = float(np.median(valid[-max(1, len(valid) // 10) :]))
    rise = (end - valid[best]) / (abs(float(valid[best])) + 1e-12)
    if recording.rounds and (after < BOOSTING_PATIENCE or rise < BOOSTING_RISE_MIN):
        return None
    if after < max(PATIENCE, AFTER_SHARE_MIN * len(valid)) or rise < RISE_MIN:
        return None
    return Evidence(
        {
            "best_evaluation": best + 1,
            "evaluations": len(valid),
            "validation_lowest": float(valid[best]),
            "validation_end": end,
        },
        step=best if recording.rounds else recording.evaluations[best].step,
    )


RULE = Rule(
    name="overtraining",
    severity="warning",
    title={"en": "Training goes on after the best point", "ko": "최적점을 지나서도 학습이 계속됩니다"},
    remedy={
        "en": "Stop early: keep the weights of the lowest validation loss and end after some evaluations without a better one.",
        "ko": "조기 종료를 쓰세요. 검증 손실이 가장 낮은 가중치를 보관하고 일정 횟수 개선이 없으면 끝내세요.",
    },
    change=Change(
        before="for epoch in range(1000):\n    train(model)\n    validate(model)",
        after="best, bad = float('inf'), 0\nfor epoch in range(1000):\n    train(model)\n    loss = validate(model)\n    if loss < best:\n        best, bad = loss, 0\n        torch.save(model.state_dict(), 'best.pt')\n    elif (bad := bad + 1) == 5:\n        break",
    ),
    change_of_trees=Change(
        before="lightgbm.train(params, train, num_boost_round=5000)",
        after="lightgbm.train(params, train, num_boost_round=5000, valid_sets=[valid],\n               callbacks=[lightgbm.early_stopping(50)])",
    ),
    source="Prechelt, Early Stopping - But When?, 1998; SageMaker Debugger, Overtraining",
    thresholds={
        "evaluations_min": EVALUATIONS_MIN,
        "after_share_min": AFTER_SHARE_MIN,
        "patience": PATIENCE,
        "rise_min": RISE_MIN,
    },
    check=check,
)
