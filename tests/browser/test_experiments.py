"""Experiments in Studio: the leaderboard of thousands of runs, and a comparison, as a person uses them."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import create_engine, insert, update

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.names import Kind
from gureum.settings import Settings
from gureum.testing.platform import RunningPlatform, start_platform
from gureum.tracking.database import prepare, tracking_url
from gureum.tracking.rows import EXPERIMENTS, LATEST, METRICS, PARAMS, REGISTERED, RUNS, TAGS, VERSIONS
from gureum.tracking.store import make_tables

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.xdist_group("browser")]

EXPERIMENT = "/Users/지수/churn (v2)"
RUNS_MADE = 3_000

# A page that is loaded anew on two busy cores.
expect.set_options(timeout=30_000)


@dataclass
class Filled:
    """An experiment as a tuning of some hours leaves it, written at once below MLflow."""

    platform: RunningPlatform
    id: str
    names: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with start_platform(tmp_path_factory.mktemp("experiments") / "data") as platform:
        yield fill(platform)


def fill(platform: RunningPlatform) -> Filled:
    url = tracking_url("", platform.folder)
    prepare(url, make_tables)  # MLflow's own tables, without its process: reading them wakes nothing
    filled = Filled(platform, "7")
    chance = random.Random(11)
    rows: dict[Any, list[dict[str, Any]]] = {RUNS: [], METRICS: [], LATEST: [], PARAMS: [], TAGS: []}
    for number in range(RUNS_MADE):
        run_id = uuid.UUID(int=chance.getrandbits(128)).hex
        filled.ids.append(run_id)
        filled.names.append(f"trial-{number}")
        rows[RUNS].append(
            {"run_uuid": run_id, "name": filled.names[-1], "user_id": "지수", "status": "RUNNING" if number == 0 else "FINISHED",
             "start_time": 1_790_000_000_000 - number * 60_000, "end_time": None if number == 0 else 1_790_000_090_000 - number * 60_000,
             "lifecycle_stage": "active", "artifact_uri": f"mlflow-artifacts:/{filled.id}/{run_id}/artifacts", "experiment_id": int(filled.id)}
        )  # fmt: skip
        for key, value in (("auc", number / RUNS_MADE), ("val_loss", 1 - number / RUNS_MADE)):
            point = {"run_uuid": run_id, "key": key, "timestamp": 1, "is_nan": False}
            rows[LATEST].append({**point, "value": value, "step": 5})
            if number < 30:
                rows[METRICS] += [{**point, "value": value * step / 5, "step": step} for step in range(6)]
        for key, text in (("depth", str(number % 12)), ("booster", chance.choice(["gbdt", "dart"])), ("seed", "1")):
            rows[PARAMS].append({"run_uuid": run_id, "key": key, "value": text})
    rows[TAGS].append(
        {"run_uuid": filled.ids[1], "key": "gureum.tables", "value": '[{"name": "main.readings", "version": 3}]'}
    )
    engine = create_engine(url)
    with engine.begin() as connection:
        made = {"experiment_id": 7, "name": EXPERIMENT, "lifecycle_stage": "active", "creation_time": 1}
        connection.execute(insert(EXPERIMENTS).values(**made))
        for table, values in rows.items():
            connection.execute(insert(table), values)
    engine.dispose()
    named(platform, Kind.EXPERIMENT, EXPERIMENT)
    return filled


def named(platform: RunningPlatform, kind: Kind, name: str) -> None:
    """Its name in the catalog, as MLflow's process would have given it."""
    other = Platform(Settings(folder=platform.folder), environment={})
    other.catalog.create(name, SYSTEM, kind=kind, spec={})
    other.close()


def sign_in(page: Page, platform: RunningPlatform, path: str) -> None:
    link = platform.client.request("POST", "/users/operator/link")
    page.goto(f"{link}?next={path}")
    expect(page.get_by_test_id("account")).to_contain_text("operator")


def row_names(page: Page, count: int) -> list[str | None]:
    rows = page.get_by_test_id("run-row")
    return [rows.nth(number).get_attribute("data-name") for number in range(count)]


def test_the_leaderboard_sorts_filters_pins_and_leads_to_a_comparison(filled: Filled, open_page):
    page = open_page()
    sign_in(page, filled.platform, "/experiments")
    page.get_by_role("link", name=EXPERIMENT).click()
    expect(page.get_by_test_id("runs-count")).to_have_text("3,000 runs")
    expect(page.get_by_test_id("runs-live")).to_contain_text("1 is running")
    assert row_names(page, 2) == ["trial-0", "trial-1"], "the newest first"

    page.get_by_test_id("sort-metrics.auc").click()
    expect(page.get_by_test_id("run-row").first).to_have_attribute("data-name", "trial-2999")
    page.get_by_test_id("sort-metrics.auc").click()
    expect(page.get_by_test_id("run-row").first).to_have_attribute("data-name", "trial-0")
    page.get_by_test_id("sort-metrics.auc").click()

    page.get_by_test_id("runs-filter").fill("params.depth >= 11 and metrics.auc > 0.5")
    expect(page.get_by_test_id("runs-count")).to_have_text("125 runs")
    expect(page).to_have_url(re.compile(r"q=params\.depth"))

    # By keyboard: down, choose two, pin the second.
    page.get_by_test_id("runs-grid").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("p")
    expect(page.get_by_test_id("run-row").first).to_have_attribute("data-name", "trial-2987")
    expect(page.get_by_test_id("run-row").first).to_have_attribute("aria-selected", "true")
    page.reload()
    expect(page.get_by_test_id("run-row").first).to_have_attribute("data-name", "trial-2987")

    page.get_by_test_id("runs-columns").click()
    page.get_by_test_id("column-params.seed").click()
    expect(page.get_by_test_id("sort-params.seed")).to_have_count(0)
    page.keyboard.press("Escape")

    page.get_by_test_id("runs-compare").click()
    expect(page.get_by_test_id("compare-parallel").locator("canvas").first).to_be_visible()
    page.get_by_test_id("tab-differences").click()
    seed = page.locator("[data-testid=difference][data-name='params.seed']")
    expect(seed).to_have_attribute("data-equal", "true")
    expect(page.locator("[data-testid=difference][data-name='metrics.auc']")).not_to_have_attribute(
        "data-equal", "true"
    )
    page.get_by_test_id("only-different").check()
    expect(seed).to_have_count(0)
    page.go_back()
    page.get_by_test_id("tab-scatter").click()
    expect(page.get_by_test_id("compare-scatter").locator("canvas").first).to_be_visible()


def test_a_wrong_filter_is_told_and_mended(filled: Filled, open_page):
    page = open_page()
    sign_in(page, filled.platform, f"/experiments/{filled.id}?q=metrics.auc")
    expect(page.get_by_test_id("empty")).to_be_visible()  # no run has that in its name
    page.get_by_test_id("runs-filter").fill("metrics.auc >")
    expect(page.get_by_test_id("problem")).to_contain_text("the filter is wrong")
    page.get_by_test_id("runs-filter").fill("trial-29")
    expect(page.get_by_test_id("runs-count")).to_have_text("111 runs")


def test_a_run_that_goes_on_moves_by_itself_until_it_ends(filled: Filled, open_page):
    page = open_page(locale="ko-KR", color_scheme="dark")
    sign_in(page, filled.platform, f"/runs/{filled.ids[0]}")
    expect(page.get_by_test_id("run-state")).to_have_attribute("data-state", "running")
    expect(page.get_by_test_id("run-metrics")).to_contain_text("auc")
    engine = create_engine(tracking_url("", filled.platform.folder))
    with engine.begin() as connection:
        of_run = (LATEST.c.run_uuid == filled.ids[0], LATEST.c.key == "auc")
        connection.execute(update(LATEST).where(*of_run).values(value=0.875))
    expect(page.get_by_test_id("run-metrics")).to_contain_text("0.875")
    with engine.begin() as connection:
        ended = (
            update(RUNS).where(RUNS.c.run_uuid == filled.ids[0]).values(status="FINISHED", end_time=1_790_000_100_000)
        )
        connection.execute(ended)
    engine.dispose()
    expect(page.get_by_test_id("run-state")).to_have_attribute("data-state", "ok")
    page.get_by_test_id("tab-curves").click()
    expect(page.get_by_test_id("run-curve").first.locator("canvas")).to_be_visible()

    page.goto(f"{filled.platform.url}/runs/{filled.ids[1]}")
    expect(page.get_by_test_id("run-tables")).to_contain_text("main.readings")
    expect(page.get_by_test_id("run-tables")).to_contain_text("3")


def test_a_model_leads_to_the_run_that_made_it(filled: Filled, open_page):
    engine = create_engine(tracking_url("", filled.platform.folder))
    with engine.begin() as connection:
        connection.execute(insert(REGISTERED).values(name="browser_model", creation_time=1, last_updated_time=1))
        connection.execute(
            insert(VERSIONS).values(
                name="browser_model",
                version=1,
                creation_time=1,
                run_id=filled.ids[2],
                status="READY",
                current_stage="None",
            )
        )
    engine.dispose()
    named(filled.platform, Kind.MODEL, "browser_model")
    page = open_page()
    sign_in(page, filled.platform, "/models")
    page.get_by_role("link", name="browser_model").click()
    page.get_by_test_id("model-run").click()
    expect(page.get_by_role("heading", name="trial-2")).to_be_visible()


def test_who_may_not_read_an_experiment_sees_nothing_of_it(filled: Filled, open_page):
    page = open_page()
    filled.platform.token("browser-guest")
    link = filled.platform.client.request("POST", "/users/browser-guest/link")
    page.goto(f"{link}?next=/experiments")
    expect(page.get_by_test_id("account")).to_contain_text("browser-guest")
    expect(page.get_by_test_id("list-row").or_(page.get_by_test_id("empty")).first).to_be_visible()
    expect(page.get_by_text(EXPERIMENT)).to_have_count(0)
    page.goto(f"{filled.platform.url}/runs/{filled.ids[5]}")
    expect(page.get_by_test_id("problem")).to_have_attribute("data-code", "run.not_found")
