"""not_shuffled: the training runs through the classes (or the target's range) one after the other."""

from __future__ import annotations

import itertools

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

# Variance of the target inside a batch, of what a random batch would have.
WITHIN_SHARE_MAX = 0.5
BATCHES_MIN = 4
# A discriminator sees all-real and all-fake batches in turn: runs of one or two batches are meant.
RUN_MIN = 2.0


def check(recording: Recording) -> Evidence | None:
    table = recording.table
    if recording.facts.get("rows_given") and recording.framework == "torch" and recording.counts["train_batches"] == 0:
        return None
    target = table.target
    batches = [np.asarray(b) for b in table.target_batches]
    if target is None or recording.facts.get("order_free"):
        return None
    sizes = [len(b) for b in batches]
    if len(batches) < BATCHES_MIN or max(sizes) < 2:
        return None
    edges = np.cumsum([0, *sizes])
    if edges[-1] != len(target):
        return None
    parts = [target[a:b] for a, b in itertools.pairwise(edges) if b - a > 1]
    total = float(np.concatenate(parts).var())
    if total <= 0:
        return None
    expected = float(np.mean([(len(p) - 1) / len(p) for p in parts])) * total
    within = float(np.average([p.var() for p in parts], weights=[len(p) for p in parts])) / expected
    if within >= WITHIN_SHARE_MAX:
        return None
    if all((p == p[0]).all() for p in parts):
        firsts = np.asarray([p[0] for p in parts])
        if len(firsts) / (1 + int((np.diff(firsts) != 0).sum())) < RUN_MIN:
            return None
    if table.labels is None:
        means = np.asarray([p.mean() for p in parts])
        rises = np.sign(np.diff(means))
        if abs(float(rises.mean())) < 0.8:  # a time series wanders; a sorted table goes one way
            return None
    return Evidence({"variance_within_batches": within, "batches": len(parts)})


RULE = Rule(
    name="not_shuffled",
    severity="error",
    title={"en": "Training data is not shuffled", "ko": "학습 데이터가 섞이지 않았습니다"},
    remedy={
        "en": "DataLoader(..., shuffle=True), or permute the rows before each epoch.",
        "ko": "DataLoader(..., shuffle=True)를 쓰거나 에폭마다 행을 섞으세요.",
    },
    change=Change(
        before="loader = DataLoader(data, batch_size=64)",
        after="loader = DataLoader(data, batch_size=64, shuffle=True)",
    ),
    source="Bengio, Practical Recommendations for Gradient-Based Training, 2012, section 3.1; LeCun et al. 1998, section 4.2",
    thresholds={"within_share_max": WITHIN_SHARE_MAX, "batches_min": BATCHES_MIN, "run_min": RUN_MIN},
    check=check,
    explains=(
        "diverging",
        "lr_too_high",
        "overfit",
        "label_shuffled",
        "id_column_leak",
    ),
)
