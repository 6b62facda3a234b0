"""When more rounds stop helping.

Called by the boosting families after each round, and handed over with them.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Stopping"]


class Stopping:
    """Watches one validation curve and the clock; `after(loss)` is true when training is to end."""

    def __init__(self, time_up: Callable[[], bool], patience: int) -> None:
        self.time_up = time_up
        self.patience = patience
        self.curve: list[float] = []
        self.best = float("inf")
        self.best_at = 0
        self.rounds = 0

    def after(self, loss: float | None) -> bool:
        self.rounds += 1
        if loss is not None:
            self.curve.append(loss)
            if loss < self.best - 1e-9:
                self.best, self.best_at = loss, self.rounds
            # The further training is, the longer it may rest: slow learners improve in small steps.
            if self.rounds - self.best_at >= self.patience + self.best_at // 5:
                return True
        return self.time_up()
