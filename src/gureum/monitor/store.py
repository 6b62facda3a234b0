"""A baseline's folder: two files in SageMaker's schema, and ours beside them.

    statistics.json       what the data looked like          (SageMaker)
    constraints.json      what a window must satisfy          (SageMaker; yours to edit)
    gureum.json           version, roles, the suggested constraints, the concept models
    reference.parquet     at most 20,000 rows of the baseline
    curves.npz            how the rows depend on their neighbours; residuals

Called by `baseline`. The folder is written beside its place and moved there, so that a reader sees the old one or the new one.
No file is executed when it is read (no pickle).
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gureum.errors import CorruptData, NotFound
from gureum.monitor.axes import Axis
from gureum.monitor.concept import Concept
from gureum.monitor.constraints import Constraints
from gureum.monitor.dependence import Dependence

__all__ = ["Stored", "read", "write"]

VERSION = 1


@dataclass(frozen=True)
class Stored:
    """What lies in a folder; the rest of a baseline is computed from it."""

    roles: Mapping[str, str | None]
    rows: int
    statistics: Mapping[str, Any]
    constraints: Constraints
    suggested: Constraints
    reference: pd.DataFrame
    dependences: Mapping[str, Dependence]
    concept: Concept | None


def write(stored: Stored, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(folder.name + ".new")
    old = folder.with_name(folder.name + ".old")
    for leftover in (beside, old):
        shutil.rmtree(leftover, ignore_errors=True)
    beside.mkdir()
    _write_json(beside / "statistics.json", stored.statistics)
    stored.constraints.save(beside / "constraints.json")
    concept = stored.concept
    _write_json(
        beside / "gureum.json",
        {
            "version": VERSION,
            "rows": stored.rows,
            "roles": dict(stored.roles),
            "suggested_constraints": stored.suggested.body,
            "columns": list(stored.dependences),
            "dependence_rows": [one.rows for one in stored.dependences.values()],
            "concept": None
            if concept is None
            else {
                "task": concept.task,
                "classes": list(concept.classes),
                "center": concept.center,
                "scale": concept.scale,
                "models": list(concept.models),
                "axes": [[axis.feature, axis.name] for axis in concept.axes],
                "rows": concept.rows,
                "dependence_rows": concept.dependence.rows,
            },
        },
    )
    stored.reference.to_parquet(beside / "reference.parquet", index=False)
    arrays: dict[str, Any] = {}
    for number, one in enumerate(stored.dependences.values()):
        arrays |= _arrays(f"column{number}", one)
    if concept is not None:
        arrays |= _arrays("concept", concept.dependence)
        arrays |= {"residuals": concept.residuals, "means": concept.means, "spreads": concept.spreads}
    np.savez_compressed(beside / "curves.npz", **arrays)
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def read(folder: Path) -> Stored:
    """Raises NotFound when there is no baseline here, CorruptData when a file is damaged or of another version."""
    if not (folder / "gureum.json").exists():
        raise NotFound(
            f"{folder} holds no baseline",
            code="monitor.no_baseline",
            hint="monitor.baseline(df).save(folder) makes one",
        )
    own = _read_json(folder / "gureum.json")
    if not isinstance(own, dict) or own.get("version") != VERSION:
        found = own.get("version") if isinstance(own, dict) else None
        raise CorruptData(
            f"{folder / 'gureum.json'} is of version {found!r}, this gureum reads version {VERSION}",
            code="monitor.version",
            hint="make the baseline again with this gureum",
        )
    try:
        reference = pd.read_parquet(folder / "reference.parquet")
        with np.load(folder / "curves.npz", allow_pickle=False) as arrays:
            dependences = {
                str(name): _dependence(arrays, f"column{number}", own["dependence_rows"][number])
                for number, name in enumerate(own["columns"])
            }
            concept = _concept(own["concept"], arrays)
        return Stored(
            own["roles"], int(own["rows"]), _read_json(folder / "statistics.json"),
            Constraints.load(folder / "constraints.json"), Constraints(own["suggested_constraints"]),
            reference, dependences, concept,
        )  # fmt: skip
    except (OSError, pa.ArrowException, zipfile.BadZipFile, KeyError, IndexError, TypeError, ValueError) as error:
        raise CorruptData(
            f"the baseline in {folder} is damaged: {error}", code="monitor.damaged", hint="restore the folder, or make the baseline again"
        ) from error  # fmt: skip


def _write_json(path: Path, body: Any) -> None:
    path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorruptData(
            f"{path} is not JSON: {error}", code="monitor.not_json", hint="restore it, or make the baseline again"
        ) from None


def _arrays(name: str, one: Dependence) -> dict[str, Any]:
    # Only what is dependent has anything to tell: else a design effect is 1 at every length.
    effects = one.effects[:, one.dependent]
    return {f"{name}.effects": effects, f"{name}.dependent": one.dependent, f"{name}.lag_one": one.lag_one}


def _dependence(arrays: Any, name: str, rows: int) -> Dependence:
    dependent, some = arrays[f"{name}.dependent"], arrays[f"{name}.effects"]
    effects = np.ones((len(some), len(dependent)))
    effects[:, dependent] = some
    return Dependence(effects, dependent, arrays[f"{name}.lag_one"], int(rows))


def _concept(own: dict[str, Any] | None, arrays: Any) -> Concept | None:
    if own is None:
        return None
    return Concept(
        own["task"], tuple(own["classes"]), own["center"], own["scale"], tuple(own["models"]), arrays["residuals"],
        tuple(Axis(feature, name) for feature, name in own["axes"]),
        _dependence(arrays, "concept", own["dependence_rows"]), own["rows"], arrays["means"], arrays["spreads"],
    )  # fmt: skip
