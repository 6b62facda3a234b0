"""kill -9 in the middle of commits: a table is at the version before or after, and a txn is there once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
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


# Moves a sum from one row to another, by UPDATE and MERGE in turns: before and after each, all rows are there and the sum is 0.
CHANGER = """
import sys
import time
from pathlib import Path
from gureum.catalog.catalog import SYSTEM, Catalog
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.clock import SystemClock
from gureum.sql.engine import EnginePool
from gureum.sql.sql import Sql
from gureum.store.database import open_database
from gureum.tables.tables import Tables
folder = Path(sys.argv[1])
database = open_database("", folder=folder, migrations=MIGRATIONS, metadata=metadata)
tables = Tables(Catalog(database, clock=SystemClock()), root=str(folder / "tables"))
pool = EnginePool(tables_root=str(folder / "tables"), spill_folder=folder / "spill", memory_mb=256, engines=1)
run = lambda text: Sql(tables, pool, timeout_s=60).execute(text, SYSTEM)
run("CREATE TABLE IF NOT EXISTS t AS SELECT range AS id, 0 AS n FROM range(10)")
turn = 0
while True:
    turn += 1
    if turn % 2:
        run("UPDATE t SET n = n + CASE id WHEN 1 THEN 1 ELSE -1 END WHERE id IN (1, 2)")
    else:
        run("MERGE INTO t USING (VALUES (3, 1), (4, -1)) s(id, d) ON s.id = t.id WHEN MATCHED THEN UPDATE SET n = t.n + s.d")
    print(turn, flush=True)
"""


def test_a_killed_update_or_merge_is_there_whole_or_not_at_all(tmp_path: Path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    acknowledged = 0
    for kill in range(KILLS // 3):
        said = tmp_path / f"said{kill}"
        with said.open("wb") as file:
            changer = subprocess.Popen(
                [sys.executable, "-c", CHANGER, str(tmp_path)], stdout=file, env=clean_environment()
            )
        try:
            wait_until(lambda said=said: said.stat().st_size > chance.randrange(12), what="changes", timeout_s=60)
            time.sleep(chance.random() / 10)  # anywhere within the next one
            assert changer.poll() is None
        finally:
            changer.kill()
            changer.wait()
        acknowledged += said.read_text().count("\n")
        (location,) = (tmp_path / "tables" / "main").iterdir()
        rows = sorted((row["id"], row["n"]) for row in DeltaTable(location).to_pyarrow_table().to_pylist())
        assert [row[0] for row in rows] == list(range(10)), f"seed {seed}"
        assert sum(row[1] for row in rows) == 0, f"half a statement; seed {seed}"
        done = rows[1][1] + rows[3][1]
        assert acknowledged <= done <= acknowledged + kill + 1, f"an acknowledged statement is gone; seed {seed}"
