"""A table, as the SDK sees it: look, sample, history, drop, and as an Ibis expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gureum.client.result import Rows
from gureum.client.transport import Transport

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

__all__ = ["Table"]


class Table:
    """A Delta table by name; asking the server happens in the methods."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self.name = name
        self._path = f"/tables/{quote(name, safe='')}"

    def describe(self) -> dict[str, Any]:
        """Columns, version, rows, bytes, files, location, who writes it."""
        body: dict[str, Any] = self._transport.json("GET", self._path)
        return body

    def sample(self, limit: int = 100, *, version: int | None = None) -> list[dict[str, Any]]:
        """Some rows, of any version."""
        result = self._transport.json("GET", f"{self._path}/sample", params={"limit": limit, "version": version})
        names = [column["name"] for column in result["columns"]]
        return [dict(zip(names, row, strict=True)) for row in result["rows"]]

    def history(self) -> list[dict[str, Any]]:
        """Versions, newest first."""
        versions: list[dict[str, Any]] = self._transport.json("GET", f"{self._path}/history")
        return versions

    def read(self, *, version: int | None = None) -> Rows:
        """All rows of the newest or a given version."""
        travel = f" VERSION AS OF {int(version)}" if version is not None else ""
        return Rows(self._transport.arrow("/sql", body={"sql": f"SELECT * FROM {_quoted(self.name)}{travel}"}))

    def to_pandas(self, *, version: int | None = None) -> pd.DataFrame:
        return self.read(version=version).to_pandas()

    def drop(self) -> None:
        """Drop the table and its files, for good."""
        self._transport.json("DELETE", self._path)

    @property
    def expr(self) -> ir.Table:
        """The table as an Ibis table; run it with `g.sql(expression)`."""
        import ibis  # heavy: only for those who use it

        from gureum.client.expression import ibis_type

        described = self.describe()
        schema, _, name = described["name"].partition(".")
        return ibis.table({c["name"]: ibis_type(c["type"]) for c in described["columns"]}, name=name, database=schema)

    def __repr__(self) -> str:
        return f"<table {self.name}>"


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
