"""Calls made again when they met a restarting process: the demo goes on while gureum is killed.

Called by `run.py` and `loop.py`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, TypeVar

from gureum.errors import Conflict, NotFound, Unavailable

__all__ = ["gone", "patiently", "there", "until"]

# A call that met a restarting process is made again for so long.
PATIENCE_S = 60.0

_T = TypeVar("_T")


def gone(act: Callable[[], Any]) -> None:
    """Take something away that may not be there."""
    with contextlib.suppress(NotFound):
        patiently(act)


def there(act: Callable[[], Any]) -> None:
    """Make something that may be there: when the answer to the first try was lost, the second finds what the first made."""
    with contextlib.suppress(Conflict):
        patiently(act)


def patiently(act: Callable[[], _T]) -> _T:
    """The act's answer, tried again while a process is not there. Raises the last Unavailable after a minute."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except Unavailable:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.2)


def until(condition: Callable[[], _T], timeout_s: float) -> _T | None:
    """The condition's first true answer, or None after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := patiently(condition)):
        if time.monotonic() > deadline_s:
            return None
        time.sleep(0.3)
    return found
