"""A program that imports every module of the packages that it is told, in the runtime's own interpreter.

Started by `verify.py`, by its path: it knows nothing of gureum. Reads package names on standard input, one a line; before each
import it prints what it begins, and after it how that went, a JSON object a line, so that whoever reads knows which module crashed
or hangs.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import time
import warnings
from pathlib import PurePosixPath

SUFFIXES = (".py", ".so")


def modules(package: str) -> list[str]:
    """What the package lets one import: its outermost packages (below a namespace too) and modules; private ones are its own."""
    found: set[tuple[str, ...]] = set()
    for file in importlib.metadata.distribution(package).files or []:
        path = PurePosixPath(str(file))
        name = path.name.partition(".")[0]
        parts = path.parent.parts
        if path.suffix not in SUFFIXES or not all(part.isidentifier() for part in (*parts, name)):
            continue
        if name == "__init__":
            found.add(parts)
        elif not parts:
            found.add((name,))
    outermost = [parts for parts in found if not any(parts[:n] in found for n in range(1, len(parts)))]
    return sorted(".".join(parts) for parts in outermost if not any(part.startswith("_") for part in parts))


def main() -> None:
    # What libraries print is not ours: they get standard error.
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    for package in sys.stdin.read().split():
        began_s = time.monotonic()
        told.write(json.dumps({"begins": package}) + "\n")
        names: list[str] = []
        failed: dict[str, str] = {}
        try:
            names = modules(package)
        except Exception as error:
            failed[package] = f"{type(error).__name__}: {error}"
        for name in names:
            try:
                importlib.import_module(name)
            except BaseException as error:  # a module that exits is one that cannot be imported
                failed[name] = f"{type(error).__name__}: {error}"[:500]
        seconds = round(time.monotonic() - began_s, 3)
        told.write(json.dumps({"package": package, "modules": names, "failed": failed, "seconds": seconds}) + "\n")
    told.flush()
    os._exit(0)  # hundreds of libraries' exit hooks are not what is asked about


if __name__ == "__main__":
    main()
