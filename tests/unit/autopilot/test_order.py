"""What an ordered fit tells while it runs: the board that Studio and the SDK show."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd

from gureum import autopilot
from gureum.autopilot import order
from gureum.testing.clock import ManualClock


def table(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=rows)
    y = np.where(x + 0.3 * rng.normal(size=rows) > 0, "yes", "no")
    return pd.DataFrame({"row": np.arange(rows), "x": x, "noise": rng.normal(size=rows), "y": y})


def told_by_a_fit(**options: Any) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    board = order._Board(lambda progress: told.append(deepcopy(dict(progress))))
    result = autopilot.fit(table(), "y", clock=ManualClock(), n_jobs=1, on_event=board.event, **options)
    board.ended(result)
    return told


def test_the_board_tells_findings_in_words_before_the_first_candidate_and_weights_with_each():
    told = told_by_a_fit(candidates=3, include=["linear", "lightgbm"])
    first = next(progress for progress in told if progress["leaderboard"])
    assert {"what": "id", "column": "row", "left_out": True}.items() <= first["findings"][-1].items()
    assert "counts the rows" in first["findings"][-1]["reason"]
    assert all(
        sum(one["weight"] for one in progress["leaderboard"]) > 0.99 for progress in told if progress["leaderboard"]
    )
    assert told[-1]["phase"] == "register"
    assert told[-1]["judged"] == len(told[-1]["leaderboard"]) + told[-1]["failed"]
    json.dumps(told)


def test_the_board_keeps_few_failures_and_few_candidates(monkeypatch):
    monkeypatch.setattr(order, "FAILURES_SHOWN_MAX", 2)
    monkeypatch.setattr(order, "SHOWN_MAX", 2)
    told: list[dict[str, Any]] = []
    board = order._Board(lambda progress: told.append(dict(progress)))
    for place in range(4):
        event = {
            "event": "candidate",
            "name": f"c{place}",
            "family": "linear",
            "params": {},
            "seconds": 1.0,
            "spent_s": 2.0,
        }
        board.event({**event, "error": "ValueError: no", "score": None, "best": 0.5, "weights": {}})
        board.event({**event, "error": None, "score": 0.1 * place, "best": 0.5, "weights": {f"c{place}": 1.0}})
    assert [one["name"] for one in told[-1]["failures"]] == ["c0", "c1"]
    assert [one["name"] for one in told[-1]["leaderboard"]] == ["c3", "c2"]
    assert [one["weight"] for one in told[-1]["leaderboard"]] == [1.0, 0.0]
    assert (told[-1]["failed"], told[-1]["judged"]) == (4, 8)
