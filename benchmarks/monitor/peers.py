"""Evidently and NannyML on the same windows, with their defaults: does anything alarm, and which feature is worst?

Called by the benchmark, which runs this file in the peer's own environment: `python peers.py NAME FOLDER`. The folder holds
cases, each with baseline.parquet and windows; on stdout comes a line of JSON per window: {"case", "window", "alarm", "first"}.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import pandas as pd

REQUIREMENTS = {
    "evidently": ("evidently==0.7.23", "pandas<3", "pyarrow"),
    "nannyml": ("nannyml==0.13.1", "statsmodels", "pandas<3", "pyarrow"),
}


def evidently(base: pd.DataFrame, windows: list[pd.DataFrame]) -> list[tuple[bool, str | None]]:
    """DataDriftPreset: a window alarms when any column is said to have drifted (dataset drift wants half of them)."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    found = []
    for window in windows:
        body = json.loads(Report([DataDriftPreset()]).run(window, base).json())
        drifted = []
        for metric in body["metrics"]:
            config = metric.get("config", {})
            if not str(config.get("type", "")).endswith(":ValueDrift"):
                continue
            value, threshold = float(metric["value"]), float(config["threshold"])
            # p-values drift below their threshold, distances above it.
            by_p = "p_value" in config["method"]
            if value < threshold if by_p else value >= threshold:
                drifted.append((-value if by_p else value, config["column"]))
        found.append((bool(drifted), max(drifted)[1] if drifted else None))
    return found


def nannyml(base: pd.DataFrame, windows: list[pd.DataFrame]) -> list[tuple[bool, str | None]]:
    """UnivariateDriftCalculator with its defaults; its thresholds are three standard deviations of the baseline's chunks."""
    import nannyml as nml

    names = [
        name
        for name in base.columns
        if base[name].notna().any() and not pd.api.types.is_datetime64_any_dtype(base[name])
    ]
    # Ids alarm in every window: whoever uses it leaves them out.
    names = [name for name in names if base[name].dtype != object or base[name].nunique() < len(base) / 2]
    texts = [name for name in names if base[name].dtype == object]
    calculator = nml.UnivariateDriftCalculator(
        column_names=names, treat_as_categorical=texts, chunk_size=len(windows[0])
    )
    calculator.fit(base[names])
    found = []
    for window in windows:
        if any(name not in window.columns for name in names):
            found.append((True, next(name for name in names if name not in window.columns)))
            continue
        frame = calculator.calculate(window[names]).filter(period="analysis").to_df()
        alarms = {}
        for column, method in {(one[0], one[1]) for one in frame.columns if one[0] != "chunk"}:
            if bool(frame[(column, method, "alert")].iloc[0]):
                alarms[column] = float(frame[(column, method, "value")].iloc[0])
        found.append((bool(alarms), max(alarms, key=alarms.__getitem__) if alarms else None))
    return found


def main(name: str, folder: Path) -> None:
    warnings.simplefilter("ignore")
    of = {"evidently": evidently, "nannyml": nannyml}[name]
    for case in sorted(folder.iterdir()):
        base = pd.read_parquet(case / "baseline.parquet")
        for path in sorted(case.glob("window*.parquet")):
            try:
                alarm, first = of(base, [pd.read_parquet(path)])[0]
                line = {"case": case.name, "window": path.stem, "alarm": alarm, "first": first}
            except Exception as error:
                line = {"case": case.name, "window": path.stem, "error": f"{type(error).__name__}: {error}"[:200]}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
