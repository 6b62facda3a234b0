/** A query's state as Studio shows it: running but behind is late. */
import type { Schemas } from "../api/client";

// Two checkpoints at the default pace: less is how a healthy query breathes.
const LATE_MS = 15_000;

export function stateOf(status: Schemas["QueryStatus"]) {
  return status.state === "running" && (status.lag_ms ?? 0) > LATE_MS ? ("late" as const) : status.state;
}

/** What needs a look comes first. */
export const RANK = { failed: 0, late: 1, waiting: 2, draining: 3, running: 4, stopped: 5 };
