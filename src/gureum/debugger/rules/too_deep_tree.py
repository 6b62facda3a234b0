"""too_deep_tree: trees grow until single rows, and validation pays for it."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording
from gureum.debugger.rounds import parameter

# Training rows for each leaf of one tree.
ROWS_PER_LEAF_MIN = 15.0
SINGLE_DEPTH_MIN = 7
# Boosted trees are meant to be weak: the settings allow this depth or these leaves, and the trees use them.
BOOSTED_ROWS_PER_LEAF_MIN = 20.0
DEPTH_MAX = 10
LEAVES_MAX = 100
# Score (accuracy or R2) that training has beyond validation.
GAP_MIN = 0.08


def check(recording: Recording) -> Evidence | None:
    tree = recording.facts.get("trees")
    if not tree or tree.get("bagged") or not tree.get("rows"):
        return None
    per_leaf = tree["rows"] / max(tree["leaves"], 1)
    gap = tree.get("gap")
    numbers = {"rows": tree["rows"], "leaves": tree["leaves"], "rows_per_leaf": per_leaf}
    if tree.get("single"):
        deep = per_leaf < ROWS_PER_LEAF_MIN and (tree.get("depth") or 0) >= SINGLE_DEPTH_MIN
    else:
        depth, leaves = parameter(recording, "max_depth"), parameter(recording, "num_leaves")
        depth = tree.get("max_depth", depth)
        free = (depth is not None and depth >= DEPTH_MAX) or (leaves is not None and leaves >= LEAVES_MAX)
        deep = free and per_leaf < BOOSTED_ROWS_PER_LEAF_MIN
        valid, train = recording.evaluation_curve()
        if gap is None and len(valid):
            gap = float((valid[-1] - train[-1]) / (abs(valid[-1]) + 1e-12)) / 5
    if not deep or gap is None or not gap >= GAP_MIN:
        return None
    return Evidence(numbers | {"gap": gap, "depth": tree.get("depth")})


RULE = Rule(
    name="too_deep_tree",
    severity="warning",
    title={"en": "Trees are too deep", "ko": "트리가 너무 깊습니다"},
    remedy={
        "en": "Limit max_depth or num_leaves, raise min_samples_leaf (min_child_weight, min_data_in_leaf), or prune (ccp_alpha).",
        "ko": "max_depth나 num_leaves를 제한하고 min_samples_leaf(min_child_weight, min_data_in_leaf)를 높이거나 가지치기(ccp_alpha)하세요.",
    },
    change=Change(
        before="DecisionTreeClassifier()",
        after="DecisionTreeClassifier(max_depth=6, min_samples_leaf=20)",
    ),
    source="scikit-learn user guide, 1.10.5 tips on practical use; SageMaker Debugger, TreeDepth",
    thresholds={"rows_per_leaf_min": ROWS_PER_LEAF_MIN, "gap_min": GAP_MIN},
    check=check,
    explains=(
        "overfit",
        "overtraining",
    ),
)
