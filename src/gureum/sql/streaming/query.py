"""One standing query: reads its source, runs its pipeline, and commits in epochs, exactly once.

Called by `host`, which gives it a thread, and by tests, which call `step()`. An epoch is some micro-batches of all shards.
It ends like this, and a crash between any two lines loses and repeats nothing:

    1. the sinks stage the epoch's rows: safe, and seen by nobody
    2. the checkpoint is written: positions, windows, alerts, what was staged. From here on the epoch is decided
    3. each sink commits what it staged, once for each epoch
    4. the alert events are handed over; a receiver that sees one again knows it by its id

Recovery reads the newest checkpoint, does 3 and 4 of it again, and reads on from its positions.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from gureum.clock import Clock
from gureum.errors import Conflict, GureumError, InvalidInput, NotFound
from gureum.sql.streaming.alerts import AlertEvent, AlertPlan, Alerts, AlertSpec, plan_alert
from gureum.sql.streaming.checkpoint import Checkpoint, Checkpoints
from gureum.sql.streaming.pipeline import Output, Pipeline
from gureum.sql.streaming.plan import Plan
from gureum.sql.streaming.planner import Lookup, plan_query
from gureum.sql.streaming.side_rows import DEAD_LETTERS, late_schema
from gureum.sql.streaming.sinks import Sink, Staged, StreamSink, StreamWriter, TableAccess, TableSink, check_table
from gureum.sql.streaming.sources import RECORDS_MAX, Source, stream_replaced
from gureum.sql.streaming.status import QueryState, QueryStatus, Rates
from gureum.sql.streaming.watermark import ShardClock, Watermarks
from gureum.sql.streaming.window import NO_WATERMARK, STATE_BYTES_MAX

__all__ = ["QueryOptions", "QuerySpec", "StandingQuery", "checked", "written_by"]

# How long a result may wait for its commit. A Delta commit costs tens of milliseconds, and each makes a version.
CHECKPOINT_S = 5.0

# An epoch ends early at so many result rows, so that what waits in memory is bounded.
EPOCH_ROWS_MAX = 1_000_000

# How often the list of shards is looked at: a split shard's children are found so long after its end at most.
SHARDS_EVERY_S = 1.0

# Alert events that wait for a receiver that does not answer; the oldest give way, and the status says so.
EVENTS_WAITING_MAX = 10_000

Notify = Callable[[Sequence[AlertEvent]], None]
OnRows = Callable[[pa.Table], None]


@dataclass(frozen=True, slots=True)
class QueryOptions:
    checkpoint_s: float = CHECKPOINT_S
    epoch_rows_max: int = EPOCH_ROWS_MAX
    records_max: int = RECORDS_MAX
    state_bytes_max: int = STATE_BYTES_MAX
    skip_trimmed: bool = False  # read on where the stream begins now, if what comes next was removed by retention


@dataclass(frozen=True, slots=True)
class QuerySpec:
    """What a person asked for. `id` never changes and is never used again; the text may, with a reset.

    A reset is a higher `generation`: a checkpoint of a lower one is not gone on from. It is kept with the query, so that
    a crash in the middle of a reset, or after it, neither forgets nor repeats it.
    """

    id: str
    name: str
    text: str
    into: str | None = None
    alert: AlertSpec | None = None
    options: QueryOptions = field(default_factory=QueryOptions)
    generation: int = 0


def checked(spec: QuerySpec, lookup: Lookup) -> tuple[Plan, AlertPlan | None]:
    """The plan of a query and of its alert; InvalidInput says what is wrong and where."""
    plan = plan_query(spec.text, lookup, into=spec.into)
    return plan, plan_alert(spec.alert, plan) if spec.alert is not None else None


def written_by(query: str) -> str:
    """What a table that a query made says of itself."""
    return f"written by the standing query {query}"


def _nothing(_: Any) -> None:
    return None


@dataclass(slots=True)
class _Totals:
    rows_in: int = 0
    rows_out: int = 0
    late: int = 0
    dead_letters: int = 0
    alerts_sent: int = 0
    skipped: int = 0


class StandingQuery:
    """One run of a query. After any error, close it and open a new one: it goes on from its last checkpoint."""

    def __init__(
        self,
        spec: QuerySpec,
        *,
        lookup: Lookup,
        source: Callable[[str], Source],
        tables: TableAccess,
        writer: StreamWriter | None,
        folder: Path,
        clock: Clock,
        notify: Notify = _nothing,
        on_rows: OnRows = _nothing,
        on_act: Callable[[str], None] = _nothing,
    ) -> None:
        """`source` gives the source of a stream by its name; `on_act` is told each act of the protocol (for tests)."""
        self.spec = spec
        self.plan, self._alert_plan = checked(spec, lookup)
        self._clock = clock
        self._notify = notify
        self._on_rows = on_rows
        self._act = on_act
        self._tables = tables
        self._writer = writer
        self._checkpoints = Checkpoints(folder)
        self._source = source(self.plan.source.stream)
        alert = self._alert_plan
        self._pipeline = Pipeline(
            self.plan,
            query=spec.name,
            state_bytes_max=spec.options.state_bytes_max,
            alert_when=alert.when if alert else None,
            alert_lifts_filter=alert.lifts_filter if alert else False,
        )
        self._alerts = Alerts(alert, query=spec.id) if alert else None
        self._watermarks = Watermarks(self.plan.source.delay_us, self.plan.source.idle_timeout_s)
        self._totals = _Totals()
        self._rates = Rates()
        self._output = Output()
        self._output_rows = 0
        self._events: list[AlertEvent] = []
        self._unsent: list[AlertEvent] = []
        self._dirty = False
        self._epoch = 0
        self._incarnation = ""
        self._sinks: dict[str, Sink] = {}
        self._epoch_began_s = clock.monotonic_s()
        self._shards_at_s = -1e9
        self._checkpoint_at_ms: int | None = None
        self._checkpoint_took_ms: float | None = None
        self._arrived_ms: int | None = None
        self.status = QueryStatus()
        self.finished = False

    # -- life

    def open(self, *, reset: bool = False) -> None:
        """Go on from the newest checkpoint, or begin. `reset` forgets it now, as a higher `spec.generation` does.

        Raises Conflict when the text does something else than the checkpoint's, CorruptData when that is damaged,
        InvalidInput when the sink's table has other columns.
        """
        if reset:
            self._checkpoints.remove()
        checkpoint = self._checkpoints.read_newest()
        if checkpoint is not None and checkpoint.values["generation"] < self.spec.generation:
            self._checkpoints.remove()
            checkpoint = None
        if self.plan.sink.kind == "table":
            check_table(self.plan.sink.name, self.plan.schema, self._tables)
        if checkpoint is None:
            # Not from the query's id alone: after a reset, old epochs must not pass for new ones.
            self._incarnation = f"{self.spec.id}-{uuid.uuid4().hex[:12]}"
            self._make_sinks()
        else:
            self._restore(checkpoint)
        self._find_shards(force=True)
        self._pipeline.set_now(self._clock.now_ms())
        self._publish(QueryState.RUNNING)

    def close(self) -> None:
        """Let go of memory and files; what is not in a checkpoint is read again next time."""
        self._pipeline.close()
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def stop(self, *, drain: bool = False) -> None:
        """End with a checkpoint. `drain` fires the open windows first; later rows of theirs are then late."""
        if drain:
            self._publish(QueryState.DRAINING)
            self._take(self._pipeline.drain())
            self._dirty = True
        self.commit_epoch()
        self._publish(QueryState.STOPPED)

    def _make_sinks(self) -> None:
        plan = self.plan
        comment = written_by(self.spec.name)
        name = plan.sink.name
        if plan.sink.kind == "stream":
            if self._writer is None or plan.sink.stream is None:
                raise InvalidInput("this place has no writer for streams", code="query.no_writer")
            self._sinks["rows"] = StreamSink(
                plan.sink.stream, self._writer, app_id=self._incarnation, partition_key=plan.sink.partition_key
            )
            name = _table_like(name)
        else:
            self._sinks["rows"] = self._table_sink("rows", name, plan.schema, comment)
        self._sinks["late"] = self._table_sink("late", f"{name}__late", late_schema(plan.source), comment)
        self._sinks["dead"] = self._table_sink("dead", f"{name}__dead_letters", DEAD_LETTERS, comment)

    def _table_sink(self, part: str, name: str, schema: pa.Schema, comment: str) -> TableSink:
        return TableSink(name, schema, self._tables, app_id=f"{self._incarnation}/{part}", comment=comment)

    # -- one round

    def step(self) -> bool:
        """Read once from every shard, fire what is due, end the epoch if it is time. False: there was nothing to do."""
        now_s = self._clock.monotonic_s()
        self._pipeline.set_now(self._clock.now_ms())
        self._find_shards()
        worked = False
        for name in list(self._watermarks.shards):
            if self._watermarks.may_read(name):
                worked = self._read(name, now_s) or worked
        before = self._watermarks.current_us
        watermark = self._watermarks.advance(now_s)
        if watermark > before:
            self._take(self._pipeline.advance(watermark))
        if self._source.bounded and all(clock.ended for clock in self._watermarks.shards.values()):
            self._take(self._pipeline.drain())
            self._dirty = True
            self.commit_epoch()
            self.finished = True
            self._publish(QueryState.STOPPED)
            return True
        waited = now_s - self._epoch_began_s >= self.spec.options.checkpoint_s
        if self._output_rows >= self.spec.options.epoch_rows_max or waited:
            worked = self.commit_epoch() or worked
        self._publish(QueryState.RUNNING)
        return worked

    def has_input(self) -> bool:
        """Whether a step would find records: cheap enough to poll."""
        return any(
            self._source.behind(name, clock.position) > 0
            for name, clock in self._watermarks.shards.items()
            if not clock.ended
        )

    def _find_shards(self, *, force: bool = False) -> None:
        now_s = self._clock.monotonic_s()
        if not force and now_s - self._shards_at_s < SHARDS_EVERY_S:
            return
        self._shards_at_s = now_s
        known = self._watermarks.shards
        listed = list(self._source.shards())
        present = {shard.id for shard in listed}
        first_look = not known
        for shard in listed:
            if shard.id in known:
                continue
            parents = [known.get(parent) for parent in shard.parents if parent in present]
            if any(parent is None or not parent.ended for parent in parents):
                continue  # a key's order: the parent's records come first
            # A child begins at its first record, whatever the query's own start: nothing of it was there before.
            start = self.plan.source.start if first_look else "earliest"
            known[shard.id] = ShardClock(
                self._source.first_position(shard.id, start),
                max((parent.watermark_us for parent in parents if parent), default=NO_WATERMARK),
                quiet_since_s=now_s,
            )
            self._dirty = True

    def _read(self, name: str, now_s: float) -> bool:
        clock = self._watermarks.shards[name]
        try:
            batch = self._source.read(name, clock.position, records_max=self.spec.options.records_max)
        except NotFound as error:
            self._skip_trimmed(clock, error)
            return True
        clock.behind = batch.behind
        if batch.ended and not clock.ended:
            clock.ended = True
            self._dirty = True
            self._shards_at_s = -1e9  # its children may be read now
        if not batch.count:
            return False
        clock.position = batch.position
        clock.quiet_since_s = now_s
        if batch.arrivals is not None:
            self._arrived_ms = batch.arrivals[-1].value // 1000
        output = self._pipeline.process(batch)
        self._watermarks.saw(name, output.newest_us)
        self._totals.rows_in += batch.count
        self._take(output)
        self._dirty = True
        return True

    def _skip_trimmed(self, clock: ShardClock, error: NotFound) -> None:
        first = error.details.get("first_offset")
        if error.code != "stream.trimmed" or first is None:
            raise error
        lost = int(first) - int(clock.position)
        if not self.spec.options.skip_trimmed:
            raise Conflict(
                f"retention removed {lost} records that the query {self.spec.name!r} had not read",
                code="query.trimmed",
                hint="start it with skip_trimmed to go on without them, or reset it",
            ) from error
        self._totals.skipped += lost
        clock.position = int(first)
        self._dirty = True

    def _take(self, output: Output) -> None:
        self._output.extend(output)
        # Late rows and dead letters wait in memory too: a stream of nothing but bad records must not fill it.
        self._output_rows += sum(part.num_rows for part in (*output.rows, *output.late, *output.dead))
        if self._alerts is not None:
            for observed in output.observed:
                self._events += self._alerts.observe(observed)
        self._output.observed.clear()

    # -- the end of an epoch

    def commit_epoch(self) -> bool:
        """Stage, checkpoint, commit, tell. False if nothing happened since the last one."""
        self._epoch_began_s = self._clock.monotonic_s()
        if self._unsent:
            self._tell()
        if not self._dirty and not self._output_rows and not self._events:
            return False
        began = time.perf_counter()
        rows = pa.Table.from_batches(self._output.rows, schema=self.plan.schema) if self._output.rows else None
        outgoing = {
            "rows": rows,
            "late": pa.concat_tables(self._output.late) if self._output.late else None,
            "dead": pa.concat_tables(self._output.dead) if self._output.dead else None,
        }
        staged: dict[str, Staged] = {}
        for name, table in outgoing.items():
            if table is not None and table.num_rows:
                staged[name] = self._sinks[name].stage(table)
                self._act(f"staged {name}")
        self._epoch += 1
        totals = self._totals
        totals.rows_out += rows.num_rows if rows is not None else 0
        totals.late += staged["late"].rows if "late" in staged else 0
        totals.dead_letters += staged["dead"].rows if "dead" in staged else 0
        events, self._events = self._events, []
        self._unsent = [*self._unsent, *events][-EVENTS_WAITING_MAX:]
        self._checkpoints.write(self._checkpoint(staged))
        self._act("checkpointed")
        self._output = Output()
        self._output_rows = 0
        self._dirty = False
        self._commit(staged)
        if rows is not None:
            self._on_rows(rows)
        self._tell()
        self._checkpoint_at_ms = self._clock.now_ms()
        self._checkpoint_took_ms = (time.perf_counter() - began) * 1000
        return True

    def _commit(self, staged: dict[str, Staged]) -> None:
        for name, part in staged.items():
            self._sinks[name].commit(part, self._epoch)
            self._act(f"committed {name}")

    def _tell(self) -> None:
        """Hand the events over. A receiver's failure is its own: the events stay and are offered again."""
        if not self._unsent:
            return
        events = list(self._unsent)
        try:
            self._notify(events)
        except GureumError as error:
            self.status = replace(self.status, error=f"alerts wait: {error.message}", error_code=error.code)
            return
        self._act("told")
        self._totals.alerts_sent += len(events)
        self._unsent = []

    def _checkpoint(self, staged: dict[str, Staged]) -> Checkpoint:
        windows, tables = self._pipeline.snapshot()
        kept = {f"window/{name}": table for name, table in tables.items()}
        kept |= {f"sink/{name}": part.table for name, part in staged.items() if part.table is not None}
        totals = self._totals
        values = {
            "query": self.spec.id,
            "generation": self.spec.generation,
            "incarnation": self._incarnation,
            "fingerprint": self.plan.fingerprint,
            "text": self.spec.text,
            "source": self._source.id,
            "shards": {name: clock.to_json() for name, clock in self._watermarks.shards.items()},
            "watermark_us": self._watermarks.current_us,
            "windows": windows,
            "alerts": self._alerts.snapshot() if self._alerts is not None else {},
            "events": [event.to_json() for event in self._unsent],
            "staged": {name: {"rows": part.rows, "values": part.values} for name, part in staged.items()},
            "totals": {
                "rows_in": totals.rows_in,
                "rows_out": totals.rows_out,
                "late": totals.late,
                "dead_letters": totals.dead_letters,
                "alerts_sent": totals.alerts_sent,
                "skipped": totals.skipped,
            },
            "at_ms": self._clock.now_ms(),
        }
        return Checkpoint(self._epoch, values, kept)

    def _restore(self, checkpoint: Checkpoint) -> None:
        values, tables = checkpoint.values, checkpoint.tables
        if values["fingerprint"] != self.plan.fingerprint:
            raise Conflict(
                f"the query {self.spec.name!r} has a checkpoint of another text",
                code="query.changed",
                hint="reset it to begin again with the new text, or start it with the old one",
                text=values["text"],
            )
        if values.get("source", self._source.id) != self._source.id:
            raise stream_replaced(self.plan.source.stream)
        self._incarnation = values["incarnation"]
        self._make_sinks()
        self._epoch = checkpoint.epoch
        self._totals = _Totals(**values["totals"])
        self._watermarks.current_us = values["watermark_us"]
        now_s = self._clock.monotonic_s()
        for name, kept in values["shards"].items():
            self._watermarks.shards[name] = ShardClock(
                kept["position"], kept["watermark_us"], kept["ended"], quiet_since_s=now_s
            )
        parts = {name.removeprefix("window/"): table for name, table in tables.items() if name.startswith("window/")}
        self._pipeline.restore(values["windows"], parts)
        if self._alerts is not None:
            self._alerts.restore(values["alerts"])
        self._checkpoint_at_ms = values["at_ms"]
        staged = {
            name: Staged(kept["rows"], kept["values"], tables.get(f"sink/{name}"))
            for name, kept in values["staged"].items()
        }
        self._commit(staged)
        self._unsent = [AlertEvent.from_json(event) for event in values["events"]]
        self._tell()

    # -- what it says

    def _publish(self, state: QueryState) -> None:
        totals = self._totals
        now_s = self._clock.monotonic_s()
        in_per_s, out_per_s = self._rates.add(now_s, totals.rows_in, totals.rows_out)
        watermark = self._watermarks.current_us
        watermark_ms = watermark // 1000 if watermark > NO_WATERMARK else None
        self.status = QueryStatus(
            state=state,
            watermark_ms=watermark_ms,
            lag_ms=self._lag_ms(),
            behind={name: clock.behind for name, clock in self._watermarks.shards.items()},
            rows_in=totals.rows_in,
            rows_out=totals.rows_out,
            rows_in_per_s=in_per_s,
            rows_out_per_s=out_per_s,
            late=totals.late + sum(table.num_rows for table in self._output.late),
            dead_letters=totals.dead_letters + sum(table.num_rows for table in self._output.dead),
            alerts_firing=self._alerts.firing if self._alerts is not None else 0,
            alerts_sent=totals.alerts_sent,
            open_windows=self._pipeline.open_windows,
            state_bytes=self._pipeline.state_bytes,
            epoch=self._epoch,
            checkpoint_at_ms=self._checkpoint_at_ms,
            checkpoint_took_ms=self._checkpoint_took_ms,
            error=f"{len(self._unsent)} alerts wait for their receiver" if self._unsent else None,
            error_code="alert.waiting" if self._unsent else None,
        )

    def _lag_ms(self) -> int | None:
        """How long the oldest record that is not read yet has waited, nearly: since the newest read one arrived."""
        if not any(clock.behind for clock in self._watermarks.shards.values()):
            return 0
        return self._clock.now_ms() - self._arrived_ms if self._arrived_ms is not None else None


def _table_like(stream: str) -> str:
    """A table's name for the side tables of a query into a stream: its characters may be others."""
    return "".join(character if character.isalnum() or character in "._" else "_" for character in stream)
