"""What a data set looked like, in the schema of SageMaker Model Monitor's statistics.json.

Called by `baseline` (and by `check`, for a window's own statistics.json). Source of the schema: SageMaker's developer guide,
"Schema for Statistics (statistics.json file)".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from gureum.monitor.columns import Column, Form
from gureum.monitor.kll import buckets, sketch

__all__ = ["statistics"]

# More distinct texts than this are ids or prose: the file would grow with the data.
CATEGORY_BUCKETS_MAX = 100


def statistics(columns: Iterable[Column], item_count: int) -> dict[str, Any]:
    """The body of statistics.json."""
    return {
        "version": 0.0,
        "dataset": {"item_count": item_count},
        "features": [_feature(column) for column in columns],
    }


def _feature(column: Column) -> dict[str, Any]:
    missing = int(column.missing.sum())
    common = {"num_present": len(column) - missing, "num_missing": missing}
    feature: dict[str, Any] = {"name": column.name, "inferred_type": column.inferred_type}
    if column.form is Form.NUMBER:
        feature["numerical_statistics"] = _numerical(column, common)
    else:
        feature["string_statistics"] = _string(column, common)
    return feature


def _numerical(column: Column, common: dict[str, int]) -> dict[str, Any]:
    present = column.present
    return {
        "common": common,
        "mean": float(present.mean()),
        "sum": float(present.sum()),
        "std_dev": float(present.std()),
        "min": float(present.min()),
        "max": float(present.max()),
        "distribution": {"kll": {"buckets": buckets(present), "sketch": sketch(present).to_json()}},
    }


def _string(column: Column, common: dict[str, int]) -> dict[str, Any]:
    if column.form is not Form.TEXT:
        return {"common": common, "distinct_count": len(np.unique(column.present)) if common["num_present"] else 0}
    counts = pd.Series(column.present).value_counts()
    body: dict[str, Any] = {"common": common, "distinct_count": len(counts)}
    if len(counts) <= CATEGORY_BUCKETS_MAX:
        shown = [{"value": str(value), "count": int(count)} for value, count in counts.items()]
        body["distribution"] = {"categorical": {"buckets": shown}}
    return body
