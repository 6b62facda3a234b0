"""The checkpoints of one standing query: what it must remember to go on as if nothing had happened.

Called by `query`. Knows files and bytes, not SQL. One file an epoch: JSON values and Arrow tables behind one checksum.
Promise: a checkpoint that `write` returned from is on the disk whole; a crash leaves the one before. A damaged file is
CorruptData that names it; an older one is never taken in its place without being asked for, since that would commit twice.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from gureum.errors import CorruptData, Unavailable

__all__ = ["Checkpoint", "Checkpoints"]

_MAGIC = b"GRMCKPT1"
_HEAD = struct.Struct("<8sIQ")  # magic, crc of what follows the head, bytes of the JSON
_NAME = re.compile(r"checkpoint-(\d{16})\.bin")

# The newest, and the one before it for a person who has to repair something.
KEPT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    epoch: int
    values: dict[str, Any]
    tables: dict[str, pa.Table]


class Checkpoints:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, epoch: int) -> Path:
        return self._folder / f"checkpoint-{epoch:016d}.bin"

    def epochs(self) -> list[int]:
        """The epochs there are, oldest first."""
        if not self._folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(int(match.group(1)) for match in found if match)

    def write(self, checkpoint: Checkpoint) -> int:
        """Write one durably, prune the old ones, return its length in bytes. Raises Unavailable if the disk refuses."""
        body = _encode(checkpoint)
        path = self.path(checkpoint.epoch)
        temporary = path.with_suffix(".tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
            try:
                with open(descriptor, "wb", closefd=False) as file:
                    file.write(body)
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            temporary.replace(path)
            # The rename is a change of the folder: without this a crash may take it back.
            _sync_folder(self._folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise Unavailable(
                f"cannot write {path.name}: {error.strerror}", code="query.checkpoint", hint="free some space"
            ) from error
        for epoch in self.epochs()[:-KEPT]:
            self.path(epoch).unlink(missing_ok=True)
        return len(body)

    def read_newest(self) -> Checkpoint | None:
        """The newest checkpoint, None if there is none. Raises CorruptData if it is damaged."""
        epochs = self.epochs()
        return self.read(epochs[-1]) if epochs else None

    def read(self, epoch: int) -> Checkpoint:
        path = self.path(epoch)
        try:
            return _decode(epoch, path.read_bytes())
        except (ValueError, KeyError, IndexError, struct.error, pa.ArrowException, orjson.JSONDecodeError) as error:
            older = [other for other in self.epochs() if other < epoch]
            raise CorruptData(
                f"the checkpoint {path} is damaged: {error}",
                code="query.checkpoint_corrupt",
                hint=f"restore it from a backup{', or reset the query' if not older else ''}; "
                + (f"checkpoint {older[-1]} is older: going on from it may write rows twice" if older else ""),
                path=str(path),
            ) from error
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {error.strerror}", code="query.checkpoint") from error

    def remove(self) -> None:
        """Forget everything, durably: how a query is reset."""
        for epoch in self.epochs():
            self.path(epoch).unlink(missing_ok=True)
        if self._folder.is_dir():
            _sync_folder(self._folder)


def _encode(checkpoint: Checkpoint) -> bytes:
    blobs: list[bytes] = []
    listed: list[tuple[str, int]] = []
    for name, table in checkpoint.tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        blob = sink.getvalue().to_pybytes()
        blobs.append(blob)
        listed.append((name, len(blob)))
    values = orjson.dumps({"values": checkpoint.values, "tables": listed}, option=orjson.OPT_NON_STR_KEYS)
    rest = b"".join((values, *blobs))
    return _HEAD.pack(_MAGIC, zlib.crc32(rest), len(values)) + rest


def _decode(epoch: int, body: bytes) -> Checkpoint:
    magic, crc, length = _HEAD.unpack_from(body)
    rest = memoryview(body)[_HEAD.size :]
    if magic != _MAGIC:
        raise ValueError("it does not begin as a checkpoint")
    if zlib.crc32(rest) != crc:
        raise ValueError("the checksum does not hold")
    head: Mapping[str, Any] = orjson.loads(rest[:length])
    tables: dict[str, pa.Table] = {}
    position = length
    for name, size in head["tables"]:
        with pa.ipc.open_stream(pa.py_buffer(rest[position : position + size])) as reader:
            tables[name] = reader.read_all()
        position += size
    return Checkpoint(epoch, dict(head["values"]), tables)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
