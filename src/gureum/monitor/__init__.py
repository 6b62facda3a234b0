"""The model monitor as a library: learn what is normal, then check windows of rows against it.

    from gureum import monitor
    normal = monitor.baseline(df, target="failure", prediction="score")
    normal.save("failure-monitor")            # statistics.json and constraints.json in SageMaker's schema, ours beside
    report = monitor.check(window, normal)
    print(report)                             # the likely culprit first; report.alarm, report.to_json()

Needs no server; `docs/explanation/drift.md` says which tests it makes, and why.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gureum.monitor.constraints import Constraints
    from gureum.monitor.normal import Baseline, baseline
    from gureum.monitor.report import Finding, Report, heat_map
    from gureum.monitor.window import check

__all__ = ["Baseline", "Constraints", "Finding", "Report", "baseline", "check", "heat_map"]

_WHERE = {
    "Baseline": "normal", "baseline": "normal", "check": "window", "Constraints": "constraints",
    "Finding": "report", "Report": "report", "heat_map": "report",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # pandas is heavy: the gateway, which only knows monitors by name, does without it. No module here may be called like one
    # of these names: once imported, it would stand in the name's place.
    if name in _WHERE:
        return getattr(importlib.import_module(f"gureum.monitor.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'gureum.monitor' has no attribute {name!r}")
