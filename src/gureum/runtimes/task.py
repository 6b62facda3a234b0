"""An install as a task of the server: what the jobs process runs for `POST /api/runtimes/{runtime}/install`.

Called in the task's own process (kind "runtime"). It is the one task that works on the data folder itself: the launcher names
the folder in its orders, for an install is the server's own and an administrator's to start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gureum.runtimes.install import install
from gureum.runtimes.runtime import runtime

__all__ = ["install_runtime"]


def install_runtime(_client: Any, spec: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """Install the runtime that the task is named after; its progress is uv's last line."""
    wanted = runtime(spec["name"])

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201 - a task's standard output is its log
        tell({"said": line})

    done = install(Path(spec["folder"]), wanted, say)
    return {**asdict(done), "lock": wanted.hash, "packages": len(wanted.packages)}
