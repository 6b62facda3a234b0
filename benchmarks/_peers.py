"""Other people's programs, each in an environment of its own, so that none of their packages meets ours.

Called by the benchmarks. Environments are made once, under .cache/peers, by uv.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

__all__ = ["PeerMissing", "peer_python"]

_ROOT = Path(__file__).parents[1]
_PEERS = _ROOT / ".cache" / "peers"

INSTALL_S_MAX = 900


class PeerMissing(Exception):
    """A peer could not be installed here; the benchmark says so and goes on without it."""


def peer_python(name: str, *requirements: str, python: str = "3.11") -> Path:
    """The Python of an environment that holds these requirements; made if it is not there."""
    folder = _PEERS / name
    executable = folder / "bin" / "python"
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256("\n".join((python, *requirements)).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and executable.exists():
        return executable
    uv = _find_uv()
    try:
        for arguments in (
            ["venv", "--clear", "--python", python, str(folder)],
            ["pip", "install", "--python", str(executable), *requirements],
        ):
            subprocess.run([uv, *arguments], check=True, capture_output=True, text=True, timeout=INSTALL_S_MAX)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise PeerMissing(f"{name}: {said[-1] if said else error}") from error
    stamp.write_text(wanted)
    return executable


def _find_uv() -> str:
    found = shutil.which("uv", path=str(_ROOT / ".tools" / "bin")) or shutil.which("uv")
    if found is None:
        raise PeerMissing("uv is not installed; `make setup` brings it")
    return found
