"""What an ordered tuning tells while it runs: trials, the best so far, what mattered, within limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gureum.tuning import float_range, load, order, tune


def _uneven():
    def uneven(params):
        if params["x"] > 1.5:
            raise ValueError("too far " * 200)
        return params["x"] ** 2 + 0.01 * params["dull"]

    return uneven


SPACE = {"x": float_range(-2.0, 2.0), "dull": float_range(0.0, 1.0)}


def shown(folder: Path, trials: int) -> tuple[order._Board, dict[str, Any]]:
    tune(_uneven(), SPACE, budget=trials, seed=1, sampler="random", folder=folder, name="uneven")
    told: list[dict[str, Any]] = []
    board = order._Board(lambda progress: told.append(dict(progress)))
    board.show(load("uneven", folder=folder), "search")
    json.dumps(told, allow_nan=False)
    return board, told[-1]


def test_trials_the_best_and_what_mattered_are_told_with_short_reasons(tmp_path: Path):
    board, progress = shown(tmp_path, 24)
    assert progress["ended"] == len(progress["trials"]) >= 24
    complete = [one["value"] for one in progress["trials"] if one["state"] == "complete"]
    assert progress["best_value"] == min(complete)
    assert progress["importance"]["x"] > progress["importance"]["dull"]
    assert board.importance == progress["importance"]
    failed = [one for one in progress["trials"] if one["state"] == "failed"]
    assert failed
    assert all(0 < len(one["reason"]) <= order.REASON_CHARS_MAX for one in failed)


def test_of_a_long_study_the_last_trials_are_told_and_how_many_were_before(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(order, "TRIALS_SHOWN_MAX", 3)
    _, progress = shown(tmp_path, 5)
    assert len(progress["trials"]) == 3
    assert progress["earlier"] == progress["ended"] - 3
    assert progress["importance"] == {}
