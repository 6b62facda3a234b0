"""Rows that a statement gave: as Arrow, pandas, polars or plain Python, whichever is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gureum.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Rows"]


class Rows:
    """The result of `g.sql(...)`: an Arrow IPC stream, read when it is first looked at."""

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._table: pa.Table | None = None

    def to_arrow(self) -> pa.Table:
        """The rows as a `pyarrow.Table`. Raises Unavailable when the answer was cut off."""
        if self._table is None:
            import pyarrow as pa  # heavy: only for those who look at rows

            try:
                self._table = pa.ipc.open_stream(self._stream).read_all()
            except (pa.ArrowInvalid, OSError) as error:
                raise Unavailable(
                    f"the result was cut off: {error}", code="sql.cut_off", hint="run it again"
                ) from error
            self._stream = b""
        return self._table

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame."""
        return self.to_arrow().to_pandas()

    def to_pylist(self) -> list[dict[str, Any]]:
        """The rows as dicts."""
        try:
            rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        except OverflowError as error:
            raise InvalidInput(
                "a time in the result is outside of the years 1 to 9999, which Python's calendar has",
                code="client.range",
                hint="CAST the column to VARCHAR, or take the rows with to_arrow()",
            ) from error
        return rows

    @property
    def columns(self) -> list[str]:
        return list(self.to_arrow().column_names)

    def __len__(self) -> int:
        return int(self.to_arrow().num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.to_pylist())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """polars, DuckDB and others take the rows as they are."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        table = self.to_arrow()
        return f"<{table.num_rows} rows of {', '.join(table.column_names)}>"
