"""Tuning in Studio: started by a form, its trials watched, what mattered told; and a program's own tuning on its run's page."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from gureum.testing.platform import RunningPlatform
from gureum.tuning import float_range, tune

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(480),
    pytest.mark.xdist_group("browser-models"),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
]

# From an importance is told.
TRIALS = 11

# A process starts, reads, tries; MLflow awakes: on busy cores several times what it should.
TUNED_MS = 300_000
SEED = 9
ROWS = 150


@pytest.fixture(scope="module")
def presses(shared_platform: RunningPlatform) -> RunningPlatform:
    rng = np.random.default_rng(SEED)
    force = rng.normal(10.0, 2.0, ROWS)
    rows = ",".join(
        f"({one:.3f}, {noise:.3f}, {3 * one + noise:.3f})"
        for one, noise in zip(force, rng.normal(0, 1, ROWS), strict=True)
    )
    shared_platform.client.sql("CREATE TABLE presses (force DOUBLE, noise DOUBLE, wear DOUBLE)")
    shared_platform.client.sql(f"INSERT INTO presses VALUES {rows}")
    return shared_platform


def sign_in(page: Page, platform: RunningPlatform, path: str) -> None:
    link = platform.client.request("POST", "/users/operator/link")
    page.goto(f"{link}?next={path}")
    expect(page.get_by_test_id("account")).to_contain_text("operator")


def press(page: Page, select: str, option: str) -> None:
    page.get_by_test_id(select).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_tuning_is_started_watched_and_explained(presses: RunningPlatform, open_page):
    page = open_page()
    sign_in(page, presses, "/tuning")
    page.get_by_test_id("tuning-create").first.click()
    page.get_by_text("A SELECT", exact=True).click()
    page.get_by_test_id("source-select").fill("SELECT nothing FROM presses")
    expect(page.get_by_test_id("problem")).to_contain_text("nothing")
    page.get_by_test_id("source-select").fill("SELECT force, noise, wear FROM presses")
    expect(page.get_by_test_id("learn-target")).to_be_enabled()
    page.get_by_test_id("learn-target").click()
    page.get_by_role("option", name=re.compile("^wear")).click()
    press(page, "learn-task", "A number")
    press(page, "learn-metric", "mae")
    page.get_by_test_id("tuning-name").fill("presses")
    page.get_by_test_id("tuning-trials").fill(str(TRIALS))
    page.get_by_test_id("tuning-submit").click()

    expect(page).to_have_url(re.compile(r"/tuning/[0-9a-f]{16}$"))
    expect(page.get_by_test_id("trial").first).to_be_visible(timeout=TUNED_MS)
    expect(page.get_by_test_id("tuning-progress")).to_contain_text(f"of {TRIALS} trials")
    expect(page.get_by_test_id("curve").locator("canvas").first).to_be_visible(timeout=TUNED_MS)
    expect(page.get_by_test_id("tuning-state")).to_have_attribute("data-state", "done", timeout=TUNED_MS)
    expect(page.get_by_test_id("tuning-ended")).to_have_text(str(TRIALS))
    expect(page.get_by_test_id("importance").locator("dt")).not_to_have_count(0)
    expect(page.get_by_test_id("best-params")).to_contain_text("family")
    page.get_by_test_id("tab-parallel").click()
    expect(page.get_by_test_id("tuning-parallel").locator("canvas").first).to_be_visible()

    # Its run tells the same, and leads to the trials as runs.
    page.get_by_test_id("tab-overview").click()
    page.get_by_test_id("tuning-run").click()
    expect(page.get_by_test_id("run-study")).to_contain_text("mae")
    expect(page.get_by_test_id("importance").locator("dt")).not_to_have_count(0)
    page.get_by_test_id("study-trials").click()
    expect(page.get_by_test_id("compare-parallel").locator("canvas").first).to_be_visible()
    page.goto(f"{presses.url}/tuning")
    expect(page.get_by_test_id("list-row").first).to_contain_text("mae")


def test_a_programs_own_tuning_tells_what_mattered_on_its_run(
    presses: RunningPlatform, open_page, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    presses.mlflow_version()  # awake
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", str(presses.client._transport.token))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{presses.url}/mlflow")
    space = {"steep": float_range(-2.0, 2.0), "dull": float_range(0.0, 1.0)}
    result = tune(
        lambda params: params["steep"] ** 2,
        space,
        budget=TRIALS,
        seed=1,
        folder=tmp_path,
        experiment="by hand",
        name="hill",
    )
    assert result.unrecorded == 0
    page = open_page()
    sign_in(page, presses, f"/runs/{result.run_id}")
    expect(page.get_by_test_id("run-study")).to_contain_text("Best trial")
    bars = page.get_by_test_id("importance")
    expect(bars.locator("dt").first).to_have_text("steep")
    expect(bars).to_contain_text("%")
