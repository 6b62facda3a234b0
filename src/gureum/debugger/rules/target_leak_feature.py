"""target_leak_feature: one feature alone gives the target away."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording
from gureum.debugger.relation import single_feature_score

# Of one feature alone: area under the ROC curve, or squared rank correlation.
SCORE_MIN = 0.985
ROWS_MIN = 50


def check(recording: Recording) -> Evidence | None:
    table = recording.table
    x, y = table.features, table.target
    if x is None or y is None or x.shape[1] < 2 or len(x) != len(y) or len(x) < ROWS_MIN:
        return None
    if recording.loss_facts.target_is_input:
        return None
    scores = single_feature_score(x, y, classes=table.labels is not None)
    best = int(np.nanargmax(scores))
    others = np.delete(scores, best)
    if not scores[best] >= SCORE_MIN or float(np.nanmean(others >= SCORE_MIN)) > 0.5:
        return None
    return Evidence(
        {"feature": table.name(best), "score_alone": float(scores[best]), "next_best": float(np.nanmax(others))}
    )


RULE = Rule(
    name="target_leak_feature",
    severity="error",
    title={"en": "A feature gives the target away", "ko": "한 특성이 타깃을 그대로 드러냅니다"},
    remedy={
        "en": "Find out when this column is known: if only after the target, drop it.",
        "ko": "이 열이 언제 알려지는지 확인하고, 타깃 이후라면 제거하세요.",
    },
    change=Change(
        before='x = rows.drop(columns="failed")',
        after='x = rows.drop(columns=["failed", "repair_hours"])  # known only after the failure',
    ),
    source="Kaufman et al., Leakage in Data Mining, KDD 2011; SageMaker Clarify/Data Wrangler, target leakage report",
    thresholds={"score_min": SCORE_MIN, "rows_min": ROWS_MIN},
    check=check,
    explains=("overfit", "overtraining"),
)
