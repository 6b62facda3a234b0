"""What a check of one window found, as one value: findings for people, violations for SageMaker's readers, numbers for plots.

Made by `check`; read by Studio, by the stream of findings and by people.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gureum.monitor.drift import FeatureDrift
from gureum.monitor.joint import Pair
from gureum.monitor.performance import Metric
from gureum.monitor.violations import Violation

__all__ = ["ConceptDrift", "Finding", "JointDrift", "Report", "heat_map"]


@dataclass(frozen=True)
class Finding:
    """One thing to look at. `kind` is type, column, completeness, values, drift, prediction, target, joint, concept,
    performance or rows; `alarm` is False for a mere notice."""

    kind: str
    feature: str
    severity: str
    effect: float
    english: str
    korean: str
    alarm: bool = True

    def __str__(self) -> str:
        return self.english


@dataclass(frozen=True)
class JointDrift:
    """`pairs` are those that changed, the strongest first; `features` those in most of them, likewise."""

    drifted: bool
    effect: float
    p_adjusted: float
    pairs: tuple[Pair, ...]
    features: tuple[str, ...]


@dataclass(frozen=True)
class ConceptDrift:
    """Whether P(target | features) changed; `about` is level, size or the feature to which the target answers otherwise."""

    drifted: bool
    effect: float
    p_adjusted: float
    about: str
    labels: int


@dataclass(frozen=True)
class Report:
    """`findings` are ordered, the likely culprit first; `alarm` is True when one of them is more than a notice."""

    rows: int
    alpha: float
    findings: tuple[Finding, ...]
    violations: tuple[Violation, ...]
    drift: tuple[FeatureDrift, ...] = field(repr=False)
    joint: JointDrift | None
    prediction: FeatureDrift | None = field(repr=False)
    target: FeatureDrift | None = field(repr=False)
    concept: ConceptDrift | None
    performance: tuple[Metric, ...] = field(repr=False)

    @property
    def alarm(self) -> bool:
        return any(finding.alarm for finding in self.findings)

    @property
    def culprit(self) -> str | None:
        """The feature of the first finding that alarms."""
        return next((finding.feature for finding in self.findings if finding.alarm), None)

    def __str__(self) -> str:
        head = f"{self.rows:,} rows: " + ("ALARM" if self.alarm else "as in the baseline")
        return "\n".join([head, *(f"  {finding.severity:<6} {finding}" for finding in self.findings)])

    def to_json(self) -> dict[str, Any]:
        """Plain values, without NaN or infinity."""
        body = {
            "rows": self.rows,
            "alarm": self.alarm,
            "culprit": self.culprit,
            "alpha": self.alpha,
            "findings": [
                {
                    "kind": one.kind, "feature": one.feature, "severity": one.severity, "effect": one.effect,
                    "alarm": one.alarm, "text": {"en": one.english, "ko": one.korean},
                }
                for one in self.findings
            ],
            "violations": [one.to_json() for one in self.violations],
            "drift": [one.to_json() for one in self.drift],
            "prediction": None if self.prediction is None else self.prediction.to_json(),
            "target": None if self.target is None else self.target.to_json(),
            "joint": None if self.joint is None else {**vars(self.joint), "pairs": [vars(pair) for pair in self.joint.pairs]},
            "concept": None if self.concept is None else dict(vars(self.concept)),
            "performance": [vars(one) for one in self.performance],
        }  # fmt: skip
        plain: dict[str, Any] = _plain(body)
        return plain

    def save_violations(self, path: str | Path) -> None:
        """Write constraint_violations.json in SageMaker's schema."""
        body = {"violations": [one.to_json() for one in self.violations]}
        Path(path).write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def heat_map(reports: Sequence[Report]) -> dict[str, Any]:
    """Effects by feature and window (None where a window lacked the feature), for Studio's heat map; most drifted first."""
    effects: dict[str, list[float | None]] = {}
    drifted: dict[str, list[bool]] = {}
    for number, report in enumerate(reports):
        for one in (*report.drift, *(extra for extra in (report.prediction, report.target) if extra is not None)):
            effects.setdefault(one.feature, [None] * len(reports))[number] = round(abs(one.effect), 4)
            drifted.setdefault(one.feature, [False] * len(reports))[number] = one.drifted
    order = sorted(effects, key=lambda name: (-sum(drifted[name]), -max(value or 0.0 for value in effects[name]), name))
    return {
        "features": order,
        "effects": [effects[name] for name in order],
        "drifted": [drifted[name] for name in order],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
