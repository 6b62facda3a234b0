"""The leaderboard over tables that MLflow itself has made and filled."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlflow")

from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag, ViewType

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.errors import InvalidInput, NotFound
from gureum.names import Kind
from gureum.settings import Settings
from gureum.tracking.database import FILE_NAME, tracking_url
from gureum.tracking.leaderboard import Leaderboard
from gureum.tracking.reading import Reading
from gureum.tracking.store import TrackingStore
from gureum.types import Actor, Permission, Role

pytestmark = [pytest.mark.xdist_group("store"), pytest.mark.filterwarnings("ignore")]  # MLflow's own warnings

ANNA, BOB = Actor("anna", Role.EDITOR), Actor("bob", Role.EDITOR)


@dataclass
class Board:
    """A leaderboard, and MLflow's store to write what it shows."""

    board: Leaderboard
    store: TrackingStore
    platform: Platform
    experiment: str = ""

    def run(self, name: str, start: int, metrics: dict[str, float], params: dict[str, Any], **tags: str) -> str:
        info = self.store.create_run(self.experiment, "anna", start, [], name).info
        self.store.log_batch(
            info.run_id,
            [Metric(key, value, start, 0) for key, value in metrics.items()],
            [Param(key, str(value)) for key, value in params.items()],
            [RunTag(key, value) for key, value in tags.items()],
        )
        return str(info.run_id)

    def names(self, **options: Any) -> list[str | None]:
        return self.board.page(self.experiment, **options).runs.name


@pytest.fixture(params=["sqlite", "postgresql"])
def board(request: pytest.FixtureRequest, tmp_path: Path, empty_tracking: Path) -> Iterator[Board]:
    if request.param == "sqlite":
        shutil.copy(empty_tracking, tmp_path / FILE_NAME)
        url = tracking_url("", tmp_path)
    else:
        url = tracking_url(request.getfixturevalue("new_postgres")(), tmp_path)
    platform = Platform(Settings(folder=tmp_path), environment={})
    store = TrackingStore(url, "mlflow-artifacts:/")
    reading = Reading(url)
    made = Board(Leaderboard(reading, platform.catalog), store, platform)
    made.experiment = store.create_experiment("a/churn")
    platform.catalog.create("a/churn", ANNA, kind=Kind.EXPERIMENT, spec={})
    yield made
    reading.close()
    store._dispose_engine()
    platform.close()


def test_runs_sort_by_any_column_numbers_as_numbers_and_what_is_missing_last(board: Board):
    board.run("two", 1, {"auc": 0.9}, {"depth": 10}, stage="dev")
    board.run("one", 2, {"auc": float("nan")}, {"depth": 9}, stage="prod")
    board.run("three", 3, {"auc": 0.95}, {"depth": "deep"})
    board.run("none", 4, {}, {})
    assert board.names() == ["none", "three", "one", "two"]
    assert board.names(sort="metrics.auc") == ["three", "two", "none", "one"]
    assert board.names(sort="metrics.auc", descending=False) == ["two", "three", "none", "one"]
    assert board.names(sort="params.depth", descending=False) == ["one", "two", "three", "none"]
    assert board.names(sort="tags.stage") == ["one", "two", "none", "three"]
    assert board.names(sort="run_name", descending=False) == ["none", "one", "three", "two"]
    assert board.names(sort="metrics.auc", offset=1, limit=2) == ["two", "none"]
    page = board.board.page(board.experiment, columns=["metrics.auc", "params.depth"], sort="run_name")
    assert [(c.kind, c.name, c.values) for c in page.columns] == [
        ("metrics", "auc", [0.9, 0.95, "NaN", None]),
        ("params", "depth", ["10", "deep", "9", None]),
    ]
    assert (page.total, page.running) == (4, 4)
    assert page.known == {"metrics": ["auc"], "params": ["depth"], "tags": ["stage"]}
    with pytest.raises(InvalidInput, match="not a column"):
        board.names(sort="depth")


FILTERS = [
    "metrics.a > 0.5", "metrics.a != 0", "metrics.b <= 0", "params.p = '2'", "params.q LIKE '%B%'", "params.q ILIKE '%B%'",
    "params.p != '1' and metrics.a < 0.7", "tags.t IS NULL", "tags.t IS NOT NULL", "attributes.status = 'FINISHED'",
    "attributes.start_time >= 5", "attributes.run_name LIKE 'run1%'", "tags.t = 'x' and tags.t != 'y'",
]  # fmt: skip


def test_filters_of_mlflows_grammar_find_what_mlflow_finds(board: Board):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"SEED={seed}")
    chance = random.Random(seed)
    for number in range(20):
        metrics = {k: chance.choice([0.0, float("nan"), chance.random()]) for k in "ab" if chance.random() < 0.8}
        params = {"p": chance.randrange(4), "q": chance.choice(["aBc", "abc", "x"])}
        tags = {"t": chance.choice("xy")} if chance.random() < 0.5 else {}
        board.run(f"run{number}", number, metrics, params if chance.random() < 0.9 else {}, **tags)
    for text in FILTERS:
        wanted = board.store.search_runs([board.experiment], text, ViewType.ACTIVE_ONLY, 1000, ["start_time DESC"])
        assert board.names(filter_text=text) == [run.info.run_name for run in wanted], text


def test_parameters_that_are_numbers_compare_as_numbers(board: Board):
    for number, value in enumerate(["9", "10", "1e2", "deep", "-3"]):
        board.run(value, number, {}, {"depth": value})
    assert board.names(filter_text="params.depth > 9.5") == ["1e2", "10"]
    assert board.names(filter_text="params.depth < 0") == ["-3"]
    assert board.names(filter_text="ee") == ["deep"]
    assert board.names(filter_text="%") == []


def test_a_curve_is_thinned_and_keeps_its_ends(board: Board):
    run = board.run("long", 1, {}, {})
    points = [Metric("loss", float(step) if step != 7 else float("inf"), step, step) for step in range(1000)]
    board.store.log_batch(run, points, [], [])
    board.store.log_batch(run, [Metric("auc", 0.5, 1, 1)], [], [])
    loss, auc = board.board.curves(board.experiment, run_ids=[run], metrics=["loss", "auc", "no"], points_max=100)
    assert (loss.points, loss.step[0], loss.step[-1]) == (1000, 0, 999)
    assert 100 <= len(loss.step) <= 101
    assert auc.value == [0.5]
    (whole,) = board.board.curves(board.experiment, run_ids=[run], metrics=["loss"], points_max=5000)
    assert whole.value[:9] == [0, 1, 2, 3, 4, 5, 6, "Infinity", 8]
    other = board.store.create_experiment("other")
    assert board.board.curves(other, run_ids=[run], metrics=["loss"]) == []
    with pytest.raises(InvalidInput, match="at most 200 curves"):
        board.board.curves(board.experiment, run_ids=[run] * 201, metrics=["loss"])


def test_one_run_tells_all_of_it(board: Board):
    tables = {"gureum.tables": '[{"name": "main.readings", "version": 3}, {"broken": 1}]'}
    parent = board.run("parent", 1, {"auc": 0.5, "acc": float("-inf")}, {"depth": 3}, **tables)
    board.run(
        "child", 2, {}, {}, **{"mlflow.parentRunId": parent, "gureum.tables": '[{"name": "main.t", "version": 1}]'}
    )
    board.store.log_inputs(parent, [DatasetInput(Dataset("readings", "v3", "gureum", "{}"), [])])
    found = board.board.run(parent, ANNA)
    assert (found["name"], found["experiment"], found["children"], found["status"]) == (
        "parent",
        "a/churn",
        1,
        "running",
    )
    assert [(m["name"], m["value"]) for m in found["metrics"]] == [("acc", "-Infinity"), ("auc", 0.5)]
    assert found["tables"] == []  # a tag that is not ours
    assert found["datasets"] == [{"name": "readings", "digest": "v3", "source_type": "gureum"}]
    child = board.board.page(board.experiment, sort="start_time").runs.id[0]
    assert board.board.run(child, ANNA)["tables"] == [{"name": "main.t", "version": 1}]


def test_only_what_one_may_read_is_listed(board: Board):
    board.run("first", 5, {}, {})
    hidden = board.store.create_experiment("bobs")
    board.platform.catalog.create("bobs", BOB, kind=Kind.EXPERIMENT, spec={})
    mine = board.board.experiments(ANNA)
    assert [(e.name, e.owner, e.runs, e.running, e.last_run_at_ms) for e in mine] == [("a/churn", "anna", 1, 1, 5)]
    assert {e.name for e in board.board.experiments(SYSTEM)} == {"a/churn", "bobs"}
    with pytest.raises(NotFound):
        board.board.experiment(hidden, ANNA)
    with pytest.raises(NotFound) as wrong:
        board.board.experiments(ANNA, name="a/chrun")
    assert wrong.value.hint == "did you mean 'a/churn'?"
    board.platform.catalog.grant(BOB, kind=Kind.EXPERIMENT, name="bobs", grantee="anna", permission=Permission.READ)
    assert board.board.experiment(hidden, ANNA).permission is Permission.READ
    board.store.delete_experiment(hidden)
    with pytest.raises(NotFound):
        board.board.experiment_name(hidden)


def test_deleted_runs_are_gone(board: Board):
    run = board.run("first", 5, {"a": 1.0}, {})
    board.store.delete_run(run)
    page = board.board.page(board.experiment)
    assert (page.total, page.known["metrics"]) == (0, [])
    with pytest.raises(NotFound):
        board.board.experiment_name_of_run(run)


def test_before_mlflow_has_ever_run_there_is_nothing(tmp_path: Path):
    platform = Platform(Settings(folder=tmp_path), environment={})
    assert platform.leaderboard.experiments(SYSTEM) == []
    assert platform.models.list(SYSTEM) == []
    with pytest.raises(NotFound):
        platform.leaderboard.experiment_name("0")
    with pytest.raises(NotFound):
        platform.leaderboard.experiment_name("drop")
    platform.close()
