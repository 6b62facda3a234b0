"""DuckDB behind lock and key: it reads the Delta tables it is given and can reach nothing else.

Called by `sql.py`. Promise: no host file, network, setting or extension is in reach of a statement; memory and spill are
bounded; a statement can be interrupted; a table is read at one pinned version.
"""

from __future__ import annotations

import json
import queue
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import duckdb
import duckdb_extension_delta
import duckdb_extension_httpfs
import pyarrow as pa

from gureum.errors import LimitExceeded, Unavailable
from gureum.sql.quoting import literal
from gureum.sql.references import TABLE_FUNCTIONS

__all__ = ["Engine", "EngineError", "EnginePool", "delta_extension"]

# Attached tables keep their list of files in memory.
ATTACHED_MAX = 64

# How long a statement waits for its turn before it is told to come back.
ADMISSION_WAIT_S = 30.0

SPILL_MAX = "20GB"


class EngineError(Exception):
    """What DuckDB said: its kind of error, the message and the offset in the text it was given (None when it has none)."""

    def __init__(self, kind: str, message: str, position: int | None, candidates: str | None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.position = position
        self.candidates = candidates


class Engine:
    """One locked DuckDB, used by one statement at a time."""

    def __init__(
        self,
        *,
        tables_root: str,
        spill_folder: Path,
        memory_mb: int,
        threads: int,
        storage: Mapping[str, str] | None = None,
    ) -> None:
        self._connection = duckdb.connect(
            config={"allow_unsigned_extensions": True, "threads": threads, "memory_limit": f"{memory_mb}MB"}
        )
        self._attached: dict[tuple[str, int], str] = {}
        self._lock_down(tables_root, spill_folder, storage or {})

    def _lock_down(self, tables_root: str, spill_folder: Path, storage: Mapping[str, str]) -> None:
        run = self._connection.execute
        run(f"LOAD {literal(str(delta_extension()))}")
        if tables_root.startswith("s3://"):
            run(f"LOAD {literal(str(_extension(duckdb_extension_httpfs, 'httpfs')))}")
            run(_s3_secret(tables_root, storage))
        # With the slash at its end: another folder whose name begins the same is not inside.
        run(f"SET allowed_directories = [{literal(tables_root.rstrip('/') + '/')}]")
        run(f"SET temp_directory = {literal(str(spill_folder))}")
        run(f"SET max_temp_directory_size = '{SPILL_MAX}'")
        run("SET autoinstall_known_extensions = false")
        run("SET autoload_known_extensions = false")
        run("SET python_enable_replacements = false")  # or FROM x would read a Python variable x of ours
        run("SET errors_as_json = true")
        run("SET TimeZone = 'UTC'")
        run("SET enable_external_access = false")
        run("SET lock_configuration = true")

    def attach(self, table_id: str, location: str, version: int) -> str:
        """Make a table readable at a version, under a name that nobody can guess, and return that name."""
        key = (table_id, version)
        name = self._attached.pop(key, None)
        if name is None:
            name = f"t{secrets.token_hex(12)}"
            self.run(f"ATTACH {literal(location)} AS {name} (TYPE delta, PIN_SNAPSHOT, VERSION {version})")
        self._attached[key] = name
        return name

    def trim(self) -> None:
        """Let go of the tables used longest ago. Not while a statement runs."""
        while len(self._attached) > ATTACHED_MAX:
            oldest = next(iter(self._attached))
            self.run(f"DETACH {self._attached.pop(oldest)}")

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        batch_rows: int = 65_536,
    ) -> pa.RecordBatchReader:
        """Run one statement; the rows come as they are made. Raises EngineError, also while they are read."""
        try:
            given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters or ())
            relation = self._connection.execute(sql, given or None)
            return relation.to_arrow_reader(batch_rows)
        except duckdb.Error as error:
            raise _translate(error) from error

    def read_all(self, reader: pa.RecordBatchReader) -> pa.Table:
        """All rows of a result, with DuckDB's error where Arrow would hide it."""
        try:
            return reader.read_all()
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise _translate(error) from error

    def batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        """The rows of a result batch by batch, errors translated as in `read_all`."""
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise _translate(error) from error
            yield batch

    def run(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement of ours whose few rows fit in memory. Raises EngineError."""
        try:
            return self._connection.execute(sql, dict(parameters) if parameters else None).fetchall()
        except duckdb.Error as error:
            raise _translate(error) from error

    @contextmanager
    def scratch(self) -> Iterator[Callable[[], str]]:
        """Names for temporary tables, which are gone afterwards; they spill to disk when memory is short."""
        names: list[str] = []

        def new() -> str:
            names.append(f"s{secrets.token_hex(12)}")
            return names[-1]

        try:
            yield new
        finally:
            for name in names:
                with suppress(duckdb.Error):  # it was never made, or the engine is broken and will be replaced
                    self._connection.execute(f"DROP TABLE IF EXISTS {name}")

    def interrupt(self) -> None:
        """Stop the running statement, from another thread."""
        self._connection.interrupt()

    def refused_functions(self) -> frozenset[str]:
        """Functions that make rows out of something other than their arguments: files, settings, other tables."""
        rows = self._connection.execute(
            "SELECT DISTINCT lower(function_name), function_type FROM duckdb_functions()"
        ).fetchall()
        scalars = {name for name, kind in rows if kind in {"scalar", "aggregate", "macro"}}
        others = {name for name, kind in rows if kind not in {"scalar", "aggregate", "macro"}}
        return frozenset(others - scalars - TABLE_FUNCTIONS)

    def function_names(self) -> list[str]:
        """The functions that SQL may call, for completion."""
        rows = self._connection.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'aggregate', 'macro') AND function_name SIMILAR TO '[a-z][a-z0-9_]*' ORDER BY 1"
        ).fetchall()
        return [row[0] for row in rows]

    def close(self) -> None:
        self._connection.close()


class EnginePool:
    """A few engines that share the memory; a statement has one for itself until it ends."""

    def __init__(
        self,
        *,
        tables_root: str,
        spill_folder: Path,
        memory_mb: int,
        engines: int,
        threads: int = 2,
        storage: Mapping[str, str] | None = None,
    ) -> None:
        self._options = {
            "tables_root": tables_root, "spill_folder": spill_folder,
            "memory_mb": max(64, memory_mb // engines), "threads": threads, "storage": storage,
        }  # fmt: skip
        self._free: queue.LifoQueue[Engine | None] = queue.LifoQueue()
        self._all: list[Engine] = []
        self._lock = threading.Lock()
        for _ in range(engines):
            self._free.put(None)  # engines start when they are first needed: idle memory counts

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine for one statement. Raises LimitExceeded when none gets free in time."""
        try:
            engine = self._free.get(timeout=ADMISSION_WAIT_S)
        except queue.Empty:
            raise LimitExceeded(
                "other SQL statements keep all engines busy", code="sql.busy", hint="try again, or cancel one of them"
            ) from None
        try:
            if engine is None:
                engine = self._start()
            yield engine
        except EngineError as error:
            if error.kind == "Fatal" and engine is not None:
                # A fatal error invalidates the whole DuckDB instance: the next statement gets a fresh one.
                with self._lock:
                    self._all.remove(engine)
                engine.close()
                engine = None
            raise
        finally:
            self._free.put(engine)

    def close(self) -> None:
        with self._lock:
            for engine in self._all:
                engine.interrupt()
                engine.close()
            self._all.clear()

    def _start(self) -> Engine:
        engine = Engine(**self._options)  # type: ignore[arg-type]
        with self._lock:
            self._all.append(engine)
        return engine


def delta_extension() -> Path:
    """Where the extension that reads Delta tables lies. Raises Unavailable when it is not for this DuckDB."""
    return _extension(duckdb_extension_delta, "delta")


def _extension(package: ModuleType, name: str) -> Path:
    assert package.__file__ is not None
    folder = Path(package.__file__).parent / "extensions"
    found = sorted(folder.glob(f"v{duckdb.__version__}/{name}.duckdb_extension"))
    if not found:
        raise Unavailable(
            f"the {name} extension for DuckDB {duckdb.__version__} is not installed",
            code="sql.extension",
            hint=f"pip install duckdb-extension-{name}=={duckdb.__version__}",
        )
    return found[0]


def _s3_secret(scope: str, storage: Mapping[str, str]) -> str:
    """DuckDB's secret for the tables' bucket; it lives in the engine's memory only."""
    endpoint = urlsplit(storage.get("AWS_ENDPOINT_URL", ""))
    options = {
        "KEY_ID": storage.get("AWS_ACCESS_KEY_ID"),
        "SECRET": storage.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": storage.get("AWS_SESSION_TOKEN"),
        "REGION": storage.get("AWS_REGION"),
        "ENDPOINT": endpoint.netloc or None,
        "URL_STYLE": "path" if endpoint.netloc else None,
        "SCOPE": scope,
    }
    ssl = f"USE_SSL {str(endpoint.scheme != 'http').lower()}"
    given = [f"{name} {literal(value)}" for name, value in options.items() if value]
    return f"CREATE SECRET ({', '.join(['TYPE s3', *given, ssl])})"


def _translate(error: Exception) -> EngineError:
    text = str(error)
    brace = text.find("{")
    try:
        body = json.loads(text[brace:]) if brace >= 0 else {}
    except json.JSONDecodeError:
        body = {}
    position = body.get("position")
    kind = str(body.get("exception_type") or type(error).__name__.removesuffix("Exception"))
    return EngineError(
        kind=kind.title() if kind.isupper() else kind,
        message=str(body.get("exception_message") or text),
        position=int(position) if position is not None else None,
        candidates=body.get("candidates"),
    )
