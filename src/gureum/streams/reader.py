"""Reads one shard straight from its files, in any process, up to the durable end; never talks to the writer.

Called by the standing-query engine, the gateways and Studio's live tail. Knows files, not SQL or HTTP.

Promise: only durable records are given, in order and without gaps; every frame's checksum is verified on every read; damage
raises CorruptData, and what retention removed raises NotFound with code `stream.trimmed`, never silence. A reader lives
through segment rolls, retention, and restarts of the writer. One reader may be used by several threads.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from pathlib import Path
from threading import Lock

from gureum.errors import CorruptData, InvalidInput, NotFound
from gureum.store.files import Files, LocalFiles, ReadableFile
from gureum.streams.batch import Batch, Run
from gureum.streams.durable import DurableCell, DurableEnd
from gureum.streams.frame import HEADER_BYTES, decode_body, decode_header
from gureum.streams.index import Producers, SegmentIndex, load_index, rebuild_index
from gureum.streams.segment import (
    SEGMENT_HEADER_BYTES,
    find_frame_after,
    list_segments,
    read_salt,
    scan_frames,
    segment_name,
)

__all__ = ["ShardReader"]

# Read at once while walking frames, by how much the caller asked for; a larger frame is read whole.
READ_BYTES = 1 << 20
READ_BYTES_MIN = 64 << 10

# Open files and indexes kept by one reader: it reads forward, so the segment it is in and the next one are enough.
SEGMENTS_OPEN_MAX = 2

# Times that a read starts over because retention or a roll moved the files under it; each try sees newer files.
MOVED_TRIES = 5

_EMPTY = DurableEnd(0, 0, 0, 0, 0, 0)


class _Segment:
    """An open segment: its file, salt, and an index as far as somebody needed one."""

    def __init__(self, file: ReadableFile, first_offset: int, salt: int) -> None:
        self.file = file
        self.first_offset = first_offset
        self.salt = salt
        self.index: SegmentIndex | None = None
        self.index_complete = False


class ShardReader:
    """A reader of one shard. Costs nothing until used: a mapped cell, then one open segment."""

    def __init__(self, root: Path, stream_id: str, shard_id: str, *, files: Files | None = None) -> None:
        self.stream_id = stream_id
        self.shard_id = shard_id
        self._folder = root / stream_id / shard_id
        self._files: Files = files if files is not None else LocalFiles()
        self._cell: DurableCell | None = None
        self._lock = Lock()
        self._segments: dict[int, _Segment] = {}
        self._names: list[int] = []
        # Where the last read stopped: (offset, segment, position). A sequential reader never needs an index.
        self._cursor = (-1, 0, 0)
        self._last_frame: tuple[int, int, Run] | None = None
        self._chunk: tuple[int, int, memoryview] = (-1, 0, memoryview(b""))

    def end(self) -> int:
        """The offset that the next record will get; 0 for a shard that was never written to."""
        return self._load().next_offset

    def first(self) -> int:
        """The oldest offset that can be read; equals `end()` when there is none."""
        return self._load().first_offset

    def has_more(self, offset: int) -> bool:
        """Whether a read at `offset` would give records: a memory compare, cheap enough to poll a thousand times a second."""
        return self._load().next_offset > offset

    def last_arrival_ms(self) -> int:
        """When the newest durable record arrived, 0 if there is none."""
        return self._load().arrival_ms

    def data_bytes_total(self) -> int:
        """Bytes of keys and data ever written to the shard (after a crash of the machine it may have lost a little)."""
        return self._load().data_bytes_total

    def read(self, offset: int, *, records_max: int = 10_000, bytes_max: int = 10 << 20) -> Batch:
        """The durable records from `offset` on, at most so many records and bytes of keys and data, but at least one.

        An empty batch means that there is nothing yet. Raises NotFound with code `stream.trimmed` and `first_offset` in its
        details when retention removed `offset`; NotFound with code `stream.deleted` when the stream is gone; CorruptData,
        naming the file, the position and the offsets, when what is at `offset` is damaged (records before the damage are
        given first).
        """
        if offset < 0 or records_max < 1 or bytes_max < 1:
            raise InvalidInput("a read needs an offset of 0 or more and limits of 1 or more", code="stream.read_limits")
        with self._lock:
            for _ in range(MOVED_TRIES):
                end = self._load()
                if offset >= end.next_offset:
                    return Batch(offset, offset, end.next_offset)
                if offset < end.first_offset:
                    raise self._trimmed(offset, end)
                try:
                    return self._read(offset, records_max, bytes_max, end)
                except FileNotFoundError:
                    self._forget()
            raise self._missing(offset, self._load())

    def offset_at(self, timestamp_ms: int) -> int:
        """The offset of the first record that arrived at `timestamp_ms` or later; `end()` if none did yet."""
        with self._lock:
            before: tuple[int, int] | None = None
            tries = 0
            while tries < MOVED_TRIES:
                end = self._load()
                if not end.next_offset or timestamp_ms > end.arrival_ms:
                    return end.next_offset
                # Retention may remove many files in a row, each just before it is looked at: as long as it moves, go on.
                tries = tries + 1 if before == (end.first_offset, end.segment) else 0
                before = (end.first_offset, end.segment)
                try:
                    return self._offset_at(timestamp_ms, end)
                except FileNotFoundError:
                    self._forget()
            raise self._missing(self._load().first_offset, self._load())

    def close(self) -> None:
        with self._lock:
            self._forget()
            if self._cell is not None:
                self._cell.close()
                self._cell = None

    # The durable end ------------------------------------------------------------------------------------------------

    def _load(self) -> DurableEnd:
        if self._cell is None:
            try:
                self._cell = DurableCell.open(self._files, self._folder, writable=False)
            except (FileNotFoundError, ValueError):
                return _EMPTY  # never written to, or being made this moment
        end = self._cell.load()
        if end is None:
            return _EMPTY
        if end.deleted:
            raise NotFound(f"the stream {self.stream_id} was deleted", code="stream.deleted", shard=self.shard_id)
        return end

    # Finding --------------------------------------------------------------------------------------------------------

    def _segment_of(self, offset: int, end: DurableEnd) -> int:
        """The first offset of the segment that must hold `offset`."""
        if offset >= end.segment:
            return end.segment
        # The newest known name may have grown no successor yet, so a name list is only good up to its last entry.
        if not self._names or offset < self._names[0] or offset >= self._names[-1]:
            self._names = list_segments(self._files, self._folder)
        at = bisect_right(self._names, offset) - 1
        if at < 0:
            raise FileNotFoundError(self._folder / segment_name(offset))
        return self._names[at]

    def _open(self, first_offset: int) -> _Segment:
        segment = self._segments.get(first_offset)
        if segment is None:
            file = self._files.open_read(self._folder / segment_name(first_offset))
            salt = read_salt(file, first_offset)
            if salt is None:
                file.close()
                raise self._corrupt(first_offset, 0, first_offset, None, "its header is damaged")
            segment = _Segment(file, first_offset, salt)
            while len(self._segments) >= SEGMENTS_OPEN_MAX:
                self._segments.pop(next(iter(self._segments))).file.close()
            self._segments[first_offset] = segment
        return segment

    def _index(self, segment: _Segment, end: DurableEnd) -> SegmentIndex:
        """The segment's index, complete if it is sealed, else grown to the durable end."""
        if segment.index is not None and segment.index_complete:
            return segment.index
        if segment.first_offset != end.segment:
            loaded = load_index(self._files, self._folder, segment.first_offset)
            segment.index = loaded[0] if loaded else rebuild_index(segment.file, segment.first_offset, Producers())
            segment.index_complete = True
            return segment.index
        index = segment.index
        if index is None:
            index = segment.index = SegmentIndex(segment.first_offset)
        for header in scan_frames(
            segment.file,
            salt=segment.salt,
            position=index.end_bytes,
            offset=index.next_offset,
            end=end.segment_bytes,
            verify=False,
        ):
            index.add(header)
        return index

    def _forget(self) -> None:
        for segment in self._segments.values():
            segment.file.close()
        self._segments.clear()
        self._names = []
        self._cursor = (-1, 0, 0)
        self._last_frame = None
        self._chunk = (-1, 0, memoryview(b""))

    # Reading --------------------------------------------------------------------------------------------------------

    def _read(self, offset: int, records_max: int, bytes_max: int, end: DurableEnd) -> Batch:
        runs: list[Run] = []
        wanted = offset
        while records_max > 0 and bytes_max > 0 and wanted < end.next_offset:
            try:
                run, whole = self._frame_at(wanted, bytes_max, end)
            except (CorruptData, FileNotFoundError):
                if runs:
                    break  # give what is good; the next read starts at the damage and raises
                raise
            start = wanted - run.first_offset
            count = _fitting(run, start, min(records_max, run.count - start), bytes_max)
            if runs and count == 0:
                break
            part = run.part(start, max(count, 1))
            runs.append(part)
            records_max -= part.count
            bytes_max -= part.data_bytes + part.keys_bytes
            wanted += part.count
            if start + part.count < run.count:
                break
            self._cursor = (wanted, *whole)
        return Batch(offset, wanted, end.next_offset, runs)

    def _frame_at(self, offset: int, bytes_hint: int, end: DurableEnd) -> tuple[Run, tuple[int, int]]:
        """The frame that holds `offset`, and where the next one starts: (segment, position)."""
        last = self._last_frame
        if last is not None and last[2].first_offset <= offset < last[2].first_offset + last[2].count:
            return last[2], last[:2]
        segment, position, at_offset = self._place(offset, end)
        limit = end.segment_bytes if segment.first_offset == end.segment else segment.file.size()
        length = min(max(bytes_hint, READ_BYTES_MIN), READ_BYTES)
        # Usually one step; after a seek, the index led to a frame a little before.
        while True:
            header = decode_header(
                self._bytes(segment, position, HEADER_BYTES, length, limit), 0, position=position, salt=segment.salt
            )
            if header is None or header.first_offset != at_offset or header.end > limit:
                # Damage on the way to records that were asked for by their offset is stepped over: its own records were
                # not asked for, and whoever reads on from before it is told.
                header = find_frame_after(
                    segment.file, salt=segment.salt, position=position + 1, offset=at_offset + 1, end=limit
                )
                if header is None or header.first_offset > offset:
                    raise self._damaged(segment, position, at_offset, limit, end)
                position, at_offset = header.position, header.first_offset
            if offset < header.next_offset:
                break
            position, at_offset = header.end, header.next_offset
        body = self._bytes(segment, position + HEADER_BYTES, header.body_bytes, length, limit)
        views = decode_body(header, body)
        if views is None:
            raise self._damaged(segment, position, at_offset, limit, end)
        run = Run(header.first_offset, header.records, header.arrival_ms, *views)
        self._last_frame = (segment.first_offset, header.end, run)
        return run, (segment.first_offset, header.end)

    def _bytes(self, segment: _Segment, position: int, needed: int, length: int, limit: int) -> memoryview:
        """`needed` bytes of a segment (fewer at its end), out of the chunk read last, or a new one of about `length`.

        A chunk never reaches beyond the durable end, so its bytes cannot change any more and may be kept.
        """
        first_offset, chunk_at, chunk = self._chunk
        at = position - chunk_at
        if first_offset != segment.first_offset or at < 0 or at + needed > len(chunk):
            chunk = memoryview(segment.file.read(position, min(max(needed, length), max(limit - position, 0))))
            self._chunk = (segment.first_offset, position, chunk)
            at = 0
        return chunk[at : at + needed]

    def _place(self, offset: int, end: DurableEnd) -> tuple[_Segment, int, int]:
        """(segment, position, offset there) of a frame at or before the one that holds `offset`."""
        cursor_offset, cursor_segment, cursor_position = self._cursor
        if cursor_offset == offset:
            segment = self._open(cursor_segment)
            limit = end.segment_bytes if cursor_segment == end.segment else segment.file.size()
            if cursor_position < limit:
                return segment, cursor_position, offset
        first_offset = self._segment_of(offset, end)
        segment = self._open(first_offset)
        if offset == first_offset:
            return segment, SEGMENT_HEADER_BYTES, offset
        index = self._index(segment, end)
        if first_offset != end.segment and offset >= index.next_offset:
            # The name after this one is of later records: a whole segment is missing, or the end of this one is.
            later = [name for name in list_segments(self._files, self._folder) if name > offset]
            raise self._corrupt(
                first_offset, index.end_bytes, index.next_offset, later[0] - 1 if later else None, "its end is missing"
            )
        return segment, *index.find_offset(offset)

    def _offset_at(self, timestamp_ms: int, end: DurableEnd) -> int:
        # A segment that was just started has no arrival time yet.
        newest = end.segment if end.next_offset > end.segment else end.segment - 1
        names = [name for name in list_segments(self._files, self._folder) if end.first_offset <= name <= newest]
        # Arrival never decreases, so the segments are sorted by their last arrival too.
        at = bisect_left(names, timestamp_ms, key=lambda name: self._index(self._open(name), end).last_arrival_ms)
        if at == len(names):
            return end.next_offset
        segment = self._open(names[at])
        position, offset = self._index(segment, end).find_arrival(timestamp_ms)
        limit = end.segment_bytes if segment.first_offset == end.segment else segment.file.size()
        for header in scan_frames(
            segment.file, salt=segment.salt, position=position, offset=offset, end=limit, verify=False
        ):
            if header.arrival_ms >= timestamp_ms:
                return max(header.first_offset, end.first_offset)
            position, offset = header.end, header.next_offset
        raise self._damaged(segment, position, offset, limit, end)

    # What to say ----------------------------------------------------------------------------------------------------

    def _damaged(
        self, segment: _Segment, position: int, offset: int, limit: int, end: DurableEnd
    ) -> CorruptData | FileNotFoundError:
        try:
            # Retention may have removed the file while it was open: then this is no damage that anyone can read again.
            self._files.open_read(self._folder / segment_name(segment.first_offset)).close()
        except FileNotFoundError as gone:
            return gone
        later = find_frame_after(segment.file, salt=segment.salt, position=position + 1, offset=offset + 1, end=limit)
        if later is not None:
            last = later.first_offset - 1
        elif segment.first_offset == end.segment:
            last = end.next_offset - 1
        else:
            names = [name for name in list_segments(self._files, self._folder) if name > offset]
            last = names[0] - 1 if names else end.next_offset - 1
        return self._corrupt(segment.first_offset, position, offset, last, "the checksum does not hold")

    def _corrupt(self, segment: int, position: int, first: int, last: int | None, why: str) -> CorruptData:
        lost = f"records {first} to {last}" if last is not None else f"records from {first} on"
        return CorruptData(
            f"stream {self.stream_id}, {self.shard_id}: {segment_name(segment)} is damaged at byte {position}: {why}; "
            f"{lost} cannot be read",
            code="stream.corrupt",
            hint=f"restore the file from a backup, or read on at offset {last + 1}" if last is not None else None,
            stream=self.stream_id,
            shard=self.shard_id,
            segment=segment_name(segment),
            position=position,
            first_offset=first,
            last_offset=last,
        )

    def _trimmed(self, offset: int, end: DurableEnd) -> NotFound:
        return NotFound(
            f"stream {self.stream_id}, {self.shard_id}: record {offset} is older than the retention",
            code="stream.trimmed",
            hint=f"the oldest record is {end.first_offset}",
            first_offset=end.first_offset,
        )

    def _missing(self, offset: int, end: DurableEnd) -> CorruptData | NotFound:
        if offset < end.first_offset:
            return self._trimmed(offset, end)
        segment = min(end.segment, offset)
        return self._corrupt(segment, 0, offset, None, "the file is missing")


def _fitting(run: Run, start: int, count: int, bytes_max: int) -> int:
    """How many records of a run, from `start` and at most `count`, fit in so many bytes of keys and data."""
    keys, data = run.key_offsets, run.data_offsets
    base = keys[start] + data[start]
    if keys[start + count] + data[start + count] - base <= bytes_max:
        return count
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        if keys[start + middle] + data[start + middle] - base <= bytes_max:
            low = middle
        else:
            high = middle - 1
    return low
