"""What a user may set, from four places: defaults, `gureum.toml`, `GUREUM_*` variables, flags; the later wins.

Called by `cli/connect.py` and `app.py`, which pass the environment in: nothing else reads it. Promise: an unknown key is refused
with a near name, and every error names the key and where it came from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import combinations
from pathlib import Path
from typing import Any, get_type_hints

from gureum.errors import InvalidInput
from gureum.names import did_you_mean

__all__ = ["LOOPBACK_HOSTS", "PORTS", "Settings", "load_settings", "reference"]

PREFIX = "GUREUM_"
FILE_NAME = "gureum.toml"
PORTS = ("port", "kinesis_port", "postgres_port")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

# Variables with our prefix that are not settings: they belong to the client (which server, as whom).
_CLIENT_VARIABLES = frozenset({"GUREUM_URL", "GUREUM_TOKEN"})


def _setting(default: Any, about: str) -> Any:
    return field(default=default, metadata={"about": about})


@dataclass(frozen=True, slots=True)
class Settings:
    """Plain values; components are built from them in `app.py`. Units are at the end of the name."""

    folder: Path = _setting(Path("gureum-data"), "the data folder: everything that gureum keeps is below it")
    host: str = _setting("127.0.0.1", "the address to listen on; anything but loopback also needs TLS or allow_plain")
    port: int = _setting(8600, "Studio, REST; 0 takes any free port")
    kinesis_port: int = _setting(8601, "the Kinesis door; 0 takes any free port")
    postgres_port: int = _setting(8602, "the PostgreSQL door; 0 takes any free port, as it does unasked when port is 0")
    tls_certificate: str = _setting("", "path of a PEM certificate chain; with tls_key it turns TLS on at every door")
    tls_key: str = _setting("", "path of the certificate's private key")
    allow_plain: bool = _setting(False, "listen beyond loopback without TLS (behind a proxy that has it)")
    public_url: str = _setting("", "the address that users type, when a proxy stands in front")
    metadata_url: str = _setting("", "postgresql://... for the catalog; empty is SQLite in the data folder")
    objects_url: str = _setting("", "s3://bucket/prefix for tables and objects; empty is the data folder")
    sql_memory_mb: int = _setting(1024, "memory of all SQL statements together")
    sql_timeout_s: float = _setting(300.0, "longest time of one SQL statement")
    sql_statements_max: int = _setting(4, "SQL statements that run at once; others wait their turn")
    log_level: str = _setting("info", "debug, info, warning or error")

    def check(self) -> Settings:
        """Return these settings if they fit together, else raise InvalidInput that names the key and the cure."""
        for name in PORTS:
            value = getattr(self, name)
            if not 0 <= value <= 65535:
                raise InvalidInput(f"setting {name} is {value}; a port is 0 to 65535", code="settings.value")
        for one, other in combinations(PORTS, 2):
            value = getattr(self, one)
            if value and value == getattr(self, other):
                raise InvalidInput(f"{one} and {other} are both {value}", code="settings.value", hint="change one")
        for name in ("sql_memory_mb", "sql_timeout_s", "sql_statements_max"):
            if not getattr(self, name) > 0:  # so that nan is refused too
                raise InvalidInput(f"setting {name} must be above 0", code="settings.value")
        if self.log_level not in {"debug", "info", "warning", "error"}:
            raise InvalidInput(
                f"setting log_level is {self.log_level!r}; it is debug, info, warning or error", code="settings.value"
            )
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise InvalidInput("tls_certificate and tls_key go together", code="settings.value", hint="set both")
        if self.host not in LOOPBACK_HOSTS and not self.tls_certificate and not self.allow_plain:
            raise InvalidInput(
                f"host is {self.host!r}, which others can reach, and there is no TLS",
                code="settings.plain_network",
                hint="set tls_certificate and tls_key, or allow_plain = true behind a proxy that has TLS",
            )
        return self


_TYPES = get_type_hints(Settings)
_NAMES = [f.name for f in fields(Settings)]


def load_settings(*, environment: Mapping[str, str], flags: Mapping[str, Any], working_folder: Path) -> Settings:
    """Settings from `gureum.toml` in the working folder or in the data folder, then variables, then flags.

    A flag that is None was not given. Relative paths are relative to the working folder.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    variables = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in _CLIENT_VARIABLES
    }
    from_variables = _read(variables, source="the environment", shown=lambda key: f"{PREFIX}{key.upper()}")
    from_flags = _read(given, source="the flags", shown=lambda key: "--" + key.replace("_", "-"))

    from_file = _read_file(working_folder / FILE_NAME)
    folder = next(
        Path(v["folder"])
        for v in (from_flags, from_variables, from_file, {"folder": Settings().folder})
        if "folder" in v
    )
    from_data_folder = _read_file(working_folder / folder / FILE_NAME)
    chosen = from_data_folder | from_file | from_variables | from_flags
    if chosen.get("port") == 0:
        chosen.setdefault("postgres_port", 0)
    settings = replace(Settings(), **chosen)
    return replace(settings, folder=(working_folder / settings.folder).resolve()).check()


def reference() -> list[tuple[str, str, str]]:
    """Each setting's name, default and meaning: `docs/reference/settings.md` is made from it."""
    return [(f.name, str(f.default), str(f.metadata["about"])) for f in fields(Settings)]


def _read_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not TOML: {error}", code="settings.file") from error
    return _read(values, source=str(path), shown=str)


def _read(values: Mapping[str, Any], *, source: str, shown: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in values.items():
        if key not in _TYPES:
            raise InvalidInput(
                f"{source} has the unknown setting {shown(key)}",
                code="settings.unknown",
                hint=did_you_mean(key, _NAMES) or f"the settings are {', '.join(_NAMES)}",
            )
        result[key] = _convert(key, value, f"{shown(key)} in {source}")
    return result


def _convert(key: str, value: Any, where: str) -> Any:
    wanted = _TYPES[key]
    try:
        if wanted is bool:
            if isinstance(value, bool):
                return value
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
        # TOML has types of its own: 1.5 is no port, and a list is no host.
        takes = {int: (int, str), float: (int, float, str)}.get(wanted, (str, Path))
        if isinstance(value, bool) or not isinstance(value, takes):
            raise TypeError(value)
        return wanted(value)
    except (ValueError, KeyError, TypeError):
        kind = {int: "a whole number", float: "a number", bool: "true or false"}.get(wanted, "a text")
        raise InvalidInput(f"{where} is {value!r}; it must be {kind}", code="settings.value") from None
