"""kill -9 in the middle of commits: a table is at the version before or after, and a txn is there once."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from gureum.tables.table import Table
from gureum.testing.platform import clean_environment, wait_until

pytestmark = pytest.mark.crash

KILLS = 8
FILES = 3

# Commits numbered epochs, each once by its txn, and says so when one is acknowledged; begins where it was left.
WRITER = f"""
import sys
import pyarrow as pa
from gureum.tables.table import Table
table = Table.open(sys.argv[1])
epoch = (table.transaction_version("writer") or 0) + 1
while True:
    staged = [f for part in range({FILES}) for f in table.stage(pa.table({{"epoch": [epoch], "part": [part]}}))]
    # The one before comes again first, as after a crash between commit and checkpoint.
    if epoch > 1:
        assert table.commit(table.stage(pa.table({{"epoch": [epoch - 1], "part": [9]}})), txn=("writer", epoch - 1)) is None
    assert table.commit(staged, txn=("writer", epoch)) is not None
    print(epoch, flush=True)
    epoch += 1
"""


def test_a_killed_writer_leaves_whole_epochs_each_once(tmp_path: Path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    location = str(tmp_path / "t")
    Table.create(location, pa.schema([("epoch", pa.int64()), ("part", pa.int64())]))
    acknowledged = 0
    for kill in range(KILLS):
        said = tmp_path / f"said{kill}"
        with said.open("wb") as file:
            writer = subprocess.Popen([sys.executable, "-c", WRITER, location], stdout=file, env=clean_environment())
        try:
            wait_until(lambda said=said: said.stat().st_size > chance.randrange(40), what="epochs", timeout_s=60)
            assert writer.poll() is None
        finally:
            writer.kill()
            writer.wait()
        acknowledged = max([acknowledged, *(int(line) for line in said.read_text().split("\n")[:-1])])
        table = Table.open(location)
        rows = DeltaTable(location).to_pyarrow_table().to_pylist()
        epochs = table.transaction_version("writer")
        assert epochs is not None
        assert epochs >= acknowledged, f"an acknowledged epoch is gone; seed {seed}"
        assert sorted((row["epoch"], row["part"]) for row in rows) == [
            (epoch, part) for epoch in range(1, epochs + 1) for part in range(FILES)
        ], f"half an epoch, or one twice; seed {seed}"
