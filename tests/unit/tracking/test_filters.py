"""The leaderboard's filters: what is understood, and what is said of what is not."""

import pytest

from gureum.errors import InvalidInput
from gureum.tracking.filters import Clause, field, parse_filter


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("", []),
        ("warm", [Clause("attributes", "run_name", "contains", "warm")]),
        ("metrics.auc > 0.9", [Clause("metrics", "auc", ">", 0.9)]),
        ("metric.`f1 score` <= -1e-3", [Clause("metrics", "f1 score", "<=", -0.001)]),
        ("params.a = '3' AND tags.b LIKE 'it''s%'", [Clause("params", "a", "=", "3"), Clause("tags", "b", "LIKE", "it's%")]),
        ("params.depth >= 3", [Clause("params", "depth", ">=", 3.0)]),
        ("tags.x IS NULL and tags.y is not null", [Clause("tags", "x", "IS NULL"), Clause("tags", "y", "IS NOT NULL")]),
        ("attributes.status IN ('FAILED', 'KILLED')", [Clause("attributes", "status", "IN", ("FAILED", "KILLED"))]),
        ("run_name ILIKE \"%w%\"", [Clause("attributes", "run_name", "ILIKE", "%w%")]),
        ("metrics.eval/loss != 2", [Clause("metrics", "eval/loss", "!=", 2.0)]),
    ],
)  # fmt: skip
def test_a_filter_is_its_clauses(text, clauses):
    assert parse_filter(text) == clauses


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrics.auc >", "at its end"),
        ("metrics.auc > 'high'", "compared with a number"),
        ("metrics.auc > 1 or metrics.auc < 0", "joined by AND"),
        ("nothing.a = 1", "not a column of runs"),
        ("attributes.stat = 'x'", "no attribute 'stat'"),
        ("params.a LIKE 3", "is for text"),
        ("params.a IN ('x'", "not understood"),
        ("tags.a IS 3", "not understood"),
        ("metrics.a > 1 ; drop table runs", "near '; drop"),
        ("metrics.a = 1 and " * 40 + "metrics.a = 1", "at most 30"),
        ("x" * 5000, "at most 4000"),
    ],
)
def test_a_wrong_filter_says_where_and_why(text, said):
    with pytest.raises(InvalidInput, match=said):
        parse_filter(text)


def test_a_wrong_attribute_has_a_near_one():
    with pytest.raises(InvalidInput) as wrong:
        field("attributes.stat_time")
    assert wrong.value.hint == "did you mean 'start_time'?"
