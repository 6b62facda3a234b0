"""Our store beside MLflow's own: the same batches leave the same rows, the same searches find the same runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest
from tests.effort import examples

pytest.importorskip("mlflow")

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import text

from gureum.tracking.database import tracking_url
from gureum.tracking.store import TrackingStore

pytestmark = [pytest.mark.xdist_group("store"), pytest.mark.filterwarnings("ignore")]  # MLflow's own warnings

ROOT = "mlflow-artifacts:/"
TABLES = {
    "metrics": "run_uuid, key, timestamp, step, value, is_nan",
    "latest_metrics": "run_uuid, key, timestamp, step, value, is_nan",
    "params": "run_uuid, key, value",
    "tags": "run_uuid, key, value",
}


@dataclass
class Pair:
    """MLflow's store and ours: over one database to search, over one each to write."""

    theirs: Any
    ours: TrackingStore


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, empty_tracking: Path) -> Iterator[Pair]:
    urls = []
    for name in ("theirs", "ours"):
        if request.param == "sqlite":
            shutil.copy(empty_tracking, tmp_path / name)
            urls.append(f"sqlite:///{tmp_path / name}")
        else:
            urls.append(tracking_url(request.getfixturevalue("new_postgres")(), tmp_path))
    stores = Pair(SqlAlchemyStore(urls[0], ROOT), TrackingStore(urls[1], ROOT))
    yield stores
    stores.theirs._dispose_engine()
    stores.ours._dispose_engine()


def seeded() -> Random:
    seed = int(os.environ.get("SEED") or SystemRandom().randrange(1 << 32))
    print(f"SEED={seed}")
    return Random(seed)


def value(chance: Random) -> float:
    return chance.choice([0.0, 1.0, -2.5, 0.5, float("nan"), float("inf"), float("-inf"), chance.random()])


def batch(chance: Random) -> tuple[list[Metric], list[Param], list[RunTag]]:
    metrics = [
        Metric(chance.choice("abc"), value(chance), chance.choice([1, 2, 1_700_000_000_000]), chance.randrange(-1, 3))
        for _ in range(chance.randrange(6))
    ]
    params = [Param(k, chance.choice(["1", "2", "말"])) for k in chance.sample(["p", "q", "r/s"], chance.randrange(3))]
    tags = [
        RunTag(chance.choice(["t", "u", "mlflow.runName"]), chance.choice(["x", "y", ""]))
        for _ in range(chance.randrange(4))
    ]
    return metrics, params, tags


def outcome(act: Any, *arguments: Any) -> str:
    try:
        act(*arguments)
    except MlflowException as error:
        return f"{error.error_code} {error.message}"
    return "done"


def rows(store: Any, table: str) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        found = connection.execute(text(f"SELECT {TABLES[table]} FROM {table}")).all()
    return sorted(map(tuple, found), key=repr)


def same_run(store: Any, run_id: str) -> None:
    """A run of a given id, so that two databases can be compared."""
    run = store.create_run("0", "anna", 1, [], "first")
    with store.engine.begin() as connection:
        for statement in (
            "DELETE FROM tags",
            f"UPDATE runs SET run_uuid = '{run_id}' WHERE run_uuid = '{run.info.run_id}'",
            f"INSERT INTO tags (run_uuid, key, value) VALUES ('{run_id}', 'mlflow.runName', 'first')",
        ):
            connection.execute(text(statement))


def test_the_same_batches_leave_the_same_rows(pair: Pair):
    chance = seeded()
    run_id = "0" * 32
    for store in (pair.theirs, pair.ours):
        same_run(store, run_id)
    for _ in range(examples(30)):
        metrics, params, tags = batch(chance)
        said = [outcome(store.log_batch, run_id, metrics, params, tags) for store in (pair.theirs, pair.ours)]
        assert said[0] == said[1], (metrics, params, tags)
        if metrics:
            said = [outcome(store.log_metric, run_id, metrics[0]) for store in (pair.theirs, pair.ours)]
            assert said == ["done", "done"]
        for table in TABLES:
            assert rows(pair.theirs, table) == rows(pair.ours, table), (table, metrics, params, tags)
    infos = [store.get_run(run_id).info for store in (pair.theirs, pair.ours)]
    assert infos[0].run_name == infos[1].run_name


def test_a_batch_that_is_refused_leaves_nothing(pair: Pair):
    run = pair.ours.create_run("0", "anna", 1, [], "first")
    pair.ours.log_batch(run.info.run_id, [], [Param("p", "1")], [])
    refused = pytest.raises(MlflowException, match="Changing param values is not allowed")
    with refused:
        pair.ours.log_batch(
            run.info.run_id, [Metric("a", 1.0, 1, 0)], [Param("q", "1"), Param("p", "2")], [RunTag("t", "x")]
        )
    data = pair.ours.get_run(run.info.run_id).data
    assert (data.metrics, data.params, "t" in data.tags) == ({}, {"p": "1"}, False)
    pair.ours.delete_run(run.info.run_id)
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        pair.ours.log_batch(run.info.run_id, [], [], [RunTag("t", "x")])
    with pytest.raises(MlflowException, match="not found"):
        pair.ours.log_batch("f" * 32, [], [], [RunTag("t", "x")])


def test_a_metric_of_a_model_is_the_models_too(pair: Pair):
    run_id = pair.ours.create_run("0", "anna", 1, [], "first").info.run_id
    model = pair.ours.create_logged_model("0", name="m", source_run_id=run_id)
    pair.ours.log_batch(run_id, [Metric("auc", 0.5, 1, 0, model_id=model.model_id)], [], [])
    assert [m.value for m in pair.ours.get_logged_model(model.model_id).metrics] == [0.5]


FILTERS = [
    None, "", "metrics.a > 0", "metrics.a != 0", "metrics.b <= 1 and params.p = '1'", "params.q LIKE '%2%'",
    "params.`r/s` != '말'", "tags.t = 'x'", "tags.t IS NULL", "params.p IS NOT NULL and metrics.c < 2",
    "attributes.status = 'RUNNING'", "attributes.start_time > 3", "run_name ILIKE '%RUN%'", "user_id = 'anna'",
    "datasets.name = 'd0'", "datasets.context = 'train' and metrics.a >= 0", "attributes.run_id IN ('x')",
]  # fmt: skip
ORDERS = [
    "metrics.a", "metrics.b DESC", "params.p", "params.`r/s` DESC", "tags.t", "attributes.start_time ASC", "run_name DESC",
    "status", "metrics.missing DESC", "end_time",
]  # fmt: skip


def fill(store: TrackingStore, chance: Random, runs: int) -> list[str]:
    ids = ["0", store.create_experiment("other")]
    for number in range(runs):
        run = store.create_run(
            chance.choice(ids), chance.choice(["anna", "bob"]), chance.randrange(8), [], f"run{number}"
        )
        for _ in range(chance.randrange(3)):
            outcome(store.log_batch, run.info.run_id, *batch(chance))
        for _ in range(chance.randrange(3)):
            name = f"d{chance.randrange(2)}"
            context = InputTag("mlflow.data.context", chance.choice(["train", "eval"]))
            store.log_inputs(
                run.info.run_id, [DatasetInput(Dataset(name, f"g{chance.randrange(2)}", "local", "{}"), [context])]
            )
        if chance.random() < 0.2:
            store.delete_run(run.info.run_id)
    return ids


def told(run: Any) -> dict[str, Any]:
    """A run as a dict, lists in one order, NaN equal to itself."""
    body = run.to_dictionary()
    data = {name: sorted(getattr(run.data, name).items(), key=repr) for name in ("metrics", "params", "tags")}
    inputs = sorted(
        (i.dataset.name, i.dataset.digest, sorted((t.key, t.value) for t in i.tags)) for i in run.inputs.dataset_inputs
    )
    return {"info": repr(sorted(body["info"].items(), key=repr)), "data": repr(data), "inputs": inputs}


def test_the_same_searches_find_the_same_runs_page_by_page(pair: Pair):
    chance = seeded()
    ids = fill(pair.ours, chance, 25)
    theirs = SqlAlchemyStore(pair.ours.db_uri, ROOT)
    for _ in range(examples(60)):
        arguments = (
            chance.choice([ids, ids[:1], []]),
            chance.choice(FILTERS),
            chance.choice([ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL]),
            chance.choice([1, 3, 7, 1000]),
            chance.sample(ORDERS, chance.randrange(4)),
        )
        token = None
        while True:
            wanted = theirs.search_runs(*arguments, page_token=token)
            found = pair.ours.search_runs(*arguments, page_token=token)
            assert [told(run) for run in found] == [told(run) for run in wanted], arguments
            assert found.token == wanted.token, arguments
            token = found.token
            if token is None:
                break


@pytest.mark.parametrize(
    ("filter_string", "order"),
    [
        ("metrics.a >", []),
        ("nothing.a = 1", []),
        ("params.p > '1'", []),
        ("", ["metrics.a", "metrics.a"]),
        ("", ["x y z"]),
    ],
)
def test_a_wrong_search_is_refused_in_the_same_words(pair: Pair, filter_string: str, order: list[str]):
    arguments = (["0"], filter_string, ViewType.ALL, 10, order)
    said = [outcome(store.search_runs, *arguments) for store in (pair.theirs, pair.ours)]
    assert said[0] == said[1]
    assert said[0] != "done"


def test_metrics_of_two_writers_at_once_keep_the_latest(pair: Pair):
    from concurrent.futures import ThreadPoolExecutor

    run_id = pair.ours.create_run("0", "anna", 1, [], "first").info.run_id

    def write(writer: int) -> None:
        for step in range(20):
            keys = ["a", "b"] if writer else ["b", "a"]
            pair.ours.log_batch(run_id, [Metric(key, float(step), step, step) for key in keys], [], [])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert pair.ours.get_run(run_id).data.metrics == {"a": 19.0, "b": 19.0}
    assert len(rows(pair.ours, "metrics")) == 40
