"""target_scale: a regression's targets are so large (or so far from zero) that the output must grow for most of the training."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

# Root mean square: standardised targets have 1.
SIZE_MAX = 40.0
ROWS_MIN = 16


def check(recording: Recording) -> Evidence | None:
    y = recording.table.y
    if recording.facts.get("scale_free") or y is None or y.dtype.kind not in "fiu" or len(y) < ROWS_MIN:
        return None
    if recording.loss_facts.classifies or recording.loss_facts.kind in ("poisson_nll_loss", "gaussian_nll_loss"):
        return None
    if not recording.loss_facts.regresses and not recording.facts.get("regression"):
        return None
    values = y.astype(np.float64)
    size = float(np.sqrt(np.nanmean(values**2)))
    if not size > SIZE_MAX:
        return None
    return Evidence(
        {"target_rms": size, "target_mean": float(np.nanmean(values)), "target_std": float(np.nanstd(values))}
    )


RULE = Rule(
    name="target_scale",
    severity="warning",
    title={"en": "Targets are far from unit scale", "ko": "타깃의 크기가 단위 스케일에서 크게 벗어났습니다"},
    remedy={
        "en": "Standardise the targets (or take their logarithm) for training, and undo it on predictions (TransformedTargetRegressor).",
        "ko": "학습에는 타깃을 표준화(또는 로그 변환)하고 예측에서 되돌리세요(TransformedTargetRegressor).",
    },
    change=Change(
        before="loss = loss_fn(model(x), y)",
        after="mean, std = y_train.mean(), y_train.std()\nloss = loss_fn(model(x), (y - mean) / std)  # a prediction is model(x) * std + mean",
    ),
    source="Karpathy, A Recipe for Training Neural Networks, 2019 (init well); scikit-learn, TransformedTargetRegressor",
    thresholds={"size_max": SIZE_MAX, "rows_min": ROWS_MIN},
    check=check,
    explains=(
        "exploding_gradient",
        "diverging",
        "lr_too_low",
        "lr_too_high",
        "nan_loss",
        "dead_relu",
        "saturated_activation",
        "over_regularised",
        "vanishing_gradient",
        "label_shuffled",
    ),
)
