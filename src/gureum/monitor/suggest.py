"""The constraints that a baseline satisfies: what SageMaker's suggest-baseline writes. Called by `normal`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from gureum.monitor.columns import Column, Form
from gureum.monitor.constraints import FLOOR, Constraints

__all__ = ["suggest"]

# A domain is for few values; more than this are ids, and a new one is no surprise.
DOMAIN_VALUES_MAX = 100
# And a value seen once in twenty rows is no domain.
DOMAIN_ROWS_PER_VALUE_MIN = 20


def suggest(columns: Iterable[Column]) -> Constraints:
    """The constraints that a baseline satisfies."""
    return Constraints(
        {
            "version": 0.0,
            "features": [_feature(column) for column in columns],
            "monitoring_config": {
                "evaluate_constraints": "Enabled",
                "emit_metrics": "Enabled",
                "datatype_check_threshold": 1.0,
                "domain_content_threshold": 1.0,
                "distribution_constraints": {
                    "perform_comparison": "Enabled",
                    "comparison_threshold": FLOOR,
                    "comparison_method": "Robust",
                },
            },
        }
    )


def _feature(column: Column) -> dict[str, Any]:
    feature: dict[str, Any] = {
        "name": column.name,
        "inferred_type": column.inferred_type,
        "completeness": 1.0 - float(column.missing.mean()),
    }
    if column.form is Form.NUMBER:
        feature["num_constraints"] = {"is_non_negative": bool(column.present.min() >= 0)}
    elif column.form is Form.TEXT:
        values = pd.unique(column.present)
        if len(values) <= DOMAIN_VALUES_MAX and len(values) * DOMAIN_ROWS_PER_VALUE_MIN <= len(column.present):
            feature["string_constraints"] = {"domains": sorted(str(value) for value in values)}
    return feature
