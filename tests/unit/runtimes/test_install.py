"""Installs by the real uv, of wheels that are made here: whole or not there, once, and with a cure when they fail."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

import gureum
from gureum.errors import Conflict, Unavailable
from gureum.runtimes.install import MARK, home, install, look, python_of, remove


def quiet(_line: str) -> None: ...


@pytest.fixture
def tiny(make_wheel, make_runtime):
    make_wheel("rain", "1.0", {"rain.py": "DROPS = 3\n"})
    return make_runtime("rain==1.0")


def run(python: Path, code: str) -> str:
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_installed_runtime_has_its_packages_and_this_gureum(tmp_path: Path, tiny):
    assert look(tmp_path, tiny).state == "absent"
    with pytest.raises(Conflict, match="not installed") as refused:
        python_of(tmp_path, tiny)
    assert "gureum runtime install tiny" in (refused.value.hint or "")

    done = install(tmp_path, tiny, quiet)
    assert done.state == "installed"
    assert done.bytes
    python = python_of(tmp_path, tiny)
    assert run(python, "import rain; print(rain.DROPS)") == "3"
    assert Path(run(python, "import gureum; print(gureum.__file__)")).samefile(gureum.__file__)
    with pytest.raises(subprocess.CalledProcessError):
        run(python, "import pytest")  # what is beside gureum stays there

    # A process in the runtime may ask for it too, and finds gureum afterwards as before.
    asked = f"""
from pathlib import Path
from gureum.runtimes.install import python_of
from gureum.runtimes.runtime import Runtime
print(python_of(Path({str(tmp_path)!r}), Runtime("tiny", "", {tiny.python!r}, 1, Path({str(tiny.lock)!r}))))
"""
    assert run(python, asked) == str(python)
    assert Path(run(python, "import gureum; print(gureum.__file__)")).samefile(gureum.__file__)

    said: list[str] = []
    assert install(tmp_path, tiny, said.append) == done, "found, not made again"
    assert said == []


def test_a_half_or_damaged_install_is_not_used_and_is_made_again(tmp_path: Path, tiny):
    install(tmp_path, tiny, quiet)
    place = home(tmp_path, tiny)
    (place / MARK).unlink()  # as if killed before the end
    assert look(tmp_path, tiny).state == "broken"
    with pytest.raises(Conflict, match="damaged"):
        python_of(tmp_path, tiny)
    install(tmp_path, tiny, quiet)
    assert look(tmp_path, tiny).state == "installed"

    next(place.rglob("rain-1.0.dist-info")).rename(place / "gone")
    assert look(tmp_path, tiny).state == "broken"
    install(tmp_path, tiny, quiet)
    (place / "bin" / "python").unlink()
    assert look(tmp_path, tiny).state == "broken"
    (place / MARK).write_text("{")
    assert look(tmp_path, tiny).state == "broken"
    install(tmp_path, tiny, quiet)
    assert run(python_of(tmp_path, tiny), "import rain; print(rain.DROPS)") == "3"


def test_of_two_installs_at_once_one_works_and_the_other_finds_it_done(tmp_path: Path, tiny):
    said: dict[int, list[str]] = {0: [], 1: []}
    done = {}
    both = threading.Barrier(2)

    def go(number: int) -> None:
        both.wait()
        done[number] = install(tmp_path, tiny, said[number].append)

    threads = [threading.Thread(target=go, args=(number,)) for number in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done[0] == done[1]
    assert done[0].state == "installed"
    worked = [number for number, lines in said.items() if any("Installed" in line for line in lines)]
    assert len(worked) == 1


def test_an_older_lock_stays_until_the_new_one_works(tmp_path: Path, tiny, make_wheel, make_runtime):
    install(tmp_path, tiny, quiet)
    newer = make_runtime("rain==2.0")
    assert look(tmp_path, newer).state == "outdated"
    with pytest.raises(Conflict, match="older lock"):
        python_of(tmp_path, newer)
    with pytest.raises(Unavailable):
        install(tmp_path, newer, quiet)  # there is no such wheel yet
    assert home(tmp_path, tiny).exists()

    make_wheel("rain", "2.0", {"rain.py": "DROPS = 4\n"})
    install(tmp_path, newer, quiet)
    assert not home(tmp_path, tiny).exists()
    assert run(python_of(tmp_path, newer), "import rain; print(rain.DROPS)") == "4"
    remove(tmp_path, newer, quiet)
    assert look(tmp_path, newer).state == "absent"


def test_without_the_index_the_error_names_the_setting(tmp_path: Path, tiny, monkeypatch: pytest.MonkeyPatch):
    for name in ("UV_FIND_LINKS", "UV_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(Unavailable) as refused:
        install(tmp_path, tiny, quiet)
    assert refused.value.code == "runtime.no_index"
    assert "UV_DEFAULT_INDEX" in (refused.value.hint or "")
    assert look(tmp_path, tiny).state == "broken"


def test_a_full_disk_is_refused_before_anything_is_fetched(tmp_path: Path, make_runtime):
    huge = make_runtime("rain==1.0", disk_bytes=10**18)
    with pytest.raises(Unavailable, match=r"needs 1000000001.0 GB") as refused:
        install(tmp_path, huge, quiet)
    assert refused.value.code == "runtime.disk"
    assert not home(tmp_path, huge).exists()


def test_a_python_that_is_not_there_is_named(tmp_path: Path, wheels, make_runtime):
    with pytest.raises(Unavailable, match=r"Python 3\.99") as refused:
        install(tmp_path, make_runtime("rain==1.0", python="3.99"), quiet)
    assert refused.value.code == "runtime.python"
