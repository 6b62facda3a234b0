"""Proof that an installed runtime works: every package is imported, and the big libraries compute something known.

Called by `gureum runtime verify`. Everything runs in the runtime's own interpreter, in processes with a home of their own, no
secrets of ours in their environment, no way to the network, and a time limit. Promise: a package that cannot be imported is told
with its error, and only what `NOT_IMPORTED` names, with its reason, is excused.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gureum.runtimes.computations import COMPUTATIONS
from gureum.runtimes.install import python_of
from gureum.runtimes.runtime import Runtime

__all__ = ["NOT_IMPORTED", "Checked", "Report", "verify"]

# The largest take tens of seconds on a busy machine with cold files.
IMPORT_S_MAX = 300.0
COMPUTATION_S_MAX = 600.0

ERROR_CHARS_MAX = 500
READ_BYTES = 1 << 16

HERE = Path(__file__).parent

# Modules that nobody can import here, and why that is as it should be.
NOT_IMPORTED = {
    "adbc_driver_duckdb": "DuckDB's ADBC driver, of use only beside adbc-driver-manager; `duckdb` itself is imported",
    "flaxlib_src.src.flaxlib": "sources of a compiled part that flax's wheel carries and does not use; `flax` is imported",
}

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """One package's imports, or one computation. `about` is what it found, its error, or why it is excused."""

    name: str
    outcome: Literal["ok", "failed", "excused", "no module"]
    seconds: float
    about: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    runtime: str
    lock: str
    python: str
    seconds: float
    imports: list[Checked] = field(default_factory=list)
    computations: list[Checked] = field(default_factory=list)

    @property
    def failed(self) -> list[Checked]:
        return [checked for checked in (*self.imports, *self.computations) if checked.outcome == "failed"]


def verify(folder: Path, runtime: Runtime, tell: Tell) -> Report:
    """Import everything, compute with what is there; `tell` gets a line for each failure and each computation. Minutes.

    Raises Conflict when the runtime is not installed.
    """
    python = python_of(folder, runtime)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gureum-verify-") as home:
        place = _Place(python, Path(home))
        version = subprocess.run(
            [python, "-I", "-c", "import platform; print(platform.python_version())"],
            capture_output=True, text=True, check=True, env=place.environment, timeout=IMPORT_S_MAX,
        ).stdout.strip()  # fmt: skip
        imports = _import_all(place, list(runtime.packages), tell)
        computations = []
        for name, (needs, _) in COMPUTATIONS.items():
            if runtime.packages.keys() >= set(needs):
                computations.append(checked := _compute(place, name))
                tell(f"{checked.outcome:6} {checked.seconds:6.1f} s  {name}: {checked.about}")
    seconds = round(time.monotonic() - began_s, 1)
    return Report(runtime.name, runtime.hash, version, seconds, imports, computations)


class _Place:
    """Where the checks run: the interpreter, and an environment that holds nothing of ours."""

    def __init__(self, python: Path, home: Path) -> None:
        self.python = python
        self.home = home
        self.environment = {
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "MPLBACKEND": "agg",
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "2",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "HF_HUB_OFFLINE": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # Whoever would fetch something is refused at once: a runtime works without the network.
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def start(self, program: str, *arguments: str, stderr: Any = subprocess.DEVNULL) -> subprocess.Popen[str]:
        # -I: what lies beside the program, in the working folder or in PYTHON* is not part of the runtime.
        return subprocess.Popen(
            [self.python, "-I", str(HERE / program), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, errors="replace",
            env=self.environment, cwd=self.home,
        )  # fmt: skip


def _import_all(place: _Place, packages: Sequence[str], tell: Tell) -> list[Checked]:
    """One process imports one package after the other; who fails there has a second try, alone."""
    found: dict[str, Checked] = {}
    rest = list(packages)
    while rest:
        told, guilty = _import(place, rest)
        found |= told
        if guilty is not None:
            found[guilty.name] = guilty
        rest = [name for name in rest if name not in found]
        if not told and guilty is None:
            # It died before its first word; whoever is first in line is asked alone below.
            found[rest[0]] = Checked(rest[0], "failed", 0.0, "the interpreter did not start")
            rest = rest[1:]
    for name in [name for name, checked in found.items() if checked.outcome == "failed"]:
        told, guilty = _import(place, [name])
        found[name] = told.get(name) or guilty or found[name]
        if found[name].outcome == "failed":
            tell(f"failed {found[name].seconds:6.1f} s  import of {name}: {found[name].about}")
    return [found[name] for name in packages]


def _import(place: _Place, packages: Sequence[str]) -> tuple[dict[str, Checked], Checked | None]:
    """What one process told of the packages, and at which it crashed or hung."""
    told: dict[str, Checked] = {}
    at, since_s = None, time.monotonic()
    with place.start("imports.py") as popen, selectors.DefaultSelector() as selector:
        assert popen.stdin is not None
        assert popen.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            popen.stdin.write("\n".join(packages))
            popen.stdin.close()
        selector.register(popen.stdout, selectors.EVENT_READ)
        rest = b""
        while selector.select(max(0.0, since_s + IMPORT_S_MAX - time.monotonic())):
            # Not readline: a line left in its buffer would not wake the selector.
            data = os.read(popen.stdout.fileno(), READ_BYTES)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                said = json.loads(line)
                if "begins" in said:
                    at, since_s = said["begins"], time.monotonic()
                else:
                    told[said["package"]] = _outcome(said)
                    at = None
        hung = popen.poll() is None and time.monotonic() - since_s >= IMPORT_S_MAX
        popen.kill() if hung else popen.wait()
    if at is None:
        return told, None
    why = f"not done after {IMPORT_S_MAX:g} s" if hung else f"the interpreter ended with {popen.returncode}"
    return told, Checked(at, "failed", round(time.monotonic() - since_s, 1), why)


def _outcome(said: dict[str, Any]) -> Checked:
    failed: dict[str, str] = said["failed"]
    wrong = {name: error for name, error in failed.items() if name not in NOT_IMPORTED}
    if wrong:
        about = "; ".join(f"{name}: {error}" for name, error in wrong.items())
        return Checked(said["package"], "failed", said["seconds"], about[:ERROR_CHARS_MAX])
    if failed:
        about = "; ".join(f"{name}: {NOT_IMPORTED[name]}" for name in failed)
        return Checked(said["package"], "excused", said["seconds"], about)
    modules: list[str] = said["modules"]
    return Checked(said["package"], "ok" if modules else "no module", said["seconds"], ", ".join(modules))


def _compute(place: _Place, name: str) -> Checked:
    began_s = time.monotonic()
    with tempfile.TemporaryFile() as errors, place.start("computations.py", name, stderr=errors) as popen:
        try:
            said, _ = popen.communicate(timeout=COMPUTATION_S_MAX)
            outcome = json.loads(said) if said else {}
        except subprocess.TimeoutExpired:
            popen.kill()
            outcome = {"error": f"not done after {COMPUTATION_S_MAX:g} s"}
        if not outcome:
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
            outcome = {"error": f"the interpreter ended with {popen.returncode}: {''.join(last)}"}
    seconds = round(time.monotonic() - began_s, 1)
    if "error" in outcome:
        return Checked(name, "failed", seconds, str(outcome["error"])[:ERROR_CHARS_MAX])
    return Checked(name, "ok", seconds, str(outcome["found"]))
