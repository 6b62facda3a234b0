"""no_zero_grad: gradients of earlier steps are still there when the next ones are added."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

STEPS_MIN = 4
STALE_SHARE_MIN = 0.8


def check(recording: Recording) -> Evidence | None:
    stale, clean = recording.counts["stale_steps"], recording.counts["clean_steps"]
    if stale < STEPS_MIN or stale < STALE_SHARE_MIN * (stale + clean):
        return None
    return Evidence({"steps_on_old_gradients": stale, "steps_on_fresh_gradients": clean})


RULE = Rule(
    name="no_zero_grad",
    severity="error",
    title={"en": "Gradients are never cleared", "ko": "그래디언트가 초기화되지 않습니다"},
    remedy={
        "en": "Call optimizer.zero_grad() once before each backward (or after each step); to accumulate, clear after the step that used them.",
        "ko": "각 backward 전(또는 각 step 후)에 optimizer.zero_grad()를 호출하세요. 누적할 때는 사용한 step 이후에 초기화하세요.",
    },
    change=Change(
        before="loss.backward()\noptimizer.step()",
        after="optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
    ),
    source="PyTorch documentation, Zeroing out gradients in PyTorch",
    thresholds={"steps_min": STEPS_MIN, "stale_share_min": STALE_SHARE_MIN},
    check=check,
    explains=(
        "exploding_gradient",
        "diverging",
        "lr_too_high",
        "nan_loss",
        "dead_relu",
        "saturated_activation",
        "overfit",
        "label_shuffled",
        "overtraining",
        "vanishing_gradient",
        "lr_too_low",
    ),
)
