"""What a rule is, and what it finds. Called by every file in `rules/`, by `judge` and by the adapters; knows no framework.

A rule is data and one pure function over a recording: it gives the evidence, or None. The texts stand beside the rule in
every language that Studio speaks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gureum.debugger.recording import Recording

__all__ = ["LANGUAGES", "SEVERITIES", "Change", "Evidence", "Finding", "Language", "Rule", "Severity", "Text"]

Severity = Literal["error", "warning"]
Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")
# The worst first. An error means that the result is wrong or worthless; a warning, that it is worse than it could be.
SEVERITIES: tuple[Severity, ...] = ("error", "warning")

Text = Mapping[Language, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers that a rule went by; `layer` and `step` say where, when it is one place."""

    numbers: Mapping[str, Any]
    layer: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The remedy as code: a few lines of Python with the fault, and the same lines without it. An example, not their file."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault: how to see it, what to do, and who says so.

    `explains` names the rules whose findings are only this fault's consequence. `thresholds` are the constants that
    `check` uses, for the reference page and for Studio; `source` is the paper or documentation that they come from.
    `change` is the remedy as code, `change_of_trees` for boosters where theirs is another.
    """

    name: str
    severity: Severity
    title: Text
    remedy: Text
    source: str
    thresholds: Mapping[str, float]
    check: Callable[[Recording], Evidence | None]
    explains: tuple[str, ...] = ()
    change: Change | None = None
    change_of_trees: Change | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that was seen and persisted. `explains` names the findings that are its consequence (`root cause of`).

    `step` is where it began, or else when it was first seen (a boosting round, for trees); `epoch` counts from 1. Both are
    None where no time passed.
    """

    rule: str
    severity: Severity
    title: Text
    remedy: Text
    source: str
    evidence: Mapping[str, Any]
    thresholds: Mapping[str, float]
    layer: str | None = None
    step: int | None = None
    explains: tuple[str, ...] = field(default=())
    epoch: int | None = None
    change: Change | None = None

    @property
    def root_cause_of(self) -> tuple[str, ...]:
        return self.explains

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "severity": self.severity,
            "title": dict(self.title),
            "remedy": dict(self.remedy),
            "source": self.source,
            "evidence": {name: plain(value) for name, value in self.evidence.items()},
            "thresholds": dict(self.thresholds),
            "layer": self.layer,
            "step": self.step,
            "epoch": self.epoch,
            "change": None if self.change is None else {"before": self.change.before, "after": self.change.after},
            "root_cause_of": list(self.explains),
        }


def plain(value: Any) -> Any:
    """A JSON value: NaN and infinity become words, arrays lists; numbers keep four significant digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return float(f"{value:.4g}")
    return str(value)
