"""What `data=` may be, turned into rows: arrays, frames, a Dataset of tensors or a DataLoader over one.

Called by the adapters. Promise: nothing is iterated, so no random number is drawn and no file is read; what cannot be had
without iterating is seen batch by batch in the training.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gureum.debugger.recording import Recording
from gureum.debugger.rows import ROWS_MAX

__all__ = ["look_at_data", "rows_of"]


def look_at_data(recording: Recording, data: Any) -> None:
    """Keep the rows of `data`: (X, y), (X, y, X_val, y_val), a DataLoader, a Dataset, or None."""
    if data is None:
        return
    train: Any
    valid: Any
    if isinstance(data, dict):
        data = tuple(data.values())
    if isinstance(data, (tuple, list)) and len(data) >= 2 and not _is_loader(data[0]):
        train, valid = data[:2], data[2:4]
    elif isinstance(data, (tuple, list)):
        train = _tensors(data[0]) if data else None
        valid = _tensors(data[1]) if len(data) > 1 else None
    else:
        train, valid = _tensors(data), None
    if train:
        _add(recording, train, "train")
    if valid and len(valid) == 2:
        _add(recording, valid, "eval")
        recording.facts["validation_given"] = True


def _add(recording: Recording, pair: Any, mode: Any) -> None:
    x, y = pair[0], pair[1] if len(pair) > 1 else None
    names = getattr(x, "columns", None)
    if names is not None and recording.rows.names is None:
        recording.rows.names = [str(name) for name in names]
    inputs, targets = rows_of(x), rows_of(y)
    if inputs is not None and len(inputs) > ROWS_MAX:
        # Rows by an even stride: the order of the whole stays visible.
        keep = np.linspace(0, len(inputs) - 1, ROWS_MAX).astype(int)
        inputs = inputs[keep]
        targets = targets[keep] if targets is not None else None
    recording.rows.add(inputs, targets, mode=mode)
    if mode == "train":
        recording.facts["rows_given"] = True


def rows_of(value: Any) -> Any:
    """A NumPy array, rows first; a frame's text columns become codes. None stays None."""
    if value is None:
        return None
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        columns = []
        for name in value.columns:
            column = value[name]
            columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan) if _numeric(column) else _codes(column))
        return np.column_stack(columns) if columns else None
    if hasattr(value, "toarray"):
        return None  # a sparse matrix: its rows are text or one-hot, and wide
    return np.asarray(value)


def _numeric(column: Any) -> bool:
    kind = getattr(column.dtype, "kind", "O")
    return kind in "fiub"


def _codes(column: Any) -> Any:
    return np.unique(np.asarray(column.astype(str)), return_inverse=True)[1].astype(np.float64)


def _is_loader(value: Any) -> bool:
    return (
        hasattr(value, "dataset")
        or hasattr(value, "tensors")
        or (
            hasattr(value, "__getitem__")
            and hasattr(value, "__len__")
            and not hasattr(value, "shape")
            and not hasattr(value, "columns")
            and not isinstance(value, list)
        )
    )


def _tensors(source: Any) -> Any:
    """The tensors behind a loader or a dataset, in the data's order; None when they cannot be had without iterating."""
    dataset = getattr(source, "dataset", source)
    indices = None
    if hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        indices, dataset = dataset.indices, dataset.dataset
    tensors = getattr(dataset, "tensors", None)
    if tensors is None or len(tensors) < 1:
        return None
    return tuple(t if indices is None else t[np.asarray(indices)] for t in tensors[:2])
