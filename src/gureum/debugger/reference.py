"""The rules as a page: docs/reference/debugger-rules.md. Called by the script that writes the reference, and by its test. Pure."""

from __future__ import annotations

from gureum.debugger.registry import RULES

__all__ = ["rules_table"]


def rules_table() -> str:
    """Each rule with its thresholds, remedy, source and what it explains, as Markdown."""
    parts = []
    for rule in RULES:
        thresholds = ", ".join(f"`{name}` = {value:g}" for name, value in rule.thresholds.items())
        lines = [
            f"### `{rule.name}`",
            "",
            f"{rule.title['en']} / {rule.title['ko']} ({rule.severity})",
            "",
            f"* Remedy: {rule.remedy['en']}",
            f"* Thresholds: {thresholds}",
            f"* Source: {rule.source}",
        ]
        if rule.explains:
            lines.append(f"* Explains: {', '.join(f'`{name}`' for name in rule.explains)}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
