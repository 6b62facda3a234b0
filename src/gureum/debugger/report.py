"""A verdict and its recording as text for a terminal, and as plain data for Studio's page. Called by `session`. Pure."""

from __future__ import annotations

from typing import Any

from gureum.debugger.finding import Finding, Language, plain
from gureum.debugger.judge import Verdict
from gureum.debugger.recording import LayerStep, Recording, Series

__all__ = ["record", "text"]

WORDS: dict[str, dict[Language, str]] = {
    "none": {"en": "No findings.", "ko": "발견된 문제가 없습니다."},
    "step": {"en": "step", "ko": "스텝"},
    "layer": {"en": "layer", "ko": "레이어"},
    "evidence": {"en": "evidence", "ko": "근거"},
    "remedy": {"en": "remedy", "ko": "해결"},
    "source": {"en": "source", "ko": "출처"},
    "explains": {"en": "also explains", "ko": "함께 설명되는 것"},
}


def text(verdict: Verdict, recording: Recording, *, language: Language = "en") -> str:
    counts = recording.counts
    head = f"{recording.framework}: {counts['steps'] or len(recording.rounds)} steps, {len(recording.evaluations)} evaluations"
    if not verdict.findings:
        return f"{head}\n{WORDS['none'][language]}"
    return "\n\n".join([head, *(_finding(one, language) for one in verdict.findings)])


def _finding(finding: Finding, language: Language) -> str:
    def word(name: str) -> str:
        return WORDS[name][language]

    where = [f"{word('layer')} {finding.layer}"] if finding.layer else []
    where += [f"{word('step')} {finding.step}"] if finding.step is not None else []
    numbers = ", ".join(f"{name} = {plain(value)}" for name, value in finding.evidence.items())
    lines = [
        f"[{finding.severity}] {finding.rule}: {finding.title[language]}" + (f" ({', '.join(where)})" if where else ""),
        f"  {word('evidence')}: {numbers}",
        f"  {word('remedy')}: {finding.remedy[language]}",
        f"  {word('source')}: {finding.source}",
    ]
    if finding.explains:
        lines.append(f"  {word('explains')}: {', '.join(finding.explains)}")
    return "\n".join(lines)


def record(verdict: Verdict, recording: Recording, *, troubles: list[str]) -> dict[str, Any]:
    """Curves, layers by step, findings. Lists of one length beside each other; a missing value is null."""
    samples = recording.samples
    names = [name for name in recording.layers if any(name in sample.layers for sample in samples)]
    acts = list(dict.fromkeys(name for sample in samples for name in sample.activations))
    empty = LayerStep()

    def layer(name: str) -> dict[str, Any]:
        rows = [sample.layers.get(name, empty) for sample in samples]
        return {
            "name": name,
            "kind": recording.layers[name].kind,
            **{field: plain([getattr(row, field) for row in rows]) for field in LayerStep.__slots__},
        }

    def activation(name: str) -> dict[str, Any]:
        rows = [sample.activations.get(name) for sample in samples]
        fields = ("mean", "std", "zero_share", "dead_share", "saturated_share")
        return {
            "name": name,
            "kind": next(row.kind for row in rows if row is not None),
            **{field: plain([row and getattr(row, field) for row in rows]) for field in fields},
        }

    return {
        "framework": recording.framework,
        "counts": dict(recording.counts),
        "loss": _series(recording.losses),
        "objective": _series(recording.objectives),
        "learning_rate": _series(recording.rates),
        "evaluations": [
            {"step": e.step, "loss": plain(e.loss), "accuracy": plain(e.accuracy), "name": e.name, "train_loss": plain(e.train_loss)}
            for e in recording.evaluations
        ],
        "rounds": [
            {"round": r.round, "train": plain(r.train), "valid": plain(r.valid), "leaves": plain(r.leaves)} for r in recording.rounds
        ],
        "steps": [sample.step for sample in samples],
        "grad_norm": plain([sample.grad_norm for sample in samples]),
        "layers": [layer(name) for name in names],
        "activations": [activation(name) for name in acts],
        "findings": [one.to_json() for one in verdict.findings],
        "symptoms": [one.to_json() for one in verdict.symptoms],
        "troubles": [*troubles, *verdict.troubles],
        "seconds": plain(recording.facts.get("own_s", 0.0)),
    }  # fmt: skip


def _series(series: Series) -> dict[str, Any]:
    return {"steps": list(series.steps), "values": plain(series.values)}
