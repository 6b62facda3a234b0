"""Monitors by name: what each watches, its baseline's files, and its windows, which are tasks of the queue.

Called by the gateway (make, look, change) and by the jobs process (`step`: whatever is due becomes a task; `tell`: what a
window found goes into the monitor's stream). Loads neither numpy nor pandas: the gateway and the jobs process stay light.

Promise: a window is checked once and told once, whatever dies in between: its number is the task's key and, in the stream,
its producer's number.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gureum.catalog.catalog import Catalog, Thing
from gureum.clock import Clock
from gureum.errors import Conflict, InvalidInput, NotFound
from gureum.jobs.tasks import Task, Tasks
from gureum.monitor.constraints import checked
from gureum.names import Kind
from gureum.types import Actor, Permission

__all__ = ["BASELINE_FILES", "KIND", "KIND_BASELINE", "MonitorSpec", "Monitors", "stream_name", "table_name"]

# The kinds of task.
KIND = "monitor"
KIND_BASELINE = "monitor_baseline"

# What `monitor.Baseline.save` writes, and nothing else, is taken in and given out.
BASELINE_FILES = frozenset({"statistics.json", "constraints.json", "gureum.json", "reference.parquet", "curves.npz"})
BASELINE_BYTES_MAX = 256 << 20

EVERY_S_MIN = 5.0
EVERY_S_MAX = 31 * 86_400.0
ROWS_MAX = 1_000_000

# A window that waits for rows is looked at again so often, at least.
WINDOWS_SHOWN_MAX = 500


@dataclass(frozen=True, slots=True)
class MonitorSpec:
    """What a monitor watches. `source` is a table or a SELECT; rows come in the order of `time_column`, a TIMESTAMP."""

    source: str
    time_column: str
    target: str | None = None
    prediction: str | None = None
    task: str = "auto"
    every_s: float = 300.0
    rows_min: int = 100
    rows_max: int = 50_000
    notify: tuple[str, ...] = ()
    endpoint: str | None = None
    running: bool = True
    since: str = ""  # rows after this moment (ISO, UTC); empty: all that there are
    first_window: int = 1  # windows are numbered on when a monitor is started again
    due_from_ms: int = 0
    baseline: str | None = None  # the folder of the one in use
    baseline_rows: int = 0
    baseline_at_ms: int = 0

    def check(self) -> MonitorSpec:
        """Return it when its values can be, else raise InvalidInput that names the wrong one."""
        if not EVERY_S_MIN <= self.every_s <= EVERY_S_MAX:
            raise InvalidInput(
                f"a monitor looks every {EVERY_S_MIN:g} s to every 31 days, not every {self.every_s:g} s",
                code="monitor.every",
            )
        if not 20 <= self.rows_min <= self.rows_max <= ROWS_MAX:
            raise InvalidInput(
                f"a window has 20 to {ROWS_MAX:,} rows: rows_min={self.rows_min}, rows_max={self.rows_max}",
                code="monitor.rows",
            )
        if not self.source.strip() or not self.time_column.strip():
            raise InvalidInput(
                "a monitor needs a source and its time column",
                code="monitor.source",
                hint="a table's name or a SELECT, and the column that says when each row came",
            )
        return self

    def to_json(self) -> dict[str, Any]:
        body = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**body, "notify": list(self.notify)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> MonitorSpec:
        return cls(**{**body, "notify": tuple(body.get("notify") or ())})


def stream_name(name: str) -> str:
    """The stream to which a monitor tells each window."""
    return f"monitors.{name}"


def table_name(name: str) -> str:
    """The table that a standing query keeps of that stream."""
    return "monitors." + re.sub(r"^(?=\d)", "_", re.sub(r"[^A-Za-z0-9_]", "_", name))


class Monitors:
    """The monitors that the catalog names, over the queue of tasks and a folder of baselines."""

    def __init__(self, catalog: Catalog, tasks: Tasks, *, folder: Path, clock: Clock) -> None:
        self._catalog = catalog
        self._tasks = tasks
        self._folder = folder
        self._clock = clock

    # --- by name -------------------------------------------------------------------------------------------------------

    def create(self, name: str, actor: Actor, spec: MonitorSpec) -> Thing:
        """Add a monitor; it checks nothing before it has a baseline."""
        return self._catalog.create(name, actor, kind=Kind.MONITOR, spec=spec.check().to_json())

    def get(self, name: str, actor: Actor, permission: Permission = Permission.READ) -> Thing:
        return self._catalog.resolve(name, actor, permission, kind=Kind.MONITOR)

    def list(self, actor: Actor) -> Sequence[Thing]:
        return self._catalog.list(actor, kind=Kind.MONITOR)

    def change(self, name: str, actor: Actor, **values: Any) -> Thing:
        """Replace some values of a monitor's spec."""
        thing = self.get(name, actor, Permission.WRITE)
        body = {**thing.spec, **values}
        return self._catalog.update(
            name, actor, kind=Kind.MONITOR, spec=MonitorSpec.from_json(body).check().to_json(),
            expect_version=thing.version,
        )  # fmt: skip

    def delete(self, name: str, actor: Actor) -> None:
        """Forget a monitor with its baselines; its stream and table stay."""
        thing = self._catalog.delete(name, actor, kind=Kind.MONITOR)
        for task in self._tasks.list(kind=KIND, name=thing.id, state="waiting"):
            self._tasks.cancel(task.id)
        shutil.rmtree(self._folder / thing.id, ignore_errors=True)

    # --- baselines -------------------------------------------------------------------------------------------------------

    def set_baseline(self, name: str, actor: Actor, packed: bytes) -> Thing:
        """Use the baseline in a zip of `Baseline.save`'s files from the next window on."""
        thing = self.get(name, actor, Permission.WRITE)
        place = self._unpack(thing, packed)
        rows = json.loads((self._folder / thing.id / place / "gureum.json").read_text("utf-8")).get("rows", 0)
        return self.change(
            name, actor, baseline=place, baseline_rows=int(rows), baseline_at_ms=self._clock.now_ms(),
        )  # fmt: skip

    def baseline(self, name: str, actor: Actor) -> bytes:
        """The baseline in use, as `set_baseline` takes it. Raises NotFound when there is none yet."""
        folder = self.baseline_folder(self.get(name, actor))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)
        return packed.getvalue()

    def baseline_folder(self, thing: Thing) -> Path:
        place = thing.spec["baseline"]
        if place is None:
            raise NotFound(
                f"monitor {thing.name!r} has no baseline yet",
                code="monitor.no_baseline",
                hint="give it one: rows on which the model was right",
            )
        return self._folder / thing.id / str(place)

    def constraints(self, name: str, actor: Actor) -> dict[str, Any]:
        """constraints.json of the baseline in use, in SageMaker's schema."""
        path = self.baseline_folder(self.get(name, actor)) / "constraints.json"
        body: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return body

    def statistics(self, name: str, actor: Actor) -> dict[str, Any]:
        """statistics.json of the baseline in use, in SageMaker's schema."""
        path = self.baseline_folder(self.get(name, actor)) / "statistics.json"
        body: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return body

    def set_constraints(self, name: str, actor: Actor, body: Mapping[str, Any]) -> Thing:
        """Use other constraints from the next window on: a new baseline folder with all else as it is."""
        thing = self.get(name, actor, Permission.WRITE)
        checked(body, "the constraints")
        old = self.baseline_folder(thing)
        place = secrets.token_hex(6)
        new = self._folder / thing.id / place
        shutil.copytree(old, new)
        (new / "constraints.json").write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return self.change(name, actor, baseline=place)

    def _unpack(self, thing: Thing, packed: bytes) -> str:
        place = secrets.token_hex(6)
        folder = self._folder / thing.id / place
        try:
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                members = archive.infolist()
                if {member.filename for member in members} != BASELINE_FILES:
                    raise InvalidInput(
                        "this is no baseline: it has other files than `Baseline.save` writes", code="monitor.baseline"
                    )
                if sum(member.file_size for member in members) > BASELINE_BYTES_MAX:
                    raise InvalidInput("the baseline is larger than 256 MB", code="monitor.baseline_bytes")
                folder.mkdir(parents=True)
                for member in members:
                    (folder / member.filename).write_bytes(archive.read(member))
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise InvalidInput(f"this is no zip of a baseline: {error}", code="monitor.baseline") from error
        return place

    # --- windows -----------------------------------------------------------------------------------------------------

    def windows(self, thing: Thing, *, limit: int = 100) -> Sequence[Task]:
        """The checks of a monitor, newest first: done ones have their report as result."""
        return self._tasks.list(kind=KIND, name=thing.id, limit=min(limit, WINDOWS_SHOWN_MAX))

    def window(self, thing: Thing, number: int) -> Task:
        for task in self.windows(thing, limit=WINDOWS_SHOWN_MAX):
            if task.spec["window"] == number:
                return task
        raise NotFound(f"monitor {thing.name!r} has no window {number}", code="monitor.no_window")

    def step(self, actor_of: Callable[[str], Actor], system: Actor) -> int:
        """Make a task of each window that is due; returns how many. A second caller at the same time makes none twice."""
        made = 0
        now_ms = self._clock.now_ms()
        for thing in self.list(system):
            spec = MonitorSpec.from_json(thing.spec)
            if not spec.running or spec.baseline is None or now_ms < spec.due_from_ms:
                continue
            last = next(iter(self.windows(thing, limit=1)), None)
            if last is not None and last.state not in {"done", "failed", "cancelled"}:
                continue
            if last is not None and now_ms < last.created_at_ms + spec.every_s * 1000:
                continue
            number, since = self._next(spec, last)
            again = last.id if last is not None and last.spec["window"] == number else None
            try:
                self._tasks.submit(
                    KIND, thing.id, actor_of(thing.owner), {"monitor": thing.name, "window": number, "since": since},
                    once=f"{thing.id}:{number}:{last.id if last else ''}",
                    # Looks that found too few rows must not crowd out what was found.
                    instead_of=again,
                )  # fmt: skip
            except Conflict:
                continue  # another was quicker
            made += 1
        return made

    def _next(self, spec: MonitorSpec, last: Task | None) -> tuple[int, str]:
        """The next window's number and where it begins: a window that failed or had too few rows is tried again."""
        if last is None:
            return spec.first_window, spec.since
        if last.state == "done" and last.result is not None and last.result["checked"]:
            return int(last.spec["window"]) + 1, max(str(last.result["until"]), spec.since)
        return int(last.spec["window"]), max(str(last.spec["since"]), spec.since)

    def tell(self, put: Callable[[str, Sequence[bytes], Sequence[bytes], tuple[str, int]], None]) -> int:
        """Put what windows found into the monitors' streams, in order; returns how many. `put` must know its number again."""
        told = 0
        for task in self._tasks.untold(KIND):
            result = task.result or {}
            if result.get("checked"):
                record = json.dumps(_record(task, result), ensure_ascii=False).encode()
                with contextlib.suppress(NotFound):  # the monitor and its stream were deleted
                    put(
                        stream_name(task.spec["monitor"]), [b"monitor"], [record], (task.name, int(task.spec["window"]))
                    )
            self._tasks.mark_told(task.id)
            told += 1
        return told


def _record(task: Task, result: Mapping[str, Any]) -> dict[str, Any]:
    report = result["report"]
    alarms = [finding for finding in report["findings"] if finding["alarm"]]
    at_ms = task.ended_at_ms or task.created_at_ms
    return {
        "ts": datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "monitor": task.spec["monitor"],
        "window": task.spec["window"],
        "since": result["since"],
        "until": result["until"],
        "rows": report["rows"],
        "alarm": report["alarm"],
        "culprit": report["culprit"],
        "text": alarms[0]["text"]["en"] if alarms else None,
        "text_ko": alarms[0]["text"]["ko"] if alarms else None,
        "findings": len(report["findings"]),
    }
