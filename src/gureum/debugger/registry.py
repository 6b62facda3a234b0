"""All rules, as data: one file a rule in `rules/`. Called by `judge`, by the reference page and by tests."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gureum.debugger.finding import Rule

__all__ = ["LIGHT", "NAMES", "OF_ROWS", "RULES"]

# In the order of a report: data, then the wiring of the loop, then the dynamics, then validation, then trees.
NAMES = (
    "nan_input", "unnormalised_input", "target_scale", "class_imbalance", "not_shuffled", "label_shuffled", "id_column_leak",
    "target_leak_feature", "train_val_leakage",
    "no_optimizer_step", "no_zero_grad", "param_not_in_optimizer", "detached_graph", "eval_mode_in_training",
    "train_mode_in_validation", "wrong_loss", "double_softmax", "missing_activation", "zero_init", "poor_init",
    "dead_relu", "saturated_activation", "vanishing_gradient", "exploding_gradient", "lr_too_high", "lr_too_low", "diverging",
    "nan_loss", "over_regularised", "overfit", "overtraining", "too_deep_tree", "stalled_no_splits",
)  # fmt: skip

# Rules that read all rows that were seen: a look at these costs a tenth of a second, so that they are asked at the end only.
OF_ROWS = frozenset(
    {
        "class_imbalance",
        "id_column_leak",
        "label_shuffled",
        "lr_too_high",
        "nan_input",
        "not_shuffled",
        "over_regularised",
        "target_leak_feature",
        "target_scale",
        "train_val_leakage",
        "unnormalised_input",
        "wrong_loss",
    }
)


def _load(name: str) -> Rule:
    module: Any = import_module(f"gureum.debugger.rules.{name}")
    rule: Rule = module.RULE
    return rule


RULES: tuple[Rule, ...] = tuple(_load(name) for name in NAMES)

# Those that are asked while a training runs.
LIGHT: tuple[Rule, ...] = tuple(rule for rule in RULES if rule.name not in OF_ROWS)
