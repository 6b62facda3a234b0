"""A run that captures by itself: MLflow's own run in this program, with all that one needs to do it again.

Called by `Experiment.run`. Promise: inside the block MLflow's client speaks to this gureum as its user, and outside of it
everything is as it was. The token is only ever in the environment, as MLflow wants it, and only inside the block.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from typing import Any

from gureum.client.reads import watched
from gureum.client.transport import Transport

__all__ = ["TABLES_TAG", "environment_lock", "git_state", "tracked_run"]

TABLES_TAG = "gureum.tables"
DIRTY_TAG = "gureum.git.dirty"
LOCK_FILE = "environment/requirements.txt"

# A working tree on a slow disk must not hold up a training.
GIT_S_MAX = 5.0


@contextlib.contextmanager
def tracked_run(
    transport: Transport,
    tracking_uri: str,
    experiment: str,
    *,
    name: str | None,
    tags: Mapping[str, str],
    autolog: bool | Mapping[str, Any],
) -> Iterator[Any]:
    """MLflow's active run in `experiment`, which is made when it is not there. It fails when the block raises."""
    import mlflow  # heavy: only for those who track a run

    with _speaking_to(transport, tracking_uri):
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else client.create_experiment(experiment)
        nested = mlflow.active_run() is not None
        if autolog is not False and not nested:
            mlflow.autolog(**{"silent": True, **({} if autolog is True else autolog)})
        try:
            with mlflow.start_run(
                experiment_id=experiment_id, run_name=name, nested=nested, tags={**git_state(), **tags}
            ) as run:
                mlflow.log_text(environment_lock(), LOCK_FILE)
                with watched(_Reads(client, run.info.run_id, transport.url)):
                    yield run
        finally:
            if autolog is not False and not nested:
                mlflow.autolog(disable=True, silent=True)


class _Reads:
    """Logs each table and version once, when it is read: what a killed run has read is known too."""

    def __init__(self, client: Any, run_id: str, url: str) -> None:
        self._client = client
        self._run_id = run_id
        self._url = url
        self._seen: dict[tuple[str, int], None] = {}

    def __call__(self, tables: list[tuple[str, int]]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag  # heavy: loaded with the run

        new = [table for table in tables if table not in self._seen]
        if not new:
            return
        self._seen.update(dict.fromkeys(new))
        read = [{"name": name, "version": version} for name, version in self._seen]
        self._client.set_tag(self._run_id, TABLES_TAG, json.dumps(read))
        inputs = [
            DatasetInput(
                Dataset(
                    name, f"v{version}", "gureum", json.dumps({"url": self._url, "table": name, "version": version})
                ),
                [InputTag("mlflow.data.context", "read")],
            )
            for name, version in new
        ]
        self._client.log_inputs(self._run_id, inputs)


@contextlib.contextmanager
def _speaking_to(transport: Transport, tracking_uri: str) -> Iterator[None]:
    import mlflow

    wanted = {"MLFLOW_TRACKING_TOKEN": transport.token, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    if transport.verify is False:
        wanted["MLFLOW_TRACKING_INSECURE_TLS"] = "true"
    elif isinstance(transport.verify, str):
        wanted["MLFLOW_TRACKING_SERVER_CERT_PATH"] = transport.verify
    before = {key: os.environ.get(key) for key in (*wanted, "MLFLOW_TRACKING_URI")}
    uri_before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    _put(wanted)
    mlflow.set_tracking_uri(tracking_uri)
    try:
        yield
    finally:
        mlflow.flush_async_logging()
        mlflow.set_tracking_uri(uri_before)  # type: ignore[arg-type]  # None takes it away again
        _put(before)


def _put(values: Mapping[str, str | None]) -> None:
    for key, value in values.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value


def environment_lock() -> str:
    """Every installed package with its version, as requirements."""
    found = {(one.metadata["Name"] or "", one.version) for one in distributions()}
    lines = sorted((f"{name}=={version}" for name, version in found if name), key=str.lower)
    return "\n".join([f"# Python {platform.python_version()} on {platform.platform()}", *lines]) + "\n"


def git_state() -> dict[str, str]:
    """The commit and branch of the folder that this program runs in, and whether it has changes. Empty outside of git."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return {}
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "mlflow.source.git.commit": commit,
        "mlflow.source.git.branch": _git("rev-parse", "--abbrev-ref", "HEAD") or "",
        DIRTY_TAG: str(changes != "").lower(),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=GIT_S_MAX, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
