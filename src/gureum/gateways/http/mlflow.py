"""MLflow below /mlflow: its API and its own UI, for `MLFLOW_TRACKING_URI=<url>/mlflow` and a token.

Passed on as it is to the tracking process, where each call is checked against the catalog (`tracking/guard.py`).
"""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from gureum.gateways.http.access import SIGNED_IN, CurrentActor, Routes
from gureum.gateways.http.backend import Backend

__all__ = ["routes"]

# A model of many gigabytes is streamed through, never held.
ARTIFACT_BYTES_MAX = 64 << 30

routes = Routes("mlflow", prefix="/mlflow", max_body_size=ARTIFACT_BYTES_MAX)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def _pass_on(path: str, actor: CurrentActor, request: Request) -> Response:
    """MLflow's own API and UI."""
    backend: Backend = request.app.state.tracking
    return await backend.proxied(request, "/" + path, actor)


async def _to_the_slash(request: Request) -> Response:
    """The UI's addresses are relative to /mlflow/."""
    return RedirectResponse(request.url.path + "/")


for method in METHODS:
    routes.add(method, "/{path:path}", allow=SIGNED_IN, include_in_schema=False)(_pass_on)
routes.add("GET", "", allow=SIGNED_IN, include_in_schema=False)(_to_the_slash)
