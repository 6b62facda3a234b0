"""Drifts of the mixed world, each planted in one place that the monitor should name.

Called by the benchmark. Each changes a clean window; `culprits` are the names that would be right, `joint` and so on standing
for what is no single feature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["DRIFTS", "Drift"]

Random = np.random.Generator
Change = Callable[[pd.DataFrame, Random], pd.DataFrame]


@dataclass(frozen=True)
class Drift:
    name: str
    culprits: tuple[str, ...]
    change: Change


def _some(share: float, frame: pd.DataFrame, random: Random) -> np.ndarray:
    return random.random(len(frame)) < share


def _within(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    """More of the rows that were there anyway: covariate shift inside the range."""
    weight = np.exp(0.35 * frame["x5"].to_numpy())
    picks = random.choice(len(frame), len(frame), p=weight / weight.sum())
    return frame.iloc[picks].reset_index(drop=True)


def _more_failures(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    weight = np.where(frame["failed"] == 1, 1.6, 1.0)
    picks = random.choice(len(frame), len(frame), p=weight / weight.sum())
    return frame.iloc[picks].reset_index(drop=True)


def _concept(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    """x1 counts the other way; how many fail stays about the same."""
    logit = (frame["load"] - 40) / 20 + (frame["kind"] == "H") * 1.5 - 0.03 * (frame["age"] - 50) - 0.8 * frame["x1"]
    return frame.assign(failed=(random.random(len(frame)) < 1 / (1 + np.exp(-logit))).astype(int))


def _apart(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    """air and process lose their dependence; each stays as it was."""
    return frame.assign(process=random.permutation(frame["process"].to_numpy()))


DRIFTS = (
    Drift("mean +0.2σ", ("x3",), lambda f, r: f.assign(x3=f.x3 + 0.2 * 1.12)),
    Drift("mean -0.3σ", ("load",), lambda f, r: f.assign(load=f.load - 0.3 * 28)),
    Drift("scale ×1.25", ("x4",), lambda f, r: f.assign(x4=f.x4 * 1.25)),
    Drift("scale ×0.8", ("x6",), lambda f, r: f.assign(x6=f.x6 * 0.8)),
    Drift("K to °C", ("air",), lambda f, r: f.assign(air=f.air - 273.15)),
    Drift("×1000", ("load",), lambda f, r: f.assign(load=f.load * 1000)),
    Drift("sign", ("age",), lambda f, r: f.assign(age=-f.age)),
    Drift("2% missing", ("x2",), lambda f, r: f.assign(x2=f.x2.where(~_some(0.02, f, r)))),
    Drift("5% -> 10% missing", ("income",), lambda f, r: f.assign(income=f.income.where(~_some(0.055, f, r)))),
    Drift("new category 2%", ("kind",), lambda f, r: f.assign(kind=f.kind.where(~_some(0.02, f, r), "NEW"))),
    Drift("category vanished", ("kind",), lambda f, r: f.assign(kind=f.kind.where(f.kind != "H", "M"))),
    Drift("category shares", ("kind",), lambda f, r: f.assign(kind=f.kind.where(~((f.kind == "L") & _some(0.12, f, r)), "M"))),
    Drift("rare category 2% -> 5%", ("kind",), lambda f, r: f.assign(kind=f.kind.where(~_some(0.03, f, r), "X"))),
    Drift("many categories, flatter", ("city",), lambda f, r: f.assign(city=f.city.where(~_some(0.3, f, r), pd.Series(r.choice([f"c{i}" for i in range(60)], len(f)))))),
    Drift("heavy tails", ("x7",), lambda f, r: f.assign(x7=r.standard_t(3, len(f)) * 0.7 + 0.5 * f.x0)),
    Drift("more zeros", ("paid",), lambda f, r: f.assign(paid=f.paid.where(~_some(0.2, f, r), 0.0))),
    Drift("stuck sensor 10%", ("x8",), lambda f, r: f.assign(x8=f.x8.where(~_some(0.1, f, r), 0.731))),
    Drift("integer mean", ("errors",), lambda f, r: f.assign(errors=r.poisson(0.9, len(f)))),
    Drift("boolean share", ("active",), lambda f, r: f.assign(active=f.active & ~_some(0.08, f, r))),
    Drift("joint", ("air", "process"), _apart),
    Drift("covariate within", ("x5",), _within),
    Drift("label shift", ("failed",), _more_failures),
    Drift("concept", ("failed",), _concept),
    Drift("prediction +", ("score",), lambda f, r: f.assign(score=np.clip(f.score * 0.8, 0, 1))),
    Drift("ids of another form", ("device",), lambda f, r: f.assign(device=f.device.str.upper())),
    Drift("numbers as text", ("x9",), lambda f, r: f.assign(x9=f.x9.astype(str))),
    Drift("column gone", ("x1",), lambda f, r: f.drop(columns="x1")),
    Drift("column new", ("extra",), lambda f, r: f.assign(extra=1.0)),
    Drift("all null", ("x9",), lambda f, r: f.assign(x9=np.nan)),
)  # fmt: skip
