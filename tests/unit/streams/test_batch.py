"""A batch is columns for Arrow and records for everybody else."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from gureum.store.files import LocalFiles
from gureum.streams.log import Put, ShardLog
from gureum.streams.reader import ShardReader
from gureum.testing.clock import ManualClock

SHARD = "shardId-000000000000"


def test_runs_are_arrow_columns_without_a_copy(tmp_path: Path) -> None:
    log = ShardLog(tmp_path / "s" / SHARD, files=LocalFiles(), clock=ManualClock())
    data = [b"x" * number for number in range(50)]
    keys = [b"key-%d" % number for number in range(50)]
    log.append([Put(keys, data, 0)])
    log.append([Put(keys, data, 0)])
    for start in (0, 7, 49, 50, 63):
        batch = ShardReader(tmp_path, "s", SHARD).read(start)
        found_data, found_keys = [], []
        for run in batch.runs:
            array = pa.Array.from_buffers(
                pa.binary(), run.count, [None, pa.py_buffer(run.data_offsets), pa.py_buffer(run.data)]
            )
            array.validate(full=True)
            assert array.buffers()[2].address == pa.py_buffer(run.data).address
            found_data += array.to_pylist()
            found_keys += pa.Array.from_buffers(
                pa.binary(), run.count, [None, pa.py_buffer(run.key_offsets), pa.py_buffer(run.keys)]
            ).to_pylist()
        assert found_data == (data * 2)[start:]
        assert found_keys == (keys * 2)[start:]


def test_a_batch_counts_what_it_holds(tmp_path: Path) -> None:
    log = ShardLog(tmp_path / "s" / SHARD, files=LocalFiles(), clock=ManualClock())
    log.append([Put([b"a", b"b"], [b"12", b"345"], 7)])
    batch = ShardReader(tmp_path, "s", SHARD).read(0, records_max=1)
    assert (batch.count, batch.next_offset, batch.end_offset, batch.data_bytes) == (1, 1, 2, 2)
