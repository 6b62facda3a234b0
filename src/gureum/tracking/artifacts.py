"""The files of a run, as they lie below the artifact root.

Called by the REST door, which has checked who asks. Promise: no path leads out of the run's own folder, by '..' or by a link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gureum.errors import InvalidInput

__all__ = ["ArtifactFile", "Artifacts"]

# Of one folder; MLflow's own page has the rest.
FILES_MAX = 2_000


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """`path` is relative to the run's artifacts; `bytes` is None for a folder."""

    path: str
    bytes: int | None


class Artifacts:
    """What runs have written as files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self, experiment_id: str, run_id: str, path: str = "") -> Sequence[ArtifactFile]:
        """The files and folders in one folder of a run, folders first. Raises InvalidInput for a path that leads away."""
        home = self._root / experiment_id / run_id / "artifacts"
        folder = _inside(home, path)
        if not folder.is_dir():
            return []
        found = []
        for entry in sorted(folder.iterdir(), key=lambda entry: (entry.is_file(), entry.name)):
            if not entry.resolve().is_relative_to(home.resolve()):
                continue
            size = entry.stat().st_size if entry.is_file() else None
            found.append(ArtifactFile(str(entry.relative_to(home)), size))
        return found[:FILES_MAX]

    def read(self, experiment_id: str, run_id: str, path: str, *, bytes_max: int) -> bytes | None:
        """A small file's content, None where there is no such file; of a larger one, `bytes_max` + 1 bytes."""
        home = self._root / experiment_id / run_id / "artifacts"
        file = _inside(home, path)
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            return opened.read(bytes_max + 1)


def _inside(home: Path, path: str) -> Path:
    folder = home / path.lstrip("/")
    if "\\" in path or "\0" in path or not folder.resolve().is_relative_to(home.resolve()):
        raise InvalidInput(f"{path!r} is not an artifact's path", code="artifact.path", hint="without '..'")
    return folder
