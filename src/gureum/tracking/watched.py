"""The debugger's trace on a run: the file and the tag that it leaves, and how large these may be.

Called by `gureum.debugger`, which writes both, by `findings.py`, which reads the file, and by the leaderboard, which reads
the tag. Light to import: it is loaded in every program that is watched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BYTES_MAX",
    "COUNT_MAX",
    "CURVES_MAX",
    "FINDINGS_FILE",
    "FINDINGS_MAX",
    "FINDINGS_TAG",
    "FORMAT",
    "ITEMS_MAX",
    "LAYERS_MAX",
    "MEASURES_MAX",
    "NAME_CHARS_MAX",
    "POINTS_MAX",
    "STEPS_MAX",
    "TEXT_CHARS_MAX",
    "TROUBLES_MAX",
    "VERSION",
    "Mark",
    "Severity",
    "mark_of",
    "mark_text",
]

Severity = Literal["error", "warning"]

FINDINGS_FILE = "debugger/findings.json"
# On the run itself, so that a leaderboard of thousands opens no file: "0", or a count and the worst, such as "2 error".
FINDINGS_TAG = "gureum.debugger.findings"

FORMAT = "gureum.debugger"
VERSION = 1

# Everything below at its largest is about 1 MB.
BYTES_MAX = 2 << 20
# There are fewer rules than this.
FINDINGS_MAX = 64
# A chart is some hundred pixels wide, a heat map fits a screen.
CURVES_MAX = 16
POINTS_MAX = 500
LAYERS_MAX = 64
STEPS_MAX = 120
MEASURES_MAX = 8
ITEMS_MAX = 32
TROUBLES_MAX = 20
NAME_CHARS_MAX = 200
TEXT_CHARS_MAX = 2_000
COUNT_MAX = 1 << 53


@dataclass(frozen=True, slots=True)
class Mark:
    """How many findings a watched run has, and the worst severity; None where there is none."""

    count: int
    worst: Severity | None


_MARK = re.compile(r"(?P<count>[1-9][0-9]{0,3}) (?P<worst>error|warning)", re.ASCII)


def mark_text(count: int, worst: Severity | None) -> str:
    """The tag's value."""
    return f"{count} {worst}" if count else "0"


def mark_of(tag: str | None) -> Mark | None:
    """What a tag says; None without one. The tag is a client's to write: what is not ours is as if it were not there."""
    if tag == "0":
        return Mark(0, None)
    found = _MARK.fullmatch(tag or "")
    if found is None:
        return None
    return Mark(int(found["count"]), "error" if found["worst"] == "error" else "warning")
