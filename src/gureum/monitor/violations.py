"""SageMaker's checks of a window against the constraints: types, completeness, columns and values.

Called by `check`, which adds the `baseline_drift_check` of each drifted feature. A constraint as the baseline suggested it is
an observation, so that it is broken only by more than chance (and the effect floor) allows; one that somebody edited is a
contract, broken by a single row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gureum.monitor.columns import Column, Form
from gureum.monitor.constraints import Constraints

__all__ = ["Violation", "type_match", "violations_of_columns", "violations_of_values"]

SHOWN_MAX = 5
# Floating-point slack when an edited number is compared with the suggested one.
SAME = 1e-9


@dataclass(frozen=True)
class Violation:
    """One entry of constraint_violations.json; `korean` is for people alone."""

    feature_name: str
    constraint_check_type: str
    description: str
    korean: str = ""

    def to_json(self) -> dict[str, str]:
        """As SageMaker writes it."""
        return {
            "feature_name": self.feature_name,
            "constraint_check_type": self.constraint_check_type,
            "description": self.description,
        }


def violations_of_columns(constraints: Constraints, names: list[str], *, optional: frozenset[str]) -> list[Violation]:
    """Columns that are missing or new. `optional` ones (the target: labels come later) may be missing."""
    missing = [
        Violation(
            name,
            "missing_column_check",
            "The baseline has this column, the current data has not.",
            "기준 데이터에 있던 열이 없습니다.",
        )
        for name in constraints.features
        if name not in names and name not in optional and constraints.enabled("missing_column_check", name)
    ]
    extra = [
        Violation(
            name,
            "extra_column_check",
            "The current data has this column, the baseline has not.",
            "기준 데이터에 없던 열이 있습니다.",
        )
        for name in names
        if name not in constraints.features and constraints.enabled("extra_column_check", name)
    ]
    return missing + extra


def type_match(given: Column, known: Column, readable: float, expected: str) -> float:
    """The share of present values that are of the expected type."""
    if Form.EMPTY in {given.form, known.form}:
        return 1.0
    if given.form is not known.form:
        # Numbers where text was are text that happens to be digits; text where numbers were breaks a model.
        return 1.0 if known.form is Form.TEXT and given.form is Form.NUMBER else 0.0
    if expected == "Integral" and given.form is Form.NUMBER:
        present = given.present
        return float(np.mean(present == np.floor(present)))
    return readable


def violations_of_values(
    constraints: Constraints, suggested: Constraints, given: Mapping[str, Column], matches: Mapping[str, float],
    moved: Mapping[str, frozenset[str]],
) -> list[Violation]:  # fmt: skip
    """Types, completeness and categories. `moved[feature]` names the scores that the drift tests saw move."""
    found = []
    for name, own in constraints.features.items():
        if name not in given:
            continue
        column, before = given[name], suggested.features.get(name, {})
        config = constraints.config(name)
        if constraints.enabled("data_type_check", name):
            match, wanted = matches.get(name, 1.0), float(config.get("datatype_check_threshold", 1.0))
            if match < wanted - SAME:
                found.append(_type(name, own.get("inferred_type", "Unknown"), column, match, wanted))
        if constraints.enabled("completeness_check", name):
            complete, wanted = 1.0 - float(column.missing.mean()), float(own.get("completeness", 0.0))
            edited = abs(wanted - float(before.get("completeness", wanted))) > SAME
            if complete < wanted - SAME and (edited or "missing" in moved.get(name, frozenset())):
                found.append(
                    Violation(
                        name, "completeness_check",
                        f"Data completeness requirement is not met. Expected: {wanted:.2%}. Observed: {complete:.2%}.",
                        f"값이 채워진 비율이 {complete:.2%}입니다 (기대: {wanted:.2%}).",
                    )
                )  # fmt: skip
        if constraints.enabled("categorical_values_check", name):
            found += _values(name, own, before, column, config, moved.get(name, frozenset()))
        if own.get("num_constraints", {}).get("is_non_negative") and not before.get("num_constraints", {}).get(
            "is_non_negative", True
        ):
            low = float(np.nanmin(column.values)) if column.form is Form.NUMBER else 0.0
            if low < 0 and constraints.enabled("baseline_drift_check", name):
                found.append(Violation(name, "baseline_drift_check", f"Values must not be negative. Observed: {low:g}.", f"음수가 없어야 하는데 {low:g}이(가) 있습니다."))  # fmt: skip
    return found


def _type(name: str, expected: str, column: Column, match: float, wanted: float) -> Violation:
    came = {"Integral": "whole numbers", "Fractional": "numbers", "String": "text or times"}.get(
        column.inferred_type, "nothing"
    )
    return Violation(
        name,
        "data_type_check",
        f"Data type match requirement is not met. Expected data type: {expected}, Expected match: {wanted:.1%}. "
        f"Observed: Only {match:.1%} of data is {expected} (it came as {came}).",
        f"자료형이 다릅니다. 기대: {expected} {wanted:.1%}, 관측: {match:.1%}.",
    )


def _values(
    name: str, own: Mapping[str, object], before: Mapping[str, object], column: Column, config: Mapping[str, object],
    moved: frozenset[str],
) -> list[Violation]:  # fmt: skip
    rules = own.get("string_constraints")
    domains = rules.get("domains") if isinstance(rules, Mapping) else None
    if not domains or column.form is not Form.TEXT:
        return []
    present = column.present
    allowed = {str(value) for value in domains}
    unknown = np.array([value not in allowed for value in present], dtype=bool)
    if not unknown.any():
        return []
    share = float(unknown.mean())
    wanted = float(str(config.get("domain_content_threshold", 1.0)))
    edited = rules != before.get("string_constraints") or wanted < 1.0
    broken = 1.0 - share < wanted - SAME if edited else "unseen" in moved
    if not broken:
        return []
    values, counts = np.unique(present[unknown].astype(str), return_counts=True)
    shown = ", ".join(repr(str(value)) for value in values[np.argsort(-counts, kind="stable")][:SHOWN_MAX])
    return [
        Violation(
            name,
            "categorical_values_check",
            f"Value: {1 - share:.2%} of the values are of the domain, expected {wanted:.2%}. Unknown: {shown}.",
            f"알려지지 않은 값이 {share:.2%} 있습니다: {shown}.",
        )
    ]
