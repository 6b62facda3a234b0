"""What a table's log looked like when it was last read, to tell by two looks at the disk that nothing has come since.

Called by `table.py` and `tables.py`. Promise: a commit by anybody is seen; object storage always has to be asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["LogMark"]


@dataclass(frozen=True, slots=True)
class LogMark:
    changed_ns: int
    version: int

    @staticmethod
    def changed(location: str) -> int | None:
        """When entries of the log's folder last changed; ask before the log is read. None when that cannot be told."""
        if "://" in location:
            return None
        try:
            return Path(location, "_delta_log").stat().st_mtime_ns
        except OSError:
            return None

    def holds(self, location: str) -> bool:
        # Folders tell time by the kernel's tick: two commits within one differ only by name.
        return (
            self.changed(location) == self.changed_ns
            and not Path(location, "_delta_log", f"{self.version + 1:020}.json").exists()
        )
