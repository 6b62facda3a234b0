"""train_mode_in_validation: the model is evaluated while dropout is on and batch norm still learns."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

SHARE_MIN = 0.5


def check(recording: Recording) -> Evidence | None:
    counts = recording.counts
    wrong, all_ = counts["evaluations_in_train_mode"], counts["evaluations"]
    if not wrong or wrong < SHARE_MIN * all_:
        return None
    return Evidence({"evaluations_in_train_mode": wrong, "evaluations": all_})


RULE = Rule(
    name="train_mode_in_validation",
    severity="error",
    title={"en": "Evaluating in training mode", "ko": "학습 모드로 평가하고 있습니다"},
    remedy={
        "en": "Call model.eval() before validation and model.train() after it; torch.no_grad() alone does not do it.",
        "ko": "검증 전에 model.eval(), 이후에 model.train()을 호출하세요. torch.no_grad()만으로는 바뀌지 않습니다.",
    },
    change=Change(
        before="with torch.no_grad():\n    loss = loss_fn(model(x_val), y_val)",
        after="model.eval()\nwith torch.no_grad():\n    loss = loss_fn(model(x_val), y_val)\nmodel.train()",
    ),
    source="PyTorch documentation, nn.Module.eval",
    thresholds={"share_min": SHARE_MIN},
    check=check,
    explains=(
        "overfit",
        "overtraining",
    ),
)
