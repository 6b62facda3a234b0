"""What `fit` gives: the model, how it did, and everything that is handed over.

Called by users. Promise: `model` pickles without gureum, and unpickles where only its libraries are (joblib brings what it
takes); files are plain.
"""

from __future__ import annotations

import os
import pickle
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gureum.autopilot.log_model import log_model
from gureum.autopilot.model import Model
from gureum.autopilot.notebooks import write_notebook
from gureum.learners.survey import Finding

__all__ = ["AutopilotResult"]

FILES = ("model.py", "data.parquet", "exploration.ipynb", "candidates.ipynb", "card.md", "leaderboard.csv")


@dataclass(eq=False)
class AutopilotResult:
    """`score` is what `metric` says of rows that the ensemble has not seen, as people read it (an error is positive).

    `code` is the text of the program; `notebooks` the two notebooks (`exploration`, executed, and `candidates`) as nbformat
    JSON; `card` Markdown. `folder` holds all of them as files: one that goes with the result, unless `fit` was given `folder`.
    """

    model: Model
    leaderboard: pd.DataFrame
    score: float
    metric: str
    task: str
    target: str
    findings: list[Finding]
    code: str
    card: str
    notebooks: dict[str, dict[str, Any]]
    folder: Path
    example: pd.DataFrame = field(repr=False)
    run_id: str | None = None
    spent_s: float = 0.0

    def predict(self, table: Any) -> np.ndarray:
        return self.model.predict(table)

    def predict_proba(self, table: Any) -> np.ndarray:
        return self.model.predict_proba(table)

    def write(self, folder: Path) -> None:
        """The files but for the data, which lies there already."""
        (folder / "model.py").write_text(self.code, encoding="utf-8")
        (folder / "card.md").write_text(self.card, encoding="utf-8")
        self.leaderboard.to_csv(folder / "leaderboard.csv", index=False)
        for name, content in self.notebooks.items():
            write_notebook(content, folder / f"{name}.ipynb")

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Everything as files, with the trained model as `model.pkl`; gives the folder."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if (self.folder / name).resolve() != (path / name).resolve():
                shutil.copyfile(self.folder / name, path / name)
        (path / "model.pkl").write_bytes(pickle.dumps(self.model))
        return path

    def log_model(self, name: str = "model", **options: Any) -> Any:
        """Log the model to the active MLflow run (or the fit's own), with signature, example and its files.

        Gives MLflow's ModelInfo; options go to `mlflow.sklearn.log_model`, such as `registered_model_name`.
        """
        return log_model(self.model, self.example, self.run_id, name, options)

    def __repr__(self) -> str:
        return f"<AutopilotResult {self.target}: {self.metric} {self.score:.5g}, {len(self.leaderboard)} candidates>"
