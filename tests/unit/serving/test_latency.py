"""Quantiles of the last minutes, near the true ones."""

from __future__ import annotations

import random

import numpy as np

from gureum.serving.latency import MINUTES, Latency


def test_quantiles_are_within_a_step_of_the_true_ones():
    chance = random.Random(7)
    latency = Latency()
    values = [chance.lognormvariate(1.0, 1.0) for _ in range(5000)]
    for value in values:
        latency.note(60_000, value, failed=False)
    found = latency.summary(60_000)
    for name, q in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        true = float(np.quantile(values, q))
        assert abs(found[name] - true) / true < 0.1, name


def test_errors_are_counted_and_old_minutes_are_forgotten():
    latency = Latency()
    latency.note(0, 5.0, failed=True)
    latency.note(60_000 * MINUTES, 1e9, failed=False)
    found = latency.summary(60_000 * MINUTES)
    assert (found["requests"], found["errors"]) == (1, 0)
    assert latency.summary(60_000)["errors"] == 1
    assert Latency().summary(0)["p50_ms"] is None
