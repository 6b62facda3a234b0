"""What a window must satisfy: SageMaker Model Monitor's constraints.json, to be loaded, changed and saved.

Called by `suggest`, `violations` (which evaluates them) and whoever edits them: Studio, or a person in the file. What we do not
know in a file is kept and written back. Light to import: the gateway checks what Studio sends.

`comparison_threshold` is the effect floor of the drift tests: how many standard deviations a feature must have moved (or as
much in another sense: see docs/explanation/drift.md) to be told, however many rows show it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gureum.errors import CorruptData, InvalidInput, NotFound
from gureum.names import did_you_mean

__all__ = ["CHECKS", "FLOOR", "Constraints", "checked"]

CHECKS = (
    "data_type_check",
    "completeness_check",
    "baseline_drift_check",
    "missing_column_check",
    "extra_column_check",
    "categorical_values_check",
)
FLOOR = 0.1


@dataclass(frozen=True)
class Constraints:
    """An immutable value; each `with_...` gives a changed copy."""

    body: Mapping[str, Any]

    @property
    def features(self) -> dict[str, Mapping[str, Any]]:
        return {str(feature["name"]): feature for feature in self.body["features"]}

    def config(self, feature: str | None = None) -> dict[str, Any]:
        """monitoring_config, with the overrides of one feature on top."""
        config = dict(self.body.get("monitoring_config", {}))
        own = self.features.get(feature, {}) if feature is not None else {}
        overrides = dict(own.get("monitoringConfigOverrides", {}))
        comparison = {**config.get("distribution_constraints", {}), **overrides.pop("distribution_constraints", {})}
        return {**config, **overrides, "distribution_constraints": comparison}

    def enabled(self, check: str, feature: str) -> bool:
        """Whether this check is wanted for this feature."""
        config = self.config(feature)
        if config.get("evaluate_constraints", "Enabled") != "Enabled" or check in config.get("disabled_checks", ()):
            return False
        comparison = config["distribution_constraints"].get("perform_comparison", "Enabled") == "Enabled"
        return comparison or check != "baseline_drift_check"

    def floor(self, feature: str | None = None) -> float:
        """The effect, in standard deviations, below which a drift is not told."""
        return float(self.config(feature)["distribution_constraints"].get("comparison_threshold", FLOOR))

    def with_feature(self, name: str, **changes: Any) -> Constraints:
        """Change keys of one feature, such as `completeness=0.98` or `string_constraints={"domains": [...]}`."""
        self._known(name)
        body = copy.deepcopy(dict(self.body))
        for feature in body["features"]:
            if feature["name"] == name:
                feature.update(changes)
        return checked(body, "constraints")

    def with_check_disabled(self, name: str, *checks: str) -> Constraints:
        """Stop these checks for one feature (all six when none is named)."""
        for check in checks:
            if check not in CHECKS:
                raise InvalidInput(
                    f"there is no check {check!r}", code="monitor.no_such_check", hint=did_you_mean(check, CHECKS) or ", ".join(CHECKS)
                )  # fmt: skip
        self._known(name)
        overrides = dict(self.features[name].get("monitoringConfigOverrides", {}))
        if checks:
            overrides["disabled_checks"] = sorted({*overrides.get("disabled_checks", ()), *checks})
        else:
            overrides["evaluate_constraints"] = "Disabled"
        return self.with_feature(name, monitoringConfigOverrides=overrides)

    def with_floor(self, floor: float, feature: str | None = None) -> Constraints:
        """Change the effect floor, for all features or for one."""
        if feature is not None:
            overrides = dict(self.features.get(feature, {}).get("monitoringConfigOverrides", {}))
            overrides["distribution_constraints"] = {"comparison_threshold": floor}
            return self.with_feature(feature, monitoringConfigOverrides=overrides)
        body = copy.deepcopy(dict(self.body))
        body["monitoring_config"]["distribution_constraints"]["comparison_threshold"] = floor
        return checked(body, "constraints")

    def _known(self, name: str) -> None:
        if name not in self.features:
            raise NotFound(
                f"the constraints have no feature {name!r}", code="monitor.no_such_feature", hint=did_you_mean(name, self.features)
            )  # fmt: skip

    def save(self, path: str | Path) -> None:
        Path(path).write_text(json.dumps(self.body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Constraints:
        """Read a file of ours, of SageMaker's or edited by hand. Raises NotFound, CorruptData, InvalidInput."""
        try:
            body = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFound(f"there is no {path}", code="monitor.no_such_file") from None
        except ValueError as error:
            raise CorruptData(f"{path} is not JSON: {error}", code="monitor.not_json", hint="mend it, or make the baseline again") from None  # fmt: skip
        return checked(body, str(path))


def checked(body: Any, where: str) -> Constraints:
    """The constraints of a JSON value. Raises InvalidInput, which begins with `where`, for the first thing that cannot be."""

    def wrong(what: str) -> InvalidInput:
        return InvalidInput(f"{where}: {what}", code="monitor.constraints")

    def object_in(holder: Mapping[str, Any], key: str, of: str) -> Mapping[str, Any]:
        value = holder.get(key, {})
        if not isinstance(value, dict):
            raise wrong(f"{key} of {of} must be an object")
        return value

    if not isinstance(body, dict) or not isinstance(body.get("features"), list):
        raise wrong("'features' must be a list")
    object_in(object_in(body, "monitoring_config", "the constraints"), "distribution_constraints", "monitoring_config")
    names: set[str] = set()
    for feature in body["features"]:
        if not isinstance(feature, dict) or not isinstance(feature.get("name"), str):
            raise wrong("every feature needs a 'name'")
        name = feature["name"]
        if name in names:
            raise wrong(f"{name!r} is there twice")
        names.add(name)
        object_in(feature, "num_constraints", repr(name))
        object_in(feature, "string_constraints", repr(name))
        object_in(object_in(feature, "monitoringConfigOverrides", repr(name)), "distribution_constraints", repr(name))
        completeness = feature.get("completeness", 1.0)
        if not isinstance(completeness, int | float) or isinstance(completeness, bool) or not 0 <= completeness <= 1:
            raise wrong(f"completeness of {feature['name']!r} is {completeness!r}, it must be from 0 to 1")
        domains = feature.get("string_constraints", {}).get("domains", [])
        if not isinstance(domains, list):
            raise wrong(f"domains of {feature['name']!r} must be a list of texts")
    constraints = Constraints(body)
    for name in (None, *constraints.features):
        config = constraints.config(name)
        for key, value in (
            (
                "comparison_threshold",
                constraints.config(name)["distribution_constraints"].get("comparison_threshold", FLOOR),
            ),
            ("datatype_check_threshold", config.get("datatype_check_threshold", 1.0)),
            ("domain_content_threshold", config.get("domain_content_threshold", 1.0)),
        ):
            if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
                raise wrong(f"{key} is {value!r}, it must be a number from 0")
        disabled = config.get("disabled_checks", [])
        if not isinstance(disabled, list):
            raise wrong("disabled_checks must be a list")
        for check in disabled:
            if check not in CHECKS:
                raise wrong(f"there is no check {check!r}; there are {', '.join(CHECKS)}")
    return constraints
