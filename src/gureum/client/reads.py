"""Which tables and versions this program reads: each answer of SQL carries them, and a run that is active notes them.

Called by `transport.py` for each answer and by `tracked.py` while a run is active. A run is of the whole process, as MLflow's
is, and so are those who watch.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator

__all__ = ["METADATA", "note", "watched"]

# Where an Arrow stream says what it was read from: JSON, [{"name": "main.readings", "version": 3}].
METADATA = b"gureum.tables"

Watcher = Callable[[list[tuple[str, int]]], None]

_WATCHERS: list[Watcher] = []


@contextlib.contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of each read in this process until the block ends."""
    _WATCHERS.append(watcher)
    try:
        yield
    finally:
        _WATCHERS.remove(watcher)


def note(stream: bytes) -> None:
    """Tell those who watch what an Arrow stream was read from."""
    if not _WATCHERS:
        return
    import pyarrow as pa  # heavy: only while somebody watches

    metadata = pa.ipc.open_stream(stream).schema.metadata or {}
    tables = [(one["name"], one["version"]) for one in json.loads(metadata.get(METADATA, b"[]"))]
    if tables:
        for watcher in tuple(_WATCHERS):
            watcher(tables)
