"""A run's files are listed, and nothing outside them."""

from pathlib import Path

import pytest

from gureum.errors import InvalidInput
from gureum.tracking.artifacts import ArtifactFile, Artifacts


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    home = tmp_path / "artifacts" / "1" / "run" / "artifacts"
    (home / "model").mkdir(parents=True)
    (home / "notes.txt").write_text("hello")
    (home / "model" / "모델.bin").write_bytes(b"123")
    (tmp_path / "secret.key").write_text("secret")
    (home / "link").symlink_to(tmp_path)
    (tmp_path / "artifacts" / "1" / "run-other").mkdir()
    return Artifacts(tmp_path / "artifacts")


def test_folders_come_first_and_links_that_lead_away_not_at_all(artifacts: Artifacts):
    assert artifacts.list("1", "run") == [ArtifactFile("model", None), ArtifactFile("notes.txt", 5)]
    assert artifacts.list("1", "run", "model") == [ArtifactFile("model/모델.bin", 3)]
    assert artifacts.list("1", "run", "nowhere") == []
    assert artifacts.list("2", "other") == []


@pytest.mark.parametrize(
    "path", ["..", "../..", "model/../../..", "../artifacts/../../../..", "link", "a\\..\\..", "link/.."]
)
def test_no_path_leads_out_of_the_runs_folder(artifacts: Artifacts, path: str):
    with pytest.raises(InvalidInput, match="not an artifact's path"):
        artifacts.list("1", "run", path)
