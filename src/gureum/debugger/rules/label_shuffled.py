"""label_shuffled: the targets have nothing to do with the inputs."""

from __future__ import annotations

from gureum.debugger.curves import baseline
from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording
from gureum.debugger.relation import relation

# Standard errors above chance that a simple model must reach.
Z_MAX = 2.5
ROWS_MIN = 100
# A validation loss of this share of the ignorant model's is no better than ignorance.
VALIDATION_MIN = 0.97


def check(recording: Recording) -> Evidence | None:
    table = recording.table
    if not table.aligned or table.target is None or len(table.target) < ROWS_MIN or table.x.dtype.kind not in "fiub":
        return None
    if recording.loss_facts.target_is_input or recording.counts["alternating_steps"] > recording.counts["steps"] // 4:
        return None
    found = relation(table)
    if found is None or found.z > Z_MAX:
        return None
    numbers = {"nearest_neighbours_z": found.z, "score": found.score, "chance": found.chance}
    valid, _train = recording.evaluation_curve()
    base = baseline(recording, validation=True)
    if len(valid) and base is not None:
        best = float(valid.min())
        if best < VALIDATION_MIN * base:
            return None  # the model itself finds what the simple one does not
        numbers |= {"best_validation_loss": best, "loss_of_ignorance": base}
    elif recording.facts.get("valid_score_above_chance") or (
        not len(valid)
        and not recording.facts.get("valid_score_known")
        and (table.x.shape[1] > 64 or not _ignorant(recording, base))
    ):
        return None
    return Evidence(numbers)


def _ignorant(recording: Recording, base: float | None) -> bool:
    """Without a validation: the training loss itself never got far below ignorance, or rows are too many to memorise."""
    losses = recording.losses.finite()
    if base is None or not len(losses):
        return base is None
    return float(losses[-max(3, len(losses) // 10) :].mean()) > 0.6 * base


RULE = Rule(
    name="label_shuffled",
    severity="error",
    title={"en": "Labels do not belong to their rows", "ko": "레이블이 행과 맞지 않습니다"},
    remedy={
        "en": "Check the join or the shuffle that put targets beside inputs: both must be permuted by the same index.",
        "ko": "입력과 타깃을 합친 조인이나 셔플을 확인하세요. 둘은 같은 인덱스로 섞여야 합니다.",
    },
    change=Change(
        before="x, y = x[rng.permutation(len(x))], y[rng.permutation(len(y))]",
        after="order = rng.permutation(len(x))\nx, y = x[order], y[order]",
    ),
    source="Zhang et al., Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017",
    thresholds={"z_max": Z_MAX, "rows_min": ROWS_MIN, "validation_min": VALIDATION_MIN},
    check=check,
    explains=(
        "overfit",
        "overtraining",
        "too_deep_tree",
    ),
)
