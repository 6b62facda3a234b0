"""The table of MLflow's methods, held against MLflow itself: what it does not name is refused, what it names exists."""

from __future__ import annotations

import inspect

import pytest

pytest.importorskip("mlflow")

from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from gureum import errors
from gureum.tracking.errors import ERROR_CODES, to_mlflow
from gureum.tracking.guard import (
    _REGISTRY_OWN,
    _SUBJECTS,
    _TRACKING_OWN,
    REGISTRY,
    TRACKING,
    Guard,
    guarded_registry,
    guarded_tracking,
)
from gureum.types import Permission

STORES = [(SqlAlchemyStore, TRACKING, _TRACKING_OWN), (RegistryStore, REGISTRY, _REGISTRY_OWN)]


@pytest.mark.parametrize(("store", "table", "own"), STORES, ids=["tracking", "registry"])
def test_each_rule_is_about_a_method_and_an_argument_that_mlflow_has(store, table, own):
    for name, rule in table.items():
        method = getattr(store, name)
        if rule is not None:
            argument, _ = rule
            assert argument in inspect.signature(method).parameters, f"{name} has no {argument}"
            assert argument in _SUBJECTS
    assert not set(own) & set(table)
    assert all(hasattr(store, name) for name in own)


def test_whatever_only_looks_needs_no_more_than_read():
    looks = ("get_", "search_", "list_", "batch_get", "query_")
    wrong = {
        name: rule
        for table in (TRACKING, REGISTRY)
        for name, rule in table.items()
        if rule is not None and name.startswith(looks) != (rule[1] is Permission.READ)
    }
    assert wrong.keys() == {"filter_active_experiment_ids", "calculate_trace_filter_correlation"}, wrong


def test_a_method_outside_the_table_is_refused():
    tracking = guarded_tracking(Guard(None, SqlAlchemyStore, None))
    registry = guarded_registry(Guard(None, None, RegistryStore))
    for store, name in [
        (tracking, "create_gateway_secret"),
        (tracking, "register_scorer"),
        (registry, "create_webhook"),
    ]:
        with pytest.raises(MlflowException, match=f"does not offer MLflow's {name}") as refused:
            getattr(store, name)()
        assert refused.value.error_code == "PERMISSION_DENIED"


def test_every_error_of_ours_has_a_word_of_mlflows():
    assert ERROR_CODES.keys() == set(errors.GureumError.__subclasses__())
    for kind, code in ERROR_CODES.items():
        assert to_mlflow(kind("what", hint="do")).error_code == code
