"""The runtimes as data: a name, what it is for, its Python, and the lock that says every package and its version.

Read by `install.py` and `verify.py`. The wish list beside each lock (`locks/*.in`) is what a person edits;
`scripts/lock_runtimes.sh` makes the lock from it. Promise: a lock pins every package, names no host, and its hash is its name:
two installs of one hash hold the same versions.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gureum.errors import NotFound
from gureum.names import did_you_mean

__all__ = ["RUNTIMES", "Runtime", "canonical", "runtime"]

LOCKS = Path(__file__).parent / "locks"

HASH_CHARS = 12

_PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==(?P<version>[^\s;]+)")


@dataclass(frozen=True)
class Runtime:
    """`python` is a minor version such as "3.11"; `disk_bytes` is what an install takes, as measured when it was locked."""

    name: str
    about: str
    python: str
    disk_bytes: int
    lock: Path

    @cached_property
    def packages(self) -> dict[str, str]:
        """Every package and its version, as the lock pins them."""
        found = {}
        for line in self.lock.read_text("utf-8").splitlines():
            text = line.partition("#")[0].strip()
            if text:
                pin = _PIN.fullmatch(text)
                assert pin, f"{self.lock.name}: {text!r} pins no version: run scripts/lock_runtimes.sh"
                found[canonical(pin["name"])] = pin["version"]
        return found

    @cached_property
    def hash(self) -> str:
        """Of what is installed: the Python and the pins, not the lock's layout."""
        pins = "".join(f"{name}=={version}\n" for name, version in sorted(self.packages.items()))
        return hashlib.sha256(f"python {self.python}\n{pins}".encode()).hexdigest()[:HASH_CHARS]


def canonical(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


RUNTIMES = {
    known.name: known
    for known in (
        Runtime(
            "base",
            "tables, plots, scikit-learn, LightGBM, MLflow and a kernel",
            python="3.11",
            disk_bytes=1_200_000_000,
            lock=LOCKS / "base.txt",
        ),
        Runtime(
            "ml",
            "TensorFlow, Keras, PyTorch, JAX, transformers, the boosters and what Anaconda's users expect, on the CPU",
            python="3.11",
            disk_bytes=9_500_000_000,
            lock=LOCKS / "ml.txt",
        ),
    )
}


def runtime(name: str) -> Runtime:
    """A runtime by its name. Raises NotFound."""
    found = RUNTIMES.get(name)
    if found is None:
        hint = did_you_mean(name, RUNTIMES) or f"the runtimes are {', '.join(RUNTIMES)}"
        raise NotFound(f"runtime {name!r} does not exist", code="runtime.not_found", hint=hint)
    return found
