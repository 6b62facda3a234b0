"""The processes themselves: each builds what it serves and serves it until told to stop.

Called by `child.py` in a forked process, and by `gureum process NAME`, which only it types. Each builds just its own part: idle memory counts.
"""

from __future__ import annotations

import gc
import json
import logging
import logging.handlers
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.errors import GureumError
from gureum.processes.orders import Orders
from gureum.processes.serving import die_with_parent, serve
from gureum.processes.task import Launcher, run_task

__all__ = ["run_process"]

LOG_BYTES_MAX = 10 << 20
LOG_FILES_KEPT = 3

# A task waits at most so long before somebody looks.
JOBS_LOOK_EVERY_S = 0.3

_log = logging.getLogger(__name__)


def run_process(name: str, orders: Orders | None = None) -> None:
    """Run one of PARTS, or a task, by orders that are read from standard input when they are not given."""
    if name == "task":
        run_task()
        return
    orders = orders or Orders.read()
    die_with_parent(orders.parent_pid)
    _log_to(orders.settings.folder / "logs" / f"{name}.log", name, orders.settings.log_level)
    platform = Platform(orders.settings)
    # What was built so far lives as long as the process: the collector need not walk it again and again.
    main = PARTS[name](platform, orders)
    gc.collect()
    gc.freeze()
    main()


def _kinesis(platform: Platform, orders: Orders) -> Callable[[], None]:
    # Each part imports only its own: the others' libraries would double the idle memory.
    from gureum.gateways.internal.writer import make_writer_app
    from gureum.gateways.kinesis.app import make_app
    from gureum.store.files import allow_open_files

    allow_open_files()
    writer = platform.open_writer()
    kinesis = make_app(
        streams=platform.streams,
        writer=writer,
        readers=platform.readers,
        find_key=platform.identity.find_key,
        clock=platform.clock,
        iterator_key=platform.seal.derive("shard iterators"),
    )
    inner = make_writer_app(streams=platform.streams, writer=writer)

    def main() -> None:
        _serve(orders, [(kinesis, ["kinesis"]), (inner, ["writer"])])
        writer.close()

    return main


def _sql(platform: Platform, orders: Orders) -> Callable[[], None]:
    from gureum.gateways.internal.sql import make_sql_app
    from gureum.gateways.postgres.door import PostgresDoor

    app = make_sql_app(
        sql=platform.sql, tables=platform.tables, catalog=platform.catalog, run_folder=platform.root / "run"
    )
    door = PostgresDoor(
        orders.socket("postgres"), sql=platform.sql, tables=platform.tables, identity=platform.identity, clock=platform.clock,
        timeout_s=orders.settings.sql_timeout_s, tls=orders.tls,
    )  # fmt: skip

    def main() -> None:
        door.start()
        _serve(orders, [(app, ["sql"])], on_stop=door.stop)

    return main


def _queries(platform: Platform, orders: Orders) -> Callable[[], None]:
    from gureum.gateways.internal.queries import make_queries_app
    from gureum.gateways.internal.writer import RemoteWriter, StreamPuts

    queries, outbox = platform.open_queries(StreamPuts(platform.streams, RemoteWriter("run/writer.sock")))
    app = make_queries_app(
        queries=queries, outbox=outbox, catalog=platform.catalog, seal=platform.seal, clock=platform.clock
    )

    def main() -> None:
        queries.start_host()
        _serve(orders, [(app, ["queries"])])
        queries.close()

    return main


def _gateway(platform: Platform, orders: Orders) -> Callable[[], None]:
    import httpx

    from gureum.gateways.http.app import HttpDoor, make_http_app
    from gureum.gateways.http.backend import Backend
    from gureum.gateways.internal.writer import RemoteWriter
    from gureum.studio.files import StudioFiles

    app = make_http_app(
        HttpDoor(
            root=platform.root,
            clock=platform.clock,
            database=platform.database,
            catalog=platform.catalog,
            identity=platform.identity,
            streams=platform.streams,
            readers=platform.readers,
            writer=RemoteWriter("run/writer.sock"),
            sql=Backend("sql", httpx.AsyncHTTPTransport(uds="run/sql.sock")),
            queries=Backend("queries", httpx.AsyncHTTPTransport(uds="run/queries.sock")),
            tracking=Backend("tracking", httpx.AsyncHTTPTransport(uds="run/tracking.sock")),
            tasks=platform.tasks,
            monitors=platform.monitors,
            leaderboard=platform.leaderboard,
            models=platform.models,
            artifacts=platform.artifacts,
            serving=Backend("serving", httpx.AsyncHTTPTransport(uds="run/serving.sock")),
            registry=platform.registry,
            status_file=platform.root / "run" / "status.json",
            public_url=orders.public_url,
        )
    )
    app.mount("/", StudioFiles())
    return lambda: _serve(orders, [(app, ["http"])], on_stop=lambda: app.state.stopping.set())


def _serving(platform: Platform, orders: Orders) -> Callable[[], None]:
    from gureum.gateways.internal.serving import make_serving_app

    app = make_serving_app(
        catalog=platform.catalog,
        folder=platform.root / "serving",
        run_folder=Path("run"),
        clock=platform.clock,
        on_idle=_end,
    )
    return lambda: _serve(orders, [(app, ["serving"])])


def _end() -> None:
    """What an on-demand process does when nobody needs it: SIGTERM, as from the supervisor."""
    os.kill(os.getpid(), signal.SIGTERM)


def _tracking(platform: Platform, orders: Orders) -> Callable[[], None]:
    from gureum.gateways.internal.tracking import make_tracking_app

    app = make_tracking_app(platform.open_mlflow(), clock=platform.clock, on_idle=_end)
    return lambda: _serve(orders, [(app, ["tracking"])])


def _jobs(platform: Platform, orders: Orders) -> Callable[[], None]:
    from gureum.gateways.internal.writer import RemoteWriter, StreamPuts
    from gureum.jobs.executor import Executor

    puts = StreamPuts(platform.streams, RemoteWriter("run/writer.sock"))
    executor = Executor(platform.tasks, launch=Launcher(platform, orders), clock=platform.clock)

    def main() -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
        orders.say_ready()
        while not stop.wait(0 if not executor.is_idle else JOBS_LOOK_EVERY_S):
            executor.step(JOBS_LOOK_EVERY_S)
            try:
                platform.monitors.step(lambda user: platform.identity.actor(user, via="monitor"), SYSTEM)
                platform.monitors.tell(lambda stream, keys, data, number: puts.put(stream, keys, data, producer=number))
            except GureumError as error:
                _log.warning("monitors: %s", error)  # a full disk, a writer that restarts: the next look tries again
        executor.close()

    return main


PARTS: Mapping[str, Callable[[Platform, Orders], Callable[[], None]]] = {
    "kinesis": _kinesis,
    "sql": _sql,
    "queries": _queries,
    "gateway": _gateway,
    "jobs": _jobs,
    "tracking": _tracking,
    "serving": _serving,
}


def _serve(orders: Orders, parts: list[tuple[object, list[str]]], *, on_stop: Callable[[], None] | None = None) -> None:
    applications = [(app, [orders.socket(name) for name in names]) for app, names in parts]
    uvloop.run(serve(applications, on_ready=orders.say_ready, on_stop=on_stop, tls=orders.tls))


class _JsonLines(logging.Formatter):
    """One JSON object a line: a log is data."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        body = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            body["exception"] = self.formatException(record.exc_info)
        return json.dumps(body, ensure_ascii=False)


def _log_to(path: Path, process: str, level: str) -> None:
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES_KEPT, encoding="utf-8"
    )
    handler.setFormatter(_JsonLines(process))
    logging.basicConfig(handlers=[handler], level=level.upper())
    # Libraries that tell of every request would fill the log, and with it addresses that may hold secrets.
    for noisy in ("httpx", "httpcore", "uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _log.info("start at %s", time.strftime("%Y-%m-%d %H:%M:%S"))
