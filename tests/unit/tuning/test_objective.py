"""What may be an objective, and when it counts as changed."""

from __future__ import annotations

import functools
import threading

import pytest

from gureum.errors import InvalidInput
from gureum.tuning.objective import fingerprint, pickle_objective, takes_trial
from gureum.tuning.worker import judge


def test_an_objective_takes_its_parameters_and_perhaps_the_trial():
    class Model:
        def __call__(self, params, trial):
            return 0

        def score(self, params):
            return 0

    assert not takes_trial(lambda params: 0)
    assert takes_trial(lambda params, trial: 0)
    assert takes_trial(lambda params, trial=None: 0)
    assert not takes_trial(lambda params, folds=5: 0)
    assert not takes_trial(functools.partial(lambda data, params: 0, [1]))
    assert takes_trial(Model())
    assert not takes_trial(Model().score)


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        (lambda: 0, "takes no parameters"),
        (lambda a, b, c: 0, "needs 3 arguments"),
        (lambda params, *, data: 0, "a keyword that no trial gives it"),
        (3, "int, not a function"),
    ],
)
def test_what_cannot_be_called_so_is_refused(objective, said):
    with pytest.raises(InvalidInput, match=said) as refused:
        takes_trial(objective)
    assert refused.value.code == "tuning.objective"


def test_layout_and_comments_do_not_change_an_objective_but_code_does(tmp_path):
    def load(text):
        path = tmp_path / f"{abs(hash(text))}.py"
        path.write_text(text)
        space: dict = {}
        exec(compile(text, str(path), "exec"), space)
        return space["f"]

    one = fingerprint(load("def f(p):\n    return p['x']\n"))
    assert one == fingerprint(load("def f(p):\n    # the same\n\n    return p[ 'x' ]\n"))
    assert one != fingerprint(load("def f(p):\n    return -p['x']\n"))
    assert one == fingerprint(functools.partial(load("def f(p):\n    return p['x']\n")))


def test_lambdas_of_one_line_are_told_apart():
    first, second = lambda p: p["x"] + 1, lambda p: p["x"] + 2
    assert fingerprint(first) != fingerprint(second)


def test_what_cannot_travel_to_a_worker_is_refused_with_a_cure():
    lock = threading.Lock()

    def objective(params):
        with lock:
            return 0

    with pytest.raises(InvalidInput, match="cannot be sent to worker processes") as refused:
        pickle_objective(objective)
    assert "inside the objective" in refused.value.hint


@pytest.mark.parametrize(
    ("value", "metric", "kind", "said"),
    [
        (float("nan"), None, "failed", "NaN"),
        (None, None, "failed", "NoneType, not a number"),
        ("0.5", None, "failed", "str, not a number"),
        ({"auc": 0.5}, None, "unusable", "dict of metrics ('auc')"),
        ({"auc": 0.5}, "f1", "failed", "no metric 'f1'"),
        ({"auc": None}, "auc", "failed", "not a number"),
    ],
)
def test_a_result_that_is_no_value_says_why(value, metric, kind, said):
    outcome = judge(value, metric)
    assert outcome["kind"] == kind
    assert said in outcome["reason"]


def test_other_metrics_are_kept_beside_the_one():
    assert judge({"auc": 0.5, "note": "x", "loss": 2}, "auc") == {
        "kind": "complete", "value": 0.5, "metrics": {"auc": 0.5, "loss": 2.0},
    }  # fmt: skip
