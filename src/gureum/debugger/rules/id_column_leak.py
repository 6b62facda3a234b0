"""id_column_leak: a column only counts or names the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

ROWS_MIN = 50
# Spread of the gaps between sorted values, relative to their mean: a counter has 0.
GAP_SPREAD_MAX = 0.02


def check(recording: Recording) -> Evidence | None:
    x = recording.table.features
    if x is None or x.shape[1] < 2 or len(x) < ROWS_MIN:
        return None
    found = []
    for column in range(x.shape[1]):
        values = x[:, column]
        if not np.isfinite(values).all():
            continue
        ordered = np.sort(values)
        gaps = np.diff(ordered)
        if gaps.min() <= 0:
            continue
        if _counts(values, gaps, len(values)):
            found.append(column)
    if not found or len(found) == x.shape[1]:
        return None
    return Evidence(
        {"column": recording.table.name(found[0]), "columns": len(found), "distinct_values": len(x), "rows": len(x)}
    )


def _counts(values: Any, gaps: Any, rows: int) -> bool:
    """All different, and either evenly spaced or whole numbers packed as tightly as a sample of a counter is."""
    mean = float(gaps.mean())
    if float(gaps.std()) <= GAP_SPREAD_MAX * mean:
        return True
    whole = bool((values == np.round(values)).all())
    unit = float(gaps.min())
    steps = gaps / unit
    on_grid = bool((np.abs(steps - np.round(steps)) < 0.02).all())
    # A sample of 1 in k of a counter leaves gaps of mean k on a grid of 1; without repetition that is no measurement.
    return (whole or on_grid) and rows >= 2 * ROWS_MIN and mean / unit < 20


RULE = Rule(
    name="id_column_leak",
    severity="error",
    title={"en": "An identifier is used as a feature", "ko": "식별자 열이 특성으로 쓰이고 있습니다"},
    remedy={
        "en": "Drop the column: it numbers the rows, and what it seems to tell does not hold for new ones.",
        "ko": "이 열을 제거하세요. 행 번호일 뿐이며 새 데이터에는 통하지 않습니다.",
    },
    change=Change(
        before='x = rows.drop(columns="target")',
        after='x = rows.drop(columns=["target", "row_id"])',
    ),
    source="Kaufman et al., Leakage in Data Mining, KDD 2011",
    thresholds={"rows_min": ROWS_MIN, "gap_spread_max": GAP_SPREAD_MAX},
    check=check,
    explains=(
        "target_leak_feature",
        "unnormalised_input",
        "overfit",
    ),
)
