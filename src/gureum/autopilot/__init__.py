"""AutoML: `fit(table, target)` finds an ensemble within a budget and hands over everything that made it.

    from gureum import autopilot
    best = autopilot.fit(df, target="failure", budget_s=60)
    best.model.predict(new); best.leaderboard; best.card; best.save("failure")

Works without a server. Knows learners, errors and the clock of gureum, nothing else.
"""

from gureum.autopilot import pickling as _pickling  # noqa: F401 - for its effect: a model unpickles without gureum
from gureum.autopilot.fit import fit
from gureum.autopilot.result import AutopilotResult

__all__ = ["AutopilotResult", "fit"]
