"""What weights, canaries and rollbacks do to an endpoint's value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gureum.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from gureum.serving.spec import ROUTES_MAX, EndpointSpec, Route, Shape, choose, stream_name, table_stem


def route(name: str, weight: int) -> Route:
    return Route(name, name, "1", f"mlflow-artifacts:/{name}", f"key-{name}", weight)


def weights(spec: EndpointSpec) -> dict[str, int]:
    return {one.deployment: one.weight for one in spec.routes}


def deployed(*steps: tuple[str, int]) -> EndpointSpec:
    spec = EndpointSpec()
    for at_ms, (name, weight) in enumerate(steps):
        spec = spec.deploy(route(name, weight), at_ms=at_ms, by="anna")
    return spec


def test_the_first_takes_all_and_a_canary_takes_its_share():
    assert weights(deployed(("a", 30))) == {"a": 100}
    assert weights(deployed(("a", 100), ("b", 10))) == {"a": 90, "b": 10}
    assert weights(deployed(("a", 100), ("b", 50), ("c", 10))) == {"a": 45, "b": 45, "c": 10}
    assert weights(deployed(("a", 100), ("b", 10), ("b", 60))) == {"a": 40, "b": 60}
    assert weights(deployed(("a", 100), ("b", 10), ("b", 100))) == {"b": 100}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 100)), min_size=1, max_size=12))
def test_weights_are_whole_percents_that_add_up(steps: list[tuple[str, int]]):
    spec = deployed(*steps)
    assert sum(weights(spec).values()) == 100
    assert all(0 <= weight <= 100 for weight in weights(spec).values())
    assert EndpointSpec.from_json(spec.to_json()) == spec


def test_a_rollback_goes_back_step_by_step_and_then_there_is_none():
    spec = deployed(("a", 100), ("b", 10), ("b", 100)).rollback()
    assert weights(spec) == {"a": 90, "b": 10}
    spec = spec.rollback()
    assert weights(spec) == {"a": 100}
    with pytest.raises(Conflict, match="no earlier"):
        spec.rollback()


def test_what_cannot_be_deployed_says_why():
    with pytest.raises(InvalidInput, match="0 to 100 percent, not 101"):
        deployed(("a", 101))
    with pytest.raises(LimitExceeded, match="at most"):
        deployed(*((name, 1 if at else 100) for at, name in enumerate("abcdefgh"[: ROUTES_MAX + 1])))
    other = Route("a", "x", "2", "mlflow-artifacts:/x", "key-x", 10)
    with pytest.raises(Conflict, match="serves another model"):
        deployed(("a", 100)).deploy(other, at_ms=0, by="anna")
    with pytest.raises(NotFound, match="did you mean 'canary'"):
        deployed(("canary", 100)).route("canari")


def test_requests_are_shared_by_weight_and_a_retry_meets_the_same_model():
    routes = deployed(("a", 100), ("b", 20)).routes
    ids = [f"request-{number}" for number in range(4000)]
    taken = [choose(routes, request_id).deployment for request_id in ids]
    assert 0.17 < taken.count("b") / len(ids) < 0.23
    assert taken == [choose(routes, request_id).deployment for request_id in ids]
    only = deployed(("a", 100), ("b", 0)).routes
    assert {choose(only, request_id).deployment for request_id in ids} == {"a"}


def test_models_of_other_columns_have_a_place_of_their_own():
    one, two = Shape(({"name": "a", "type": "DOUBLE"},), "DOUBLE"), Shape((), "STRING")
    spec, first = EndpointSpec().with_shape(one)
    spec, second = spec.with_shape(two)
    spec, again = spec.with_shape(one)
    assert (first, second, again) == (1, 2, 1)


def test_names_of_streams_and_tables_are_such_as_they_may_have():
    assert stream_name("a.b-1") == "endpoints.a.b-1"
    assert stream_name("고장").isascii()
    assert table_stem("고장-1") == "endpoints.고장_1"
    assert table_stem("1st") == "endpoints._1st"
