"""Models behind endpoints on a running server: real models logged by MLflow, asked as MLflow's, SageMaker's and our clients do."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from gureum.client.client import Client
from gureum.errors import Conflict, GureumError, InvalidInput, NotFound, PermissionDenied
from gureum.testing.platform import RunningPlatform, wait_until

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.xdist_group("platform"),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
    # A new model is loaded by MLflow and by its own library and compared: seconds, on two busy cores more.
    pytest.mark.timeout(400),
]

KEPT_S_MAX = 60.0
DATA = pd.DataFrame({"temp": np.linspace(0, 1, 200), "n": np.arange(200) % 9})
ROWS = [[0.25, 3], [0.75, 8]]
RECORDS = [{"temp": row[0], "n": row[1]} for row in ROWS]

# What it may not do, it tells as its prediction.
SPY = """
import os, pathlib, socket
import mlflow

class Spy(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        def tried(act):
            try:
                act()
            except OSError as error:
                return f"refused: {type(error).__name__}"
            return "done"
        home = pathlib.Path.cwd().parents[2]
        return [";".join([
            tried(lambda: (home / "secret.key").read_bytes()),
            tried(lambda: (home / "metadata.db").read_bytes()),
            tried(lambda: os.listdir(home)),
            tried(lambda: pathlib.Path("/etc/passwd").read_bytes()),
            tried(lambda: (home / "planted").write_text("x")),
            tried(lambda: socket.socket(socket.AF_UNIX)),
            tried(lambda: socket.socket(socket.AF_INET)),
            tried(lambda: os.kill(os.getppid(), 0)),
            ",".join(sorted(name for name in os.environ if "TOKEN" in name or "SECRET" in name or "GUREUM" in name)),
        ])] * len(model_input)

mlflow.models.set_model(Spy())
"""


@contextlib.contextmanager
def tracking(platform: RunningPlatform, client: Client) -> Iterator[None]:
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(f"{platform.url}/mlflow")
    patch = pytest.MonkeyPatch()
    patch.setenv("MLFLOW_TRACKING_TOKEN", str(client._transport.token))
    patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        yield
    finally:
        patch.undo()
        mlflow.set_tracking_uri(before)


def booster(slope: float) -> Any:
    return lightgbm.train({"verbose": -1}, lightgbm.Dataset(DATA, DATA.temp * slope + DATA.n), 20)


@pytest.fixture(scope="module")
def g(platform: RunningPlatform) -> Client:
    return platform.user("srvanna")


@pytest.fixture(scope="module")
def models(platform: RunningPlatform, g: Client) -> dict[str, Any]:
    """Versions 1 and 2 of the registered model `srv_failure`; the first is its champion."""
    platform.mlflow_version()
    made = {"1": booster(1.0), "2": booster(50.0)}
    with tracking(platform, g):
        mlflow.set_experiment("srv models")
        for model in made.values():
            with mlflow.start_run():
                mlflow.lightgbm.log_model(
                    model, name="model", input_example=DATA.head(3), registered_model_name="srv_failure",
                    pip_requirements=["lightgbm"],
                )  # fmt: skip
        mlflow.MlflowClient().set_registered_model_alias("srv_failure", "champion", "1")
    return made


@pytest.fixture(scope="module")
def endpoint(g: Client, models: dict[str, Any]) -> Any:
    endpoint = g.endpoint("srv-failure")
    endpoint.deploy("srv_failure@champion")
    return endpoint


def ask(
    platform: RunningPlatform, client: Client, body: Any, content_type: str = "application/json", **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"authorization": f"Bearer {client._transport.token}", "content-type": content_type}
    url = f"{platform.url}/endpoints/srv-failure/invocations"
    return httpx.post(url, content=content, headers=sent | headers, timeout=60)


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(values))
    return file.getvalue()


def test_every_form_of_body_gives_the_models_own_answer(platform, g, models, endpoint):
    wanted = models["1"].predict(np.array(ROWS)).tolist()
    for body, content_type in (
        ({"dataframe_split": {"columns": ["temp", "n"], "data": ROWS}}, "application/json"),
        ({"dataframe_records": RECORDS}, "application/json"),
        ({"instances": ROWS}, "application/json"),
        ({"instances": [{"features": row} for row in ROWS]}, "application/json"),
        ({"inputs": {"temp": [0.25, 0.75], "n": [3, 8]}}, "application/json"),
        (b"temp,n\n0.25,3\n0.75,8\n", "text/csv"),
        (b"0.25,3\n0.75,8", "text/csv"),
        (npy(ROWS), "application/x-npy"),
        (b'{"features": [0.25, 3]}\n{"features": [0.75, 8]}', "application/jsonlines"),
    ):
        answer = ask(platform, g, body, content_type)
        assert answer.status_code == 200, (content_type, answer.text)
        assert answer.json() == {"predictions": wanted}
    lines = ask(platform, g, {"instances": ROWS}, accept="text/csv").text.split()
    assert [float(line) for line in lines] == wanted
    assert endpoint.predict(DATA).tolist() == models["1"].predict(DATA).tolist()
    assert endpoint.predict(RECORDS).tolist() == wanted
    assert endpoint.predict(RECORDS[0]).tolist() == wanted[:1]
    assert endpoint.predict(np.array(ROWS)).tolist() == wanted
    shown = endpoint.show()["deployments"][0]
    assert (shown["deployment"], shown["state"], shown["way"]) == ("srv_failure-1", "serving", "matrix")
    assert {"landlock", "seccomp"} <= {one.partition(" ")[0] for one in shown["confined"]}
    assert shown["requests"] > 10
    assert shown["p50_ms"] < shown["p99_ms"] + 0.001


def test_boto3s_sagemaker_runtime(platform, g, models, endpoint):
    key = platform.client.request("POST", "/keys", body={"label": "sagemaker"})
    options = {"region_name": "us-east-1", "endpoint_url": platform.url, "aws_access_key_id": key["access_key_id"]}
    client = boto3.client("sagemaker-runtime", aws_secret_access_key=key["secret_access_key"], **options)
    answer = client.invoke_endpoint(
        EndpointName="srv-failure", Body=b"0.25,3", ContentType="text/csv", Accept="text/csv", InferenceId="from-boto3"
    )
    assert float(answer["Body"].read()) == models["1"].predict([[0.25, 3]])[0]
    assert answer["InvokedProductionVariant"] == "srv_failure-1"
    with pytest.raises(ClientError) as error:
        client.invoke_endpoint(EndpointName="srv-failure", Body=b"0.25,x", ContentType="text/csv")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    wrong = boto3.client("sagemaker-runtime", aws_secret_access_key="wrong", **options)
    with pytest.raises(ClientError) as error:
        wrong.invoke_endpoint(EndpointName="srv-failure", Body=b"0.25,3", ContentType="text/csv")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401


def test_mistakes_are_named_and_nobody_else_may_ask(platform, g, endpoint):
    with pytest.raises(InvalidInput, match="column 'n': row 0 is missing") as error:
        endpoint.predict(pd.DataFrame({"temp": [0.5], "n": [float("nan")]}))
    assert error.value.details["column"] == "n"
    with pytest.raises(InvalidInput, match="no column 'color'"):
        endpoint.predict({"temp": 1, "n": 1, "color": "red"})
    assert ask(platform, g, b"").json()["code"] == "endpoint.body_empty"
    assert ask(platform, g, b"<a/>", "application/xml").json()["code"] == "endpoint.content_type"
    large = ask(platform, g, b" " * (20 << 20))
    assert (large.status_code, large.json()["code"]) == (413, "endpoint.body_size")
    url = f"{platform.url}/endpoints/srv-failure/invocations"
    assert httpx.post(url, json={"instances": ROWS}).status_code == 401
    viewer = platform.user("srvviewer", role="viewer")
    with pytest.raises(NotFound):
        viewer.endpoint("srv-failure").predict(ROWS)
    g.request("PUT", "/grants", body=grant("endpoint", "srv-failure", "srvviewer", "manage"))
    assert len(viewer.endpoint("srv-failure").predict(ROWS)) == 2
    with pytest.raises(PermissionDenied):
        viewer.endpoint("srv-failure").deploy("srv_failure/2")
    with pytest.raises(PermissionDenied):
        viewer.endpoint("srv-failure").label({"x": 1})
    bob = platform.user("srvbob")
    with pytest.raises(NotFound):  # one's own endpoint is no way to another one's model
        bob.endpoint("srvbobs").deploy("srv_failure/1")


def grant(kind: str, name: str, grantee: str, permission: str) -> dict[str, str]:
    return {"kind": kind, "name": name, "grantee": grantee, "permission": permission}


def test_a_canary_takes_its_share_and_a_rollback_takes_it_back(platform, g, models, endpoint):
    shown = endpoint.deploy("srv_failure", version=2, weight=30)
    assert {one["deployment"]: one["weight"] for one in shown["deployments"]} == {
        "srv_failure-1": 70,
        "srv_failure-2": 30,
    }
    old, new = (float(models[version].predict([ROWS[1]])[0]) for version in "12")
    got = [float(endpoint.predict([ROWS[1]], request_id=f"canary-{at}")[0]) for at in range(200)]
    assert set(got) == {old, new}
    assert 35 <= got.count(new) <= 85
    assert got[:20] == [float(endpoint.predict([ROWS[1]], request_id=f"canary-{at}")[0]) for at in range(20)]
    assert float(endpoint.predict([ROWS[1]], deployment="srv_failure-2")[0]) == new
    shown = endpoint.rollback()
    assert [one["deployment"] for one in shown["deployments"]] == ["srv_failure-1"]
    assert {float(endpoint.predict([ROWS[1]])[0]) for _ in range(20)} == {old}
    with pytest.raises(Conflict, match="no earlier state"):
        endpoint.rollback()


def test_requests_predictions_and_late_labels_are_in_a_table_once(platform, g, models, endpoint):
    for _ in range(3):  # a client that repeats
        endpoint.predict(RECORDS, request_id="kept")
    with contextlib.suppress(InvalidInput):
        endpoint.predict({"temp": "hot", "n": 1}, request_id="wrong")
    assert endpoint.label({"kept": 1.0, "kept/1": 5.0}) == 2
    endpoint.label({"kept": 2.0})

    def rows() -> list[dict[str, Any]] | None:
        with contextlib.suppress(GureumError):
            found = {(row["id"], row["row_number"]): row for row in endpoint.requests()}
            if found.get(("kept", 0), {}).get("label") == 2.0 and ("wrong", 0) in found:
                return list(endpoint.requests())
        return None

    found = [
        row
        for row in wait_until(rows, what="the captured rows", timeout_s=KEPT_S_MAX)
        if row["id"] in {"kept", "wrong"}
    ]
    kept = [row for row in found if row["id"] == "kept"]
    assert [row["request"] for row in kept] == RECORDS
    assert [row["prediction"] for row in kept] == models["1"].predict(np.array(ROWS)).tolist()
    assert [row["label"] for row in kept] == [2.0, 5.0]
    assert {(row["deployment"], row["model"], row["version"], row["status"]) for row in kept} == {
        ("srv_failure-1", "srv_failure", "1", 200)
    }
    (wrong,) = [row for row in found if row["id"] == "wrong"]
    assert (wrong["status"], wrong["error"], wrong["prediction"]) == (400, "endpoint.column_type", None)


def test_a_strangers_model_reaches_neither_files_nor_network(platform, g, models, tmp_path: Path):
    script = tmp_path / "spy.py"
    script.write_text(SPY)
    with tracking(platform, g), mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="spy", python_model=str(script), pip_requirements=["mlflow"])
    spy = g.endpoint("srv-spy")
    spy.deploy(info.model_uri, capture=False)
    said = spy.predict([[1.0]])[0].split(";")
    assert all(one.startswith("refused") for one in said[:-1]), said
    assert said[-1] == "", said
    assert not (platform.folder / "planted").exists()
    assert spy.show()["deployments"][0]["way"] == "pyfunc"
    spy.delete()
    with pytest.raises(NotFound):
        spy.show()


def test_a_model_that_does_not_load_leaves_the_endpoint_as_it_was(platform, g, models, endpoint):
    with tracking(platform, g), mlflow.start_run() as run:
        info = mlflow.lightgbm.log_model(models["1"], name="broken", pip_requirements=["lightgbm"])
    (path,) = platform.folder.glob(f"artifacts/*/models/{info.model_id}/artifacts/model.lgb")
    path.write_text("not a model")
    with pytest.raises(InvalidInput, match="the model does not load"):
        endpoint.deploy(f"runs:/{run.info.run_id}/broken")
    assert [one["deployment"] for one in endpoint.show()["deployments"]] == ["srv_failure-1"]
    assert len(endpoint.predict(ROWS)) == 2


def test_a_table_is_scored_into_another(platform, g, models):
    g.sql("CREATE TABLE srv_readings AS SELECT i AS id, i / 100.0::DOUBLE AS temp, i % 9 AS n FROM range(5000) t(i)")
    assert g.score("srv_readings", "srv_failure/1", into="srv_scored") == {"table": "main.srv_scored", "rows": 5000}
    scored = g.table("srv_scored").to_pandas().sort_values("id")
    assert scored.prediction.tolist() == models["1"].predict(scored[["temp", "n"]].to_numpy()).tolist()
    with pytest.raises(Conflict, match="exists"):
        g.score("srv_readings", "srv_failure/1", into="srv_scored")
    g.sql("CREATE TABLE srv_narrow AS SELECT 1.0::DOUBLE AS temp")
    with pytest.raises(InvalidInput, match="no column 'n'"):
        g.score("srv_narrow", "srv_failure/1", into="srv_nothing")
    assert "main.srv_nothing" not in {table["name"] for table in g.tables()}


@pytest.fixture
def a_run_at_another_server(tmp_path: Path) -> Iterator[None]:
    """The user is in the middle of an experiment at an MLflow of their own, whose ids mean nothing at ours."""
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    for number in range(9):
        mlflow.create_experiment(f"theirs {number}", artifact_location=str(tmp_path / "files"))
    mlflow.set_experiment("theirs 8")
    with mlflow.start_run():
        yield
    mlflow.set_experiment("Default")
    mlflow.set_tracking_uri(before)


@pytest.mark.usefixtures("a_run_at_another_server")
def test_an_estimator_is_logged_and_served_in_one_step(platform, g, models):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.tree import DecisionTreeClassifier

    data = pd.DataFrame({"color": ["red", "blue", "red", "green"]})
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier()).fit(
        data, ["no", "yes", "no", "no"]
    )
    colors = g.endpoint("srv-colors")
    shown = colors.deploy(model, input_example=data)
    assert (shown["prediction"], shown["columns"]) == ("STRING", [{"name": "color", "type": "STRING"}])
    assert colors.predict([{"color": "blue"}, {"color": "red"}]).tolist() == ["yes", "no"]
    assert colors.predict(data).tolist() == ["no", "yes", "no", "no"]
    colors.delete()


def test_the_command_line(platform, g, endpoint):
    def gureum(*arguments: str) -> str:
        environment = {**os.environ, "GUREUM_URL": platform.url, "GUREUM_TOKEN": str(g._transport.token)}
        done = subprocess.run(
            [sys.executable, "-m", "gureum", *arguments], env=environment, capture_output=True, text=True, timeout=90,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "srv_failure-1" in gureum("endpoint", "list")
    assert "endpoints.srv_failure_requests" in gureum("endpoint", "show", "srv-failure")
    assert json.loads(gureum("model", "list", "--json"))[0]["aliases"] == {"champion": 1}
    assert "2 versions" in gureum("model", "show", "srv_failure")
    said = gureum("endpoint", "predict", "srv-failure", *(json.dumps(record) for record in RECORDS))
    assert len(said.split()) == 2


def test_arrow_in_and_out(platform, g, models, endpoint):
    table = pa.table({"n": [3, 8], "temp": [0.25, 0.75]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    name = "application/vnd.apache.arrow.stream"
    answer = ask(platform, g, sink.getvalue().to_pybytes(), name, accept=name)
    found = pa.ipc.open_stream(answer.content).read_all()
    assert found.to_pydict() == {"prediction": models["1"].predict(np.array(ROWS)).tolist()}
