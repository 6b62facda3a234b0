"""gureum: streams, tables, SQL and machine learning that a team runs itself.

    import gureum
    g = gureum.connect()                      # the server of this folder, or GUREUM_URL and GUREUM_TOKEN
    g.stream("sensors").put({"device": "m1", "temp": 91.2})
    g.sql("SELECT * FROM readings").to_pandas()

Light to import: what is heavy is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gureum import errors
from gureum.errors import NotFound
from gureum.version import __version__

if TYPE_CHECKING:
    from gureum import autopilot, debugger, monitor, tuning
    from gureum.client.client import Client
    from gureum.client.experiment import Experiment
    from gureum.tuning import tune


__all__ = [
    "__version__",
    "autopilot",
    "connect",
    "debugger",
    "errors",
    "experiment",
    "monitor",
    "open",
    "tune",
    "tuning",
]

# Parts that work as libraries on their own, each loaded when it is first named: `gureum.autopilot.fit(...)`.
_PARTS = frozenset({"autopilot", "debugger", "monitor", "tuning"})

DEFAULT_FOLDER = "gureum-data"


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    verify: bool | str = True,
) -> Client:
    """Connect to a running gureum.

    By `url` and `token`; else by GUREUM_URL and GUREUM_TOKEN; else to the server that holds `folder` (`./gureum-data`),
    as its operator. Raises NotFound, which says what to type, when there is none.
    """
    from gureum.client.client import Client  # httpx takes longer to import than all of this module
    from gureum.client.transport import Transport

    url = url or (None if folder else os.environ.get("GUREUM_URL"))
    if url is not None:
        return Client(Transport(url, token or os.environ.get("GUREUM_TOKEN"), verify=verify))
    path = Path(folder or os.environ.get("GUREUM_FOLDER") or DEFAULT_FOLDER).resolve()
    try:
        local = json.loads((path / "run" / "local.json").read_text())
    except (OSError, ValueError):
        raise NotFound(
            f"no gureum is running on {path}",
            code="server.not_found",
            hint="`gureum up` starts one; or set GUREUM_URL and GUREUM_TOKEN; or use gureum.open(folder) without a server",
        ) from None
    return Client(Transport(local["url"], token or local["token"], verify=verify))


def experiment(name: str) -> Experiment:
    """An experiment of the platform that `connect()` finds: `gureum.experiment("churn").to_pandas()`."""
    return connect().experiment(name)


def open(folder: str | os.PathLike[str] = DEFAULT_FOLDER) -> Client:  # noqa: A001 - as in dbm.open: the public name
    """Work on a data folder without a server; standing queries run while it is open.

    A folder that a server holds is reached through that server.
    """
    from gureum.processes.embedded import open_folder  # loads the engines: only for those who run without a server

    return open_folder(Path(folder).resolve())


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"gureum.{name}")
    if name == "tune":
        return importlib.import_module("gureum.tuning").tune
    raise AttributeError(f"module 'gureum' has no attribute {name!r}")
