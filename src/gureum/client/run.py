"""A run, as the SDK sees it: what went in, what came out, its curves and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gureum.client.findings import RunFindings
from gureum.client.transport import Transport

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Run", "metric_value"]


class Run:
    """One run by its id; it is read when it is first looked at, `refresh()` reads it again."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self.id = run_id
        self._path = f"/runs/{quote(run_id, safe='')}"
        self._body: dict[str, Any] | None = None

    def describe(self) -> dict[str, Any]:
        """All of it. Raises NotFound."""
        if self._body is None:
            body: dict[str, Any] = self._transport.json("GET", self._path)
            self._body = body
        return self._body

    def refresh(self) -> Run:
        self._body = None
        return self

    @property
    def name(self) -> str | None:
        name: str | None = self.describe()["name"]
        return name

    @property
    def status(self) -> str:
        return str(self.describe()["status"])

    @property
    def params(self) -> dict[str, str]:
        return dict(self.describe()["params"])

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each."""
        return {metric["name"]: metric_value(metric["value"]) for metric in self.describe()["metrics"]}

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.describe()["tags"])

    @property
    def tables(self) -> dict[str, int]:
        """The tables that it read, each with the newest version that it saw."""
        found: dict[str, int] = {}
        for table in self.describe()["tables"]:
            found[table["name"]] = max(table["version"], found.get(table["name"], -1))
        return found

    def curve(self, metric: str, *, points_max: int = 1_000) -> pd.DataFrame:
        """A metric over its steps: `step`, `at` and `value`, thinned to about `points_max` rows."""
        import pandas as pd  # heavy: only for those who want a frame

        params = {"run": self.id, "metric": metric, "points_max": points_max}
        curves = self._transport.json("GET", f"/experiments/{self.describe()['experiment_id']}/curves", params=params)
        curve = curves[0] if curves else {"step": [], "at_ms": [], "value": []}
        return pd.DataFrame(
            {
                "step": curve["step"],
                "at": pd.to_datetime(curve["at_ms"], unit="ms", utc=True),
                "value": [metric_value(value) for value in curve["value"]],
            }
        )

    def artifacts(self, path: str = "") -> list[dict[str, Any]]:
        """The files in one folder of it: `path`, and `bytes`, which a folder has not."""
        found: list[dict[str, Any]] = self._transport.json("GET", f"{self._path}/artifacts", params={"path": path})
        return found

    def findings(self) -> RunFindings:
        """What the training debugger found; see `gureum.debugger`. Raises InvalidInput when something else wrote its file."""
        return RunFindings(self._transport.json("GET", f"{self._path}/findings"))

    def __repr__(self) -> str:
        return f"<run {self.id}>"


def metric_value(value: float | str) -> float:
    """A metric's value: JSON has NaN and infinity as texts."""
    return float(value)
