"""A bounded set of shard readers, shared by the requests of one process.

Called by the gateways. A reader remembers where it stopped, so a consumer that reads on finds its place without a search.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock

from gureum.store.files import Files
from gureum.streams.reader import ShardReader

__all__ = ["Readers"]

# A reader holds up to two files, a mapped page and the last MiB it read.
READERS_MAX = 256


class Readers:
    def __init__(self, root: Path, *, files: Files | None = None) -> None:
        self._root = root
        self._files = files
        self._readers: OrderedDict[tuple[str, str], ShardReader] = OrderedDict()
        self._lock = Lock()

    def get(self, stream_id: str, shard_id: str) -> ShardReader:
        """The reader of a shard. Not closed when it is pushed out: another thread may be in it, so it goes when unused."""
        key = (stream_id, shard_id)
        with self._lock:
            reader = self._readers.get(key)
            if reader is None:
                reader = self._readers[key] = ShardReader(self._root, stream_id, shard_id, files=self._files)
                if len(self._readers) > READERS_MAX:
                    self._readers.popitem(last=False)
            else:
                self._readers.move_to_end(key)
            return reader

    def drop(self, stream_id: str) -> None:
        """Forget a deleted stream's readers, and with them its open files."""
        with self._lock:
            for key in [key for key in self._readers if key[0] == stream_id]:
                del self._readers[key]
