"""nan_input: the inputs or targets hold values that are not finite, and the loss or the weights go with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

TIMES_MIN = 1


def check(recording: Recording) -> Evidence | None:
    counts = recording.counts
    table = recording.table
    inputs = counts["input_not_finite"] + _rows_not_finite(table.x)
    targets = counts["target_not_finite"] + _rows_not_finite(table.y)
    if inputs + targets < TIMES_MIN:
        return None
    # Where NaN is handled (masked, imputed, taken by trees), the loss stays finite and nothing is wrong.
    if not counts["loss_not_finite"] and not recording.facts.get("nan_refused"):
        return None
    return Evidence(
        {
            "inputs_not_finite": inputs,
            "targets_not_finite": targets,
            "losses_not_finite": counts["loss_not_finite"],
        },
        step=recording.facts.get("first_not_finite_step"),
    )


def _rows_not_finite(values: Any) -> int:
    """Rows of the kept ones that hold NaN or infinity."""
    if values is None or values.dtype.kind != "f":
        return 0
    return int((~np.isfinite(values.reshape(len(values), -1)).all(axis=1)).sum())


RULE = Rule(
    name="nan_input",
    severity="error",
    title={"en": "The data holds NaN or infinity", "ko": "데이터에 NaN 또는 무한대가 있습니다"},
    remedy={
        "en": "Drop or impute these rows before training; check the division or logarithm that made them.",
        "ko": "학습 전에 해당 행을 제거하거나 대체하고, 이를 만든 나눗셈이나 로그를 확인하세요.",
    },
    change=Change(
        before="x = np.log(income / rooms)",
        after="x = np.log1p(income / rooms.clip(1))\nkeep = np.isfinite(x).all(axis=1)\nx, y = x[keep], y[keep]",
    ),
    source="Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems, ICSE 2020 (training data quality)",
    thresholds={"times_min": TIMES_MIN},
    check=check,
    explains=(
        "nan_loss",
        "exploding_gradient",
        "diverging",
        "lr_too_high",
        "dead_relu",
        "unnormalised_input",
        "target_scale",
        "no_optimizer_step",
        "poor_init",
        "label_shuffled",
    ),
)
