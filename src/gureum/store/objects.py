"""Objects by name, on the local disk or in S3: put, get, list, delete.

Called by `tables` for data files in object storage. Promise: an object that was put is there whole or not at all; on the
local disk it is synced before `put` returns.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from gureum.errors import InvalidInput, NotFound, Unavailable

__all__ = ["LocalObjects", "Objects", "S3Objects", "open_objects"]


_CLIENT = frozenset({"allow_http", "allow_invalid_certificates", "connect_timeout", "timeout", "proxy_url"})


class Objects(Protocol):
    """Bytes by name; names use '/' and never start with it."""

    def put(self, name: str, data: bytes) -> None:
        """Store or replace. Raises Unavailable when there is no space or no network."""

    def get(self, name: str) -> bytes:
        """Raises NotFound."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Names that start with `prefix`, sorted."""

    def delete(self, name: str) -> None:
        """Deleting what is not there is no error."""


class LocalObjects:
    """Objects as files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            self._make_folder(path.parent)
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            # The rename is an entry of the folder: without this a power cut may lose it (ext4).
            _sync_folder(path.parent)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise Unavailable(f"cannot write object {name!r}: {error.strerror}", code="object.write") from error

    def get(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise NotFound(f"object {name!r} does not exist", code="object.not_found") from None

    def list(self, prefix: str = "") -> Iterator[str]:
        names = (path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*") if path.is_file())
        return iter(sorted(name for name in names if name.startswith(prefix) and not _is_partial(name)))

    def delete(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for one in missing:  # each new folder is an entry of its parent
            _sync_folder(one.parent)

    def _path(self, name: str) -> Path:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder) or path == self._folder:
            raise InvalidInput(f"{name!r} is not an object name", code="object.name")
        return path


class S3Objects:
    """Objects in a bucket of S3 or of what speaks its protocol. Credentials come from the usual AWS variables."""

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        # Names as AWS' own variables and delta-rs have them; what is about the connection goes in apart (obstore panics at it).
        named = {key.lower(): value for key, value in options.items()}
        client = {
            key.removeprefix("aws_"): named.pop(key) for key in list(named) if key.removeprefix("aws_") in _CLIENT
        }
        try:
            self._store = S3Store.from_url(url, config=named, client_options=client or None)  # type: ignore[arg-type]
        except BaseError as error:
            raise InvalidInput(
                f"objects cannot be kept at {url!r}: {_first_line(error)}", code="settings.value"
            ) from error

    def put(self, name: str, data: bytes) -> None:
        try:
            obstore.put(self._store, name, data)
        except (BaseError, FileNotFoundError) as error:  # not found: the bucket
            raise Unavailable(f"cannot write object {name!r}: {_first_line(error)}", code="object.write") from error

    def put_new(self, name: str, data: bytes) -> bool:
        """Store what must not be there yet; False when it is. Of two that race, one is told True."""
        try:
            obstore.put(self._store, name, data, mode="create")
        except AlreadyExistsError:
            return False
        except (BaseError, FileNotFoundError) as error:
            raise Unavailable(f"cannot write object {name!r}: {_first_line(error)}", code="object.write") from error
        return True

    def get(self, name: str) -> bytes:
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except FileNotFoundError:
            raise NotFound(f"object {name!r} does not exist", code="object.not_found") from None
        except BaseError as error:
            raise Unavailable(f"cannot read object {name!r}: {_first_line(error)}", code="object.read") from error

    def list(self, prefix: str = "") -> Iterator[str]:
        # S3 lists below a "folder"; a prefix may end inside a name.
        folder = prefix.rpartition("/")[0]
        try:
            found = [
                item["path"]
                for page in obstore.list(self._store, prefix=folder or None)
                for item in page
                if item["path"].startswith(prefix)
            ]
        except (BaseError, FileNotFoundError) as error:
            raise Unavailable(f"cannot list objects: {_first_line(error)}", code="object.read") from error
        return iter(sorted(found))

    def delete(self, name: str) -> None:
        try:
            obstore.delete(self._store, name)
        except FileNotFoundError:
            return
        except BaseError as error:
            raise Unavailable(f"cannot delete object {name!r}: {_first_line(error)}", code="object.delete") from error


def open_objects(location: str, *, options: Mapping[str, str] | None = None) -> Objects:
    """The objects below a folder's path or an `s3://bucket/prefix` URL."""
    if location.startswith("s3://"):
        return S3Objects(location, options or {})
    if "://" in location:
        raise InvalidInput(
            f"objects cannot live at {location!r}", code="settings.value", hint="use a folder or s3://bucket/prefix"
        )
    return LocalObjects(Path(location))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first_line(error: Exception) -> str:
    """obstore's errors may carry a backtrace of many lines."""
    return str(error).strip().partition("\n")[0]


def _is_partial(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")
