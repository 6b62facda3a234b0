"""Many standing queries in one process, each in its own thread: started, watched, restarted, stopped.

Called by the process that `app` starts, and by the library without a server. The catalog says which queries there should
be; `wanted` is asked again and again, so a query that is created, changed or stopped anywhere takes effect here.
Promise: one query's failure never touches another; an error that may pass (Unavailable) is tried again with growing pauses
from the last checkpoint, any other stops the query as `failed` with what to do. What is not in a checkpoint is read again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from gureum.clock import Clock
from gureum.errors import Conflict, GureumError, InternalError, NotFound, Unavailable
from gureum.names import did_you_mean
from gureum.sql.streaming.alerts import AlertEvent
from gureum.sql.streaming.planner import Lookup
from gureum.sql.streaming.query import QuerySpec, StandingQuery
from gureum.sql.streaming.sinks import StreamWriter, TableAccess
from gureum.sql.streaming.sources import Source
from gureum.sql.streaming.status import QueryState, QueryStatus

__all__ = ["QueryHost", "Surroundings", "Tail", "Wanted"]

# Rows kept of each query for people who watch it: what fits on a screen many times over.
TAIL_ROWS_MAX = 500

# How often new records are looked for: the reader's check is a memory compare, and a person does not see the difference.
POLL_S = 0.05

# How often the list of wanted queries is read.
WANTED_EVERY_S = 1.0

# Pauses between tries after an error that may pass: they double, with some chance so that queries do not try in step.
RETRY_FIRST_S = 0.5
RETRY_LAST_S = 30.0

# A thread that is told to stop ends its step first: a batch and a checkpoint.
STOP_S = 15.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query that should be there. `starts` rises when a person starts it again, as after a failure."""

    spec: QuerySpec
    running: bool
    drain: bool = False
    starts: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a query needs of the world, made for its owner: who it acts as, and what it may see."""

    lookup: Lookup
    source: Callable[[str], Source]
    tables: TableAccess
    writer: StreamWriter | None
    notify: Callable[[Sequence[AlertEvent]], None]


class Tail:
    """The last rows that a query committed, for live views. Safe between threads."""

    def __init__(self) -> None:
        self._rows: deque[dict[str, Any]] = deque(maxlen=TAIL_ROWS_MAX)
        self._changed = threading.Condition()
        self.version = 0

    def add(self, rows: pa.Table) -> None:
        last = rows.slice(max(0, rows.num_rows - TAIL_ROWS_MAX)).to_pylist()
        with self._changed:
            self._rows.extend(last)
            self.version += rows.num_rows
            self._changed.notify_all()

    def rows(self, after: int = 0) -> tuple[int, list[dict[str, Any]]]:
        """The version now, and the rows that came after a version (at most the kept ones)."""
        with self._changed:
            count = min(max(0, self.version - after), len(self._rows))
            return self.version, list(self._rows)[len(self._rows) - count :] if count else []

    def wait(self, after: int, timeout_s: float) -> tuple[int, list[dict[str, Any]]]:
        """As `rows`, but wait for news first, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self.version > after, timeout=timeout_s)
        return self.rows(after)


class _Run:
    """One query and its thread."""

    def __init__(
        self, wanted: Wanted, surroundings: Callable[[QuerySpec], Surroundings], folder: Path, clock: Clock
    ) -> None:
        self.wanted = wanted
        self.tail = Tail()
        self._surroundings = surroundings
        self._folder = folder
        self._clock = clock
        self._stop = threading.Event()
        self._drain = False
        self.drained = False
        self._restarts = 0
        self._last = QueryStatus()
        self._query: StandingQuery | None = None
        self.thread = threading.Thread(target=self._main, name=f"query {wanted.spec.name}", daemon=True)

    @property
    def status(self) -> QueryStatus:
        query = self._query
        status = query.status if query is not None else self._last
        return replace(status, restarts=self._restarts)

    @property
    def was_stopped(self) -> bool:
        return self._stop.is_set()

    def stop(self, *, drain: bool) -> None:
        self._drain = drain
        self._stop.set()

    def _main(self) -> None:
        pause_s = RETRY_FIRST_S
        # A drain is carried out even when it was asked of a query that does not run, or of a process that died over it.
        while not self._stop.is_set() or self._drain:
            began_s = self._clock.monotonic_s()
            error = self._once()
            if error is None:
                return
            if not isinstance(error, Unavailable) and not _may_pass(error):
                self._failed(error)
                return
            if self._clock.monotonic_s() - began_s > RETRY_LAST_S:
                pause_s = RETRY_FIRST_S
            self._restarts += 1
            self._last = replace(
                self._last, state=QueryState.WAITING, error=error.message, error_code=error.code, hint=error.hint
            )
            _log.warning("query %s: %s; trying again in %.1f s", self.wanted.spec.name, error, pause_s)
            pause = pause_s * random.uniform(0.8, 1.2)  # noqa: S311 - only spreads the tries
            if self._drain:
                time.sleep(pause)
            else:
                self._stop.wait(pause)
            pause_s = min(pause_s * 2, RETRY_LAST_S)
        self._last = replace(self._last, state=QueryState.STOPPED)

    def _once(self) -> GureumError | None:
        """Run until told to stop or finished; the error that ended it otherwise."""
        query: StandingQuery | None = None
        try:
            around = self._surroundings(self.wanted.spec)
            query = StandingQuery(
                self.wanted.spec,
                lookup=around.lookup,
                source=around.source,
                tables=around.tables,
                writer=around.writer,
                folder=self._folder,
                clock=self._clock,
                notify=around.notify,
                on_rows=self.tail.add,
            )
            query.open()
            self._query = query
            while not self._stop.is_set() and not query.finished:
                if not query.step() and not query.has_input():
                    self._stop.wait(POLL_S)
            if not query.finished:
                if self._drain:
                    _read_rest(query)
                query.stop(drain=self._drain)
            self.drained = self._drain
            return None
        except GureumError as error:
            return error
        except Exception as error:
            _log.exception("query %s failed", self.wanted.spec.name)
            return InternalError(f"{type(error).__name__}: {error}", code="query.internal", hint="report it: our bug")
        finally:
            if query is not None:
                self._last = query.status
                query.close()
            self._query = None

    def _failed(self, error: GureumError) -> None:
        _log.error("query %s stopped: %s", self.wanted.spec.name, error)
        self._last = replace(
            self._last,
            state=QueryState.FAILED,
            error=error.message,
            error_code=error.code,
            hint=error.hint,
        )


def _read_rest(query: StandingQuery) -> None:
    """Read what the stream holds at this moment, not what comes after: a busy stream would never let it end."""
    query.step()
    until = query.status.rows_in + sum(query.status.behind.values())
    while query.has_input() and query.status.rows_in < until:
        query.step()


def _may_pass(error: GureumError) -> bool:
    """Errors that another try from the last checkpoint may not meet: somebody else changed the sink's table meanwhile."""
    return isinstance(error, Conflict) and error.code.startswith("table.")


class QueryHost:
    """Runs what is wanted. `run` is the process' main loop; `sync` does one look, for tests and for the library."""

    def __init__(
        self,
        *,
        wanted: Callable[[], Sequence[Wanted]],
        surroundings: Callable[[QuerySpec], Surroundings],
        folder: Path,
        clock: Clock,
    ) -> None:
        """`folder` holds a folder for each query's checkpoints, by its id."""
        self._wanted = wanted
        self._surroundings = surroundings
        self._folder = folder
        self._clock = clock
        self._runs: dict[str, _Run] = {}
        self._lock = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Keep in step with what is wanted until `stop`, then stop every query with a checkpoint."""
        while not stop.is_set():
            try:
                self.sync()
            except Unavailable as error:
                _log.warning("the list of queries cannot be read: %s", error)
            stop.wait(WANTED_EVERY_S)
        self.close()

    def sync(self) -> None:
        """Start, stop and restart queries so that they are as wanted."""
        wanted = {item.spec.id: item for item in self._wanted()}
        with self._lock:
            for id_, run in list(self._runs.items()):
                item = wanted.get(id_)
                changed = item is not None and (item.starts != run.wanted.starts or item.spec != run.wanted.spec)
                if item is not None and item.running and not changed:
                    if run.was_stopped and not run.thread.is_alive():
                        del self._runs[id_]  # stopped before, wanted again: started below
                elif item is not None and item.drain and not changed:
                    if run.thread.is_alive():
                        run.stop(drain=True)
                    elif not run.drained:
                        del self._runs[id_]  # it stopped or failed before: started again below, to drain
                else:
                    if run.thread.is_alive():
                        run.stop(drain=False)
                    if changed or item is None:
                        run.thread.join(STOP_S)
                        if run.thread.is_alive():
                            continue  # still in its step; the next look finds it ended
                        del self._runs[id_]
            for id_, item in wanted.items():
                if (item.running or item.drain) and id_ not in self._runs:
                    run = _Run(item, self._surroundings, self._folder / id_, self._clock)
                    self._runs[id_] = run
                    if item.drain:
                        run.stop(drain=True)
                    run.thread.start()

    def is_drained(self, id_: str) -> bool:
        """Whether a drain that was asked for has ended well."""
        run = self._runs.get(id_)
        return run is not None and run.drained and not run.thread.is_alive()

    def status(self, id_: str) -> QueryStatus:
        """What a query says of itself; STOPPED when it never ran here."""
        run = self._runs.get(id_)
        return run.status if run is not None else QueryStatus(state=QueryState.STOPPED)

    def statuses(self) -> dict[str, QueryStatus]:
        return {id_: run.status for id_, run in list(self._runs.items())}

    def tail(self, id_: str) -> Tail:
        """The live rows of a query that runs or ran here."""
        run = self._runs.get(id_)
        if run is None:
            raise NotFound(
                f"the query {id_!r} does not run here", code="query.not_found", hint=did_you_mean(id_, self._runs)
            )
        return run.tail

    def close(self) -> None:
        """Stop every query with a checkpoint; windows stay open in it."""
        runs = list(self._runs.values())
        for run in runs:
            run.stop(drain=False)
        for run in runs:
            run.thread.join(STOP_S)
