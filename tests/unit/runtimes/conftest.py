"""Tiny runtimes of wheels that are made here, and uv told to look nowhere else."""

from __future__ import annotations

import base64
import hashlib
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gureum.runtimes.runtime import Runtime

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

MakeWheel = Callable[..., None]
MakeRuntime = Callable[..., Runtime]


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that uv may take packages from; its cache is the test's own too."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def make_wheel(wheels: Path) -> MakeWheel:
    """`make_wheel("rain", "1.0", {"rain.py": "..."})` puts a pure Python wheel there."""

    def make(name: str, version: str, files: Mapping[str, str]) -> None:
        info = f"{name}-{version}.dist-info"
        whole = {
            **files,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in whole.items())
        with zipfile.ZipFile(wheels / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            for path, text in {**whole, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
                archive.writestr(path, text)

    return make


@pytest.fixture
def make_runtime(tmp_path: Path) -> MakeRuntime:
    """`make_runtime("rain==1.0", python="3.11", disk_bytes=1)`: the runtime "tiny" by that lock."""

    def make(*pins: str, python: str = PYTHON, disk_bytes: int = 1) -> Runtime:
        lock = tmp_path / f"{hashlib.sha256(repr(pins).encode()).hexdigest()[:8]}.txt"
        lock.write_text("".join(f"{pin}\n" for pin in pins), "utf-8")
        return Runtime("tiny", "for tests", python, disk_bytes, lock)

    return make


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
