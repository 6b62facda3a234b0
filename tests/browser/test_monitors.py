"""A monitor in Studio: made by a form, it sees a column change its unit and names it on the heat map and in the incidents."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from gureum.client.client import Client
from gureum.testing.platform import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]

# A window is looked at every 5 s, holds rows that settled 15 s ago, and is checked in a process of its own.
CHECKED_MS = 100_000

SEED = 7

# A row of the heat map, as it is drawn.
ROW_PX = 25


def sign_in(page: Page, platform, path: str) -> None:
    link = platform.client.request("POST", "/users/operator/link")
    page.goto(f"{link}?next={path}")
    expect(page.get_by_test_id("account")).to_contain_text("operator")


def insert(client: Client, rng: np.random.Generator, rows: int, *, celsius: bool = False) -> None:
    """Rows of a press that come now; its air in Kelvin unless somebody changed the sensor's unit."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    air = rng.normal(300.0, 2.0, rows) - (273.15 if celsius else 0.0)
    torque = rng.normal(40.0, 10.0, rows)
    kind = rng.choice(["a", "b", "c"], rows)
    values = ",".join(
        f"(TIMESTAMP '{now}', {a:.3f}, {t:.3f}, '{k}')" for a, t, k in zip(air, torque, kind, strict=True)
    )
    client.sql(f"INSERT INTO served VALUES {values}")


def press(page: Page, select: str, option: str) -> None:
    page.get_by_test_id(select).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_column_that_changes_its_unit_is_named_on_the_heat_map_and_in_the_incidents(own_platform, open_page):
    client, rng = own_platform.client, np.random.default_rng(SEED)
    client.sql("CREATE TABLE served (at TIMESTAMP, air DOUBLE, torque DOUBLE, kind STRING)")
    insert(client, rng, 2_000)
    page = open_page()
    sign_in(page, own_platform, "/monitors")
    expect(page.get_by_test_id("empty")).to_be_visible()

    # The form: a table's rows until now are normal.
    page.get_by_test_id("monitor-create").first.click()
    press(page, "source-table", "main.served")
    expect(page.get_by_test_id("monitor-time")).to_have_value("at")
    page.get_by_test_id("monitor-every").fill("5")
    press(page, "monitor-unit", "seconds")
    page.get_by_test_id("monitor-submit").click()
    expect(page).to_have_url(re.compile(r"/monitors/served"))
    expect(page.get_by_test_id("monitor-state")).to_have_attribute("data-state", "waiting", timeout=CHECKED_MS)

    # The sensor changes its unit while one looks.
    insert(client, rng, 500, celsius=True)
    expect(page.get_by_test_id("monitor-state")).to_have_attribute("data-state", "drifting", timeout=CHECKED_MS)
    expect(page.get_by_test_id("heat-cell")).to_contain_text("◆ air, window 1")
    expect(page.get_by_test_id("heat").locator("canvas").first).to_be_visible()
    expect(page.get_by_test_id("unit-hint")).to_contain_text("K → °C")
    expect(page.get_by_test_id("incidents")).to_contain_text("air: median")

    # A press on a cell of the third row chooses it.
    heat = page.get_by_test_id("heat")
    heat.click(position={"x": heat.bounding_box()["width"] * 0.6, "y": ROW_PX * 2.5})
    expect(page.get_by_test_id("heat-cell")).not_to_contain_text("air")
    page.get_by_test_id("incident-1").click()
    expect(page.get_by_test_id("heat-cell")).to_contain_text("air, window 1")

    # By keyboard to the feature below it, which is as it was; the address keeps the place.
    page.get_by_test_id("heat").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_test_id("heat-cell")).to_contain_text("as in the baseline")
    chosen = page.get_by_test_id("heat-cell").inner_text()
    page.reload()
    expect(page.get_by_test_id("heat-cell")).to_have_text(chosen)

    # The same in Korean.
    page.get_by_test_id("language").click()
    page.get_by_test_id("language-ko").click()
    expect(page.get_by_test_id("incidents")).to_contain_text("air: 중앙값")

    # A rule that somebody changes is kept.
    page.get_by_test_id("tab-constraints").click()
    page.get_by_test_id("constraint-torque").click()
    page.get_by_test_id("constraint-completeness").fill("90")
    page.get_by_test_id("constraints-save").click()
    expect(page.get_by_test_id("constraints-save")).to_be_disabled()

    def kept() -> bool:
        features = {feature["name"]: feature for feature in client.monitor("served").constraints()["features"]}
        return features["torque"]["completeness"] == 0.9

    wait_until(kept, what="the changed rule", timeout_s=20)

    page.get_by_test_id("monitor-stop").click()
    expect(page.get_by_test_id("monitor-state")).to_have_attribute("data-state", "stopped")


def test_a_monitor_without_a_baseline_asks_for_one_and_says_why_learning_failed(own_platform, open_page):
    client = own_platform.client
    client.sql("CREATE TABLE empty (at TIMESTAMP, air DOUBLE)")
    client.monitor("bare").watch("empty", time_column="at")
    page = open_page()
    sign_in(page, own_platform, "/monitors/bare")
    expect(page.get_by_test_id("monitor-state")).to_have_attribute("data-state", "no baseline")
    page.get_by_test_id("monitor-learn").click()
    expect(page.get_by_test_id("learn-failed")).to_be_visible(timeout=CHECKED_MS)
    expect(page.get_by_test_id("learn-failed")).to_contain_text("row")
