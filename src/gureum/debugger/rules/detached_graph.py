"""detached_graph: parameters that the optimizer has never get a gradient, because the graph is cut before them."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

SAMPLES_MIN = 3


def check(recording: Recording) -> Evidence | None:
    counts = recording.counts
    if counts["backward_without_graph"]:
        return Evidence({"losses_without_graph": counts["backward_without_graph"]})
    missing = recording.facts.get("missing") or {}
    used = {layer.name for layer in recording.layers.values() if layer.order is not None}
    without = [name for name, (none, seen) in missing.items() if seen >= SAMPLES_MIN and none == seen]
    # What forward does not run gets no gradient either, rightly; kinds that a trace cannot see count by themselves.
    without = [
        n
        for n in without
        if n in used
        or (n in recording.layers and recording.layers[n].kind not in ("Linear", "Conv1d", "Conv2d", "Conv3d"))
    ]
    without = [n for n in without if n in recording.layers or n.split(".")[0] in {u.split(".")[0] for u in used}]
    if not without:
        return None
    return Evidence(
        {"layers": without[:8], "layers_without_gradient": len(without), "layers_total": len(missing)}, layer=without[0]
    )


RULE = Rule(
    name="detached_graph",
    severity="error",
    title={
        "en": "The graph is cut: gradients do not reach these layers",
        "ko": "그래프가 끊겨 그래디언트가 레이어에 닿지 않습니다",
    },
    remedy={
        "en": "Look for detach(), .data, .item(), numpy(), torch.tensor(loss) or no_grad() between these layers and the loss.",
        "ko": "이 레이어와 손실 사이의 detach(), .data, .item(), numpy(), torch.tensor(loss), no_grad()를 찾아보세요.",
    },
    change=Change(
        before="features = body(x).detach()\nloss = loss_fn(head(features), y)",
        after="features = body(x)\nloss = loss_fn(head(features), y)",
    ),
    source="PyTorch documentation, Autograd mechanics",
    thresholds={"samples_min": SAMPLES_MIN},
    check=check,
    explains=(
        "lr_too_low",
        "over_regularised",
        "vanishing_gradient",
        "no_optimizer_step",
        "no_zero_grad",
        "label_shuffled",
        "overtraining",
    ),
)
