"""Verifying tiny runtimes: what cannot be imported is told with its error, and a crash spoils nobody else's verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from gureum.errors import Conflict
from gureum.runtimes import verify as module
from gureum.runtimes.install import install
from gureum.runtimes.verify import verify


def quiet(_line: str) -> None: ...


def test_each_package_has_its_verdict(tmp_path: Path, make_wheel, make_runtime, monkeypatch: pytest.MonkeyPatch):
    make_wheel("rain", "1.0", {"rain.py": "", "rain_more/__init__.py": ""})
    make_wheel("sky", "1.0", {"space/sky/__init__.py": "", "space/sky/inner/__init__.py": "raise ValueError"})
    make_wheel("hail", "1.0", {"hail.py": "import os, sys\nprint('x')\nos._exit(3)"})
    make_wheel("snow", "1.0", {"snow.py": "import absent_thing"})
    make_wheel("mist", "1.0", {"mist.py": "raise SystemExit(1)"})
    make_wheel("data", "1.0", {"share/data.txt": "d"})
    make_wheel("dusk", "1.0", {"dusk.py": "", "dusk_old.py": "1/0"})
    make_wheel("wind", "1.0", {"wind.py": "import os\nassert not [n for n in os.environ if n.startswith('GUREUM')]"})
    monkeypatch.setitem(module.NOT_IMPORTED, "dusk_old", "nobody uses it")
    monkeypatch.setenv("GUREUM_TOKEN", "secret")
    names = ["rain", "sky", "hail", "snow", "mist", "data", "dusk", "wind"]
    tiny = make_runtime(*(f"{name}==1.0" for name in names))
    with pytest.raises(Conflict, match="not installed"):
        verify(tmp_path, tiny, quiet)
    install(tmp_path, tiny, quiet)

    said: list[str] = []
    report = verify(tmp_path, tiny, said.append)
    assert [checked.name for checked in report.imports] == names
    found = {checked.name: checked for checked in report.imports}
    outcomes = {name: checked.outcome for name, checked in found.items()}
    assert outcomes == {
        "rain": "ok", "sky": "ok", "hail": "failed", "snow": "failed", "mist": "failed", "data": "no module",
        "dusk": "excused", "wind": "ok",
    }  # fmt: skip
    assert found["rain"].about == "rain, rain_more"
    assert found["sky"].about == "space.sky", "the outermost package below a namespace"
    assert "ended with 3" in found["hail"].about
    assert "absent_thing" in found["snow"].about
    assert "SystemExit" in found["mist"].about
    assert found["dusk"].about == "dusk_old: nobody uses it"
    assert [checked.name for checked in report.failed] == ["hail", "snow", "mist"]
    assert len(said) == 3
    assert report.computations == [], "it has none of the libraries"


def test_a_module_that_hangs_is_told_and_left(
    tmp_path: Path, make_wheel, make_runtime, monkeypatch: pytest.MonkeyPatch
):
    make_wheel("rain", "1.0", {"rain.py": ""})
    make_wheel("tide", "1.0", {"tide.py": "import threading; threading.Event().wait()"})
    make_wheel("wind", "1.0", {"wind.py": ""})
    tiny = make_runtime("rain==1.0", "tide==1.0", "wind==1.0")
    install(tmp_path, tiny, quiet)
    monkeypatch.setattr(module, "IMPORT_S_MAX", 2.0)
    found = {checked.name: checked for checked in verify(tmp_path, tiny, quiet).imports}
    assert {name: checked.outcome for name, checked in found.items()} == {"rain": "ok", "tide": "failed", "wind": "ok"}
    assert "not done after 2 s" in found["tide"].about


def test_a_computation_that_fails_says_how(tmp_path: Path, make_wheel, make_runtime):
    make_wheel("networkx", "1.0", {"networkx.py": "path_graph = int\ndef shortest_path_length(*_): return 8\n"})
    tiny = make_runtime("networkx==1.0")
    install(tmp_path, tiny, quiet)
    report = verify(tmp_path, tiny, quiet)
    assert [checked.outcome for checked in report.computations] == ["failed"]
    assert "AssertionError" in report.failed[0].about or "numpy" in report.failed[0].about
