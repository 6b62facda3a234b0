"""How a budget may be written, and what is none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gureum.errors import InvalidInput
from gureum.tuning.budget import Budget, parse_budget


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (50, Budget(trials=50)),
        ("60s", Budget(seconds=60)),
        ("1.5 minutes", Budget(seconds=90)),
        ("2H", Budget(seconds=7200)),
        (timedelta(minutes=1), Budget(seconds=60)),
        (Budget(trials=3, seconds=9), Budget(trials=3, seconds=9)),
    ],
)
def test_a_budget_is_trials_or_time(written, meant):
    assert parse_budget(written) == meant


@pytest.mark.parametrize("written", [0, -1, True, 1.5, "", "60", "soon", "-5s", "0s", None, timedelta(0)])
def test_what_is_no_budget_is_refused(written):
    with pytest.raises(InvalidInput) as refused:
        parse_budget(written)
    assert refused.value.code == "tuning.budget"


@pytest.mark.parametrize(
    "wrong", [{}, {"trials": 0}, {"seconds": float("nan")}, {"trials": 1, "failures_in_a_row_max": 0}]
)
def test_a_budget_without_an_end_is_refused(wrong):
    with pytest.raises(InvalidInput):
        Budget(**wrong)
