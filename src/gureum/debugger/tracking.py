"""Findings to MLflow: the artifact `debugger/findings.json` and the tag `gureum.debugger.findings`, also of a healthy run.

Called by `session` at exit, and before somebody is told of a finding. Nothing happens when MLflow was never imported in this
process and no run is named: then no run can be active.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

from gureum.debugger.finding import Finding
from gureum.tracking.watched import FINDINGS_FILE, FINDINGS_TAG, mark_text

__all__ = ["log"]


class Watched(Protocol):
    """What is logged; `session.Session` is it."""

    @property
    def findings(self) -> list[Finding]: ...

    def left(self) -> dict[str, Any]: ...


def log(watch: Watched, *, run_id: str | None) -> None:
    """Log to `run_id`, else to the active run, else nowhere: then nothing is judged yet."""
    if run_id is None and "mlflow" not in sys.modules:
        return
    import mlflow  # seconds to import, and only wanted when a run is there

    if run_id is None:
        active = mlflow.active_run()
        if active is None:
            return
        run_id = str(active.info.run_id)
    client = mlflow.MlflowClient()
    findings = watch.findings
    # The file first: a run that is marked has what its mark promises.
    client.log_dict(run_id, watch.left(), FINDINGS_FILE)
    client.set_tag(run_id, FINDINGS_TAG, mark_text(len(findings), findings[0].severity if findings else None))
