"""The rows that a training saw: kept up to a limit, in their order, for the rules about data.

Called by `recording`. NumPy only. Promise: at most ROWS_MAX rows of a mode are kept, none wider than FEATURES_MAX; a second
epoch adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROWS_MAX", "Rows", "Table"]

# Enough to see a class of one per cent forty times; 4,096 rows of 4,096 float32 are 64 MB at most, usually far less.
ROWS_MAX = 4_096
FEATURES_MAX = 4_096
VALUES_MAX = 4_000_000
# A batch of which this share was seen before begins the second epoch.
SEEN_SHARE = 0.9

Array = NDArray[Any]


@dataclass(slots=True)
class Side:
    """One mode's rows."""

    inputs: list[Array] = field(default_factory=list)
    targets: list[Array] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    values: int = 0
    full: bool = False
    epochs: int = 0


class Rows:
    def __init__(self) -> None:
        self.sides = {"train": Side(), "eval": Side()}
        self.given = False
        self.tabular = True
        self.names: list[str] | None = None

    def wants(self, mode: Literal["train", "eval"]) -> bool:
        return not self.sides[mode].full and not self.given

    def add(self, inputs: Any, targets: Any, *, mode: Literal["train", "eval"]) -> None:
        """Keep a batch: `inputs` (rows, ...) and `targets` (rows, ...), either of them None when unknown."""
        side = self.sides[mode]
        if side.full or (inputs is None and targets is None):
            return
        x = None if inputs is None else np.asarray(inputs)
        y = None if targets is None else np.asarray(targets)
        n = len(x) if x is not None else len(y)  # type: ignore[arg-type]
        if x is not None:
            self.tabular = self.tabular and x.ndim <= 2
            x = x.reshape(n, -1) if x.ndim != 1 else x[:, None]
            keys = [hash(row.tobytes()) for row in np.ascontiguousarray(x)]
            again = sum(key in side.seen for key in keys)
            if side.seen and n and again / n >= SEEN_SHARE and len(side.seen) > n:
                side.full = True
                return
            side.seen.update(keys)
            side.keys += keys
            side.values += x.size
            if x.shape[1] <= FEATURES_MAX and x.dtype.kind in "fiub":
                side.inputs.append(x)
        if y is not None:
            side.targets.append(y)
        count = sum(len(one) for one in (side.targets or side.inputs))
        if count >= ROWS_MAX or len(side.keys) >= ROWS_MAX or side.values >= VALUES_MAX:
            side.full = True

    def table(self) -> Table:
        train, valid = self.sides["train"], self.sides["eval"]
        return Table(
            x=_stack(train.inputs), y=_stack(train.targets), keys=train.keys,
            x_valid=_stack(valid.inputs), y_valid=_stack(valid.targets), keys_valid=valid.keys,
            target_batches=[np.asarray(b) for b in train.targets], names=self.names, tabular=self.tabular,
        )  # fmt: skip


def _stack(parts: list[Array]) -> Array | None:
    """One array of all parts that have the first's width; None when there is none."""
    if not parts:
        return None
    shape = parts[0].shape[1:]
    same = [p for p in parts if p.shape[1:] == shape]
    return np.concatenate(same)


@dataclass
class Table:
    """The kept rows, and what several rules ask about them. `x` is (rows, features); arrays are None when unseen."""

    x: Array | None
    y: Array | None
    keys: list[int]
    x_valid: Array | None
    y_valid: Array | None
    keys_valid: list[int]
    target_batches: list[Array]
    names: list[str] | None = None
    tabular: bool = True

    @cached_property
    def aligned(self) -> bool:
        return self.x is not None and self.y is not None and len(self.x) == len(self.y)

    @cached_property
    def labels(self) -> Array | None:
        """One whole number a row when the targets are classes (two to a hundred, each seen several times), else None."""
        y = self.y
        if y is None or not len(y):
            return None
        if y.dtype.kind in "OUSb":
            return np.unique(y.astype(str).reshape(len(y), -1)[:, 0], return_inverse=True)[1]
        if y.ndim > 1 and y.shape[1:] != (1,):
            wide = y.reshape(len(y), -1)
            one_hot = wide.shape[1] <= 100 and np.isin(wide, (0, 1)).all() and (wide.sum(1) == 1).all()
            return wide.argmax(1) if one_hot else None
        flat = y.reshape(-1)
        if not np.isfinite(flat.astype(np.float64)).all() or (flat != np.round(flat)).any():
            return None
        classes = np.unique(flat)
        if not 1 <= len(classes) <= min(100, max(2, len(flat) // 5)):
            return None
        return np.searchsorted(classes, flat)

    @cached_property
    def target(self) -> Array | None:
        """One finite number a row: the label, or a single continuous target."""
        y = self.y
        if self.labels is not None:
            return self.labels.astype(np.float64)
        if y is None or y.dtype.kind not in "fiub" or y.size != len(y):
            return None
        flat = y.reshape(-1).astype(np.float64)
        return flat if np.isfinite(flat).all() else None

    @cached_property
    def features(self) -> Array | None:
        """`x` as float64 where it is a table: at most 512 columns, more than one."""
        if self.x is None or not self.tabular or self.x.shape[1] > 512 or self.x.dtype.kind not in "fiub":
            return None
        return self.x.astype(np.float64)

    def name(self, column: int) -> str:
        return self.names[column] if self.names and column < len(self.names) else f"column {column}"
