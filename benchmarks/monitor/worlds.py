"""Worlds that data come from, clean: each gives a baseline and as many windows of the same law as one asks for.

Called by the benchmark. A world's columns are of one character, so that a rate says what the monitor does with such data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["WORLDS", "World"]

Random = np.random.Generator
DATA = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class World:
    """`draw(random, rows, windows, window_rows)` gives the baseline and the windows."""

    name: str
    draw: Callable[[Random, int, int, int], tuple[pd.DataFrame, list[pd.DataFrame]]]
    roles: dict[str, Any]


def _independent(rows: Callable[[Random, int], pd.DataFrame]) -> Callable[[Random, int, int, int], Any]:
    def draw(random: Random, count: int, windows: int, window_rows: int) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
        return rows(random, count), [rows(random, window_rows) for _ in range(windows)]

    return draw


def _mixed(random: Random, rows: int) -> pd.DataFrame:
    """What a table of customers or machines looks like: numbers that depend on each other, counts, classes, ids, dates."""
    air = random.normal(300, 2, rows)
    process = air + 10 + random.normal(0, 1, rows)
    load = random.gamma(2, 20, rows)
    kind = random.choice(["L", "M", "H", "X"], rows, p=[0.6, 0.3, 0.08, 0.02])
    age = random.integers(18, 90, rows)
    frame = pd.DataFrame(
        {
            "air": air,
            "process": process,
            "load": load,
            "kind": kind,
            "age": age,
            "errors": random.poisson(0.7, rows),
            "paid": np.where(random.random(rows) < 0.6, 0.0, random.lognormal(3, 1, rows)),
            "active": random.random(rows) < 0.8,
            "income": np.where(random.random(rows) < 0.05, np.nan, random.lognormal(10, 0.6, rows)),
            "city": random.choice([f"c{i}" for i in range(60)], rows, p=_zipf(60)),
            "device": [f"d-{number:08x}" for number in random.integers(0, 2**32, rows)],
            "since": pd.Timestamp("2025-01-01") + pd.to_timedelta(random.integers(0, 86_400 * 300, rows), unit="s"),
            "constant": 1,
            "empty": None,
        }
    )
    for number in range(10):
        frame[f"x{number}"] = random.normal(size=rows) + (0.5 * frame["x0"] if number else 0.0)
    logit = (load - 40) / 20 + (kind == "H") * 1.5 - 0.03 * (age - 50) + 0.8 * frame["x1"]
    frame["failed"] = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    frame["score"] = 1 / (1 + np.exp(-(logit + random.normal(0, 0.3, rows))))
    return frame


def _zipf(count: int) -> Any:
    weight = 1.0 / np.arange(1, count + 1)
    return weight / weight.sum()


def _wide(random: Random, rows: int) -> pd.DataFrame:
    """Two hundred features that share a few causes."""
    causes = random.normal(size=(rows, 8))
    mixing = np.random.default_rng(7).normal(size=(8, 200)) * 0.4
    return pd.DataFrame(causes @ mixing + random.normal(size=(rows, 200)), columns=[f"x{i:03}" for i in range(200)])


def _tails(random: Random, rows: int) -> pd.DataFrame:
    """Heavy tails, spikes and ties."""
    return pd.DataFrame(
        {
            "cauchy": random.standard_cauchy(rows),
            "t2": random.standard_t(2, rows),
            "pareto": random.pareto(1.2, rows),
            "lognormal": random.lognormal(0, 2, rows),
            "spike": np.where(random.random(rows) < 0.97, 0.0, random.exponential(1, rows)),
            "rounded": random.normal(0, 1, rows).round(1),
            "rare": random.random(rows) < 0.002,
            "count": random.negative_binomial(1, 0.05, rows),
            "tail_city": random.choice([f"v{i}" for i in range(3000)], rows, p=_zipf(3000)),
            "uniform": random.random(rows),
        }
    )


def _regression(random: Random, rows: int) -> pd.DataFrame:
    x = random.normal(size=(rows, 8))
    y = 3 * x[:, 0] + np.sin(2 * x[:, 1]) * 2 + x[:, 2] * x[:, 3] + random.standard_t(4, rows)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(8)])
    frame["y"], frame["said"] = y, y + random.normal(0, 1.0, rows)
    return frame


def _texts(random: Random, rows: int) -> pd.DataFrame:
    words = np.array([f"w{i}" if i % 3 else f"단어{i}" for i in range(3000)])
    chosen = random.choice(words, (rows, 12), p=_zipf(3000))
    lengths = random.integers(3, 13, rows)
    return pd.DataFrame(
        {
            "text": [" ".join(row[:length]) for row, length in zip(chosen, lengths, strict=True)],
            "topic": random.choice(list("abcde"), rows),
            "stars": random.choice([1, 2, 3, 4, 5], rows, p=[0.1, 0.1, 0.2, 0.3, 0.3]),
        }
    )


def _following(series: Callable[[Random, int], pd.DataFrame]) -> Callable[[Random, int, int, int], Any]:
    """One long series: the baseline is its beginning, the windows follow, each at its place in time."""

    def draw(random: Random, count: int, windows: int, window_rows: int) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
        whole = series(random, count + windows * window_rows)
        starts = count + np.arange(windows) * window_rows
        return whole.iloc[:count], [whole.iloc[start : start + window_rows] for start in starts]

    return draw


def _remembers(random: Random, rows: int, memory: float) -> Any:
    from scipy.signal import lfilter  # only the series need it

    noise = random.normal(0, np.sqrt(1 - memory**2), rows)
    noise[0] /= np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)


def _series(random: Random, rows: int) -> pd.DataFrame:
    """Readings that remember the last one, more and less."""
    frame = pd.DataFrame(
        {f"m{memory}": _remembers(random, rows, memory) for memory in (0.2, 0.5, 0.8, 0.9, 0.95, 0.98)}
    )
    frame["state"] = np.where(_remembers(random, rows, 0.97) > 0.5, "busy", "idle")
    frame["both"] = frame["m0.9"] + 0.5 * random.normal(size=rows)
    frame["noise"] = random.normal(size=rows)
    return frame


def _seasons(random: Random, rows: int) -> pd.DataFrame:
    """A reading every ten minutes that goes up and down with the day and the week."""
    at = np.arange(rows)
    day, week = 2 * np.pi * at / 144, 2 * np.pi * at / 1008
    return pd.DataFrame(
        {
            "temperature": 20 + 5 * np.sin(day) + 2 * np.sin(week) + _remembers(random, rows, 0.9),
            "visits": random.poisson(np.exp(2 + np.sin(day) + 0.3 * np.sin(week))),
            "weekend": (at // 144 % 7 >= 5),
            "power": 3 + np.sin(day + 1) + 0.3 * random.normal(size=rows),
            "noise": random.normal(size=rows),
        }
    )


def _real(file: str, drop: tuple[str, ...] = ()) -> Callable[[Random, int, int, int], Any]:
    """Rows of a real table in random order: the first are the baseline, windows are drawn of the others."""

    def draw(random: Random, count: int, windows: int, window_rows: int) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
        path = DATA / file
        whole = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, encoding="utf-8-sig")
        whole = whole.drop(columns=[name for name in ("__split__", *drop) if name in whole])
        whole = whole.iloc[random.permutation(len(whole))].reset_index(drop=True)
        count = min(count, len(whole) // 2)
        rest = whole.iloc[count:]
        window_rows = min(window_rows, len(rest))
        picks = [random.choice(len(rest), window_rows, replace=False) for _ in range(windows)]
        return whole.iloc[:count], [rest.iloc[pick] for pick in picks]

    return draw


WORLDS = (
    World("mixed", _independent(_mixed), {"target": "failed", "prediction": "score"}),
    World("regression", _independent(_regression), {"target": "y", "prediction": "said"}),
    World("wide", _independent(_wide), {}),
    World("tails", _independent(_tails), {}),
    World("texts", _independent(_texts), {}),
    World("series", _following(_series), {}),
    World("seasons", _following(_seasons), {}),
    *(
        World(file.split(".")[0].split("/")[-1], _real(file), roles)
        for file, roles in (
            ("adult.parquet", {"target": "class"}),
            ("sensors/ai4i2020.csv", {"target": "Machine failure"}),
            ("taxis.parquet", {}),
        )
        if (DATA / file).exists()
    ),
)
