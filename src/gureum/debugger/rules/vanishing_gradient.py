"""vanishing_gradient: next to nothing of the gradient reaches the first layers."""

from __future__ import annotations

from math import sqrt

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

# Root mean square gradient of the first layer, relative to the last's.
RATIO_MAX = 1e-3
SAMPLES_MIN = 4
LAYERS_MIN = 3


def check(recording: Recording) -> Evidence | None:
    layers = [one for one in recording.trained_layers if one.order is not None]
    samples = recording.healthy_samples()
    if len(layers) < LAYERS_MIN or len(samples) < SAMPLES_MIN or recording.counts["alternating_steps"]:
        return None
    first, last = layers[0], layers[-1]
    ratios, sizes = [], []
    for sample in samples:
        a, b = sample.layers.get(first.name), sample.layers.get(last.name)
        if a is None or b is None or a.grad_norm is None or not b.grad_norm:
            continue
        ratios.append((a.grad_norm / sqrt(first.parameters)) / (b.grad_norm / sqrt(last.parameters)))
        sizes.append(a.grad_norm)
    if len(ratios) < SAMPLES_MIN:
        return None
    ratio = float(np.median(ratios))
    early = float(np.median(ratios[: max(SAMPLES_MIN, len(ratios) // 3)]))
    if not (ratio < RATIO_MAX and early < RATIO_MAX):
        return None
    return Evidence(
        {"first_to_last_gradient": ratio, "first_gradient_norm": float(np.median(sizes)), "layers": len(layers)},
        layer=first.name,
    )


RULE = Rule(
    name="vanishing_gradient",
    severity="error",
    title={
        "en": "Gradients vanish on their way to the first layers",
        "ko": "그래디언트가 앞쪽 레이어로 가며 사라집니다",
    },
    remedy={
        "en": "Use ReLU-like activations with He initialisation, residual connections or normalisation layers; for sequences an LSTM or GRU.",
        "ko": "He 초기화와 ReLU 계열 활성화, 잔차 연결, 정규화 레이어를 쓰고, 시퀀스에는 LSTM이나 GRU를 쓰세요.",
    },
    change=Change(
        before="block = nn.Sequential(nn.Linear(64, 64), nn.Sigmoid())\nx = block(x)",
        after="block = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 64), nn.ReLU())\nx = x + block(x)",
    ),
    source="Hochreiter 1991; Glorot and Bengio, AISTATS 2010; SageMaker Debugger, VanishingGradient",
    thresholds={"ratio_max": RATIO_MAX, "samples_min": SAMPLES_MIN, "layers_min": LAYERS_MIN},
    check=check,
    explains=(
        "lr_too_low",
        "label_shuffled",
    ),
)
