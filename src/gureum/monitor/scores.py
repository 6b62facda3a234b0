"""A column as scores: bounded numbers per row whose means tell, each in its own way, how the column is distributed.

Called by `profile`, which fits an encoder to the baseline and encodes windows with it. Every drift test of a feature is one
question: has the mean of a score moved? Scores are bounded, so a mean of a hundred rows is nearly normal whatever the
column's tails; and each is in units of its own standard deviation, or a share, so that one floor fits all:

    middle      rank in the baseline (Wilcoxon's score): 0.1 is a shift by a tenth of a standard deviation
    spread      squared distance of the rank from the middle (Mood's score): 0.1 is about 8% wider
    up to q     share of rows up to each decile of the baseline: the shape between
    tails       share of rows beyond the 1% and 99% quantiles, and beyond anything seen
    value       share of rows that equal one frequent value: zeros, defaults, a stuck sensor
    level       share of each category, of the rare ones together, and of those never seen
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gureum.monitor.columns import Column, Form

__all__ = ["CategoryEncoder", "Encoder", "NumberEncoder", "Score", "SilentEncoder", "TextEncoder"]

Matrix = NDArray[np.float32]

ATOMS_MAX = 8
ATOM_SHARE_MIN = 0.01
LEVELS_MAX = 30
# A level needs this many rows in the baseline to be told apart from the other rare ones.
LEVEL_ROWS_MIN = 5
WORDS_MAX = 20
VOCABULARY_MAX = 2000
# Prose is scored by its first characters: a page says no more about drift than a paragraph, and costs more.
TEXT_CHARS_MAX = 400
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Score:
    """One column of an encoder's matrix. `subject` is the value, level or quantile that it is about.

    `count` is how many rows of the baseline had it, for a share. A value that no baseline row can have by construction
    (above the greatest) counts once for each side: leave one row out and that is what one sees.
    """

    name: str
    share: bool
    subject: str = ""
    count: float = 0.0


class Encoder(Protocol):
    @property
    def scores(self) -> Sequence[Score]: ...

    def encode(self, present: NDArray[np.generic]) -> Matrix:
        """Rows by scores, of present values in the baseline's form."""


class SilentEncoder:
    """For what no distribution says anything about: ids, clocks, empty columns. Only missing rows are tested."""

    scores: Sequence[Score] = ()

    def encode(self, present: NDArray[np.generic]) -> Matrix:
        return np.empty((len(present), 0), dtype=np.float32)


class NumberEncoder:
    def __init__(
        self, present: NDArray[np.float64], *, cuts: Sequence[float] | None = None, atoms: bool = True
    ) -> None:
        self.sorted = np.sort(present)
        rows = len(present)
        wanted = np.arange(0.1, 0.95, 0.1) if cuts is None else np.asarray(cuts)
        # Quantiles that are values of the column: "up to q" is then the same question for integers and for floats.
        found = np.unique(self.sorted[(wanted * (rows - 1)).astype(int)])
        self.cuts = found[found < self.sorted[-1]]
        self.low, self.high = self.sorted[int(0.01 * (rows - 1))], self.sorted[int(np.ceil(0.99 * (rows - 1)))]
        self.atoms = self._atoms(rows) if atoms else np.empty(0)
        self.two_values = len(self.atoms) == 1 and len(np.unique(self.sorted)) == 2
        self.scores = self._scores(rows)

    def _atoms(self, rows: int) -> NDArray[np.float64]:
        values, counts = np.unique(self.sorted, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:ATOMS_MAX]
        frequent = values[order][counts[order] >= max(LEVEL_ROWS_MIN, ATOM_SHARE_MIN * rows)]
        if len(values) == 2:  # two values are one question
            frequent = frequent[frequent == values[1]]
        return np.unique(np.append(frequent, 0.0) if len(values) > 2 else frequent)

    def _scores(self, rows: int) -> tuple[Score, ...]:
        ranked, rank = self.sorted, np.searchsorted
        below, above = int(rank(ranked, self.low, "left")), rows - int(rank(ranked, self.high, "right"))
        scores = [Score("middle", share=False), Score("spread", share=False)]
        scores += [Score("up to", True, _g(cut), float(rank(ranked, cut, "right"))) for cut in self.cuts]
        scores += [
            Score("low tail", True, _g(self.low), max(1.0, below)),
            Score("high tail", True, _g(self.high), max(1.0, above)),
            Score("tails", True, "", max(2.0, below + above)),
            Score("beyond", True, "", 2.0),
        ]
        scores += [
            Score("value", True, _g(atom), float(rank(ranked, atom, "right") - rank(ranked, atom, "left")))
            for atom in self.atoms
        ]
        return tuple(scores)

    def ranks(self, present: NDArray[np.generic]) -> NDArray[np.float64]:
        """Mid-ranks in the baseline, from 0 to 1."""
        left = np.searchsorted(self.sorted, present, "left")
        right = np.searchsorted(self.sorted, present, "right")
        return (left + right) / (2.0 * len(self.sorted))

    def encode(self, present: NDArray[np.generic]) -> Matrix:
        middle = np.sqrt(12.0) * (self.ranks(present) - 0.5)
        low, high = present < self.low, present > self.high
        parts = [middle, np.sqrt(5.0) / 2 * (middle**2 - 1.0)]
        parts += [present <= cut for cut in self.cuts]
        parts += [low, high, low | high, (present < self.sorted[0]) | (present > self.sorted[-1])]
        parts += [present == atom for atom in self.atoms]
        return np.column_stack(parts).astype(np.float32)


def _g(value: float) -> str:
    return f"{value:.6g}"


class CategoryEncoder:
    """`part` is the part of the baseline's rows that the counts come from.

    The most frequent of many levels are in part those that had luck: elsewhere they are rarer, and the rest more frequent. So
    where some are left out, every second row chooses the levels and the rows between count them.
    """

    def __init__(self, present: NDArray[np.generic]) -> None:
        counts = pd.Series(present).value_counts()
        if len(counts) <= LEVELS_MAX and counts.iloc[-1] >= LEVEL_ROWS_MIN:
            kept, self.part = counts, 1.0
        else:
            chosen = pd.Series(present[1::2]).value_counts()
            names = chosen[chosen * 2 >= LEVEL_ROWS_MIN].head(LEVELS_MAX).index
            counted = pd.Series(present[::2]).value_counts().reindex(names, fill_value=0)
            kept, self.part = counted * (len(present) / max(1, len(present[::2]))), 0.5
        rest = counts.drop(kept.index)
        # The first codes are the kept levels, the others are known to be rare.
        self.known = pd.Index([*kept.index, *rest.index], dtype=object)
        self.levels = [str(level) for level in kept.index]
        scores = [Score("level", True, level, float(count)) for level, count in kept.items()]
        once = float((counts == 1).sum())
        scores.append(Score("rare", True, "", max(0.0, len(present) - float(kept.sum()) - once)))
        # How often the next row is new: as often as a value was seen once (Good and Turing).
        scores.append(Score("unseen", True, "", once))
        self.scores: tuple[Score, ...] = tuple(scores)

    def encode(self, present: NDArray[np.generic]) -> Matrix:
        codes = self.known.get_indexer(pd.Index(present, dtype=object))
        kept = len(self.levels)
        codes = np.where(codes < 0, kept + 1, np.minimum(codes, kept))
        return np.eye(kept + 2, dtype=np.float32)[codes]


class TextEncoder:
    """Prose and ids: length, words, the kinds of characters, how many words are known, and which frequent words there are."""

    TRAITS = ("characters", "words", "digits", "punctuation", "capitals", "beyond ASCII", "known words")

    def __init__(self, present: NDArray[np.generic]) -> None:
        words = _words(present)
        # A text knows the words of others. So every second text is read with the vocabulary of those between, here and in
        # windows alike: with its own words in it, the baseline would know more words than any window can.
        self.vocabularies = tuple(_vocabulary(words[other::2]) for other in (1, 0))
        counts = Counter(word for text in words for word in set(text))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        self.frequent = [word for word, count in ranked[:WORDS_MAX] if LEVEL_ROWS_MIN <= count < len(present)]
        traits = self._traits(present, words)
        self._numbers = [NumberEncoder(trait, cuts=(0.1, 0.5, 0.9), atoms=False) for trait in traits.T]
        scores: list[Score] = []
        for name, numbers in zip(self.TRAITS, self._numbers, strict=True):
            scores += [
                Score(f"{name}: {score.name}", score.share, score.subject, score.count) for score in numbers.scores
            ]
        scores += [Score("word", True, word, float(counts[word])) for word in self.frequent]
        self.scores: tuple[Score, ...] = tuple(scores)

    def _traits(self, present: NDArray[np.generic], words: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        cuts = [str(text)[:TEXT_CHARS_MAX] for text in present]
        sizes = np.array([len(cut) for cut in cuts])
        ends = np.concatenate([[0], np.cumsum(sizes)])
        signs = np.frombuffer("".join(cuts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        kinds = _KINDS[np.minimum(signs, 128)]
        shares = []
        for kind in range(4):
            seen = np.concatenate([[0], np.cumsum(kinds == kind)])
            shares.append((seen[ends[1:]] - seen[ends[:-1]]) / np.maximum(1, sizes))
        known = [
            sum(word in self.vocabularies[row % 2] for word in text) / max(1, len(text))
            for row, text in enumerate(words)
        ]
        lengths = [len(str(text)) for text in present]
        return np.column_stack([lengths, [len(text) for text in words], *shares, known]).astype(np.float64)

    def encode(self, present: NDArray[np.generic]) -> Matrix:
        words = _words(present)
        traits = self._traits(present, words)
        parts = [numbers.encode(trait) for numbers, trait in zip(self._numbers, traits.T, strict=True)]
        if self.frequent:
            place = {word: number for number, word in enumerate(self.frequent)}
            found = np.zeros((len(words), len(place)), dtype=np.float32)
            for row, text in enumerate(words):
                for word in text:
                    if (number := place.get(word)) is not None:
                        found[row, number] = 1.0
            parts.append(found)
        return np.concatenate(parts, axis=1)


def _words(present: NDArray[np.generic]) -> list[list[str]]:
    return [_WORD.findall(str(text)[:TEXT_CHARS_MAX].lower()) for text in present]


def _vocabulary(words: Sequence[Sequence[str]]) -> frozenset[str]:
    counts = Counter(word for text in words for word in set(text))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return frozenset(word for word, count in ranked[:VOCABULARY_MAX] if count >= LEVEL_ROWS_MIN)


def _kind(sign: str) -> int:
    return 0 if sign.isdigit() else 2 if sign.isupper() else 4 if sign.isalnum() or sign.isspace() else 1


# The kind of each ASCII character, in the order of the shares in TRAITS; 3 is what is beyond ASCII, 4 what is not counted.
_KINDS = np.array([*(_kind(chr(code)) for code in range(128)), 3], dtype=np.int8)


IDENTIFIER_ROWS_MIN = 50


def choose(reference: Column, *, clock: bool) -> tuple[str, Encoder]:
    """How a column of the baseline is best described, and its encoder: number, category, text, identifier, clock, empty."""
    present = reference.present
    if reference.form is Form.EMPTY:
        return "empty", SilentEncoder()
    if clock or (reference.form is Form.TIME and len(present) > 1 and bool(np.all(np.diff(present) >= 0))):
        return "clock", SilentEncoder()
    if reference.form is Form.TEXT:
        distinct = len(pd.unique(present))
        if distinct > max(LEVELS_MAX, 0.5 * len(present)):
            return "text", TextEncoder(present)
        return "category", CategoryEncoder(present)
    if reference.form is Form.NUMBER and _is_identifier(present):
        return "identifier", SilentEncoder()
    return ("number" if reference.form is Form.NUMBER else "time"), NumberEncoder(present)


def _is_identifier(present: NDArray[np.float64]) -> bool:
    """A number that counts the rows: whole, each its own, and either rising or without gaps."""
    if len(present) < IDENTIFIER_ROWS_MIN or not np.all(present == np.floor(present)):
        return False
    if len(np.unique(present)) < len(present):
        return False
    rising = bool(np.all(np.diff(present) > 0))
    return rising or float(np.ptp(present)) < 2.0 * len(present)
