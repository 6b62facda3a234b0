"""class_imbalance: one class is seen far more often than another, and the loss does not weigh them."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

# The rarest class' share of what an even split would give it.
EVEN_SHARE_MIN = 0.2
# The commonest class, as a multiple of the rarest.
RATIO_MIN = 8.0
ROWS_MIN = 100


def check(recording: Recording) -> Evidence | None:
    table, facts = recording.table, recording.loss_facts
    labels = table.labels
    if (
        labels is None
        or len(labels) < ROWS_MIN
        or facts.weighted
        or not facts.reduced
        or recording.facts.get("weighted")
    ):
        return None
    if not facts.classifies and not recording.facts.get("classification"):
        return None
    if facts.tokens or recording.counts["alternating_steps"] > recording.counts["steps"] // 4:
        return None
    y = table.y
    if y is not None and y.ndim > 1 and y.size > len(y) and y.shape[1:] != (1,) and facts.kind != "cross_entropy":
        return None
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    if len(counts) < 2:
        return None
    rare = float(counts.min() / len(labels) * len(counts))
    if rare > EVEN_SHARE_MIN or counts.max() < RATIO_MIN * counts.min():
        return None
    return Evidence(
        {
            "rarest_share": float(counts.min() / len(labels)),
            "commonest_share": float(counts.max() / len(labels)),
            "classes": len(counts),
        }
    )


RULE = Rule(
    name="class_imbalance",
    severity="warning",
    title={
        "en": "Classes are imbalanced and the loss is not weighted",
        "ko": "클래스가 불균형한데 손실에 가중치가 없습니다",
    },
    remedy={
        "en": "Weigh the loss (weight=, pos_weight=, class_weight='balanced', scale_pos_weight), or sample evenly (WeightedRandomSampler); judge by recall or PR-AUC, not accuracy.",
        "ko": "손실에 가중치를 주거나(weight=, pos_weight=, class_weight='balanced', scale_pos_weight) 균등하게 샘플링하고(WeightedRandomSampler), 정확도 대신 재현율이나 PR-AUC로 판단하세요.",
    },
    change=Change(
        before="loss_fn = nn.CrossEntropyLoss()",
        after="counts = torch.bincount(y_train)\nloss_fn = nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))",
    ),
    change_of_trees=Change(
        before='params = {"objective": "binary"}',
        after='params = {"objective": "binary", "is_unbalance": True}',
    ),
    source="He and Garcia, Learning from Imbalanced Data, TKDE 2009; SageMaker Debugger, ClassImbalance",
    thresholds={"even_share_min": EVEN_SHARE_MIN, "ratio_min": RATIO_MIN, "rows_min": ROWS_MIN},
    check=check,
)
