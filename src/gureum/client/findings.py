"""What the training debugger found in a run, as the SDK sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunFindings"]


class RunFindings:
    """Findings in order, the worst first: a sequence of dicts with rule, severity, title, evidence, step, remedy, change.

    Empty both for a healthy run and for one that nobody watched; `watched` tells them apart.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.watched: bool = body["watched"]
        self._found: Mapping[str, Any] = body["found"] or {}
        self._list: list[dict[str, Any]] = self._found.get("findings", [])

    @property
    def rules(self) -> int:
        """How many rules looked."""
        return int(self._found.get("rules", 0))

    @property
    def symptoms(self) -> list[dict[str, Any]]:
        """What the findings explain."""
        return list(self._found.get("symptoms", []))

    def curves(self) -> pd.DataFrame:
        """The curves that the debugger saw: `curve`, `step`, `value`; at most some hundred points each."""
        import pandas as pd  # heavy: only for those who want a frame

        rows = [
            (curve["name"], step, _number(value))
            for curve in self._found.get("curves", [])
            for step, value in zip(curve["steps"], curve["values"], strict=True)
        ]
        return pd.DataFrame(rows, columns=["curve", "step", "value"])

    def heat(self, measure: str = "gradient_norm") -> pd.DataFrame:
        """Layers as rows, sampled steps as columns. Measures: gradient_norm, update_ratio, zero_share, dead_share, ...

        Empty when the debugger did not see the measure.
        """
        import pandas as pd  # heavy: only for those who want a frame

        heat = self._found.get("heat", {"steps": [], "measures": []})
        for one in heat["measures"]:
            if one["name"] == measure:
                values = [[_number(value) for value in row] for row in one["values"]]
                return pd.DataFrame(values, index=one["layers"], columns=heat["steps"], dtype="float64")
        return pd.DataFrame(columns=heat["steps"], dtype="float64")

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {"watched": self.watched, "found": dict(self._found) or None}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._list)

    def __len__(self) -> int:
        return len(self._list)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self._list[place]

    def __repr__(self) -> str:
        if not self.watched:
            return "<findings: not watched>"
        return f"<findings: {', '.join(one['rule'] for one in self._list) or f'none, {self.rules} rules looked'}>"


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)
