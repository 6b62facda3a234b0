"""Runs the rules over a recording, and names one root cause for what has one.

Called by `session`. Promise: a rule that raises is noted in `troubles` and never reaches the training.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gureum.debugger.finding import SEVERITIES, Finding, Rule
from gureum.debugger.recording import Recording
from gureum.debugger.registry import RULES

__all__ = ["Verdict", "judge"]


# Whose trainings have rounds and parameters of trees.
TREES = ("lightgbm", "xgboost")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`findings` are root causes, the worst first; `symptoms` what they explain; `troubles` rules that failed, and why."""

    findings: tuple[Finding, ...]
    symptoms: tuple[Finding, ...]
    troubles: tuple[str, ...]


def judge(recording: Recording, rules: Iterable[Rule] = RULES) -> Verdict:
    held: dict[str, tuple[Rule, Finding]] = {}
    troubles: list[str] = []
    trees = recording.framework in TREES or bool(recording.rounds)
    for rule in rules:
        try:
            with warnings.catch_warnings():
                # NumPy warns of the very NaN and infinity that the rules look for.
                warnings.simplefilter("ignore", RuntimeWarning)
                evidence = rule.check(recording)
        except Exception as error:  # a faulty rule must not end a training that runs for hours
            troubles.append(f"{rule.name}: {type(error).__name__}: {error}")
            continue
        if evidence is not None:
            held[rule.name] = (rule, Finding(
                rule=rule.name, severity=rule.severity, title=rule.title, remedy=rule.remedy, source=rule.source,
                evidence=evidence.numbers, thresholds=rule.thresholds, layer=evidence.layer, step=evidence.step, change=(trees and rule.change_of_trees) or rule.change,
            ))  # fmt: skip
    explained = {name for rule, _ in held.values() for name in rule.explains if name in held}
    # `explains` has no cycle (a test walks it), so that something held is always explained by nothing.
    roots = [
        replace(finding, explains=_consequences(name, held))
        for name, (_, finding) in held.items()
        if name not in explained
    ]
    symptoms = [finding for name, (_, finding) in held.items() if name in explained]
    roots.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Verdict(tuple(roots), tuple(symptoms), tuple(troubles))


def _consequences(name: str, held: dict[str, tuple[Rule, Finding]]) -> tuple[str, ...]:
    """Everything held that this rule explains, directly or by what it explains."""
    found: list[str] = []
    waiting = [name]
    while waiting:
        for other in held[waiting.pop()][0].explains:
            if other in held and other not in found and other != name:
                found.append(other)
                waiting.append(other)
    return tuple(found)
