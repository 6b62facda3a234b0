"""Takes records for any stream and acknowledges them when they are durable.

Called by the Kinesis gateway (`put_records`, in its event loop) and by the library without a server (`put_records_now`).
One process at a time owns a root folder's LogWriter. Knows no HTTP.

Promise: group commit. While one group of a shard is being synced, later puts gather and share the next sync; shards sync
side by side in threads. A put is answered when each of its shards has synced or failed; records for one shard keep their
order. What waits is bounded; beyond that puts are refused with LimitExceeded, at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from gureum.clock import Clock
from gureum.errors import CorruptData, GureumError, InternalError, LimitExceeded, NotFound, Unavailable
from gureum.store.files import Files, LocalFiles
from gureum.streams.counters import HISTORY_S, Counters, Rates
from gureum.streams.log import SEGMENT_BYTES, Put, ShardLog
from gureum.streams.partition import route
from gureum.streams.spec import StreamSpec

__all__ = ["LogWriter", "PutResult", "Records", "Writer"]

# Bytes that may wait for one shard's sync: two of the largest puts, about a second of a slow disk.
PENDING_BYTES_MAX = 24 << 20

# Bytes that one sync may cover; the rest waits for the next, so that the first are not kept waiting for ever.
GROUP_BYTES_MAX = 8 << 20

# Syncs that run side by side. They wait for the disk, not for a core; a disk gains little beyond this.
SYNC_THREADS = 8

# Groups that a thread writes for one shard before it lets other shards have a turn.
GROUPS_PER_TURN = 8

# A record's bookkeeping while it waits, beside its bytes: keeps empty records from being free.
RECORD_OVERHEAD_BYTES = 16

# Ids of deleted streams that late puts are refused for, so that none makes the folder again.
DELETED_KEPT = 10_000


@dataclass(slots=True)
class Records:
    """Records to put, as columns: an object for each record would cost more than writing it.

    `keys` are partition keys in UTF-8; `hash_keys` has an explicit hash key or None for each record, or is None altogether.
    """

    keys: list[bytes]
    data: list[bytes]
    hash_keys: list[int | None] | None = None


@dataclass(slots=True)
class PutResult:
    """Where the records are. `shards` gives for each record the index of its shard in the stream's `open_shards` (None: all
    in the first); `placed` gives for each such index the offset of its first record, the others following in order, or
    the error that all of its records met.
    """

    shards: list[int] | None
    placed: dict[int, int | GureumError] = field(default_factory=dict)


class Writer(Protocol):
    """Whatever takes records."""

    async def put_records(
        self, stream: StreamSpec, records: Records, *, producer: tuple[str, int] | None = None
    ) -> PutResult:
        """Put records durably. Errors are per shard, in the result.

        With `producer` (id, epoch) the put is exactly-once: each shard stores an epoch of a producer once, and a put
        whose epoch is not above the last stored one is acknowledged without a second write. A caller that repeats a put
        must repeat it with the same records.
        """


class LogWriter:
    """The writer over the segment logs of one root folder. Safe to call from any thread."""

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock,
        files: Files | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        threads: int = SYNC_THREADS,
    ) -> None:
        self._root = root
        self._clock = clock
        self._files: Files = files if files is not None else LocalFiles()
        self._segment_bytes = segment_bytes
        self._shards: dict[tuple[str, str], _Shard] = {}
        self._deleted: dict[str, None] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sync")
        root.mkdir(parents=True, exist_ok=True)
        self._files.sync_folder(root.parent)

    # Putting --------------------------------------------------------------------------------------------------------

    async def put_records(
        self, stream: StreamSpec, records: Records, *, producer: tuple[str, int] | None = None
    ) -> PutResult:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[PutResult] = loop.create_future()

        def settle(result: PutResult) -> None:
            if not future.done():  # the client may have gone, or two shards finished at the same moment
                future.set_result(result)

        def finished(result: PutResult) -> None:
            try:
                loop.call_soon_threadsafe(settle, result)
            except RuntimeError:
                return  # the loop was stopped: nobody waits any more

        self._submit(stream, records, producer, finished)
        return await future

    def put_records_now(
        self, stream: StreamSpec, records: Records, *, producer: tuple[str, int] | None = None
    ) -> PutResult:
        """As `put_records`, for a caller without an event loop; waits."""
        done = threading.Event()
        results: list[PutResult] = []

        def finished(result: PutResult) -> None:
            results.append(result)
            done.set()

        self._submit(stream, records, producer, finished)
        done.wait()
        return results[0]

    def _submit(
        self,
        stream: StreamSpec,
        records: Records,
        producer: tuple[str, int] | None,
        finished: Callable[[PutResult], None],
    ) -> None:
        shards = stream.open_shards
        tag = (blake2b(producer[0].encode(), digest_size=16).digest(), producer[1]) if producer else None
        if len(shards) == 1:
            call = _Call(PutResult(None), 1, finished)
            self._shard(stream.id, shards[0].id).submit(_Part(call, 0, _put(records.keys, records.data, tag)))
            return
        shard_of = route(records.keys, records.hash_keys, stream.open_starts)
        columns: dict[int, tuple[list[bytes], list[bytes]]] = {}
        for index in set(shard_of):
            columns[index] = ([], [])
        for index, key, data in zip(shard_of, records.keys, records.data, strict=True):
            keys_of_shard, data_of_shard = columns[index]
            keys_of_shard.append(key)
            data_of_shard.append(data)
        call = _Call(PutResult(shard_of), len(columns), finished)
        for index, (keys, data_list) in columns.items():
            self._shard(stream.id, shards[index].id).submit(_Part(call, index, _put(keys, data_list, tag)))

    def _shard(self, stream_id: str, shard_id: str) -> _Shard:
        key = (stream_id, shard_id)
        shard = self._shards.get(key)
        if shard is None:
            with self._lock:
                shard = self._shards.get(key)
                if shard is None:
                    shard = _Shard(self._open_log(key), self._threads, self._clock)
                    if stream_id in self._deleted:
                        shard.deleted = True
                    else:
                        self._shards[key] = shard
        return shard

    def _open_log(self, key: tuple[str, str]) -> Callable[[], ShardLog]:
        folder = self._root / key[0] / key[1]
        return lambda: ShardLog(folder, files=self._files, clock=self._clock, segment_bytes=self._segment_bytes)

    # Keeping house --------------------------------------------------------------------------------------------------

    def recover(self) -> list[GureumError]:
        """Open every log there is; return what is wrong (CorruptData, Unavailable), one error for each such shard.

        Call it before serving: until a log is open again, readers see only what its durable cell last said, which after a
        crash of the machine may be older than what was acknowledged.
        """
        found: list[GureumError] = []
        for stream_id in self.stored_streams():
            for shard_id in self._files.list(self._root / stream_id):
                try:
                    corrupt = self._shard(stream_id, shard_id).open()
                except GureumError as error:
                    found.append(error)
                else:
                    if corrupt is not None:
                        found.append(corrupt)
        return found

    def stored_streams(self) -> list[str]:
        """The ids of the streams that have a folder."""
        return [name for name in self._files.list(self._root) if (self._root / name).is_dir()]

    def expire(self, stream: StreamSpec) -> int:
        """Delete the stream's segments that are older than its retention; return how many."""
        shards = [self._shards[key] for key in list(self._shards) if key[0] == stream.id]
        return sum(shard.expire(stream.retention_h) for shard in shards)

    def drop(self, stream_id: str) -> None:
        """Forget a deleted stream: refuse what waits, tell its readers, and remove its folder."""
        with self._lock:
            self._deleted[stream_id] = None
            if len(self._deleted) > DELETED_KEPT:
                del self._deleted[next(iter(self._deleted))]
            shards = [self._shards.pop(key) for key in list(self._shards) if key[0] == stream_id]
        for shard in shards:
            shard.drop()
        folder = self._root / stream_id
        try:
            for shard_id in self._files.list(folder):
                for name in self._files.list(folder / shard_id):
                    self._files.remove(folder / shard_id / name)
                self._files.remove_folder(folder / shard_id)
            self._files.remove_folder(folder)
        except FileNotFoundError:
            return  # never written to, or another process was quicker

    def counters(self, stream_id: str, *, seconds: int = HISTORY_S) -> dict[str, Rates]:
        """For each shard of a stream that was written to since the start: its totals and rates."""
        now_ms = self._clock.now_ms()
        return {
            key[1]: shard.counters.rates(now_ms, seconds=seconds)
            for key, shard in list(self._shards.items())
            if key[0] == stream_id
        }

    def close(self) -> None:
        """Sync what waits, then let go. Puts after this are refused by the stopped threads."""
        self._threads.shutdown(wait=True)
        for shard in self._shards.values():
            shard.close()


def _put(keys: Sequence[bytes], data: Sequence[bytes], producer: tuple[bytes, int] | None) -> Put:
    return Put(keys, data, sum(map(len, keys)) + sum(map(len, data)), producer)


class _Call:
    """One caller's put, until all of its shards have answered."""

    __slots__ = ("_finished", "_parts", "_result")

    def __init__(self, result: PutResult, parts: int, finished: Callable[[PutResult], None]) -> None:
        self._result = result
        self._parts = parts
        self._finished = finished

    def settle(self, index: int, outcome: int | GureumError) -> None:
        # No lock: each part sets its own key, and `finished` may be called twice by two that are last together.
        placed = self._result.placed
        placed[index] = outcome
        if len(placed) == self._parts:
            self._finished(self._result)


@dataclass(slots=True)
class _Part:
    call: _Call
    index: int
    put: Put

    @property
    def cost_bytes(self) -> int:
        return self.put.size_bytes + RECORD_OVERHEAD_BYTES * len(self.put.keys)


class _Shard:
    """The queue of one shard and the thread's work on it. At most one thread is in `_drain` at a time."""

    def __init__(self, open_log: Callable[[], ShardLog], threads: ThreadPoolExecutor, clock: Clock) -> None:
        self._open_log = open_log
        self._threads = threads
        self._clock = clock
        self._log: ShardLog | None = None
        self._log_lock = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: deque[_Part] = deque()
        self._waiting_bytes = 0
        self._busy = False
        self.deleted = False
        self.counters = Counters()

    def submit(self, part: _Part) -> None:
        with self._lock:
            refused = self._refusal(part)
            if refused is None:
                self._waiting.append(part)
                self._waiting_bytes += part.cost_bytes
                if self._busy:
                    return
                self._busy = True
        if refused is not None:
            part.call.settle(part.index, refused)
            return
        self._start()

    def _refusal(self, part: _Part) -> GureumError | None:
        if self.deleted:
            return NotFound("the stream was deleted", code="stream.deleted")
        if self._waiting and self._waiting_bytes + part.cost_bytes > PENDING_BYTES_MAX:
            return LimitExceeded(
                f"{PENDING_BYTES_MAX >> 20} MiB wait for this shard's disk", code="stream.throughput", hint="send later"
            )
        return None

    def _take(self) -> list[_Part]:
        """The next group, empty when nothing waits; then the thread leaves."""
        with self._lock:
            group: list[_Part] = []
            group_bytes = 0
            while self._waiting and (not group or group_bytes + self._waiting[0].cost_bytes <= GROUP_BYTES_MAX):
                part = self._waiting.popleft()
                group_bytes += part.cost_bytes
                group.append(part)
            self._waiting_bytes -= group_bytes
            if not group:
                self._busy = False
            return group

    def _drain(self) -> None:
        for _ in range(GROUPS_PER_TURN):
            group = self._take()
            if not group:
                return
            self._write(group)
        self._start()

    def _start(self) -> None:
        try:
            self._threads.submit(self._drain)
        except RuntimeError:  # the writer is closing
            while group := self._take():
                self._settle(group, Unavailable("the writer has stopped", code="stream.writer_stopped"))

    def _write(self, group: list[_Part]) -> None:
        try:
            with self._log_lock:
                if self.deleted:
                    raise NotFound("the stream was deleted", code="stream.deleted")
                log = self._opened()
                offsets = log.append([part.put for part in group])
                arrival_ms = log.end.arrival_ms
        except GureumError as error:
            self._settle(group, error)
        except Exception as error:
            self._settle(group, InternalError(f"the log failed: {error!r}", code="stream.log_failed"))
        else:
            self.counters.note(
                arrival_ms, sum(len(part.put.keys) for part in group), sum(part.put.size_bytes for part in group)
            )
            for part, offset in zip(group, offsets, strict=True):
                part.call.settle(part.index, offset)

    def _settle(self, group: Iterable[_Part], error: GureumError) -> None:
        for part in group:
            part.call.settle(part.index, error)

    def _opened(self) -> ShardLog:
        if self._log is None:
            self._log = self._open_log()
        return self._log

    def open(self) -> CorruptData | None:
        with self._log_lock:
            return self._opened().corrupt

    def expire(self, retention_h: float) -> int:
        with self._log_lock:
            return self._log.expire(retention_h=retention_h) if self._log is not None else 0

    def drop(self) -> None:
        self.deleted = True
        with self._log_lock:
            if self._log is not None:
                self._log.mark_deleted()
                self._log = None

    def close(self) -> None:
        with self._log_lock:
            if self._log is not None:
                self._log.close()
                self._log = None
