"""Findings are read with distrust: what a stranger wrote there gives a clear error, and nothing else."""

import json
from pathlib import Path

import orjson
import pytest

from gureum.errors import InvalidInput
from gureum.tracking.artifacts import Artifacts
from gureum.tracking.findings import BYTES_MAX, parse_findings, read_findings
from gureum.tracking.watched import FINDINGS_FILE, Mark, mark_of, mark_text

GOOD = {
    "format": "gureum.debugger", "version": 1, "framework": "torch", "rules": 33, "unit": "step", "steps": 9, "epochs": 0,
    "evaluations": 0, "findings": [], "symptoms": [], "troubles": [],
    "curves": [{"name": "loss", "role": "loss", "points": 2, "steps": [0, 1], "values": [1.5, "NaN"]}],
    "heat": {"steps": [0, 1], "measures": [{"name": "gradient_norm", "layers": ["a"], "layers_seen": 1, "values": [[1, None]]}]},
}  # fmt: skip
FINDING = {
    "rule": "nan_loss", "severity": "error", "title": {"en": "x", "ko": "가"}, "remedy": {"en": "x", "ko": "가"}, "source": "s",
    "evidence": {"steps": 3, "kind": "mse", "sure": True}, "thresholds": {"n": 1}, "layer": None, "step": 4,
}  # fmt: skip


def body(**changed) -> bytes:
    return orjson.dumps({**GOOD, **changed})


def test_ours_is_read_with_what_a_later_version_adds_left_out():
    found = parse_findings(body(findings=[FINDING], later="x"))
    assert found.findings[0].evidence == {"steps": 3, "kind": "mse", "sure": True}
    assert "later" not in found.model_dump()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"format": "gureum.debugger", "version": NaN}', "not JSON"),
        (b"[]", 'no "format"'),
        (b'{"format": "<script>"}', 'no "format"'),
        (body(version=2), "version '2'"),
        (body(version={"a" * 99: 1}), "version"),
        (body(rules="33"), "rules: "),
        (body(steps=-1), "steps: "),
        (body(findings=[{**FINDING, "severity": "<b>"}]), "findings.0.severity"),
        (body(findings=[{**FINDING, "evidence": {"a": {"deep": 1}}}]), "findings.0.evidence.a"),
        (body(findings=[FINDING] * 65), "findings: "),
        (body(findings=[{**FINDING, "title": {"en": "x" * 2_001, "ko": ""}}]), "findings.0.title.en"),
        (body(curves=[{**GOOD["curves"][0], "values": [1.0]}]), "one length"),
        (body(heat={"steps": [0], "measures": GOOD["heat"]["measures"]}), "matrix"),
        (body(pad="x" * BYTES_MAX), "bytes"),
        (json.dumps({**GOOD, "steps": 10**30}).encode(), "steps: "),
    ],
)  # fmt: skip
def test_what_is_not_ours_is_refused_and_told_why(content: bytes, told: str):
    with pytest.raises(InvalidInput, match=told) as raised:
        parse_findings(content)
    assert raised.value.code == "findings.invalid"
    assert len(str(raised.value)) < 1_000


def test_a_run_without_the_file_was_not_watched_and_no_link_is_followed(tmp_path: Path):
    artifacts = Artifacts(tmp_path / "artifacts")
    assert read_findings(artifacts, "1", "run") is None
    file = tmp_path / "artifacts" / "1" / "run" / "artifacts" / FINDINGS_FILE
    file.parent.mkdir(parents=True)
    (tmp_path / "secret.json").write_bytes(body())
    file.symlink_to(tmp_path / "secret.json")
    with pytest.raises(InvalidInput, match="not an artifact's path"):
        read_findings(artifacts, "1", "run")
    file.unlink()
    file.mkdir()
    assert read_findings(artifacts, "1", "run") is None
    file.rmdir()
    file.write_bytes(b"x" * (BYTES_MAX + 10))
    with pytest.raises(InvalidInput, match="bytes"):
        read_findings(artifacts, "1", "run")
    file.write_bytes(body())
    assert read_findings(artifacts, "1", "run").rules == 33


def test_the_mark_says_how_many_and_how_bad_and_strangers_marks_say_nothing():
    assert mark_of(mark_text(2, "error")) == Mark(2, "error")
    assert mark_of(mark_text(0, None)) == Mark(0, None)
    for tag in (None, "", "0 error", "1", "-1 error", "1 <b>", "99999 error", "1 error\n", "٣ error"):
        assert mark_of(tag) is None
