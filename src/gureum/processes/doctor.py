"""`gureum doctor`: what is wrong with a data folder or this installation, and the cure.

Called by the command line. Looks only; changes nothing, so it may run beside a server.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.errors import GureumError
from gureum.processes.folder import DataFolder, holder
from gureum.settings import PORTS, Settings

__all__ = ["Finding", "examine"]

DISK_FREE_BYTES_LOW = 2 << 30

# Records read from each shard to see that its newest bytes are whole.
RECORDS_READ = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ok: bool
    found: str
    cure: str | None = None


def examine(settings: Settings) -> list[Finding]:
    """All checks, in the order in which one would cure them."""
    folder = DataFolder(settings.folder)
    findings: list[Finding] = []
    for check in (_python, _libraries, _folder, _disk, _server, _metadata, _streams, _tables):
        try:
            findings += check(settings, folder)
        except GureumError as error:
            findings.append(Finding(check.__name__.strip("_"), False, error.message, error.hint))
        except Exception as error:
            findings.append(Finding(check.__name__.strip("_"), False, f"{type(error).__name__}: {error}"))
    return findings


def _python(_settings: Settings, _folder: DataFolder) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(
        "python", sys.version_info >= (3, 11), version, None if sys.version_info >= (3, 11) else "install 3.11 or newer"
    )


def _libraries(_settings: Settings, _folder: DataFolder) -> Iterator[Finding]:
    from gureum.sql.engine import delta_extension

    versions = {name: importlib.metadata.version(name) for name in ("duckdb", "deltalake", "pyarrow", "sqlglot")}
    delta_extension()
    yield Finding("libraries", True, ", ".join(f"{name} {version}" for name, version in versions.items()))


def _folder(_settings: Settings, folder: DataFolder) -> Iterator[Finding]:
    if not folder.root.exists():
        yield Finding("folder", True, f"{folder.root} does not exist yet; `gureum up` makes it")
        return
    folder.prepare()
    yield Finding("folder", True, f"{folder.root} is ours and can be written")


def _disk(_settings: Settings, folder: DataFolder) -> Iterator[Finding]:
    place = next(path for path in (folder.root, *folder.root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    low = free < DISK_FREE_BYTES_LOW
    yield Finding(
        "disk", not low, f"{free >> 20} MB free", "free some space: writes are refused when it is full" if low else None
    )


def _server(settings: Settings, folder: DataFolder) -> Iterator[Finding]:
    held = holder(folder)
    if held is not None:
        yield Finding("server", True, f"{held.what} runs with pid {held.pid}")
        return
    yield Finding("server", True, "not running")
    for name in PORTS:
        port = getattr(settings, name)
        with socket.socket() as one:
            used = port != 0 and one.connect_ex((settings.host, port)) == 0
        cure = f"stop what uses it, or set {name}" if used else None
        yield Finding(name, not used, f"{port} is {'in use by another program' if used else 'free'}", cure)


def _metadata(settings: Settings, folder: DataFolder) -> Iterator[Finding]:
    path = folder.root / "metadata.db"
    if settings.metadata_url:
        platform = Platform(settings)
        platform.identity.users()
        platform.close()
        yield Finding("metadata", True, "PostgreSQL answers")
    elif path.exists():
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                answer = connection.execute("PRAGMA quick_check").fetchone()[0]
        except sqlite3.DatabaseError as error:
            answer = str(error)
        cure = None if answer == "ok" else "restore metadata.db from a backup"
        yield Finding("metadata", answer == "ok", f"SQLite says {answer}", cure)


def _streams(settings: Settings, folder: DataFolder) -> Iterator[Finding]:
    if not (folder.root / "metadata.db").exists() and not settings.metadata_url:
        return
    yield from _each(settings, "streams", _check_streams)


def _tables(settings: Settings, folder: DataFolder) -> Iterator[Finding]:
    if not (folder.root / "metadata.db").exists() and not settings.metadata_url:
        return
    yield from _each(settings, "tables", _check_tables)


def _each(settings: Settings, what: str, check: Callable[[Platform], tuple[int, list[str]]]) -> Iterator[Finding]:
    platform = Platform(settings)
    try:
        count, problems = check(platform)
    finally:
        platform.close()
    if problems:
        yield from (
            Finding(what, False, problem, "restore it from a backup; the rest is readable") for problem in problems
        )
    else:
        yield Finding(what, True, f"{count} looked at")


def _check_streams(platform: Platform) -> tuple[int, list[str]]:
    problems = []
    streams = platform.streams.list(SYSTEM)
    for stream in streams:
        for shard in stream.shards:
            try:
                reader = platform.readers.get(stream.id, shard.id)
                end = reader.end()
                start = max(reader.first(), end - RECORDS_READ)
                while start < end:
                    start = reader.read(start).next_offset
            except GureumError as error:
                problems.append(f"stream {stream.name}: {error.message}")
    return len(streams), problems


def _check_tables(platform: Platform) -> tuple[int, list[str]]:
    entries = platform.tables.list(SYSTEM)
    problems = [f"table {entry.thing.name}: {entry.problem}" for entry in entries if entry.problem]
    for entry in entries:
        missing = [] if entry.problem else platform.tables.handle(entry.thing).missing_files()
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            problems.append(f"table {entry.thing.name}: the data file {missing[0]}{more} is missing")
    return len(entries), problems
