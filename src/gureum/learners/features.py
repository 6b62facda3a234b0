"""What every model sees: a table's columns as one matrix of numbers, with text beside it.

Called by Autopilot and tuning, and part of the program that Autopilot hands over: imports nothing of gureum outside the
files that are handed over with it. Learns from features alone, never from the target, so it may be learned once for all
folds. Promise: the same rows give the same matrix; a category that training did not have is missing, not an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

from gureum.learners.columns import as_names, as_numbers, as_times, as_words

__all__ = ["Features", "Matrix"]


class Matrix:
    """Rows as models take them.

    `dense` is float32, rows by columns, NaN where missing; the columns at `categories` hold codes 0, 1, ... of a category.
    `text` is the sparse TF-IDF of the text columns, or None.
    """

    def __init__(self, dense: np.ndarray, names: list[str], categories: list[int], text: sp.csr_matrix | None) -> None:
        self.dense = dense
        self.names = names
        self.categories = categories
        self.text = text

    def __len__(self) -> int:
        return len(self.dense)

    def take(self, rows: np.ndarray) -> Matrix:
        text = None if self.text is None else self.text[rows]
        return Matrix(self.dense[rows], self.names, self.categories, text)

    def with_columns(self, values: np.ndarray, names: list[str]) -> Matrix:
        """The same rows with more numeric columns at the end."""
        dense = np.hstack([self.dense, values.astype("float32")])
        return Matrix(dense, [*self.names, *names], self.categories, self.text)


class Features:
    """Learns from a table how to make its Matrix.

    `kinds` says for each column that is used whether it is a `number`, a `category`, a `time` or a `text`.
    """

    CATEGORIES_MAX = 1_000  # of one column; rarer ones share the last code
    WORDS_MAX = 20_000  # of the TF-IDF of one text column
    CHAR_TEXT_MAX = 400_000  # characters in all: up to here, TF-IDF of pieces of words too
    WORD = r"(?u)\b\w+\b|[^\w\s]"  # signs are words too: what shouts, asks and sells uses them
    TOPICS = 32  # a text's dimensions in the dense part
    COMMON_WORDS = 150  # of a text that have a dense column of their own

    def __init__(self, kinds: dict[str, str]) -> None:
        self.kinds = kinds
        self.levels: dict[str, pd.Index] = {}
        self.counts: dict[str, np.ndarray] = {}
        self.time_parts: dict[str, list[str]] = {}
        self.texts: dict[str, dict[str, Any]] = {}

    def fit(self, table: pd.DataFrame) -> Features:
        for name, kind in self.kinds.items():
            if kind == "category":
                counts = pd.Series(as_names(table[name]), dtype=object).value_counts()
                order = sorted(counts.index, key=lambda level: (-counts[level], level))[: self.CATEGORIES_MAX]
                self.levels[name] = pd.Index(order, dtype=object)
                self.counts[name] = np.append(np.log1p([counts[level] for level in order]), 0.0)
            elif kind == "time":
                parts = _time_parts(as_times(table[name]))
                self.time_parts[name] = [part for part, values in parts.items() if _varies(values)]
            elif kind == "text":
                self.texts[name] = self._fit_text(as_words(table[name]))
        return self

    def fit_transform(self, table: pd.DataFrame) -> Matrix:
        return self.fit(table).transform(table)

    def _fit_text(self, words: list[str]) -> dict[str, Any]:
        options = {"sublinear_tf": True, "dtype": np.float32, "strip_accents": "unicode"}
        rare = 2 if len(words) >= 200 else 1
        models = [
            TfidfVectorizer(
                ngram_range=(1, 2),
                min_df=rare,
                max_features=self.WORDS_MAX,
                token_pattern=self.WORD,
                **options,
            )
        ]
        if sum(map(len, words)) <= self.CHAR_TEXT_MAX:
            models.append(
                TfidfVectorizer(
                    analyzer="char_wb", ngram_range=(3, 4), min_df=rare, max_features=self.WORDS_MAX, **options
                )
            )
        try:
            found = models[0].fit_transform(words)
            for model in models[1:]:
                model.fit(words)
        except ValueError:  # an empty vocabulary: every text is blank
            return {"models": [], "svd": None, "common": np.zeros(0, dtype=int)}
        frequency = np.asarray((found > 0).sum(axis=0)).ravel()
        common = np.argsort(-frequency, kind="stable")[: self.COMMON_WORDS]
        topics = min(self.TOPICS, found.shape[1] - 1, found.shape[0] - 1)
        # One thread: sums in another order would give other last digits, on a machine with other cores.
        with threadpool_limits(1):
            svd = TruncatedSVD(topics, n_iter=2, random_state=0).fit(found) if topics >= 2 else None
        return {"models": models, "svd": svd, "common": np.sort(common)}

    def transform(self, table: pd.DataFrame) -> Matrix:
        blocks: list[np.ndarray] = []
        names: list[str] = []
        categories: list[int] = []
        sparse: list[sp.csr_matrix] = []

        def add(name: str, values: np.ndarray) -> None:
            names.append(name)
            blocks.append(values.astype("float32"))

        for name, kind in self.kinds.items():
            if kind == "number":
                add(name, as_numbers(table[name]))
            elif kind == "category":
                codes = self.levels[name].get_indexer(as_names(table[name]))
                categories.append(len(names))
                add(name, np.where(codes < 0, np.nan, codes))
                if len(self.levels[name]) > 20:
                    add(f"{name} (how often)", self.counts[name][codes])
            elif kind == "time":
                parts = _time_parts(as_times(table[name]))
                for part in self.time_parts[name]:
                    add(f"{name} ({part})", parts[part])
            elif kind == "text":
                self._transform_text(name, as_words(table[name]), add, sparse)
        moments = [name for name, kind in self.kinds.items() if kind == "time"][:3]
        for place, first in enumerate(moments):
            for second in moments[place + 1 :]:
                gap = as_times(table[second]) - as_times(table[first])
                add(f"{first} to {second} (days)", (gap / pd.Timedelta(days=1)).to_numpy(dtype="float64"))
        dense = np.column_stack(blocks) if blocks else np.zeros((len(table), 1), dtype="float32")
        return Matrix(dense, names or ["nothing"], categories, sp.hstack(sparse).tocsr() if sparse else None)

    def _transform_text(self, name: str, words: list[str], add: Any, sparse: list[sp.csr_matrix]) -> None:
        learned = self.texts[name]
        add(f"{name} (characters)", np.array([len(text) for text in words], dtype="float64"))
        add(f"{name} (words)", np.array([text.count(" ") + 1 for text in words], dtype="float64"))
        for what, test in (("digits", str.isdigit), ("capitals", str.isupper), ("signs", _is_sign)):
            counts = np.array([sum(map(test, text[:2_000])) for text in words], dtype="float64")
            add(f"{name} ({what})", counts)
        if not learned["models"]:
            return
        found = [model.transform(words) for model in learned["models"]]
        vocabulary = learned["models"][0].get_feature_names_out()
        chosen = found[0][:, learned["common"]].toarray()
        for column, word in enumerate(learned["common"]):
            add(f"{name}: {vocabulary[word]}", chosen[:, column])
        sparse.append(sp.hstack(found).tocsr())
        if learned["svd"] is not None:
            with threadpool_limits(1):
                topics = learned["svd"].transform(found[0])
            for column in range(topics.shape[1]):
                add(f"{name} (topic {column})", topics[:, column])


def _is_sign(letter: str) -> bool:
    return not letter.isalnum() and not letter.isspace()


def _varies(values: np.ndarray) -> bool:
    present = values[~np.isnan(values)]
    return len(present) > 0 and present.min() != present.max()


def _time_parts(times: pd.Series) -> dict[str, np.ndarray]:
    at = times.dt
    parts = {
        "days": (times - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1),
        "year": at.year,
        "month": at.month,
        "day": at.day,
        "weekday": at.dayofweek,
        "day of year": at.dayofyear,
        "hour": at.hour + at.minute / 60,
    }
    return {part: values.to_numpy(dtype="float64", na_value=np.nan) for part, values in parts.items()}
