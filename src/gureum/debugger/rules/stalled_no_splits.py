"""stalled_no_splits: boosting rounds add trees without a split."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

STALLED_SHARE_MIN = 0.5
ROUNDS_MIN = 3


def check(recording: Recording) -> Evidence | None:
    leaves = np.asarray([r.leaves for r in recording.rounds if r.leaves is not None], dtype=np.float64)
    stopped = int(recording.facts.get("rounds_wanted") or 0)
    if len(leaves) < 1 or (len(leaves) < ROUNDS_MIN and stopped < ROUNDS_MIN):
        return None
    stalled = leaves <= 1
    missing = max(0, stopped - len(leaves)) if stalled.any() or len(leaves) < ROUNDS_MIN else 0
    share = (int(stalled.sum()) + missing) / max(len(leaves) + missing, 1)
    if share < STALLED_SHARE_MIN:
        return None
    first = int(stalled.argmax()) if stalled.any() else len(leaves)
    return Evidence(
        {"rounds_without_split": int(stalled.sum()) + missing, "rounds": len(leaves) + missing, "first": first},
        step=first,
    )


RULE = Rule(
    name="stalled_no_splits",
    severity="error",
    title={"en": "Trees no longer split", "ko": "트리가 더 이상 분할되지 않습니다"},
    remedy={
        "en": "Lower min_data_in_leaf, min_child_weight, gamma (min_split_gain) or the penalties for a data set of this size.",
        "ko": "이 데이터 크기에 맞게 min_data_in_leaf, min_child_weight, gamma(min_split_gain) 또는 벌점을 낮추세요.",
    },
    change=Change(
        before='params = {"min_data_in_leaf": 5000, "min_gain_to_split": 10}',
        after='params = {"min_data_in_leaf": 20, "min_gain_to_split": 0}',
    ),
    source="LightGBM documentation, parameters min_data_in_leaf and min_gain_to_split; XGBoost documentation, gamma and min_child_weight",
    thresholds={"stalled_share_min": STALLED_SHARE_MIN, "rounds_min": ROUNDS_MIN},
    check=check,
    explains=(
        "label_shuffled",
        "lr_too_low",
        "overtraining",
    ),
)
