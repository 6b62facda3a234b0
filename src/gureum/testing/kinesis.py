"""A Kinesis door in a process of its own, on one folder: for conformance and crash tests and for the benchmarks.

    python -m gureum.testing.kinesis FOLDER

prints one JSON line when it is ready: {"url": ..., "pid": ..., "keys": {"admin": [id, secret], ...}}. `start` does this and
reads the line. The keys are fixed: this is no platform, only one of its doors.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from gureum.catalog.catalog import Catalog
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.clock import SystemClock
from gureum.gateways.kinesis.app import make_app
from gureum.store.database import open_database
from gureum.store.files import allow_open_files
from gureum.streams.log import SEGMENT_BYTES
from gureum.streams.readers import Readers
from gureum.streams.streams import Streams
from gureum.streams.writer import LogWriter
from gureum.types import Actor, Role

__all__ = ["KEYS", "KinesisProcess", "start"]

KEYS = {
    "admin": ("AKIAGUREUMADMIN00001", "admin-secret", Role.ADMIN),
    "editor": ("AKIAGUREUMEDITOR0001", "editor-secret", Role.EDITOR),
    "viewer": ("AKIAGUREUMVIEWER0001", "viewer-secret", Role.VIEWER),
}

READY_S_MAX = 30.0


class SkewedClock(SystemClock):
    """The host's clock, some seconds off: a real client then signs in its past or future."""

    def __init__(self, skew_s: float) -> None:
        self._skew_ms = round(skew_s * 1000)

    def now_ms(self) -> int:
        return super().now_ms() + self._skew_ms


@dataclass(slots=True)
class KinesisProcess:
    """A running door."""

    url: str
    process: subprocess.Popen[bytes]

    def client(self, user: str = "admin", **config: Any) -> Any:
        """A boto3 client as any program has it, by `endpoint_url` alone; `config` goes to botocore's Config."""
        import boto3  # heavy, and only for those who drive the door
        from botocore.config import Config

        key, secret, _ = KEYS[user]
        return boto3.client(
            "kinesis",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(**{"retries": {"total_max_attempts": 1}, **config}),
        )

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as the supervisor does; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)


def start(folder: Path, *arguments: str) -> KinesisProcess:
    """Start a door on a folder and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gureum.testing.kinesis", str(folder), *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        assert process.stdout is not None
        poll = select.poll()  # select() itself cannot watch descriptors above 1023
        poll.register(process.stdout, select.POLLIN)
        line = process.stdout.readline() if poll.poll(READY_S_MAX * 1000) else b""
        process.stdout.close()
        url = orjson.loads(line)["url"]
    except BaseException as error:
        process.kill()  # whatever went wrong, no process is left behind
        process.wait()
        raise RuntimeError("the Kinesis door did not start; see its output") from error
    return KinesisProcess(url, process)


def _main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--segment-bytes", type=int, default=SEGMENT_BYTES)
    parser.add_argument("--clock-skew-s", type=float, default=0.0)
    options = parser.parse_args(arguments)
    allow_open_files()
    options.folder.mkdir(parents=True, exist_ok=True)
    clock = SkewedClock(options.clock_skew_s)
    database = open_database("", folder=options.folder, migrations=MIGRATIONS, metadata=metadata)
    catalog = Catalog(database, clock=clock)
    root = options.folder / "streams"
    writer = LogWriter(root, clock=clock, segment_bytes=options.segment_bytes)
    known = {key: (secret, Actor(name, role, via="key")) for name, (key, secret, role) in KEYS.items()}
    app = make_app(
        streams=Streams(catalog, clock=clock),
        writer=writer,
        readers=Readers(root),
        find_key=known.get,
        clock=clock,
        iterator_key=hashlib.sha256(b"the same after a restart").digest(),
    )
    listener = socket.create_server(("127.0.0.1", options.port))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="on",
            http="httptools",
            loop="uvloop",
            timeout_keep_alive=60,
        )
    )
    ready = {
        "url": f"http://127.0.0.1:{listener.getsockname()[1]}",
        "pid": os.getpid(),
        "keys": {name: [key, secret] for name, (key, secret, _) in KEYS.items()},
    }
    # The socket listens already: a client that connects before the server accepts only waits.
    sys.stdout.buffer.write(orjson.dumps(ready) + b"\n")
    sys.stdout.buffer.flush()
    # uvicorn takes SIGTERM while it serves and raises it again at its end: before, it must stop the start; after, it must not
    # end us before the logs are closed.
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    server.run(sockets=[listener])
    writer.close()
    catalog.close()
    database.close()


if __name__ == "__main__":
    _main(sys.argv[1:])
