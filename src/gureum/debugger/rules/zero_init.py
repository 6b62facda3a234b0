"""zero_init: the units of a hidden layer all have the same weights, and so will always be the same unit."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

# Standard deviation over the units of a layer, relative to the size of its weights.
SPREAD_MAX = 1e-6
UNITS_MIN = 2


def check(recording: Recording) -> Evidence | None:
    layers = recording.trained_layers
    same = [
        layer
        for layer in layers
        if _same(layer.unit_spread, layer.weight_mean, layer.weight_std) and layer.fan_out >= UNITS_MIN
    ]
    # A last layer of zeros is a habit (nothing is predicted at first), and it breaks the symmetry by itself.
    last = recording.facts.get("last_layer") or (layers[-1].name if layers else None)
    hidden = [layer for layer in same if layer.name != last and layer.kind != "Embedding"]
    still = recording.facts.get("symmetric")
    if still is not None:
        # What is not zero but all the same was not meant, even where dropout tears the units apart.
        hidden = [layer for layer in hidden if layer.name in still or layer.weight_mean != 0]
    if not hidden or len(layers) < 2:
        return None
    return Evidence(
        {
            "layers": [one.name for one in hidden[:8]],
            "weight_std": hidden[0].weight_std,
            "weight_mean": hidden[0].weight_mean,
        },
        layer=hidden[0].name,
        step=0,
    )


def _same(spread: float | None, mean: float, deviation: float) -> bool:
    return spread is not None and spread <= SPREAD_MAX * max(abs(mean), deviation, 1e-12)


RULE = Rule(
    name="zero_init",
    severity="error",
    title={"en": "Weights begin all the same", "ko": "가중치가 모두 같은 값으로 시작합니다"},
    remedy={
        "en": "Use a random initialisation (nn.init.kaiming_uniform_, xavier_uniform_): only then can units learn different things.",
        "ko": "무작위 초기화(nn.init.kaiming_uniform_, xavier_uniform_)를 쓰세요. 그래야 유닛이 서로 다른 것을 배웁니다.",
    },
    change=Change(
        before="nn.init.zeros_(layer.weight)",
        after="nn.init.kaiming_uniform_(layer.weight)",
    ),
    source="Goodfellow et al., Deep Learning, 2016, section 8.4 (break symmetry); SageMaker Debugger, PoorWeightInitialization",
    thresholds={"spread_max": SPREAD_MAX, "units_min": UNITS_MIN},
    check=check,
    explains=(
        "vanishing_gradient",
        "lr_too_low",
        "dead_relu",
        "poor_init",
        "over_regularised",
        "label_shuffled",
        "exploding_gradient",
        "lr_too_high",
        "saturated_activation",
        "overtraining",
        "diverging",
    ),
)
