"""Where a standing query's records come from: a stream's shards, or files of rows.

Called by `query`. A source gives batches of one shard from a position on; the position is plain JSON, and what was read
before it is never read again. `StreamSource` reads the log's frames in place; `RowSource` reads Arrow rows in memory or
parquet files, which end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from gureum.errors import Conflict, NotFound
from gureum.sql.types import TIMESTAMP_LTZ
from gureum.streams.batch import Batch, Run
from gureum.streams.reader import ShardReader
from gureum.streams.sequence import format_sequences
from gureum.streams.spec import ShardSpec, StreamSpec

__all__ = ["MemorySource", "RowSource", "Shard", "ShardBatch", "Source", "StreamSource", "stream_replaced"]

# One read: enough that a batch's fixed costs (about a millisecond) vanish, small enough to stay in the cache.
RECORDS_MAX = 131_072
BYTES_MAX = 16 << 20


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as the query sees it. Its children are read when it is finished, so that a key's order holds."""

    id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShardBatch:
    """Consecutive records of one shard: payloads to decode, or rows whose columns are there already.

    `position` is where to read on; `ended` says that nothing can follow; `behind` is how many records are left to read now.
    """

    shard: str
    count: int
    first_offset: int
    position: Any
    ended: bool
    behind: int
    payloads: pa.Array | None = None
    rows: pa.RecordBatch | None = None
    arrivals: pa.Array | None = None
    keys: pa.Array | None = None
    sequences: Callable[[], pa.Array] | None = None


class Source(Protocol):
    def shards(self) -> Sequence[Shard]:
        """The shards there are now; a stream may be split while a query runs."""

    def first_position(self, shard: str, start: str) -> Any:
        """Where to begin: `earliest` or `latest`."""

    def read(self, shard: str, position: Any, *, records_max: int = RECORDS_MAX) -> ShardBatch:
        """The records from a position on, maybe none; raises NotFound when they are gone, CorruptData, Unavailable."""

    def behind(self, shard: str, position: Any) -> int:
        """How many records there are from the position on; cheap, for polling and for the status."""

    @property
    def bounded(self) -> bool:
        """Whether it ends; then the last windows fire at the end."""

    @property
    def id(self) -> str:
        """What a position belongs to: another source of the same name has another id."""


def stream_replaced(name: str) -> Conflict:
    """A position in the old stream says nothing about the new one: to go on from it would leave records out."""
    return Conflict(
        f"stream {name!r} was deleted and made again since the query last read it",
        code="query.stream_replaced",
        hint="reset the query: it reads the new stream from its beginning, and the rows it wrote stay",
    )


class StreamSource:
    """A stream's shards, read from the log's own files. `spec` gives the stream as it is now, after splits and merges too."""

    bounded = False

    def __init__(self, root: Path, spec: Callable[[], StreamSpec]) -> None:
        self._root = root
        self._spec_now = spec
        self._readers: dict[str, ShardReader] = {}
        self._spec = spec()

    @property
    def id(self) -> str:
        return self._spec.id

    def shards(self) -> Sequence[Shard]:
        spec = self._spec_now()
        if spec.id != self._spec.id:
            raise stream_replaced(spec.name)
        self._spec = spec
        by_number = {shard.number: shard.id for shard in self._spec.shards}
        return [
            Shard(shard.id, tuple(by_number[number] for number in shard.parents if number in by_number))
            for shard in self._spec.shards
        ]

    def first_position(self, shard: str, start: str) -> int:
        reader = self._reader(shard)
        return reader.end() if start == "latest" else reader.first()

    def read(self, shard: str, position: Any, *, records_max: int = RECORDS_MAX) -> ShardBatch:
        offset = int(position)
        batch = self._reader(shard).read(offset, records_max=records_max, bytes_max=BYTES_MAX)
        found = self._shard(shard)
        ended = not found.is_open and found.end_offset is not None and batch.next_offset >= found.end_offset
        behind = batch.end_offset - batch.next_offset
        if not batch.count:
            return ShardBatch(shard, 0, offset, offset, ended, behind)
        return ShardBatch(
            shard=shard,
            count=batch.count,
            first_offset=batch.first_offset,
            position=batch.next_offset,
            ended=ended,
            behind=behind,
            payloads=_binary(batch, lambda run: (run.data_offsets, run.data)),
            arrivals=_arrivals(batch),
            keys=_binary(batch, lambda run: (run.key_offsets, run.keys)),
            sequences=lambda: pa.array(
                format_sequences(batch.first_offset, batch.count, created_ms=found.created_ms, shard=found.number),
                pa.string(),
            ),
        )

    def behind(self, shard: str, position: Any) -> int:
        return max(0, self._reader(shard).end() - int(position))

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _reader(self, shard: str) -> ShardReader:
        reader = self._readers.get(shard)
        if reader is None:
            reader = self._readers[shard] = ShardReader(self._root, self._spec.id, shard)
        return reader

    def _shard(self, shard: str) -> ShardSpec:
        found = self._spec.shard(shard)
        if found is None:
            raise NotFound(f"stream {self._spec.name!r} has no shard {shard!r}", code="stream.shard_not_found")
        return found


def _binary(batch: Batch, views: Callable[[Run], tuple[memoryview, memoryview]]) -> pa.Array:
    """The runs' payloads or keys as one Arrow array; one run is taken as it lies in the file's bytes."""
    arrays = []
    for run in batch.runs:
        offsets, data = views(run)
        arrays.append(pa.Array.from_buffers(pa.binary(), run.count, [None, pa.py_buffer(offsets), pa.py_buffer(data)]))
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def _arrivals(batch: Batch) -> pa.Array:
    arrays = [pa.repeat(pa.scalar(run.arrival_ms * 1000, pa.int64()), run.count) for run in batch.runs]
    return (arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)).cast(TIMESTAMP_LTZ)


class MemorySource:
    """Records in memory, put while a query runs: for trying a query's text on examples, and for tests."""

    def __init__(self, *shards: str, bounded: bool = False) -> None:
        self.bounded = bounded
        self.id = "memory"
        self._records: dict[str, list[tuple[bytes, int]]] = {name: [] for name in shards or ("shard-0",)}
        self._closed: set[str] = set()

    def put(self, payload: bytes, *, shard: str | None = None, arrival_ms: int = 0) -> None:
        self._records[shard if shard is not None else next(iter(self._records))].append((payload, arrival_ms))

    def close_input(self) -> None:
        """Nothing will follow; a bounded source then ends."""
        self._closed.update(self._records)

    def shards(self) -> Sequence[Shard]:
        return [Shard(name) for name in self._records]

    def first_position(self, shard: str, start: str) -> Any:
        return len(self._records[shard]) if start == "latest" else 0

    def read(self, shard: str, position: Any, *, records_max: int = RECORDS_MAX) -> ShardBatch:
        records = self._records[shard]
        found = records[position : position + records_max]
        following = position + len(found)
        left = len(records) - following
        ended = shard in self._closed and not left
        if not found:
            return ShardBatch(shard, 0, position, position, ended, left)
        return ShardBatch(
            shard=shard,
            count=len(found),
            first_offset=position,
            position=following,
            ended=ended,
            behind=left,
            payloads=pa.array([payload for payload, _ in found], pa.binary()),
            arrivals=pa.array([arrival * 1000 for _, arrival in found], pa.int64()).cast(TIMESTAMP_LTZ),
            keys=pa.array([b"key"] * len(found), pa.binary()),
            sequences=lambda: pa.array([str(position + index) for index in range(len(found))]),
        )

    def behind(self, shard: str, position: Any) -> int:
        return max(0, len(self._records[shard]) - int(position))


class RowSource:
    """Rows that are there already: parquet files, or Arrow batches in memory (one list a shard). It ends.

    A position is [file or batch, row]. Texts of parquet files come dictionary-encoded, which is several times cheaper.
    """

    bounded = True
    id = "rows"

    def __init__(
        self,
        *,
        files: Sequence[Path] = (),
        batches: dict[str, Sequence[pa.RecordBatch]] | None = None,
        rows_max: int = RECORDS_MAX,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._files = {f"file-{index}": path for index, path in enumerate(files)}
        self._batches = {key: list(value) for key, value in (batches or {}).items()}
        self._rows_max = rows_max
        self._columns = list(columns) if columns is not None else None
        self._open: dict[str, pq.ParquetFile] = {}
        self._group: dict[str, tuple[int, list[pa.RecordBatch]]] = {}

    def shards(self) -> Sequence[Shard]:
        return [Shard(name) for name in (*self._files, *self._batches)]

    def first_position(self, shard: str, start: str) -> Any:  # noqa: ARG002 - rows have no latest
        return [0, 0]

    def read(self, shard: str, position: Any, *, records_max: int = RECORDS_MAX) -> ShardBatch:
        part, row = position
        records_max = min(records_max, self._rows_max)
        count = self._parts(shard)
        while part < count:
            rows = self._part(shard, part)
            if row < rows[-1][0] + rows[-1][1].num_rows:
                start, batch = next((at, b) for at, b in rows if at + b.num_rows > row)
                found = batch.slice(row - start, records_max)
                row += found.num_rows
                done = row >= rows[-1][0] + rows[-1][1].num_rows
                following = [part + 1, 0] if done else [part, row]
                last = following[0] >= count
                return ShardBatch(
                    shard, found.num_rows, row - found.num_rows, following, last, 0 if last else 1, rows=found
                )
            part, row = part + 1, 0
        return ShardBatch(shard, 0, 0, [part, 0], ended=True, behind=0)

    def behind(self, shard: str, position: Any) -> int:
        return 0 if position[0] >= self._parts(shard) else 1

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _parts(self, shard: str) -> int:
        if shard in self._batches:
            return len(self._batches[shard])
        return int(self._file(shard).num_row_groups)

    def _part(self, shard: str, part: int) -> list[tuple[int, pa.RecordBatch]]:
        """The batches of one row group with the row each begins at; the newest group is kept."""
        if shard in self._batches:
            return [(0, self._batches[shard][part])]
        cached = self._group.get(shard)
        if cached is None or cached[0] != part:
            table = self._file(shard).read_row_group(part, columns=self._columns, use_threads=False)
            cached = self._group[shard] = (part, table.combine_chunks().to_batches() or [_no_rows(table.schema)])
        found, at = [], 0
        for batch in cached[1]:
            found.append((at, batch))
            at += batch.num_rows
        return found

    def _file(self, shard: str) -> pq.ParquetFile:
        file = self._open.get(shard)
        if file is None:
            path = self._files[shard]
            schema = pq.read_schema(path)
            texts = [item.name for item in schema if pa.types.is_string(item.type)]
            file = self._open[shard] = pq.ParquetFile(path, read_dictionary=texts)
        return file


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)
