"""The search under a clock that moves only when it is looked at: what is tried, when it ends, and what the second layer gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gureum import autopilot
from gureum.autopilot.budget import Budget, Overtime
from gureum.testing.clock import ManualClock


class LookedAtClock(ManualClock):
    """Each look costs some time: training loops look once a round, so work takes the same time on every machine."""

    def __init__(self, look_s: float) -> None:
        super().__init__()
        self.look_s = look_s

    def monotonic_s(self) -> float:
        self.advance(self.look_s)
        return super().monotonic_s()


def table(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(rows, 3))
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(
        y=(x[:, 0] * x[:, 1] + x[:, 2] + rng.normal(size=rows) > 0).astype(int)
    )


def test_a_long_budget_has_a_second_layer():
    families = ["lightgbm", "linear", "extra_trees"]
    result = autopilot.fit(table(), "y", budget_s=200, clock=LookedAtClock(0.05), include=families, folds=3, n_jobs=1)
    names = result.leaderboard["candidate"]
    assert names.str.endswith(" on models").sum() >= 2, list(names)
    assert result.leaderboard["error"].isna().all()
    assert result.spent_s <= 1.1 * 200


def test_a_second_layer_by_hand_is_trained_again_to_the_same():
    first = autopilot.fit(
        table(), "y", clock=ManualClock(), candidates=2, include=["linear", "lightgbm"], folds=3, n_jobs=1
    ).model
    spec = dict(first.spec)
    bases = [dict(one, weight=0.0) for one in spec["members"] if not one["stacks"]]
    top = {
        "name": "top", "family": "linear", "weight": 1.0, "seed": 9, "stacks": [one["name"] for one in bases],
        "fits": [{"fold": fold, "params": {"strength": 1.0}} for fold in range(3)],
    }  # fmt: skip
    spec["members"] = [*bases, top]
    learners = autopilot.fit.__globals__["LEARNERS"]
    one, two = (type(first)(spec, learners).fit(table()) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(table(50)), two.predict_proba(table(50)))
    assert (one.predict(table()) == table()["y"]).mean() > 0.6


def test_the_same_seed_gives_the_same_result():
    def fit():
        return autopilot.fit(
            table(), "y", clock=ManualClock(), candidates=3, include=["lightgbm", "linear"], n_jobs=1, seed=8
        )

    one, two = fit(), fit()
    assert one.score == two.score
    np.testing.assert_array_equal(one.model.predict_proba(table(40)), two.model.predict_proba(table(40)))
    assert one.code == two.code


def test_work_that_does_not_come_back_is_left_alone():
    budget = Budget(10.0, LookedAtClock(0.5))
    seen: list[bool] = []

    def work(given_up):
        while not given_up():
            pass
        seen.append(True)

    with pytest.raises(Overtime):
        budget.within(3.0, work)
    assert budget.spent_s() < 6.0


def test_later_rows_judge_and_all_rows_train():
    rows = 300
    frame = table(rows).assign(at=pd.date_range("2024-01-01", periods=rows, freq="h"))
    result = autopilot.fit(
        frame, "y", clock=ManualClock(), candidates=2, include=["lightgbm", "linear"], n_jobs=1, time_column="at"
    )
    assert all(
        fit["fold"] is None
        for one in result.model.spec["members"]
        for fit in one["fits"]
        if one["family"] != "baseline"
    )
    assert "latest 20% of the rows by `at`" in result.card


def test_events_tell_of_every_candidate():
    events = []
    result = autopilot.fit(
        table(), "y", clock=ManualClock(), candidates=2, include=["linear"], n_jobs=1, on_event=events.append
    )
    told = [event["name"] for event in events if event["event"] == "candidate"]
    assert sorted(told) == sorted(result.leaderboard["candidate"])
    assert events[0]["event"] == "data"
    assert events[-1]["event"] == "done"
