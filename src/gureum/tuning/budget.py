"""How much a tuning may do: trials, time, failures in a row.

Called by `tune`, which takes a Budget or something shorter: `50` is trials, `"60s"` is time.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta

from gureum.errors import InvalidInput

__all__ = ["Budget", "parse_budget"]

# So many failures with no success between them are a broken objective, not an unlucky corner of the space.
FAILURES_IN_A_ROW_MAX = 10

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?)\s*")
_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0}
_HOW = 'budget=50 is trials, budget="60s" ("10m", "2h") is time, Budget(trials=50, seconds=60) is both'


@dataclass(frozen=True)
class Budget:
    """What ends a tuning: whichever limit is met first.

    `trials` counts what ended by itself (complete, pruned or failed) in the whole study, over all calls and processes that
    work on it: resumed with the same budget, a study does what was left. `seconds` is the wall time of this call; trials that
    run at its end are stopped. `failures_in_a_row_max` failures with no success between them end it with an error.
    """

    trials: int | None = None
    seconds: float | None = None
    failures_in_a_row_max: int = FAILURES_IN_A_ROW_MAX

    def __post_init__(self) -> None:
        if self.trials is None and self.seconds is None:
            raise InvalidInput("a budget needs trials or seconds", code="tuning.budget", hint=_HOW)
        for name in ("trials", "failures_in_a_row_max"):
            count = getattr(self, name)
            if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
                raise InvalidInput(f"{name} of a budget is a whole number from 1, not {count!r}", code="tuning.budget")
        seconds = self.seconds
        if seconds is not None and (
            isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < math.inf
        ):
            raise InvalidInput(f"seconds of a budget is a number above 0, not {seconds!r}", code="tuning.budget")


def parse_budget(budget: Budget | int | str | timedelta) -> Budget:
    """The Budget that the user meant. Raises InvalidInput, which says how to write one."""
    if isinstance(budget, Budget):
        return budget
    if isinstance(budget, int) and not isinstance(budget, bool):
        return Budget(trials=budget)
    if isinstance(budget, timedelta):
        return Budget(seconds=budget.total_seconds())
    if isinstance(budget, str) and (match := _DURATION.fullmatch(budget.lower())):
        return Budget(seconds=float(match[1]) * _UNIT_S[match[2][0]])
    raise InvalidInput(f"{budget!r} is no budget", code="tuning.budget", hint=_HOW)
