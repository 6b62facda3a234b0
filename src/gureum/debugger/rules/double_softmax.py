"""double_softmax: probabilities are given to a loss that wants logits and makes probabilities itself."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

CALLS_MIN = 3


def check(recording: Recording) -> Evidence | None:
    facts = recording.loss_facts
    if (
        facts.calls < CALLS_MIN
        or facts.output_probability < facts.calls
        or facts.kind not in ("cross_entropy", "binary_cross_entropy_with_logits")
    ):
        return None
    return Evidence(
        {
            "loss": facts.kind,
            "made_by": facts.last_function or "unknown",
            "calls_with_probabilities": facts.output_probability,
        }
    )


RULE = Rule(
    name="double_softmax",
    severity="error",
    title={"en": "Softmax (or sigmoid) is applied twice", "ko": "소프트맥스(또는 시그모이드)가 두 번 적용됩니다"},
    remedy={
        "en": "Give the loss raw logits: remove the last softmax or sigmoid (or from_logits=True), and apply it only to predict.",
        "ko": "손실에는 로짓을 주세요. 마지막 softmax/sigmoid(또는 from_logits=True)를 제거하고 예측할 때만 적용하세요.",
    },
    change=Change(
        before="model = nn.Sequential(body, nn.Linear(64, 10), nn.Softmax(dim=1))\nloss_fn = nn.CrossEntropyLoss()",
        after="model = nn.Sequential(body, nn.Linear(64, 10))\nloss_fn = nn.CrossEntropyLoss()",
    ),
    source="PyTorch documentation, nn.CrossEntropyLoss (input: unnormalized logits); UMLAUT, CHI 2021",
    thresholds={"calls_min": CALLS_MIN},
    check=check,
    explains=(
        "lr_too_low",
        "vanishing_gradient",
        "label_shuffled",
        "over_regularised",
        "overtraining",
    ),
)
