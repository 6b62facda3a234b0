"""Runs programs and scores what was found. Called by `__main__`."""

from __future__ import annotations

import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gureum.debugger import Session

__all__ = ["Score", "run", "score"]

Programs = dict[str, Callable[[random.Random], Session]]


@dataclass
class Score:
    """`hits` of `programs` faults were named; `extra` findings named something else; `flagged` healthy programs of `healthy`."""

    hits: int = 0
    programs: int = 0
    findings: int = 0
    correct: int = 0
    healthy: int = 0
    flagged: int = 0
    by_rule: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    wrong: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        return {
            "recall": round(self.hits / max(self.programs, 1), 4),
            "precision": round(self.correct / max(self.findings, 1), 4),
            "faulty_programs": self.programs,
            "healthy_programs": self.healthy,
            "healthy_flagged": self.flagged,
        }


def run(name: str, program: Callable[[random.Random], Session], seed: int) -> Session:
    import torch

    rng = random.Random(f"{name}/{seed}")
    torch.manual_seed(rng.randrange(2**31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return program(rng)


def score(
    faulty: Programs, healthy: Programs, seeds: Iterable[int], *, tell: Callable[[str], None] = lambda _: None
) -> Score:
    out = Score()
    for seed in seeds:
        for name, program in faulty.items():
            session = run(name, program, seed)
            found = [one.rule for one in session.findings]
            out.programs += 1
            out.hits += name in found
            out.findings += len(found)
            out.correct += name in found
            out.by_rule[name][0] += name in found
            out.by_rule[name][1] += 1
            if found != [name]:
                line = f"{name}/{seed}: {found} symptoms {[s.rule for s in session.symptoms]} {session.troubles} {session.verdict.troubles}"
                out.wrong.append(line)
                tell(line)
        for name, program in healthy.items():
            session = run(name, program, seed)
            found = [one.rule for one in session.findings]
            out.healthy += 1
            out.flagged += bool(found)
            out.findings += len(found)
            if found or session.troubles or session.verdict.troubles:
                line = f"healthy {name}/{seed}: {[(f.rule, f.layer, dict(f.evidence)) for f in session.findings]} {session.troubles} {session.verdict.troubles}"
                out.wrong.append(line)
                tell(line)
    return out
