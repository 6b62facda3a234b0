"""Autopilot's runs in MLflow: one for the fit, one nested for each candidate, written beside the training.

Called by fit and the result. Nothing happens unless a tracking server is configured (MLFLOW_TRACKING_URI, or `experiment=`).
Promise: a candidate is one batch in a thread of its own; a tracking server that fails or hangs costs the record, never the
model, and the reason is kept.
"""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING, Any

from gureum.autopilot.metrics import Metric
from gureum.clock import Clock

if TYPE_CHECKING:
    from gureum.autopilot.result import AutopilotResult
    from gureum.autopilot.search import Judged, Search

__all__ = ["Recorder"]

EXPERIMENT = "autopilot"
QUEUE_MAX = 1_000  # more candidates than a search tries
RESERVE_S = 1.0  # of the budget, for the last writes
WAIT_S_MAX = 60.0
VALUE_CHARS_MAX = 500


class Recorder:
    """Records in order of arrival; `run_id` is the parent's once it exists."""

    def __init__(self, experiment: str | None, target: str, clock: Clock) -> None:
        self._clock = clock
        self.run_id: str | None = None
        self.error: str | None = None
        self.reserve_s = RESERVE_S
        self._experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        self._target = target
        self._waiting: queue.Queue[Any] = queue.Queue(QUEUE_MAX)
        self._thread = threading.Thread(target=self._write, name="autopilot-record", daemon=True)

    @staticmethod
    def start(experiment: str | None, target: str, clock: Clock) -> Recorder:
        recorder: Recorder
        if experiment is None and not os.environ.get("MLFLOW_TRACKING_URI"):
            recorder = Silent(None, target, clock)
        else:
            recorder = Recorder(experiment, target, clock)
            recorder._thread.start()
        return recorder

    def candidate(self, judged: Judged, metric: Metric) -> None:
        one = judged.candidate
        metrics = {"seconds": judged.seconds}
        if judged.error is None:
            metrics[metric.name] = metric.shown(judged.score)
            metrics["rounds"] = float(max((learner.rounds for learner in judged.learners), default=0))
        tags = {"gureum.autopilot": "candidate", "gureum.family": one.family, "mlflow.runName": one.name}
        if judged.error is not None:
            tags["gureum.error"] = judged.error
        params = {"family": one.family, "seed": one.seed, **one.params}
        self._waiting.put((self._clock.now_ms(), one.name, metrics, params, tags, judged.error is None))

    def finish(self, result: AutopilotResult, search: Search) -> None:
        """End the parent run with the ensemble's score and the files; waits for the writer."""
        self._waiting.put((result, len(search.judged)))
        self._thread.join(WAIT_S_MAX)

    def _write(self) -> None:
        try:
            from mlflow.entities import Metric as Point  # MLflow takes seconds to import
            from mlflow.entities import Param, RunTag
            from mlflow.tracking import MlflowClient

            client = MlflowClient()
            found = client.get_experiment_by_name(self._experiment)
            experiment = found.experiment_id if found else client.create_experiment(self._experiment)
            begin = self._clock.now_ms()
            tags = {
                "gureum.autopilot": "fit",
                "gureum.target": self._target,
                "mlflow.runName": f"autopilot {self._target}",
            }
            self.run_id = client.create_run(experiment, start_time=begin, tags=tags).info.run_id
            while True:
                item = self._waiting.get()
                if len(item) == 2:
                    self._write_end(client, *item)
                    return
                ended, name, metrics, params, tags, good = item
                start = ended - int(metrics["seconds"] * 1_000)
                run = client.create_run(
                    experiment, start_time=start, tags={"mlflow.parentRunId": self.run_id, "mlflow.runName": name}
                )
                client.log_batch(
                    run.info.run_id,
                    metrics=[Point(key, value, ended, 0) for key, value in metrics.items()],
                    params=[Param(key, str(value)[:VALUE_CHARS_MAX]) for key, value in params.items()],
                    tags=[RunTag(key, value[:VALUE_CHARS_MAX]) for key, value in tags.items()],
                )
                client.set_terminated(run.info.run_id, "FINISHED" if good else "FAILED", ended)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"[:VALUE_CHARS_MAX]

    def _write_end(self, client: Any, result: AutopilotResult, candidates: int) -> None:
        from mlflow.entities import Metric as Point  # MLflow takes seconds to import
        from mlflow.entities import Param

        now = self._clock.now_ms()
        client.log_batch(
            self.run_id,
            metrics=[Point(result.metric, result.score, now, 0), Point("candidates", float(candidates), now, 0)],
            params=[Param("target", result.target), Param("task", result.task), Param("metric", result.metric)],
        )
        for name in ("model.py", "card.md", "exploration.ipynb", "candidates.ipynb", "leaderboard.csv"):
            client.log_artifact(self.run_id, str(result.folder / name))
        client.set_terminated(self.run_id)


class Silent(Recorder):
    """No tracking server is configured."""

    def __init__(self, experiment: str | None, target: str, clock: Clock) -> None:
        super().__init__(experiment, target, clock)
        self.reserve_s = 0.0

    def candidate(self, judged: Judged, metric: Metric) -> None:
        pass

    def finish(self, result: AutopilotResult, search: Search) -> None:
        pass
