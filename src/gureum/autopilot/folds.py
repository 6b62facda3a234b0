"""Which rows judge a model: folds that keep classes in proportion, groups together or the latest rows for last.

Called by Autopilot's search, and part of the program that it hands over: imports nothing of gureum. Promise: the same rows,
options and seed give the same folds with every version of every library.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["make_folds"]


def make_folds(
    y: np.ndarray,
    *,
    classes: int,
    folds: int,
    share: float,
    seed: int,
    groups: Any = None,
    times: pd.Series | None = None,
) -> np.ndarray:
    """For each row the fold that it is held out in; -1 for rows that are only trained on.

    `folds` 1 is a single hold-out of `share` of the rows. With `times` the hold-out is the latest rows, and rows of one
    moment stay together. A class with a single row is only trained on.
    """
    rng = np.random.default_rng(seed)
    rows = len(y)
    out = np.full(rows, -1)
    if times is not None:
        stamps = times.to_numpy(dtype="datetime64[ns]").astype("int64")
        border = np.sort(stamps)[max(1, int(rows * (1 - share))) - 1]
        later = stamps > border
        out[later if later.any() else stamps == border] = 0
        return out
    if groups is not None:
        codes, names = pd.factorize(np.asarray(pd.Series(groups).astype(object).map(str), dtype=object))
        sizes = np.bincount(codes)
        order = rng.permutation(len(names))
        order = order[np.argsort(-sizes[order], kind="stable")] if folds > 1 else order
        filled = np.zeros(max(folds, 2))
        place = np.full(len(names), -1)
        for group in order:
            if folds > 1:
                place[group] = int(np.argmin(filled))
                filled[place[group]] += sizes[group]
            elif filled[0] + sizes[group] <= max(rows * share, sizes.min()):
                place[group] = 0
                filled[0] += sizes[group]
        return np.asarray(place[codes])
    if classes:
        start = 0
        for label in range(classes):
            mine = rng.permutation(np.flatnonzero(y == label))
            if len(mine) < 2:
                continue
            if folds > 1:
                out[mine] = (np.arange(len(mine)) + start) % folds
                start += len(mine)
            else:
                out[mine[: max(1, round(len(mine) * share))]] = 0
        return out
    # Neighbours in the order of the target go to different folds: each fold has its share of the long tail.
    order = np.argsort(y + 0.0, kind="stable")
    parts = folds if folds > 1 else max(2, round(1 / share))
    for begin in range(0, rows, parts):
        block = order[begin : begin + parts]
        out[block] = rng.permutation(parts)[: len(block)]
    if folds == 1:
        out[out != 0] = -1
    return out
