"""no_optimizer_step: gradients are computed, but the optimizer does not apply them."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

BACKWARDS_MIN = 3
# Of gradients that were cleared before a step used them. Accumulation clears none.
LOST_SHARE_MIN = 0.9


def check(recording: Recording) -> Evidence | None:
    counts = recording.counts
    backwards, steps = counts["backward"], counts["steps"]
    if backwards < BACKWARDS_MIN or recording.facts.get("error"):
        return None
    numbers = {"backwards": backwards, "steps": steps, "gradients_cleared_unused": counts["gradients_lost"]}
    if not steps:
        elsewhere = recording.facts.get("moved") or counts["foreign_steps"]
        return None if elsewhere else Evidence(numbers)
    if (
        counts["steps_without_gradient"] >= LOST_SHARE_MIN * steps
        and counts["gradients_lost"] >= LOST_SHARE_MIN * steps
    ):
        return Evidence(numbers)
    if counts["gradients_lost"] >= LOST_SHARE_MIN * backwards and not counts["alternating_steps"]:
        return Evidence(numbers)
    return None


RULE = Rule(
    name="no_optimizer_step",
    severity="error",
    title={"en": "The optimizer never applies the gradients", "ko": "옵티마이저가 그래디언트를 적용하지 않습니다"},
    remedy={
        "en": "Call optimizer.step() after loss.backward(), and zero_grad() only before the next backward.",
        "ko": "loss.backward() 다음에 optimizer.step()을 호출하고, zero_grad()는 다음 backward 직전에만 호출하세요.",
    },
    change=Change(
        before="optimizer.zero_grad()\nloss.backward()",
        after="optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
    ),
    source="PyTorch documentation, torch.optim: taking an optimization step; Humbatova et al., ICSE 2020 (missing optimizer step)",
    thresholds={"backwards_min": BACKWARDS_MIN, "lost_share_min": LOST_SHARE_MIN},
    check=check,
    explains=(
        "lr_too_low",
        "over_regularised",
        "label_shuffled",
        "vanishing_gradient",
        "no_zero_grad",
        "exploding_gradient",
        "overtraining",
    ),
)
