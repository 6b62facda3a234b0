"""What a session may SET and SHOW.

Called by `session.py`. Pure. A setting that nothing here depends on is kept and shown; one that would change answers and is not
available is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from gureum.gateways.postgres.errors import SqlState

__all__ = ["Settings"]

KEPT_MAX = 200
VALUE_CHARS_MAX = 1_000

# What the protocol tells a client at the start and whenever it changes.
_REPORTED = {
    "server_version", "server_encoding", "client_encoding", "application_name", "is_superuser", "session_authorization",
    "DateStyle", "IntervalStyle", "TimeZone", "integer_datetimes", "standard_conforming_strings", "in_hot_standby",
    "default_transaction_read_only",
}  # fmt: skip
_FIXED = {
    "server_version", "server_version_num", "server_encoding", "is_superuser", "session_authorization", "integer_datetimes",
    "in_hot_standby", "block_size", "max_identifier_length", "lc_collate", "lc_ctype",
}  # fmt: skip

# What only one value of is available: any other would need answers of another shape.
_ONLY = {
    "client_encoding": {"UTF8", "UNICODE", "UTF-8", "SQL_ASCII"},
    "standard_conforming_strings": {"ON", "TRUE", "1", "YES"},
    "bytea_output": {"HEX"},
    "intervalstyle": {"POSTGRES"},
}
_UNITS_S = {"us": 1e-6, "ms": 1e-3, "": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


class Settings:
    def __init__(self, options: Mapping[str, str], *, version: str, user: str, admin: bool, timeout_s: float) -> None:
        self._default_timeout_s = timeout_s
        self._defaults = {
            "server_version": f"{version} (gureum)", "server_version_num": "150000", "server_encoding": "UTF8",
            "client_encoding": "UTF8", "application_name": "", "is_superuser": "on" if admin else "off",
            "session_authorization": user, "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "TimeZone": "UTC",
            "integer_datetimes": "on", "standard_conforming_strings": "on", "in_hot_standby": "off",
            "default_transaction_read_only": "off", "transaction_isolation": "read committed",
            "default_transaction_isolation": "read committed", "transaction_read_only": "off", "search_path": "main",
            "statement_timeout": "0", "extra_float_digits": "1", "bytea_output": "hex", "max_identifier_length": "63",
            "lc_collate": "C.UTF-8", "lc_ctype": "C.UTF-8", "block_size": "8192", "max_index_keys": "32", "row_security": "on",
            "client_min_messages": "notice", "default_with_oids": "off", "array_nulls": "on", "ssl": "off",
        }  # fmt: skip
        self._names = {name.lower(): name for name in self._defaults}
        self._values = dict(self._defaults)
        self._timeout_s: float | None = None
        for name, value in {**options, **_from_options(options.get("options", ""))}.items():
            if name not in {"user", "database", "options", "replication"} and not name.startswith("_pq_."):
                self.set(name, value)
        self._first = dict(self._values)

    @property
    def zone(self) -> str:
        return self._values["TimeZone"]

    @property
    def timeout_s(self) -> float | None:
        return self._timeout_s

    def all(self) -> dict[str, str]:
        return dict(self._values)

    def reported(self) -> Iterator[tuple[str, str]]:
        return ((name, self._values[name]) for name in self._defaults if name in _REPORTED)

    def spelled(self, name: str) -> str:
        return self._names.get(name.lower(), name.lower())

    def get(self, name: str) -> str:
        """Raises SqlState for a name that nobody has set."""
        name = self.spelled(name)
        if name not in self._values:
            raise SqlState("42704", f'unrecognized configuration parameter "{name}"')
        return self._values[name]

    def set(self, name: str, value: str | None) -> tuple[str, str] | None:
        """Set, or with None back to the default; what the client is to be told. Raises SqlState for what is not available."""
        name = self.spelled(name)
        if name in _FIXED:
            if value is None:
                return None
            raise SqlState("55P02", f'parameter "{name}" cannot be changed')
        if value is None:
            value = getattr(self, "_first", self._defaults).get(name, "")
        value = value.strip().strip("'")[:VALUE_CHARS_MAX]
        allowed = _ONLY.get(name.lower())
        if allowed is not None and value.upper().replace("_", "-" if "UTF" in value.upper() else "_") not in allowed:
            raise SqlState(
                "22023", f'invalid value for parameter "{name}": "{value}"', hint=f"here it is {self._defaults[name]}"
            )
        if name == "client_encoding":
            value = "UTF8"
        elif name == "TimeZone":
            value = _zone(value)
        elif name == "DateStyle":
            value = _date_style(value)
        elif name == "statement_timeout":
            self._timeout_s = _seconds(value) or None
        if name not in self._values and len(self._values) >= KEPT_MAX:
            raise SqlState("53400", f"a session keeps at most {KEPT_MAX} settings")
        changed = self._values.get(name) != value
        self._values[name] = value
        return (name, value) if changed and name in _REPORTED else None

    def reset(self) -> None:
        self._values = dict(self._first)
        self._timeout_s = None


def _from_options(words: str) -> dict[str, str]:
    """`-c name=value` and `--name=value` of libpq's PGOPTIONS."""
    found = {}
    parts = iter(words.replace("\\ ", "\0").split())
    for part in parts:
        pair = next(parts, "") if part == "-c" else part.removeprefix("-c").removeprefix("--")
        name, _, value = pair.partition("=")
        if name:
            found[name.replace("-", "_")] = value.replace("\0", " ")
    return found


def _zone(value: str) -> str:
    if value.upper() in {"UTC", "GMT", "Z", "ETC/UTC", "LOCAL", "DEFAULT", ""}:
        return "UTC"
    try:
        return ZoneInfo(value).key
    except (ValueError, OSError, KeyError):
        raise SqlState(
            "22023", f'invalid value for parameter "TimeZone": "{value}"', hint="a name such as Asia/Seoul"
        ) from None


def _date_style(value: str) -> str:
    parts = [one.strip().upper() for one in value.split(",")]
    if not set(parts) <= {"ISO", "MDY", "DMY", "YMD", "US", "EUROPEAN"}:
        raise SqlState("22023", f'invalid value for parameter "DateStyle": "{value}"', hint="here dates are ISO")
    return "ISO, MDY"


def _seconds(value: str) -> float:
    digits = value.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = value[len(digits) :].strip()
    try:
        return max(0.0, float(digits) * _UNITS_S[unit])
    except (ValueError, KeyError):
        raise SqlState(
            "22023", f'invalid value for parameter "statement_timeout": "{value}"', hint="such as 5s or 5000"
        ) from None
