"""Autopilot in Studio: a fit by a form, watched while it runs, what it handed over read, its model deployed; and one that fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from gureum.testing.platform import RunningPlatform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.xdist_group("browser-models")]

# Cells that the budget has no time for are left unrun: on busy cores a few seconds more than the fit itself needs.
BUDGET_S = 16

# A process starts, reads, fits for its budget, registers its model: on busy cores several times what it should.
FITTED_MS = 120_000
SEED = 4
ROWS = 400

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def machines(shared_platform: RunningPlatform) -> RunningPlatform:
    """A table with a column that counts its rows, one that gives the answer away, one with gaps; and a hopeless one."""
    rng = np.random.default_rng(SEED)
    heat, torque = rng.normal(300.0, 4.0, ROWS), rng.normal(40.0, 9.0, ROWS)
    worn = heat - 300.0 + 0.4 * (torque - 40.0) + rng.normal(0.0, 2.0, ROWS) > 3.0
    rows = ",".join(
        f"({place}, {h:.3f}, {'NULL' if place % 9 == 0 else f'{t:.3f}'}, {5.0 + place % 3 if w else 0.0}, '{'worn' if w else 'good'}')"
        for place, (h, t, w) in enumerate(zip(heat, torque, worn, strict=True))
    )
    client = shared_platform.client
    client.sql("CREATE TABLE machines (place BIGINT, heat DOUBLE, torque DOUBLE, repair_h DOUBLE, state STRING)")
    client.sql(f"INSERT INTO machines VALUES {rows}")
    client.sql("CREATE TABLE calm AS SELECT heat, state FROM machines WHERE state = 'good'")
    return shared_platform


def sign_in(page: Page, platform: RunningPlatform, path: str, user: str = "operator") -> None:
    link = platform.client.request("POST", f"/users/{user}/link")
    page.goto(f"{link}?next={path}")
    expect(page.get_by_test_id("account")).to_contain_text(user)


def press(page: Page, select: str, option: str) -> None:
    page.get_by_test_id(select).click()
    page.get_by_role("option", name=option, exact=True).click()


def serious(page: Page) -> list[str]:
    """What axe finds; the page must let scripts of tests in."""
    if not AXE.exists():
        return []
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def test_a_fit_is_started_watched_read_and_deployed(machines: RunningPlatform, open_page):
    page = open_page(bypass_csp=True)
    sign_in(page, machines, "/autopilot")
    expect(page.get_by_test_id("empty")).to_be_visible()

    # The form: a table, a column of it, a name from both.
    page.get_by_test_id("fit-create").first.click()
    press(page, "source-table", "main.machines")
    expect(page.get_by_test_id("learn-target")).to_be_enabled()
    page.get_by_test_id("learn-target").click()
    page.get_by_role("option", name=re.compile("^state")).click()
    expect(page.get_by_test_id("fit-name")).to_have_value("machines_state")
    press(page, "fit-budget-unit", "seconds")
    page.get_by_test_id("fit-budget").fill("2")
    expect(page.get_by_text("At least 5 seconds")).to_be_visible()
    expect(page.get_by_test_id("fit-submit")).to_be_disabled()
    page.get_by_test_id("fit-budget").fill(str(BUDGET_S))
    page.get_by_test_id("fit-more").click()
    page.get_by_test_id("fit-seed").fill("3")
    assert not serious(page)
    page.get_by_test_id("fit-submit").click()

    # Live: what it found in the data, then candidates, while it runs.
    expect(page).to_have_url(re.compile(r"/autopilot/[0-9a-f]{16}$"))
    found = page.get_by_test_id("findings")
    expect(found.locator("[data-what=id][data-column=place]")).to_contain_text("counts the rows", timeout=FITTED_MS)
    expect(found.locator("[data-what=leak][data-column=repair_h]")).to_be_visible()
    expect(page.get_by_test_id("candidate").first).to_be_visible(timeout=FITTED_MS)
    expect(page.get_by_test_id("fit-state")).to_have_attribute("data-state", "running")
    expect(page.get_by_test_id("fit-score")).to_have_text(re.compile(r"0\.[5-9]"))
    expect(page.get_by_test_id("fit-state")).to_have_attribute("data-state", "done", timeout=FITTED_MS)
    expect(page.get_by_test_id("fit-experiment")).to_have_text("machines_state")
    expect(page.get_by_test_id("fit-run")).to_be_visible()
    assert not serious(page)

    # What was handed over, to read and to take along.
    page.get_by_test_id("tab-exploration").click()
    notebook = page.get_by_test_id("notebook")
    expect(notebook.locator("[data-cell=markdown]").first).to_contain_text("What the data is like")
    expect(notebook.locator("table").first).to_contain_text("torque")
    picture = notebook.locator("img").first
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
    page.get_by_test_id("tab-candidates").click()
    expect(notebook).to_contain_text("judge(")
    page.get_by_test_id("tab-program").click()
    expect(page.get_by_test_id("program")).to_contain_text("def train(")
    with page.expect_download() as download:
        page.get_by_test_id("file-download").click()
    assert download.value.suggested_filename == "model.py"
    compile(download.value.path().read_text("utf-8"), "model.py", "exec")
    page.get_by_test_id("tab-card").click()
    expect(page.get_by_test_id("card").get_by_role("heading", name="Where not to trust it")).to_be_visible()
    assert not serious(page)

    # Its model, to an endpoint.
    page.get_by_test_id("fit-deploy").click()
    expect(page.get_by_test_id("endpoint-model")).to_have_value("machines_state")
    expect(page.get_by_test_id("endpoint-version")).to_have_value("1")
    page.get_by_test_id("endpoint-submit").click()
    expect(page).to_have_url(re.compile(r"/endpoints/machines_state$"), timeout=FITTED_MS)

    # It is in the list and on Home.
    page.goto(f"{machines.url}/autopilot")
    expect(page.get_by_test_id("list-row").first).to_contain_text("roc_auc 0.9")
    page.goto(machines.url)
    expect(page.get_by_test_id("home-fits")).to_contain_text("machines_state")


EVIL = {
    "cells": [
        {"cell_type": "markdown", "source": "# Said\n<script>window.ran = 1</script> [here](javascript:window.ran=2)"},
        {
            "cell_type": "code",
            "source": "show()",
            "execution_count": 1,
            "outputs": [
                {
                    "output_type": "display_data",
                    "data": {
                        "text/html": "<table onclick='window.ran=3'><tr><td>kept<img src=/evil onerror='window.ran=4'></td></tr></table>"
                        "<script>window.ran = 5</script><iframe src=/evil srcdoc='<script>parent.ran = 6</script>'></iframe>"
                        "<style>body { display: none }</style><form action=/evil><input autofocus onfocus='window.ran=7'></form>"
                        "<svg><animate onbegin='window.ran=8' attributeName=x dur=1s></svg>"
                    },
                },
                {
                    "output_type": "display_data",
                    "data": {
                        "image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="parent.ran=9"><script>parent.ran=10</script><image href="/evil"/></svg>'
                    },
                },
                {"output_type": "display_data", "data": {"application/javascript": "window.ran = 11"}},
            ],
        },
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_nothing_of_a_notebook_runs_or_is_loaded_even_where_the_page_would_let_it(machines: RunningPlatform, open_page):
    page = open_page(bypass_csp=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def evil(route: Route) -> None:
        route.fulfill(body=json.dumps(EVIL), content_type="application/octet-stream")

    page.route("**/files/exploration.ipynb", evil)
    sign_in(page, machines, "/autopilot")
    page.get_by_test_id("fit-link").first.click()
    page.get_by_test_id("tab-exploration").click()
    notebook = page.get_by_test_id("notebook")
    expect(notebook.locator("td")).to_have_text("kept")
    expect(notebook).to_contain_text("<script>window.ran = 1</script> here")
    expect(notebook.locator("img")).to_have_count(1)
    notebook.locator("td").click()
    assert notebook.locator("script, iframe, style, form, input, svg, a").count() == 0
    assert page.evaluate("window.ran") is None
    assert not [url for url in asked if "evil" in url]


def test_a_fit_that_fails_says_why_with_its_cure_beside_the_field(machines: RunningPlatform, open_page):
    fit = machines.client.autopilot("hopeless", table="main.calm", target="state", budget_s=5)
    page = open_page()
    sign_in(page, machines, f"/autopilot/{fit.id}")
    failed = page.get_by_test_id("task-failed")
    expect(failed).to_contain_text("a single class, 'good'", timeout=FITTED_MS)
    expect(page.get_by_test_id("task-hint")).to_contain_text("choose another column")
    expect(page.get_by_test_id("task-log")).to_contain_text("InvalidInput")
    page.get_by_test_id("task-again").click()
    expect(page.get_by_test_id("fit-name")).to_have_value("hopeless")
    expect(page.get_by_test_id("learn-target")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("a single class, 'good'")).to_be_visible()


def test_a_viewer_and_a_stranger_are_told_so(machines: RunningPlatform, open_page):
    fit = machines.client.autopilot("not_theirs", table="main.calm", target="state", budget_s=5)
    machines.token("watcher", role="viewer")
    page = open_page()
    sign_in(page, machines, "/autopilot", "watcher")
    expect(page.get_by_test_id("empty")).to_be_visible()
    expect(page.get_by_test_id("fit-create")).to_have_count(0)
    page.goto(f"{machines.url}/autopilot/{fit.id}")
    expect(page.get_by_test_id("problem")).to_have_attribute("data-code", "task.not_found")
    page.goto(f"{machines.url}/autopilot/new")
    expect(page.get_by_test_id("empty")).to_contain_text("Viewers start nothing")
