"""The training debugger in Studio: a faulty training is seen beside its curves and layers, a healthy one is told to be, a stranger's file does nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gureum import debugger
from gureum.testing.platform import RunningPlatform

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("browser-models"),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
]

EXPERIMENT = "watched"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
EVIL = "<img src=/evil onerror='window.ran=1'><script>window.ran=2</script>"

expect.set_options(timeout=30_000)


@dataclass
class Watched:
    platform: RunningPlatform
    faulty: str
    healthy: str
    alone: str  # not watched

    def file(self, run: str) -> Path:
        return next((self.platform.folder / "artifacts").glob(f"*/{run}/artifacts")) / "debugger" / "findings.json"


@pytest.fixture(scope="module")
def watched(shared_platform: RunningPlatform) -> Watched:
    experiment = shared_platform.client.experiment(EXPERIMENT)
    ids = []
    for name, clears in (("forgets zero_grad", False), ("healthy", True)):
        with experiment.run(name=name, autolog=False) as run:
            train(clears=clears)
        ids.append(run.info.run_id)
    with experiment.run(name="alone", autolog=False) as run:
        pass
    return Watched(shared_platform, *ids, run.info.run_id)


def train(*, clears: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(512, 10)
    y = (x[:, 0] + x[:, 1] > 0).long()
    nn = torch.nn
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loss_fn = nn.CrossEntropyLoss()
    with debugger.watch(model, optimizer=optimizer, loss=loss_fn) as watch:
        for _ in range(5):
            for rows in torch.randperm(384).split(32):
                if clears:
                    optimizer.zero_grad()
                loss_fn(model(x[rows]), y[rows]).backward()
                optimizer.step()
            with torch.no_grad():
                loss_fn(model(x[384:]), y[384:])
            watch.epoch()


def sign_in(page: Page, platform: RunningPlatform, path: str) -> None:
    link = platform.client.request("POST", "/users/operator/link")
    page.goto(f"{link}?next={path}")
    expect(page.get_by_test_id("account")).to_contain_text("operator")


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


def test_a_run_with_a_finding_is_marked_and_shows_cause_place_and_remedy(watched: Watched, open_page):
    page = open_page(bypass_csp=True)
    sign_in(page, watched.platform, "/experiments")
    page.get_by_role("link", name=EXPERIMENT).click()
    marks = page.get_by_test_id("run-findings")
    expect(marks).to_have_count(1)
    expect(marks).to_have_text("1")
    marks.click()
    expect(page).to_have_url(re.compile(rf"/runs/{watched.faulty}\?tab=debugger"))

    finding = page.get_by_test_id("finding")
    expect(finding).to_have_attribute("data-rule", "no_zero_grad")
    expect(finding).to_contain_text("Gradients are never cleared")
    expect(finding).to_contain_text("epoch 1")
    expect(finding.get_by_test_id("finding-remedy")).to_contain_text("optimizer.zero_grad()")
    expect(finding.get_by_test_id("finding-change")).to_contain_text("optimizer.zero_grad()\nloss.backward()")
    expect(page.get_by_test_id("debugger-curves").locator("canvas").first).to_be_visible()
    expect(page.get_by_test_id("debugger-heat").locator("canvas").first).to_be_visible()
    assert not serious(page)

    # By keyboard: over the cells, to another measure, and the finding closes and opens.
    cell = page.get_by_test_id("debugger-cell")
    page.get_by_test_id("debugger-heat").focus()
    page.keyboard.press("Home")
    expect(cell).to_contain_text("step 0: ")
    first = cell.inner_text()
    page.keyboard.press("ArrowDown")
    expect(cell).not_to_have_text(first)
    page.get_by_test_id("debugger-heat-panel").get_by_role("radio", name="Share of zeros").focus()
    page.keyboard.press("Space")
    expect(cell).to_contain_text("%")
    opener = finding.get_by_role("button", expanded=True)
    opener.focus()
    page.keyboard.press("Enter")
    expect(finding.get_by_test_id("finding-remedy")).to_be_hidden()
    expect(page).to_have_url(re.compile("finding=none"))
    page.keyboard.press("Enter")
    expect(finding.get_by_test_id("finding-remedy")).to_be_visible()


def test_a_healthy_run_says_so_and_one_that_was_not_watched_says_how(watched: Watched, open_page):
    page = open_page(bypass_csp=True, locale="ko-KR", color_scheme="dark")
    sign_in(page, watched.platform, f"/runs/{watched.healthy}?tab=debugger")
    expect(page.get_by_test_id("debugger-healthy")).to_contain_text("발견된 문제 없음")
    expect(page.get_by_test_id("debugger-healthy")).to_contain_text("규칙 33개")
    expect(page.get_by_test_id("debugger-curves").locator("canvas").first).to_be_visible()
    assert not serious(page)
    page.goto(f"{watched.platform.url}/runs/{watched.alone}?tab=debugger")
    expect(page.get_by_test_id("debugger-how")).to_contain_text("debugger.watch(model")
    assert not serious(page)


def test_a_strangers_file_is_shown_as_plain_text_or_refused(watched: Watched, open_page):
    page = open_page(bypass_csp=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    body = json.loads(watched.file(watched.faulty).read_text())
    (one,) = body["findings"]
    one |= {"title": {"en": EVIL, "ko": EVIL}, "remedy": {"en": EVIL, "ko": EVIL}, "source": EVIL, "layer": EVIL}
    one |= {"change": {"before": EVIL, "after": EVIL}, "evidence": {EVIL: EVIL}, "explains": [EVIL]}
    for curve in body["curves"]:
        curve["name"] = EVIL
    for measure in body["heat"]["measures"]:
        measure["layers"] = [EVIL for _ in measure["layers"]]
    file = watched.file(watched.alone)
    file.parent.mkdir()
    file.write_text(json.dumps({**body, "framework": EVIL, "troubles": [EVIL]}))
    sign_in(page, watched.platform, f"/runs/{watched.alone}?tab=debugger")
    expect(page.get_by_test_id("finding").locator("b").first).to_have_text(EVIL)
    for picture in ("debugger-curves", "debugger-heat"):
        canvas = page.get_by_test_id(picture).locator("canvas").first
        expect(canvas).to_be_visible()
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.4, steps=3)
        expect(page.get_by_test_id(picture).get_by_text("window.ran").first).to_be_visible()
    assert page.evaluate("window.ran") is None
    assert not [url for url in asked if "evil" in url]

    file.write_text(json.dumps({**body, "version": 9}))
    page.reload()
    expect(page.get_by_test_id("problem")).to_have_attribute("data-code", "findings.invalid")
    expect(page.get_by_test_id("problem")).to_contain_text("version '9'")
    file.unlink()
    file.parent.rmdir()
