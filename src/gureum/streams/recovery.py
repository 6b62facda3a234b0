"""What a shard's folder holds after its writer went away: the durable end, a tail to settle or cut, or damage.

Called by `log` at open. Reads only; `log` acts on the answer.

How a torn tail is told from damage. The writer appends a group of frames and syncs; only then it acknowledges and writes the
durable cell. So at any crash at most the last group is unsynced, and of it anything may be on the disk: nothing, a part,
pages in any order. A frame that does not hold, at position p of the last segment, is a torn tail unless something proves
that p was synced once:

- the durable cell names an end beyond p (it never runs ahead of a sync), or
- a true frame behind p says in its header that, when it was written, the segment was synced beyond p. Every frame of the
  unsynced group says it was synced up to the start of that group, so a group can never accuse its own torn parts.

With proof it is damage: nothing is cut, the shard refuses writes, reads up to p go on and reads of p raise. Without proof p
was never acknowledged, and everything from p on (all of the same group) is cut.

Frames that hold but lie behind the proven end were written, perhaps synced, perhaps acknowledged: they are kept, after
being made durable again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gureum.errors import CorruptData
from gureum.store.files import Files, ReadableFile
from gureum.streams.durable import DurableCell, DurableEnd
from gureum.streams.frame import FrameHeader
from gureum.streams.index import Producers, SegmentIndex, list_indexes, load_index, rebuild_index
from gureum.streams.segment import (
    SEGMENT_HEADER_BYTES,
    find_frame_after,
    list_segments,
    read_salt,
    scan_frames,
    segment_name,
)

__all__ = ["Recovered", "recover"]


@dataclass(slots=True)
class Recovered:
    """The state of a shard. `segment` is the last one, which is written to; `segment_ready` is False if it must be made."""

    segment: int
    segment_ready: bool
    salt: int
    synced_bytes: int
    end_bytes: int
    next_offset: int
    first_offset: int
    arrival_ms: int
    data_bytes_total: int
    index: SegmentIndex
    producers: Producers
    corrupt: CorruptData | None = None


def recover(files: Files, folder: Path) -> Recovered:
    """Find out what the folder holds; raises OSError when it cannot be read, never CorruptData (that is in the answer)."""
    durable = _durable_end(files, folder)
    segments = list_segments(files, folder)
    if not segments:
        return _without_segments(folder, durable)
    last = segments[-1]
    producers, before_ms = _from_sealed(files, folder, segments)
    file = files.open_read(folder / segment_name(last))
    try:
        state = _scan_last(file, folder, last, durable, producers)
    finally:
        file.close()
    # The writer brings the cell to the disk before retention removes a file. So a file that is missing from the cell's first
    # offset on was not removed by us, and reads of it must raise instead of starting at the oldest file there is.
    state.first_offset = durable.first_offset if durable is not None else segments[0]
    state.arrival_ms = max(state.arrival_ms, before_ms)
    state.data_bytes_total = max(durable.data_bytes_total if durable else 0, state.data_bytes_total)
    if durable is not None and state.corrupt is None and durable.next_offset > state.next_offset:
        # The cell promises records that no segment has: the newest segment is gone, or the last one was cut from outside.
        state.corrupt = _damage(folder, last, state.end_bytes, state.next_offset, durable.next_offset - 1)
    if state.corrupt is not None and durable is not None and durable.next_offset > state.next_offset:
        # Leave the published end where it was: a reader that walks there finds the damage itself and raises.
        state.segment = durable.segment
        state.end_bytes = durable.segment_bytes
        state.next_offset = durable.next_offset
        state.arrival_ms = max(state.arrival_ms, durable.arrival_ms)
    return state


def _durable_end(files: Files, folder: Path) -> DurableEnd | None:
    try:
        cell = DurableCell.open(files, folder, writable=False)
    except (FileNotFoundError, ValueError):
        return None
    try:
        return cell.load()
    finally:
        cell.close()


def _without_segments(folder: Path, durable: DurableEnd | None) -> Recovered:
    state = Recovered(0, False, 0, 0, SEGMENT_HEADER_BYTES, 0, 0, 0, 0, SegmentIndex(0), Producers())
    if durable is not None and durable.next_offset > 0:
        state.segment = durable.segment
        state.end_bytes = durable.segment_bytes
        state.next_offset = durable.next_offset
        state.first_offset = durable.first_offset
        state.arrival_ms = durable.arrival_ms
        state.corrupt = _damage(folder, durable.segment, 0, durable.first_offset, durable.next_offset - 1)
    return state


def _from_sealed(files: Files, folder: Path, segments: list[int]) -> tuple[Producers, int]:
    """The producers' epochs and the newest arrival of all but the last segment."""
    last = segments[-1]
    known = [first for first in list_indexes(files, folder) if first < last]
    producers = Producers()
    arrival_ms = 0
    # The newest whole index carries all epochs before it; segments after it without an index are walked.
    start = -1
    for first in reversed(known):
        loaded = load_index(files, folder, first)
        if loaded is not None:
            start, producers, arrival_ms = first, loaded[1], loaded[0].last_arrival_ms
            break
    for first in segments[:-1]:
        if first > start:
            file = files.open_read(folder / segment_name(first))
            try:
                arrival_ms = max(arrival_ms, rebuild_index(file, first, producers).last_arrival_ms)
            finally:
                file.close()
    return producers, arrival_ms


def _scan_last(
    file: ReadableFile, folder: Path, first: int, durable: DurableEnd | None, producers: Producers
) -> Recovered:
    size = file.size()
    proven = durable.segment_bytes if durable is not None and durable.segment == first else 0
    index = SegmentIndex(first)
    salt = read_salt(file, first)
    state = Recovered(
        first, salt is not None, salt or 0, SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES, first, 0, 0, 0, index, producers
    )
    if salt is None:
        # The header is synced before the first frame is written, so a segment without a whole one never had a frame,
        # unless more than the header is there.
        if size > SEGMENT_HEADER_BYTES or proven > SEGMENT_HEADER_BYTES:
            last = durable.next_offset - 1 if durable is not None and durable.next_offset > first else None
            state.corrupt = _damage(folder, first, 0, first, last)
        return state
    for header in scan_frames(file, salt=salt, position=SEGMENT_HEADER_BYTES, offset=first, end=size, verify=True):
        index.add(header)
        producers.note(header)
        proven = max(proven, header.synced_bytes)
        state.end_bytes, state.next_offset, state.arrival_ms = header.end, header.next_offset, header.arrival_ms
        state.data_bytes_total += header.keys_bytes + header.data_bytes
    if state.end_bytes < size or state.end_bytes < proven:
        accuser = _proof_behind(file, salt, state, size)
        if accuser is not None or proven > state.end_bytes:
            later = find_frame_after(
                file, salt=salt, position=state.end_bytes + 1, offset=state.next_offset + 1, end=size
            )
            if later is not None:
                last_lost = later.first_offset - 1
            else:
                last_lost = max(durable.next_offset if durable is not None else 0, state.next_offset + 1) - 1
            state.corrupt = _damage(folder, first, state.end_bytes, state.next_offset, last_lost)
            if accuser is not None and (durable is None or durable.next_offset < accuser.first_offset):
                # The cell is gone or old: publish the end that the accuser proves, so that readers meet the damage.
                state.end_bytes, state.next_offset = accuser.position, accuser.first_offset
                state.arrival_ms = accuser.arrival_ms
    state.synced_bytes = min(max(proven, SEGMENT_HEADER_BYTES), state.end_bytes)
    return state


def _proof_behind(file: ReadableFile, salt: int, state: Recovered, size: int) -> FrameHeader | None:
    """A true frame behind the place where the scan stopped that says this place was synced when it was written."""
    position = state.end_bytes + 1
    while True:
        header = find_frame_after(file, salt=salt, position=position, offset=state.next_offset, end=size)
        if header is None or header.synced_bytes > state.end_bytes:
            return header
        position = header.position + 1


def _damage(folder: Path, segment: int, position: int, first: int, last: int | None) -> CorruptData:
    lost = f"records {first} to {last}" if last is not None else f"records from {first} on"
    stream, shard = folder.parent.name, folder.name
    return CorruptData(
        f"stream {stream}, {shard}: {segment_name(segment)} is damaged at byte {position}, which was synced before; "
        f"{lost} cannot be read and the shard takes no more records",
        code="stream.corrupt",
        hint="restore the file from a backup, then start again",
        stream=stream,
        shard=shard,
        segment=segment_name(segment),
        position=position,
        first_offset=first,
        last_offset=last,
    )
