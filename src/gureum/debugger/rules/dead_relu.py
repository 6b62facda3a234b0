"""dead_relu: most units of a ReLU layer give zero for every row, and stay so."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

DEAD_SHARE_MIN = 0.7
SAMPLES_MIN = 4


def check(recording: Recording) -> Evidence | None:
    worst: tuple[float, str, int] | None = None
    for name, samples in recording.activations():
        if len(samples) < SAMPLES_MIN or samples[-1].kind not in ("relu", "relu6"):
            continue
        late = [one.dead_share for one in samples[-max(SAMPLES_MIN, len(samples) // 2) :]]
        share = float(np.median(late))
        if share >= DEAD_SHARE_MIN and min(late) >= DEAD_SHARE_MIN * 0.8 and (worst is None or share > worst[0]):
            worst = (share, name, len(late))
    if worst is None:
        return None
    return Evidence({"dead_share": worst[0], "samples": worst[2]}, layer=worst[1])


RULE = Rule(
    name="dead_relu",
    severity="error",
    title={"en": "Most units of a ReLU layer are dead", "ko": "ReLU 레이어의 유닛 대부분이 죽었습니다"},
    remedy={
        "en": "Lower the learning rate, begin with biases near zero, or use LeakyReLU, GELU or a normalisation layer before it.",
        "ko": "학습률을 낮추고 편향을 0 근처에서 시작하거나, LeakyReLU, GELU 또는 앞에 정규화 레이어를 쓰세요.",
    },
    change=Change(
        before="model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))\noptimizer = SGD(model.parameters(), lr=1.0)",
        after="model = nn.Sequential(nn.Linear(10, 64), nn.LeakyReLU(), nn.Linear(64, 2))\noptimizer = SGD(model.parameters(), lr=0.05)",
    ),
    source="Lu et al., Dying ReLU and Initialization, 2019; SageMaker Debugger, DeadRelu",
    thresholds={"dead_share_min": DEAD_SHARE_MIN, "samples_min": SAMPLES_MIN},
    check=check,
    explains=(
        "vanishing_gradient",
        "lr_too_low",
        "label_shuffled",
        "overtraining",
    ),
)
