"""What the monitor remembers of one column of the baseline, and how a window of it is compared: effects and p-values.

Called by `baseline` (to make one) and `drift` (to compare). A Profile is made again from the reference rows whenever a
baseline is loaded; only its Dependence, which needs the rows in their first order, is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtr, stdtr
from scipy.stats import chi2

from gureum.monitor.columns import Column, Form
from gureum.monitor.dependence import Dependence, measure, neighbours, runs
from gureum.monitor.scores import CategoryEncoder, Encoder, NumberEncoder, Score, choose

__all__ = ["Comparison", "Profile", "cohens_h", "compare", "profile", "summary"]

Floats = NDArray[np.float64]

# Fewer expected rows than this, and a share is compared exactly instead of by the normal law.
EXACT_ROWS_MAX = 20
# Fewer rows do not show that they have no memory.
SORTED_ROWS_MIN = 200
SORTED_SPREAD_MIN = 0.9
# So smooth is no series whose windows have no memory: it was sorted by this very column.
SORTED_LAG_MIN = 0.98
# A share below this may be too rare for its dependence to be measured.
RARE_SHARE_MAX = 0.05
# A value further outside than half of the baseline's whole range was never a tail of it.
FAR_RANGES = 0.5
FAR_SHARE_MIN = 0.01
FAR_ROWS_MIN = 3


@dataclass(frozen=True)
class Profile:
    """`means` and `spreads` are those of the scores over the reference rows; `rows` counts the baseline, not the sample."""

    column: Column
    kind: str
    encoder: Encoder
    means: Floats
    spreads: Floats
    dependence: Dependence
    rows: int
    summary: dict[str, Any]

    @property
    def name(self) -> str:
        return self.column.name


@dataclass(frozen=True)
class Stuck:
    """The value that the window has most often, if the baseline did not have it often; `p` is paid for the choice."""

    value: float
    before: float
    after: float
    effect: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """One window's column against its profile: one entry per score, the last two being all levels together and missing.

    `effects` are in standard deviations (means) or Cohen's h and w (shares); `p` is for one test alone.
    """

    profile: Profile
    window: Column
    scores: tuple[Score, ...]
    before: Floats
    after: Floats
    effects: Floats
    p: Floats
    far: float = 0.0
    stuck: Stuck | None = None
    independent: bool = True
    memory: float = 0.0


def profile(
    reference: Column, dependence: Dependence | None, *, whole: Column, rows: int, clock: bool = False
) -> Profile:
    """Describe a column by its reference rows. `dependence` is measured from `whole` (all rows, in order) when it is None."""
    kind, encoder = choose(reference, clock=clock)
    matrix = encoder.encode(reference.present)
    means = matrix.mean(axis=0, dtype=np.float64) if len(matrix) else np.zeros(matrix.shape[1])
    spreads = matrix.std(axis=0, dtype=np.float64) if len(matrix) else np.zeros(matrix.shape[1])
    if dependence is None:
        same = len(whole) == len(reference)
        picks = runs(len(whole))
        if picks is not None:
            whole = Column(whole.name, whole.form, whole.values[picks], whole.missing[picks], whole.boolean)
        dependence = measure(matrix_with_missing(matrix if same else encoder.encode(whole.present), whole))
    return Profile(reference, kind, encoder, means, spreads, dependence, rows, summary(reference))


def summary(column: Column) -> dict[str, Any]:
    """What a person wants to read of a column: rows, the missing share and, for numbers, where they lie."""
    present = column.present
    found: dict[str, Any] = {"rows": len(column), "missing": float(column.missing.mean())}
    if column.form is Form.NUMBER and len(present):
        low, median, high = np.quantile(present, [0.05, 0.5, 0.95])
        found |= {
            "mean": float(present.mean()), "std_dev": float(present.std()), "median": float(median),
            "p05": float(low), "p95": float(high), "min": float(present.min()), "max": float(present.max()),
        }  # fmt: skip
    return found


def compare(known: Profile, window: Column, rows: int) -> Comparison:
    """Compare a window's column, in the baseline's form. `rows` counts the whole window, of which `window` is a sample."""
    present = window.present
    reference = len(known.column.present)
    count = len(present)
    matrix = known.encoder.encode(present)
    scores: tuple[Score, ...] = (*known.encoder.scores, Score("all", share=False), Score("missing", share=True))
    width = matrix.shape[1]
    before, after = np.zeros(width + 2), np.zeros(width + 2)
    effects, p = np.zeros(width + 2), np.ones(width + 2)

    missing = matrix_with_missing(matrix, window)
    design, own, independent, memory = _design(known, missing, rows)
    base_rows = 1.0 / np.maximum(design / max(1, known.rows), 1.0 / max(1, len(known.column)))
    window_rows = 1.0 / np.maximum(own / rows, 1.0 / len(window))
    freedom = np.where(independent, np.inf, known.dependence.freedom(rows))

    if width and count and reference:
        part = count / len(window)
        n, m = window_rows[:-1] * part, base_rows[:-1] * (reference / len(known.column))
        if isinstance(known.encoder, CategoryEncoder):
            m = m * known.encoder.part
        after[:width] = matrix.mean(axis=0, dtype=np.float64)
        before[:width] = known.means
        shares = np.array([score.share for score in known.encoder.scores])
        counted = np.array([score.count for score in known.encoder.scores]) / reference
        before[:width] = np.where(shares, counted, before[:width])
        mean_effect, mean_p = _means(after[:width], known.means, known.spreads, n, m, freedom[:-1])
        share_effect, share_p = _shares(after[:width], before[:width], n, m, freedom[:-1])
        effects[:width] = np.where(shares, share_effect, mean_effect)
        p[:width] = np.where(shares, share_p, mean_p)
        if known.kind == "category" and width > 2:
            effects[width], p[width] = _together(after[:width], before[:width], n, m, bool(independent[:-1].all()))
    stuck = _stuck(known, present, base_rows[0], window_rows[0]) if width and count and reference else None
    gone_before, gone_after = known.column.missing.mean(), window.missing.mean()
    before[-1], after[-1] = gone_before, gone_after
    effect, chance = _shares(after[-1:], before[-1:], window_rows[-1:], base_rows[-1:], freedom[-1:])
    effects[-1], p[-1] = effect[0], chance[0]
    return Comparison(
        known, window, scores, before, after, effects, p, _far(known, present), stuck, bool(independent.all()), memory
    )


def matrix_with_missing(matrix: NDArray[np.float32], window: Column) -> NDArray[np.float32]:
    """The scores of all rows in their order, missing rows at the mean, and missingness as the last column."""
    full = np.empty((len(window), matrix.shape[1] + 1), dtype=np.float32)
    if matrix.shape[1]:
        full[:, :-1] = matrix.mean(axis=0, dtype=np.float64) if len(matrix) else 0.0
        full[~window.missing, :-1] = matrix
    full[:, -1] = window.missing
    return full


def _design(known: Profile, scores: NDArray[np.float32], rows: int) -> tuple[Floats, Floats, NDArray[np.bool_], float]:
    """Design effects of the baseline's and of the window's mean, which scores may be taken as independent rows in the
    baseline, and the window's own memory where the baseline has none."""
    lag = neighbours(scores)
    shares = np.array([*(score.share for score in known.encoder.scores), True])
    found = known.dependence
    dependent = found.dependent.copy()
    # The score that varies most in the baseline speaks for the column. If it varies in the window too, without any memory
    # where the baseline has a long one, then somebody sorted the baseline: its order says nothing of the window's. Not so
    # when the window varies less: it lies inside one level of a series of steps, such as a working day.
    if dependent[:-1].any():
        voice = int(np.argmax(np.where(dependent[:-1], known.spreads, -1.0)))
        least_spread = 0.5 if found.lag_one[voice] > SORTED_LAG_MIN else SORTED_SPREAD_MIN
        varies = len(scores) >= SORTED_ROWS_MIN and scores[:, voice].std() > least_spread * known.spreads[voice]
        if varies and found.lag_one[voice] > 0.5 and lag[voice] < 0.3 * found.lag_one[voice]:
            dependent[:] = False
    base, window = (np.where(dependent, found.effect(count), 1.0) for count in (known.rows, rows))
    # What is too rare for its dependence to be measured comes in clusters where the rest of the column does.
    if dependent[:-1].any():
        rare = np.append(np.minimum(np.abs(known.means), 1 - known.means) < RARE_SHARE_MAX, False) & shares
        base, window = np.where(rare, base[:-1].max(), base), np.where(rare, window[:-1].max(), window)
        dependent |= rare
    # A series against a baseline that was shuffled: the window's own memory is all there is to go by.
    memory = 0.0
    least = max(0.1, 5.0 / np.sqrt(len(scores)))
    if not dependent[:-1].any() and lag[:-1].size and lag[:-1].max() > least:
        highest = float(lag[:-1].max())
        memory = min(0.98, highest + 2.0 * np.sqrt((1.0 - min(1.0, highest) ** 2) / len(scores)))
        window = np.append(np.full(len(lag) - 1, (1.0 + memory) / (1.0 - memory)), window[-1])
    if lag[-1] > least and not dependent[-1]:
        window[-1] = (1.0 + min(lag[-1], 0.98)) / (1.0 - min(lag[-1], 0.98))
    return base, window, ~dependent, memory


def _means(
    after: Floats, before: Floats, spread: Floats, n: Floats, m: Floats, freedom: Floats
) -> tuple[Floats, Floats]:
    alive = spread > 1e-9
    effect = np.where(alive, (after - before) / np.where(alive, spread, 1.0), 0.0)
    return effect, _two_sided(effect / np.sqrt(1.0 / n + 1.0 / m), freedom)


def _shares(after: Floats, before: Floats, n: Floats, m: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    effect = cohens_h(after, before)
    pooled = (after * n + before * m) / (n + m)
    flat = (pooled <= 0) | (pooled >= 1)
    scale = np.sqrt(np.where(flat, 0.25, pooled * (1.0 - pooled)) * (1.0 / n + 1.0 / m))
    normal = np.where(flat, 1.0, _two_sided((after - before) / scale, freedom))
    # The rarer side, yes or no, decides whether the normal law holds; where it does not, given how many there are in both
    # together, those in the window follow the binomial law (beta functions carry it to fractions of a row).
    rare = np.minimum(pooled, 1.0 - pooled)
    ours = np.where(pooled <= 0.5, after, 1.0 - after) * n
    theirs = np.where(pooled <= 0.5, before, 1.0 - before) * m
    part = n / (n + m)
    upper = np.where(ours > 0, betainc(np.maximum(ours, 1e-9), theirs + 1.0, part), 1.0)
    lower = np.where(theirs > 0, betainc(np.maximum(theirs, 1e-9), ours + 1.0, 1.0 - part), 1.0)
    exact = np.minimum(1.0, 2.0 * np.minimum(upper, lower))
    p = np.where(
        rare * np.minimum(n, m) < EXACT_ROWS_MAX, np.maximum(exact, np.where(np.isinf(freedom), 0.0, normal)), normal
    )
    return effect, np.where(flat, 1.0, p)


def _together(after: Floats, before: Floats, n: Floats, m: Floats, independent: bool) -> tuple[float, float]:
    """All levels at once: Cohen's w, less what chance gives, and its chi-square."""
    if not independent:
        return 0.0, 1.0  # the levels' own tests know the dependence
    rows = float(1.0 / (1.0 / n.min() + 1.0 / m.min()))
    pooled = (after * n.min() + before * m.min()) / (n.min() + m.min())
    enough = pooled * min(n.min(), m.min()) >= 5
    kept = int(enough.sum())
    if kept < 3:
        return 0.0, 1.0
    terms = (after[enough] - before[enough]) ** 2 / pooled[enough]
    statistic = rows * float(terms.sum())
    return float(np.sqrt(max(0.0, statistic - (kept - 1)) / rows)), float(chi2.sf(statistic, kept - 1))


def _far(known: Profile, present: NDArray[np.generic]) -> float:
    """The share of values that lie far outside of everything that the baseline had; 0 when it is a stray few."""
    if not isinstance(known.encoder, NumberEncoder) or not len(present):
        return 0.0
    low, high = known.encoder.sorted[0], known.encoder.sorted[-1]
    margin = FAR_RANGES * (high - low)
    if margin <= 0:
        return 0.0
    count = int(np.count_nonzero((present < low - margin) | (present > high + margin)))
    return count / len(present) if count >= max(FAR_ROWS_MIN, FAR_SHARE_MIN * len(present)) else 0.0


def _stuck(known: Profile, present: NDArray[np.generic], base_rows: float, window_rows: float) -> Stuck | None:
    """A stuck sensor, a new default: one value of a window far more often than ever."""
    if not isinstance(known.encoder, NumberEncoder):
        return None
    values, counts = np.unique(present, return_counts=True)
    most = int(np.argmax(counts))
    if counts[most] < FAR_ROWS_MIN or np.any(known.encoder.atoms == values[most]):
        return None
    ordered = known.encoder.sorted
    seen = np.searchsorted(ordered, values[most], "right") - np.searchsorted(ordered, values[most], "left")
    after, before = np.array([counts[most] / len(present)]), np.array([max(1, int(seen)) / len(ordered)])
    one = np.ones(1)
    effect, p = _shares(after, before, window_rows * one, base_rows * one, np.inf * one)
    return Stuck(
        float(values[most]), float(before[0]), float(after[0]), float(effect[0]), float(min(1.0, p[0] * len(values)))
    )


def cohens_h(after: Floats, before: Floats) -> Floats:
    """The difference of two shares in standard deviations: 2 asin sqrt p, subtracted."""
    found: Floats = 2.0 * (np.arcsin(np.sqrt(np.clip(after, 0, 1))) - np.arcsin(np.sqrt(np.clip(before, 0, 1))))
    return found


def _two_sided(z: Floats, freedom: Floats) -> Floats:
    finite = np.isfinite(freedom)
    found: Floats = 2.0 * np.where(finite, stdtr(np.where(finite, freedom, 1.0), -np.abs(z)), ndtr(-np.abs(z)))
    return np.minimum(1.0, found)
