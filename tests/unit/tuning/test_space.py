"""A space is plain data; what is none is refused by name before anything runs."""

from __future__ import annotations

import json

import optuna
import pytest

from gureum.errors import InvalidInput
from gureum.tuning import choice, float_range, int_range, log_float, log_int
from gureum.tuning.space import Space

NESTED = {
    "lr": log_float(1e-5, 1e-1),
    "optimizer": choice({"adam": {}, "sgd": {"momentum": float_range(0.0, 0.9), "kind": choice({"a": {"n": int_range(1, 2)}})}}),
    "sizes": choice({"small": (8,), "large": (8, 8)}),
}  # fmt: skip


def draws(space: Space, count: int) -> list[dict]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    return [space.draw(study.ask()) for _ in range(count)]


def test_every_draw_is_within_its_range():
    space = Space(
        {
            "f": float_range(-1, 1, step=0.5),
            "i": int_range(2, 8, step=3),
            "l": log_int(1, 100),
            "c": choice(["x", None]),
        }
    )
    for params in draws(space, 50):
        assert params["f"] in {-1.0, -0.5, 0.0, 0.5, 1.0}
        assert params["i"] in {2, 5, 8}
        assert 1 <= params["l"] <= 100
        assert params["c"] in {"x", None}


def test_a_space_under_a_choice_is_drawn_only_with_its_option():
    drawn = draws(Space(NESTED), 60)
    for params in drawn:
        assert ("momentum" in params) == (params["optimizer"] == "sgd") == ("n" in params)
        assert params["sizes"] in {(8,), (8, 8)}
    assert {params["optimizer"] for params in drawn} == {"adam", "sgd"}


def test_parameters_under_a_choice_have_paths_for_optuna_and_plain_names_for_the_objective():
    space = Space(NESTED)
    assert "optimizer.sgd.kind.a.n" in space.keys
    kept = {"lr": 0.1, "optimizer": "sgd", "optimizer.sgd.momentum": 0.5, "sizes": "large"}
    assert space.from_suggested(kept) == {"lr": 0.1, "optimizer": "sgd", "momentum": 0.5, "sizes": (8, 8)}


def test_two_branches_of_one_choice_may_use_the_same_name():
    space = Space({"m": choice({"a": {"lr": log_float(1e-3, 1)}, "b": {"lr": float_range(0, 9)}})})
    assert all("lr" in params for params in draws(space, 20))


def test_the_text_of_a_space_changes_with_it_and_with_nothing_else():
    assert Space(NESTED).to_json() == Space(dict(reversed(NESTED.items()))).to_json()
    assert Space({"a": int_range(1, 4)}).to_json() != Space({"a": int_range(1, 5)}).to_json()
    assert json.loads(Space(NESTED).to_json())["lr"] == ["float", 1e-5, 1e-1, True, None]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Space({}), "the space is empty"),
        (lambda: Space([1]), "a space is a dict of parameters, not list"),
        (lambda: Space({"lr": (0, 1)}), "parameter 'lr' is (0, 1), neither a range nor a choice"),
        (lambda: Space({"lr": [1, 2]}), "neither a range nor a choice"),
        (lambda: Space({"m": choice({"a": {"b": 3}})}), "parameter 'm.a.b' is 3"),
        (lambda: Space({3: int_range(1, 2)}), "a parameter's name is text, not 3"),
        (lambda: Space({"m": choice({"a": {"m": int_range(1, 2)}})}), "'m.a.m' has the name of one around it"),
        (
            lambda: Space({"m": choice({"a": {"x": int_range(1, 2)}}), "n": choice({"b": {"x": int_range(1, 2)}})}),
            "has the name of one around it",
        ),
        (lambda: Space({"m": choice({"a": {"b": int_range(1, 2)}}), "m.a.b": int_range(1, 2)}), "two parameters have the path"),
        (lambda: float_range(2, 1), "low is above high"),
        (lambda: int_range(5, 1), "low is above high"),
        (lambda: log_float(0, 1), "a logarithmic range begins above 0"),
        (lambda: log_int(-1, 10), "a logarithmic range begins above 0"),
        (lambda: float_range(0, float("inf")), "bounds are finite numbers, not inf"),
        (lambda: float_range("0", 1), "bounds are finite numbers, not '0'"),
        (lambda: int_range(0.5, 1), "bounds are whole numbers, not 0.5"),
        (lambda: int_range(0, 9, step=0), "a step is above 0"),
        (lambda: choice([]), "a choice needs at least one option"),
        (lambda: choice("relu"), "give a list of options"),
        (lambda: choice([(8,), (8, 8)]), "name it: choice({'a name': (8,), ...})"),
        (lambda: choice([1, True]), "options are equal to each other"),
        (lambda: choice(["a", "a"]), "options are equal to each other"),
    ],
)  # fmt: skip
def test_what_is_no_space_is_refused_with_a_reason(make, said):
    with pytest.raises(InvalidInput) as refused:
        make()
    assert said in str(refused.value)
    assert refused.value.code == "tuning.space"
