/** A query's state as Studio shows it: running but behind is late. */
import type { Schemas } from "../api/client";

// Two checkpoints at the default pace: less is how a healthy query breathes.
const LATE_MS = 15_000;

export function stateOf(status: Schemas["QueryStatus"]) {
  // With nothing left to read, old events are no lag: a replay of last year is up to date too.
  return status.state === "running" && lagOf(status) > LATE_MS ? ("late" as const) : status.state;
}

/** How far a query is behind what has arrived, in ms; 0 when all is read. */
export function lagOf(status: Schemas["QueryStatus"]): number {
  return status.records_behind === 0 ? 0 : Math.max(0, status.lag_ms ?? 0);
}

/** What needs a look comes first. */
export const RANK = { failed: 0, late: 1, waiting: 2, draining: 3, running: 4, stopped: 5 };
