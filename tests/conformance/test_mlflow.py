"""MLflow's own client and UI against a running server, unmodified: a tracking URI and a token are all it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

from gureum.testing.platform import RunningPlatform

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.xdist_group("platform"),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
]

# The first request starts MLflow.
START_S_MAX = 90.0

As = Callable[[str], mlflow.MlflowClient]


@pytest.fixture
def act_as(platform: RunningPlatform, monkeypatch: pytest.MonkeyPatch) -> Iterator[As]:
    """Be a user, as MLflow's client knows users: by an environment variable."""
    tokens: dict[str, str] = {}
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(f"{platform.url}/mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

    def act(user: str) -> mlflow.MlflowClient:
        if user not in tokens:
            tokens[user] = platform.token(user)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", tokens[user])
        return mlflow.MlflowClient()

    yield act
    mlflow.set_tracking_uri(before)


def refused(code: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    with pytest.raises(MlflowException) as error:
        call(*arguments, **options)
    assert error.value.error_code == code, error.value


def test_a_run_with_its_files_and_model_is_its_owners_until_it_is_granted(platform: RunningPlatform, act_as: As):
    client = act_as("mlanna")
    experiment = mlflow.set_experiment("/Users/mlanna/이탈 (v2)")
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"depth": 3, "말": "값"})
        mlflow.log_metrics({"auc": 0.9, "loss": 0.2}, step=3)
        mlflow.log_text("안녕", "notes/hello.txt")
        model = LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])
        logged = mlflow.sklearn.log_model(
            model, name="model", registered_model_name="mlanna_churn", pip_requirements=["scikit-learn"]
        )
    run_id = run.info.run_id
    found = client.get_run(run_id)
    assert (found.data.metrics["auc"], found.data.params["말"]) == (0.9, "값")
    assert (found.info.user_id, found.data.tags["mlflow.user"]) == ("mlanna", "mlanna")
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/hello.txt") == "안녕"
    assert [r.info.run_id for r in client.search_runs([experiment.experiment_id], "metrics.auc > 0.5")] == [run_id]
    assert mlflow.pyfunc.load_model("models:/mlanna_churn/1").predict(np.array([[1.0]])).tolist() == [1]
    client.set_registered_model_alias("mlanna_churn", "champion", "1")

    client = act_as("mlbob")
    assert experiment.name not in [e.name for e in client.search_experiments()]
    assert client.get_experiment_by_name(experiment.name) is None
    assert [m.name for m in client.search_registered_models()] == []
    assert client.search_model_versions("name = 'mlanna_churn'") == []
    gone = "RESOURCE_DOES_NOT_EXIST"
    refused(gone, client.get_run, run_id)
    refused(gone, client.get_experiment, experiment.experiment_id)
    refused(gone, client.search_runs, [experiment.experiment_id])
    refused(gone, client.log_metric, run_id, "auc", 1.0)
    refused(gone, client.list_artifacts, run_id)
    refused(gone, client.get_metric_history, run_id, "auc")
    refused(gone, client.create_run, experiment.experiment_id)
    refused(gone, client.get_model_version_by_alias, "mlanna_churn", "champion")
    refused(gone, client.create_model_version, "mlanna_churn", f"runs:/{run_id}/model", run_id)
    with pytest.raises(Exception, match="404"):
        mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/hello.txt")
    # A model of one's own is no way to another one's files.
    client.create_registered_model("mlbob_own")
    theirs = f"{run.info.artifact_uri}/notes"
    own = client.create_run(client.create_experiment("mlbob own")).info.run_id
    for named in (run_id, own, None):
        refused("INVALID_PARAMETER_VALUE", client.create_model_version, "mlbob_own", theirs, named)
    refused(
        gone, client.create_model_version, "mlbob_own", f"models:/{logged.model_id}", None, model_id=logged.model_id
    )
    refused("INVALID_PARAMETER_VALUE", client.create_model_version, "mlbob_own", "file:///etc")

    owner = platform.user("mlanna")
    owner.request("PUT", "/grants", body=grant("model", "mlanna_churn", "mlbob", "read"))
    act_as("mlbob")
    assert mlflow.pyfunc.load_model("models:/mlanna_churn@champion").predict(np.array([[0.0]])).tolist() == [0]
    refused(gone, client.get_run, run_id)
    refused("PERMISSION_DENIED", client.delete_registered_model_alias, "mlanna_churn", "champion")

    owner.request("PUT", "/grants", body=grant("experiment", experiment.name, "mlbob", "read"))
    assert client.get_run(run_id).data.metrics["auc"] == 0.9
    refused("PERMISSION_DENIED", client.log_metric, run_id, "auc", 1.0)
    refused("PERMISSION_DENIED", client.delete_experiment, experiment.experiment_id)
    owner.request("PUT", "/grants", body=grant("experiment", experiment.name, "mlbob", "write"))
    client.log_metric(run_id, "auc", 0.95, step=4)
    refused("PERMISSION_DENIED", client.rename_experiment, experiment.experiment_id, "bobs")

    client = act_as("mlanna")
    client.rename_experiment(experiment.experiment_id, "mlanna churn")
    act_as("mlbob")
    assert client.get_run(run_id).data.metrics["auc"] == 0.95  # grants go with the new name


def grant(kind: str, name: str, grantee: str, permission: str) -> dict[str, str]:
    return {"kind": kind, "name": name, "grantee": grantee, "permission": permission}


@pytest.mark.parametrize(
    "path",
    [
        "1/%2e%2e/%2e%2e/secret.key",
        "0/..%2f..%2fsecret.key",
        "0/%252e%252e/%252e%252e/secret.key",
        "0/a/%5c..%5c..%5csecret.key",
        "%2fetc%2fpasswd",
        "file:%2f%2f%2fetc%2fpasswd",
    ],
)
def test_no_path_leads_out_of_the_artifacts(platform: RunningPlatform, path: str):
    headers = {"Authorization": f"Bearer {platform.token('mltraveller')}"}
    for method in ("GET", "PUT"):
        url = f"{platform.url}/mlflow/api/2.0/mlflow-artifacts/artifacts/{path}"
        content = b"x" if method == "PUT" else None
        answer = httpx.request(method, url, headers=headers, content=content, timeout=START_S_MAX)
        assert answer.status_code in {400, 404}, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
    listed = httpx.get(
        f"{platform.url}/mlflow/api/2.0/mlflow-artifacts/artifacts",
        params={"path": "0/../.."}, headers=headers, timeout=START_S_MAX,
    )  # fmt: skip
    assert listed.status_code in {400, 404}


def test_an_experiment_cannot_lie_where_a_client_says(act_as: As):
    client = act_as("mlplacer")
    refused("INVALID_PARAMETER_VALUE", client.create_experiment, "here", artifact_location="file:///etc")


def test_what_mlflow_serves_besides_is_not_offered(platform: RunningPlatform):
    headers = {"Authorization": f"Bearer {platform.token('mltraveller')}"}
    for path in (
        "ajax-api/3.0/mlflow/gateway/supported-providers",
        "api/3.0/mlflow/gateway/secrets/get",
        "ajax-api/3.0/mlflow/assistant/status",
        "api/2.0/mlflow/webhooks",
        "ajax-api/2.0/mlflow/gateway-proxy",
        "api/3.0/mlflow/workspaces",
        "ajax-api/3.0/jobs",
    ):
        answer = httpx.get(f"{platform.url}/mlflow/{path}", headers=headers, timeout=START_S_MAX)
        assert answer.status_code == 404, f"{path}: {answer.status_code}"


def test_the_ui_is_for_who_is_signed_in_and_changes_only_from_its_own_page(platform: RunningPlatform):
    with httpx.Client(base_url=platform.url, timeout=START_S_MAX) as browser:
        assert browser.get("/mlflow/").status_code == 401
        link = platform.client.request("POST", "/users", body={"name": "mlviewer", "role": "viewer"}) and (
            platform.client.request("POST", "/users/mlviewer/link")
        )
        code = link.rpartition("/")[2]
        browser.post("/api/session/link", json={"code": code}, headers={"X-Gureum": "1"}).raise_for_status()
        assert "<title>MLflow</title>" in browser.get("/mlflow/").text
        search = "/mlflow/ajax-api/2.0/mlflow/experiments/search"
        body = {"max_results": 10}
        assert browser.post(search, json=body).status_code == 403
        assert browser.post(search, json=body, headers={"Origin": "http://elsewhere"}).status_code == 403
        mine = browser.post(search, json=body, headers={"Origin": platform.url})
        assert [e["name"] for e in mine.json()["experiments"]] == ["Default"]
