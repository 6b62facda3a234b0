"""Columns that know the answer: copies of the target, and sums that contain it.

Called by fit before any model is trained. A leak makes every validation score a lie, because it will not be there when the
model is used. Promise: a column is left out only when it gives the target away almost without error, and the reason says how;
weaker suspicions are told and kept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from gureum.learners.columns import as_names, as_numbers, as_times
from gureum.learners.survey import Finding

__all__ = ["find_leaks"]

ROWS_MAX = 5_000
ROWS_MIN = 50
COLUMNS_MAX = 200  # of a wide table, those that go best with the target
SUM_COLUMNS_MAX = 40
COLUMNS_MIN = 10  # the likeliest are looked at however little time there is

CERTAIN = 0.998  # share of the target that one column explains, by rows that were not used to learn it
SUSPICIOUS = 0.95
NEXT_BEST = 0.80
# A sum: what is left without the target takes one of a few values (fees, a constant) in most rows.
SUM_VALUES = 8
SUM_CONCENTRATION_MIN = 0.6
SUM_ORDER_MIN = 0.995
SUM_STRENGTH_MIN = 0.03
SUM_WEIGHT_OFF_MAX = 0.25
SUM_STEP_MIN = 0.05


def find_leaks(
    table: pd.DataFrame, kinds: dict[str, str], y: np.ndarray, classes: int, time_up: Callable[[], bool]
) -> list[Finding]:
    """Findings named `leak`; those that are `left_out` are certain."""
    if len(table) < ROWS_MIN:
        return []
    rows = np.random.default_rng(0).permutation(len(table))[:ROWS_MAX]
    some, target = table.iloc[rows], y[rows]
    columns = {name: _values(some[name], kind) for name, kind in kinds.items() if kind != "text"}
    strength = {name: abs(_correlation(values, target)) for name, values in columns.items()}
    columns = {name: columns[name] for name in sorted(strength, key=lambda name: -strength[name])[:COLUMNS_MAX]}
    explained: dict[str, float] = {}
    for name, values in columns.items():
        if len(explained) >= COLUMNS_MIN and time_up():
            break
        explained[name] = _explained(values, target, classes, kinds[name])
    findings = []
    ranked = sorted(explained.values(), reverse=True)
    for name, share in explained.items():
        others = [other for other, value in explained.items() if value < CERTAIN]
        if share >= CERTAIN and others:
            findings.append(
                Finding(
                    "leak",
                    name,
                    f"'{name}' alone gives the target away ({share:.2%} of it, on rows not used to learn that): it looks like the answer itself",
                    left_out=True,
                )
            )
        elif share >= SUSPICIOUS and share == ranked[0] and (len(ranked) < 2 or ranked[1] < NEXT_BEST):
            findings.append(
                Finding(
                    "leak",
                    name,
                    f"'{name}' alone explains {share:.1%} of the target, far more than any other column: will it be known when you predict?",
                )
            )
    if classes == 0:
        certain = {finding.column for finding in findings if finding.left_out}
        numeric = {name: values for name, values in columns.items() if kinds[name] == "number" and name not in certain}
        findings += _find_sums(numeric, target)
    return findings


def _values(column: pd.Series, kind: str) -> np.ndarray:
    if kind == "number":
        return as_numbers(column)
    if kind == "time":
        times = as_times(column)
        return np.where(times.isna(), np.nan, times.to_numpy(dtype="datetime64[ns]").astype("int64").astype("float64"))
    codes, _ = pd.factorize(as_names(column))
    return np.where(codes < 0, np.nan, codes).astype("float64")


def _correlation(values: np.ndarray, target: np.ndarray) -> float:
    known = ~np.isnan(values)
    if known.sum() < ROWS_MIN or values[known].std() == 0 or target[known].std() == 0:
        return 0.0
    return float(np.corrcoef(values[known], target[known])[0, 1])


def _explained(values: np.ndarray, target: np.ndarray, classes: int, kind: str) -> float:
    """How much better than knowing nothing: R2 of a number, or the share of wrong rows that become right."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if kind == "category" and len(np.unique(values)) > 0.3 * len(values):
        return 0.0
    column = np.where(
        np.isnan(values), -1.0 if kind == "category" else np.nanmin(values, initial=0.0) - 1.0, values
    ).reshape(-1, 1)
    half = np.arange(len(column)) % 2 == 0
    wrong = known = 0.0
    for learn, judge in ((half, ~half), (~half, half)):
        if classes:
            tree = DecisionTreeClassifier(max_leaf_nodes=max(64, 4 * classes), min_samples_leaf=2, random_state=0)
            tree.fit(column[learn], target[learn])
            wrong += float((tree.predict(column[judge]) != target[judge]).sum())
            known += float((target[judge] != np.bincount(target[learn].astype(int)).argmax()).sum())
        else:
            tree = DecisionTreeRegressor(max_leaf_nodes=512, min_samples_leaf=2, random_state=0)
            tree.fit(column[learn], target[learn])
            wrong += float(((tree.predict(column[judge]) - target[judge]) ** 2).sum())
            known += float(((target[learn].mean() - target[judge]) ** 2).sum())
    share = 1.0 - wrong / known if known > 0 else 0.0
    if not classes:
        # Steps of a tree cannot follow a curve to its ends; ranks can.
        known = ~np.isnan(values)
        if known.all():
            ranks = _correlation(pd.Series(values).rank().to_numpy(), pd.Series(target).rank().to_numpy())
            share = max(share, ranks**2, _correlation(values, target) ** 2)
    return share


def _find_sums(columns: dict[str, np.ndarray], target: np.ndarray) -> list[Finding]:
    """`total = target + fare + tolls + one of a few fees`, and `target = casual + registered`.

    Subtracting the target and other columns leaves one of a few values; leaving the target in does not.
    """
    strength = {name: abs(_correlation(values, target)) for name, values in columns.items()}
    names = sorted(strength, key=lambda name: -strength[name])[:SUM_COLUMNS_MAX]
    # Where the target is what it mostly is (no tip), any column looks like a sum with it.
    common = pd.Series(target).mode().iloc[0]
    rows = (target != common) & ~np.isnan(np.column_stack([target, *(columns[name] for name in names)])).any(axis=1)
    if rows.sum() < ROWS_MIN:
        return []
    aim = target[rows]
    findings = []
    for name in names:
        one = columns[name][rows]
        if strength[name] < SUM_STRENGTH_MIN:
            continue
        contains = float((one >= aim).mean()) >= SUM_ORDER_MIN
        if not contains and float((one <= aim).mean()) < SUM_ORDER_MIN:
            continue
        rest = one - aim if contains else aim - one
        parts, concentration = _find_parts(rest, {other: columns[other][rows] for other in names if other != name}, aim)
        taken = sum((columns[other][rows] for other in parts), np.zeros(len(one)))
        # The same without the target: were that as regular, the target would have no part in it.
        without = one - taken if contains else aim - taken
        steps = [*([name, "target"] if contains else ["target", name]), *parts]
        if concentration >= SUM_CONCENTRATION_MIN and concentration >= 3 * _concentration(without, aim):
            sentence = " - ".join(f"'{step}'" for step in steps)
            part = "contains the target" if contains else "is a part of the target"
            findings.append(
                Finding(
                    "leak",
                    name,
                    f"'{name}' {part}: {sentence} is one of a few values in {concentration:.0%} of the rows",
                    left_out=True,
                )
            )
    return findings


def _find_parts(rest: np.ndarray, others: dict[str, np.ndarray], target: np.ndarray) -> tuple[list[str], float]:
    """Which other columns, subtracted whole, leave one of a few values most often; and how often."""
    names = [name for name, values in others.items() if values.std() > 0]
    parts: list[str] = []
    best = _concentration(rest, target)
    if names:
        data = np.column_stack([others[name] - others[name].mean() for name in names])
        weights = np.linalg.lstsq(data, rest - rest.mean(), rcond=None)[0]
        whole = [name for name, weight in zip(names, weights, strict=True) if abs(weight - 1) <= SUM_WEIGHT_OFF_MAX]
        tried = _concentration(rest - sum((others[name] for name in whole), np.zeros(len(rest))), target)
        if tried > best + SUM_STEP_MIN:
            parts, best = whole, tried
            rest = rest - sum((others[name] for name in whole), np.zeros(len(rest)))
    for name in names:
        if name not in parts and (tried := _concentration(rest - others[name], target)) > best + SUM_STEP_MIN:
            rest, best = rest - others[name], tried
            parts.append(name)
    return parts, best


def _concentration(values: np.ndarray, target: np.ndarray) -> float:
    """Share of the rows that have one of the most common values, to a thousandth of the target's spread."""
    _, counts = np.unique(np.round(values / (1e-3 * target.std() + 1e-300)), return_counts=True)
    return float(np.sort(counts)[-SUM_VALUES:].sum() / len(values))
