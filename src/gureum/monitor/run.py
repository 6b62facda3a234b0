"""A monitor's tasks: learn a baseline from rows of a table, check one window. Run in processes of their own, as the owner.

Called by the task's process with the owner's client (`processes/task.py`), whose SQL sees what the owner may see.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gureum.clock import SystemClock
from gureum.errors import InvalidInput, NotFound
from gureum.jobs.source import from_clause
from gureum.monitor.normal import Baseline, baseline
from gureum.monitor.window import check
from gureum.names import did_you_mean

__all__ = ["check_window", "learn", "pack", "unpack"]

Tell = Callable[[Mapping[str, Any]], None]

# Rows reach a table a checkpoint after they came; a window ends so long ago that all of its rows are there.
SETTLE_S = 15.0

BASELINE_ROWS_MAX = 1_000_000

# Pictures of features that have not moved are not kept, but for the first few.
HISTOGRAMS_MAX = 12


def learn(client: Any, spec: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """The task `monitor_baseline`: from `spec.sql`, or the monitor's own source, to the baseline in use."""
    del tell
    name = spec["name"]
    monitor = client.request("GET", f"/monitors/{name}")
    sql = spec.get("sql") or monitor["source"]
    rows = client.sql(f"SELECT * FROM {from_clause(sql)} LIMIT {BASELINE_ROWS_MAX}").to_pandas()
    known = [column for column in (monitor["target"], monitor["prediction"], monitor["time_column"]) if column in rows]
    learned = baseline(
        rows,
        target=monitor["target"] if monitor["target"] in known else None,
        prediction=monitor["prediction"] if monitor["prediction"] in known else None,
        task=monitor["task"],
        time_column=monitor["time_column"] if monitor["time_column"] in known else None,
    )
    client.upload(f"/monitors/{name}/baseline", pack(learned))
    return {"rows": len(rows), "features": len(learned.features)}


def check_window(client: Any, spec: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """The task `monitor`: the rows after `since` up to now, at most rows_max, against the baseline."""
    del tell
    monitor = client.request("GET", f"/monitors/{spec['monitor']}")
    since = spec["since"]
    settled_s = SystemClock().now_ms() / 1000 - SETTLE_S
    until = datetime.fromtimestamp(settled_s, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    rows = _rows(client, monitor, since, until)
    clock = monitor["time_column"]
    if len(rows) > monitor["rows_max"]:
        # Rows of one moment stay together, or the next window, which begins after it, would miss the rest.
        last = rows[clock].iloc[monitor["rows_max"]]
        kept = rows[rows[clock] < last]
        rows = kept if len(kept) >= monitor["rows_min"] else rows[rows[clock] <= last]
    if len(rows) < monitor["rows_min"]:
        return {"checked": False, "rows": len(rows), "since": since, "until": since, "report": None}
    until = rows[clock].max().strftime("%Y-%m-%d %H:%M:%S.%f")
    known = unpack(client.download(f"/monitors/{spec['monitor']}/baseline"))
    # What the model said and what was right are no new features where the baseline is of rows without them.
    roles = {clock, monitor["prediction"], monitor["target"]}
    watched = [name for name in rows.columns if name in known.profiles or name not in roles]
    report = check(rows[watched], known).to_json()
    _thin(report)
    return {"checked": True, "rows": len(rows), "since": since, "until": until, "report": report}


def _rows(client: Any, monitor: Mapping[str, Any], since: str, until: str) -> Any:
    clock = '"' + monitor["time_column"].replace('"', '""') + '"'
    bounds = [f"{clock} <= TIMESTAMP '{until}'"] + ([f"{clock} > TIMESTAMP '{since}'"] if since else [])
    rows = client.sql(
        f"SELECT * FROM {from_clause(monitor['source'])} WHERE {' AND '.join(bounds)} "
        f"ORDER BY {clock} LIMIT {int(monitor['rows_max']) * 2 + 1}"
    ).to_pandas()
    if monitor["time_column"] not in rows.columns:
        raise NotFound(
            f"the source has no column {monitor['time_column']!r}",
            code="monitor.no_such_column",
            hint=did_you_mean(monitor["time_column"], rows.columns),
        )
    if not hasattr(rows[monitor["time_column"]], "dt"):
        raise InvalidInput(f"{monitor['time_column']!r} is no time", code="monitor.time_column", hint="use a TIMESTAMP")
    return rows


def _thin(report: dict[str, Any]) -> None:
    """Keep the pictures of what drifted, and of a few more by effect."""
    shown = sorted(report["drift"], key=lambda one: (not one["drifted"], -abs(one["effect"] or 0.0)))
    for one in shown[HISTOGRAMS_MAX:]:
        if not one["drifted"]:
            one.pop("histogram", None)


def pack(known: Baseline) -> bytes:
    """The files of `Baseline.save` as one zip."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        known.save(Path(folder) / "baseline")
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted((Path(folder) / "baseline").iterdir()):
                archive.write(path, path.name)
    return packed.getvalue()


def unpack(packed: bytes) -> Baseline:
    """What `pack` made."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(folder)  # from our own server, which let in only the names that it knows
        return Baseline.load(folder)
