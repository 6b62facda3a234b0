"""MLflow's own server as an application of ours: its handlers and UI, our store, our catalog at every door of it.

Made by the tracking process; loads MLflow, which takes seconds and 250 MB, so nothing else imports this. Promise: of the
many things that MLflow serves only those of ROUTES answer, each checked by `guard.py` for the actor of the request.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, cast

from starlette.responses import JSONResponse

from gureum.catalog.catalog import Catalog
from gureum.errors import GureumError, InvalidInput
from gureum.types import Actor, Permission

__all__ = ["MlflowApp", "open_mlflow"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ARTIFACT_ROOT = "mlflow-artifacts:/"
SCHEME = "gureum"

_ARTIFACT = re.compile(r"/(?:ajax-)?api/2\.0/mlflow-artifacts/artifacts(?:/(?P<path>.*))?")

# What of MLflow is offered. The rest (its AI gateway and secrets, assistant, jobs, webhooks, workspaces) runs programs,
# opens connections or keeps secrets on this machine, for anybody who may sign in.
ROUTES = tuple(
    re.compile(pattern)
    for pattern in (
        r"/",
        r"/(health|version|graphql|get-artifact|model-versions/get-artifact)",
        r"/static-files/.*",
        r"/(ajax-)?api/2\.0/mlflow/(experiments|runs|metrics|artifacts/list|registered-models|model-versions|logged-models|traces)\b.*",
        r"/(ajax-)?api/2\.0/?mlflow/experiments/search-datasets",
        r"/(ajax-)?api/3\.0/mlflow/(traces|datasets|server-info|assessments)\b.*",
        r"/ajax-api/3\.0/mlflow/(scorers/list|issues/search|label-schemas/list|ui-telemetry)",
        r"/ajax-api/[23]\.0/mlflow/(get-trace-artifact|upload-artifact|logged-models/[^/]+/artifacts/files)",
        r"/v1/traces",
        _ARTIFACT.pattern,
    )
)


def open_mlflow(*, url: str, artifacts: Path, catalog: Catalog) -> MlflowApp:
    """Bring MLflow's tables up to date and build its application over them."""
    artifacts.mkdir(parents=True, exist_ok=True)
    # MLflow's server reads its settings from the environment, at import.
    os.environ |= {
        "_MLFLOW_SERVER_FILE_STORE": url,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": ARTIFACT_ROOT,
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts.as_uri(),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        # Host and origin are checked by the gateway, which is the only one that reaches us.
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    from mlflow.server import handlers
    from mlflow.server.fastapi_app import app
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
    from mlflow.tracking._model_registry import utils as registry_utils
    from mlflow.tracking._tracking_service import utils as tracking_utils

    from gureum.tracking.database import prepare, use_wal
    from gureum.tracking.guard import Guard, guarded_registry, guarded_tracking
    from gureum.tracking.store import TrackingStore, make_tables

    prepare(url, make_tables)
    tracking = TrackingStore(url, ARTIFACT_ROOT)
    registry = RegistryStore(url)
    use_wal(registry.engine)
    guard = Guard(catalog, tracking, registry)
    guard.heal()
    guarded = guarded_tracking(guard), guarded_registry(guard)
    # MLflow's handlers keep their stores in these; there is no public way to give them others.
    handlers._tracking_store, handlers._model_registry_store = guarded
    # Its handlers also ask by its own client, within this process: by this address they meet the same stores.
    tracking_utils._tracking_store_registry.register(SCHEME, lambda **_: guarded[0])
    registry_utils._get_store_registry().register(SCHEME, lambda **_: guarded[1])
    tracking_utils.set_tracking_uri(f"{SCHEME}://here")
    return MlflowApp(app, guard)


class MlflowApp:
    """MLflow's application behind the list of routes; `actor` must be set by whoever calls it."""

    def __init__(self, app: Any, guard: Any) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send, *, actor: Actor) -> None:
        from gureum.tracking.guard import ACTOR

        path = cast("str", scope["path"])
        ACTOR.set(actor)
        if not any(route.fullmatch(path) for route in ROUTES):
            body = {"error_code": "ENDPOINT_NOT_FOUND", "message": f"gureum does not offer {path} of MLflow"}
            await JSONResponse(body, 404)(scope, receive, send)
            return
        refused = self._check_artifact(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_artifact(self, scope: Scope) -> JSONResponse | None:
        """The artifact routes have a path and no store behind them: they are checked here."""
        match = _ARTIFACT.fullmatch(scope["path"])
        if match is None:
            return None
        from urllib.parse import parse_qs

        from gureum.tracking.errors import to_mlflow

        where = match["path"] or "".join(parse_qs(scope["query_string"].decode()).get("path", []))
        permission = Permission.READ if scope["method"] in {"GET", "HEAD"} else Permission.WRITE
        try:
            if ".." in where.replace("\\", "/").split("/"):
                raise InvalidInput(f"{where!r} is not an artifact's path", code="artifact.path", hint="without '..'")
            self._guard.artifact(where, permission)
        except GureumError as error:
            told = to_mlflow(error)
        except Exception as error:
            if not hasattr(error, "get_http_status_code"):
                raise
            told = cast("Any", error)
        else:
            return None
        return JSONResponse({"error_code": told.error_code, "message": told.message}, told.get_http_status_code())
