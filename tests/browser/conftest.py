"""A real Chromium against a real gureum; skipped with a reason where there is no Chromium or Studio is not built."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from gureum.studio.files import STATIC
from gureum.testing.platform import start_platform

CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)

# No sandbox as root, and no attempts to reach the network of the machine.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


# Of one module, not of the session: while it lives, Playwright has an event loop in this thread, which others could not use.
@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no chromium: 'sudo apt install chromium fonts-noto-cjk'")
    if not (STATIC / "index.html").exists():
        pytest.skip("Studio is not built: 'make studio'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared_platform(tmp_path_factory):
    """One server for all pages that look at nothing but their own things; to start one costs more than most tests."""
    with start_platform(tmp_path_factory.mktemp("shared") / "data") as running:
        yield running


@pytest.fixture
def open_page(chromium, request):
    """Pages whose console and page errors fail the test, with a screenshot of each kept under test-results/."""
    contexts = []
    problems: list[str] = []

    def open_page(**options) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options})
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"page error: {error}"))

        def console(message):
            # Chromium writes each refused request to its console; what the page makes of it is what the tests look at.
            if message.type == "error" and "Failed to load resource" not in message.text:
                problems.append(f"console: {message.text}")

        page.on("console", console)
        return page

    yield open_page
    folder = Path("test-results")
    folder.mkdir(exist_ok=True)
    for number, context in enumerate(contexts):
        for page in context.pages:
            page.screenshot(path=str(folder / f"{request.node.name}-{number}.png".replace(os.sep, "_")))
        context.close()
    assert not problems, "\n".join(problems)
