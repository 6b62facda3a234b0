"""missing_activation: linear layers follow each other with nothing between, or the loss misses the function before it."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

CALLS_MIN = 3
PAIRS_MIN = 1


def check(recording: Recording) -> Evidence | None:
    facts = recording.loss_facts
    if facts.calls >= CALLS_MIN and facts.kind == "nll_loss" and facts.output_positive == facts.calls:
        return Evidence({"why": "nll_loss wants log probabilities; log_softmax is missing", "calls": facts.calls})
    if recording.facts.get("probability_missing"):
        return Evidence({"why": str(recording.facts["probability_missing"])})
    pairs = [pair for pair in recording.facts.get("stacked") or () if _counts(recording, *pair)]
    if len(pairs) < PAIRS_MIN:
        return None
    return Evidence(
        {
            "why": "linear layers with nothing between them are one linear layer",
            "pairs": [f"{a} -> {b}" for a, b in pairs[:6]],
        },
        layer=pairs[0][0],
    )


def _counts(recording: Recording, first: str, second: str) -> bool:
    """Not a factorisation through a narrow middle, nor a depthwise convolution before its pointwise one."""
    a, b = recording.layers.get(first), recording.layers.get(second)
    if a is None or b is None or not (a.trainable and b.trainable):
        return False
    if a.kind != b.kind and not (a.kind.startswith("Conv") and b.kind == "Linear"):
        return False
    grouped = a.groups > 1 or b.groups > 1
    narrow = a.kind == "Linear" and a.fan_out < a.fan_in and a.fan_out < b.fan_out
    return not grouped and not narrow


RULE = Rule(
    name="missing_activation",
    severity="error",
    title={"en": "An activation function is missing", "ko": "활성화 함수가 빠져 있습니다"},
    remedy={
        "en": "Put a nonlinearity (ReLU, GELU, tanh) between the layers; give nll_loss the result of log_softmax.",
        "ko": "레이어 사이에 비선형 함수(ReLU, GELU, tanh)를 넣고, nll_loss에는 log_softmax의 결과를 주세요.",
    },
    change=Change(
        before="model = nn.Sequential(nn.Linear(10, 64), nn.Linear(64, 2))",
        after="model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))",
    ),
    source="UMLAUT, CHI 2021 (missing activation functions); Goodfellow et al., Deep Learning, 2016, section 6.1",
    thresholds={"calls_min": CALLS_MIN, "pairs_min": PAIRS_MIN},
    check=check,
    explains=(
        "lr_too_low",
        "label_shuffled",
        "vanishing_gradient",
        "diverging",
        "poor_init",
        "over_regularised",
    ),
)
