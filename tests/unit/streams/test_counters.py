"""Counters keep five minutes, second by second."""

from __future__ import annotations

from gureum.streams.counters import HISTORY_S, Counters


def test_rates_are_by_whole_second_oldest_first() -> None:
    counters = Counters()
    counters.note(10_000, 1, 100)
    counters.note(10_900, 2, 200)
    counters.note(12_000, 4, 400)
    rates = counters.rates(13_500, seconds=4)
    assert rates.records_per_s == [0, 3, 0, 4]
    assert rates.bytes_per_s == [0, 300, 0, 400]
    assert (rates.records_total, rates.bytes_total, rates.last_arrival_ms) == (7, 700, 12_000)


def test_what_is_older_than_the_history_is_only_in_the_totals() -> None:
    counters = Counters()
    counters.note(1_000, 5, 5)
    rates = counters.rates(1_000 + (HISTORY_S + 5) * 1_000)
    assert sum(rates.records_per_s) == 0
    assert len(rates.records_per_s) == HISTORY_S
    assert rates.records_total == 5


def test_a_clock_that_is_set_back_loses_no_count() -> None:
    counters = Counters()
    counters.note(10_000, 1, 1)
    counters.note(4_000, 1, 1)
    assert sum(counters.rates(11_000).records_per_s) == 2
