"""Trains candidates on folds and keeps what each says of rows that it has not seen, until the time is over.

Called by fit. Promise: anytime (what was judged so far makes an ensemble), never later than it was told, and one bad
candidate spoils nothing: it stands in the results with its error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gureum.autopilot.budget import Budget, Overtime
from gureum.autopilot.ensemble import choose_weights
from gureum.autopilot.metrics import Metric
from gureum.autopilot.model import stack_columns
from gureum.autopilot.portfolio import Candidate, first_wave, further_draw, second_layer
from gureum.learners.baseline import Baseline
from gureum.learners.families import FAMILIES
from gureum.learners.features import Matrix
from gureum.learners.learner import Learner

__all__ = ["Judged", "Search", "probe_round_s"]

# Relative to the first LightGBM, until a family was timed here.
COST_GUESS = {"lightgbm": 1.0, "linear": 0.6, "catboost": 2.5, "extra_trees": 0.8, "random_forest": 0.8, "xgboost": 1.6}

PROBE_ROUNDS = 12
REFIT_TIMES = 1.4  # a fit on all rows takes so many times one on four fifths, with some to spare
LEFT_MIN = 0.02  # of the budget: with less, no candidate is begun
GRACE = 0.03  # of the budget, for a candidate that was told to stop and has to come to its next round

FIRST_SHARE = 0.3  # of the time that is left: the first candidate may not eat up the others
NEXT_SHARE = 0.4
STACK_BUDGET_S = 150.0  # below this, the time is better spent on the first layer
STACK_AT = 0.62  # of the time: the second layer begins
STACK_INPUTS_MAX = 8
CANDIDATES_MAX = 150
CURVE_KEEP = 3  # rounds over which curves are smoothed before the best one is chosen


@dataclass
class Judged:
    """A candidate and how it did. `held_out` are predictions for the rows of the folds, in their order."""

    candidate: Candidate
    score: float
    seconds: float
    learners: list[Learner] = field(default_factory=list)
    held_out: np.ndarray | None = None
    error: str | None = None


@dataclass(frozen=True)
class Problem:
    """All that candidates have in common."""

    x: Matrix
    y: np.ndarray
    fold: np.ndarray
    folds: int
    task: str
    classes: int
    metric: Metric
    weight: np.ndarray | None
    seed: int
    n_jobs: int

    def build(self, family: str, params: dict[str, Any], seed: int) -> Learner:
        learner = Baseline if family == "baseline" else FAMILIES[family].learner
        return learner(
            params, task=self.task, classes=self.classes, metric=self.metric.name, seed=seed, n_jobs=self.n_jobs
        )  # fmt: skip


def probe_round_s(problem: Problem, budget: Budget) -> float:
    """Seconds that one round of the first candidate takes on four fifths of the rows."""
    rows = np.flatnonzero(np.arange(len(problem.y)) % 5 != 0)
    x, y = problem.x.take(rows), problem.y[rows]

    def seconds(rounds: int) -> tuple[float, int]:
        learner = problem.build("lightgbm", {"rounds": rounds}, 0)
        begin = budget.spent_s()
        learner.fit(x, y, time_up=budget.over_at(begin + 0.04 * budget.seconds))
        return budget.spent_s() - begin, learner.rounds

    # The first also starts threads and builds bins, which later rounds do not.
    first_s, few = seconds(1)
    second_s, more = seconds(PROBE_ROUNDS)
    return max(second_s - min(first_s, 0.5 * second_s), 1e-6) / max(1, more - few)


class Search:
    """`end_s`: seconds of the budget after which nothing may be trained any more, neither candidates nor refits."""

    def __init__(
        self,
        problem: Problem,
        *,
        families: tuple[str, ...],
        budget: Budget,
        end_s: float,
        hurry: float,
        logarithm: str,
        limit: int | None,
        told: Callable[[Judged, Search], None],
    ) -> None:
        self.problem = problem
        self.families = families
        self.budget = budget
        self.end_s = end_s
        self.hurry = hurry
        self.logarithm = logarithm
        self.limit = CANDIDATES_MAX if limit is None else min(limit, CANDIDATES_MAX)
        self.told = told
        self.judged: list[Judged] = []
        self.weights = np.ones(1)
        self.best = -np.inf  # of the ensemble, on the rows that chose it
        self.cost_s: dict[str, float] = {}
        self.slow: set[str] = set()
        self.rows = np.flatnonzero(problem.fold >= 0)

    @property
    def until_s(self) -> float:
        """When candidates must be done: what was judged on a hold-out is trained once more, on all rows."""
        if self.problem.folds > 1:
            return self.end_s
        used = [one.seconds for one, weight in zip(self.good, self.weights, strict=False) if weight]
        return self.end_s - REFIT_TIMES * sum(used)

    @property
    def good(self) -> list[Judged]:
        return [one for one in self.judged if one.held_out is not None]

    @property
    def named_weights(self) -> dict[str, float]:
        """What the ensemble so far is made of."""
        pairs = zip(self.good, self.weights, strict=False)  # weights are those of the last good one
        return {one.candidate.name: round(float(weight), 4) for one, weight in pairs if weight}

    def run(self) -> None:
        """Judge candidates until the time is over, there are enough, or Ctrl-C asks for what there is."""
        self._judge(Candidate("baseline", "baseline", {}, self.problem.seed), self.until_s)
        tried = 0
        for candidate in self._candidates():
            left = self.until_s - self.budget.spent_s()
            if tried == 0:
                # However late it is, there is to be a model: of the time for the end, half.
                left = max(left, 0.5 * self.budget.left_s())
            if tried >= self.limit or left < LEFT_MIN * self.budget.seconds:
                return
            if candidate.family in self.slow or self._expected_s(candidate) > 1.2 * left:
                continue
            share = FIRST_SHARE if tried == 0 else NEXT_SHARE
            if self.problem.folds == 1:
                left /= 1 + REFIT_TIMES
            # At the end there is nothing to save the time for.
            allowed = left if self._expected_s(candidate) > 0.5 * left else share * left
            self._judge(candidate, self.budget.spent_s() + allowed)
            tried += 1

    def _candidates(self) -> Iterator[Candidate]:
        problem = self.problem
        stacked = False

        def stack() -> Iterator[Candidate]:
            order = sorted(self.good, key=lambda one: -one.score)
            chosen = [one for one in order if one.candidate.family != "baseline"][:STACK_INPUTS_MAX]
            names = tuple(one.candidate.name for one in chosen)
            return second_layer(names, self.families, hurry=self.hurry, seed=problem.seed)

        def due() -> bool:
            enough = self.budget.seconds >= STACK_BUDGET_S and problem.folds > 1 and len(self.good) >= 4
            return enough and self.budget.spent_s() > STACK_AT * self.until_s

        wave = first_wave(
            self.families, text=problem.x.text is not None, hurry=self.hurry, logarithm=self.logarithm, seed=problem.seed
        )  # fmt: skip
        for candidate in wave:
            if not stacked and due():
                stacked = True
                yield from stack()
            if (
                candidate.params.get("log_target") is not None
                and self.logarithm == "also"
                and self._logarithm_hurts(candidate.family)
            ):
                params = {name: value for name, value in candidate.params.items() if name != "log_target"}
                candidate = Candidate(candidate.name, candidate.family, params, candidate.seed)
            yield candidate
        number = 0
        skipped = 0
        while skipped < 20:
            if not stacked and due():
                stacked = True
                yield from stack()
            ranking = [
                (one.candidate.family, one.candidate.params)
                for one in sorted(self.good, key=lambda one: -one.score)
                if one.candidate.family not in self.slow | {"baseline"} and not one.candidate.stacks
            ]
            if not ranking:
                return
            before = len(self.judged)
            yield further_draw(number, ranking, hurry=self.hurry, seed=problem.seed)
            skipped = 0 if len(self.judged) > before else skipped + 1
            number += 1

    def _logarithm_hurts(self, family: str) -> bool:
        """Whether the family has been seen both ways and was better without."""
        scores: dict[bool, float] = {}
        for one in self.good:
            if one.candidate.family == family:
                key = bool(one.candidate.params.get("log_target"))
                scores[key] = max(scores.get(key, -np.inf), one.score)
        return len(scores) == 2 and scores[False] >= scores[True]

    def _expected_s(self, candidate: Candidate) -> float:
        if candidate.family in self.cost_s:
            return self.cost_s[candidate.family]
        known = [seconds / COST_GUESS[family] for family, seconds in self.cost_s.items()]
        return COST_GUESS[candidate.family] * min(known) if known else 0.0

    def _judge(self, candidate: Candidate, until_s: float) -> None:
        begin = self.budget.spent_s()
        judged = Judged(candidate, -np.inf, 0.0)
        try:
            hard = until_s + max(0.25 * (until_s - begin), GRACE * self.budget.seconds) - begin
            hard = min(hard, max(self.until_s, until_s) + GRACE * self.budget.seconds - begin)
            learners, held_out = self.budget.within(hard, lambda stop: self._train(candidate, until_s, stop))
            score = self.problem.metric.score(self.problem.y[self.rows], held_out)
            if not np.isfinite(score) or not np.isfinite(held_out).all():
                raise ValueError("its predictions are not finite")
            judged.learners, judged.held_out, judged.score = learners, held_out, score
        except Overtime:
            judged.error = "it did not end in its time"
            self.slow.add(candidate.family)
        except Exception as error:
            judged.error = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]
        judged.seconds = self.budget.spent_s() - begin
        if candidate.family != "baseline" and judged.error is None:
            previous = self.cost_s.get(candidate.family, judged.seconds)
            self.cost_s[candidate.family] = max(judged.seconds, 0.5 * (previous + judged.seconds))
        self.judged.append(judged)
        if judged.error is None:
            self._weigh()
        self.told(judged, self)

    def _train(
        self, candidate: Candidate, until_s: float, given_up: Callable[[], bool]
    ) -> tuple[list[Learner], np.ndarray]:
        problem = self.problem
        x = self.inputs(candidate)
        learners: list[Learner] = []
        parts = []
        stopped = False
        for fold in range(problem.folds):
            learn, judge = np.flatnonzero(problem.fold != fold), np.flatnonzero(problem.fold == fold)
            now = self.budget.spent_s()
            over = self.budget.over_at(now + (until_s - now) / (problem.folds - fold))

            def time_up(over: Callable[[], bool] = over) -> bool:
                return over() or given_up()

            learner = problem.build(candidate.family, candidate.params, candidate.seed + fold)
            valid = (x.take(judge), problem.y[judge])
            weight = None if problem.weight is None else problem.weight[learn]
            learner.fit(x.take(learn), problem.y[learn], weight=weight, valid=valid, time_up=time_up)
            stopped = stopped or over()
            if given_up():
                raise Overtime
            learners.append(learner)
            parts.append((judge, valid[0]))
        cut_together(learners, stopped=stopped)
        held_out: np.ndarray | None = None
        place = np.full(len(problem.y), -1)
        place[self.rows] = np.arange(len(self.rows))
        for learner, (judge, valid_x) in zip(learners, parts, strict=True):
            out = learner.predict(valid_x)
            if held_out is None:
                held_out = np.empty((len(self.rows), *out.shape[1:]))
            held_out[place[judge]] = out
        assert held_out is not None
        return learners, held_out

    def inputs(self, candidate: Candidate) -> Matrix:
        """The matrix that a candidate sees: for the second layer with the first one's held-out predictions."""
        if not candidate.stacks:
            return self.problem.x
        by_name = {one.candidate.name: one for one in self.good}
        blocks = []
        for name in candidate.stacks:
            held_out = by_name[name].held_out
            assert held_out is not None
            columns = stack_columns(held_out)
            full = np.full((len(self.problem.y), columns.shape[1]), np.nan)
            full[self.rows] = columns
            blocks.append(full)
        values = np.hstack(blocks)
        return self.problem.x.with_columns(values, [f"model {i}" for i in range(values.shape[1])])

    def _weigh(self) -> None:
        """Weights so far: a quick choice, for those who watch; fit makes a thorough one at the end."""
        predictions = [one.held_out for one in self.good if one.held_out is not None]
        y = self.problem.y[self.rows]
        rows = slice(None) if len(y) <= 4_000 else np.random.default_rng(0).choice(len(y), 4_000, replace=False)
        self.weights = choose_weights(y[rows], [values[rows] for values in predictions], self.problem.metric, steps=10)
        mixed = sum(weight * values for weight, values in zip(self.weights, predictions, strict=True) if weight)
        self.best = self.problem.metric.score(y, np.asarray(mixed))


def cut_together(learners: list[Learner], *, stopped: bool) -> None:
    """Go back to the number of rounds that is best over all folds.

    One number for all, not each fold's own best: that would be chosen by the rows that judge it.
    """
    curves = [learner.curve for learner in learners]
    if not all(curves):
        return
    length = min(map(len, curves)) if stopped else max(map(len, curves))
    # A fold that stopped early has no better round ahead: its last stretch stands for the rest.
    padded = np.array([(curve + [curve[-1]] * length)[:length] for curve in curves])
    mean = padded.mean(axis=0)
    if len(mean) > 4 * CURVE_KEEP:
        mean = np.convolve(np.pad(mean, CURVE_KEEP, mode="edge"), np.ones(2 * CURVE_KEEP + 1), mode="valid")
    best = int(np.argmin(mean)) + 1
    for learner in learners:
        learner.cut(min(best, learner.rounds))
