"""unnormalised_input: inputs far from zero mean and unit size reach the first layer as they are."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

# Root mean square of the inputs: standardised data has 1, pixels 0..1 about 0.5, pixels 0..255 about 130.
SIZE_MAX = 8.0
# Features whose sizes differ by this factor train at rates that differ by its square.
RATIO_MAX = 100.0
ROWS_MIN = 16


def check(recording: Recording) -> Evidence | None:
    x = recording.table.x
    if recording.facts.get("scale_free") or recording.facts.get("input_normalised"):
        return None
    if x is None or x.dtype.kind != "f" or len(x) < ROWS_MIN or recording.facts.get("first_kind") == "Embedding":
        return None
    sizes = np.sqrt(np.nanmean(np.square(x.astype(np.float64)), axis=0))
    spread = np.nanstd(x.astype(np.float64), axis=0)
    sizes = sizes[np.isfinite(sizes)]
    if not len(sizes):
        return None
    size = float(np.sqrt(np.mean(sizes**2)))
    used = spread[np.isfinite(spread) & (spread > 0)]
    ratio = float(used.max() / np.median(used)) if 2 <= len(used) <= 512 else 1.0
    if size <= SIZE_MAX and not (ratio > RATIO_MAX and float(used.max()) > SIZE_MAX / 2):
        return None
    return Evidence({"input_rms": size, "input_max": float(np.nanmax(np.abs(x))), "feature_scale_ratio": ratio})


RULE = Rule(
    name="unnormalised_input",
    severity="warning",
    title={"en": "Inputs are not normalised", "ko": "입력이 정규화되지 않았습니다"},
    remedy={
        "en": "Subtract the training mean and divide by the training standard deviation (StandardScaler, transforms.Normalize), or begin with a normalisation layer.",
        "ko": "학습 데이터의 평균을 빼고 표준편차로 나누거나(StandardScaler, transforms.Normalize), 정규화 레이어로 시작하세요.",
    },
    change=Change(
        before="model.fit(x_train, y_train)",
        after="scaler = StandardScaler().fit(x_train)\nmodel.fit(scaler.transform(x_train), y_train)",
    ),
    source="LeCun et al., Efficient BackProp, 1998, section 4.3; SageMaker Debugger, NotNormalizedData",
    thresholds={"size_max": SIZE_MAX, "ratio_max": RATIO_MAX, "rows_min": ROWS_MIN},
    check=check,
    explains=(
        "saturated_activation",
        "exploding_gradient",
        "dead_relu",
        "lr_too_high",
        "diverging",
        "nan_loss",
        "vanishing_gradient",
        "poor_init",
        "label_shuffled",
        "lr_too_low",
    ),
)
