"""Runtimes on disk: what is installed, installing by uv, and the interpreter that a process in a runtime is started with.

Called by the command line, by a task of kind "runtime", by whatever starts processes (`python_of`), and by the REST door
(`look`). An install is `<data folder>/runtimes/<name>-<hash>`; it is whole when `installed.json` is in it, which is written
last. Promise: a half or damaged install is never used, and is made again; of two installs at once one works and the other finds
it done; an older lock's install goes only when the new one works.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gureum.errors import Conflict, GureumError, InternalError, Unavailable
from gureum.runtimes.runtime import HASH_CHARS, Runtime, canonical

__all__ = ["Installed", "home", "install", "look", "python_of", "remove"]

MARK = "installed.json"

# The locks are resolved for this; other machines have other wheels.
SYSTEM, MACHINE = "Linux", "x86_64"

# An install that fills the disk takes the server's own data with it.
DISK_SPARE_BYTES = 1_000_000_000

# The end of what uv said is enough to see why it failed.
SAID_LINES_MAX = 30

NO_INDEX = re.compile(
    r"error sending request|Failed to fetch|Could not connect|network connectivity is disabled|dns error"
    r"|not found in the provided package locations|not found in the package registry|no matching distribution",
    re.IGNORECASE,
)
NO_PYTHON = re.compile(r"No interpreter found|No Python", re.IGNORECASE)
NO_SPACE = re.compile(r"No space left|Disk quota exceeded", re.IGNORECASE)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Installed:
    """What the data folder has of a runtime. `bytes` and `seconds` are those of the install, None unless `state` is "installed".

    "outdated": only an older lock's install is there; "broken": it was begun and never finished, or something is gone from it.
    """

    state: Literal["installed", "outdated", "broken", "absent"]
    bytes: int | None = None
    seconds: float | None = None


def home(folder: Path, runtime: Runtime) -> Path:
    """Where the runtime's install is, or would be."""
    return folder / "runtimes" / f"{runtime.name}-{runtime.hash}"


def look(folder: Path, runtime: Runtime) -> Installed:
    """What is there; reads one small file and lists one folder."""
    place = home(folder, runtime)
    try:
        body = json.loads((place / MARK).read_text("utf-8"))
        if _missing(place, runtime):
            return Installed("broken")
        return Installed("installed", int(body["bytes"]), float(body["seconds"]))
    except (OSError, ValueError, KeyError, TypeError):
        if place.exists():
            return Installed("broken")
    return Installed("outdated" if any(_older(folder, runtime)) else "absent")


def python_of(folder: Path, runtime: Runtime) -> Path:
    """The interpreter of an installed runtime, in which `import gureum` gives the gureum that asks.

    Raises Conflict when the runtime is not installed, naming the command that installs it.
    """
    found = look(folder, runtime)
    if found.state != "installed":
        why = {"outdated": "is installed by an older lock", "broken": "is damaged"}.get(found.state, "is not installed")
        raise Conflict(
            f"runtime {runtime.name!r} {why}",
            code="runtime.not_installed",
            hint=f"`gureum runtime install {runtime.name}` installs it",
        )
    place = home(folder, runtime)
    _link_gureum(_site(place, runtime))
    return _python(place)


def install(folder: Path, runtime: Runtime, tell: Tell) -> Installed:
    """Install the runtime, or find it installed; `tell` gets what uv says, line by line. Takes minutes and gigabytes.

    Packages come from the index that uv is set to; no code is built. Raises Unavailable (no index, no Python, no space) with the
    cure in its hint.
    """
    (folder / "runtimes").mkdir(parents=True, exist_ok=True)
    with _held(folder, runtime, tell) as lock:
        found = look(folder, runtime)
        if found.state != "installed":
            found = _install(folder, runtime, tell, lock)
        for older in _older(folder, runtime):
            tell(f"removing {older.name}")
            _remove(older)
    return found


def remove(folder: Path, runtime: Runtime, tell: Tell) -> None:
    """Remove the runtime's installs, older ones too; what still runs in one of them may fail."""
    (folder / "runtimes").mkdir(parents=True, exist_ok=True)
    with _held(folder, runtime, tell):
        for place in (home(folder, runtime), *_older(folder, runtime)):
            if place.exists():
                _remove(place)


def _install(folder: Path, runtime: Runtime, tell: Tell, lock: int) -> Installed:
    _check_machine(runtime)
    place = home(folder, runtime)
    if place.exists():
        tell(f"{place.name} is not whole: made again")
        _remove(place)
    _check_space(place.parent, runtime)
    began_s = time.monotonic()
    _uv(["venv", "--quiet", "--python", runtime.python, "--no-python-downloads", str(place)], runtime, tell, lock)
    # A sync installs the lock as it is: nothing is resolved anew, and what the lock leaves out stays out.
    given = ["--python", str(_python(place)), "--only-binary", ":all:", "--no-python-downloads", str(runtime.lock)]
    _uv(["pip", "sync", *given], runtime, tell, lock)
    missing = _missing(place, runtime)
    if missing:
        raise InternalError(f"uv has not installed {', '.join(missing[:5])}", code="runtime.incomplete")
    _link_gureum(_site(place, runtime))
    size = sum(path.lstat().st_size for path in place.rglob("*") if not path.is_dir())
    done = {"bytes": size, "seconds": round(time.monotonic() - began_s, 1)}
    partial = place / f"{MARK}.partial"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(done, file)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(place / MARK)
    return Installed("installed", int(done["bytes"]), float(done["seconds"]))


@contextlib.contextmanager
def _held(folder: Path, runtime: Runtime, tell: Tell) -> Iterator[int]:
    """The right to change the runtime's installs; the operating system takes it back from whoever dies."""
    descriptor = os.open(folder / "runtimes" / f".{runtime.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"another process is installing {runtime.name}: waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _uv(arguments: list[str], runtime: Runtime, tell: Tell, lock: int) -> None:
    import uv  # only for installs: it looks for its binary when it is imported

    said: deque[str] = deque(maxlen=SAID_LINES_MAX)
    # uv holds the lock too: killed without its parent or its parent without it, nobody else begins meanwhile.
    with subprocess.Popen(
        [uv.find_uv_bin(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, errors="replace", cwd="/", pass_fds=(lock,),
    ) as popen:  # fmt: skip
        try:
            assert popen.stderr is not None
            for line in popen.stderr:
                said.append(line.rstrip())
                # One line a package, several hundred of them, tells nobody anything.
                if not line.startswith((" + ", " - ", " ~ ")):
                    tell(line.rstrip())
        except BaseException:
            popen.kill()
            raise
    if popen.returncode != 0:
        raise _why("\n".join(said), runtime)


def _why(said: str, runtime: Runtime) -> GureumError:
    last = next((line.strip(" ╰─▶×│├") for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    if NO_SPACE.search(said):
        return _no_space(runtime, 0)
    if NO_PYTHON.search(said):
        return Unavailable(
            f"runtime {runtime.name!r} wants Python {runtime.python}, which this machine does not have",
            code="runtime.python",
            hint=f"install it (Debian: `apt install python{runtime.python}`) so that `python{runtime.python}` is found",
        )
    if NO_INDEX.search(said):
        return Unavailable(
            f"the packages of runtime {runtime.name!r} cannot be fetched: {last}",
            code="runtime.no_index",
            hint="name a package index that this machine reaches by UV_DEFAULT_INDEX (or `[[index]]` in uv.toml), or a "
            "folder of wheels by UV_FIND_LINKS with UV_NO_INDEX=1",
        )
    return Unavailable(f"uv could not install runtime {runtime.name!r}: {last}", code="runtime.install", said=said)


def _check_machine(runtime: Runtime) -> None:
    if (platform.system(), platform.machine()) != (SYSTEM, MACHINE):
        raise Unavailable(
            f"runtime {runtime.name!r} is locked for {SYSTEM} on {MACHINE}, this is {platform.system()} on "
            f"{platform.machine()}",
            code="runtime.machine",
            hint="run tasks without a runtime: they then have the packages beside gureum",
        )


def _check_space(folder: Path, runtime: Runtime) -> None:
    free = shutil.disk_usage(folder).free
    if free < runtime.disk_bytes + DISK_SPARE_BYTES:
        raise _no_space(runtime, free)


def _no_space(runtime: Runtime, free: int) -> Unavailable:
    wanted = runtime.disk_bytes + DISK_SPARE_BYTES
    return Unavailable(
        f"runtime {runtime.name!r} needs {wanted / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free",
        code="runtime.disk",
        hint="free some space where the data folder is; `uv cache clean` gives back what earlier installs fetched",
        needed_bytes=wanted,
        free_bytes=free,
    )


def _missing(place: Path, runtime: Runtime) -> list[str]:
    """What the lock has and the install has not, the interpreter first."""
    if not os.access(_python(place), os.X_OK):
        return ["its interpreter"]
    there = set()
    for entry in _site(place, runtime).iterdir():
        if entry.suffix == ".dist-info":
            name, _, version = entry.stem.rpartition("-")
            there.add((canonical(name), version))
    return [name for name, version in runtime.packages.items() if (name, version) not in there]


def _link_gureum(site: Path) -> None:
    """Let `import gureum` in the runtime give this gureum: its folder and nothing that is beside it."""
    # Resolved: a process in a runtime is itself reached by such a link, which must not come to point at itself.
    link, source = site / "gureum", Path(__file__).resolve().parents[1]
    if link.is_symlink() and link.readlink() == source:
        return
    partial = site / f".gureum-{os.getpid()}"
    partial.symlink_to(source)
    partial.rename(link)


def _remove(place: Path) -> None:
    # The mark goes first: what is left when this dies half-way is known to be broken.
    (place / MARK).unlink(missing_ok=True)
    shutil.rmtree(place)


def _older(folder: Path, runtime: Runtime) -> Iterator[Path]:
    for path in sorted((folder / "runtimes").glob(f"{runtime.name}-{'[0-9a-f]' * HASH_CHARS}")):
        if path != home(folder, runtime):
            yield path


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _site(place: Path, runtime: Runtime) -> Path:
    return place / "lib" / f"python{runtime.python}" / "site-packages"
