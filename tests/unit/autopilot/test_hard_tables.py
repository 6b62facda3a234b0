"""Tables as people have them: each is learned from, or refused by a message that names the culprit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gureum import autopilot
from gureum.errors import InvalidInput, NotFound
from gureum.testing.clock import ManualClock

ROWS = 60


def plain(rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=rows), rng.integers(0, 3, rows)
    bought = np.where(a + (b == 1) + rng.normal(size=rows) > 0, "yes", "no")
    return pd.DataFrame({"a": a, "b": np.array(["x", "y", "z"])[b], "bought": bought})


def fit(table, target="bought", **options):
    given = {"include": ["linear"], "candidates": 1, "n_jobs": 1, "clock": ManualClock(), "folds": 3}
    return autopilot.fit(table, target, **(given | options))


def reasons(result) -> str:
    return "\n".join(finding.reason for finding in result.findings)


REFUSED = {
    "a wrong target with a near name": (lambda t: t, {"target": "bougt"}, NotFound, "'bougt'.*did you mean.*bought"),
    "an empty table": (lambda t: t.head(0), {}, InvalidInput, "empty"),
    "no columns": (lambda t: t[[]], {}, InvalidInput, "empty"),
    "three rows": (lambda t: t.head(3), {}, InvalidInput, "3 rows have a target; at least 10"),
    "a single class": (lambda t: t.assign(bought="yes"), {}, InvalidInput, "'bought' has a single class, 'yes'"),
    "a constant number": (lambda t: t.assign(bought=2.5), {"task": "regression"}, InvalidInput, "'bought' is 2.5 in every row"),
    "a target without a value": (lambda t: t.assign(bought=None), {}, InvalidInput, "'bought' has no value in any row"),
    "two columns of one name": (lambda t: t.rename(columns={"b": "a"}), {}, InvalidInput, "two columns are named 'a'"),
    "names that are the same as text": (lambda t: t.set_axis([1, "1", "bought"], axis=1), {}, InvalidInput, "two columns are named '1'"),
    "nothing but the target": (lambda t: t[["bought"]], {}, InvalidInput, "no column is left to predict 'bought' from"),
    "nothing but empty columns": (lambda t: t[["bought"]].assign(e=np.nan), {}, InvalidInput, "'e' has no value at all"),
    "an id for a target": (lambda t: t.assign(bought=[f"r{i}x" for i in range(len(t))]).loc[lambda t: t.index.repeat(5)], {"task": "multiclass"}, None, None),
    "too many classes": (lambda t: pd.concat([t] * 4).assign(bought=[f"r{i}x" for i in range(4 * ROWS)]), {"task": "multiclass"}, InvalidInput, "'bought' has 240 classes"),
    "words to regress": (lambda t: t, {"task": "regression"}, InvalidInput, "'bought' is not a number"),
    "three classes for two": (lambda t: t, {"task": "binary", "target": "b"}, InvalidInput, "'b' has 3 classes, not two"),
    "an unknown task": (lambda t: t, {"task": "ranking"}, InvalidInput, "no task 'ranking'"),
    "an unknown metric": (lambda t: t, {"metric": "roc_auk"}, InvalidInput, "no metric 'roc_auk'.*roc_auc"),
    "a metric of another task": (lambda t: t, {"metric": "rmse"}, InvalidInput, "'rmse' does not judge a binary task"),
    "an unknown option": (lambda t: t, {"time_colum": "a"}, InvalidInput, "no option 'time_colum'.*time_column"),
    "an unknown family": (lambda t: t, {"include": ["lightgbn"]}, InvalidInput, "no model family 'lightgbn'"),
    "an unknown positive label": (lambda t: t, {"positive": "maybe"}, InvalidInput, "'maybe' is not one of two classes"),
    "an unknown column to ignore": (lambda t: t, {"ignore": ["c"]}, NotFound, "no column 'c' for ignore"),
    "no time at all": (lambda t: t, {"budget_s": 0}, InvalidInput, "budget_s=0"),
    "a file that is not there": (lambda t: "no/such.csv", {}, NotFound, "no/such.csv"),
    "something else": (lambda t: 42, {}, InvalidInput, "cannot read a table from int"),
    "one group": (lambda t: t.assign(g=1), {"group_column": "g", "folds": None}, InvalidInput, "'g' has a single group"),
}  # fmt: skip


@pytest.mark.parametrize("case", [name for name, entry in REFUSED.items() if entry[2] is not None])
def test_what_cannot_be_learned_from_is_refused_by_name(case):
    change, options, error, words = REFUSED[case]
    with pytest.raises(error, match=f"(?s){words}"):
        fit(change(plain()), **options)


STAMPS = pd.date_range("2024-01-01", periods=ROWS, freq="D")
LEARNED = {
    "numbers without an end": lambda t: t.assign(c=np.where(np.arange(ROWS) % 7 == 0, np.inf, t["a"])),
    "gaps in the target": lambda t: t.assign(bought=t["bought"].where(np.arange(ROWS) % 9 != 0)),
    "an empty column": lambda t: t.assign(c=np.nan, d=None),
    "mixed objects": lambda t: t.assign(c=[1, "two", 3.5, None, True] * (ROWS // 5)),
    "lists": lambda t: t.assign(c=[[1, 2], [3]] * (ROWS // 2)),
    "names that are numbers": lambda t: t.assign(**{"0": 1.0}).rename(columns={"a": 3, "b": ("x", 1)}),
    "times with a zone": lambda t: t.assign(c=STAMPS.tz_localize("Asia/Seoul")),
    "times with many zones": lambda t: t.assign(c=[str(s) + z for s, z in zip(STAMPS, ["+09:00", "-05:00"] * (ROWS // 2), strict=True)]),
    "dates as objects": lambda t: t.assign(c=[dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(ROWS)]),
    "times out of range": lambda t: t.assign(c=["9999-12-31"] + [str(s) for s in STAMPS[1:]]),
    "durations": lambda t: t.assign(c=pd.to_timedelta(np.arange(ROWS), unit="h")),
    "periods": lambda t: t.assign(c=pd.period_range("2024-01", periods=ROWS, freq="M")),
    "booleans": lambda t: t.assign(c=t["a"] > 0),
    "nullable types": lambda t: t.assign(c=pd.array([1, None] * (ROWS // 2), dtype="Int64"), d=pd.array([True, None, False] * (ROWS // 3), dtype="boolean"), e=pd.array(["u", None] * (ROWS // 2), dtype="string")),
    "categories": lambda t: t.assign(b=t["b"].astype("category"), bought=t["bought"].astype("category")),
    "categories that are numbers": lambda t: t.assign(c=pd.Categorical(np.arange(ROWS) % 4)),
    "Arrow types": lambda t: pa.Table.from_pandas(t).to_pandas(types_mapper=pd.ArrowDtype),
    "Arrow decimals and times": lambda t: t.assign(c=pd.Series([Decimal("1.5")] * 30 + [None] * 30, dtype=pd.ArrowDtype(pa.decimal128(9, 2))), d=pd.Series(STAMPS, dtype=pd.ArrowDtype(pa.timestamp("us", "UTC")))),
    "an Arrow table": lambda t: pa.Table.from_pandas(t),
    "decimals": lambda t: t.assign(c=[Decimal(i) / 7 for i in range(ROWS)]),
    "an unordered index": lambda t: t.set_index(pd.Index(np.arange(ROWS) % 3)),
    "a class with one row": lambda t: t.assign(bought=["once", *t["bought"].iloc[1:]]),
    "a target of booleans": lambda t: t.assign(bought=t["bought"] == "yes"),
    "a target of nullable integers": lambda t: t.assign(bought=pd.array([1 if b == "yes" else 0 for b in t["bought"]], dtype="Int64")),
    "a target of mixed kinds": lambda t: t.assign(bought=[1 if b == "yes" else "no" for b in t["bought"]]),
    "huge numbers": lambda t: t.assign(c=t["a"] * 1e300),
    "complex text": lambda t: t.assign(c=[f"the words of row {i} and others\n\ttoo 구름" for i in range(ROWS)]),
    "megabyte cells": lambda t: t.assign(c=["word " * 200_000] + ["few words in this cell " + str(i) for i in range(ROWS - 1)]),
    "blank text": lambda t: t.assign(c=[" ", ""] * (ROWS // 2)),
    "money as text": lambda t: t.assign(c=[f"${1000 + i:,}.50" for i in range(ROWS)]),
}  # fmt: skip


@pytest.mark.parametrize("case", LEARNED)
def test_what_can_be_learned_from_is(case, tmp_path):
    table = LEARNED[case](plain())
    result = fit(table, folder=tmp_path)
    probabilities = result.model.predict_proba(table)
    assert probabilities.shape == (ROWS, len(result.model.classes_))
    assert np.isfinite(probabilities).all()
    assert set(result.model.predict(table)) <= set(result.model.classes_)
    assert not [
        out
        for cell in result.notebooks["exploration"]["cells"]
        for out in cell.get("outputs", ())
        if out["output_type"] == "error"
    ]
    # What was kept beside the program means the same as what came in.
    kept = pd.read_parquet(tmp_path / "data.parquet")
    again = type(result.model)(result.model.spec, result.model.learners).fit(kept)
    np.testing.assert_allclose(again.predict_proba(table), probabilities, atol=1e-9)


def test_dates_and_gaps_are_told():
    table = plain().assign(c=np.nan, bought=plain()["bought"].where(np.arange(ROWS) != 5))
    words = reasons(fit(table))
    assert "'c' has no value at all" in words
    assert "1 rows are left out: they have no 'bought'" in words


def test_an_id_is_left_out_with_its_reason():
    table = plain().assign(customer=[f"C-{i:05d}" for i in range(ROWS)], row=np.arange(ROWS))
    result = fit(table)
    left_out = {finding.column for finding in result.findings if finding.left_out}
    assert left_out == {"customer", "row"}
    assert "counts the rows" in reasons(result)
    assert "customer" in fit(table, keep=["customer"]).model.spec["kinds"]


def test_prediction_takes_unseen_categories_and_more_columns_but_not_fewer():
    table = plain()
    model = fit(table).model
    new = table.head(4).assign(b=["never seen", None, "x", "y"], more=1)
    assert np.isfinite(model.predict_proba(new)).all()
    assert (model.predict_proba(new[["more", "b", "a"]]) == model.predict_proba(new)).all()
    with pytest.raises(ValueError, match="lacks the column 'b'"):
        model.predict(table[["a"]])
    assert len(model.predict(table.head(0))) == 0


def test_labels_come_back_in_their_own_type():
    table = plain()
    numbers = table.assign(bought=(table["bought"] == "yes").astype(int))
    assert set(fit(numbers).model.predict(numbers)) <= {0, 1}
    assert fit(table, positive="no").model.classes_.tolist() == ["yes", "no"]


def test_a_rare_class_and_imbalance_are_told():
    table = plain(400).assign(bought=["rare"] * 3 + ["often"] * 397)
    words = reasons(fit(table))
    assert "class 'rare' has only 3 rows" in words
    assert "accuracy would be blind" in words
