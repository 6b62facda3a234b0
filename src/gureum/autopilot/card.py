"""The model card: what the model is for, what it learned from, how good it is and where it must not be trusted.

Called by fit; plain Markdown from what the fit knows. Promise: every number in it was measured in this fit.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from gureum.autopilot.metrics import Metric
from gureum.learners.survey import Finding

__all__ = ["write_card"]

MEMBERS_MAX = 20


def write_card(
    spec: dict[str, Any],
    metric: Metric,
    score: float,
    leaderboard: pd.DataFrame,
    findings: list[Finding],
    *,
    rows: int,
    spent_s: float,
) -> str:
    plan = spec["folds"]
    if plan["time"]:
        judged = f"on the latest {plan['share']:.0%} of the rows by `{plan['time']}`; the models were trained on earlier ones"
    elif plan["folds"] == 1:
        judged = f"on {plan['share']:.0%} of the rows, held out"
    else:
        judged = f"in {plan['folds']}-fold cross-validation: every row is predicted by models that had not seen it"
    if plan["group"]:
        judged += f"; all rows of one `{plan['group']}` are on one side"
    baseline = leaderboard.loc[leaderboard["candidate"] == "baseline", metric.name]
    lines = [
        f"# Model card: `{spec['target']}`",
        "",
        f"Predicts `{spec['target']}` ({spec['task']}) from {len(spec['kinds'])} columns. Learned from {rows:,} rows in {spent_s:.0f} s.",
        "",
        "## How good it is",
        "",
        f"**{metric.name} {metric.shown(score):.5g}**, {judged}. The weights of the ensemble are judged on rows that did not choose them.",
    ]
    if len(baseline):
        lines.append(f"Without looking at a row (the baseline): {baseline.iloc[0]:.5g}.")
    if spec["classes"]:
        lines += ["", f"Classes: {', '.join(f'`{label}`' for label in spec['classes'][:50])}."]
    lines += ["", "## What it is made of", "", f"| member | family | {metric.name} | weight |", "|---|---|---|---|"]
    members = leaderboard[leaderboard["weight"] > 0].sort_values("weight", ascending=False).head(MEMBERS_MAX)
    lines += [
        f"| {row.candidate} | {row.family} | {getattr(row, metric.name):.5g} | {row.weight:.3f} |"
        for row in members.itertuples()
    ]
    lines += ["", "## What it looks at", ""]
    for kind, title in (("number", "Numbers"), ("category", "Categories"), ("time", "Times"), ("text", "Texts")):
        names = [name for name, other in spec["kinds"].items() if other == kind]
        if names:
            more = f" and {len(names) - 40} more" if len(names) > 40 else ""
            lines.append(f"- {title}: {', '.join(f'`{name}`' for name in names[:40])}{more}")
    lines += ["", "## What was found in the data", ""]
    lines += [f"- {'Left out: ' if finding.left_out else ''}{finding.reason}" for finding in findings] or [
        "- Nothing stood out."
    ]
    lines += [
        "",
        "## Where not to trust it",
        "",
        "- On rows unlike those it learned from: the score says nothing about them. Watch what comes in against `data.parquet`.",
        "- A category that it has not seen counts as missing; a column that is missing altogether is an error.",
    ]
    if not plan["time"] and any(kind == "time" for kind in spec["kinds"].values()):
        lines.append(
            "- It was judged on rows of the same time as those it learned from. If it is to predict later ones, fit with `time_column`."
        )
    if spec["class_weights"]:
        lines.append("- Rows were weighted by class: its probabilities are not frequencies.")
    lines += ["", "`model.py` trains it again from `data.parquet` and predicts the same.", ""]
    return "\n".join(lines)
