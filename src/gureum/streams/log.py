"""Append-only log of one shard: puts in, offsets out.

Called by `writer`, which gathers puts into groups and calls `append` from one thread at a time. Knows files, not HTTP.

Promise: when `append` returns, its records are on the disk, in order, behind everything before them, and readers in every
process see them; when it raises, no reader saw any of them (a crash right then may leave them). Arrival times never decrease. A producer's epoch is
stored once. What was acknowledged is never cut: `recovery` tells a torn tail from damage.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gureum.clock import Clock
from gureum.errors import CorruptData, GureumError, Unavailable
from gureum.store.files import Files, WritableFile
from gureum.streams.durable import DurableCell, DurableEnd
from gureum.streams.frame import NO_PRODUCER, decode_header, encode_frame
from gureum.streams.index import SegmentIndex, index_name, list_indexes, load_index, rebuild_index
from gureum.streams.recovery import Recovered, recover
from gureum.streams.segment import (
    SEGMENT_HEADER_BYTES,
    encode_segment_header,
    list_segments,
    segment_name,
)

__all__ = ["FRAME_DATA_BYTES_MAX", "SEGMENT_BYTES", "Put", "ShardLog"]

# Retention deletes whole segments and recovery reads the last one whole: 64 MiB is deleted often enough and read in a blink.
SEGMENT_BYTES = 64 << 20

# A group is cut into frames of about this size, so that a reader of one record does not have to check a huge frame.
FRAME_DATA_BYTES_MAX = 4 << 20

# An hour of a day's retention: the active segment is sealed when it is older than this part of the retention, so that a
# slow stream's records go when they should and not when 64 MiB have come together.
SEGMENTS_PER_RETENTION = 24


_FULL = ("stream.disk_full", "free some space on the data folder's disk; then writes go on by themselves")
_TOO_MANY = ("stream.open_files", "raise the limit of open files (ulimit -n); each shard takes two")
_CAUSES = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EMFILE: _TOO_MANY, errno.ENFILE: _TOO_MANY}


@dataclass(slots=True)
class Put:
    """Records of one caller for this shard; `producer` is (16 bytes, epoch) for an exactly-once append."""

    keys: Sequence[bytes]
    data: Sequence[bytes]
    size_bytes: int
    producer: tuple[bytes, int] | None = None


class ShardLog:
    """The one writer of a shard's folder. Not for use by two threads at once: its owner holds a lock."""

    def __init__(
        self,
        folder: Path,
        *,
        files: Files,
        clock: Clock,
        segment_bytes: int = SEGMENT_BYTES,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Open or make the log; recovers. Raises Unavailable when the disk refuses, never CorruptData: see `corrupt`."""
        self.folder = folder
        self.corrupt: CorruptData | None = None
        self._files = files
        self._clock = clock
        self._segment_bytes_max = segment_bytes
        self._entropy = entropy
        self._file: WritableFile | None = None
        self._cell: DurableCell | None = None
        self._roll_owed = False
        try:
            self._open()
        except OSError as error:
            self.close()
            raise self._unavailable(error) from error

    @property
    def next_offset(self) -> int:
        return self._end.next_offset

    @property
    def end(self) -> DurableEnd:
        """What readers see."""
        return self._end

    # Opening --------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        files, folder = self._files, self.folder
        for path in (folder.parent, folder):
            # Both names must last before anything in them is acknowledged. Syncing a folder that was there costs little.
            files.make_folder(path)
            files.sync_folder(path.parent)
        state = recover(files, folder)
        self._roll_owed = False
        self._cell = DurableCell.open(files, folder, writable=True)
        self._take(state)
        if self.corrupt is None:
            if not state.segment_ready:
                self._start_segment(state.segment)
            elif state.end_bytes > state.synced_bytes:
                self._settle_tail(state)
            else:
                self._file = files.open_write(folder / segment_name(state.segment))
                if self._file.size() > state.end_bytes:
                    self._file.truncate(state.end_bytes)
        self._publish()
        # The cell's own name, too: without it a reader after a crash would take the shard for empty until the next open.
        files.sync_folder(folder)

    def _take(self, state: Recovered) -> None:
        self._segment = state.segment
        self._salt = state.salt
        self._index = state.index
        self._producers = state.producers
        self.corrupt = state.corrupt
        self._end = DurableEnd(
            state.segment,
            state.end_bytes,
            state.next_offset,
            state.first_offset,
            state.arrival_ms,
            state.data_bytes_total,
        )

    def _settle_tail(self, state: Recovered) -> None:
        """Make a tail durable that is whole but perhaps not synced: its writer died before it could say.

        The bytes are written again, in place, before the sync. A sync that failed in the old process may have left these
        pages marked clean though they never reached the disk, and then a sync alone would succeed and do nothing.
        Rewriting the same bytes loses nothing, wherever a crash interrupts it.
        """
        path = self.folder / segment_name(state.segment)
        reader = self._files.open_read(path)
        try:
            tail = reader.read(state.synced_bytes, state.end_bytes - state.synced_bytes)
        finally:
            reader.close()
        self._file = self._files.open_write(path)
        self._file.write(state.synced_bytes, tail)
        self._file.truncate(state.end_bytes)
        self._file.sync()

    # Appending ------------------------------------------------------------------------------------------------------

    def append(self, puts: Sequence[Put]) -> list[int]:
        """Write the puts durably, in order, with one sync, and return the first offset of each.

        A put whose producer's epoch is stored already is not written again; it gets the offset of the producer's newest
        records. Raises Unavailable (disk full or failing: nothing of the group is stored; try again) or CorruptData.
        """
        if self.corrupt is not None:
            raise self.corrupt.with_traceback(None)
        try:
            if self._file is None:
                self._open()
                if self.corrupt is not None:
                    raise self.corrupt
            return self._append(puts)
        except OSError as error:
            self._fail()
            raise self._unavailable(error) from error

    def _append(self, puts: Sequence[Put]) -> list[int]:
        assert self._file is not None
        if self._roll_owed or self._end.segment_bytes >= self._segment_bytes_max:
            self._roll()
        end = self._end
        # Never back: readers search by arrival time, and the host's clock may be set.
        arrival_ms = max(self._clock.now_ms(), end.arrival_ms)
        placed: list[int] = []
        frames: list[bytes] = []
        position, offset = end.segment_bytes, end.next_offset
        new_epochs: dict[bytes, tuple[int, int]] = {}
        total = end.data_bytes_total
        for group in _frames_of(puts):
            producer, epoch = group[0].producer or (NO_PRODUCER, 0)
            if producer != NO_PRODUCER:
                last = new_epochs.get(producer) or self._producers.get(producer)
                if last is not None and epoch <= last[0]:
                    placed.append(last[1])
                    continue
                new_epochs[producer] = (epoch, offset)
            if len(group) == 1:
                keys, data = group[0].keys, group[0].data
            else:
                keys = [key for put in group for key in put.keys]
                data = [one for put in group for one in put.data]
            frame = encode_frame(
                keys,
                data,
                position=position,
                salt=self._salt,
                first_offset=offset,
                arrival_ms=arrival_ms,
                synced_bytes=end.segment_bytes,
                producer=producer,
                epoch=epoch,
            )
            frames.append(frame)
            position += len(frame)
            for put in group:
                placed.append(offset)
                offset += len(put.keys)
                total += put.size_bytes
        if not frames:
            return placed
        try:
            self._file.write(end.segment_bytes, frames[0] if len(frames) == 1 else b"".join(frames))
        except OSError as error:
            # A full disk takes a part. Cut it and stay open: puts fail quickly until there is space, then go on.
            self._file.truncate(end.segment_bytes)
            raise self._unavailable(error) from error
        self._file.sync()
        # From here on it is durable: first the memory, then what other processes see, then (the return) the caller.
        at = end.segment_bytes
        for frame in frames:
            header = decode_header(frame, 0, position=at, salt=self._salt)
            assert header is not None
            self._index.add(header)
            self._producers.note(header)
            at = header.end
        self._end = DurableEnd(end.segment, position, offset, end.first_offset, arrival_ms, total)
        self._publish()
        return placed

    def _fail(self) -> None:
        """After a failed write or sync: forget what the disk may hold behind the durable end, and reopen at the next put.

        Nothing behind the durable end was acknowledged, so it may be cut, and it must be: after a failed sync the kernel may
        show bytes that are not on the disk.
        """
        if self._file is not None:
            # Without the cut, the next open cuts a torn tail or, when the frames are whole, writes them again and syncs:
            # either is allowed for records that nobody was told about.
            with suppress(OSError):
                self._file.truncate(self._end.segment_bytes)
            self._file.close()
            self._file = None
        if self._cell is not None:
            self._cell.close()
            self._cell = None

    # Segments -------------------------------------------------------------------------------------------------------

    def _start_segment(self, first_offset: int) -> None:
        """Make an empty segment, durable in name and header before any frame: recovery relies on that order."""
        path = self.folder / segment_name(first_offset)
        salt = int.from_bytes(self._entropy(4), "little")
        try:
            file = self._files.create(path)
        except FileExistsError:
            file = self._files.open_write(path)  # a crash left it without a whole header, so without frames
            file.truncate(0)
        try:
            file.write(0, encode_segment_header(first_offset, salt))
            file.sync()
            self._files.sync_folder(self.folder)
        except OSError:
            file.close()
            raise
        if self._file is not None:
            self._file.close()
        self._file = file
        self._segment = first_offset
        self._salt = salt
        self._index = SegmentIndex(first_offset)
        self._end = self._end._replace(segment=first_offset, segment_bytes=SEGMENT_HEADER_BYTES)

    def _roll(self) -> None:
        """Seal the active segment and start the next. Everything in it is synced: puts are only appended whole."""
        # If it fails half-way the new file may exist: then nothing may be appended to the old one any more, or recovery
        # would find records behind the start of the next segment. So the roll is owed until it is done.
        self._roll_owed = True
        try:
            if self._file is not None:
                # The frames are synced, but a cut behind them may not be. What a crash would bring back there is no torn
                # tail once the segment is not the last: it would be damage.
                self._file.sync()
            self._write_index(self._index)
            self._start_segment(self._end.next_offset)
        except OSError as error:
            raise self._unavailable(error) from error
        self._roll_owed = False
        self._publish()

    def _write_index(self, index: SegmentIndex) -> None:
        path = self.folder / index_name(index.first_offset)
        raw = index.encode(self._producers)
        try:
            file = self._files.create(path)
        except FileExistsError:
            file = self._files.open_write(path)  # a roll that a crash interrupted
            file.truncate(0)
        try:
            file.write(0, raw)
            file.sync()
        finally:
            file.close()

    def expire(self, *, retention_h: float) -> int:
        """Delete the sealed segments whose newest record is older than the retention; return how many."""
        if self.corrupt is not None or self._cell is None:
            return 0  # a damaged shard is kept for repair
        retention_ms = retention_h * 3_600_000
        horizon_ms = self._clock.now_ms() - retention_ms
        try:
            if (
                self._end.next_offset > self._segment
                and self._index.first_arrival_ms < self._clock.now_ms() - retention_ms / SEGMENTS_PER_RETENTION
            ):
                self._roll()
            segments = list_segments(self._files, self.folder)
            expired = 0
            for first_offset, next_first in pairwise(segments):
                if self._last_arrival_ms(first_offset) >= horizon_ms:
                    break
                # Readers first: they must not be promised a record whose file is about to go.
                self._end = self._end._replace(first_offset=next_first)
                self._publish()
                # On the disk too: it is recovery's proof that the missing file was meant to go.
                self._cell.flush()
                self._files.remove(self.folder / segment_name(first_offset))
                # One by one, oldest first: a crash must not bring an older segment back without its follower.
                self._files.sync_folder(self.folder)
                expired += 1
            # The newest index stays even without its segment: it carries the producers' epochs.
            kept = set(segments[expired:])
            for first_offset in list_indexes(self._files, self.folder)[:-1]:
                if first_offset not in kept:
                    self._files.remove(self.folder / index_name(first_offset))
        except OSError as error:
            self._fail()
            raise self._unavailable(error) from error
        return expired

    def _last_arrival_ms(self, first_offset: int) -> int:
        loaded = load_index(self._files, self.folder, first_offset)
        if loaded is None:
            file = self._files.open_read(self.folder / segment_name(first_offset))
            try:
                return rebuild_index(file, first_offset, self._producers.copy()).last_arrival_ms
            finally:
                file.close()
        return loaded[0].last_arrival_ms

    # Ends -----------------------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        assert self._cell is not None
        self._cell.store(self._end)

    def mark_deleted(self) -> None:
        """Tell the readers in all processes that the stream is gone; then close."""
        if self._cell is not None:
            self._cell.store(self._end._replace(deleted=True))
        self.close()

    def close(self) -> None:
        """Let the files go. Nothing is pending: every append was synced before it returned."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._cell is not None:
            with suppress(OSError):  # only a fresher proof for recovery is lost
                self._cell.flush()
            self._cell.close()
            self._cell = None

    def _unavailable(self, error: OSError) -> GureumError:
        code, hint = _CAUSES.get(
            error.errno or 0, ("stream.disk_failed", "check the data folder's disk and permissions")
        )
        return Unavailable(
            f"{self.folder.parent.name}/{self.folder.name}: the log cannot be written: {error.strerror or error}",
            code=code,
            hint=hint,
        )


def _frames_of(puts: Sequence[Put]) -> list[list[Put]]:
    """Cut a group into the puts of each frame: a producer's put stands alone, others share a frame up to its limit."""
    groups: list[list[Put]] = []
    shared: list[Put] | None = None
    shared_bytes = 0
    for put in puts:
        if put.producer is not None:
            groups.append([put])
            shared = None
        elif shared is None or shared_bytes + put.size_bytes > FRAME_DATA_BYTES_MAX:
            shared = [put]
            shared_bytes = put.size_bytes
            groups.append(shared)
        else:
            shared.append(put)
            shared_bytes += put.size_bytes
    return groups
