"""An endpoint in Studio: a registered model served by a form, asked, its canary moved and promoted, and taken back."""

import re

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser-models"),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
    pytest.mark.timeout(400),
]

# A model is loaded by MLflow and by its own library and compared: seconds, on busy cores many.
LOADED_MS = 90_000


def sign_in(page: Page, platform, path: str) -> None:
    link = platform.client.request("POST", "/users/operator/link")
    page.goto(f"{link}?next={path}")
    expect(page.get_by_test_id("account")).to_contain_text("operator")


def register(platform, slopes: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of the model `wear`, each a line through the origin with its slope, by MLflow's own client."""
    import lightgbm
    import mlflow

    platform.mlflow_version()  # awake
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", str(platform.client._transport.token))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{platform.url}/mlflow")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    temperatures = pd.DataFrame({"temp": np.linspace(0.0, 100.0, 200)})
    for slope in slopes:
        booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(temperatures, temperatures["temp"] * slope), 40)
        with mlflow.start_run():
            mlflow.lightgbm.log_model(
                booster, name="model", input_example=temperatures.head(3), registered_model_name="wear",
                pip_requirements=["lightgbm"],
            )  # fmt: skip


def press(page: Page, select: str, option: str) -> None:
    page.get_by_test_id(select).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_model_is_served_asked_replaced_by_a_canary_and_taken_back(shared_platform, open_page, monkeypatch):
    register(shared_platform, [1.0, 2.0], monkeypatch)
    page = open_page()
    sign_in(page, shared_platform, "/models/wear")

    # The first version, from the model's page to an address that answers.
    page.get_by_test_id("model-serve").click()
    press(page, "endpoint-version", "1")
    expect(page.get_by_test_id("endpoint-name")).to_have_value("wear")
    page.get_by_test_id("endpoint-submit").click()
    expect(page).to_have_url(re.compile(r"/endpoints/wear$"), timeout=LOADED_MS)
    expect(page.get_by_test_id("endpoint-state")).to_have_attribute("data-state", "serving", timeout=LOADED_MS)

    # The form has the signature's columns; the answer can be labelled.
    page.get_by_test_id("tab-try").click()
    page.get_by_test_id("field-temp").fill("50")
    page.get_by_test_id("ask").click()
    expect(page.get_by_test_id("answer")).to_contain_text(re.compile(r"(4[5-9]|5[0-5])"), timeout=LOADED_MS)
    page.get_by_test_id("label").fill("49.5")
    page.get_by_test_id("label-say").click()
    expect(page.get_by_test_id("label-say")).to_be_disabled()
    page.get_by_test_id("field-temp").fill("warm")
    page.get_by_test_id("ask").click()
    expect(page.get_by_test_id("problem")).to_contain_text("temp")

    # The second version gets a tenth, then all, then nothing again.
    page.get_by_test_id("endpoint-deploy").click()
    press(page, "endpoint-model", "wear")
    press(page, "endpoint-version", "2")
    page.get_by_test_id("endpoint-submit").click()
    expect(page.get_by_test_id("weight-wear-2")).to_have_text("10 %", timeout=LOADED_MS)
    page.get_by_test_id("promote").click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("weight-wear-2")).to_have_text("100 %")
    expect(page.get_by_test_id("weight-wear-1")).to_have_count(0)
    page.get_by_test_id("rollback").click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("weight-wear-1")).to_have_text("90 %", timeout=LOADED_MS)

    # What was asked is kept, and a monitor over it begins with its columns.
    page.get_by_test_id("tab-captured").click()
    expect(page.get_by_test_id("captured")).to_contain_text("wear-1", timeout=LOADED_MS)
    page.get_by_test_id("watch-it").click()
    expect(page.get_by_test_id("source-select")).to_have_value(re.compile('request."temp"'))
    expect(page.get_by_test_id("monitor-time")).to_have_value("at", timeout=LOADED_MS)
