"""Check a window of rows against a baseline: violations, drift alone and jointly, concept, performance, and what to look at.

Called by whoever watches: `monitor.check(window, baseline)`. Pure: the same window, baseline and seed give the same report.

Promise: of windows like the baseline at most ALPHA alarm, all questions together (Holm over features, pairs, concept and
performance, each paid for by how many tests it looked at); no drift below the effect floor alarms, however many rows show it.
The baseline's own sample is what chance is measured by, so a small baseline makes a careful monitor.
"""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gureum.monitor.columns import Column, Form, as_form, column, read_frame, thin
from gureum.monitor.concept import Change, compare_concept
from gureum.monitor.drift import FeatureDrift, Moved, describe, holm, moved, severity
from gureum.monitor.joint import Pair, compare_pairs
from gureum.monitor.normal import Baseline
from gureum.monitor.performance import Metric, estimated_loss, loss_change, losses, metrics
from gureum.monitor.profile import Comparison, compare
from gureum.monitor.report import ConceptDrift, Finding, JointDrift, Report
from gureum.monitor.scores import NumberEncoder
from gureum.monitor.violations import Violation, type_match, violations_of_columns, violations_of_values
from gureum.monitor.words import of_concept, of_drift, of_joint

__all__ = ["check"]

# The promise is 2% of clean windows; half of it is kept for what a null of finite samples gets wrong.
ALPHA = 0.01
# No test needs more rows of a window than this to be sharper than its floor. Types and missing rows are counted in all.
WINDOW_ROWS = 50_000
PAIRS_SHOWN_MAX = 10
# A model of a drifted region is less sure of it: where features moved, a concept must move by more to be told.
CONCEPT_FLOOR_UNDER_DRIFT = 2.0
# Beside a prediction stand the features that made it, so it is named first only when it moved clearly more than they.
PREDICTION_WEIGHT, TARGET_WEIGHT = 0.8, 0.95
REPEATED_ROWS_MIN = 0.2


@dataclass(frozen=True)
class _Question:
    """What a window is asked once: its p (already paid for its own tests), and who answers."""

    key: str
    p: float


def check(data: Any, baseline: Baseline, *, alpha: float = ALPHA, seed: int = 0) -> Report:
    """Compare a window (anything that `baseline` takes) with the baseline.

    Columns may come in any order and in any storage type. Labels are used when the target is there and not missing.
    Raises InvalidInput when there are no rows.
    """
    frame = read_frame(data, what="the window")
    rows = len(frame)
    constraints = baseline.constraints
    roles = baseline.roles
    known = [name for name in frame.columns if name in baseline.profiles]
    if roles.time in known:
        frame = frame.sort_values(str(roles.time), kind="stable")
    sample = thin(frame, WINDOW_ROWS, seed)

    whole, columns, matches, comparisons = {}, {}, {}, {}
    for name in known:
        profile = baseline.profiles[name]
        full = whole[name] = column(frame[name])
        read, readable = as_form(full, profile.column.form, boolean=profile.column.boolean)
        matches[name] = _match(frame[name], full, profile.column, readable, constraints.features.get(name, {}))
        columns[name] = read if len(sample) == rows else as_form(column(sample[name]), profile.column.form)[0]
        if constraints.enabled("baseline_drift_check", name) or constraints.enabled("completeness_check", name):
            comparisons[name] = compare(profile, columns[name], rows)

    changes = {name: _changes(baseline, found) for name, found in comparisons.items()}
    independent = _independent(comparisons.values())
    memory = {name: found.memory for name, found in comparisons.items()}
    pairs = _pairs(baseline, columns, rows, independent, memory)
    concept = _concept(baseline, columns, independent)
    loss, scores = _performance(baseline, columns, seed)

    questions = [
        _Question(f"feature {name}", min((one.p for one in found), default=1.0)) for name, found in changes.items()
    ]
    if baseline.joint.tests:
        questions.append(
            _Question("joint", min(1.0, baseline.joint.tests * min((one.p for one in pairs), default=1.0)))
        )
    told_concept = [change for change in concept if abs(change.effect) >= constraints.floor()]
    if concept:
        questions.append(
            _Question("concept", min(1.0, len(concept) * min((one.p for one in told_concept), default=1.0)))
        )
    if loss is not None:
        questions.append(_Question("performance", loss.p))
    adjusted = dict(zip((one.key for one in questions), holm([one.p for one in questions]), strict=True))

    drifts = [
        describe(found, roles.of(name), changes[name], adjusted[f"feature {name}"], alpha)
        for name, found in comparisons.items()
    ]
    drifts.sort(key=lambda one: (not one.drifted, -_weight(one)))
    features = [one for one in drifts if one.role == "feature"]
    joint = _joint_drift(pairs, adjusted.get("joint"), alpha)
    drifted_features = any(one.drifted for one in features)
    concept_drift = _concept_drift(columns, roles.target, told_concept, len(concept), adjusted.get("concept"), alpha)
    if (
        concept_drift is not None
        and drifted_features
        and abs(concept_drift.effect) < CONCEPT_FLOOR_UNDER_DRIFT * constraints.floor()
    ):
        concept_drift = ConceptDrift(
            False, concept_drift.effect, concept_drift.p_adjusted, concept_drift.about, concept_drift.labels
        )

    names = {
        one.feature: frozenset(change.score for change in one.moved if change.score != "missing" or change.effect > 0)
        for one in drifts
    }
    violations = violations_of_columns(constraints, list(frame.columns), optional=frozenset({roles.target or ""}))
    violations += violations_of_values(constraints, baseline.suggested, whole, matches, names)
    violations += [
        _drift_violation(one, constraints.floor(one.feature))
        for one in drifts
        if one.drifted and _distribution_moved(one)
    ]
    findings = _findings(violations, drifts, joint, concept_drift, roles.target, features)
    if loss is not None and adjusted["performance"] <= alpha:
        findings.append(_performance_finding(loss, scores, drifted_features))
    repeated = _repeated(sample, baseline)
    if repeated is not None:
        findings.append(repeated)
    return Report(
        rows=rows,
        alpha=alpha,
        findings=tuple(findings),
        violations=tuple(violations),
        drift=tuple(features),
        joint=joint,
        prediction=next((one for one in drifts if one.role == "prediction"), None),
        target=next((one for one in drifts if one.role == "target"), None),
        concept=concept_drift,
        performance=tuple(scores),
    )


def _match(series: pd.Series, given: Column, known: Column, readable: float, constraint: Mapping[str, Any]) -> float:
    match = type_match(given, known, readable, str(constraint.get("inferred_type", known.inferred_type)))
    if match == 0.0 and known.form is Form.NUMBER and series.dtype == object:
        # A column of numbers with some text among them: only the text is of another type.
        present = series[~given.missing]
        match = float(np.mean([isinstance(value, numbers.Number) for value in present])) if len(present) else 1.0
    return match


def _changes(baseline: Baseline, found: Comparison) -> list[Moved]:
    name = found.profile.name
    changes = moved(found, baseline.constraints.floor(name))
    if _is_clock(found):
        changes = [one for one in changes if one.score == "missing"]
    if not baseline.constraints.enabled("baseline_drift_check", name):
        changes = [one for one in changes if one.score == "missing" and one.effect > 0]
    if not baseline.constraints.enabled("completeness_check", name):
        changes = [one for one in changes if one.score != "missing"]
    return changes


def _is_clock(found: Comparison) -> bool:
    """Times that go on after the baseline's: the clock went on, and that is no drift. So do counters that only rise."""
    if not isinstance(found.profile.encoder, NumberEncoder) or not len(found.window.present):
        return False
    known, window = found.profile.column.present, found.window.present
    if found.profile.kind == "time":
        return bool(np.quantile(window, 0.05) >= np.quantile(known, 0.95))
    return len(window) > 2 and bool(np.all(np.diff(known) > 0) and np.all(np.diff(window) > 0))


def _independent(found: Any) -> bool:
    """Whether most features of this window say that its rows do not follow each other."""
    votes = [one.independent for one in found if len(one.scores) > 2]
    return not votes or sum(votes) * 2 > len(votes)


def _pairs(
    baseline: Baseline, columns: Mapping[str, Column], rows: int, independent: bool, memory: Mapping[str, float]
) -> list[Pair]:
    window = {
        one.name: columns[one.name]
        for one in baseline.features
        if one.name in columns and baseline.constraints.enabled("baseline_drift_check", one.name)
    }
    if len(window) < 2:
        return []
    return compare_pairs(
        baseline.joint, window, rows, independent=independent, floor=baseline.constraints.floor(), memory=memory
    )


def _concept(baseline: Baseline, columns: Mapping[str, Column], independent: bool) -> list[Change]:
    target = baseline.roles.target
    if baseline.concept is None or target not in columns:
        return []
    features = baseline.features
    if not all(one.name in columns for one in features):
        return []  # the models ask for every feature; that one is missing is told
    return compare_concept(baseline.concept, columns[str(target)], features, columns, independent=independent)


def _performance(baseline: Baseline, columns: Mapping[str, Column], seed: int) -> tuple[Moved | None, list[Metric]]:
    """The change of the model's loss, and its metrics beside the baseline's."""
    target, prediction, task = baseline.roles.target, baseline.roles.prediction, baseline.roles.task
    record = baseline.record
    if record is None or target is None or prediction is None or prediction not in columns:
        return None, []
    said = columns[prediction]
    if not len(said.present) or said.form is not baseline.profiles[prediction].column.form:
        return None, []
    found: list[Metric] = []
    if said.form is Form.NUMBER:
        guess = estimated_loss(record.losses, record.keys, said.present.astype(np.float64))
        found.append(Metric("loss", guess, guess, guess, float(record.losses.mean()), estimated=True))
    label = columns.get(target)
    if label is None or not len(label.present) or label.form is not baseline.profiles[target].column.form:
        return None, found
    before = record.metrics
    found += [
        Metric(one.name, one.value, one.low, one.high, before[name].value if name in before else None)
        for name, one in metrics(label, said, task, seed=seed).items()
    ]
    return loss_change(record.profile, losses(label, said, task)[0], baseline.constraints.floor()), found


def _joint_drift(told: Sequence[Pair], adjusted: float | None, alpha: float) -> JointDrift | None:
    if adjusted is None:
        return None
    least = min((one.p for one in told), default=1.0)
    factor = max(1.0, adjusted / least) if least > 0 else 1.0
    drifted = adjusted <= alpha
    pairs = sorted((one for one in told if drifted and one.p * factor <= alpha), key=lambda one: -abs(one.effect))
    weights: Counter[str] = Counter()
    for pair in pairs:
        for name in pair.features:
            weights[name] += 1000 + int(1000 * abs(pair.effect))
    effect = pairs[0].effect if pairs else max((one.effect for one in told), key=abs, default=0.0)
    return JointDrift(
        drifted, effect, adjusted, tuple(pairs[:PAIRS_SHOWN_MAX]), tuple(name for name, _ in weights.most_common())
    )


def _concept_drift(
    columns: Mapping[str, Column],
    target: str | None,
    told: Sequence[Change],
    tests: int,
    adjusted: float | None,
    alpha: float,
) -> ConceptDrift | None:
    if adjusted is None or target is None:
        return None
    least = min((one.p for one in told), default=1.0)
    factor = max(1.0, adjusted / least) if least > 0 else float(tests)
    drifted = adjusted <= alpha
    sure = [one for one in told if one.p * factor <= alpha] if drifted else list(told)
    lead = max(sure, key=lambda one: abs(one.effect), default=None)
    labels = int((~columns[target].missing).sum())
    return ConceptDrift(drifted, lead.effect if lead else 0.0, adjusted, lead.about if lead else "", labels)


def _distribution_moved(drift: FeatureDrift) -> bool:
    return any(one.score != "missing" or one.effect < 0 for one in drift.moved)


def _drift_violation(drift: FeatureDrift, floor: float) -> Violation:
    english, korean = of_drift(drift)
    return Violation(
        drift.feature,
        "baseline_drift_check",
        f"Baseline drift distance: {abs(drift.effect):.4g} exceeds threshold: {floor:g} ({english})",
        korean,
    )


_KINDS = {
    "data_type_check": "type",
    "missing_column_check": "column",
    "extra_column_check": "column",
    "completeness_check": "completeness",
    "categorical_values_check": "values",
    "baseline_drift_check": "drift",
}


def _weight(drift: FeatureDrift) -> float:
    """How strongly this one is suspected."""
    factor = {"prediction": PREDICTION_WEIGHT, "target": TARGET_WEIGHT}.get(drift.role, 1.0)
    return factor * max((one.weight for one in drift.moved), default=0.0)


def _findings(
    violations: Sequence[Violation], drifts: Sequence[FeatureDrift], joint: JointDrift | None, concept: ConceptDrift | None,
    target: str | None, features: Sequence[FeatureDrift],
) -> list[Finding]:  # fmt: skip
    """Everything told, the likely culprit first: what is broken, then what moved most, then what may follow from it."""
    ranked: list[tuple[float, Finding]] = []
    drifted = {one.feature for one in drifts if one.drifted}
    for one in violations:
        kind = one.constraint_check_type
        if kind == "baseline_drift_check" and one.feature_name in drifted:
            continue  # told below, with its numbers
        if kind in {"completeness_check", "categorical_values_check"} and one.feature_name in drifted:
            continue
        rank = (
            100.0
            if kind in {"missing_column_check", "data_type_check"}
            else 0.05
            if kind == "extra_column_check"
            else 3.0
        )
        ranked.append(
            (rank, Finding(_KINDS[kind], one.feature_name, "high", 0.0, f"{one.feature_name}: {one.description}", f"{one.feature_name}: {one.korean}"))
        )  # fmt: skip
    for drift in drifts:
        if drift.drifted:
            lead = drift.moved[0].score
            kind = {"missing": "completeness", "unseen": "values"}.get(lead, "drift")
            kind = kind if drift.role == "feature" else drift.role
            ranked.append(
                (_weight(drift), Finding(kind, drift.feature, drift.severity, drift.effect, *of_drift(drift)))
            )
    # What the features bring about, when they moved: their dependence and the concept are named after them.
    after = any(one.drifted for one in features)
    if joint is not None and joint.drifted:
        rank = 0.04 if after else abs(joint.effect)
        ranked.append(
            (
                rank,
                Finding(
                    "joint", joint.features[0], severity(joint.effect, drifted=True), joint.effect, *of_joint(joint)
                ),
            )
        )
    if concept is not None and concept.drifted and target is not None:
        # A target that moved as a whole is the plainer story than one that moved against its features.
        rank = 0.06 if concept.about == "level" and target in drifted else 3.5
        rank = 0.03 if after or (joint is not None and joint.drifted) else rank
        ranked.append(
            (
                rank,
                Finding(
                    "concept",
                    target,
                    severity(concept.effect, drifted=True),
                    concept.effect,
                    *of_concept(concept, target),
                ),
            )
        )
    ranked.sort(key=lambda one: -one[0])
    return [finding for _, finding in ranked]


def _performance_finding(loss: Moved, scores: Sequence[Metric], after: bool) -> Finding:
    shown = next((one for one in scores if not one.estimated and one.name in {"accuracy", "rmse"}), None)
    numbers_said = (
        "" if shown is None or shown.baseline is None else f": {shown.name} {shown.baseline:.4g} -> {shown.value:.4g}"
    )
    cause = " (the features drifted)" if after else ""
    return Finding(
        "performance", "prediction", severity(loss.effect, drifted=True), loss.effect,
        f"the model does worse{numbers_said}{cause}", f"모델 성능이 나빠졌습니다{numbers_said}",
    )  # fmt: skip


def _repeated(sample: pd.DataFrame, baseline: Baseline) -> Finding | None:
    """Rows that come again: a notice, as sampling with replacement does the same."""
    names = [name for name in baseline.reference.columns if name in sample.columns]
    if len(names) < 2:
        return None
    after = _repeated_share(sample[names])
    if after < REPEATED_ROWS_MIN:
        return None
    before = _repeated_share(baseline.reference[names])
    if after - before < REPEATED_ROWS_MIN:
        return None
    return Finding(
        "rows", "", "low", after - before, f"{after:.1%} of the rows are repeated (baseline: {before:.1%})",
        f"행의 {after:.1%}이(가) 반복됩니다 (기준: {before:.1%})", alarm=False,
    )  # fmt: skip


def _repeated_share(frame: pd.DataFrame) -> float:
    texts = [name for name in frame.columns if frame[name].dtype == object]
    hashed = pd.util.hash_pandas_object(frame.astype(dict.fromkeys(texts, str)), index=False)
    return float(1.0 - hashed.nunique() / len(hashed))
