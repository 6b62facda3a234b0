"""nan_loss: the loss is not finite, and no other cause is seen."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

TIMES_MIN = 1


def check(recording: Recording) -> Evidence | None:
    times = recording.counts["loss_not_finite"]
    if times < TIMES_MIN:
        return None
    return Evidence(
        {"losses_not_finite": times, "steps": recording.counts["steps"]},
        step=recording.facts.get("first_not_finite_step"),
    )


RULE = Rule(
    name="nan_loss",
    severity="error",
    title={"en": "The loss is NaN or infinite", "ko": "손실이 NaN 또는 무한대입니다"},
    remedy={
        "en": "Look for log(0), sqrt(0), x/0 or exp of a large number in the loss; use the numerically safe form (logits, log_softmax, clamp, eps). torch.autograd.detect_anomaly() names the line.",
        "ko": "손실에서 log(0), sqrt(0), x/0, 큰 수의 exp를 찾아 안정적인 형태(로짓, log_softmax, clamp, eps)로 바꾸세요. torch.autograd.detect_anomaly()가 위치를 알려 줍니다.",
    },
    change=Change(
        before="loss = -(y * torch.log(torch.sigmoid(z))).mean()",
        after="loss = -(y * nn.functional.logsigmoid(z)).mean()",
    ),
    source="PyTorch documentation, torch.autograd.detect_anomaly; Keras documentation, TerminateOnNaN",
    thresholds={"times_min": TIMES_MIN},
    check=check,
    explains=(
        "label_shuffled",
        "vanishing_gradient",
    ),
)
