"""A watched training, whatever its framework: events in, findings, report and record out.

Called by the adapters, which subclass `Session`, and by `debugger.record()` for a loop that no adapter knows. Promise:
`findings` may be asked at any time and is judged anew only when something happened since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from gureum.debugger import report, tracking
from gureum.debugger.finding import Finding, Language
from gureum.debugger.judge import Verdict, judge
from gureum.debugger.left import left
from gureum.debugger.recording import Recording
from gureum.debugger.registry import LIGHT, OF_ROWS

__all__ = ["Session"]


class Session:
    """One training. `run_id` is the MLflow run to log to; without it, the run that is active at exit."""

    def __init__(
        self,
        framework: str = "plain",
        *,
        run_id: str | None = None,
        on_finding: Callable[[Finding], None] | None = None,
    ) -> None:
        self.recording = Recording(framework)
        self.troubles: list[str] = []
        self._run_id = run_id
        self._on_finding = on_finding
        self._told: set[str] = set()
        self._seen: dict[str, int] = {}
        self.recording.look = self._look
        self._verdict: Verdict | None = None
        self._judged_at: tuple[int, ...] = ()

    # --- events that the training may tell ---

    def batch(self, inputs: Any = None, targets: Any = None) -> None:
        """The rows of this batch, where hooks cannot see them."""
        self.recording.batch(_array(inputs), _array(targets))

    def loss(self, value: Any) -> None:
        """The training loss of this step."""
        self.recording.loss(float(value))

    def step(self, *, learning_rate: float | None = None) -> None:
        """An optimizer's step, where hooks cannot see it."""
        self.recording.step(learning_rate=learning_rate)

    def evaluation(self, loss: Any = None, accuracy: Any = None, *, name: str = "validation") -> None:
        """What an evaluation gave. `accuracy` is between 0 and 1."""
        self.recording.facts["evaluation_told"] = True
        self.recording.evaluation(
            loss=None if loss is None else float(loss),
            accuracy=None if accuracy is None else float(accuracy),
            name=name,
        )
        self._tell()

    def epoch(self) -> None:
        self.recording.epoch()
        self._tell()

    # --- what came of it ---

    @property
    def verdict(self) -> Verdict:
        recording = self.recording
        now = (recording.step_now, len(recording.evaluations), len(recording.rounds), sum(recording.counts.values()))
        if self._verdict is None or now != self._judged_at:
            self._verdict, self._judged_at = self._dated(judge(recording)), now
        return self._verdict

    def _dated(self, verdict: Verdict) -> Verdict:
        """With the step since which each finding is seen without a break, where its evidence does not say where it began."""
        recording = self.recording
        moment = recording.moment
        held = (*verdict.findings, *verdict.symptoms)
        # What is wrong with the rows was so from the first of them.
        self._seen = {one.rule: 0 if one.rule in OF_ROWS else self._seen.get(one.rule, moment) for one in held}

        def dated(finding: Finding) -> Finding:
            step = finding.step if finding.step is not None else self._seen[finding.rule]
            if not moment:
                return finding
            return replace(finding, step=step, epoch=recording.epoch_of(step))

        return replace(
            verdict, findings=tuple(map(dated, verdict.findings)), symptoms=tuple(map(dated, verdict.symptoms))
        )

    def _look(self) -> None:
        """Ask the light rules while the training runs, so that a finding has its step. What fails is a trouble, never theirs."""
        try:
            found = judge(self.recording, LIGHT)
            moment = self.recording.moment
            self._seen = {one.rule: self._seen.get(one.rule, moment) for one in (*found.findings, *found.symptoms)}
        except Exception as error:
            self.recording.look = None
            self.troubles.append(f"look: {type(error).__name__}: {error}")

    @property
    def findings(self) -> list[Finding]:
        """Root causes, the worst first; what they explain is in `symptoms`."""
        return list(self.verdict.findings)

    @property
    def symptoms(self) -> list[Finding]:
        return list(self.verdict.symptoms)

    def report(self, language: Language = "en") -> str:
        """The findings as text."""
        return report.text(self.verdict, self.recording, language=language)

    def record(self) -> dict[str, Any]:
        """Curves, layers by step and findings as plain JSON values, bounded in size."""
        return report.record(self.verdict, self.recording, troubles=self.troubles)

    def left(self) -> dict[str, Any]:
        """What its MLflow run is left with, bounded: see `gureum.debugger.left`."""
        return left(self.verdict, self.recording, troubles=self.troubles)

    def _tell(self) -> None:
        """Tell of new findings while the training runs, when somebody listens."""
        if self._on_finding is None:
            return
        new = [finding for finding in self.findings if finding.rule not in self._told]
        if not new:
            return
        # It is with its run before anybody is told: who is told may end the program.
        self._log()
        for finding in new:
            self._told.add(finding.rule)
            self._on_finding(finding)

    # --- the with statement ---

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Judge, and log to MLflow when a run is there. Never raises: what went wrong is in `troubles`."""
        self._log()

    def _log(self) -> None:
        try:
            tracking.log(self, run_id=self._run_id)
        except Exception as error:
            self.troubles.append(f"mlflow: {type(error).__name__}: {error}")


def _array(value: Any) -> Any:
    """A tensor as NumPy; anything else as it is."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value
