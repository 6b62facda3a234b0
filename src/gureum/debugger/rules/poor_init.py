"""poor_init: weights begin far too large or far too small for the number of inputs of their layer."""

from __future__ import annotations

from math import sqrt

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import LayerInfo, Recording

# Weight's standard deviation times the root of fan-in: 0.58 in PyTorch's defaults, 1 LeCun, 1.41 He.
GAIN_MAX = 5.0
GAIN_MIN = 0.03
# The mean of weights, against their size, when all have one sign.
LAYERS_MIN = 1


def check(recording: Recording) -> Evidence | None:
    layers = [
        one
        for one in recording.trained_layers
        if one.kind not in ("Embedding", "EmbeddingBag") and one.fan_in >= 4 and one.weight_std > 0
    ]
    last = recording.facts.get("last_layer")
    hidden = [one for one in layers if one.name != last] or layers
    large = [one for one in layers if gain(one) > GAIN_MAX]
    small = [one for one in hidden if gain(one) < GAIN_MIN]
    # One small layer may be meant (a residual branch, an adapter); all of them are not.
    if len(small) < max(LAYERS_MIN, (len(hidden) + 1) // 2):
        small = []
    wrong = large or small
    if len(wrong) < LAYERS_MIN:
        return None
    worst = max(wrong, key=lambda one: abs(gain(one) - 1)) if large else min(wrong, key=gain)
    return Evidence(
        {
            "gain": gain(worst),
            "weight_std": worst.weight_std,
            "weight_mean": worst.weight_mean,
            "fan_in": worst.fan_in,
            "layers": [one.name for one in wrong[:8]],
        },
        layer=worst.name,
        step=0,
    )


def gain(layer: LayerInfo) -> float:
    """Root mean square of the weights (their mean counts: it adds up over the inputs), times the root of fan-in."""
    spread = layer.weight_std * sqrt(layer.fan_in)
    shift = abs(layer.weight_mean) * layer.fan_in
    return max(spread, shift if shift > 3 * spread else 0.0)


RULE = Rule(
    name="poor_init",
    severity="error",
    title={"en": "Weights begin too large or too small", "ko": "초기 가중치가 너무 크거나 작습니다"},
    remedy={
        "en": "Scale by fan-in: He (kaiming_normal_) before ReLU, Glorot (xavier_uniform_) before tanh and sigmoid, or the framework's default.",
        "ko": "팬인에 맞추세요. ReLU에는 He(kaiming_normal_), tanh/sigmoid에는 Glorot(xavier_uniform_) 또는 프레임워크 기본값을 쓰세요.",
    },
    change=Change(
        before="nn.init.normal_(layer.weight, std=1.0)",
        after='nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")',
    ),
    source="Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015; SageMaker Debugger, PoorWeightInitialization",
    thresholds={"gain_max": GAIN_MAX, "gain_min": GAIN_MIN, "layers_min": LAYERS_MIN},
    check=check,
    explains=(
        "exploding_gradient",
        "vanishing_gradient",
        "saturated_activation",
        "dead_relu",
        "nan_loss",
        "diverging",
        "lr_too_high",
        "lr_too_low",
        "label_shuffled",
        "over_regularised",
        "overfit",
        "overtraining",
    ),
)
