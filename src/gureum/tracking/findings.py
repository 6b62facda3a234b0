"""What the training debugger leaves with a run: the shape of it, its limits, and reading it with distrust.

Called by `gureum.debugger`, which writes it, and by the REST door, which reads it. Promise: who may write a run's files can
write anything there; what comes out of `read_findings` is of this shape and within these limits, or an InvalidInput that
says what is wrong with the file. All texts are plain texts: who shows them must not take them for HTML.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gureum.errors import InvalidInput
from gureum.tracking.artifacts import Artifacts
from gureum.tracking.watched import (
    BYTES_MAX,
    COUNT_MAX,
    CURVES_MAX,
    FINDINGS_FILE,
    FINDINGS_MAX,
    FORMAT,
    ITEMS_MAX,
    LAYERS_MAX,
    MEASURES_MAX,
    NAME_CHARS_MAX,
    POINTS_MAX,
    STEPS_MAX,
    TEXT_CHARS_MAX,
    TROUBLES_MAX,
    VERSION,
    Severity,
)

__all__ = ["Findings", "parse_findings", "read_findings"]

Name = Annotated[str, Field(max_length=NAME_CHARS_MAX)]
Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX)]
Count = Annotated[int, Field(ge=0, le=COUNT_MAX)]
# JSON has no NaN and no infinity.
Number = Annotated[float, Field(allow_inf_nan=False)] | Literal["NaN", "Infinity", "-Infinity"] | None


class _Part(BaseModel):
    # A later gureum may write more: what is not known is left out.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Words(_Part):
    """A text in both languages of Studio."""

    en: Text
    ko: Text


class Change(_Part):
    """The remedy as lines of Python: with the fault, and without it."""

    before: Text
    after: Text


class Finding(_Part):
    rule: Name
    severity: Severity
    title: Words = Field(description="the root cause in words")
    remedy: Words
    change: Change | None = Field(default=None, description="the remedy as code")
    source: Text = Field(description="the paper or documentation that the rule follows")
    evidence: Annotated[dict[Name, bool | Number | Text], Field(max_length=ITEMS_MAX)]
    thresholds: Annotated[dict[Name, Number], Field(max_length=ITEMS_MAX)]
    layer: Name | None = None
    step: Count | None = Field(default=None, description="where it began, or since when it was seen; a round for trees")
    epoch: Count | None = Field(default=None, description="from 1; null where none was told")
    explains: Annotated[list[Name], Field(max_length=FINDINGS_MAX)] = Field(
        default=[], description="rules whose findings are only its consequence"
    )


class Curve(_Part):
    name: Name
    role: Literal["loss", "accuracy", "leaves", "norm", "rate"]
    points: Count = Field(description="before thinning")
    steps: Annotated[list[Count], Field(max_length=POINTS_MAX)]
    values: Annotated[list[Number], Field(max_length=POINTS_MAX)]

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        if len(self.steps) != len(self.values):
            raise ValueError("steps and values are not of one length")
        return self


class Measure(_Part):
    """One matrix: a row a layer, a column a step of the heat map."""

    name: Name
    layers: Annotated[list[Name], Field(max_length=LAYERS_MAX)]
    layers_seen: Count = Field(description="before thinning")
    values: Annotated[list[Annotated[list[Number], Field(max_length=STEPS_MAX)]], Field(max_length=LAYERS_MAX)]


class Heat(_Part):
    steps: Annotated[list[Count], Field(max_length=STEPS_MAX)]
    measures: Annotated[list[Measure], Field(max_length=MEASURES_MAX)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for one in self.measures:
            if len(one.values) != len(one.layers) or any(len(row) != len(self.steps) for row in one.values):
                raise ValueError(f"{one.name!r} is not a matrix of its layers by the steps")
        return self


class Findings(_Part):
    """What a watched training leaves. Without findings it is healthy: `rules` looked."""

    format: Literal["gureum.debugger"]
    version: Literal[1]
    framework: Name
    rules: Count = Field(description="how many rules looked")
    unit: Literal["step", "round"] = Field(description="what steps count")
    steps: Count
    epochs: Count
    evaluations: Count
    findings: Annotated[list[Finding], Field(max_length=FINDINGS_MAX)] = Field(
        description="root causes, the worst first"
    )
    symptoms: Annotated[list[Finding], Field(max_length=FINDINGS_MAX)] = Field(description="what they explain")
    troubles: Annotated[list[Text], Field(max_length=TROUBLES_MAX)] = Field(
        description="rules or hooks that failed, and why"
    )
    curves: Annotated[list[Curve], Field(max_length=CURVES_MAX)]
    heat: Heat


def read_findings(artifacts: Artifacts, experiment_id: str, run_id: str) -> Findings | None:
    """What the debugger left with a run, None where it did not watch. Raises InvalidInput for a file that it did not write."""
    content = artifacts.read(experiment_id, run_id, FINDINGS_FILE, bytes_max=BYTES_MAX)
    return None if content is None else parse_findings(content)


def parse_findings(content: bytes) -> Findings:
    """The same of a file's content."""
    if len(content) > BYTES_MAX:
        raise _not_ours(f"it has {len(content):,} bytes, and {BYTES_MAX:,} are the most")
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _not_ours(f"it is not JSON: {error}") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise _not_ours(f'it has no "format": "{FORMAT}"')
    if body.get("version") != VERSION:
        raise _not_ours(f"it is of version {str(body.get('version'))[:20]!r}, and this gureum reads {VERSION}")
    try:
        return Findings.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"][:6])
        raise _not_ours(f"{where}: {first['msg'][:200]}") from error


def _not_ours(why: str) -> InvalidInput:
    return InvalidInput(
        f"the run's file {FINDINGS_FILE!r} cannot be shown: {why}", code="findings.invalid",
        hint="the debugger writes this file anew when the training is watched again; or delete it from the run",
    )  # fmt: skip
