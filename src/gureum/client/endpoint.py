"""An endpoint, as the SDK sees it: deploy a model, ask it, say what was right, go back, look."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from gureum.client.result import Rows
from gureum.client.transport import Transport
from gureum.errors import InvalidInput, NotFound

__all__ = ["Endpoint"]

ARROW = "application/vnd.apache.arrow.stream"
DEFAULT_EXPERIMENT = "0"  # MLflow's, which is always there

# What the kept column of a feature has instead of these, which a Delta column's name may not have.
_AS_KEPT = re.compile(r"[ ,;{}()\n\t=]")

# Libraries that MLflow has a format for, and what the package is called.
FLAVORS = {"sklearn": "scikit-learn", "lightgbm": "lightgbm", "xgboost": "xgboost", "catboost": "catboost"}


class Endpoint:
    """An endpoint by name; asking the server happens in the methods."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self.name = name
        self._path = f"/endpoints/{quote(name, safe='')}"

    def deploy(
        self,
        model: Any,
        *,
        alias: str | None = None,
        version: str | int | None = None,
        weight: int = 100,
        deployment: str | None = None,
        capture: bool | None = None,
        input_example: Any = None,
    ) -> dict[str, Any]:
        """Serve a model version with `weight` percent of the requests; makes the endpoint when it is new.

        `model` is 'name', 'name/3', 'name@alias', 'models:/...' or 'runs:/<run>/<path>'; or something with `log_model()`, or
        an estimator of scikit-learn or a booster's, which is logged first (then give `input_example`: with one it is served far quicker). Returns
        when the model is loaded and takes requests. Raises InvalidInput when it does not load; the endpoint is then as it was.
        """
        body = {
            "model": model if isinstance(model, str) else self._logged(model, input_example),
            "alias": alias, "version": None if version is None else str(version), "weight": weight,
            "deployment": deployment, "capture": capture,
        }  # fmt: skip
        try:
            shown: dict[str, Any] = self._transport.json("POST", f"{self._path}/deploy", body=body)
        except NotFound as error:
            if error.code != "endpoint.not_found":
                raise
            shown = self._transport.json("POST", "/endpoints", body={"name": self.name, **body})
        return shown

    def predict(self, rows: Any, *, request_id: str | None = None, deployment: str | None = None) -> Any:
        """Predictions for a pandas DataFrame, a numpy array, a dict (one row) or a list of dicts.

        A numpy array with one value a row, or a DataFrame when the model gives several. `request_id` names the request for
        `label`; sent twice it is kept once. Raises InvalidInput that names the column.
        """
        content_type, content = _body(rows)
        headers = {"content-type": content_type, "accept": ARROW, "x-request-id": request_id or secrets.token_hex(16)}
        if deployment is not None:
            headers["x-amzn-sagemaker-target-variant"] = deployment
        path = f"/endpoints/{quote(self.name, safe='')}/invocations"
        # Predicting changes nothing, and what is kept of it is kept once by its id.
        answer = self._transport.raw("POST", path, content=content, headers=headers, repeat=True)
        table = Rows(answer.content).to_arrow()
        if table.column_names == ["prediction"]:
            return table["prediction"].to_numpy()
        return table.to_pandas()

    def label(self, labels: Mapping[str, Any]) -> int:
        """Say what was right for earlier requests, by their id ('id/3' for row 3), however late; returns how many."""
        stored: int = self._transport.json("POST", f"{self._path}/labels", body={"labels": dict(labels)})["stored"]
        return stored

    def rollback(self) -> dict[str, Any]:
        """Back to the routes before the newest change."""
        shown: dict[str, Any] = self._transport.json("POST", f"{self._path}/rollback")
        return shown

    def show(self) -> dict[str, Any]:
        """Deployments with weight, state, errors and latency; earlier states; where requests are kept."""
        shown: dict[str, Any] = self._transport.json("GET", self._path)
        return shown

    def requests(self) -> Rows:
        """What was asked and answered, oldest first, with the newest label of each row. Some seconds behind."""
        shown = self.show()
        if shown["table"] is None:
            raise InvalidInput(f"endpoint {self.name!r} keeps no requests", code="endpoint.capture_off")
        tables = {table["name"] for table in self._transport.json("GET", "/tables")}
        labels = shown["labels_table"]
        sql = f"SELECT r.* FROM {shown['table']} r ORDER BY r.at, r.id, r.row_number"
        if labels in tables:
            sql = (
                f"SELECT r.*, l.label, l.text AS label_text FROM {shown['table']} r LEFT JOIN "
                f"(SELECT id, row_number, arg_max(s.label, s.at) AS label, arg_max(s.text, s.at) AS text FROM {labels} s GROUP BY id, row_number) l "
                "ON l.id = r.id AND l.row_number = r.row_number ORDER BY r.at, r.id, r.row_number"
            )
        return Rows(self._transport.arrow("/sql", body={"sql": sql}))

    def watched(self) -> str:
        """The SELECT for a monitor: when each request came, each feature, the prediction, and labels once there are any."""
        shown = self.show()
        if shown["table"] is None or not shown["columns"]:
            raise InvalidInput(
                f"endpoint {self.name!r} keeps no requests with columns to watch",
                code="endpoint.capture_off",
                hint="deploy a model with a signature, and with capture=True",
            )
        names = [column["name"] for column in shown["columns"]]
        fields = [f"r.request.{_quoted(_AS_KEPT.sub('_', name))} AS {_quoted(name)}" for name in names]
        columns, labels = ["r.at", *fields, "r.prediction"], ""
        if shown["labels_table"] in {table["name"] for table in self._transport.json("GET", "/tables")}:
            columns.append("l.label")
            labels = (
                f" LEFT JOIN (SELECT s.id, s.row_number, arg_max(s.label, s.at) AS label FROM {shown['labels_table']} s "
                "GROUP BY s.id, s.row_number) l ON l.id = r.id AND l.row_number = r.row_number"
            )
        return f"SELECT {', '.join(columns)} FROM {shown['table']} r{labels} WHERE r.error IS NULL"

    def delete(self) -> None:
        """Stop serving; what was captured stays in its tables."""
        self._transport.json("DELETE", self._path)

    def _logged(self, model: Any, input_example: Any) -> str:
        """Log a model through MLflow, here, as this client's user, and return where it is."""
        with self._tracking() as (mlflow, already_here):
            if hasattr(model, "log_model"):
                info = model.log_model()
            elif hasattr(model, "predict"):
                library = type(model).__module__.partition(".")[0]
                flavor = getattr(mlflow, library if library in FLAVORS else "sklearn")
                # An experiment that is set, or a run that is going on, at another server has an id that means nothing here.
                experiment_id = None if already_here else DEFAULT_EXPERIMENT
                nested = mlflow.active_run() is not None
                with mlflow.start_run(run_name=self.name, experiment_id=experiment_id, nested=nested):
                    # Named, or MLflow would load the model in a process of its own to see what it needs.
                    needs = [FLAVORS.get(library, library)]
                    info = flavor.log_model(
                        model, name="model", input_example=input_example, pip_requirements=needs,
                        **({} if library in FLAVORS and library != "sklearn" else {"skops_trusted_types": _types_of(model)}),
                    )  # fmt: skip
            else:
                raise InvalidInput(
                    f"{type(model).__name__} is no model",
                    code="model.kind",
                    hint="give a name, or an object with predict()",
                )
        uri: str = info if isinstance(info, str) else info.model_uri
        return uri

    @contextmanager
    def _tracking(self) -> Iterator[tuple[Any, bool]]:
        """MLflow with this client's server and token, and whether it was at this server before."""
        import mlflow  # takes seconds: only for those who log a model

        before, here = mlflow.get_tracking_uri(), f"{self._transport.url}/mlflow"
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        mlflow.set_tracking_uri(here)
        if self._transport.token:
            os.environ["MLFLOW_TRACKING_TOKEN"] = self._transport.token
        try:
            yield mlflow, before == here
        finally:
            mlflow.set_tracking_uri(before)
            if token is None:
                os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
            else:
                os.environ["MLFLOW_TRACKING_TOKEN"] = token

    def __repr__(self) -> str:
        return f"<endpoint {self.name}>"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _body(rows: Any) -> tuple[str, bytes]:
    if hasattr(rows, "columns") and hasattr(rows, "iloc"):
        import pyarrow as pa  # whoever has a DataFrame has paid for more

        table = pa.Table.from_pandas(rows, preserve_index=False)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return ARROW, sink.getvalue().to_pybytes()
    if hasattr(rows, "dtype") and hasattr(rows, "shape"):
        import numpy as np

        file = io.BytesIO()
        np.save(file, rows, allow_pickle=False)
        return "application/x-npy", file.getvalue()
    if isinstance(rows, Mapping):
        rows = [dict(rows)]
    form = "dataframe_records" if rows and isinstance(rows[0], Mapping) else "instances"
    return "application/json", json.dumps({form: list(rows)}, default=_plain).encode()


def _types_of(model: Any) -> list[str]:
    """What an estimator is made of: trusted, for it is an object of this very program."""
    import skops.io

    return list(skops.io.get_untrusted_types(data=skops.io.dumps(model)))


def _plain(value: Any) -> Any:
    """A numpy number as Python's, a time as its text."""
    return value.item() if hasattr(value, "item") else str(value)
