"""param_not_in_optimizer: parameters get gradients, but no optimizer has them."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

PARAMETERS_MIN = 1


def check(recording: Recording) -> Evidence | None:
    missing = list(dict.fromkeys(recording.facts.get("not_in_optimizer") or ()))
    if len(missing) < PARAMETERS_MIN or not (recording.counts["steps"] or recording.counts["foreign_steps"]):
        return None
    return Evidence({"layers": missing[:8], "layers_missing": len(missing)}, layer=missing[0])


RULE = Rule(
    name="param_not_in_optimizer",
    severity="error",
    title={"en": "Trainable parameters are in no optimizer", "ko": "학습 가능한 파라미터가 옵티마이저에 없습니다"},
    remedy={
        "en": "Make the optimizer after the model is complete, from all its parameters; set requires_grad=False on what shall stay frozen.",
        "ko": "모델이 완성된 뒤 모든 파라미터로 옵티마이저를 만들고, 고정할 것은 requires_grad=False로 두세요.",
    },
    change=Change(
        before="optimizer = Adam(model.body.parameters())",
        after="optimizer = Adam(model.parameters())",
    ),
    source="PyTorch documentation, torch.optim: constructing it (move or replace modules before)",
    thresholds={"parameters_min": PARAMETERS_MIN},
    check=check,
    explains=(
        "lr_too_low",
        "over_regularised",
        "no_optimizer_step",
        "no_zero_grad",
        "exploding_gradient",
        "label_shuffled",
        "vanishing_gradient",
        "overtraining",
    ),
)
