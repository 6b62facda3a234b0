"""saturated_activation: most outputs of a hidden sigmoid or tanh lie at its edges, where it has no slope."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

SATURATED_SHARE_MIN = 0.6
SAMPLES_MIN = 4


def check(recording: Recording) -> Evidence | None:
    worst: tuple[float, str] | None = None
    last = recording.facts.get("last_layer")
    for name, samples in recording.activations():
        if len(samples) < SAMPLES_MIN or name == last:
            continue  # an output layer that is sure of itself has learned
        late = [one.saturated_share for one in samples]
        share = float(np.median(late))
        if share >= SATURATED_SHARE_MIN and (worst is None or share > worst[0]):
            worst = (share, name)
    if worst is None:
        return None
    return Evidence({"saturated_share": worst[0]}, layer=worst[1])


RULE = Rule(
    name="saturated_activation",
    severity="error",
    title={"en": "An activation is saturated", "ko": "활성화 함수가 포화되었습니다"},
    remedy={
        "en": "Normalise the inputs, begin with smaller weights (xavier), or use ReLU or a normalisation layer.",
        "ko": "입력을 정규화하고 더 작은 초기 가중치(xavier)를 쓰거나, ReLU 또는 정규화 레이어를 쓰세요.",
    },
    change=Change(
        before="model = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 2))",
        after="model = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.Tanh(), nn.Linear(64, 2))",
    ),
    source="Glorot and Bengio, AISTATS 2010; SageMaker Debugger, SaturatedActivation",
    thresholds={"saturated_share_min": SATURATED_SHARE_MIN, "samples_min": SAMPLES_MIN},
    check=check,
    explains=(
        "vanishing_gradient",
        "lr_too_low",
        "label_shuffled",
    ),
)
