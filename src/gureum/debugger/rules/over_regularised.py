"""over_regularised: the penalty, not the data, decides what the weights become."""

from __future__ import annotations

from gureum.debugger.curves import baseline, curve
from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording
from gureum.debugger.rounds import boosting, parameter

# Norm of all weights at the end, relative to the start: decay that the gradient does not withstand.
SHRINK_MAX = 0.5
DECAY_MIN = 0.02
DROPOUT_MAX = 0.75
# Penalty in the objective, as a multiple of the loss that is measured.
PENALTY_MIN = 1.0
UNLEARNED_MIN = 0.6
# On the sum of gradients in a leaf; defaults are 0 to 3.
BOOSTING_PENALTY_MIN = 100.0


def check(recording: Recording) -> Evidence | None:
    if recording.facts.get("over_regularised"):
        return Evidence(dict(recording.facts["over_regularised"]))
    if recording.rounds:
        return _boosting(recording)
    shape = curve(recording)
    if shape is None or not shape.finite:
        return None
    base = baseline(recording)
    reference = base if base is not None else shape.start
    unlearned = shape.end > UNLEARNED_MIN * reference
    if not unlearned or reference <= 0:
        return None
    numbers = {"loss_end": shape.end, "loss_of_ignorance": reference}
    optimizer = recording.facts.get("optimizer") or {}
    decay = float(optimizer.get("weight_decay") or 0.0)
    shrink = _shrink(recording)
    if shrink is not None and decay >= DECAY_MIN and shrink < SHRINK_MAX:
        return Evidence(numbers | {"weight_decay": decay, "weights_end_to_start": shrink})
    if float(recording.facts.get("dropout") or 0.0) > DROPOUT_MAX:
        return Evidence(numbers | {"dropout": recording.facts["dropout"]})
    penalty = _penalty(recording)
    if penalty is not None and penalty > PENALTY_MIN and shrink is not None and shrink < SHRINK_MAX:
        return Evidence(numbers | {"penalty_to_loss": penalty, "weights_end_to_start": shrink})
    return None


def _boosting(recording: Recording) -> Evidence | None:
    """Trees split, but their leaves are pressed to zero."""
    shape = boosting(recording)
    penalty = max(parameter(recording, "l2") or 0.0, 10 * (parameter(recording, "l1") or 0.0))
    if shape is None or penalty < BOOSTING_PENALTY_MIN or shape.improvement > 0.15:
        return None
    return Evidence({"penalty": penalty, "metric_first": shape.start, "metric_last": shape.end, "rounds": shape.rounds})


def _shrink(recording: Recording) -> float | None:
    end = recording.facts.get("weights_end") or {}
    before = after = 0.0
    for layer in recording.layers.values():
        if layer.trainable and layer.name in end:
            before += (layer.weight_std**2 + layer.weight_mean**2) * layer.parameters
            after += end[layer.name] ** 2
    return (after / before) ** 0.5 if before > 0 else None


def _penalty(recording: Recording) -> float | None:
    """What backward saw beyond the loss function's value, at first."""
    n = min(10, len(recording.losses), len(recording.objectives))
    if n < 3:
        return None
    loss, objective = recording.losses.array[:n], recording.objectives.array[:n]
    return float(((objective - loss) / (abs(loss) + 1e-12)).mean())


RULE = Rule(
    name="over_regularised",
    severity="warning",
    title={"en": "Regularisation is too strong", "ko": "정규화가 너무 강합니다"},
    remedy={
        "en": "Lower weight decay, penalty or dropout (alpha, reg_lambda; raise C) until the training loss falls; then tune it on validation.",
        "ko": "학습 손실이 내려갈 때까지 가중치 감쇠, 벌점, 드롭아웃(alpha, reg_lambda; C는 높게)을 낮춘 뒤 검증으로 조정하세요.",
    },
    change=Change(
        before="optimizer = AdamW(model.parameters(), weight_decay=10.0)",
        after="optimizer = AdamW(model.parameters(), weight_decay=0.01)",
    ),
    change_of_trees=Change(
        before='params = {"lambda_l1": 1000.0, "lambda_l2": 1000.0}',
        after='params = {"lambda_l1": 0.0, "lambda_l2": 1.0}',
    ),
    source="Goodfellow et al., Deep Learning, 2016, section 7.1; Srivastava et al., Dropout, JMLR 2014",
    thresholds={
        "shrink_max": SHRINK_MAX,
        "decay_min": DECAY_MIN,
        "dropout_max": DROPOUT_MAX,
        "penalty_min": PENALTY_MIN,
        "unlearned_min": UNLEARNED_MIN,
    },
    check=check,
    explains=(
        "vanishing_gradient",
        "dead_relu",
        "lr_too_low",
        "stalled_no_splits",
        "label_shuffled",
        "overtraining",
    ),
)
