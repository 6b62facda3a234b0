"""wrong_loss: the loss does not fit what output and target are."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

CALLS_MIN = 3
CLASSES_MAX = 50


def check(recording: Recording) -> Evidence | None:
    facts = recording.loss_facts
    if facts.calls < CALLS_MIN:
        return None
    why = _why(recording)
    if why is None:
        return None
    return Evidence(
        {
            "why": why,
            "loss": facts.kind,
            "output_shape": list(facts.output_shape),
            "target_shape": list(facts.target_shape),
        }
    )


def _why(recording: Recording) -> str | None:
    facts, calls = recording.loss_facts, recording.loss_facts.calls
    if facts.kind == "cross_entropy" and len(facts.output_shape) >= 2 and facts.output_shape[1] == 1:
        return "cross entropy of a single column is always zero"
    if (
        facts.kind == "cross_entropy"
        and not facts.target_integer
        and facts.target_fraction == calls
        and not _distribution(recording)
    ):
        return "cross entropy against targets that are neither classes nor distributions"
    if facts.kind.startswith("binary_cross_entropy") and facts.target_out_of_range:
        return "binary cross entropy against targets outside 0..1"
    if facts.regresses and facts.target_is_input < calls / 2 and not recording.counts["alternating_steps"]:
        if facts.shape_mismatch > calls / 2:  # a last batch of one row is broadcast to itself
            return "output and target are broadcast against each other: every output is compared with every target"
        return _classes_by_regression(recording)
    return None


def _distribution(recording: Recording) -> bool:
    y = recording.table.y
    if y is None or y.ndim < 2:
        return False
    flat = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    return bool((flat >= 0).all() and np.allclose(flat.sum(1), 1, atol=1e-3))


def _classes_by_regression(recording: Recording) -> str | None:
    facts, table = recording.loss_facts, recording.table
    labels, y = table.labels, table.y
    # A batch of one value only, each time: "real" or "fake" (Mao et al., Least Squares GAN, ICCV 2017), not classes to tell.
    if labels is None or y is None or facts.target_fraction or facts.target_constant == facts.calls:
        return None
    classes = len(np.unique(labels))
    values = np.unique(np.asarray(y, dtype=np.float64))
    if classes > CLASSES_MAX or classes < 2:
        return None
    columns = int(np.prod(facts.output_shape[1:])) if len(facts.output_shape) > 1 else 1
    if columns == classes and classes > 1 and y.size > len(y):
        return "a regression loss on one-hot classes"
    if set(values.tolist()) <= {0.0, 1.0}:
        return "a regression loss on yes-or-no targets"
    if np.array_equal(values, np.arange(len(values))) and classes <= 20:
        return "a regression loss on class numbers, whose order means nothing"
    return None


RULE = Rule(
    name="wrong_loss",
    severity="error",
    title={"en": "The loss does not fit the task", "ko": "손실 함수가 과제에 맞지 않습니다"},
    remedy={
        "en": "Classes: CrossEntropyLoss on logits; yes or no: BCEWithLogitsLoss; numbers: MSELoss or SmoothL1Loss, output and target of one shape.",
        "ko": "다중 클래스는 로짓에 CrossEntropyLoss, 이진은 BCEWithLogitsLoss, 수치는 출력과 타깃의 모양을 맞춘 MSELoss 또는 SmoothL1Loss를 쓰세요.",
    },
    change=Change(
        before="loss_fn = nn.MSELoss()  # on class numbers",
        after="loss_fn = nn.CrossEntropyLoss()  # on logits, one for each class",
    ),
    source="Golik et al., Cross-Entropy vs. Squared Error Training, Interspeech 2013; Humbatova et al., ICSE 2020 (wrong loss function)",
    thresholds={"calls_min": CALLS_MIN, "classes_max": CLASSES_MAX},
    check=check,
    explains=(
        "lr_too_low",
        "label_shuffled",
        "class_imbalance",
        "vanishing_gradient",
        "target_scale",
        "diverging",
        "overfit",
        "overtraining",
        "over_regularised",
        "missing_activation",
    ),
)
