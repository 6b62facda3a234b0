"""eval_mode_in_training: weights are trained while the model is in evaluation mode."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

SHARE_MIN = 0.3
BACKWARDS_MIN = 4


def check(recording: Recording) -> Evidence | None:
    counts = recording.counts
    wrong, all_ = counts["eval_mode_backwards"], counts["backward"]
    if wrong < BACKWARDS_MIN or wrong < SHARE_MIN * all_ or not recording.facts.get("mode_matters"):
        return None
    return Evidence({"backwards_in_eval_mode": wrong, "backwards": all_})


RULE = Rule(
    name="eval_mode_in_training",
    severity="error",
    title={"en": "Training in evaluation mode", "ko": "평가 모드로 학습하고 있습니다"},
    remedy={
        "en": "Call model.train() at the start of each epoch: dropout is off and batch norm uses stored statistics now.",
        "ko": "에폭 시작마다 model.train()을 호출하세요. 지금은 드롭아웃이 꺼져 있고 배치 정규화가 저장된 통계를 씁니다.",
    },
    change=Change(
        before="model.eval()\nfor x, y in loader:\n    loss_fn(model(x), y).backward()",
        after="model.train()\nfor x, y in loader:\n    loss_fn(model(x), y).backward()",
    ),
    source="PyTorch documentation, nn.Module.eval; Autograd mechanics, evaluation mode",
    thresholds={"share_min": SHARE_MIN, "backwards_min": BACKWARDS_MIN},
    check=check,
    explains=(
        "overfit",
        "overtraining",
    ),
)
